package conformance_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

// TestGoods sells from shelves that a real table keeps: pages that go on from
// names, transactions of a hundred rows, claims that read the index.
func TestGoods(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, dynamodbLocal, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		const shop = "demo"

		client := dynamodb.NewFromConfig(at.config)
		name := at.prefix + "-goods"
		makeTable(t, client, name, true)

		state := dynamo.New(client, name, index, clock.System{})
		goods := catalog.NewService(state, sealed.New("master", fault.None{}), clock.System{})
		asked := 0
		by := func() catalog.Editor {
			asked++

			return catalog.Editor{User: 7, Role: "admin", Cause: fmt.Sprint("update ", asked)}
		}

		require.NoError(t, goods.SaveCategory(t.Context(), shop, catalog.Category{ID: "c", Name: catalog.Text{"id": "Akun"}}, by()))

		var all []string

		for number := range 14 {
			product := catalog.Product{
				ID: fmt.Sprintf("p%02d", number), Category: "c", Name: catalog.Text{"id": "Produk"},
				Price: money.IDR(1000), Policy: catalog.Units, Hidden: number == 6,
			}
			require.NoError(t, goods.SaveProduct(t.Context(), shop, product, by()))

			if !product.Hidden {
				all = append(all, product.ID)
			}
		}

		turn := func(place catalog.Place) ([]string, bool) {
			offers, more, err := goods.Shelf(t.Context(), shop, "c", place)
			require.NoError(t, err)

			var ids []string
			for _, offer := range offers {
				ids = append(ids, offer.ID)
			}

			return ids, more
		}

		require.Eventually(t, func() bool {
			offers, _, err := goods.Shelf(t.Context(), shop, "c", catalog.Place{Limit: 20})

			return err == nil && len(offers) == len(all)
		}, time.Minute, 100*time.Millisecond, "the index follows")

		for _, page := range []struct {
			place catalog.Place
			want  []string
			more  bool
		}{
			{catalog.Place{Limit: 6}, all[:6], true},
			{catalog.Place{From: all[5], Limit: 6}, all[6:12], true},
			{catalog.Place{From: all[11], Limit: 6}, all[12:], false},
			{catalog.Place{From: all[12], Back: true, Limit: 6}, all[6:12], true},
			{catalog.Place{From: all[6], Back: true, Limit: 6}, all[:6], false},
			{catalog.Place{From: "p06", Limit: 2}, []string{"p07", "p08"}, true}, // hidden
		} {
			ids, more := turn(page.place)
			assert.Equal(t, page.want, ids)
			assert.Equal(t, page.more, more)
		}

		var units [][]byte
		for number := range 200 {
			units = append(units, fmt.Appendf(nil, "unit %d %s", number, strings.Repeat("x", 1000)))
		}

		for range 2 {
			made, err := goods.Stock(t.Context(), shop, "p00", units, catalog.Editor{User: 7, Cause: "import"})
			require.NoError(t, err)
			assert.Equal(t, catalog.Stocked{Added: len(units)}, made)
		}

		made, err := goods.Stock(t.Context(), shop, "p00", append(units, []byte("one more")), by())
		require.NoError(t, err)
		assert.Equal(t, catalog.Stocked{Added: 1, Duplicates: len(units)}, made)

		reserve, err := goods.Reserve(shop, "p00", catalog.Units, 50)
		require.NoError(t, err)
		require.NoError(t, state.Write(t.Context(), reserve...))

		claim := catalog.ClaimOf{Store: shop, Product: "p00", Order: "o", Policy: catalog.Units, Buyer: 9, Count: 50}

		require.Eventually(t, func() bool {
			_, _, err := goods.Claim(t.Context(), claim)

			return err == nil
		}, time.Minute, 100*time.Millisecond, "the index follows")

		claimed, ops, err := goods.Claim(t.Context(), claim)
		require.NoError(t, err)
		require.NoError(t, state.Write(t.Context(), ops...))

		var names []string
		for _, unit := range claimed {
			names = append(names, unit.ID)
		}

		contents, err := goods.Open(t.Context(), shop, "p00", "o", names)
		require.NoError(t, err)
		assert.Len(t, contents, 50)

		back, err := goods.Return(t.Context(), claim, names)
		require.NoError(t, err)
		require.NoError(t, state.Write(t.Context(), back...))

		offer, err := goods.Offer(t.Context(), shop, "p00")
		require.NoError(t, err)
		assert.Equal(t, int64(201), offer.Available)
		assert.Zero(t, offer.Sold)
	})
}
