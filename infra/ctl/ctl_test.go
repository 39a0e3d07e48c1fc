package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	token = "1234567:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	hook  = "https://api.example.com/telegram/demo"
)

// botAPI is Telegram as far as an operator needs it.
type botAPI struct {
	mu     sync.Mutex
	hook   map[string]any
	menus  map[string]any
	refuse map[string]string // methods that fail, with Telegram's words
	paths  []string          // of all calls
	me     int64             // the bot's id; 0: 1234567
}

func (b *botAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()

	method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	b.paths = append(b.paths, r.URL.Path)

	var params map[string]any
	if err := json.NewDecoder(r.Body).Decode(&params); err != nil {
		params = nil
	}

	if words := b.refuse[method]; words != "" {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, `{"ok":false,"error_code":401,"description":%q}`, words)

		return
	}

	result := any(true)

	switch method {
	case "getMe":
		result = map[string]any{"id": cmp.Or(b.me, 1234567), "is_bot": true, "first_name": "Kopi", "username": "kopi_bot"}
	case "setWebhook":
		b.hook = params
	case "deleteWebhook":
		b.hook = nil
	case "setMyCommands":
		language, _ := params["language_code"].(string)
		b.menus[language] = params["commands"]
	case "getWebhookInfo":
		info := map[string]any{"url": "", "has_custom_certificate": false, "pending_update_count": 2}
		if b.hook != nil {
			info["url"] = b.hook["url"]
			info["last_error_date"] = 1795246800
			info["last_error_message"] = "Connection refused"
		}

		result = info
	}

	body, err := json.Marshal(map[string]any{"ok": true, "result": result})
	if err != nil {
		panic(err)
	}

	_, _ = w.Write(body)
}

// desk is an operator with everything in memory.
type desk struct {
	*operator

	state  *tables.Table
	api    *botAPI
	out    *bytes.Buffer
	queues map[string]*queues.Queue
	plan   fault.Plan // of the queues that are opened from now on
	clock  *clock.Manual
}

func newDesk(t *testing.T) *desk {
	t.Helper()

	api := &botAPI{menus: map[string]any{}, refuse: map[string]string{}}
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	made := &desk{api: api, out: &bytes.Buffer{}, queues: map[string]*queues.Queue{}, plan: fault.None{}, clock: now}
	made.state = tables.New(now, fault.None{})
	stores, vault := store.NewRegistry(made.state, now), vaults.New(now, fault.None{})
	where := settings{
		Scratch:  "scratch",
		Telegram: server.URL,
		Dead:     "http://sqs/1/app-downloads-dead,http://sqs/1/app-updates-dead.fifo,http://sqs/1/app-relay-dead",
		Webhook:  "https://api.example.com/telegram/STORE",
	}

	opener, err := where.opening(stores, vault)
	require.NoError(t, err)

	made.operator = &operator{
		settings: where,
		state:    made.state,
		scratch:  tables.New(now, fault.None{}),
		stores:   stores,
		whoami:   func() (string, error) { return "arn:aws:iam::1:user/dewi", nil },
		users:    user.NewRepository(made.state, now),
		vault:    vault,
		opening:  opener,
		stdin:    strings.NewReader(token + "\n"),
		stdout:   made.out,
	}
	made.open = func(url string) twoWay {
		if made.queues[url] == nil {
			made.queues[url] = queues.New(now, made.plan, queues.Options{
				Name: queue.Name(path.Base(url)), FIFO: strings.HasSuffix(url, ".fifo"),
			})
		}

		return made.queues[url]
	}

	return made
}

func (d *desk) add(t *testing.T, more ...string) error {
	t.Helper()

	d.stdin = strings.NewReader(token)
	args := []string{"--id", "demo", "--name", "Toko Kopi", "--owner", "1001", "--webhook-url", hook}

	return d.storeAdd(t.Context(), append(args, more...))
}

func TestStoreAddRegistersEverything(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.Equal(t, "store demo (Toko Kopi) is @kopi_bot, webhook "+hook+"\n", d.out.String())

	found, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), found.CreatedAt, time.Minute)

	found.CreatedAt = time.Time{}
	require.Equal(t, store.Store{
		ID: "demo", Name: "Toko Kopi", BotID: 1234567, BotUsername: "kopi_bot", Owner: 1001,
		Language: "id", TimeZone: "Asia/Jakarta", Hook: hook,
	}, found)

	kept, err := d.vault.Get(t.Context(), store.TokenName("demo"))
	require.NoError(t, err)
	require.Equal(t, token, kept.Current.Reveal())

	proof, err := d.vault.Get(t.Context(), store.WebhookSecretName("demo"))
	require.NoError(t, err)
	require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, proof.Current.Reveal())
	require.Equal(t, hook, d.api.hook["url"])
	require.Equal(t, proof.Current.Reveal(), d.api.hook["secret_token"])
	require.Equal(t, []any{"message", "callback_query", "my_chat_member", "pre_checkout_query"}, d.api.hook["allowed_updates"])
	require.InDelta(t, 10, d.api.hook["max_connections"], 0)
	require.Len(t, d.api.menus, 3, "for everyone, in Indonesian, in English")
	require.Equal(t, d.api.menus[""], d.api.menus["id"])
}

func TestStoreAddAgainChangesWhatIsGivenAndKeepsTheRest(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	first, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)

	proof := d.api.hook["secret_token"]

	require.NoError(t, d.add(t, "--name", "Toko Teh", "--language", "en"))

	second, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "Toko Teh", second.Name)
	require.Equal(t, "en", second.Language)
	require.Equal(t, first.CreatedAt, second.CreatedAt)
	require.Equal(t, proof, d.api.hook["secret_token"], "the secret stays, so that no update is refused")
}

func TestStoreAddSaysWhatIsWrong(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"id":       {[]string{"--id", "NO"}, "store id \"NO\": use"},
		"name":     {[]string{"--name", ""}, "name \"\": give the store one"},
		"owner":    {[]string{"--owner", "0"}, "give the owner's Telegram user id"},
		"hook":     {[]string{"--webhook-url", "example"}, "is not an address"},
		"language": {[]string{"--language", "de"}, "language \"de\": the bot speaks"},
		"zone":     {[]string{"--time-zone", "Mars"}, "time zone \"Mars\""},
		"flag":     {[]string{"--what"}, "not defined: -what"},
		"quotes":   {[]string{"--name", "Toko", "Kopi"}, "what is \"Kopi\"?"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDesk(t)
			require.ErrorContains(t, d.add(t, test.args...), test.want)
			require.Nil(t, d.api.hook)
		})
	}
}

func TestStoreAddTakesNoBotTwice(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.ErrorContains(t, d.add(t, "--id", "other"), "@kopi_bot is the bot of store demo already")
}

func TestStoreAddTellsABadTokenWithoutShowingIt(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	d.api.refuse["getMe"] = "Unauthorized"
	err := d.add(t)
	require.ErrorContains(t, err, "the bot token is not valid")
	require.NotContains(t, err.Error(), token[8:])

	for typed, want := range map[string]string{"\n": "no bot token: set LAPAK_BOT_TOKEN", "123:x\n": "is the bot token complete"} {
		d.stdin = strings.NewReader(typed)
		err := d.storeAdd(t.Context(), []string{"--id", "demo", "--name", "X", "--owner", "1", "--webhook-url", hook})
		require.ErrorContains(t, err, want)
	}

	d.stdin = io.MultiReader(brokenPipe{})
	err = d.storeAdd(t.Context(), []string{"--id", "demo", "--name", "X", "--owner", "1", "--webhook-url", hook})
	require.ErrorIs(t, err, io.ErrClosedPipe)

	_, err = d.stores.Get(t.Context(), "demo")
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "nothing is half registered")
}

type brokenPipe struct{}

func (brokenPipe) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestStoreAddThatStopsHalfWayCanBeRepeated(t *testing.T) {
	t.Parallel()

	for _, method := range []string{"setWebhook", "setMyCommands"} {
		d := newDesk(t)
		d.api.refuse[method] = "Unauthorized"
		require.Error(t, d.add(t))

		delete(d.api.refuse, method)
		require.NoError(t, d.add(t))
		require.Len(t, d.api.menus, 3)
	}
}

func TestStoreListShowRemove(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.out.Reset()

	require.NoError(t, d.storeList(t.Context(), nil))
	require.Regexp(t,
		`(?s)^ID +NAME +BOT +OWNER +STATE +FEATURES +SINCE\n`+
			`demo +Toko Kopi +@kopi_bot +1001 +open +shop,depot,transcription +20\d\d-\d\d-\d\d\n$`,
		d.out.String())
	d.out.Reset()

	require.NoError(t, d.storeShow(t.Context(), []string{"demo"}))
	require.Contains(t, d.out.String(), "bot       @kopi_bot (1234567)\n")
	require.Contains(t, d.out.String(), "webhook   "+hook+"\npending   2\nfailed    2026-11-21T07:40:00Z: Connection refused\n")
	require.NotContains(t, d.out.String(), token[8:])

	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))
	require.Nil(t, d.api.hook)

	for _, name := range []string{store.TokenName("demo"), store.WebhookSecretName("demo")} {
		_, err := d.vault.Get(t.Context(), name)
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	}

	for _, command := range []func([]string) error{
		func(args []string) error { return d.storeShow(t.Context(), args) },
		func(args []string) error { return d.storeRemove(t.Context(), args) },
		func(args []string) error { return d.storeRotateSecret(t.Context(), args) },
	} {
		require.ErrorIs(t, command(nil), errUsage)
		require.ErrorContains(t, command([]string{"demo"}), "no such store?")
	}
}

func TestStoreRemoveOfARevokedBotWorks(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	d.api.refuse["deleteWebhook"] = "Unauthorized"
	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))
}

// secrets gives the two that count, and the one that Telegram has.
func (d *desk) secrets(ctx context.Context, t *testing.T) (secret.Secret, string) {
	t.Helper()

	known, err := d.vault.Get(ctx, store.WebhookSecretName("demo"))
	require.NoError(t, err)

	given, ok := d.api.hook["secret_token"].(string)
	require.True(t, ok)

	return known, given
}

func TestStoreRotateSecretRefusesNoUpdate(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	before, _ := d.secrets(t.Context(), t)

	d.pause = func(ctx context.Context, wait time.Duration) error {
		known, given := d.secrets(ctx, t)

		require.Equal(t, 5*time.Minute, wait)
		require.Equal(t, before.Current, known.Previous)
		require.Equal(t, before.Current.Reveal(), given, "functions that remember the old secret are served meanwhile")

		return nil
	}
	require.NoError(t, d.storeRotateSecret(t.Context(), []string{"demo"}))

	known, given := d.secrets(t.Context(), t)
	require.Equal(t, before.Current, known.Previous)
	require.NotEqual(t, before.Current, known.Current)
	require.Equal(t, known.Current.Reveal(), given)
	require.Equal(t, hook, d.api.hook["url"])
}

// Interrupted at any point, and then again: Telegram's secret always counts.
func TestStoreRotateSecretCanBeInterrupted(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	for range 3 {
		d.pause = func(context.Context, time.Duration) error { return context.Canceled }
		require.ErrorContains(t, d.storeRotateSecret(t.Context(), []string{"demo"}), "goes on with its old secret; rotate again")

		known, given := d.secrets(t.Context(), t)
		require.True(t, known.Accepts(given))
	}

	require.NoError(t, d.storeRotateSecret(t.Context(), []string{"demo", "--now"}))

	known, given := d.secrets(t.Context(), t)
	require.Equal(t, known.Current.Reveal(), given)
	require.ErrorIs(t, d.storeRotateSecret(t.Context(), []string{"demo", "--soon"}), errUsage)
}

func TestStoreRotateSecretSaysWhatIsWrong(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	d.api.refuse["setWebhook"] = "Unauthorized"
	require.ErrorContains(t, d.storeRotateSecret(t.Context(), []string{"demo"}), "token is not valid")

	d.api.refuse["getWebhookInfo"] = "Unauthorized"
	require.ErrorContains(t, d.storeRotateSecret(t.Context(), []string{"demo"}), "token is not valid")

	d.api.refuse, d.api.hook = map[string]string{}, nil
	require.ErrorContains(t, d.storeRotateSecret(t.Context(), []string{"demo"}), "set one by store add")
}

func TestPauseEndsWithItsContext(t *testing.T) {
	t.Parallel()

	require.NoError(t, pause(t.Context(), time.Millisecond))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, pause(ctx, time.Hour), context.Canceled)
}

func TestProviderKeys(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	d.stdin = strings.NewReader("gsk_key\n")
	require.NoError(t, d.providerSet(t.Context(), []string{"groq"}))

	d.stdin = strings.NewReader("dg_own\n")
	require.NoError(t, d.providerSet(t.Context(), []string{"deepgram", "--store", "demo"}))

	for name, want := range map[string]string{"providers/groq": "gsk_key", "stores/demo/providers/deepgram": "dg_own"} {
		kept, err := d.vault.Get(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, want, kept.Current.Reveal())
	}

	d.stdin = strings.NewReader("gsk_next\n")
	require.NoError(t, d.providerSet(t.Context(), []string{"groq"}))

	d.out.Reset()
	require.NoError(t, d.providerList(t.Context(), nil))
	require.Equal(t, "PROVIDER      KEY\ngroq          set, and the one before it\n"+
		"deepgram      -\nopenai        -\ntelegram-app  -\n", d.out.String())

	d.out.Reset()
	require.NoError(t, d.providerList(t.Context(), []string{"--store", "demo"}))
	require.Equal(t, "PROVIDER  KEY\ngroq      -\ndeepgram  set\nopenai    -\n", d.out.String())

	for _, value := range []string{"gsk_key", "gsk_next", "dg_own"} {
		require.NotContains(t, d.out.String(), value)
	}

	require.NoError(t, d.providerRemove(t.Context(), []string{"groq"}))

	_, err := d.vault.Get(t.Context(), "providers/groq")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))

	_, err = d.vault.Get(t.Context(), "stores/demo/providers/deepgram")
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestProviderKeysAreRefusedWhereTheyMeanNothing(t *testing.T) {
	t.Parallel()

	d := newDesk(t)

	for _, args := range [][]string{{}, {"speech"}, {"groq", "deepgram"}, {"telegram-app", "--store", "demo"}, {"groq", "--shop", "x"}} {
		require.ErrorIs(t, d.providerSet(t.Context(), args), errUsage, args)
		require.ErrorIs(t, d.providerRemove(t.Context(), args), errUsage, args)
	}

	require.ErrorIs(t, d.providerList(t.Context(), []string{"groq"}), errUsage)
	require.ErrorContains(t, d.providerSet(t.Context(), []string{"groq", "--store", "nobody"}), "no such store")

	d.stdin = strings.NewReader("")
	require.ErrorContains(t, d.providerSet(t.Context(), []string{"groq"}), "no key of groq")
}

func TestStoreSpeech(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.out.Reset()
	require.NoError(t, d.storeSpeech(t.Context(), []string{"demo", "deepgram/nova-3", "openai/local"}))
	require.Equal(t, "store demo uses deepgram/nova-3, openai/local\n", d.out.String())

	require.NoError(t, d.add(t)) // a change of anything else

	kept, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, []string{"deepgram/nova-3", "openai/local"}, kept.Speech)

	d.out.Reset()
	require.NoError(t, d.storeShow(t.Context(), []string{"demo"}))
	require.Contains(t, d.out.String(), "speech    deepgram/nova-3, openai/local\n")

	require.NoError(t, d.storeSpeech(t.Context(), []string{"demo"}))

	kept, err = d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Empty(t, kept.Speech)

	for _, args := range [][]string{{}, {"demo", "groq"}, {"demo", "groq/other"}, {"demo", "openai/a", "openai/a"}} {
		require.ErrorIs(t, d.storeSpeech(t.Context(), args), errUsage, args)
	}

	require.ErrorContains(t, d.storeSpeech(t.Context(), []string{"nobody"}), "no such store")
}

func TestUserPremium(t *testing.T) {
	t.Parallel()

	made := newDesk(t)
	require.NoError(t, made.add(t))

	command := func(args ...string) error {
		return made.operator.userPremium(t.Context(), append([]string{"--store", "demo"}, args...))
	}

	require.ErrorContains(t, command("--user", "7", "--until", "2026-12-31"), "has never written")

	_, err := made.operator.users.Meet(t.Context(), "demo", user.Person{ID: 7, Name: "Ani"}, "id")
	require.NoError(t, err)
	require.NoError(t, command("--user", "7", "--until", "2026-12-31"))

	ani, err := made.operator.users.Get(t.Context(), "demo", 7)
	require.NoError(t, err)

	end := time.Date(2026, 12, 31, 17, 0, 0, 0, time.UTC) // midnight in Jakarta
	require.True(t, ani.Premium(end.Add(-time.Second)))
	require.False(t, ani.Premium(end))

	require.NoError(t, command("--user", "7", "--until", "never"))
	ani, err = made.operator.users.Get(t.Context(), "demo", 7)
	require.NoError(t, err)
	require.False(t, ani.Premium(end.Add(-time.Second)))
	require.Contains(t, made.out.String(), "Ani (7) has no premium in store demo any more")

	require.ErrorIs(t, command("--user", "7"), errUsage)
	require.ErrorIs(t, command("--until", "2026-12-31"), errUsage)
	require.ErrorIs(t, command("--user", "7", "--until", "31.12.2026"), errUsage)
	require.Error(t, made.operator.userPremium(t.Context(), []string{"--store", "none", "--user", "7", "--until", "never"}))
}

func TestRunSaysWhatItUnderstands(t *testing.T) {
	var out bytes.Buffer

	require.NoError(t, run(t.Context(), []string{"--help"}, strings.NewReader(""), &out))
	require.Equal(t, usage, out.String())

	for _, args := range [][]string{nil, {"store"}, {"store", "sell"}, {"--stack"}} {
		require.ErrorIs(t, run(t.Context(), args, strings.NewReader(""), &out), errUsage, "%v", args)
	}

	t.Setenv("LAPAK_STATE_TABLE", "")
	t.Setenv("AWS_REGION", "ap-southeast-3")
	require.ErrorContains(t, run(t.Context(), []string{"store", "list"}, strings.NewReader(""), &out), "which stack?")
}

// The command line finds everything by the outputs of its stack.
//
//nolint:paralleltest // it sets the environment
func TestRunReadsTheStack(t *testing.T) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_") {
			body, _ := io.ReadAll(r.Body)
			if !bytes.Contains(body, []byte(`"lapak-state"`)) {
				w.WriteHeader(http.StatusBadRequest)
			}

			const none = `{"Items":[],"Count":0,"ScannedCount":0}`

			w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(none))), 10))
			_, _ = io.WriteString(w, none)

			return
		}

		if body, _ := io.ReadAll(r.Body); !bytes.Contains(body, []byte("StackName=lapak-dev")) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack does not exist</Message>`+
				`</Error></ErrorResponse>`)

			return
		}

		_, _ = io.WriteString(w, `<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Outputs>`+
			`<member><OutputKey>StateTableName</OutputKey><OutputValue>lapak-state</OutputValue></member>`+
			`<member><OutputKey>SecretsPrefix</OutputKey><OutputValue>/lapak/dev</OutputValue></member>`+
			`</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>`)
	}))
	defer aws.Close()

	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": aws.URL, "AWS_REGION": "ap-southeast-3", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_MAX_ATTEMPTS": "1", "LAPAK_STATE_TABLE": "", "LAPAK_SECRETS_PREFIX": "",
	} {
		t.Setenv(name, value)
	}

	var out bytes.Buffer

	require.NoError(t, run(t.Context(), []string{"--stack", "lapak-dev", "store", "list"}, strings.NewReader(""), &out))
	require.Equal(t, "ID  NAME  BOT  OWNER  STATE  FEATURES  SINCE\n", out.String())

	err := run(t.Context(), []string{"--stack", "other", "store", "list"}, strings.NewReader(""), &out)
	require.ErrorContains(t, err, "read the outputs of stack other (is it deployed in this account and region?)")
}
