package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
)

var ctx = context.Background()

func ids(offers []catalog.Offer) []string {
	var all []string
	for _, offer := range offers {
		all = append(all, offer.ID)
	}

	return all
}

func TestSale(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")

	made := w.stock("p", append(numbered("unit", 250), "unit-3", "")...)
	assert.Equal(t, catalog.Stocked{Added: 250, Duplicates: 1, Refused: []int{252}}, made)
	assert.Equal(t, int64(250), w.available())
	assert.Equal(t, catalog.Stocked{Added: 1, Duplicates: 250}, w.stock("p", append(numbered("unit", 250), "new")...))
	assert.Equal(t, int64(251), w.available())

	require.NoError(t, w.write(w.goods.Reserve(shop, "p", catalog.Units, 3)))
	assert.Equal(t, int64(248), w.available())

	claim := catalog.ClaimOf{Store: shop, Product: "p", Order: "o", Salt: "1", Policy: catalog.Units, Buyer: 9, Count: 3}
	units, ops, err := w.goods.Claim(ctx, claim)
	require.NoError(t, err)
	require.NoError(t, w.write(ops, nil))

	names := []string{units[0].ID, units[1].ID, units[2].ID}
	contents, err := w.goods.Open(ctx, shop, "p", "o", names)
	require.NoError(t, err)
	assert.Len(t, contents, 3)
	assert.Regexp(t, `^(unit-\d+|new)$`, string(contents[0]))

	_, err = w.goods.Open(ctx, shop, "p", "another", names)
	assert.Equal(t, errs.Unauthorized, errs.CodeOf(err))

	offer, err := w.goods.Offer(ctx, shop, "p")
	require.NoError(t, err)
	assert.Equal(t, int64(3), offer.Sold)

	require.NoError(t, w.write(w.goods.Return(ctx, claim, names)))
	assert.Equal(t, int64(251), w.available())

	_, err = w.goods.Open(ctx, shop, "p", "o", names)
	assert.Equal(t, errs.Unauthorized, errs.CodeOf(err))
}

func TestShelf(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.category("d", "Kosong")

	var all []string

	for at := range 20 {
		id := fmt.Sprintf("p%02d", at)
		product := w.product(id)

		if at%5 == 4 {
			product.Hidden = true
			require.NoError(t, w.goods.SaveProduct(ctx, shop, product, w.editor()))

			continue
		}

		w.stock(id, numbered(id, at)...)
		all = append(all, id)
	}

	shelves, err := w.goods.Categories(ctx, shop)
	require.NoError(t, err)
	require.Len(t, shelves, 1)
	assert.Equal(t, "c", shelves[0].ID)

	var pages [][]string

	place := catalog.Place{Limit: 6}

	for {
		offers, more, err := w.goods.Shelf(ctx, shop, "c", place)
		require.NoError(t, err)

		pages = append(pages, ids(offers))

		for _, offer := range offers {
			var at int64
			_, err := fmt.Sscanf(offer.ID, "p%d", &at)
			require.NoError(t, err)
			assert.Equal(t, at, offer.Available)
		}

		if !more {
			break
		}

		place.From = offers[len(offers)-1].ID
	}

	assert.Equal(t, all, slices.Concat(pages...))
	assert.Len(t, pages, 3)

	back, more, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{From: pages[2][0], Back: true, Limit: 6})
	require.NoError(t, err)
	assert.True(t, more)
	assert.Equal(t, pages[1], ids(back))

	back, more, err = w.goods.Shelf(ctx, shop, "c", catalog.Place{From: pages[1][0], Back: true, Limit: 6})
	require.NoError(t, err)
	assert.False(t, more)
	assert.Equal(t, pages[0], ids(back))

	behind, _, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{From: "p04", Limit: 1}) // hidden
	require.NoError(t, err)
	assert.Equal(t, []string{"p05"}, ids(behind))

	managed, _, err := w.goods.Products(ctx, shop, catalog.Place{Limit: 100})
	require.NoError(t, err)
	assert.Len(t, managed, 20)
}
