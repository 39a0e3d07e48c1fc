package paypal_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	"github.com/lapak-id/lapak/shared/paypal"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	client = "client-id"
	hookID = "1JE4291016473214C"
	rate   = 16_000
)

// fake behaves like PayPal as far as orders and webhooks go.
type fake struct {
	mu       sync.Mutex
	orders   map[string]map[string]any
	made     map[string]string // by request id
	captured map[string]int    // charges by order
	tokens   int               // given
	stale    bool              // the tokens given so far count no more
	down     bool
	busy     bool
	cut      int
	declines bool
}

func newFake(t *testing.T) (*fake, string) {
	t.Helper()

	f := &fake{orders: map[string]map[string]any{}, made: map[string]string{}, captured: map[string]int{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)

	return f, server.URL
}

//nolint:cyclop // a table of what is answered
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()

	refuse := func(status int, name string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"name":%q,"message":"no"}`, name)
	}
	body, _ := io.ReadAll(r.Body)

	if f.down {
		refuse(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")

		return
	}

	if r.URL.Path == "/v1/oauth2/token" {
		right := "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+gatewaytest.Key))
		if r.Header.Get("Authorization") != right || string(body) != "grant_type=client_credentials" {
			refuse(http.StatusUnauthorized, "invalid_client")

			return
		}

		f.tokens++
		f.stale = false
		fmt.Fprintf(w, `{"access_token":"A21AA-%d","token_type":"Bearer","expires_in":32400}`, f.tokens)

		return
	}

	if f.stale || r.Header.Get("Authorization") != fmt.Sprintf("Bearer A21AA-%d", f.tokens) {
		refuse(http.StatusUnauthorized, "AUTHENTICATION_FAILURE")

		return
	}

	if f.busy {
		refuse(http.StatusTooManyRequests, "RATE_LIMIT_REACHED")

		return
	}

	if r.URL.Path == "/v1/notifications/verify-webhook-signature" {
		f.verify(w, body)

		return
	}

	id, action, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v2/checkout/orders"), "/"), "/")

	switch order := f.orders[id]; {
	case id == "" && r.Method == http.MethodPost:
		f.create(w, r, body)
	case order == nil:
		refuse(http.StatusNotFound, "RESOURCE_NOT_FOUND")
	case r.Method == http.MethodPatch && order["status"] == "COMPLETED":
		refuse(http.StatusUnprocessableEntity, "ORDER_ALREADY_COMPLETED")
	case r.Method == http.MethodPatch:
		var changes []map[string]string
		_ = json.Unmarshal(body, &changes)
		unit(order)["custom_id"] = changes[0]["value"]

		w.WriteHeader(http.StatusNoContent)
	case action == "capture" && f.declines:
		refuse(http.StatusUnprocessableEntity, "INSTRUMENT_DECLINED")
	case action == "capture":
		if order["status"] == "APPROVED" {
			f.captured[id]++
			order["status"] = "COMPLETED"
			unit(order)["payments"] = map[string]any{"captures": []any{map[string]any{
				"status": "COMPLETED", "amount": unit(order)["amount"], "create_time": time.Now().UTC().Format(time.RFC3339),
			}}}
		}

		f.answer(w, order, true)
	default:
		f.answer(w, order, false)
	}
}

func unit(order map[string]any) map[string]any {
	units, _ := order["purchase_units"].([]any)
	first, _ := units[0].(map[string]any)

	return first
}

func (f *fake) create(w http.ResponseWriter, r *http.Request, body []byte) {
	key := r.Header.Get("Paypal-Request-Id")

	id, ok := f.made[key]
	if !ok {
		var order map[string]any
		_ = json.Unmarshal(body, &order)

		id = fmt.Sprintf("5O190127TN36471%02d", len(f.orders))
		order["id"], order["status"] = id, "PAYER_ACTION_REQUIRED"
		order["links"] = []any{map[string]any{"rel": "payer-action", "href": "https://www.paypal.com/checkoutnow?token=" + id}}
		f.orders[id], f.made[key] = order, id
	}

	w.WriteHeader(http.StatusCreated)
	f.answer(w, f.orders[id], true)
}

func (f *fake) answer(w http.ResponseWriter, order map[string]any, effect bool) {
	if effect && f.cut > 0 {
		f.cut--

		panic(http.ErrAbortHandler)
	}

	_ = json.NewEncoder(w).Encode(order) //nolint:errchkjson // it was decoded from JSON
}

// verify accepts what newNotification makes.
func (f *fake) verify(w http.ResponseWriter, body []byte) {
	var asked map[string]json.RawMessage
	_ = json.Unmarshal(body, &asked)

	text := func(name string) string {
		var value string
		_ = json.Unmarshal(asked[name], &value)

		return value
	}
	verdict := "FAILURE"

	if text("webhook_id") == hookID && text("transmission_sig") == "signature over "+string(asked["webhook_event"]) &&
		text("auth_algo") == "SHA256withRSA" && text("cert_url") == "https://api.paypal.com/cert" &&
		text("transmission_id") == "69cd13f0" && text("transmission_time") == "2026-11-21T07:00:00Z" {
		verdict = "SUCCESS"
	}

	fmt.Fprintf(w, `{"verification_status":%q}`, verdict)
}

func newNotification(body string) payment.Notification {
	return payment.Notification{Gateway: "paypal", Body: []byte(body), Headers: map[string]string{
		"paypal-auth-algo": "SHA256withRSA", "paypal-cert-url": "https://api.paypal.com/cert", "paypal-transmission-id": "69cd13f0",
		"paypal-transmission-sig": "signature over " + body, "paypal-transmission-time": "2026-11-21T07:00:00Z",
	}}
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()

	change(f)
}

func (f *fake) approve(id string) {
	f.set(func(f *fake) {
		if f.orders[id]["status"] == "PAYER_ACTION_REQUIRED" {
			f.orders[id]["status"] = "APPROVED"
		}
	})
}

func TestConformance(t *testing.T) {
	t.Parallel()

	gatewaytest.Run(t, func(t *testing.T, vault secret.Vault) gatewaytest.Subject {
		t.Helper()

		f, address := newFake(t)
		gateway := paypal.New(vault, address, rate)
		t.Cleanup(gateway.Close)

		return gatewaytest.Subject{
			Gateway: gateway, Account: store.Account{Gateway: "paypal", Project: client, Hook: hookID}, Method: payment.Card,
			Pay: func(_ *testing.T, transaction string) { f.approve(transaction) },
			Notify: func(_ *testing.T, transaction, reference string) payment.Notification {
				return newNotification(fmt.Sprintf(
					`{"event_type": "CHECKOUT.ORDER.APPROVED", "a": "<&> é", "resource":{"id": %q, "purchase_units":[{"custom_id":%q}]}}`,
					transaction, paypal.Mark(reference, 49_000, 307, gatewaytest.Key)))
			},
			Settle: func(*testing.T) {},
			Outage: func(_ *testing.T, off bool) { f.set(func(f *fake) { f.down = off }) },
			Cut:    func(*testing.T) { f.set(func(f *fake) { f.cut = 2 }) },
			Busy:   func(_ *testing.T, busy bool) { f.set(func(f *fake) { f.busy = busy }) },
			Fixed:  true,
		}
	})
}

// world is a store with an account before a PayPal.
type world struct {
	*fake

	gateway *paypal.Gateway
	vault   *vaults.Vault
	store   store.Store
}

func newWorld(t *testing.T) world {
	t.Helper()

	vault := vaults.New(clock.System{}, fault.None{})
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayKeyName("kopi", "paypal"), gatewaytest.Key))

	f, address := newFake(t)
	gateway := paypal.New(vault, address, rate)
	t.Cleanup(gateway.Close)

	return world{f, gateway, vault, store.Store{ID: "kopi", BotUsername: "kopi_bot", Shop: store.Shop{Gateways: []store.Account{
		{Gateway: "paypal", Project: client, Hook: hookID},
	}}}}
}

func (w world) bill(t *testing.T) string {
	t.Helper()

	made, err := w.gateway.Bill(t.Context(), payment.Invoice{
		Store: w.store, Reference: "LP-A1-1001", Method: payment.Card, Amount: money.IDR(49_000), Title: "Netflix",
	})
	require.NoError(t, err)

	return made.Transaction
}

// A bill of rupiah is in dollars, rounded up, and is worth its rupiah again.
func TestRupiahBecomeDollarsAndBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	id := w.bill(t)
	require.Equal(t, map[string]any{"currency_code": "USD", "value": "3.07"}, unit(w.orders[id])["amount"], "49,000 / 16,000 = 3.0625")

	w.approve(id)

	said, err := w.gateway.Status(t.Context(), w.store, id)
	require.NoError(t, err)
	require.Equal(t, money.IDR(49_000), said.Amount)

	for paid, want := range map[string]int64{
		"3.07": 49_000, "3.06": 48_840, "6.14": 98_000, "0.00": 0, "3": 47_882, "3.7": 0, "-3.07": 0, "x": 0, "": 0, "99999999999.00": 0,
	} {
		assert.Equal(t, want, paypal.Worth(49_000, 307, paid), paid)
	}
}

// Asking is what charges; asking again, or a lost answer, charges once.
func TestAnApprovedOrderIsChargedOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	id := w.bill(t)
	w.approve(id)
	w.set(func(f *fake) { f.cut = 2 })

	_, err := w.gateway.Status(t.Context(), w.store, id)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))

	for range 3 {
		said, err := w.gateway.Status(t.Context(), w.store, id)
		require.NoError(t, err)
		require.Equal(t, payment.Completed, said.State)
	}

	require.Equal(t, 1, w.captured[id])
}

func TestADeclinedCardMayBeFollowedByAnother(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	id := w.bill(t)
	w.approve(id)
	w.set(func(f *fake) { f.declines = true })

	said, err := w.gateway.Status(t.Context(), w.store, id)
	require.NoError(t, err)
	require.Equal(t, payment.Pending, said.State)

	w.set(func(f *fake) { f.declines = false })

	said, err = w.gateway.Status(t.Context(), w.store, id)
	require.NoError(t, err)
	require.Equal(t, payment.Completed, said.State)
}

// Anybody who knows the client's id can make an order in its name, and write
// into it what it is worth. Without our signature it is worth nothing.
func TestAnOrderThatIsNotOursIsNeverCharged(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	id := w.bill(t)
	right, _ := unit(w.orders[id])["custom_id"].(string)

	for name, custom := range map[string]string{
		"no mark":           "",
		"more rupiah":       strings.Replace(right, "/49000/", "/4900000/", 1),
		"less dollars":      strings.Replace(right, "/307/", "/1/", 1),
		"another order":     strings.Replace(right, "LP-A1-", "LP-B2-", 1),
		"another's key":     paypal.Mark("LP-A1-1001", 49_000, 307, "another-key"),
		"an empty key":      paypal.Mark("LP-A1-1001", 49_000, 307, ""),
		"no signature":      right[:strings.LastIndex(right, "/")+1],
		"a negative amount": strings.Replace(right, "/49000/", "/-49000/", 1),
		"cancelled":         "cancelled",
	} {
		w.set(func(f *fake) {
			f.orders[id]["status"] = "APPROVED"
			unit(f.orders[id])["custom_id"] = custom
		})

		said, err := w.gateway.Status(t.Context(), w.store, id)
		require.NoError(t, err)
		require.Equal(t, payment.Ended, said.State, name)
		require.Zero(t, said.Amount.Value, name)
	}

	require.Zero(t, w.captured[id])
}

// One token serves until its end, and a new one is taken where it is refused.
func TestTokensAreKept(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	now := clock.NewManual(time.Now())
	w.gateway.SetClock(now)

	id := w.bill(t)

	for range 3 {
		_, err := w.gateway.Status(t.Context(), w.store, id)
		require.NoError(t, err)
	}

	require.Equal(t, 1, w.tokens)
	now.Advance(9 * time.Hour)

	_, err := w.gateway.Status(t.Context(), w.store, id)
	require.NoError(t, err)
	require.Equal(t, 2, w.tokens)

	w.set(func(f *fake) { f.stale = true })

	_, err = w.gateway.Status(t.Context(), w.store, id)
	require.NoError(t, err, "a token that PayPal has forgotten")
	require.Equal(t, 3, w.tokens)
}

func TestEventsOfOtherThings(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	custom := paypal.Mark("LP-A1-1001", 49_000, 307, gatewaytest.Key)

	for body, code := range map[string]errs.Code{
		`{"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C6","custom_id":"` + custom +
			`","supplementary_data":{"related_ids":{"order_id":"5O1"}}}}`: "",
		`{"event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"id":"3C6","custom_id":"` + custom + `"}}`: errs.Invalid,
		`{"event_type":"BILLING.PLAN.CREATED","resource":{"id":"5O1","custom_id":"` + custom + `"}}`:      errs.Invalid,
		`{"event_type":"CHECKOUT.ORDER.APPROVED","resource":{"id":"5O1"}}`:                                errs.Invalid,
		`{"event_type":"CHECKOUT.ORDER.APPROVED","resource":[]}`:                                          errs.Invalid,
		`{}`:                    errs.Invalid,
		`[]`:                    errs.Unauthorized,
		`null`:                  errs.Unauthorized,
		`{"a":1},"b":{}`:        errs.Unauthorized, // it would write into the question
		`{"webhook_id":"mine"}`: errs.Invalid,
		``:                      errs.Unauthorized,
	} {
		notice, err := w.gateway.Authenticate(t.Context(), w.store, newNotification(body))
		assert.Equal(t, code, errs.CodeOf(err), "%s: %v", body, err)

		if code == "" {
			assert.Equal(t, payment.Notice{Reference: "LP-A1-1001", Transaction: "5O1"}, notice)
		}
	}

	w.store.Shop.Gateways[0].Hook = ""

	_, err := w.gateway.Authenticate(t.Context(), w.store, newNotification(`{}`))
	assert.Equal(t, errs.Unauthorized, errs.CodeOf(err), "without the webhook's id nothing can be proved")
}

func TestWithoutARateNothingIsOffered(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	require.Empty(t, paypal.New(w.vault, "http://127.0.0.1:1", 0).Methods(w.store, gatewaytest.Price()))
	require.Empty(t, w.gateway.Methods(w.store, money.IDR(7_000)), "under half a dollar")
	require.Empty(t, w.gateway.Methods(w.store, money.IDR(money.Max)))
}

func FuzzParseMark(f *testing.F) {
	f.Add(paypal.Mark("LP-A1-1001", 49_000, 307, "key"))
	f.Add("LP-A1-1001/49000/307/")
	f.Add("///")

	f.Fuzz(func(t *testing.T, custom string) {
		reference, signed := paypal.ParseMark(custom, "key")
		if signed && custom != paypal.Mark(reference, marked(custom, 1), marked(custom, 2), "key") {
			t.Fatalf("%q is taken for a mark of %q", custom, reference)
		}
	})
}

// marked gives a number of a mark.
func marked(custom string, field int) int64 {
	number, _ := strconv.ParseInt(strings.Split(custom, "/")[field], 10, 64)

	return number
}

func FuzzAuthenticate(f *testing.F) {
	f.Add(`{"event_type":"CHECKOUT.ORDER.APPROVED","resource":{"id":"5O1","purchase_units":[{"custom_id":"LP-A-1/1/1/x"}]}}`)
	f.Add(`{}`)
	f.Add("{\"a\":\"\xff\"}")

	vault := vaults.New(clock.System{}, fault.None{})
	if err := vault.Rotate(f.Context(), store.GatewayKeyName("kopi", "paypal"), gatewaytest.Key); err != nil {
		f.Fatal(err)
	}

	faked := &fake{orders: map[string]map[string]any{}, made: map[string]string{}, captured: map[string]int{}}
	server := httptest.NewServer(faked)
	f.Cleanup(server.Close)

	gateway := paypal.New(vault, server.URL, rate)
	f.Cleanup(gateway.Close)

	of := store.Store{ID: "kopi", Shop: store.Shop{Gateways: []store.Account{{Gateway: "paypal", Project: client, Hook: hookID}}}}

	f.Fuzz(func(t *testing.T, body string) {
		notice, err := gateway.Authenticate(t.Context(), of, newNotification(body))
		if code := errs.CodeOf(err); code != "" && code != errs.Invalid && code != errs.Unauthorized {
			t.Fatalf("%q: %v", body, err)
		}

		if err == nil && (notice.Reference == "" || notice.Transaction == "") {
			t.Fatalf("%q names %+v", body, notice)
		}
	})
}
