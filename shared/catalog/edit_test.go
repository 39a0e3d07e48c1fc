package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// told gives the messages that wait in the outbox, read as the delivery reads them.
func (w *world) told() []order.Message {
	w.Helper()

	var all []order.Message

	for _, row := range w.state.All() {
		if !strings.HasPrefix(row.Key.SK(), outbox.SortPrefix) {
			continue
		}

		entry, err := table.Decode[outbox.Entry](row)
		require.NoError(w, err)
		require.Equal(w, queue.Deliveries, entry.Queue)

		var told order.Message
		require.NoError(w, json.Unmarshal(entry.Body, &told))
		require.Equal(w, order.Notify, told.Task)
		require.Equal(w, shop, told.Store)

		all = append(all, told)
	}

	return all
}

func (w *world) audited() []audit.Entry {
	w.Helper()

	entries, more, err := audit.NewLog(w.state, w.clock).Page(ctx, shop, "", 100)
	require.NoError(w, err)
	require.False(w, more)

	return entries
}

func TestTwoEditsAtOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	read := w.product("p")
	before := len(w.audited())

	first, second := read, read
	first.Price, second.Price = money.IDR(2000), money.IDR(3000)

	require.NoError(t, w.goods.SaveProduct(ctx, shop, first, w.editor()))

	by := w.editor()
	for range 2 { // the update comes twice
		err := w.goods.SaveProduct(ctx, shop, second, by)
		assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%v", err)

		key, _, _ := errs.Sentence(err)
		assert.Equal(t, "catalog.edited_meanwhile", key)
	}

	offer, err := w.goods.Offer(ctx, shop, "p")
	require.NoError(t, err)
	assert.Equal(t, money.IDR(2000), offer.Price, "nothing is overwritten")

	told := w.told()
	require.Len(t, told, 1, "the owner is told once")
	assert.Equal(t, user.Settings, told[0].May)
	assert.Equal(t, map[string]any{"Name": "Produk p", "User": "7"}, told[0].Args)

	require.NoError(t, w.goods.SaveProduct(ctx, shop, first, w.editor()), "what is so already is no conflict")

	entries := w.audited()
	require.Len(t, entries, before+1)
	assert.JSONEq(t, `{"price":{"value":1000,"currency":"IDR"}}`, entries[0].Before)
	assert.JSONEq(t, `{"price":{"value":2000,"currency":"IDR"}}`, entries[0].After)
	assert.Equal(t, "product p", entries[0].Target)

	again := catalog.Category{ID: "c", Name: catalog.Text{"id": "Lain"}}
	assert.Equal(t, errs.Conflict, errs.CodeOf(w.goods.SaveCategory(ctx, shop, again, w.editor())))
	assert.Len(t, w.told(), 2)
}

// TestManyEditsAtOnce lets many save over one version: one of them does.
func TestManyEditsAtOnce(t *testing.T) {
	t.Parallel()

	const many = 20

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	read := w.product("p")

	var (
		running sync.WaitGroup
		saved   atomic.Int64
	)

	for at := range many {
		running.Go(func() {
			mine := read
			mine.Price = money.IDR(int64(2000 + at))

			err := w.goods.SaveProduct(ctx, shop, mine, catalog.Editor{User: int64(at), Cause: fmt.Sprint("edit ", at)})
			if err == nil {
				saved.Add(1)
			} else {
				assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%v", err)
			}
		})
	}

	running.Wait()

	assert.Equal(t, int64(1), saved.Load())
	assert.Len(t, w.told(), many-1)
}

// TestHideDuringSales hides and shows a product while its counters move: no
// count is lost, and the edit comes through.
func TestHideDuringSales(t *testing.T) {
	t.Parallel()

	const sales = 300

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.category("d", "Kunci")
	w.product("p")
	w.stock("p", numbered("unit", 10)...)

	var running sync.WaitGroup

	running.Go(func() {
		for range sales {
			for _, ask := range []func(string, string, catalog.Policy, int64) ([]table.Op, error){w.goods.Reserve, w.goods.Release} {
				ops, err := ask(shop, "p", catalog.Units, 1)
				assert.NoError(t, err)
				assert.NoError(t, w.state.Write(ctx, ops...))
			}
		}
	})

	saves := 0

	for at := range 40 {
		offer, err := w.goods.Offer(ctx, shop, "p")
		require.NoError(t, err)

		offer.Hidden = at%2 == 0
		offer.Category = []string{"c", "d"}[at/2%2]

		err = w.goods.SaveProduct(ctx, shop, offer.Product, w.editor())
		if err == nil {
			saves++
		}
	}

	running.Wait()

	assert.Positive(t, saves)
	assert.Equal(t, int64(10), w.available())

	offer, err := w.goods.Offer(ctx, shop, "p")
	require.NoError(t, err)

	offer.Hidden, offer.Category = false, "d"
	offer.Description = catalog.Text{"id": "terakhir"}
	require.NoError(t, w.goods.SaveProduct(ctx, shop, offer.Product, w.editor()))

	for category, want := range map[string]int{"c": 0, "d": 1} {
		offers, _, err := w.goods.Shelf(ctx, shop, category, catalog.Place{Limit: 6})
		require.NoError(t, err)
		require.Len(t, offers, want)

		if want == 1 {
			assert.Equal(t, int64(10), offers[0].Available)
		}
	}

	shelves, err := w.goods.Categories(ctx, shop)
	require.NoError(t, err)
	require.Len(t, shelves, 1)
	assert.Equal(t, "d", shelves[0].ID)

	all, err := w.goods.AllCategories(ctx, shop)
	require.NoError(t, err)
	assert.Len(t, all, 2)
}

func TestProductRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	good := w.product("p")

	for key, spoil := range map[string]func(*catalog.Product){
		"catalog.name_missing":     func(p *catalog.Product) { p.Name = catalog.Text{"id": ""} },
		"catalog.name_long":        func(p *catalog.Product) { p.Name = catalog.Text{"en": strings.Repeat("é", catalog.MaxName+1)} },
		"catalog.description_long": func(p *catalog.Product) { p.Description = catalog.Text{"id": strings.Repeat("a", 701)} },
		"catalog.terms_long":       func(p *catalog.Product) { p.Terms = catalog.Text{"id": strings.Repeat("a", 3001)} },
		"catalog.price":            func(p *catalog.Product) { p.Price = money.XTR(5) },
		"catalog.price_stars":      func(p *catalog.Product) { p.Stars = -1 },
		"catalog.warranty":         func(p *catalog.Product) { p.Warranty = -1 },
		"catalog.count":            func(p *catalog.Product) { p.LowStock = -1 },
		"catalog.policy":           func(p *catalog.Product) { p.Policy = "gift" },
		"catalog.file_missing":     func(p *catalog.Product) { p.Policy = catalog.File },
	} {
		spoilt := good
		spoil(&spoilt)

		err := w.goods.SaveProduct(ctx, shop, spoilt, w.editor())
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), key)

		said, _, _ := errs.Sentence(err)
		assert.Equal(t, key, said)
	}

	for _, id := range []string{"", "a#b", "a b", strings.Repeat("a", 33)} {
		spoilt := good
		spoilt.ID = id
		assert.Equal(t, errs.Invalid, errs.CodeOf(w.goods.SaveProduct(ctx, shop, spoilt, w.editor())), id)
		assert.Equal(t, errs.Invalid, errs.CodeOf(w.goods.SaveCategory(ctx, shop, catalog.Category{ID: id, Name: good.Name}, w.editor())))
	}

	lost := good
	lost.Category = "none"
	err := w.goods.SaveProduct(ctx, shop, lost, w.editor())
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))
	assert.Empty(t, w.told())
}

// TestPages turns pages from anywhere in any direction, as a list would.
func TestPages(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, fault.None{})
		w.category("c", "Akun")

		// DynamoDB may end a page before its limit.
		short := short{w.state, rapid.IntRange(1, 50).Draw(t, "short")}
		goods := catalog.NewService(short, sealed.New("master", fault.None{}), w.clock)

		var onSale, all []string

		for at := range rapid.IntRange(0, 15).Draw(t, "products") {
			product := w.product(fmt.Sprintf("p%02d", at))
			all = append(all, product.ID)

			if rapid.Bool().Draw(t, "hidden") {
				product.Hidden = true
				require.NoError(t, w.goods.SaveProduct(ctx, shop, product, w.editor()))
			} else {
				onSale = append(onSale, product.ID)
			}
		}

		place := catalog.Place{Limit: rapid.IntRange(1, 7).Draw(t, "limit"), Back: rapid.Bool().Draw(t, "back")}
		if rapid.Bool().Draw(t, "from somewhere") {
			place.From = fmt.Sprintf("p%02d", rapid.IntRange(0, 15).Draw(t, "from"))
		}

		offers, more, err := goods.Shelf(ctx, shop, "c", place)
		require.NoError(t, err)

		want, wantMore := turned(onSale, place)
		require.Equal(t, want, ids(offers))
		require.Equal(t, wantMore, more)

		offers, more, err = goods.Products(ctx, shop, place)
		require.NoError(t, err)

		want, wantMore = turned(all, place)
		require.Equal(t, want, ids(offers))
		require.Equal(t, wantMore, more)
	})
}

// short is a table whose pages end early.
type short struct {
	table.Table

	most int
}

func (s short) Query(ctx context.Context, query table.Query) (table.Page, error) {
	query.Limit = min(query.Limit, s.most)

	return s.Table.Query(ctx, query)
}

// turned gives a page of a list.
func turned(list []string, place catalog.Place) ([]string, bool) {
	beyond := slices.DeleteFunc(slices.Clone(list), func(id string) bool {
		return place.From != "" && (place.Back && id >= place.From || !place.Back && id <= place.From)
	})

	if place.Back {
		first := max(0, len(beyond)-place.Limit)

		return append([]string(nil), beyond[first:]...), first > 0
	}

	last := min(len(beyond), place.Limit)

	return append([]string(nil), beyond[:last]...), last < len(beyond)
}

// TestShelfWhileTheIndexLags looks at the shelf while changes are on their way
// to the index: what it shows was true a moment ago.
func TestShelfWhileTheIndexLags(t *testing.T) {
	t.Parallel()

	w := newWorld(t, lateIndex{fault.None{}, fault.NewSeeded(1, 0.7, time.Second, fault.Delay)})
	w.category("c", "Akun")

	for at := range 12 {
		id := fmt.Sprintf("p%02d", at)
		w.product(id)
		w.stock(id, numbered(id, 3)...)

		offers, _, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{Limit: 20})
		require.NoError(t, err)

		for _, offer := range offers {
			assert.NotEmpty(t, offer.ID)
			assert.Contains(t, []int64{0, 3}, offer.Available)
		}
	}

	w.clock.Advance(time.Second)

	var pages []string

	for _, from := range []string{"", "p05"} {
		offers, _, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{From: from, Limit: 6})
		require.NoError(t, err)

		for _, offer := range offers {
			assert.Equal(t, int64(3), offer.Available)
		}

		pages = append(pages, ids(offers)...)
	}

	assert.Len(t, pages, 12)
}

func TestCoupons(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	coupon := catalog.Coupon{Code: "HEMAT10", Percent: 10, Uses: 3, PerBuyer: 2}
	require.NoError(t, w.goods.SaveCoupon(ctx, shop, coupon, w.editor()))

	use := func(buyer int64, undone bool) error { return w.write(w.goods.UseCoupon(shop, coupon, buyer, undone)) }

	require.NoError(t, use(1, false))
	require.NoError(t, use(1, false))
	assert.Equal(t, errs.Conflict, errs.CodeOf(use(1, false)), "twice for one buyer")
	require.NoError(t, use(2, false))
	assert.Equal(t, errs.Conflict, errs.CodeOf(use(3, false)), "three times for all")
	require.NoError(t, use(2, true))
	require.NoError(t, use(3, false))

	read, used, err := w.goods.Coupon(ctx, shop, " hemat10 ")
	require.NoError(t, err)
	assert.Equal(t, int64(3), used)
	assert.Equal(t, int64(10), read.Percent)

	// It is changed while it is used: only its own version counts.
	read.Uses, read.PerBuyer = 0, 0
	require.NoError(t, w.goods.SaveCoupon(ctx, shop, read, w.editor()))
	assert.Equal(t, errs.Conflict, errs.CodeOf(w.goods.SaveCoupon(ctx, shop, coupon, w.editor())))

	coupon = read
	for range 5 {
		require.NoError(t, use(1, false))
	}

	all, uses, err := w.goods.Coupons(ctx, shop)
	require.NoError(t, err)
	assert.Len(t, all, 1)
	assert.Equal(t, map[string]int64{"HEMAT10": 8}, uses)

	for _, code := range []string{"HEMAT", "x", "", "HEMAT10#item"} {
		_, _, err := w.goods.Coupon(ctx, shop, code)
		assert.Equal(t, errs.NotFound, errs.CodeOf(err), code)

		key, _, _ := errs.Sentence(err)
		assert.Equal(t, "catalog.coupon_unknown", key)
	}

	for _, wrong := range []catalog.Coupon{
		{Code: "a", Percent: 1},
		{Code: "HEMAT"},
		{Code: "HEMAT", Percent: 101},
		{Code: "HEMAT", Percent: 1, Off: 1},
		{Code: "HEMAT", Off: -1},
		{Code: "HEMAT", Percent: 1, Uses: -1},
	} {
		assert.Equal(t, errs.Invalid, errs.CodeOf(w.goods.SaveCoupon(ctx, shop, wrong, w.editor())), "%v", wrong)
	}
}

func TestNewID(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		first := start.Add(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "seconds")) * time.Second)
		second := first.Add(time.Duration(rapid.Int64Range(1, 1e6).Draw(t, "later")) * time.Second)

		id := catalog.NewID(shop, "update 1", first)
		require.Regexp(t, `^[0-9A-Z]{13}$`, id)
		require.Equal(t, id, catalog.NewID(shop, "update 1", first))
		require.NotEqual(t, id, catalog.NewID(shop, "update 2", first))
		require.Less(t, id, catalog.NewID(shop, "update 1", second))
	})
}
