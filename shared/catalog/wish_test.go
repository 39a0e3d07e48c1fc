package catalog_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

func (w *world) wish(person int64) error {
	w.asked++

	return w.goods.Wish(ctx, catalog.WishOf{
		Store: shop, Product: "p", User: person, Language: "id", Cause: fmt.Sprint("wish ", w.asked),
	})
}

func TestWishes(t *testing.T) {
	t.Parallel()

	const wishers = 120 // some pages

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")

	for person := range int64(wishers) {
		require.NoError(t, w.wish(person+1))
		require.NoError(t, w.wish(person+1))
	}

	require.NoError(t, w.goods.Unwish(ctx, shop, "p", 5))
	require.NoError(t, w.goods.Unwish(ctx, shop, "p", 5))
	require.NoError(t, w.goods.Restocked(ctx, shop, "p"))
	assert.Empty(t, w.told(), "it is sold out")

	w.stock("p", "a")

	heard := map[int64]int{}
	for _, told := range w.told() {
		heard[told.User]++

		assert.Equal(t, "catalog.restocked_notice", told.Text)
		assert.Equal(t, map[string]any{"Name": "Produk p", "Product": "p"}, told.Args)
	}

	assert.Len(t, heard, wishers-1)
	assert.NotContains(t, heard, int64(5))

	for person, times := range heard {
		assert.Equal(t, 1, times, "%d", person)
	}

	err := w.wish(5)
	assert.Equal(t, errs.Conflict, errs.CodeOf(err))

	key, _, _ := errs.Sentence(err)
	assert.Equal(t, "catalog.in_stock", key)

	w.stock("p", "b")
	assert.Len(t, w.told(), wishers-1, "nobody is told again")
}

// TestNoWishIsLost lets wishes meet imports while calls fail: when the import
// has answered, everybody whose wish was taken was told, once.
func TestNoWishIsLost(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		plan := fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.3, 0, fault.FailBefore, fault.FailAfter, fault.Throttle)
		plan.Pause(true)

		w := newWorld(t, plan)
		w.category("c", "Akun")
		w.product("p")
		plan.Pause(false)

		taken := map[int64]bool{}

		for person := range rapid.Int64Range(0, 60).Draw(t, "wishers") {
			taken[person+1] = w.wish(person+1) == nil
		}

		by := w.editor()

		for try := 0; ; try++ {
			require.Less(t, try, 1000, "it never answers")

			if _, err := w.goods.Stock(ctx, shop, "p", bytesOf([]string{"a", "b"}), by); err == nil {
				break
			}

			taken[100] = taken[100] || w.wish(100) == nil // between the tries, or never
		}

		heard := map[int64]int{}
		for _, told := range w.told() {
			heard[told.User]++

			require.Equal(t, 1, heard[told.User])
		}

		for person, was := range taken {
			if was {
				require.Equal(t, 1, heard[person], "%d was promised to hear", person)
			}
		}
	})
}

func TestLowStock(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	product := w.product("p")
	product.LowStock = 3
	require.NoError(t, w.goods.SaveProduct(ctx, shop, product, w.editor()))
	w.stock("p", numbered("unit", 5)...)

	sell := func(count int64) {
		require.NoError(t, w.write(w.goods.Reserve(shop, "p", catalog.Units, count)))
		require.NoError(t, w.goods.TellLow(ctx, shop, "p"))
		require.NoError(t, w.goods.TellLow(ctx, shop, "p"))
	}

	sell(1)
	assert.Empty(t, w.told())
	sell(1)
	require.Len(t, w.told(), 1)
	assert.Equal(t, user.Stock, w.told()[0].May)
	assert.Equal(t, "3", w.told()[0].Args["Left"])
	sell(1)
	assert.Len(t, w.told(), 1, "once")

	w.stock("p", "more")
	sell(1)
	assert.Len(t, w.told(), 1, "never above the threshold")
	w.stock("p", numbered("many", 5)...)
	sell(1)
	assert.Len(t, w.told(), 1)
	sell(4)
	assert.Len(t, w.told(), 2, "low again")

	// A new threshold is a new question.
	offer, err := w.goods.Offer(ctx, shop, "p")
	require.NoError(t, err)

	offer.LowStock = 2
	require.NoError(t, w.goods.SaveProduct(ctx, shop, offer.Product, w.editor()))
	sell(1)
	assert.Len(t, w.told(), 3)
	assert.Equal(t, int64(1), w.available())

	offers, more, err := w.goods.Products(ctx, shop, catalog.Place{Limit: 1})
	require.NoError(t, err)
	assert.False(t, more)
	assert.Equal(t, []string{"p"}, ids(offers), "the mark of what was told is no product")
}

// interrupted is a table in which something happens right before a write.
type interrupted struct {
	table.Table

	meanwhile func()
}

func (i *interrupted) Write(ctx context.Context, ops ...table.Op) error {
	if happen := i.meanwhile; happen != nil {
		i.meanwhile = nil

		happen()
	}

	return i.Table.Write(ctx, ops...)
}

// TestWishMeetsStock stocks a product between the moment in which it is seen
// sold out and the wish: nobody must wait for what is there.
func TestWishMeetsStock(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")

	state := &interrupted{w.state, func() { w.stock("p", "a") }}
	buyers := catalog.NewService(state, sealed.New("master", fault.None{}), w.clock)

	err := buyers.Wish(ctx, catalog.WishOf{Store: shop, Product: "p", User: 1, Language: "id", Cause: "wish"})
	assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%v", err)

	key, _, _ := errs.Sentence(err)
	assert.Equal(t, "catalog.in_stock", key)
}
