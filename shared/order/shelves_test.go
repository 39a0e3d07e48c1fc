package order_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/table"
)

// notices gives the texts that wait to be told to people.
func (w *world) notices() []string {
	w.Helper()

	var texts []string

	for _, row := range w.state.All() {
		if !strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
			continue
		}

		entry, err := table.Decode[outbox.Entry](row)
		require.NoError(w, err)

		var asked order.Message
		require.NoError(w, json.Unmarshal(entry.Body, &asked))

		if asked.Task == order.Notify {
			texts = append(texts, asked.Text)
		}
	}

	return texts
}

// TestTheLastUnits sells two units, one of which comes back: those who stock
// the product hear that few are left, and who waits for it that it is back.
func TestTheLastUnits(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})

	offer, err := w.goods.Offer(ctx, kopi, keys)
	require.NoError(t, err)

	offer.LowStock = 1
	require.NoError(t, w.goods.SaveProduct(ctx, kopi, offer.Product, w.editor()))
	w.stock(2)

	paid, left := w.place(buyer, "a"), w.place(buyer+1, "b")

	_, err = w.orders.Settle(ctx, paid.Ref(), receiptOf(paid))
	require.NoError(t, err)
	require.NoError(t, w.goods.Wish(ctx, catalog.WishOf{
		Store: kopi, Product: keys, User: buyer + 2, Language: "id", Cause: "wish",
	}))
	assert.Empty(t, w.notices())

	for range 2 { // each message comes twice
		require.NoError(t, w.handle(order.Message{Task: order.ShowOutcome, Ref: paid.Ref()}, "outcome of a"))
	}

	assert.Equal(t, []string{"catalog.low_notice"}, w.notices())

	_, err = w.orders.Cancel(ctx, left.Ref(), "the buyer does not want it")
	require.NoError(t, err)

	for range 2 {
		require.NoError(t, w.handle(order.Message{Task: order.ShowOutcome, Ref: left.Ref()}, "outcome of b"))
	}

	assert.ElementsMatch(t, []string{"catalog.low_notice", "catalog.restocked_notice"}, w.notices())
}
