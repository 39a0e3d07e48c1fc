package order_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/wallet"
)

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

// TestWhatCannotBeOrdered is the table of requests that are refused, each with
// the sentence that the buyer reads.
func TestWhatCannotBeOrdered(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		change func(*order.Request)
		code   errs.Code
		told   string
	}{
		"nothing":            {func(r *order.Request) { r.Items = nil }, errs.Invalid, "ordering.empty"},
		"none of something":  {func(r *order.Request) { r.Items[0].Count = 0 }, errs.Invalid, "ordering.count"},
		"less than none":     {func(r *order.Request) { r.Items[0].Count = -1 }, errs.Invalid, "ordering.count"},
		"too many":           {func(r *order.Request) { r.Items[0].Count = 51 }, errs.Invalid, "ordering.count"},
		"too many in pieces": {func(r *order.Request) { r.Items = items(keys, 26, keys, 25) }, errs.Invalid, "ordering.count"},
		"what there is not":  {func(r *order.Request) { r.Items[0].Product = "gone" }, errs.NotFound, "ordering.gone"},
		"what is hidden":     {func(r *order.Request) { r.Items[0].Product = "hidden" }, errs.NotFound, "ordering.gone"},
		"more than there is": {func(r *order.Request) { r.Items[0].Count = 4 }, errs.Conflict, "ordering.sold_out"},
		"more in pieces":     {func(r *order.Request) { r.Items = items(keys, 2, keys, 2) }, errs.Conflict, "ordering.sold_out"},
		"no Stars for it":    {func(r *order.Request) { r.Items[0].Product, r.Method = guide, "stars" }, errs.Invalid, "ordering.no_stars"},
		"an unknown coupon":  {func(r *order.Request) { r.Coupon = "NOPE" }, errs.NotFound, "catalog.coupon_unknown"},
		"an old coupon":      {func(r *order.Request) { r.Coupon = "LAMA" }, errs.Invalid, "ordering.coupon_ended"},
		"rupiah off Stars":   {func(r *order.Request) { r.Coupon, r.Method = "POTONG", "stars" }, errs.Invalid, "ordering.coupon_stars"},
		"an empty wallet":    {func(r *order.Request) { r.Method = "wallet" }, errs.Invalid, "ordering.balance"},
		"no time":            {func(r *order.Request) { r.PayIn = 0 }, errs.Invalid, ""},
		"days of time":       {func(r *order.Request) { r.PayIn = 25 * time.Hour }, errs.Invalid, ""},
		"no cause":           {func(r *order.Request) { r.Cause = "" }, errs.Invalid, ""},
		"an unknown kind":    {func(r *order.Request) { r.Kind = "gift" }, errs.Invalid, ""},
		"a small deposit":    {func(r *order.Request) { r.Kind, r.Amount = order.Deposit, 999 }, errs.Invalid, "ordering.deposit"},
		"a large deposit":    {func(r *order.Request) { r.Kind, r.Amount = order.Deposit, 10_000_001 }, errs.Invalid, "ordering.deposit"},
		"a deposit of Stars": {
			func(r *order.Request) { r.Kind, r.Amount, r.Method = order.Deposit, 5000, "stars" }, errs.Invalid, "ordering.deposit_method",
		},
		"another's store": {func(r *order.Request) { r.Store = "teh" }, errs.NotFound, "ordering.gone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, fault.None{})
			w.stock(3)
			w.more()

			request := w.request(buyer, "tap")
			test.change(&request)

			_, err := w.orders.Place(ctx, request)
			require.Equal(t, test.code, errs.CodeOf(err), "%v", err)
			require.Equal(t, test.told, sentence(err))
			require.Equal(t, int64(3), w.read().available)
		})
	}
}

func items(one string, first int64, other string, second int64) []order.Item {
	return []order.Item{{Product: one, Count: first}, {Product: other, Count: second}}
}

// more puts on sale what only some tests need.
func (w *world) more() {
	w.Helper()
	require.NoError(w, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: "hidden", Category: "c", Name: catalog.Text{"id": "Rahasia"}, Price: money.IDR(price), Policy: catalog.Manual, Hidden: true,
	}, w.editor()))
	require.NoError(w, w.goods.SaveCoupon(ctx, kopi, catalog.Coupon{
		Code: "LAMA", Percent: 10, Until: start,
	}, w.editor()))
	require.NoError(w, w.goods.SaveCoupon(ctx, kopi, catalog.Coupon{Code: "POTONG", Off: 60_000}, w.editor()))
}

func TestLimitsOfBuyersAndCouponsHold(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(20)

	request := w.request(buyer, "first")
	request.Items[0].Count = perBuyer
	first := w.placed(request)

	_, err := w.orders.Place(ctx, w.request(buyer, "second"))
	require.Equal(t, "ordering.per_buyer", sentence(err))

	_, err = w.orders.Cancel(ctx, first.Ref(), "buyer")
	require.NoError(t, err)

	for at := range couponUses - 1 {
		request := w.request(buyer, fmt.Sprint("with coupon ", at))
		request.Coupon = "hemat"
		made := w.placed(request)
		require.Equal(t, money.IDR(price*9/10), made.Total)
	}

	request = w.request(buyer, "once too often")
	request.Coupon = coupon
	_, err = w.orders.Place(ctx, request)
	require.Equal(t, "ordering.coupon_used", sentence(err), "two for each buyer")

	request = w.request(buyer+1, "the last")
	request.Coupon = coupon
	last := w.placed(request)

	request = w.request(buyer+2, "none left")
	request.Coupon = coupon
	_, err = w.orders.Place(ctx, request)
	require.Equal(t, "ordering.coupon_used", sentence(err))

	_, err = w.orders.Cancel(ctx, last.Ref(), "buyer")
	require.NoError(t, err)
	w.placed(request)
	w.balanced()
}

func TestACouponMayTakeOffEverything(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	w.more()

	request := w.request(buyer, "tap")
	request.Coupon = "POTONG"

	made, err := w.orders.Place(ctx, request)
	require.NoError(t, err)
	require.True(t, made.Total.IsZero())

	for _, want := range []order.Outcome{order.Settled, order.Counted} {
		outcome, err := w.orders.Settle(ctx, made.Ref(), order.Receipt{
			Gateway: order.WalletGateway, Transaction: made.ID, Amount: made.Total, At: start,
		})
		require.NoError(t, err)
		require.Equal(t, want, outcome)
	}

	require.Empty(t, w.read().entries)
}

func TestTheFeeThatTheStoreBearsIsItsOwn(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)

	made, err := w.orders.Place(ctx, w.request(buyer, "tap"))
	require.NoError(t, err)

	bill := order.Bill{Gateway: "pakasir", Method: "qris", Transaction: "txn", Amount: money.IDR(48_350), Fee: 650, Cost: 650}
	made, err = w.orders.Billed(ctx, made.Ref(), bill)
	require.NoError(t, err)

	outcome, err := w.orders.Settle(ctx, made.Ref(), receiptOf(made))
	require.NoError(t, err)
	require.Equal(t, order.Settled, outcome)
	require.Equal(t, []wallet.Line{
		{Account: wallet.Gateway("pakasir"), Amount: money.IDR(-48_350)},
		{Account: wallet.Fees, Amount: money.IDR(-650)},
		{Account: wallet.Sales, Amount: money.IDR(price)},
	}, w.read().entries[0].Lines)
}

func TestTheGatewayIsAskedOnceInFourSeconds(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "tap")

	require.NoError(t, w.orders.Check(ctx, made.Ref(), "one"))
	err := w.orders.Check(ctx, made.Ref(), "two")
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Equal(t, 4*time.Second, errs.RetryAfter(err))

	w.clock.Advance(4 * time.Second)
	require.NoError(t, w.orders.Check(ctx, made.Ref(), "three"))
}

func TestOrdersAreTurnedInPages(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(5)

	var ids []string

	for n := range 5 {
		w.clock.Advance(time.Second)
		ids = append([]string{w.place(buyer, fmt.Sprint(n)).ID}, ids...)
	}

	turn := func(place catalog.Place) ([]string, bool) {
		orders, more, err := w.orders.Turn(ctx, kopi, buyer, place)
		require.NoError(t, err)

		var names []string
		for _, of := range orders {
			names = append(names, of.ID)
		}

		return names, more
	}

	page, more := turn(catalog.Place{Limit: 2})
	require.Equal(t, ids[:2], page)
	require.True(t, more)

	page, more = turn(catalog.Place{Limit: 3, From: ids[1]})
	require.Equal(t, ids[2:], page)
	require.False(t, more)

	page, more = turn(catalog.Place{Limit: 2, From: ids[3], Back: true})
	require.Equal(t, ids[1:3], page)
	require.True(t, more)
}

func TestADisputedOrderIsItsOwnersToDecide(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "tap")

	wrong := receiptOf(made)
	wrong.Transaction, wrong.Amount.Value = "wrong", 500

	outcome, err := w.orders.Settle(ctx, made.Ref(), wrong)
	require.NoError(t, err)
	require.Equal(t, order.Misfit, outcome)
	require.Equal(t, order.Disputed, w.get(made.Ref()).State)
	require.Equal(t, int64(1), w.read().available)

	outcome, err = w.orders.Settle(ctx, made.Ref(), receiptOf(made))
	require.NoError(t, err)
	require.Equal(t, order.Late, outcome)
	require.Equal(t, price, w.balance(), "what comes now is the buyer's")

	_, err = w.orders.Refund(ctx, made.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "tap"})
	require.NoError(t, err)
	require.Equal(t, price+500, w.balance(), "and what was held is given back")
	w.balanced()
}

func TestARefundIsDoneOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	for range 2 {
		refunded, err := w.orders.Refund(ctx, paid.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "tap"})
		require.NoError(t, err)
		require.Equal(t, order.Refunded, refunded.State)
	}

	_, err := w.orders.Refund(ctx, paid.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "another tap"})
	require.Equal(t, "ordering.not_paid", sentence(err))

	_, err = w.orders.Refund(ctx, paid.Ref(), order.Refunding{By: admin, Cause: "tap"})
	require.Equal(t, "ordering.no_reason", sentence(err))
	require.Equal(t, price, w.balance())
	w.balanced()
}

func TestNoOrderExpiresBeforeItsDeadline(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "tap")

	w.clock.Advance(15*time.Minute - time.Second)
	require.Equal(t, errs.Conflict, errs.CodeOf(w.orders.Expire(ctx, made.Ref())))
	w.clock.Advance(time.Second)
	require.NoError(t, w.orders.Expire(ctx, made.Ref()))
	require.Equal(t, order.Expired, w.get(made.Ref()).State)
}

// The clock closes an order that the payments worker should have closed: its
// queue may be down for hours.
func TestTheClockClosesWhatNobodyElseDoes(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "tap")

	for minute := range 30 {
		w.clock.Advance(time.Minute)

		_, err := w.reconciler.Reconcile(ctx)
		require.NoError(t, err)

		if minute < 24 {
			require.Equal(t, order.Awaiting, w.get(made.Ref()).State, "minute %d", minute)
		}
	}

	require.Equal(t, order.Expired, w.get(made.Ref()).State)
	require.Equal(t, int64(1), w.read().available)
}
