package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/payment/gatewaytest"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/stripe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake behaves like Stripe as far as sessions go.
type fake struct {
	mu       sync.Mutex
	sessions map[string]map[string]any
	asked    map[string]string // by idempotency key: what was asked
	made     map[string]string // by idempotency key: the session
	down     bool
	busy     bool
	cut      int
	live     bool
}

func newFake(t *testing.T) (*fake, string) {
	t.Helper()

	f := &fake{sessions: map[string]map[string]any{}, asked: map[string]string{}, made: map[string]string{}, live: true}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)

	return f, server.URL
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()

	refuse := func(status int, message string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"message":%q}}`, message)
	}

	id, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/checkout/sessions"), "/")
	_, id, _ = strings.Cut(id+"/"+action, "/")
	id, action, _ = strings.Cut(id, "/")

	switch key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case f.down:
		refuse(http.StatusInternalServerError, "down")
	case key != gatewaytest.Key:
		refuse(http.StatusUnauthorized, "Invalid API Key provided: "+key)
	case f.busy:
		refuse(http.StatusTooManyRequests, "rate limit")
	case r.Method == http.MethodPost && id == "":
		f.create(w, r, refuse)
	case f.sessions[id] == nil:
		refuse(http.StatusNotFound, "No such checkout.session")
	case action == "expire" && f.sessions[id]["status"] != "open":
		refuse(http.StatusBadRequest, "Only Checkout Sessions with a status in [\"open\"] can be expired.")
	case action == "expire":
		f.sessions[id]["status"] = "expired"
		f.answer(w, f.sessions[id], true)
	default:
		f.answer(w, f.sessions[id], false)
	}
}

func (f *fake) create(w http.ResponseWriter, r *http.Request, refuse func(int, string)) {
	body, _ := io.ReadAll(r.Body)
	key := r.Header.Get("Idempotency-Key")

	if asked, ok := f.asked[key]; ok && asked != string(body) {
		refuse(http.StatusBadRequest, "Keys for idempotent requests can only be used with the same parameters they were first used with.")

		return
	}

	values, err := url.ParseQuery(string(body))
	expires, _ := strconv.ParseInt(values.Get("expires_at"), 10, 64)

	if until := time.Until(time.Unix(expires, 0)); err != nil || until < 30*time.Minute || until > 24*time.Hour {
		refuse(http.StatusBadRequest, "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.")

		return
	}

	id, ok := f.made[key]
	if !ok {
		id = fmt.Sprintf("cs_live_%d", len(f.sessions)+1)
		amount, _ := strconv.ParseInt(values.Get("line_items[0][price_data][unit_amount]"), 10, 64)
		f.asked[key], f.made[key] = string(body), id
		f.sessions[id] = map[string]any{
			"id": id, "object": "checkout.session", "client_reference_id": values.Get("client_reference_id"), "amount_total": amount,
			"currency": values.Get("line_items[0][price_data][currency]"), "livemode": f.live, "status": "open",
			"payment_status": "unpaid", "url": "https://checkout.stripe.com/c/pay/" + id, "expires_at": expires,
			"created": time.Now().Unix(), "payment_intent": nil,
		}
	}

	f.answer(w, f.sessions[id], true)
}

func (f *fake) answer(w http.ResponseWriter, session map[string]any, effect bool) {
	if effect && f.cut > 0 {
		f.cut--

		panic(http.ErrAbortHandler)
	}

	_ = json.NewEncoder(w).Encode(session) //nolint:errchkjson // plain values
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()

	change(f)
}

// signed gives the header that Stripe sends.
func signed(body []byte, key string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)

	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil)) + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
}

func event(transaction, reference string) []byte {
	return fmt.Appendf(nil,
		`{"id":"evt_1","data":{"object":{"id":%q,"object":"checkout.session","client_reference_id":%q}}}`,
		transaction, reference)
}

func TestConformance(t *testing.T) {
	t.Parallel()

	gatewaytest.Run(t, func(t *testing.T, vault secret.Vault) gatewaytest.Subject {
		t.Helper()

		f, address := newFake(t)
		gateway := stripe.New(vault, address)
		t.Cleanup(gateway.Close)

		return gatewaytest.Subject{
			Gateway: gateway, Account: store.Account{Gateway: "stripe"}, Method: payment.Card,
			Pay: func(_ *testing.T, transaction string) {
				f.set(func(f *fake) {
					session := f.sessions[transaction]
					session["status"], session["payment_status"] = "complete", "paid"
					session["payment_intent"] = map[string]any{"id": "pi_1", "latest_charge": map[string]any{"created": time.Now().Unix()}}
				})
			},
			Notify: func(_ *testing.T, transaction, reference string) payment.Notification {
				body := event(transaction, reference)

				return payment.Notification{
					Gateway: "stripe", Body: body,
					Headers: map[string]string{"stripe-signature": signed(body, gatewaytest.HookKey, time.Now())},
				}
			},
			Settle: func(*testing.T) {},
			Outage: func(_ *testing.T, off bool) { f.set(func(f *fake) { f.down = off }) },
			Cut:    func(*testing.T) { f.set(func(f *fake) { f.cut = 2 }) },
			Busy:   func(_ *testing.T, busy bool) { f.set(func(f *fake) { f.busy = busy }) },
		}
	})
}

func newStore(t *testing.T) (store.Store, *vaults.Vault) {
	t.Helper()

	vault := vaults.New(clock.System{}, fault.None{})
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayKeyName("kopi", "stripe"), gatewaytest.Key))
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "stripe"), gatewaytest.HookKey))

	return store.Store{ID: "kopi", BotUsername: "kopi_bot", Shop: store.Shop{Gateways: []store.Account{{Gateway: "stripe"}}}}, vault
}

func invoice(of store.Store) payment.Invoice {
	return payment.Invoice{
		Store: of, Reference: "LP-A1-1001", Method: payment.Card, Amount: money.IDR(49_000), Title: "Netflix",
		Until: time.Now().Add(15 * time.Minute),
	}
}

// Stripe counts rupiah in hundredths; a bill is what it says and no more.
func TestRupiahHaveTwoDecimalsThere(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t)
	f, address := newFake(t)
	gateway := stripe.New(vault, address)
	t.Cleanup(gateway.Close)

	made, err := gateway.Bill(t.Context(), invoice(of))
	require.NoError(t, err)
	require.EqualValues(t, 4_900_000, f.sessions[made.Transaction]["amount_total"])
	require.WithinDuration(t, time.Now().Add(50*time.Minute), made.Until, time.Minute)

	for amount, code := range map[int64]errs.Code{4_900_000: "", 4_900_050: errs.Invalid, -100: errs.Invalid} {
		f.set(func(f *fake) { f.sessions[made.Transaction]["amount_total"] = amount })

		said, err := gateway.Status(t.Context(), of, made.Transaction)
		require.Equal(t, code, errs.CodeOf(err), "%d: %v", amount, err)

		if err == nil {
			require.Equal(t, money.IDR(49_000), said.Amount)
		}
	}

	f.set(func(f *fake) {
		f.sessions[made.Transaction]["amount_total"], f.sessions[made.Transaction]["currency"] = 4_900_000, "usd"
	})

	_, err = gateway.Status(t.Context(), of, made.Transaction)
	require.Equal(t, errs.Invalid, errs.CodeOf(err), "dollars are no rupiah")
}

func TestStates(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t)
	f, address := newFake(t)
	gateway := stripe.New(vault, address)
	t.Cleanup(gateway.Close)

	made, err := gateway.Bill(t.Context(), invoice(of))
	require.NoError(t, err)

	for _, c := range []struct {
		status, paid string
		want         payment.StatusState
	}{
		{"open", "unpaid", payment.Pending},
		{"complete", "unpaid", payment.Pending}, // a bank transfer on its way
		{"complete", "paid", payment.Completed},
		{"expired", "unpaid", payment.Ended},
		{"complete", "no_payment_required", payment.Pending}, // nobody paid: it never counts
	} {
		f.set(func(f *fake) {
			f.sessions[made.Transaction]["status"], f.sessions[made.Transaction]["payment_status"] = c.status, c.paid
		})

		said, err := gateway.Status(t.Context(), of, made.Transaction)
		require.NoError(t, err)
		require.Equal(t, c.want, said.State, c)
	}

	f.set(func(f *fake) { f.sessions[made.Transaction]["status"] = "strange" })

	_, err = gateway.Status(t.Context(), of, made.Transaction)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}

func TestTestModeIsNoMoney(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t)
	f, address := newFake(t)
	f.live = false
	gateway := stripe.New(vault, address)
	t.Cleanup(gateway.Close)

	_, err := gateway.Bill(t.Context(), invoice(of))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))

	of.Shop.Gateways[0].Sandbox = true
	made, err := gateway.Bill(t.Context(), invoice(of))
	require.NoError(t, err)

	said, err := gateway.Status(t.Context(), of, made.Transaction)
	require.NoError(t, err)
	require.True(t, said.Sandbox)
}

// Signatures as Stripe's page on webhooks has them, and as it does not.
func TestSignatures(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t)
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	gateway := stripe.New(vault, "http://127.0.0.1:1")
	gateway.SetClock(now)

	body := event("cs_1", "LP-A1-1001")
	right := signed(body, gatewaytest.HookKey, now.Now())
	stamp, signature, _ := strings.Cut(right, ",")
	signature, old, _ := strings.Cut(signature, ",")

	for name, c := range map[string]struct {
		header string
		good   bool
	}{
		"right":                     {right, true},
		"without the old scheme":    {stamp + "," + signature, true},
		"the signature first":       {signature + "," + stamp, true},
		"another one before":        {stamp + ",v1=" + strings.Repeat("0", 64) + "," + signature, true},
		"4 minutes 59 old":          {signed(body, gatewaytest.HookKey, now.Now().Add(-299*time.Second)), true},
		"5 minutes ahead":           {signed(body, gatewaytest.HookKey, now.Now().Add(5*time.Minute)), true},
		"5 minutes and a bit old":   {signed(body, gatewaytest.HookKey, now.Now().Add(-301*time.Second)), false},
		"far ahead":                 {signed(body, gatewaytest.HookKey, now.Now().Add(time.Hour)), false},
		"another secret":            {signed(body, "whsec_other", now.Now()), false},
		"no secret":                 {signed(body, "", now.Now()), false},
		"another body":              {signed(append(body, ' '), gatewaytest.HookKey, now.Now()), false},
		"nothing":                   {"", false},
		"no time":                   {signature, false},
		"no signature":              {stamp, false},
		"the old scheme only":       {stamp + "," + old, false},
		"two times":                 {right + "," + stamp, false},
		"another time":              {"t=" + strconv.FormatInt(now.Now().Unix()-1, 10) + "," + signature, false},
		"a time with a plus":        {strings.Replace(right, "t=", "t=+", 1), false},
		"a time with a zero before": {strings.Replace(right, "t=", "t=0", 1), false},
		"a negative time":           {strings.Replace(right, "t=", "t=-", 1), false},
		"a cut signature":           {right[:len(stamp)+40], false},
		"in capitals":               {stamp + ",V1=" + signature[3:], false},
		"too many":                  {stamp + strings.Repeat(",v1="+strings.Repeat("0", 64), 100) + "," + signature, false},
	} {
		_, err := gateway.Authenticate(t.Context(), of, payment.Notification{
			Headers: map[string]string{"stripe-signature": c.header}, Body: body,
		})
		assert.Equal(t, c.good, err == nil, "%s: %v", name, err)
		assert.Contains(t, []errs.Code{"", errs.Unauthorized}, errs.CodeOf(err), name)
	}

	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "stripe"), "whsec_next"))

	_, err := gateway.Authenticate(t.Context(), of, payment.Notification{Headers: map[string]string{"stripe-signature": right}, Body: body})
	require.NoError(t, err, "the previous secret counts")
}

// An event that is authentic and about something else is none of ours.
func TestEventsOfOtherThings(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t)
	gateway := stripe.New(vault, "http://127.0.0.1:1")

	for _, body := range []string{
		`{}`, `[]`, `null`, `{"data":{"object":{"id":"pi_1","object":"payment_intent","client_reference_id":"LP-A1-1"}}}`,
		`{"data":{"object":{"id":"cs_1","object":"checkout.session"}}}`,
		`{"data":{"object":{"id":"../x","object":"checkout.session","client_reference_id":"y"}}}`,
		`{"data":{"object":{"id":7,"object":"checkout.session","client_reference_id":"y"}}}`, `not json`,
	} {
		_, err := gateway.Authenticate(t.Context(), of, payment.Notification{
			Headers: map[string]string{"stripe-signature": signed([]byte(body), gatewaytest.HookKey, time.Now())}, Body: []byte(body),
		})
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), body)
	}
}

func FuzzAuthenticate(f *testing.F) {
	now := clock.NewManual(time.Unix(1_795_244_400, 0))
	body := event("cs_1", "LP-A1-1001")

	f.Add(signed(body, gatewaytest.HookKey, now.Now()), string(body), true)
	f.Add("t=1,v1=", "{}", false)
	f.Add("t=1795244400,v1=00,v1=zz,,=,t", "[]", false)

	vault := vaults.New(clock.System{}, fault.None{})
	if err := vault.Rotate(f.Context(), store.GatewayHookName("kopi", "stripe"), gatewaytest.HookKey); err != nil {
		f.Fatal(err)
	}

	of := store.Store{ID: "kopi", Shop: store.Shop{Gateways: []store.Account{{Gateway: "stripe"}}}}
	gateway := stripe.New(vault, "http://127.0.0.1:1")
	gateway.SetClock(now)

	f.Fuzz(func(t *testing.T, header, body string, sign bool) {
		if sign {
			header = signed([]byte(body), gatewaytest.HookKey, now.Now())
		}

		notice, err := gateway.Authenticate(t.Context(), of, payment.Notification{
			Headers: map[string]string{"stripe-signature": header}, Body: []byte(body),
		})

		code := errs.CodeOf(err)
		if !slices.Contains([]errs.Code{"", errs.Invalid, errs.Unauthorized}, code) || sign && code == errs.Unauthorized {
			t.Fatalf("%q %q: %v", header, body, err)
		}

		if err == nil && (notice.Reference == "" || notice.Transaction == "") {
			t.Fatalf("%q names %+v", body, notice)
		}

		if !sign && code != errs.Unauthorized && header != signed([]byte(body), gatewaytest.HookKey, now.Now()) &&
			!strings.Contains(header, hexOf([]byte(body), now.Now())) {
			t.Fatalf("forged: %q %q", header, body)
		}
	})
}

// hexOf is the right signature alone.
func hexOf(body []byte, at time.Time) string {
	_, rest, _ := strings.Cut(signed(body, gatewaytest.HookKey, at), "v1=")
	signature, _, _ := strings.Cut(rest, ",")

	return signature
}
