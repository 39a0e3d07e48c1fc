package order_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
)

func TestOrdersAreFoundByTheirLabels(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(3)
	made := w.place(buyer, "1")

	for _, text := range []string{made.Label(), "#" + made.Label(), " " + made.Label()[len("LP-"):] + "\n"} {
		found, err := w.orders.Find(ctx, kopi, text)
		require.NoError(t, err)
		require.Equal(t, []order.Order{w.get(made.Ref())}, found, "%q", text)
	}

	for _, text := range []string{"", "#", "LP-", "00000", "a#b", made.ID} {
		found, err := w.orders.Find(ctx, kopi, text)
		require.NoError(t, err)
		require.Empty(t, found, "%q", text)
	}

	found, err := w.orders.Find(ctx, "other", made.Label())
	require.NoError(t, err)
	require.Empty(t, found, "another store's order")
}

func TestRefuseClosesAndTellsOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(1)
	made := w.place(buyer, "1")

	_, err := w.orders.Refuse(ctx, made.Ref(), "", w.editor())
	require.Equal(t, errs.Invalid, errs.CodeOf(err))

	by := w.editor()
	refused, err := w.orders.Refuse(ctx, made.Ref(), "nothing came", by)
	require.NoError(t, err)
	require.Equal(t, order.Cancelled, refused.State)
	require.Equal(t, "nothing came", refused.Reason)

	offer, err := w.goods.Offer(ctx, kopi, keys)
	require.NoError(t, err)
	require.EqualValues(t, 1, offer.Available, "the stock is back")

	again, err := w.orders.Refuse(ctx, made.Ref(), "nothing came", by)
	require.NoError(t, err)
	require.Equal(t, refused.Version, again.Version, "the same again changes nothing")

	_, err = w.orders.Refuse(ctx, made.Ref(), "nothing came", w.editor())
	require.Equal(t, errs.Conflict, errs.CodeOf(err))
}

func TestFulfilIsNotedOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, catalog.Product{
		ID: "work", Category: "c", Name: catalog.Text{"id": "Joki"}, Price: money.IDR(5_000), Policy: catalog.Manual,
	}, w.editor()))

	request := w.request(buyer, "1")
	request.Items = []order.Item{{Product: "work", Count: 1}}
	made := w.placed(request)
	by := w.editor()

	_, err := w.orders.Fulfil(ctx, made.Ref(), "done", by)
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "it is not paid")

	_, err = w.orders.Settle(ctx, made.Ref(), receiptOf(made))
	require.NoError(t, err)
	require.True(t, w.get(made.Ref()).Unfulfilled())

	w.clock.Advance(time.Hour)
	done, err := w.orders.Fulfil(ctx, made.Ref(), "done", by)
	require.NoError(t, err)
	require.Equal(t, w.clock.Now(), done.FulfilledAt)
	require.False(t, done.Unfulfilled())

	again, err := w.orders.Fulfil(ctx, made.Ref(), "done", by)
	require.NoError(t, err)
	require.Equal(t, done.Version, again.Version)

	_, err = w.orders.Fulfil(ctx, made.Ref(), "done", w.editor())
	require.Equal(t, errs.Conflict, errs.CodeOf(err))

	w.stock(1)
	other := w.place(buyer, "2")
	_, err = w.orders.Settle(ctx, other.Ref(), receiptOf(other))
	require.NoError(t, err)
	_, err = w.orders.Fulfil(ctx, other.Ref(), "done", w.editor())
	require.Equal(t, errs.Conflict, errs.CodeOf(err), "nothing of it is done by hand")
}
