package payment_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue"
	queuememory "github.com/lapak-id/lapak/shared/queue/memory"
	sealmemory "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/wallet"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	kopi  = "kopi"
	teh   = "teh"
	keys  = "keys"
	buyer = int64(1001)
	price = int64(49_000)
)

var (
	ctx   = context.Background()
	start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)
)

// gateway is one outside way of paying that does as it is told.
type gateway struct {
	name     string
	clock    clock.Clock
	down     error                     // of every call
	statuses map[string]payment.Status // by transaction
	bills    int
	asked    int
	cancels  []string
}

func newGateway(name string, now clock.Clock) *gateway {
	return &gateway{name: name, clock: now, statuses: map[string]payment.Status{}}
}

func (g *gateway) Name() string { return g.name }

func (g *gateway) Methods(store.Store, money.Amount) []payment.Method {
	return []payment.Method{payment.QRIS}
}

func (g *gateway) Fee(context.Context, store.Store, payment.Method, money.Amount) (int64, error) {
	return 653, nil
}

// Bill finds or makes, as Pakasir does.
func (g *gateway) Bill(_ context.Context, invoice payment.Invoice) (order.Bill, error) {
	if g.down != nil {
		return order.Bill{}, g.down
	}

	transaction := g.name + "-" + invoice.Reference
	if _, known := g.statuses[transaction]; !known {
		g.bills++
		g.statuses[transaction] = payment.Status{
			State: payment.Pending, Reference: invoice.Reference, Transaction: transaction, Amount: invoice.Amount,
		}
	}

	return order.Bill{Transaction: transaction, Amount: invoice.Amount, Fee: 653, QR: "00020101", Until: invoice.Until}, nil
}

func (g *gateway) Status(_ context.Context, _ store.Store, transaction string) (payment.Status, error) {
	g.asked++

	if g.down != nil {
		return payment.Status{}, g.down
	}

	status, ok := g.statuses[transaction]
	if !ok {
		return payment.Status{}, errs.New(errs.NotFound, "there is no transaction %s", transaction)
	}

	return status, nil
}

func (g *gateway) Cancel(_ context.Context, _ store.Store, transaction string) error {
	if g.down != nil {
		return g.down
	}

	g.cancels = append(g.cancels, transaction)
	status := g.statuses[transaction]

	if status.State == payment.Completed {
		return errs.New(errs.Conflict, "transaction %s was paid", transaction)
	}

	status.State = payment.Ended
	g.statuses[transaction] = status

	return nil
}

// pay completes a transaction, with what changes it says.
func (g *gateway) pay(transaction string, changes ...func(*payment.Status)) {
	status := g.statuses[transaction]
	status.State, status.At = payment.Completed, g.clock.Now()

	for _, change := range changes {
		change(&status)
	}

	g.statuses[transaction] = status
}

// till offers all gateways in their order.
type till struct {
	gateways []*gateway
	reported map[string]int // failures by gateway
}

func (t *till) Options(context.Context, store.Store, money.Amount) ([]payment.Option, error) {
	return nil, nil
}

func (t *till) Choose(context.Context, store.Store, payment.Method, money.Amount) []payment.Gateway {
	chosen := make([]payment.Gateway, 0, len(t.gateways))
	for _, at := range t.gateways {
		chosen = append(chosen, at)
	}

	return chosen
}

func (t *till) By(name string) (payment.Gateway, bool) {
	for _, at := range t.gateways {
		if at.name == name {
			return at, true
		}
	}

	return nil, false
}

func (t *till) Report(_ context.Context, _ store.Store, name string, failure error) {
	if errs.Is(failure, errs.Unavailable) {
		t.reported[name]++
	}
}

// telegram gives Stars back.
type telegram struct {
	fails error
	back  []string
}

func (s *telegram) Refund(_ context.Context, _ store.Store, receipt order.Receipt, _ int64) error {
	if s.fails != nil {
		return s.fails
	}

	if !slices.Contains(s.back, receipt.Transaction) {
		s.back = append(s.back, receipt.Transaction)
	}

	return nil
}

// world is two stores with two gateways, and all that is behind them but the
// deliveries, which are counted.
type world struct {
	*testing.T

	clock     *clock.Manual
	state     *tablememory.Table
	goods     *catalog.Service
	ledger    *wallet.Ledger
	orders    *order.Service
	clockwork *order.Reconciler
	pakasir   *gateway
	stripe    *gateway
	till      *till
	stars     *telegram
	desk      *payment.Desk
	relay     *outbox.Relay
	payments  *queuememory.Queue
	delivered *queuememory.Queue
	said      []order.Message
	failed    []error // of the payments' worker
	calls     *calls
}

// calls counts the writes to the table.
type calls struct {
	fault.None

	writes int
}

func (c *calls) Next(op string) fault.Kind {
	if op == tablememory.OpWrite {
		c.writes++
	}

	return fault.Pass
}

func newWorld(t *testing.T) *world {
	t.Helper()

	now := clock.NewManual(start)
	w := &world{T: t, clock: now, stars: &telegram{}, calls: &calls{}}
	w.state = tablememory.New(now, w.calls)
	w.goods = catalog.NewService(w.state, sealmemory.New("master", fault.None{}), now)
	w.ledger = wallet.NewLedger(w.state, now)
	w.orders = order.NewService(w.state, w.goods, w.ledger, now)
	w.pakasir, w.stripe = newGateway("pakasir", now), newGateway("stripe", now)
	w.till = &till{gateways: []*gateway{w.pakasir, w.stripe}, reported: map[string]int{}}
	w.payments = queuememory.New(now, fault.None{}, queuememory.Options{Name: queue.Payments})
	w.delivered = queuememory.New(now, fault.None{}, queuememory.Options{Name: queue.Deliveries})
	w.relay = outbox.NewRelay(w.state, map[queue.Name]queue.Sender{
		queue.Payments: w.payments, queue.Deliveries: w.delivered,
	}, now)

	stores := store.NewRegistry(w.state, now)
	for _, id := range []string{kopi, teh} {
		require.NoError(t, stores.Save(ctx, store.Store{
			ID: id, Name: "Toko", Language: "id", TimeZone: store.DefaultTimeZone,
			Shop: store.Shop{Open: true, Gateways: []store.Account{{Gateway: "pakasir"}, {Gateway: "stripe", Sandbox: true}}},
		}))
	}

	w.clockwork = order.NewReconciler(w.orders, stores, nil)
	w.desk = payment.NewDesk(payment.DeskOptions{Orders: w.orders, Stores: stores, Till: w.till, Stars: w.stars, Clock: now})

	by := catalog.Editor{User: 7, Role: "admin", Cause: "setup"}
	require.NoError(t, w.goods.SaveCategory(ctx, kopi, catalog.Category{ID: "c", Name: catalog.Text{"id": "Akun"}}, by))
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: keys, Category: "c", Name: catalog.Text{"id": "Kunci"}, Price: money.IDR(price), Stars: 250, Policy: catalog.Units,
	}, by))

	return w
}

func (w *world) stock(contents ...string) {
	w.Helper()

	units := make([][]byte, 0, len(contents))
	for _, content := range contents {
		units = append(units, []byte(content))
	}

	_, err := w.goods.Stock(ctx, kopi, keys, units, catalog.Editor{User: 7, Role: "admin", Cause: strings.Join(contents, " ")})
	require.NoError(w, err)
}

// order places an order and lets the desk bill it.
func (w *world) order(method string) order.Order {
	w.Helper()

	made := w.place(method)
	w.run()

	return w.get(made.Ref())
}

func (w *world) place(method string) order.Order {
	w.Helper()

	made, err := w.orders.Place(ctx, order.Request{
		Store: kopi, User: buyer, Chat: buyer, Language: "id", Kind: order.Purchase,
		Items: []order.Item{{Product: keys, Count: 1}}, Method: method, PayIn: 15 * time.Minute,
		Cause: "tap " + w.clock.Now().String(), SentAt: w.clock.Now(),
	})
	require.NoError(w, err)

	return made
}

func (w *world) get(ref order.Ref) order.Order {
	w.Helper()

	found, err := w.orders.Get(ctx, ref)
	require.NoError(w, err)

	return found
}

func (w *world) balance() int64 {
	w.Helper()

	holds, err := w.ledger.Balance(ctx, kopi, buyer)
	require.NoError(w, err)

	return holds.Value
}

// notice has the desk look into a notification, as callback does.
func (w *world) notice(ref order.Ref, gateway, transaction string) {
	w.Helper()
	require.NoError(w, w.orders.Again(ctx, order.Message{
		Task: order.TakeNotice, Ref: ref, Gateway: gateway, Transaction: transaction,
	}, 0))
	w.run()
}

// run lets the desk work until nothing waits for it now.
func (w *world) run() {
	w.Helper()

	for range 100 {
		for _, row := range w.state.All() {
			if strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
				require.NoError(w, w.relay.Forward(ctx, row))
			}
		}

		for _, delivery := range w.take(w.delivered) {
			var said order.Message
			require.NoError(w, json.Unmarshal(delivery.Body, &said))

			w.said = append(w.said, said)
		}

		batch := w.take(w.payments)
		if len(batch) == 0 {
			return
		}

		for _, delivery := range batch {
			if err := w.desk.Handle(ctx, delivery); err != nil {
				w.failed = append(w.failed, err)
			}
		}
	}

	require.Fail(w, "the desk does not come to rest")
}

func (w *world) take(from *queuememory.Queue) []queue.Delivery {
	w.Helper()

	batch, err := from.Receive(ctx, queue.MaxBatch, 0)
	require.NoError(w, err)

	for _, delivery := range batch {
		require.NoError(w, from.Delete(ctx, delivery))
	}

	return batch
}

// pass lets the time go by with the sweep at work each minute.
func (w *world) pass(minutes int) {
	w.Helper()

	for range minutes {
		w.clock.Advance(time.Minute)

		_, err := w.clockwork.Reconcile(ctx)
		require.NoError(w, err)
		w.run()
	}
}

// told gives the texts of the notices, in the order of their names.
func (w *world) told() []string {
	texts := map[string]bool{}

	for _, said := range w.said {
		if said.Task == order.Notify {
			texts[said.Text] = true
		}
	}

	return slices.Sorted(maps.Keys(texts))
}

// count counts the messages of a task to the deliveries.
func (w *world) count(task order.Task) int {
	count := 0

	for _, said := range w.said {
		if said.Task == task {
			count++
		}
	}

	return count
}

func transactionOf(of order.Order) string {
	bill, _ := of.Bill()

	return bill.Transaction
}

func TestABillIsMadeShownPaidAndSettled(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")
	require.Equal(t, "pakasir", billed.Bills[0].Gateway)
	require.Equal(t, 1, w.count(order.ShowBill))

	w.pakasir.pay(transactionOf(billed))

	for range 100 { // the gateway sends its notification again and again
		w.notice(billed.Ref(), "pakasir", transactionOf(billed))
	}

	paid := w.get(billed.Ref())
	require.Equal(t, order.Paid, paid.State)
	require.Equal(t, 1, w.count(order.SendGoods))
	require.Equal(t, 1, w.pakasir.asked, "replays cost the gateway nothing")
	require.Empty(t, w.failed)
}

func TestFailoverTakesTheNextGateway(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	w.pakasir.down = errs.New(errs.Unavailable, "pakasir is down")
	billed := w.order("qris")

	require.Equal(t, "stripe", billed.Bills[0].Gateway)
	require.Equal(t, 1, w.till.reported["pakasir"])
}

func TestAnOrderThatNobodyBillsIsGivenUp(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	w.pakasir.down = errs.New(errs.Unavailable, "down")
	w.stripe.down = w.pakasir.down
	made := w.order("qris")
	require.Equal(t, order.Awaiting, made.State)

	w.pass(4)

	given := w.get(made.Ref())
	require.Equal(t, order.Cancelled, given.State)
	require.Equal(t, order.ReasonUnbilled, given.Reason)
	require.Equal(t, 1, w.count(order.ShowOutcome))
	require.Equal(t, int64(1), w.available())
}

func (w *world) available() int64 {
	w.Helper()

	offer, err := w.goods.Offer(ctx, kopi, keys)
	require.NoError(w, err)

	return offer.Available
}

// TestOnlyWhatTheGatewayConfirmsInFullCounts is the table of notifications and
// what becomes of each, given what the gateway says when asked.
func TestOnlyWhatTheGatewayConfirmsInFullCounts(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		gateway string                // that the notice names; empty: of the bill
		says    func(*payment.Status) // when asked, on top of "completed"
		ref     func(order.Ref) order.Ref
		naming  string // a transaction other than the bill's
		state   order.State
		balance int64
		told    []string
	}{
		"confirmed":             {state: order.Paid},
		"pending":               {says: func(s *payment.Status) { s.State = payment.Pending }, state: order.Awaiting},
		"ended":                 {says: func(s *payment.Status) { s.State = payment.Ended }, state: order.Awaiting},
		"in a state unheard of": {says: func(s *payment.Status) { s.State = "done" }, state: order.Awaiting},
		"of another order":      {says: func(s *payment.Status) { s.Reference = "LP-OTHER-1001" }, state: order.Awaiting},
		"another transaction":   {says: func(s *payment.Status) { s.Transaction = "other" }, state: order.Awaiting},
		"in test mode":          {says: func(s *payment.Status) { s.Sandbox = true }, state: order.Awaiting},
		"too little": {
			says: func(s *payment.Status) { s.Amount.Value-- }, state: order.Disputed,
			told: []string{"ordering.misfit", "ordering.misfit_owner"},
		},
		"too much": {
			says: func(s *payment.Status) { s.Amount.Value++ }, state: order.Disputed,
			told: []string{"ordering.misfit", "ordering.misfit_owner"},
		},
		"in another currency": {
			says: func(s *payment.Status) { s.Amount.Currency = "USD" }, state: order.Disputed,
			told: []string{"ordering.misfit", "ordering.misfit_owner"},
		},
		"of no such transaction":         {naming: "forged", state: order.Awaiting},
		"of a gateway unheard of":        {gateway: "midtrans", state: order.Awaiting},
		"of a gateway that made no bill": {gateway: "stripe", state: order.Awaiting},
		"of another store's order": {ref: func(r order.Ref) order.Ref {
			r.Store = teh

			return r
		}, state: order.Awaiting},
		"of another person's order": {ref: func(r order.Ref) order.Ref {
			r.User++

			return r
		}, state: order.Awaiting},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			w.stock("one")

			billed := w.order("qris")
			ref, transaction := billed.Ref(), transactionOf(billed)
			w.pakasir.pay(transaction, func(status *payment.Status) {
				if test.says != nil {
					test.says(status)
				}
			})

			if test.ref != nil {
				ref = test.ref(ref)
			}

			if test.naming != "" {
				transaction = test.naming
			}

			if test.gateway == "" {
				test.gateway = "pakasir"
			}

			w.notice(ref, test.gateway, transaction)

			require.Equal(t, test.state, w.get(billed.Ref()).State)
			require.Equal(t, test.balance, w.balance())
			require.Equal(t, test.told, w.told())
			w.balanced()
		})
	}
}

// balanced checks that the ledger sums to zero and that what gateways have
// paid is what was counted.
func (w *world) balanced() {
	w.Helper()

	sums := map[money.Currency]int64{}

	for _, row := range w.state.All() {
		if strings.HasSuffix(row.Key.PK(), "#ledger") {
			var entry wallet.Entry
			require.NoError(w, json.Unmarshal(row.Body, &entry))

			for _, line := range entry.Lines {
				sums[line.Amount.Currency] += line.Amount.Value
			}
		}
	}

	for currency, sum := range sums {
		require.Zero(w, sum, currency)
	}
}

func TestTestModeCountsWhereTheStoreSaysSo(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")
	w.pakasir.down = errs.New(errs.Unavailable, "down")

	billed := w.order("qris") // at Stripe, which is in test mode
	w.stripe.pay(transactionOf(billed), func(s *payment.Status) { s.Sandbox = true })
	w.notice(billed.Ref(), "stripe", transactionOf(billed))

	require.Equal(t, order.Paid, w.get(billed.Ref()).State)
}

func TestPendingIsAskedAgainWithGrowingDelayThenLeftToTheClock(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")
	w.notice(billed.Ref(), "pakasir", transactionOf(billed))
	require.Equal(t, 1, w.pakasir.asked)

	for range 60 { // half an hour without the sweep
		w.clock.Advance(30 * time.Second)
		w.run()
	}

	require.Equal(t, 9, w.pakasir.asked, "the first question and eight more")

	w.pakasir.pay(transactionOf(billed))
	w.pass(1)
	require.Equal(t, order.Paid, w.get(billed.Ref()).State, "the clock has asked")
}

func TestANotificationBeforeOurOwnCallReturned(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	made := w.place("qris") // the desk has not noted any bill yet
	transaction := "pakasir-" + made.Ref().Reference()

	_, err := w.pakasir.Bill(ctx, payment.Invoice{Reference: made.Ref().Reference(), Amount: made.Total})
	require.NoError(t, err)
	w.pakasir.pay(transaction)

	require.NoError(t, w.handle(order.Message{
		Task: order.TakeNotice, Ref: made.Ref(), Gateway: "pakasir", Transaction: transaction,
	}))
	require.Equal(t, order.Paid, w.get(made.Ref()).State)

	w.run()
	require.Empty(t, w.get(made.Ref()).Bills, "what is paid needs no bill")
	require.Equal(t, 1, w.count(order.SendGoods))
}

func (w *world) handle(asked order.Message) error {
	w.Helper()

	body, err := json.Marshal(asked)
	require.NoError(w, err)

	return w.desk.Handle(ctx, queue.Delivery{Attempt: 1, Message: queue.Message{Body: body}})
}

func TestANotificationThatNeverComesIsFoundByTheClock(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")
	w.pakasir.pay(transactionOf(billed))
	w.pass(3)

	require.Equal(t, order.Paid, w.get(billed.Ref()).State)
}

func TestAnUnpaidOrderExpiresAndIsClosedAtItsGateway(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")
	require.Equal(t, int64(0), w.available())

	w.pass(16)

	expired := w.get(billed.Ref())
	require.Equal(t, order.Expired, expired.State)
	require.Equal(t, int64(1), w.available())
	require.Equal(t, []string{transactionOf(billed)}, w.pakasir.cancels)
	require.True(t, expired.Bills[0].Closed)
	require.LessOrEqual(t, w.pakasir.asked, 5, "2, 4, 8 minutes and the deadline")
}

func TestAnOrderExpiresThoughItsGatewayIsOutOfReach(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")
	w.pakasir.down = errs.New(errs.Unavailable, "down")

	w.pass(20)
	require.Equal(t, order.Awaiting, w.get(billed.Ref()).State, "grace")
	w.pass(10)
	require.Equal(t, order.Expired, w.get(billed.Ref()).State)
}

func TestPaidAfterExpiry(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		gone    bool
		state   order.State
		balance int64
		told    []string
	}{
		"stock is there": {false, order.Paid, 0, nil},
		"stock is gone":  {true, order.Expired, price, []string{"ordering.late"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			w.stock("one")

			billed := w.order("qris")
			w.pakasir.down = errs.New(errs.Unavailable, "down")
			w.pass(30)
			w.pakasir.down = nil

			if test.gone {
				w.place("qris")
			}

			w.pakasir.pay(transactionOf(billed))
			w.pass(12) // no notification ever comes

			late := w.get(billed.Ref())
			require.Equal(t, test.state, late.State)
			require.Equal(t, test.balance, w.balance())
			require.Equal(t, test.told, w.told())
			w.balanced()
		})
	}
}

func TestPaidTwiceTheSecondIsCredited(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("qris")

	_, err := w.stripe.Bill(ctx, payment.Invoice{Reference: billed.Ref().Reference(), Amount: billed.Total})
	require.NoError(t, err)

	second := "stripe-" + billed.Ref().Reference()
	_, err = w.orders.Billed(ctx, billed.Ref(), order.Bill{
		Gateway: "stripe", Method: "qris", Transaction: second, Amount: billed.Total,
	})
	require.NoError(t, err)

	w.pakasir.pay(transactionOf(billed))
	w.stripe.pay(second)
	w.notice(billed.Ref(), "pakasir", transactionOf(billed))

	require.Equal(t, order.Paid, w.get(billed.Ref()).State)
	require.Equal(t, price, w.balance(), "found when the second bill was to be closed")
	require.Equal(t, []string{"ordering.twice"}, w.told())

	w.notice(billed.Ref(), "stripe", second)
	require.Equal(t, price, w.balance())
	w.balanced()
}

func TestPayingFromTheWallet(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one", "two")
	w.gift(price)

	first := w.place("wallet")
	second, err := w.orders.Place(ctx, order.Request{
		Store: kopi, User: buyer, Chat: buyer, Language: "id", Kind: order.Purchase,
		Items: []order.Item{{Product: keys, Count: 1}}, Method: "wallet", PayIn: time.Minute, Cause: "other", SentAt: start,
	})
	require.NoError(t, err, "the money is taken when it is settled")
	w.run()

	states := []order.State{w.get(first.Ref()).State, w.get(second.Ref()).State}
	require.ElementsMatch(t, []order.State{order.Paid, order.Cancelled}, states)
	require.Equal(t, int64(0), w.balance())
	require.Equal(t, int64(1), w.available())
	w.balanced()
}

func (w *world) gift(amount int64) {
	w.Helper()
	require.NoError(w, w.ledger.Adjust(ctx, wallet.Adjustment{
		Store: kopi, User: buyer, Amount: money.IDR(amount), Reason: "gift", By: 7, Role: "owner", Cause: "gift",
	}))
}

func TestStarsArePaidAndGivenBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("stars")
	require.Equal(t, money.XTR(250), billed.Bills[0].Amount)

	receipt := order.Receipt{Gateway: order.StarsGateway, Transaction: "charge", Amount: money.XTR(250), At: start}
	for range 2 {
		require.NoError(t, w.orders.Report(ctx, billed.Ref(), order.TakeStars, receipt))
		w.run()
	}

	require.Equal(t, order.Paid, w.get(billed.Ref()).State)

	_, err := w.orders.Refund(ctx, billed.Ref(), order.Refunding{By: 7, Role: "admin", Reason: "asked", Cause: "tap"})
	require.NoError(t, err)

	w.run()
	require.Equal(t, []string{"charge"}, w.stars.back)
	require.Equal(t, order.Refunded, w.get(billed.Ref()).State)
	require.Equal(t, int64(1), w.available(), "what was never sent is free again")
	require.Zero(t, w.account(wallet.Suspense))
	w.balanced()
}

// account sums what is in an account.
func (w *world) account(of wallet.Account) int64 {
	w.Helper()

	sum := int64(0)

	for _, row := range w.state.All() {
		if strings.HasSuffix(row.Key.PK(), "#ledger") {
			var entry wallet.Entry
			require.NoError(w, json.Unmarshal(row.Body, &entry))

			for _, line := range entry.Lines {
				if line.Account == of {
					sum += line.Amount.Value
				}
			}
		}
	}

	return sum
}

func TestStarsPaidAfterTheEndGoBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("stars")
	w.pass(16)
	require.Equal(t, order.Expired, w.get(billed.Ref()).State)
	w.place("qris") // takes the only one

	require.NoError(t, w.orders.Report(ctx, billed.Ref(), order.TakeStars, order.Receipt{
		Gateway: order.StarsGateway, Transaction: "charge", Amount: money.XTR(250), At: start,
	}))
	w.run()

	require.Equal(t, []string{"charge"}, w.stars.back)
	require.Equal(t, []string{"ordering.late_stars"}, w.told())
	require.Zero(t, w.account(wallet.Suspense))
	w.balanced()
}

func TestStarsThatCannotGoBackAreTold(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stars.fails = errs.New(errs.Invalid, "too old")
	billed := w.orderOf(t)

	require.NoError(t, w.handle(order.Message{Task: order.PayBack, Ref: billed.Ref(), Receipt: &order.Receipt{
		Gateway: order.StarsGateway, Transaction: "charge", Amount: money.XTR(250), At: start,
	}}))
	w.run()
	require.Equal(t, []string{"ordering.unreturned"}, w.told())
}

func (w *world) orderOf(t *testing.T) order.Order {
	t.Helper()
	w.stock("one")

	return w.order("stars")
}

func TestAManualPaymentIsProvenAndConfirmed(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	billed := w.order("manual")
	_, err := w.orders.Prove(ctx, billed.Ref(), "photo")
	require.NoError(t, err)

	w.pass(60) // longer than the order's own deadline: somebody has yet to look
	require.Equal(t, order.Awaiting, w.get(billed.Ref()).State)
	require.Equal(t, []string{"ordering.proof"}, w.told())

	require.NoError(t, w.orders.Report(ctx, billed.Ref(), order.TakeManual, order.Receipt{
		Gateway: order.ManualGateway, Transaction: billed.ID, Amount: billed.Total, At: start, By: 7, Role: "seller",
	}))
	w.run()
	require.Equal(t, order.Paid, w.get(billed.Ref()).State)

	records, _, err := audit.NewLog(w.state, w.clock).Page(ctx, kopi, "", 10)
	require.NoError(t, err)

	vouched := slices.IndexFunc(records, func(record audit.Entry) bool { return record.Action == "confirm_payment" })
	require.GreaterOrEqual(t, vouched, 0, "who vouches for money is on record")
	require.Equal(t, int64(7), records[vouched].By)
	require.Equal(t, "seller", records[vouched].Role)
}

// An order costs at most two writes up to its bill, and settlement one and two
// calls of the gateway.
func TestWhatAnOrderCosts(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.stock("one")

	before := w.calls.writes
	made := w.place("qris")
	require.Equal(t, 1, w.calls.writes-before, "placing is one transaction")

	require.NoError(t, w.handle(order.Message{Task: order.MakeBill, Ref: made.Ref()}))
	require.Equal(t, 2, w.calls.writes-before, "with its bill two")

	w.pakasir.pay(transactionOf(w.get(made.Ref())))

	before = w.calls.writes
	require.NoError(t, w.handle(order.Message{
		Task: order.TakeNotice, Ref: made.Ref(), Gateway: "pakasir", Transaction: transactionOf(w.get(made.Ref())),
	}))
	require.Equal(t, 1, w.calls.writes-before, "settlement is one transaction")
	require.Equal(t, 1, w.pakasir.asked)
}

// FuzzHandle: whatever lies in the queue neither stops the desk nor moves money.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"task":"bill"}`, `null`, `[`, `{"task":"notice","store":"kopi","user":1,"order":"x","gateway":"pakasir"}`,
		`{"task":"stars","store":"kopi","user":1,"order":"x"}`, `{"task":"goods","store":"kopi"}`, `{"task":7}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorld(t)
		before := len(w.state.All())

		err := w.desk.Handle(ctx, queue.Delivery{Attempt: 1, Message: queue.Message{Body: body}})
		require.NotEqual(t, errs.Internal, errs.CodeOf(err), "%v", err)
		require.Len(t, w.state.All(), before)
	})
}
