package order_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	sealmemory "github.com/lapak-id/lapak/shared/seal/memory"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/wallet"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	kopi   = "kopi"
	buyer  = int64(1001)
	keys   = "keys"
	guide  = "guide"
	admin  = int64(7)
	price  = int64(49_000)
	stars  = int64(250)
	coupon = "HEMAT"
)

var (
	ctx   = context.Background()
	start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)
)

// tester is a test or a run of rapid.
type tester interface {
	require.TestingT
	Helper()
}

// world is a store that sells keys, which are units, and a guide, a file.
type world struct {
	tester

	clock  *clock.Manual
	state  *tablememory.Table
	goods  *catalog.Service
	ledger *wallet.Ledger
	orders *order.Service
	asked  int
}

func newWorld(t tester, plan fault.Plan) *world {
	t.Helper()

	w := &world{tester: t, clock: clock.NewManual(start)}
	w.state = tablememory.New(w.clock, plan)
	w.goods = catalog.NewService(w.state, sealmemory.New("master", fault.None{}), w.clock)
	w.ledger = wallet.NewLedger(w.state, w.clock)
	w.orders = order.NewService(w.state, w.goods, w.ledger, w.clock)

	require.NoError(t, w.goods.SaveCategory(ctx, kopi, catalog.Category{ID: "c", Name: catalog.Text{"id": "Akun"}}, w.editor()))
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: keys, Category: "c", Name: catalog.Text{"id": "Kunci"}, Price: money.IDR(price), Stars: stars, PerBuyer: 5,
		Policy: catalog.Units, Warranty: 30,
	}, w.editor()))
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: guide, Category: "c", Name: catalog.Text{"id": "Panduan"}, Price: money.IDR(10_000),
		Policy: catalog.File, File: &catalog.Download{FileID: "file", Name: "panduan.pdf", Size: 10},
		Terms: catalog.Text{"id": "Kirim namamu"},
	}, w.editor()))
	require.NoError(t, w.goods.SaveCoupon(ctx, kopi, catalog.Coupon{Code: coupon, Percent: 10, Uses: 3, PerBuyer: 2}, w.editor()))

	return w
}

func (w *world) editor() catalog.Editor {
	w.asked++

	return catalog.Editor{User: admin, Role: "admin", Cause: fmt.Sprint("update ", w.asked)}
}

func (w *world) stock(count int) {
	w.Helper()

	contents := make([][]byte, 0, count)
	for n := range count {
		contents = append(contents, fmt.Appendf(nil, "key %d of %d", n, w.asked))
	}

	_, err := w.goods.Stock(ctx, kopi, keys, contents, w.editor())
	require.NoError(w, err)
}

func (w *world) request(user int64, cause string) order.Request {
	return order.Request{
		Store: kopi, User: user, Chat: user, Language: "id", Kind: order.Purchase,
		Items: []order.Item{{Product: keys, Count: 1}}, Method: "qris", PayIn: 15 * time.Minute,
		Cause: cause, SentAt: w.clock.Now(),
	}
}

// place orders a key and bills it.
func (w *world) place(user int64, cause string) order.Order {
	w.Helper()

	return w.placed(w.request(user, cause))
}

func (w *world) placed(request order.Request) order.Order {
	w.Helper()

	made, err := w.orders.Place(ctx, request)
	require.NoError(w, err)

	made, err = w.orders.Billed(ctx, made.Ref(), order.Bill{
		Gateway: "pakasir", Method: "qris", Transaction: "txn-" + made.ID, Amount: made.Total, Fee: 653,
	})
	require.NoError(w, err)

	return made
}

func receiptOf(of order.Order) order.Receipt {
	bill, _ := of.Bill()

	return order.Receipt{Gateway: bill.Gateway, Transaction: bill.Transaction, Amount: bill.Amount, At: start}
}

func (w *world) get(ref order.Ref) order.Order {
	w.Helper()

	found, err := w.orders.Get(ctx, ref)
	require.NoError(w, err)

	return found
}

func (w *world) balance(user int64) int64 {
	w.Helper()

	holds, err := w.ledger.Balance(ctx, kopi, user)
	require.NoError(w, err)

	return holds.Value
}

func TestAnOrderIsPlacedBilledAndSettledOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)

	placed := w.place(buyer, "tap")
	again, err := w.orders.Place(ctx, w.request(buyer, "tap"))
	require.NoError(t, err)
	require.Equal(t, placed.ID, again.ID)

	_, err = w.orders.Place(ctx, w.request(buyer+1, "tap"))
	require.ErrorContains(t, err, "0 are left")

	outcome, err := w.orders.Settle(ctx, placed.Ref(), receiptOf(placed))
	require.NoError(t, err)
	require.Equal(t, order.Settled, outcome)

	outcome, err = w.orders.Settle(ctx, placed.Ref(), receiptOf(placed))
	require.NoError(t, err)
	require.Equal(t, order.Counted, outcome)

	paid := w.get(placed.Ref())
	require.Equal(t, order.Paid, paid.State)
	require.Len(t, paid.Lines[0].Units, 1)
}
