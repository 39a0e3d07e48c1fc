package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	queuememory "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/secret"
	secretmemory "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/secret/secrettest"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/webhook"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	current  = "current-secret"
	previous = "previous-secret"
	oldest   = "oldest-secret"
	hello    = `{"update_id":7,"message":{"message_id":1,"chat":{"id":42},"from":{"id":43},"text":"halo"}}`

	taken        = `{}`
	unauthorized = `{"description":"unknown store or wrong secret"}`
	forbidden    = `{"description":"not from Telegram"}`
	tryAgain     = `{"description":"try again"}`
	notAnUpdate  = `{"description":"dropped: not an update"}`
	tooLarge     = `{"description":"dropped: too large"}`
	refused      = `{"description":"dropped: not to be queued"}`
)

// door is a handler with what is behind it.
type door struct {
	*webhook.Handler

	updates *queuememory.Queue
}

func newDoor(t *testing.T, change func(*webhook.Options)) door {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	vault := secretmemory.New(now, fault.None{})

	for _, value := range []secret.Value{oldest, previous, current} {
		require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), value))
	}

	require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("fresh"), "first-secret"))

	updates := queuememory.New(now, fault.None{}, queuememory.Options{Name: queue.Updates, FIFO: true})
	options := webhook.Options{Vault: vault, Updates: updates, Urgent: nothingUrgent}

	if change != nil {
		change(&options)
	}

	return door{webhook.New(options), updates}
}

func nothingUrgent(context.Context, string, string, []byte) (any, bool) { return nil, false }

func call(body string) webhook.Request {
	return webhook.Request{Store: "kopi", Secret: current, Source: "149.154.167.220", Body: []byte(body)}
}

// Every bad input and the answer it gets. Only what ends in {} is queued.
func TestServe(t *testing.T) {
	t.Parallel()

	deep := strings.Repeat(`{"reply_to_message":`, 20_000) + `{}` + strings.Repeat(`}`, 20_000)
	body := call
	proving := func(store, secret string) webhook.Request {
		request := call(hello)
		request.Store, request.Secret = store, secret

		return request
	}

	for name, c := range map[string]struct {
		request webhook.Request
		status  int
		answer  string
	}{
		"a message":                {body(hello), 200, taken},
		"the previous secret":      {proving("kopi", previous), 200, taken},
		"an older secret":          {proving("kopi", oldest), 401, unauthorized},
		"a wrong secret":           {proving("kopi", "wrong"), 401, unauthorized},
		"a prefix of the secret":   {proving("kopi", current[:5]), 401, unauthorized},
		"the secret and more":      {proving("kopi", current+" "), 401, unauthorized},
		"the secret in capitals":   {proving("kopi", strings.ToUpper(current)), 401, unauthorized},
		"both secrets":             {proving("kopi", current+","+previous), 401, unauthorized},
		"no secret":                {proving("kopi", ""), 401, unauthorized},
		"no secret, none rotated":  {proving("fresh", ""), 401, unauthorized},
		"a huge secret":            {proving("kopi", strings.Repeat("x", 1<<20)), 401, unauthorized},
		"another store's secret":   {proving("fresh", current), 401, unauthorized},
		"an unknown store":         {proving("nobody", current), 401, unauthorized},
		"an unknown store, secret": {proving("nobody", ""), 401, unauthorized},
		"a store like a path":      {proving("../kopi", current), 401, unauthorized},
		"a store in a store":       {proving("kopi/token", current), 401, unauthorized},
		"a store in capitals":      {proving("KOPI", current), 401, unauthorized},
		"a store with a newline":   {proving("kopi\n", current), 401, unauthorized},
		"a long store":             {proving(strings.Repeat("k", 1000), current), 401, unauthorized},
		"a store in Unicode":       {proving("кофе", current), 401, unauthorized},
		"no store":                 {proving("", current), 401, unauthorized},

		"no body":                   {body(""), 200, notAnUpdate},
		"blank":                     {body(" \n"), 200, notAnUpdate},
		"cut":                       {body(hello[:30]), 200, notAnUpdate},
		"two in one":                {body(hello + hello), 200, notAnUpdate},
		"an array":                  {body("[" + hello + "]"), 200, notAnUpdate},
		"a number":                  {body("7"), 200, notAnUpdate},
		"a string":                  {body(`"update_id"`), 200, notAnUpdate},
		"null":                      {body("null"), 200, notAnUpdate},
		"true":                      {body("true"), 200, notAnUpdate},
		"an empty object":           {body("{}"), 200, notAnUpdate},
		"HTML":                      {body("<html>"), 200, notAnUpdate},
		"no update_id":              {body(`{"message":{"chat":{"id":1}}}`), 200, notAnUpdate},
		"update_id in capitals":     {body(`{"UPDATE_ID":7,"message":{"chat":{"id":1}}}`), 200, notAnUpdate},
		"update_id null":            {body(`{"update_id":null,"message":{}}`), 200, notAnUpdate},
		"update_id zero":            {body(`{"update_id":0,"message":{}}`), 200, notAnUpdate},
		"update_id negative":        {body(`{"update_id":-7,"message":{}}`), 200, notAnUpdate},
		"update_id a fraction":      {body(`{"update_id":7.5,"message":{}}`), 200, notAnUpdate},
		"update_id an exponent":     {body(`{"update_id":7e300,"message":{}}`), 200, notAnUpdate},
		"update_id a string":        {body(`{"update_id":"7","message":{}}`), 200, notAnUpdate},
		"update_id over 64 bits":    {body(`{"update_id":9223372036854775808,"message":{}}`), 200, notAnUpdate},
		"update_id of 63 bits":      {body(`{"update_id":9223372036854775807,"message":{}}`), 200, taken},
		"update_id an array":        {body(`{"update_id":[7],"message":{}}`), 200, notAnUpdate},
		"update_id alone":           {body(`{"update_id":7}`), 200, notAnUpdate},
		"a kind that is a string":   {body(`{"update_id":7,"message":"halo"}`), 200, notAnUpdate},
		"a kind that is null":       {body(`{"update_id":7,"message":null}`), 200, notAnUpdate},
		"a kind not known yet":      {body(`{"update_id":7,"hologram":{"chat":{"id":1}}}`), 200, taken},
		"a kind of nobody":          {body(`{"update_id":7,"poll":{"id":"5"}}`), 200, taken},
		"a chat that is a number":   {body(`{"update_id":7,"message":{"chat":42}}`), 200, notAnUpdate},
		"a chat id that is a text":  {body(`{"update_id":7,"message":{"chat":{"id":"42"}}}`), 200, notAnUpdate},
		"a chat id over 64 bits":    {body(`{"update_id":7,"message":{"chat":{"id":1e30}}}`), 200, notAnUpdate},
		"deeper than anybody reads": {body(`{"update_id":7,"message":` + deep + `}`), 200, notAnUpdate},
		"two update_ids":            {body(`{"update_id":6,"update_id":7,"message":{}}`), 200, taken},
		"two messages":              {body(`{"update_id":7,"message":{},"message":{}}`), 200, taken},
		"NUL, escaped":              {body(`{"update_id":7,"message":{"text":"\u0000"}}`), 200, taken},
		"NUL, as it is":             {body("{\"update_id\":7,\"message\":{\"text\":\"\x00\"}}"), 200, notAnUpdate},
		"NUL, behind":               {body(hello + "\x00"), 200, notAnUpdate},
		"bytes that are no UTF-8":   {body("{\"update_id\":7,\"message\":{\"text\":\"\xff\xfe\"}}"), 200, refused},
		"a byte order mark":         {body("\ufeff" + hello), 200, notAnUpdate},
		"as large as may be":        {body(sized(webhook.MaxBody)), 200, taken},
		"a byte too large":          {body(sized(webhook.MaxBody + 1)), 200, tooLarge},
		"too large and not proved":  {with(body(sized(webhook.MaxBody+1)), "wrong"), 401, unauthorized},
		"garbage, not proved":       {with(body("garbage"), "wrong"), 401, unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDoor(t, nil)
			response := d.Serve(t.Context(), c.request)
			assert.Equal(t, c.status, response.Status)
			assert.Equal(t, c.answer, string(response.Body))

			queued := d.updates.All()
			if c.answer != taken {
				assert.Empty(t, queued)

				return
			}

			require.Len(t, queued, 1)
			assert.Equal(t, string(c.request.Body), string(queued[0].Body), "as it came")
			assert.Equal(t, "kopi", queued[0].Attrs[queue.AttrStore])
		})
	}
}

func with(request webhook.Request, secret string) webhook.Request {
	request.Secret = secret

	return request
}

// sized gives an update of so many bytes.
func sized(bytes int) string {
	const head, tail = `{"update_id":7,"message":{"text":"`, `"}}`

	return head + strings.Repeat("x", bytes-len(head)-len(tail)) + tail
}

func TestSources(t *testing.T) {
	t.Parallel()

	for source, telegram := range map[string]bool{
		"149.154.160.0": true, "149.154.175.255": true, "91.108.4.0": true, "91.108.7.255": true,
		"::ffff:149.154.167.220": true, "::ffff:91.108.5.5": true,
		"149.154.159.255": false, "149.154.176.0": false, "91.108.3.255": false, "91.108.8.0": false,
		"127.0.0.1": false, "10.0.0.1": false, "::1": false, "2001:67c:4e8::1": false, "::ffff:10.0.0.1": false,
		"": false, "telegram.org": false, "149.154.167.220:443": false, "149.154.167.220, 10.0.0.1": false,
		"149.154.167": false, "0149.154.167.220": false, " 149.154.167.220": false,
	} {
		request := call(hello)
		request.Source = source

		open := newDoor(t, nil)
		assert.Equal(t, 200, open.Serve(t.Context(), request).Status, "%q, any source", source)

		walled := newDoor(t, func(options *webhook.Options) { options.Sources = webhook.FromTelegram })
		response := walled.Serve(t.Context(), request)

		if telegram {
			assert.Equal(t, 200, response.Status, source)

			continue
		}

		assert.Equal(t, 403, response.Status, source)
		assert.JSONEq(t, forbidden, string(response.Body))
		assert.Empty(t, walled.updates.All())

		request.Secret = "wrong"
		assert.Equal(t, 401, open.Serve(t.Context(), request).Status, "the secret is the control")
	}
}

func TestSourcesSetting(t *testing.T) {
	t.Parallel()

	for _, good := range []webhook.Sources{webhook.AnySource, webhook.FromTelegram} {
		var read webhook.Sources

		require.NoError(t, read.UnmarshalText([]byte(good)))
		assert.Equal(t, good, read)
	}

	for _, bad := range []string{"", "Telegram", "all", "any,telegram"} {
		var read webhook.Sources

		err := read.UnmarshalText([]byte(bad))
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), bad)
		assert.Empty(t, read, "a typo opens nothing")
	}
}

// event gives a call as the HTTP API hands it over.
func event(t *testing.T) events.APIGatewayV2HTTPRequest {
	t.Helper()

	return events.APIGatewayV2HTTPRequest{
		Headers:        map[string]string{"x-telegram-bot-api-secret-token": current},
		PathParameters: map[string]string{"store": "kopi"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{SourceIP: "149.154.167.220"},
		},
		Body: hello,
	}
}

// Nothing that a caller writes can pass for its address.
func TestForgedAddresses(t *testing.T) {
	t.Parallel()

	d := newDoor(t, func(options *webhook.Options) { options.Sources = webhook.FromTelegram })
	forged := event(t)
	forged.RequestContext.HTTP.SourceIP = "203.0.113.9"

	for _, header := range []string{
		"x-forwarded-for", "X-Forwarded-For", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip", "via",
	} {
		forged.Headers[header] = "149.154.167.220"
	}

	response, err := d.HTTP(t.Context(), forged)
	require.NoError(t, err)
	assert.Equal(t, 403, response.StatusCode)

	genuine := event(t)
	genuine.Headers["x-forwarded-for"] = "203.0.113.9"
	response, err = d.HTTP(t.Context(), genuine)
	require.NoError(t, err)
	assert.Equal(t, 200, response.StatusCode)
}

func TestHTTP(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		change func(*events.APIGatewayV2HTTPRequest)
		status int
	}{
		"plain": {func(*events.APIGatewayV2HTTPRequest) {}, 200},
		"base64": {func(call *events.APIGatewayV2HTTPRequest) {
			call.Body, call.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(hello)), true
		}, 200},
		"not base64":     {func(call *events.APIGatewayV2HTTPRequest) { call.IsBase64Encoded = true }, 400},
		"no header":      {func(call *events.APIGatewayV2HTTPRequest) { call.Headers = nil }, 401},
		"no path":        {func(call *events.APIGatewayV2HTTPRequest) { call.PathParameters = nil }, 401},
		"nothing at all": {func(call *events.APIGatewayV2HTTPRequest) { *call = events.APIGatewayV2HTTPRequest{} }, 401},
		"two secrets": {func(call *events.APIGatewayV2HTTPRequest) {
			call.Headers["x-telegram-bot-api-secret-token"] = "wrong," + current
		}, 401},
	} {
		d := newDoor(t, nil)
		call := event(t)
		c.change(&call)

		response, err := d.HTTP(t.Context(), call)
		require.NoError(t, err, name)
		assert.Equal(t, c.status, response.StatusCode, name)

		if c.status != 200 {
			assert.Empty(t, d.updates.All(), name)

			continue
		}

		assert.JSONEq(t, hello, string(d.updates.All()[0].Body), name)
		assert.Equal(t, "application/json", response.Headers["content-type"], name)
	}
}

// The sample event of the repository is one that works.
func TestSampleEvent(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../events/webhook.json")
	if os.IsNotExist(err) {
		t.Skip("events/webhook.json is not there yet")
	}

	require.NoError(t, err)

	var call events.APIGatewayV2HTTPRequest
	require.NoError(t, json.Unmarshal(text, &call))
	assert.NotEmpty(t, call.PathParameters["store"])
	assert.NotEmpty(t, call.Headers["x-telegram-bot-api-secret-token"])
	assert.NotEmpty(t, call.RequestContext.HTTP.SourceIP)
}

// A bot is taken away and another put in its place, while a function remembers
// the secret of the first: its calls are taken at once, and forgeries do not
// have the vault asked each time.
func TestASecretThatWasReplacedIsReadAnew(t *testing.T) {
	t.Parallel()

	var vault *secrettest.Remembering

	d := newDoor(t, func(options *webhook.Options) {
		vault = secrettest.NewRemembering(options.Vault)
		options.Vault = vault
	})
	ctx, name := t.Context(), store.WebhookSecretName("kopi")
	status := func(given string) int {
		request := call(hello)
		request.Secret = given

		return d.Serve(ctx, request).Status
	}

	assert.Equal(t, 200, status(current))
	assert.Zero(t, vault.Asked, "whoever proves himself costs no call")

	require.NoError(t, vault.Delete(ctx, name))
	require.NoError(t, vault.Rotate(ctx, name, "another-bot"))

	assert.Equal(t, 200, status("another-bot"))
	assert.Equal(t, 401, status("forged"))
	assert.Equal(t, 401, status("forged"))
	assert.Equal(t, 1, vault.Asked, "the vault is spared")
}

// failing is a queue and a vault out of order.
type failing struct {
	secret.Vault

	err error
}

func (f failing) Send(context.Context, ...queue.Message) error { return f.err }

func (f failing) Get(context.Context, string) (secret.Secret, error) { return secret.Secret{}, f.err }

func (f failing) Fresh(context.Context, string) (secret.Secret, error) { return secret.Secret{}, f.err }

// What fails behind the door is answered so that Telegram sends again only
// where that helps.
func TestWhatFailsBehindTheDoor(t *testing.T) {
	t.Parallel()

	for _, code := range []errs.Code{
		errs.Unavailable, errs.Limited, errs.Internal, errs.Unauthorized, errs.Conflict, errs.Invalid, errs.NotFound,
	} {
		down := failing{err: errs.New(code, "out of order")}

		vault := newDoor(t, func(options *webhook.Options) { options.Vault = down })
		response := vault.Serve(t.Context(), call(hello))

		if code == errs.NotFound {
			assert.Equal(t, 401, response.Status, "an unknown store")
		} else {
			assert.Equal(t, 503, response.Status, "vault: %s", code)
			assert.JSONEq(t, tryAgain, string(response.Body))
		}

		updates := newDoor(t, func(options *webhook.Options) { options.Updates = down })
		response = updates.Serve(t.Context(), call(hello))

		if code == errs.Invalid {
			assert.Equal(t, 200, response.Status, "the queue never takes it")
			assert.JSONEq(t, refused, string(response.Body))
		} else {
			assert.Equal(t, 503, response.Status, "queue: %s", code)
			assert.JSONEq(t, tryAgain, string(response.Body))
		}
	}
}

// hanging never answers by itself.
type hanging struct{ secret.Vault }

func (hanging) Get(ctx context.Context, _ string) (secret.Secret, error) {
	<-ctx.Done()

	return secret.Secret{}, ctx.Err()
}

func TestACallThatHangsEnds(t *testing.T) {
	t.Parallel()

	d := newDoor(t, func(options *webhook.Options) { options.Vault = hanging{} })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)

	defer cancel()
	assert.Equal(t, 503, d.Serve(ctx, call(hello)).Status)
}

func TestUrgentAnswers(t *testing.T) {
	t.Parallel()

	d := newDoor(t, func(options *webhook.Options) {
		options.Urgent = func(_ context.Context, _, kind string, content []byte) (any, bool) {
			switch {
			case kind != "pre_checkout_query":
				return nil, false
			case bytes.Contains(content, []byte("broken")):
				return make(chan int), true
			default:
				return map[string]any{"method": "answerPreCheckoutQuery", "ok": true}, true
			}
		}
	})

	response := d.Serve(t.Context(), call(`{"update_id":8,"pre_checkout_query":{"id":"1","from":{"id":43}}}`))
	assert.Equal(t, 200, response.Status)
	assert.JSONEq(t, `{"method":"answerPreCheckoutQuery","ok":true}`, string(response.Body))
	assert.Empty(t, d.updates.All())

	response = d.Serve(t.Context(), call(`{"update_id":8,"pre_checkout_query":{"id":"broken","from":{"id":43}}}`))
	assert.Equal(t, 503, response.Status, "no answer could be made")

	assert.Equal(t, 200, d.Serve(t.Context(), call(hello)).Status)
	assert.Len(t, d.updates.All(), 1)
}

// An update that comes again is the same message to the queue.
func TestReplay(t *testing.T) {
	t.Parallel()

	d := newDoor(t, nil)

	for range 3 {
		assert.Equal(t, 200, d.Serve(t.Context(), call(hello)).Status)
	}

	queued := d.updates.All()
	require.Len(t, queued, 1)
	assert.Equal(t, "kopi:7", queued[0].Dedup)
	assert.Equal(t, "7", queued[0].Attrs[queue.AttrCause])
}

func TestTheTraceGoesAlong(t *testing.T) {
	t.Parallel()

	d := newDoor(t, nil)
	d.Serve(queue.WithTrace(t.Context(), "Root=1-5e1b4151-43a0913a12345678"), call(hello))
	assert.Equal(t, "Root=1-5e1b4151-43a0913a12345678", d.updates.All()[0].Trace)
}

// What belongs to one chat stays in order, whatever kind it is of.
func TestGroups(t *testing.T) {
	t.Parallel()

	for content, group := range map[string]string{
		`"message":{"chat":{"id":42},"from":{"id":43}}`:                             "kopi:42",
		`"edited_message":{"chat":{"id":-10042}}`:                                   "kopi:-10042",
		`"channel_post":{"chat":{"id":-1001},"sender_chat":{"id":-1002}}`:           "kopi:-1001",
		`"callback_query":{"id":"1","from":{"id":43},"message":{"chat":{"id":42}}}`: "kopi:42",
		`"callback_query":{"id":"1","from":{"id":43},"inline_message_id":"5"}`:      "kopi:43",
		`"inline_query":{"id":"1","from":{"id":43}}`:                                "kopi:43",
		`"poll_answer":{"poll_id":"1","user":{"id":43}}`:                            "kopi:43",
		`"my_chat_member":{"chat":{"id":42},"from":{"id":43}}`:                      "kopi:42",
		`"poll":{"id":"1"}`:                               "kopi:0",
		`"message":{"chat":null,"from":{"id":43}}`:        "kopi:43",
		`"zzz":{"chat":{"id":1}},"aaa":{"chat":{"id":2}}`: "kopi:2",
		`"future":3,"message":{"chat":{"id":42}}`:         "kopi:42",
	} {
		d := newDoor(t, nil)
		assert.Equal(t, 200, d.Serve(t.Context(), call(`{"update_id":7,`+content+`}`)).Status, content)
		require.Len(t, d.updates.All(), 1, content)
		assert.Equal(t, group, d.updates.All()[0].Group, content)
	}
}

// Neither a right nor a wrong secret is ever written down.
//
//nolint:paralleltest // it sets the process's logger
func TestLogsHoldNoSecret(t *testing.T) {
	var lines bytes.Buffer

	slog.SetDefault(slog.New(slog.NewJSONHandler(&lines, nil)))
	t.Cleanup(func() { slog.SetDefault(slog.New(slog.DiscardHandler)) })

	d := newDoor(t, nil)
	for _, secret := range []string{current, previous, oldest, "a-wrong-secret"} {
		d.Serve(t.Context(), with(call(hello), secret))
		d.Serve(t.Context(), with(call("garbage"), secret))
	}

	assert.NotEmpty(t, lines.String())
	assert.NotContains(t, lines.String(), "-secret")
	assert.NotContains(t, lines.String(), "halo", "nor what people write")
}

func FuzzServe(f *testing.F) {
	for _, seed := range []string{
		hello, "", "{}", "null", `{"update_id":1}`, `{"update_id":7,"poll":{}}`, `{"update_id":7,"message":{"chat":{"id":-1}}}`,
		`{"update_id":1,"a":{"message":{"chat":{"id":5}}}}`, "{\"update_id\":7,\"message\":{\"text\":\"\xff\"}}", `[[[[`,
	} {
		f.Add("kopi", current, "149.154.167.220", []byte(seed))
	}

	f.Add("../kopi", "", "garbage", []byte("x"))

	documented := []int{http.StatusOK, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable}

	f.Fuzz(func(t *testing.T, store, secret, source string, body []byte) {
		d := newDoor(t, func(options *webhook.Options) {
			options.Sources = []webhook.Sources{webhook.AnySource, webhook.FromTelegram}[len(body)%2]
		})
		response := d.Serve(t.Context(), webhook.Request{Store: store, Secret: secret, Source: source, Body: body})

		if !slices.Contains(documented, response.Status) {
			t.Fatalf("status %d", response.Status)
		}

		if !json.Valid(response.Body) {
			t.Fatalf("answer %q", response.Body)
		}

		queued := d.updates.All()
		if len(queued) == 0 {
			return
		}

		if store != "kopi" && store != "fresh" || response.Status != http.StatusOK || !bytes.Equal(queued[0].Body, body) {
			t.Fatalf("queued %q for %q with %d", queued[0].Body, store, response.Status)
		}
	})
}

func ExampleHandler_Serve() {
	now := clock.System{}
	vault := secretmemory.New(now, fault.None{})
	updates := queuememory.New(now, fault.None{}, queuememory.Options{Name: queue.Updates, FIFO: true})

	if err := vault.Rotate(context.Background(), store.WebhookSecretName("kopi"), "s3cret"); err != nil {
		panic(err)
	}

	door := webhook.New(webhook.Options{Vault: vault, Updates: updates, Urgent: nothingUrgent})
	response := door.Serve(context.Background(), webhook.Request{
		Store: "kopi", Secret: "s3cret", Body: []byte(`{"update_id":7,"message":{"chat":{"id":42}}}`),
	})
	fmt.Println(response.Status, updates.All()[0].Group)
	// Output: 200 kopi:42
}

// shut is a gate that lets nobody in.
type shut time.Duration

func (s shut) Enter(context.Context, string) time.Duration { return time.Duration(s) }

// Of a store that is over its share, Telegram keeps the updates, as long as it
// is told to; those that may not wait are answered all the same.
func TestAStoreOverItsShare(t *testing.T) {
	t.Parallel()

	over := newDoor(t, func(options *webhook.Options) { options.Gate = shut(1200 * time.Millisecond) })

	answer, err := over.HTTP(t.Context(), events.APIGatewayV2HTTPRequest{
		Headers:        map[string]string{"x-telegram-bot-api-secret-token": current},
		PathParameters: map[string]string{"store": "kopi"}, Body: hello,
	})
	require.NoError(t, err)
	assert.Equal(t, http.StatusTooManyRequests, answer.StatusCode)
	assert.Equal(t, "2", answer.Headers["retry-after"], "in whole seconds, not too early")

	waiting, err := over.updates.Receive(t.Context(), 1, 0)
	require.NoError(t, err)
	assert.Empty(t, waiting)

	urgent := newDoor(t, func(options *webhook.Options) {
		options.Gate = shut(time.Second)
		options.Urgent = func(context.Context, string, string, []byte) (any, bool) { return map[string]bool{"ok": true}, true }
	})
	assert.Equal(t, http.StatusOK, urgent.Serve(t.Context(), call(hello)).Status)

	open := newDoor(t, func(options *webhook.Options) { options.Gate = shut(0) })
	taken := open.Serve(t.Context(), call(hello))
	assert.Equal(t, http.StatusOK, taken.Status)
	assert.Zero(t, taken.Wait)
}
