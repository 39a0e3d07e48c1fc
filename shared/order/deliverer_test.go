package order_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/queue"
)

// paid gives an order of keys that is paid.
func (w *world) paid(user, count int64) order.Order {
	w.Helper()

	request := w.request(user, fmt.Sprint("tap ", w.asked))
	request.Items[0].Count = count

	return w.settled(request)
}

func (w *world) settled(request order.Request) order.Order {
	w.Helper()

	made := w.placed(request)
	outcome, err := w.orders.Settle(ctx, made.Ref(), receiptOf(made))
	require.NoError(w, err)
	require.Equal(w, order.Settled, outcome)

	return w.get(made.Ref())
}

// texts gives what was said in one way.
func (m *messenger) texts(what string) []string {
	var all []string

	for _, said := range m.said {
		if said.what == what {
			all = append(all, said.text)
		}
	}

	return all
}

func (w *world) goodsSent(of order.Order, cause string) {
	w.Helper()
	require.NoError(w, w.handle(order.Message{Task: order.SendGoods, Ref: of.Ref()}, cause))
}

func TestGoodsAreSentOnceHoweverOftenTheMessageComes(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(2)

	paid := w.paid(buyer, 2)
	for range 3 {
		w.goodsSent(paid, "goods")
	}

	require.Len(t, w.messenger.texts("send"), 1)
	require.Contains(t, w.messenger.texts("send")[0], "goods keys 1/1: key ")
	require.Contains(t, w.messenger.texts("send")[0], "\nkeep it")

	delivered := w.get(paid.Ref())
	require.Equal(t, order.Delivered, delivered.State)
	require.True(t, delivered.Due.IsZero())
	w.balanced()
}

func TestGoodsThatTwoDeliveriesAreAtAreSentByOne(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	// Telegram does not answer the first delivery, which dies with its lease.
	w.messenger.hang = func() {
		err := w.handle(order.Message{Task: order.SendGoods, Ref: paid.Ref()}, "doubled")
		require.Equal(t, errs.Unavailable, errs.CodeOf(err), "another delivery is at it")
	}

	w.goodsSent(paid, "goods")
	require.Len(t, w.messenger.texts("send"), 1)
}

func TestGoodsThatFailComeAgainAtOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	w.messenger.fails = errs.New(errs.Unavailable, "telegram is down")
	require.Error(t, w.handle(order.Message{Task: order.SendGoods, Ref: paid.Ref()}, "goods"))

	w.messenger.fails = nil
	w.goodsSent(paid, "goods")
	require.Equal(t, order.Delivered, w.get(paid.Ref()).State)
}

// Goods of several messages go on where a delivery died.
func TestGoodsGoOnAtTheMessageThatTheyWereAt(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stockLong(3, 2000)
	paid := w.paid(buyer, 3)

	w.messenger.failAt = 2
	require.Error(t, w.handle(order.Message{Task: order.SendGoods, Ref: paid.Ref()}, "goods"))

	w.messenger.failAt = 0
	w.goodsSent(paid, "goods")

	sent := w.messenger.texts("send")
	require.Len(t, sent, 2)
	require.Contains(t, sent[0], "1/2")
	require.Contains(t, sent[1], "2/2")
}

// stockLong stocks units of so many characters.
func (w *world) stockLong(count, length int) {
	w.Helper()

	contents := make([][]byte, 0, count)
	for n := range count {
		contents = append(contents, []byte(fmt.Sprint(n)+strings.Repeat("x", length-1)))
	}

	_, err := w.goods.Stock(ctx, kopi, keys, contents, w.editor())
	require.NoError(w, err)
}

func TestGoodsTooManyForMessagesComeAsAFile(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stockLong(5, 4000)

	paid := w.paid(buyer, 5)
	w.goodsSent(paid, "goods")

	files := w.messenger.texts("document")
	require.Len(t, files, 1)
	require.Contains(t, files[0], paid.Label()+".txt file of keys\nkeep it")
	require.Equal(t, 5, strings.Count(files[0], "xxx\n"))
	require.Empty(t, w.messenger.texts("send"))
}

func TestGoodsOfABuyerWhoHasBlockedTheBotWait(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	w.messenger.blocked = true
	w.goodsSent(paid, "goods")

	held := w.get(paid.Ref())
	require.True(t, held.Held)
	require.Equal(t, 6*time.Hour, held.Due.Sub(w.clock.Now()), "the clock tries again, for their return may have crossed it")

	told := w.alerts.Take()
	require.Len(t, told, 1)
	require.Contains(t, string(told[0].Body), "ordering.held")

	w.goodsSent(paid, "goods")
	require.Empty(t, w.alerts.Take(), "the owner is told once")

	w.messenger.blocked = false
	require.NoError(t, w.orders.Resume(ctx, kopi, buyer, "start"))
	w.goodsSent(paid, "resumed")
	require.Equal(t, order.Delivered, w.get(paid.Ref()).State)
	require.Len(t, w.messenger.texts("send"), 1)
}

func TestARefundWhileTheGoodsAreOnTheirWayStands(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	w.messenger.hang = func() {
		_, err := w.orders.Refund(ctx, paid.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "tap"})
		require.NoError(t, err)
	}

	w.goodsSent(paid, "goods")
	require.Equal(t, order.Refunded, w.get(paid.Ref()).State)
	require.Zero(t, w.read().available, "what was sent is not free again")
	w.balanced()
}

func TestAFileATermAndSomethingByHand(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: "boost", Category: "c", Name: catalog.Text{"id": "Joki"}, Price: w.product(guide).Price, Policy: catalog.Manual,
	}, w.editor()))

	request := w.request(buyer, "tap")
	request.Items = []order.Item{{Product: guide, Count: 1}, {Product: "boost", Count: 1}}
	paid := w.settled(request)
	w.goodsSent(paid, "goods")

	require.Equal(t, []string{"file: file of guide"}, w.messenger.texts("file"))
	require.Equal(t, []string{"handmade boost\nkeep it"}, w.messenger.texts("send"))

	follow := w.tasks()
	require.Equal(t, guide, follow[order.SendTerms].Product)
	require.Equal(t, "ordering.by_hand", follow[order.Notify].Text)

	for range 2 {
		require.NoError(t, w.handle(follow[order.SendTerms], "terms"))
		require.NoError(t, w.handle(follow[order.Notify], "notify"))
	}

	require.Equal(t, []string{"handmade boost\nkeep it", "terms of guide", "id ordering.by_hand"}, w.messenger.texts("send"))
	w.balanced()
}

func (w *world) product(id string) catalog.Product {
	w.Helper()

	offer, err := w.goods.Offer(ctx, kopi, id)
	require.NoError(w, err)

	return offer.Product
}

func TestGoodsAreSentAgainForEachWishOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)
	w.goodsSent(paid, "goods")

	require.NoError(t, w.orders.Resend(ctx, paid.Ref(), "tap"))
	wish := w.tasks()[order.SendGoods]
	require.Equal(t, "tap", wish.Cause)

	for range 2 {
		require.NoError(t, w.handle(wish, "wish"))
	}

	sent := w.messenger.texts("send")
	require.Len(t, sent, 2)
	require.Equal(t, sent[0], sent[1], "the same units")
	w.balanced()
}

func TestAUnitIsReplacedWithinItsWarrantyOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(2)
	paid := w.paid(buyer, 1)
	unit := paid.Lines[0].Units[0]

	_, err := w.orders.Replace(ctx, paid.Ref(), unit, w.editor())
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "it was not sent yet")

	w.goodsSent(paid, "goods")

	replaced, err := w.orders.Replace(ctx, paid.Ref(), unit, w.editor())
	require.NoError(t, err)
	require.Len(t, replaced.Lines[0].Units, 2)

	require.NoError(t, w.handle(w.tasks()[order.SendGoods], "replacement"))
	require.Contains(t, w.messenger.texts("send")[1], "goods keys 1/1: key ")

	_, err = w.orders.Replace(ctx, paid.Ref(), unit, w.editor())
	require.Equal(t, "ordering.replaced", sentence(err))

	_, err = w.orders.Replace(ctx, paid.Ref(), replaced.Lines[0].Units[1], w.editor())
	require.Equal(t, "ordering.no_replacement", sentence(err))

	w.clock.Advance(31 * 24 * time.Hour)
	w.stock(1)

	_, err = w.orders.Replace(ctx, paid.Ref(), replaced.Lines[0].Units[1], w.editor())
	require.Equal(t, "ordering.no_warranty", sentence(err))
	w.balanced()
}

func sentence(err error) string {
	key, _, _ := errs.Sentence(err)

	return key
}

func TestTheBillIsShownCountedDownAndReplacedByItsOutcome(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)

	request := w.request(buyer, "tap")
	request.Message = 5 // of the screen on which the buyer tapped

	made, err := w.orders.Place(ctx, request)
	require.NoError(t, err)

	_, err = w.orders.Billed(ctx, made.Ref(), order.Bill{
		Gateway: "pakasir", Method: "qris", Transaction: "txn", Amount: made.Total, QR: "000201",
	})
	require.NoError(t, err)

	show := w.tasks()[order.ShowBill]
	require.NoError(t, w.handle(show, "bill"))
	require.Equal(t, []string{"pay IDR 49000 within 15m0s"}, w.messenger.texts("photo"))
	require.Equal(t, 5, w.messenger.said[1].to.Message, "the screen is gone")
	require.Equal(t, "delete", w.messenger.said[1].what)

	w.clock.Advance(time.Minute)
	require.NoError(t, w.handle(w.tasks()[order.ShowBill], "tick"))
	require.Equal(t, []string{"pay IDR 49000 within 14m0s"}, w.messenger.texts("caption"))

	w.clock.Advance(time.Hour)
	require.NoError(t, w.orders.Expire(ctx, made.Ref()))
	require.NoError(t, w.handle(w.tasks()[order.ShowOutcome], "outcome"))
	require.Equal(t, "outcome expired", w.messenger.texts("caption")[1])

	require.NoError(t, w.handle(show, "late tick"))
	require.Len(t, w.messenger.texts("photo"), 1, "a closed order shows no bill")
}

func TestABillThatWasPaidWhileItWasShownSaysSo(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "tap")

	w.messenger.hang = func() {
		_, err := w.orders.Cancel(ctx, made.Ref(), "buyer")
		require.NoError(t, err)
		require.NoError(t, w.handle(w.tasks()[order.ShowOutcome], "early"))
	}

	require.NoError(t, w.handle(order.Message{Task: order.ShowBill, Ref: made.Ref()}, "bill"))
	require.NoError(t, w.handle(w.tasks()[order.ShowOutcome], "outcome"))
	require.Equal(t, []string{"outcome cancelled"}, w.messenger.texts("edit"))
}

func TestAnInvoiceIsSentOnceAndMakesWayWhenItEnds(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)

	request := w.request(buyer, "tap")
	request.Method = "stars"

	made, err := w.orders.Place(ctx, request)
	require.NoError(t, err)

	_, err = w.orders.Billed(ctx, made.Ref(), order.Bill{Gateway: order.StarsGateway, Method: "stars", Amount: made.Total})
	require.NoError(t, err)

	for range 2 {
		require.NoError(t, w.handle(w.tasks()[order.ShowBill], "bill"))
	}

	require.Equal(t, []string{made.Ref().Reference()}, w.messenger.texts("invoice"))

	_, err = w.orders.Cancel(ctx, made.Ref(), "buyer")
	require.NoError(t, err)

	for range 2 {
		require.NoError(t, w.handle(w.tasks()[order.ShowOutcome], "outcome"))
	}

	require.Equal(t, []string{"outcome cancelled"}, w.messenger.texts("send"))
	require.Len(t, w.messenger.texts("delete"), 1)
}

func TestADepositIsInTheWalletAndSaid(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	request := w.request(buyer, "tap")
	request.Kind, request.Items, request.Amount = order.Deposit, nil, 75_000

	paid := w.settled(request)
	require.Equal(t, int64(75_000), w.balance())

	w.goodsSent(paid, "goods")
	require.Equal(t, []string{"keep it"}, w.messenger.texts("send"))
	require.Equal(t, order.Delivered, w.get(paid.Ref()).State)

	_, err := w.orders.Refund(ctx, paid.Ref(), order.Refunding{By: admin, Reason: "x", Cause: "y"})
	require.Equal(t, "ordering.refund_deposit", sentence(err))
	w.balanced()
}

func TestStuckGoodsAreSentOnTheirWayAgainAndTheOwnerHears(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	paid := w.paid(buyer, 1)

	for range 40 {
		w.clock.Advance(time.Minute)

		_, err := w.reconciler.Reconcile(ctx)
		require.NoError(t, err)
	}

	tasks := w.tasks()
	require.Equal(t, "ordering.stuck", tasks[order.Notify].Text)
	require.NoError(t, w.handle(tasks[order.SendGoods], "rescued"))
	require.Equal(t, order.Delivered, w.get(paid.Ref()).State)
}

func TestSalesAreToldByTheDayOfTheStore(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(3)
	jakarta := time.FixedZone("WIB", 7*60*60)

	first := w.paid(buyer, 2) // 14.00 WIB on the 21st
	w.goodsSent(first, "first")
	w.clock.Advance(11 * time.Hour) // 01.00 WIB on the 22nd
	second := w.paid(buyer+1, 1)
	w.goodsSent(second, "second")

	_, err := w.orders.Refund(ctx, first.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "tap"})
	require.NoError(t, err)

	sales, err := w.orders.Sales(ctx, kopi, start.AddDate(0, -1, 0), start.AddDate(0, 0, 2), jakarta)
	require.NoError(t, err)
	require.Len(t, sales, 2)

	require.Equal(t, "2026-11-21", sales[0].Day)
	require.Equal(t, int64(1), sales[0].Orders)
	require.Equal(t, 2*price, sales[0].Revenue["IDR"])
	require.Equal(t, []order.ProductSales{{Product: keys, Units: 2}}, sales[0].Products)
	require.Empty(t, sales[0].Refunds)

	require.Equal(t, "2026-11-22", sales[1].Day)
	require.Equal(t, price, sales[1].Revenue["IDR"])
	require.Equal(t, 2*price, sales[1].Refunds["IDR"])

	none, err := w.orders.Sales(ctx, kopi, start.AddDate(0, 0, 1), start.AddDate(0, 0, 2), jakarta)
	require.NoError(t, err)
	require.Empty(t, none)
}

// FuzzHandle: whatever lies in the queue neither stops the worker nor says anything.
func FuzzHandle(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"task":"goods"}`, `null`, `[`, `{"task":"show-bill","store":"kopi","user":1,"order":"x"}`,
		`{"task":"terms","store":"kopi"}`, `{"task":"bill","store":"kopi"}`, `{"task":7}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorld(t, fault.None{})
		before := len(w.state.All())

		err := w.deliverer.Handle(ctx, queue.Delivery{Attempt: 1, Message: queue.Message{Body: body}})
		require.NotEqual(t, errs.Internal, errs.CodeOf(err), "%v", err)
		require.Len(t, w.state.All(), before)
		require.Empty(t, w.messenger.said)
	})
}
