package order_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/order"
)

// together runs something for so many at once.
func together(many int, do func(number int)) {
	var group sync.WaitGroup

	for number := range many {
		group.Go(func() { do(number) })
	}

	group.Wait()
}

// TestTwoHundredBuyersForFiftyKeys lets all of them tap at once, and all
// payments come at once, five times each.
func TestTwoHundredBuyersForFiftyKeys(t *testing.T) {
	t.Parallel()

	const buyers, units = 200, 50

	w := newWorld(t, fault.NewSeeded(1, 0, 0))
	w.stock(units)

	placed := make([]order.Order, buyers)
	refused := make([]error, buyers)

	together(buyers, func(number int) {
		request := w.request(buyer+int64(number), "tap")

		for range 20 { // the queue brings what was Unavailable again
			placed[number], refused[number] = w.orders.Place(ctx, request)
			if !errs.Is(refused[number], errs.Unavailable) {
				return
			}
		}
	})

	got := 0

	for number := range buyers {
		if refused[number] == nil {
			got++

			continue
		}

		require.Equal(t, "ordering.sold_out", sentence(refused[number]))
	}

	require.Equal(t, units, got)
	w.balanced()

	var settled, counted sync.Map

	together(buyers*5, func(copied int) {
		number := copied % buyers
		if refused[number] != nil {
			return
		}

		of := placed[number]
		receipt := order.Receipt{Gateway: "pakasir", Transaction: "txn-" + of.ID, Amount: of.Total, At: start}

		for range 20 {
			outcome, err := w.orders.Settle(ctx, of.Ref(), receipt)
			if errs.Is(err, errs.Unavailable) {
				continue
			}

			switch outcome {
			case order.Settled:
				_, twice := settled.LoadOrStore(of.ID, true)
				require.False(t, twice, "order %s was settled twice", of.ID)
			case order.Counted:
				counted.Store(fmt.Sprint(copied), true)
			default:
				require.Fail(t, "outcome "+string(outcome), "%v", err)
			}

			return
		}
	})

	sold := 0

	settled.Range(func(any, any) bool {
		sold++

		return true
	})
	require.Equal(t, units, sold)
	w.balanced()
}

// TestOneTapOneOrder lets one tap come many times at once.
func TestOneTapOneOrder(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(50)

	var ids sync.Map

	together(50, func(int) {
		made, err := w.orders.Place(ctx, w.request(buyer, "tap"))
		if err == nil {
			ids.Store(made.ID, true)
		}
	})

	count := 0

	ids.Range(func(any, any) bool {
		count++

		return true
	})
	require.Equal(t, 1, count)
	require.Equal(t, int64(49), w.read().available)
}

// TestPayExpireCancelAndRefundAtOnce lets everything that ends an order happen
// to many orders at the same moment.
func TestPayExpireCancelAndRefundAtOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.stock(20)

	orders := make([]order.Order, 0, 20)
	for number := range 20 {
		orders = append(orders, w.place(buyer+int64(number), "tap"))
	}

	w.clock.Advance(16 * time.Minute)

	together(len(orders)*5, func(number int) {
		of := orders[number/5]

		var err error

		switch number % 5 {
		case 0, 1:
			_, err = w.orders.Settle(ctx, of.Ref(), receiptOf(of))
		case 2:
			err = w.orders.Expire(ctx, of.Ref())
		case 3:
			_, err = w.orders.Cancel(ctx, of.Ref(), "buyer")
		default:
			_, err = w.orders.Refund(ctx, of.Ref(), order.Refunding{By: admin, Reason: "asked", Cause: "tap"})
		}

		require.NotEqual(t, errs.Internal, errs.CodeOf(err), "%v", err)
	})

	for _, of := range orders { // each payment is somewhere
		outcome, err := w.orders.Settle(ctx, of.Ref(), receiptOf(of))
		require.NoError(t, err)
		require.Contains(t, []order.Outcome{order.Counted, order.Settled, order.Late}, outcome)
	}

	w.balanced()
}
