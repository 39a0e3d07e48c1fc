package order_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/order"
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
