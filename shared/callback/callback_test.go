package callback_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	simulator "github.com/lapak-id/lapak/localstack/pakasir"
	"github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/shared/callback"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/paypal"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	seals "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/stripe"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	topics "github.com/lapak-id/lapak/shared/topic/memory"
	"github.com/lapak-id/lapak/shared/wallet"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop")) // of http.DefaultClient, which drives the simulator
}

const (
	key      = "key-0123456789"
	oldest   = "oldest-hook-secret"
	previous = "previous-hook-secret"
	current  = "current-hook-secret"
	whsec    = "whsec_0123456789"
	tehHook  = "hook-secret-of-teh"
	buyer    = int64(1001)
)

// switched is a plan that fails everything while it is told to.
type switched struct{ down bool }

func (s *switched) Next(string) fault.Kind {
	if s.down {
		return fault.FailBefore
	}

	return fault.Pass
}

func (s *switched) Wait(string) time.Duration { return 0 }

// world is the door and the desk behind it, with a real adapter for each
// gateway, and an order of 49,000 rupiah at each of two stores that awaits its
// payment at Pakasir.
type world struct {
	*callback.Handler

	state, vault *switched
	rows         *tables.Table
	orders       *order.Service
	ledger       *wallet.Ledger
	desk         *payment.Desk
	payments     *queues.Queue
	relay        *outbox.Relay
	control      *control.Client
	kopi, teh    order.Order
}

func newWorld(t *testing.T) *world {
	t.Helper()

	now := clock.NewManual(time.Now())
	w := &world{state: &switched{}, vault: &switched{}}
	w.rows = tables.New(now, w.state)
	vault := vaults.New(now, w.vault)

	simulated, err := simulator.New(simulator.Options{})
	require.NoError(t, err)

	server := httptest.NewServer(simulated)
	others := httptest.NewServer(http.HandlerFunc(elsewhere))
	t.Cleanup(func() {
		others.Close()
		server.Close()
		require.NoError(t, simulated.Close())
	})

	w.control = control.New(server.URL)
	stores := store.NewRegistry(w.rows, now)

	for id, hooks := range map[string][]secret.Value{"kopi": {oldest, previous, current}, "teh": {tehHook}} {
		shop := store.Shop{Open: true, Gateways: []store.Account{{Gateway: "pakasir", Project: id}}}
		if id == "kopi" {
			shop.Gateways = append(shop.Gateways, store.Account{Gateway: "stripe"},
				store.Account{Gateway: "paypal", Project: "client", Hook: "1JE"})
		}

		require.NoError(t, stores.Save(t.Context(), store.Store{ID: id, Name: id, Language: "id", TimeZone: "Asia/Jakarta", Shop: shop}))
		require.NoError(t, w.control.SetProject(t.Context(), control.Project{Slug: id, Key: key, Secret: string(hooks[0])}))
		require.NoError(t, vault.Rotate(t.Context(), store.GatewayKeyName(id, "pakasir"), key))

		for _, hook := range hooks {
			require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName(id, "pakasir"), hook))
		}
	}

	for _, gateway := range []string{"stripe", "paypal"} {
		require.NoError(t, vault.Rotate(t.Context(), store.GatewayKeyName("kopi", gateway), key))
	}

	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "stripe"), whsec))

	atPakasir, atStripe := pakasir.New(vault, server.URL), stripe.New(vault, others.URL)
	atPaypal := paypal.New(vault, others.URL, 16_000)

	t.Cleanup(func() {
		atPakasir.Close()
		atStripe.Close()
		atPaypal.Close()
	})

	goods := catalog.NewService(w.rows, seals.New("master", fault.None{}), now)
	w.ledger = wallet.NewLedger(w.rows, now)
	w.orders = order.NewService(w.rows, goods, w.ledger, now)
	w.payments = queues.New(now, fault.None{}, queues.Options{Name: queue.Payments})
	w.relay = outbox.NewRelay(w.rows, map[queue.Name]queue.Sender{
		queue.Payments: w.payments, queue.Deliveries: queues.New(now, fault.None{}, queues.Options{Name: queue.Deliveries}),
	}, now)
	w.desk = payment.NewDesk(payment.DeskOptions{
		Orders: w.orders, Stores: stores, Clock: now, Metrics: metric.In("test", io.Discard, now),
		Till: payment.NewGateways(tables.New(now, fault.None{}), topics.New(now, fault.None{}), now, atPakasir, atStripe, atPaypal),
	})
	w.Handler = callback.New(callback.Options{
		Stores: stores, Gateways: []payment.Notifier{atPakasir, atStripe, atPaypal}, State: w.rows, Clock: now,
	})

	w.kopi, w.teh = w.place(t, "kopi", now), w.place(t, "teh", now)

	return w
}

// elsewhere is Stripe and PayPal, which know nothing but that a signature is
// genuine which says so.
func elsewhere(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)

	switch {
	case r.URL.Path == "/v1/oauth2/token":
		fmt.Fprint(w, `{"access_token":"token","expires_in":3600}`)
	case strings.HasSuffix(r.URL.Path, "verify-webhook-signature") && strings.Contains(string(body), `"transmission_sig":"genuine"`):
		fmt.Fprint(w, `{"verification_status":"SUCCESS"}`)
	case strings.HasSuffix(r.URL.Path, "verify-webhook-signature"):
		fmt.Fprint(w, `{"verification_status":"FAILURE"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{}`)
	}
}

// place takes an order for a deposit, and has it billed.
func (w *world) place(t *testing.T, id string, now clock.Clock) order.Order {
	t.Helper()

	made, err := w.orders.Place(t.Context(), order.Request{
		Store: id, User: buyer, Chat: buyer, Language: "id", Kind: order.Deposit, Amount: 49_000, Method: "qris",
		PayIn: 15 * time.Minute, Cause: "tap", SentAt: now.Now(),
	})
	require.NoError(t, err)
	w.work(t)

	return w.now(t, made)
}

func (w *world) now(t *testing.T, of order.Order) order.Order {
	t.Helper()

	found, err := w.orders.Get(t.Context(), of.Ref())
	require.NoError(t, err)

	return found
}

// work has the desk do all that waits for it, and gives how many messages of
// notices were among it.
func (w *world) work(t *testing.T) int {
	t.Helper()

	notices := 0

	for range 100 {
		for _, row := range w.rows.All() {
			if strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
				require.NoError(t, w.relay.Forward(t.Context(), row))
			}
		}

		batch, err := w.payments.Receive(t.Context(), queue.MaxBatch, 0)
		require.NoError(t, err)

		if len(batch) == 0 {
			return notices
		}

		for _, delivery := range batch {
			var message order.Message
			require.NoError(t, json.Unmarshal(delivery.Body, &message))

			if message.Task == order.TakeNotice {
				notices++
			}

			require.NoError(t, w.desk.Handle(t.Context(), delivery), "what the desk cannot use ends, and is not tried for ever")
			require.NoError(t, w.payments.Delete(t.Context(), delivery))
		}
	}

	require.Fail(t, "the desk does not come to rest")

	return notices
}

// unsettled checks that nobody was given anything.
func (w *world) unsettled(t *testing.T) {
	t.Helper()

	for _, of := range []order.Order{w.kopi, w.teh} {
		found := w.now(t, of)
		assert.Equal(t, order.Awaiting, found.State)
		assert.Nil(t, found.Receipt)

		holds, err := w.ledger.Balance(t.Context(), of.Store, buyer)
		require.NoError(t, err)
		assert.Zero(t, holds.Value)
	}

	for _, row := range w.rows.All() {
		assert.False(t, strings.HasPrefix(row.Key.SK(), "charge#"), "counted: %s", row.Key)
	}
}

func transactionOf(of order.Order) string {
	bill, _ := of.Bill()

	return bill.Transaction
}

// notice is a notification as Pakasir sends it.
func notice(transaction, reference string, more ...string) string {
	return fmt.Sprintf(`{"txn_id":%q,"order_id":%q,"amount":49000,"is_sandbox":false,"status":"completed"%s}`,
		transaction, reference, strings.Join(more, ""))
}

// signed is Stripe's signature of a body.
func signed(body, secret string, at time.Time) string {
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + body))

	return "t=" + stamp + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

const (
	taken   = `{}`
	again   = `{"description":"taken before"}`
	refused = `{"description":"unknown store or gateway, or no proof of origin"}`
	nothing = `{"description":"dropped: names no payment"}`
	stray   = `{"description":"dropped: of no order"}`
	large   = `{"description":"too large"}`
	later   = `{"description":"try again"}`
)

// attack is a bad callback, made for a world.
type attack struct {
	request func(w *world) callback.Request
	status  int
	answer  string
	asks    bool // the gateway is asked
}

// toPakasir is a call of kopi's Pakasir with a secret and a body.
func toPakasir(secret string, body func(w *world) string) func(*world) callback.Request {
	return func(w *world) callback.Request {
		return callback.Request{
			Store: "kopi", Gateway: "pakasir", Headers: map[string]string{"x-secret": secret}, Body: []byte(body(w)),
		}
	}
}

func right(w *world) string { return notice(transactionOf(w.kopi), w.kopi.Ref().Reference()) }

// proving is the right notification with another proof.
func proving(secret string) attack {
	return attack{toPakasir(secret, right), 401, refused, false}
}

// saying is the right proof of another body.
func saying(body, answer string) attack {
	return attack{toPakasir(current, func(*world) string { return body }), 200, answer, false}
}

// naming is the right proof of a notification about something.
func naming(of func(w *world) string) attack {
	return attack{toPakasir(current, of), 200, taken, true}
}

// to is the right notification, sent elsewhere.
func to(id, gateway string) attack {
	return attack{func(w *world) callback.Request {
		request := toPakasir(current, right)(w)
		request.Store, request.Gateway = id, gateway

		return request
	}, 401, refused, false}
}

// toStripe is an event of kopi's Stripe with a signature.
func toStripe(header func(body string) string, status int, answer string, asks bool) attack {
	return attack{func(w *world) callback.Request {
		body := fmt.Sprintf(`{"data":{"object":{"id":"cs_1","object":"checkout.session","client_reference_id":%q}}}`,
			w.kopi.Ref().Reference())

		return callback.Request{
			Store: "kopi", Gateway: "stripe", Headers: map[string]string{"stripe-signature": header(body)}, Body: []byte(body),
		}
	}, status, answer, asks}
}

// toPaypal is an event of kopi's PayPal with a signature.
func toPaypal(signature string, change func(map[string]string), status int, answer string, asks bool) attack {
	return attack{func(w *world) callback.Request {
		headers := map[string]string{
			"paypal-auth-algo": "SHA256withRSA", "paypal-cert-url": "https://api.paypal.com/cert", "paypal-transmission-id": "69cd",
			"paypal-transmission-sig": signature, "paypal-transmission-time": "2026-11-21T07:00:00Z",
		}
		change(headers)

		return callback.Request{
			Store: "kopi", Gateway: "paypal", Headers: headers, Body: fmt.Appendf(nil,
				`{"event_type":"CHECKOUT.ORDER.APPROVED","resource":{"id":"5O1","purchase_units":[{"custom_id":"%s/49000/307/forged"}]}}`,
				w.kopi.Ref().Reference()),
		}
	}, status, answer, asks}
}

// attacks lists bad callbacks and the answer that each gets. None of them may
// give anybody anything.
func attacks() map[string]attack {
	as := func(map[string]string) {}
	hour := func(offset time.Duration) func(string) string {
		return func(body string) string { return signed(body, whsec, time.Now().Add(offset)) }
	}

	return map[string]attack{
		// Who it says it is.
		"no secret at all": {func(w *world) callback.Request {
			return callback.Request{Store: "kopi", Gateway: "pakasir", Body: []byte(right(w))}
		}, 401, refused, false},
		"an empty secret":               proving(""),
		"a wrong secret":                proving("wrong"),
		"the secret of another store":   proving(tehHook),
		"the key of the account":        proving(key),
		"an older secret":               proving(oldest),
		"part of the secret":            proving(current[:10]),
		"the secret and a space":        proving(current + " "),
		"the secret and a NUL":          proving(current + "\x00"),
		"the secret in capitals":        proving(strings.ToUpper(current)),
		"the header twice, wrong first": proving("wrong," + current),
		"the header twice, right first": proving(current + ",wrong"),
		"the secret twice":              proving(current + "," + current),
		"the secret in look-alikes":     proving(strings.ReplaceAll(current, "c", "с")), // Cyrillic
		"the secret with a joiner":      proving("current\u200d-hook-secret"),
		"a huge secret":                 proving(strings.Repeat("x", 1<<20)),
		"an unknown store":              to("nobody", "pakasir"),
		"no store":                      to("", "pakasir"),
		"a store like a path":           to("../kopi", "pakasir"),
		"a store in capitals":           to("KOPI", "pakasir"),
		"a store with a separator":      to("kopi#orders", "pakasir"),
		"another store":                 to("teh", "pakasir"),
		"an unknown gateway":            to("kopi", "midtrans"),
		"no gateway":                    to("kopi", ""),
		"a gateway in capitals":         to("kopi", "PAKASIR"),
		"Stars, which send none":        to("kopi", "stars"),
		"a gateway without an account":  to("teh", "stripe"),
		"another gateway's proof":       to("kopi", "stripe"),
		"a third gateway's proof":       to("kopi", "paypal"),

		// What it is.
		"nothing":                   saying("", nothing),
		"blanks":                    saying(" \n\t", nothing),
		"cut off":                   saying(`{"txn_id":"TXN1","order_id":"LP-`, nothing),
		"two in one":                saying(notice("T1", "LP-A-1")+notice("T2", "LP-A-1"), nothing),
		"an array":                  saying("["+notice("T1", "LP-A-1")+"]", nothing),
		"null":                      saying("null", nothing),
		"a number":                  saying("49000", nothing),
		"a text":                    saying(`"completed"`, nothing),
		"HTML":                      saying("<html>", nothing),
		"a form":                    saying("txn_id=TXN1&order_id=LP-A-1", nothing),
		"not UTF-8":                 saying("{\"txn_id\":\"\xff\",\"order_id\":\"LP-A-1\"}", nothing),
		"deep":                      saying(strings.Repeat("[", 20_000), nothing),
		"an empty object":           saying("{}", nothing),
		"a number as transaction":   saying(`{"txn_id":7,"order_id":"LP-A-1"}`, nothing),
		"an array as order":         saying(`{"txn_id":"T1","order_id":["LP-A-1"]}`, nothing),
		"an amount as text":         saying(`{"txn_id":"T1","order_id":"LP-A-1","amount":"49000"}`, nothing),
		"an amount without end":     saying(`{"txn_id":"T1","order_id":"LP-A-1","amount":1e400}`, nothing),
		"no transaction":            saying(`{"order_id":"LP-A-1","status":"completed"}`, nothing),
		"no order":                  saying(`{"txn_id":"T1","status":"completed"}`, nothing),
		"a path as transaction":     saying(notice("../../control/state", "LP-A-1"), nothing),
		"a query as transaction":    saying(notice("T1?x=1", "LP-A-1"), nothing),
		"Stripe's shape":            saying(`{"data":{"object":{"id":"cs_1","client_reference_id":"LP-A-1"}}}`, nothing),
		"PayPal's shape":            saying(`{"event_type":"CHECKOUT.ORDER.APPROVED","resource":{"id":"5O1"}}`, nothing),
		"an order of another shop":  saying(notice("T1", "INV-2026-11-21"), stray),
		"a reference in lower case": saying(notice("T1", "lp-a-1001"), stray),
		"a person of zero":          saying(notice("T1", "LP-A-0"), stray),
		"a negative person":         saying(notice("T1", "LP-A--1001"), stray),
		"a person with a plus":      saying(notice("T1", "LP-A-+1001"), stray),
		"a person beyond measure":   saying(notice("T1", "LP-A-99999999999999999999"), stray),
		"another hyphen":            saying(notice("T1", "LP\u2010A\u20101001"), stray),
		"too large": {func(w *world) callback.Request {
			request := toPakasir(current, right)(w)
			request.Body = append(request.Body, strings.Repeat(" ", callback.MaxBody)...)

			return request
		}, 413, large, false},
		"too large, and not proved": {func(*world) callback.Request {
			return callback.Request{Store: "kopi", Gateway: "pakasir", Body: make([]byte, callback.MaxBody+1)}
		}, 413, large, false},

		// What it names. All of these prove where they come from, and lie.
		"paid, but it is not":      naming(right),
		"by the previous secret":   {toPakasir(previous, right), 200, taken, true},
		"an amount below zero":     naming(func(w *world) string { return strings.Replace(right(w), "49000", "-49000", 1) }),
		"more than was asked":      naming(func(w *world) string { return strings.Replace(right(w), "49000", "9000000", 1) }),
		"an unknown state":         naming(func(w *world) string { return strings.Replace(right(w), "completed", "PAID!", 1) }),
		"cancelled, but it is not": naming(func(w *world) string { return strings.Replace(right(w), "completed", "canceled", 1) }),
		"an unknown transaction":   naming(func(w *world) string { return notice("TXNUNKNOWN", w.kopi.Ref().Reference()) }),
		"an unknown order":         naming(func(w *world) string { return notice(transactionOf(w.kopi), "LP-NOBODY-1001") }),
		"another person's order":   naming(func(w *world) string { return notice(transactionOf(w.kopi), "LP-"+w.kopi.ID+"-1002") }),
		"another store's payment":  naming(func(w *world) string { return notice(transactionOf(w.teh), w.kopi.Ref().Reference()) }),
		"another store's order":    naming(func(w *world) string { return notice(transactionOf(w.teh), w.teh.Ref().Reference()) }),
		"fields twice, the last one": naming(func(w *world) string {
			return notice("T1", "LP-A-1", `,"order_id":"`+w.kopi.Ref().Reference()+`"`)
		}),

		// The other gateways.
		"Stripe: unsigned":         toStripe(func(string) string { return "" }, 401, refused, false),
		"Stripe: signed by nobody": toStripe(func(b string) string { return signed(b, "", time.Now()) }, 401, refused, false),
		"Stripe: another secret":   toStripe(func(b string) string { return signed(b, "whsec_other", time.Now()) }, 401, refused, false),
		"Stripe: another body":     toStripe(func(b string) string { return signed(b+" ", whsec, time.Now()) }, 401, refused, false),
		"Stripe: stale":            toStripe(hour(-6*time.Minute), 401, refused, false),
		"Stripe: from the future":  toStripe(hour(6*time.Minute), 401, refused, false),
		"Stripe: two times":        toStripe(func(b string) string { return "t=1," + signed(b, whsec, time.Now()) }, 401, refused, false),
		"Stripe: two headers": toStripe(func(b string) string {
			return signed(b, "x", time.Now()) + "," + signed(b, whsec, time.Now())
		}, 401, refused, false),
		"Stripe: of no session": toStripe(func(b string) string { return signed(b, whsec, time.Now()) }, 200, taken, true),
		"PayPal: unsigned": toPaypal("genuine", func(h map[string]string) { delete(h, "paypal-transmission-sig") },
			401, refused, false),
		"PayPal: forged":   toPaypal("forged", as, 401, refused, false),
		"PayPal: no order": toPaypal("genuine", as, 200, taken, true),
		"PayPal: no time": toPaypal("genuine", func(h map[string]string) { delete(h, "paypal-transmission-time") },
			401, refused, false),
		"PayPal: a huge field": toPaypal("genuine", func(h map[string]string) {
			h["paypal-cert-url"] = strings.Repeat("x", 1000)
		}, 401, refused, false),
	}
}

// Every bad callback gets its answer, and whatever is taken settles nothing,
// also when it comes again.
func TestBadCallbacks(t *testing.T) {
	t.Parallel()

	require.GreaterOrEqual(t, len(attacks()), 40)

	for name, c := range attacks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			request := c.request(w)

			response := w.Serve(t.Context(), request)
			assert.Equal(t, c.status, response.Status)
			assert.JSONEq(t, c.answer, string(response.Body))
			assert.Equal(t, c.asks, w.work(t) > 0, "the gateway is asked about what may be true")
			w.unsettled(t)

			if c.answer == taken {
				response = w.Serve(t.Context(), request)
				assert.Equal(t, 200, response.Status)
				assert.JSONEq(t, again, string(response.Body))
				assert.Zero(t, w.work(t), "a replay is asked about once")
				w.unsettled(t)
			}
		})
	}
}

// A gateway that lies in its status settles nothing either.
func TestALyingStatusSettlesNothing(t *testing.T) {
	t.Parallel()

	for _, lie := range []control.Lie{control.LieOrder, control.LieTransaction, control.LieSandbox, control.LieGarbage, control.LieUnpaid} {
		t.Run(string(lie), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			require.NoError(t, w.control.Act(t.Context(), transactionOf(w.kopi), control.Pay))
			require.NoError(t, w.control.SetFaults(t.Context(), control.Faults{Lie: lie}))
			require.Equal(t, 200, w.Serve(t.Context(), toPakasir(current, right)(w)).Status)
			require.Positive(t, w.work(t))
			w.unsettled(t)
		})
	}
}

// A payment that is real, but of another order, pays for nobody but its own.
func TestAPaymentOfAnotherOrder(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	other, err := w.orders.Place(t.Context(), order.Request{
		Store: "kopi", User: 1002, Chat: 1002, Language: "id", Kind: order.Deposit, Amount: 49_000, Method: "qris",
		PayIn: 15 * time.Minute, Cause: "tap", SentAt: time.Now(),
	})
	require.NoError(t, err)
	w.work(t)

	other = w.now(t, other)
	require.NoError(t, w.control.Act(t.Context(), transactionOf(other), control.Pay))

	crossed := toPakasir(current, func(w *world) string { return notice(transactionOf(other), w.kopi.Ref().Reference()) })
	require.Equal(t, 200, w.Serve(t.Context(), crossed(w)).Status)
	require.Equal(t, 1, w.work(t))
	w.unsettled(t)
	require.Equal(t, order.Awaiting, w.now(t, other).State, "its own notification has not come")
}

// A hundred copies of one notification at once are one row and one settlement.
func TestAHundredCopiesSettleOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	require.NoError(t, w.control.Act(t.Context(), transactionOf(w.kopi), control.Pay))

	var (
		all     sync.WaitGroup
		mu      sync.Mutex
		answers = map[string]int{}
	)

	for range 100 {
		all.Go(func() {
			response := w.Serve(context.WithoutCancel(t.Context()), toPakasir(current, right)(w))

			mu.Lock()
			defer mu.Unlock()

			answers[strconv.Itoa(response.Status)+" "+string(response.Body)]++
		})
	}

	all.Wait()
	assert.Equal(t, map[string]int{"200 " + taken: 1, "200 " + again: 99}, answers)
	assert.Equal(t, 1, w.work(t))

	found := w.now(t, w.kopi)
	require.NotNil(t, found.Receipt)
	assert.Equal(t, money.IDR(49_000), found.Receipt.Amount)

	holds, err := w.ledger.Balance(t.Context(), "kopi", buyer)
	require.NoError(t, err)
	assert.EqualValues(t, 49_000, holds.Value, "once")
}

// What is out of reach says so, and what was sent comes again and is taken.
func TestOutOfReach(t *testing.T) {
	t.Parallel()

	for name, fail := range map[string]func(*world) *switched{
		"the state":   func(w *world) *switched { return w.state },
		"the secrets": func(w *world) *switched { return w.vault },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			request := toPakasir(current, right)(w)
			fail(w).down = true

			response := w.Serve(t.Context(), request)
			assert.Equal(t, 503, response.Status)
			assert.JSONEq(t, later, string(response.Body))

			fail(w).down = false
			assert.Equal(t, 200, w.Serve(t.Context(), request).Status)
			assert.Equal(t, 1, w.work(t))
		})
	}
}

// A notification is kept as it came, for 30 days, without what proves it.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := toPakasir(current, right)(w)
	request.Body = append(request.Body, ' ', '\n')
	require.Equal(t, 200, w.Serve(t.Context(), request).Status)

	var kept []map[string]any

	for _, row := range w.rows.All() {
		assert.NotContains(t, string(row.Body), current)

		if !strings.HasPrefix(row.Key.SK(), "notice#") {
			continue
		}

		assert.Equal(t, "store#kopi#notices#"+time.Now().UTC().Format(time.DateOnly), row.Key.PK())
		assert.WithinDuration(t, time.Now().Add(30*24*time.Hour), row.Expires, time.Minute)

		var body map[string]any
		require.NoError(t, json.Unmarshal(row.Body, &body))

		kept = append(kept, body)
	}

	require.Len(t, kept, 1)
	assert.Equal(t, base64.StdEncoding.EncodeToString(request.Body), kept[0]["body"], "byte for byte")
	assert.Equal(t, "pakasir", kept[0]["gateway"])
	assert.Equal(t, transactionOf(w.kopi), kept[0]["transaction"])
}

// The HTTP API's own forms: base64, names of headers in any case, any content
// type.
func TestHTTP(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	path := map[string]string{"gateway": "pakasir", "store": "kopi"}

	for name, c := range map[string]struct {
		call   events.APIGatewayV2HTTPRequest
		status int
	}{
		"plain": {events.APIGatewayV2HTTPRequest{
			PathParameters: path, Headers: map[string]string{"x-secret": current}, Body: right(w),
		}, 200},
		"base64": {events.APIGatewayV2HTTPRequest{
			PathParameters: path, Headers: map[string]string{"X-Secret": current, "content-type": "application/x-www-form-urlencoded"},
			Body: base64.StdEncoding.EncodeToString([]byte(right(w))), IsBase64Encoded: true,
		}, 200},
		"not base64": {events.APIGatewayV2HTTPRequest{
			PathParameters: path, Headers: map[string]string{"x-secret": current}, Body: right(w), IsBase64Encoded: true,
		}, 400},
		"base64 that says it is not": {events.APIGatewayV2HTTPRequest{
			PathParameters: path, Headers: map[string]string{"x-secret": current},
			Body: base64.StdEncoding.EncodeToString([]byte(right(w))),
		}, 200},
		"the secret in the query": {events.APIGatewayV2HTTPRequest{
			PathParameters: path, QueryStringParameters: map[string]string{"x-secret": current}, Body: right(w),
		}, 401},
		"no path": {events.APIGatewayV2HTTPRequest{Headers: map[string]string{"x-secret": current}, Body: right(w)}, 401},
	} {
		answer, err := w.HTTP(t.Context(), c.call)
		require.NoError(t, err)
		assert.Equal(t, c.status, answer.StatusCode, name)
	}
}

func FuzzServe(f *testing.F) {
	for _, c := range []string{notice("T1", "LP-A-1001"), "{}", "[]", "", "\xff", notice("../x", "LP-A-1"), notice("T1", "LP-A-1-1")} {
		f.Add("kopi", "pakasir", current, []byte(c))
	}

	f.Add("../kopi", "stripe", "t=1,v1=00", []byte("{}"))

	documented := map[int]bool{200: true, 401: true, 413: true}

	f.Fuzz(func(t *testing.T, id, gateway, proof string, body []byte) {
		now := clock.NewManual(time.Unix(1_795_244_400, 0))
		rows, vault := tables.New(now, fault.None{}), vaults.New(now, fault.None{})
		stores := store.NewRegistry(rows, now)

		if err := stores.Save(t.Context(), store.Store{ID: "kopi", TimeZone: "Asia/Jakarta", Shop: store.Shop{
			Gateways: []store.Account{{Gateway: "pakasir", Project: "kopi"}, {Gateway: "stripe"}},
		}}); err != nil {
			t.Fatal(err)
		}

		for _, gateway := range []string{"pakasir", "stripe"} {
			if err := vault.Rotate(t.Context(), store.GatewayHookName("kopi", gateway), current); err != nil {
				t.Fatal(err)
			}
		}

		door := callback.New(callback.Options{Stores: stores, State: rows, Clock: now, Gateways: []payment.Notifier{
			pakasir.New(vault, "http://127.0.0.1:1"), stripe.New(vault, "http://127.0.0.1:1"),
		}})
		response := door.Serve(t.Context(), callback.Request{
			Store: id, Gateway: gateway, Headers: map[string]string{"x-secret": proof, "stripe-signature": proof}, Body: body,
		})

		if !documented[response.Status] || !json.Valid(response.Body) {
			t.Fatalf("%d %s", response.Status, response.Body)
		}

		fine := response.Status == 200 && string(response.Body) == taken && id == "kopi"
		if kept := len(rows.All()) - 1; kept != 0 && (kept != 2 || !fine) {
			t.Fatalf("%d rows for %q %q with %d %s", kept, id, gateway, response.Status, response.Body)
		}
	})
}
