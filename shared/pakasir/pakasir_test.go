package pakasir_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	simulator "github.com/lapak-id/lapak/localstack/pakasir"
	"github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/payment/gatewaytest"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop")) // of http.DefaultClient, which drives the simulator
}

const slug = "toko-kopi"

func TestConformance(t *testing.T) {
	t.Parallel()

	gatewaytest.Run(t, func(t *testing.T, vault secret.Vault) gatewaytest.Subject {
		t.Helper()

		world := newWorld(t, vault)

		return gatewaytest.Subject{
			Gateway: world.gateway, Account: store.Account{Gateway: "pakasir", Project: slug}, Method: payment.QRIS,
			Pay: func(t *testing.T, transaction string) {
				t.Helper()
				require.NoError(t, world.control.Act(t.Context(), transaction, control.Pay))
			},
			Notify: func(_ *testing.T, transaction, reference string) payment.Notification {
				return payment.Notification{
					Gateway: "pakasir", Headers: map[string]string{"x-secret": gatewaytest.HookKey},
					Body: fmt.Appendf(nil, `{"txn_id":%q,"order_id":%q,"amount":49000,"status":"completed"}`, transaction, reference),
				}
			},
			Settle: world.settle,
			Outage: func(t *testing.T, off bool) {
				t.Helper()
				require.NoError(t, world.control.SetFaults(t.Context(), control.Faults{Outage: off}))
			},
			Cut: func(t *testing.T) {
				t.Helper()
				require.NoError(t, world.control.SetFaults(t.Context(), control.Faults{Cut: 2})) // the call and its second try
			},
			Busy: func(t *testing.T, _ bool) { // it was asked a moment ago, by somebody else
				t.Helper()
				world.askElsewhere(t)
			},
		}
	})
}

// world is the gateway before a simulator of Pakasir.
type world struct {
	gateway *pakasir.Gateway
	control *control.Client
	clock   *clock.Manual
	address string
}

func newWorld(t *testing.T, vault secret.Vault) *world {
	t.Helper()

	simulated, err := simulator.New(simulator.Options{})
	require.NoError(t, err)

	server := httptest.NewServer(simulated)
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, simulated.Close())
	})

	made := &world{
		gateway: pakasir.New(vault, server.URL+"/"), control: control.New(server.URL),
		clock: clock.NewManual(time.Now()), address: server.URL,
	}
	made.gateway.SetClock(made.clock)
	t.Cleanup(made.gateway.Close)
	require.NoError(t, made.control.SetProject(t.Context(), control.Project{
		Slug: slug, Name: "Toko Kopi", Key: gatewaytest.Key, Secret: gatewaytest.HookKey,
	}))

	return made
}

// settle lets 4 seconds pass for both.
func (w *world) settle(t *testing.T) {
	t.Helper()

	w.clock.Advance(4 * time.Second)
	require.NoError(t, w.control.Advance(t.Context(), 4*time.Second))
}

// askElsewhere asks for the status of every transaction as another process of
// ours would.
func (w *world) askElsewhere(t *testing.T) {
	t.Helper()

	state, err := w.control.State(t.Context())
	require.NoError(t, err)

	for _, transaction := range state.Transactions {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			w.address+"/api/v2/transaction-status/"+slug+"/"+transaction.ID, http.NoBody)
		require.NoError(t, err)
		request.Header.Set("X-Api-Key", gatewaytest.Key)

		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
}

// newStore is a store with an account and its keys.
func newStore(t *testing.T, change func(*store.Store)) (store.Store, secret.Vault) {
	t.Helper()

	vault := vaults.New(clock.System{}, fault.None{})
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayKeyName("kopi", "pakasir"), gatewaytest.Key))
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "pakasir"), gatewaytest.HookKey))

	of := store.Store{ID: "kopi", Shop: store.Shop{Gateways: []store.Account{{Gateway: "pakasir", Project: slug}}}}
	if change != nil {
		change(&of)
	}

	return of, vault
}

const reference = "LP-1G7KQ2M4-1001"

func invoice(of store.Store, method payment.Method, amount int64) payment.Invoice {
	return payment.Invoice{Store: of, Reference: reference, Method: method, Amount: money.IDR(amount), Title: "Netflix"}
}

// A price with its fee as the buyer is shown it.
func TestBuyerBearsTheFee(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	w := newWorld(t, vault)

	made, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
	require.NoError(t, err)
	assert.Equal(t, money.IDR(49_000), made.Amount)
	assert.EqualValues(t, 653, made.Fee)
	assert.Equal(t, money.IDR(49_653), made.Total())
	assert.Zero(t, made.Cost)
	assert.True(t, strings.HasPrefix(made.QR, "000201010212"), made.QR)
	assert.WithinDuration(t, time.Now().Add(24*time.Hour), made.Until, time.Minute)

	account, err := w.gateway.Bill(t.Context(), invoice(of, "bri_va", 49_000))
	require.NoError(t, err)
	assert.Equal(t, money.IDR(52_500), account.Total())
	assert.Regexp(t, `^\d{16}$`, account.Account)
	assert.Empty(t, account.QR)
	assert.NotEqual(t, made.Transaction, account.Transaction)

	link, err := w.gateway.Bill(t.Context(), invoice(of, payment.Link, 49_000))
	require.NoError(t, err)
	assert.Equal(t, w.address+"/pay/"+link.Transaction, link.URL)
	assert.Equal(t, money.IDR(49_000), link.Amount)
}

func TestStoreBearsTheFee(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, func(of *store.Store) { of.Shop.StoreBearsFee = true })
	w := newWorld(t, vault)

	made, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_653))
	require.NoError(t, err)
	assert.Equal(t, money.IDR(49_000), made.Amount, "asked for what makes the price with its fee")
	assert.Equal(t, money.IDR(49_653), made.Total(), "the buyer pays the price")
	assert.EqualValues(t, 653, made.Cost)

	fee, err := w.gateway.Fee(t.Context(), of, payment.QRIS, money.IDR(49_653))
	require.NoError(t, err)
	assert.Zero(t, fee, "nothing on top of the price")

	account, err := w.gateway.Bill(t.Context(), invoice(of, "bni_va", 49_000))
	require.NoError(t, err)
	assert.Equal(t, money.IDR(45_500), account.Amount)
	assert.Equal(t, money.IDR(49_000), account.Total())
}

// For every price, what is asked with its fee is the price, or one rupiah less
// where rounding leaves out that sum; and no larger amount would do.
func TestAskForIsTheLargestThatFits(t *testing.T) {
	t.Parallel()

	bearing := store.Store{Shop: store.Shop{StoreBearsFee: true}}

	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]payment.Method{payment.QRIS, "bri_va", payment.Link}).Draw(t, "method")
		price := rapid.Int64Range(5_000, 50_000_000).Draw(t, "price")
		asked := pakasir.AskFor(bearing, method, price)
		total := asked + pakasir.Rate(method, asked)

		if total > price || total < price-1 {
			t.Fatalf("%s of %d: asks %d, which with its fee is %d", method, price, asked, total)
		}

		if asked+1+pakasir.Rate(method, asked+1) <= price {
			t.Fatalf("%s of %d: asks %d, but %d would do", method, price, asked, asked+1)
		}
	})

	exact := 0

	const prices = 100_000
	for price := int64(10_000); price < 10_000+prices; price++ {
		if asked := pakasir.AskFor(bearing, payment.QRIS, price); asked+pakasir.Rate(payment.QRIS, asked) == price {
			exact++
		}
	}

	assert.Greater(t, exact, prices*99/100, "only where the fee steps is a sum left out")
}

func TestMethodsKeepToPakasirsLimits(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	gateway := pakasir.New(vault, "http://127.0.0.1:1")

	for amount, want := range map[int64]int{
		0: 0, -5: 0, 499: 0, 500: 2, 9_999: 2, 10_000: 10, 10_000_000: 10, 10_000_001: 9, 50_000_000: 9, 50_000_001: 0,
	} {
		assert.Len(t, gateway.Methods(of, money.IDR(amount)), want, amount)
	}

	assert.Equal(t, payment.QRIS, gateway.Methods(of, money.IDR(20_000))[0], "the one that people have")
}

func TestFeesAreRememberedAndGuessedWhereTheyCannotBeKnown(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)

	var (
		asked atomic.Int64
		down  atomic.Bool
	)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)

		if down.Load() {
			http.Error(w, "maintenance", http.StatusBadGateway)

			return
		}

		assert.Empty(t, r.Header.Get("X-Api-Key"), "the table is public")
		fmt.Fprint(w, `{"qris":700,"bri_va":-1,"bni_va":99999999}`)
	}))
	defer server.Close()

	now := clock.NewManual(time.Now())
	gateway := pakasir.New(vault, server.URL)
	gateway.SetClock(now)
	defer gateway.Close()

	fee := func(method payment.Method, amount int64) int64 {
		fee, err := gateway.Fee(t.Context(), of, method, money.IDR(amount))
		require.NoError(t, err)

		return fee
	}

	assert.EqualValues(t, 700, fee(payment.QRIS, 49_000), "as the table says")
	assert.EqualValues(t, 3500, fee("bri_va", 49_000), "nonsense in it is not believed")
	assert.EqualValues(t, 3500, fee("bni_va", 49_000))
	assert.Zero(t, fee(payment.Link, 49_000))
	assert.EqualValues(t, 1, asked.Load(), "one question for an amount")

	down.Store(true)
	assert.EqualValues(t, 310+350, fee(payment.QRIS, 50_000), "by the published rates")
	assert.EqualValues(t, 3, asked.Load(), "twice, in case it was a hiccup")
	fee(payment.QRIS, 51_000)
	assert.EqualValues(t, 3, asked.Load(), "and then not again for a minute")

	now.Advance(time.Hour)
	down.Store(false)
	assert.EqualValues(t, 700, fee(payment.QRIS, 49_000))
	assert.EqualValues(t, 4, asked.Load(), "after an hour it is asked for again")

	_, err := gateway.Fee(t.Context(), of, payment.Card, money.IDR(49_000))
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}

// What create-transaction answers is compared with what was asked before
// anybody is shown it.
func TestAnAnswerAboutSomethingElseIsNotBelieved(t *testing.T) {
	t.Parallel()

	right := func() map[string]any {
		return map[string]any{
			"txn_id": "TXN1", "project": slug, "order_id": reference, "amount": 49000, "fee": 653, "total_payment": 49653,
			"payment_method": "qris", "qr_string": "0002…", "is_sandbox": false, "status": "pending", "expired_at": "2026-11-22T07:00:00Z",
		}
	}

	for name, c := range map[string]struct {
		change func(map[string]any)
		code   errs.Code
	}{
		"as asked":              {func(map[string]any) {}, ""},
		"no time":               {func(a map[string]any) { a["expired_at"] = "soon" }, ""},
		"completed already":     {func(a map[string]any) { a["status"] = "completed" }, ""},
		"another order":         {func(a map[string]any) { a["order_id"] = "LP-OTHER-1001" }, errs.Unavailable},
		"another amount":        {func(a map[string]any) { a["amount"] = 48999 }, errs.Unavailable},
		"the total as amount":   {func(a map[string]any) { a["amount"] = 49653 }, errs.Unavailable},
		"another project":       {func(a map[string]any) { a["project"] = "toko-teh" }, errs.Unavailable},
		"another method":        {func(a map[string]any) { a["payment_method"] = "bri_va" }, errs.Unavailable},
		"a negative fee":        {func(a map[string]any) { a["fee"] = -1 }, errs.Unavailable},
		"a fee beyond measure":  {func(a map[string]any) { a["fee"] = int64(money.Max + 1) }, errs.Unavailable},
		"an amount as text":     {func(a map[string]any) { a["amount"] = "49000" }, errs.Unavailable},
		"a fraction":            {func(a map[string]any) { a["amount"] = 49000.5 }, errs.Unavailable},
		"no transaction":        {func(a map[string]any) { delete(a, "txn_id") }, errs.Unavailable},
		"a path as transaction": {func(a map[string]any) { a["txn_id"] = "../x" }, errs.Unavailable},
		"no code":               {func(a map[string]any) { a["qr_string"] = "" }, errs.Unavailable},
		"the sandbox":           {func(a map[string]any) { a["is_sandbox"] = true }, errs.Unauthorized},
		"cancelled already":     {func(a map[string]any) { a["status"] = "canceled" }, errs.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			of, vault := newStore(t, nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				answer := right()
				c.change(answer)
				assert.NoError(t, json.NewEncoder(w).Encode(answer))
			}))
			defer server.Close()

			gateway := pakasir.New(vault, server.URL)
			defer gateway.Close()

			made, err := gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
			require.Equal(t, c.code, errs.CodeOf(err), err)
			require.Equal(t, err == nil, made.Transaction != "")
		})
	}
}

// A link is all that is answered to a wish for one; only a web page is shown.
func TestALinkMustBeAWebPage(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)

	for link, good := range map[string]bool{
		"https://app.pakasir.com/pay/x": true, "": false, "javascript:alert(1)": false, "tg://resolve": false, "/pay/x": false,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"txn_id":"TXN1","payment_link":%q}`, link)
		}))
		gateway := pakasir.New(vault, server.URL)
		_, err := gateway.Bill(t.Context(), invoice(of, payment.Link, 49_000))
		assert.Equal(t, good, err == nil, link)
		gateway.Close()
		server.Close()
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	w := newWorld(t, vault)
	require.NoError(t, w.control.SetProject(t.Context(), control.Project{
		Slug: slug, Key: gatewaytest.Key, Secret: gatewaytest.HookKey, Sandbox: true,
	}))

	_, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err), "a store that is not in its sandbox takes no play money")

	of.Shop.Gateways[0].Sandbox = true
	made, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
	require.NoError(t, err)

	said, err := w.gateway.Status(t.Context(), of, made.Transaction)
	require.NoError(t, err)
	require.True(t, said.Sandbox)
}

// Each lie of the status is either told as it is, for the desk to compare, or
// no answer at all.
func TestLies(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	w := newWorld(t, vault)
	made, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
	require.NoError(t, err)

	said := func(lie control.Lie) (payment.Status, error) {
		require.NoError(t, w.control.SetFaults(t.Context(), control.Faults{Lie: lie}))
		w.settle(t)

		return w.gateway.Status(t.Context(), of, made.Transaction)
	}

	amount, err := said(control.LieAmount)
	require.NoError(t, err)
	assert.Equal(t, money.IDR(49_001), amount.Amount)

	other, err := said(control.LieOrder)
	require.NoError(t, err)
	assert.NotEqual(t, reference, other.Reference)

	sandbox, err := said(control.LieSandbox)
	require.NoError(t, err)
	assert.True(t, sandbox.Sandbox)

	for _, lie := range []control.Lie{control.LieTransaction, control.LieGarbage} {
		_, err = said(lie)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(err), lie)
	}
}

// The 4 seconds between two questions are kept by us before they are by them.
func TestStatusIsAskedAtMostOnceInFourSeconds(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	w := newWorld(t, vault)
	made, err := w.gateway.Bill(t.Context(), invoice(of, payment.QRIS, 49_000))
	require.NoError(t, err)

	_, err = w.gateway.Status(t.Context(), of, made.Transaction)
	require.NoError(t, err)

	w.clock.Advance(time.Second)

	_, err = w.gateway.Status(t.Context(), of, made.Transaction)
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Equal(t, 3*time.Second, errs.RetryAfter(err))

	w.clock.Advance(3 * time.Second) // Pakasir's clock still stands: it says no, without a time

	_, err = w.gateway.Status(t.Context(), of, made.Transaction)
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Equal(t, 4*time.Second, errs.RetryAfter(err))
}

func TestThePreviousWebhookSecretCounts(t *testing.T) {
	t.Parallel()

	of, vault := newStore(t, nil)
	gateway := pakasir.New(vault, "http://127.0.0.1:1")
	proving := func(proof string) error {
		_, err := gateway.Authenticate(t.Context(), of, payment.Notification{
			Headers: map[string]string{"x-secret": proof}, Body: []byte(`{"txn_id":"T1","order_id":"LP-A-1"}`),
		})

		return err
	}

	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "pakasir"), "the-next-secret"))
	require.NoError(t, proving("the-next-secret"))
	require.NoError(t, proving(gatewaytest.HookKey))
	require.NoError(t, vault.Rotate(t.Context(), store.GatewayHookName("kopi", "pakasir"), "the-one-after"))
	require.Equal(t, errs.Unauthorized, errs.CodeOf(proving(gatewaytest.HookKey)))
}

func FuzzAuthenticate(f *testing.F) {
	for _, seed := range []string{
		`{"txn_id":"TXN1","order_id":"LP-A-1","amount":1}`, `{}`, `[]`, `null`, `{"txn_id":1}`, `{"txn_id":"../x","order_id":"y"}`,
		"\xff", `{"TXN_ID":"a","order_id":"b"}`,
	} {
		f.Add(seed, gatewaytest.HookKey)
	}

	f.Add(`{"txn_id":"TXN1","order_id":"LP-A-1"}`, "")

	vault := vaults.New(clock.System{}, fault.None{})
	if err := vault.Rotate(f.Context(), store.GatewayHookName("kopi", "pakasir"), gatewaytest.HookKey); err != nil {
		f.Fatal(err)
	}

	of := store.Store{ID: "kopi", Shop: store.Shop{Gateways: []store.Account{{Gateway: "pakasir", Project: slug}}}}
	gateway := pakasir.New(vault, "http://127.0.0.1:1")

	f.Fuzz(func(t *testing.T, body, proof string) {
		notice, err := gateway.Authenticate(t.Context(), of, payment.Notification{
			Headers: map[string]string{"x-secret": proof}, Body: []byte(body),
		})

		switch code := errs.CodeOf(err); {
		case proof != gatewaytest.HookKey && code != errs.Unauthorized:
			t.Fatalf("proof %q: %v", proof, err)
		case code == "" && (notice.Reference == "" || notice.Transaction == "" || strings.ContainsAny(notice.Transaction, "/.?#% ")):
			t.Fatalf("%q gives %+v", body, notice)
		case !slices.Contains([]errs.Code{"", errs.Invalid, errs.Unauthorized}, code):
			t.Fatalf("%q: %v", body, err)
		}
	})
}
