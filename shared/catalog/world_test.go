package catalog_test

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
)

const shop = "demo"

var start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)

// tester is a test or a run of rapid.
type tester interface {
	require.TestingT
	Helper()
}

// world is a store with a shelf.
type world struct {
	tester

	clock *clock.Manual
	state *memory.Table
	goods *catalog.Service
	asked int
}

func newWorld(t tester, plan fault.Plan) *world {
	t.Helper()

	w := &world{tester: t, clock: clock.NewManual(start)}
	w.state = memory.New(w.clock, plan)
	w.goods = catalog.NewService(w.state, sealed.New("master", fault.None{}), w.clock)

	return w
}

// editor gives somebody of the store with a new cause.
func (w *world) editor() catalog.Editor {
	w.asked++

	return catalog.Editor{User: 7, Role: "admin", Cause: fmt.Sprint("update ", w.asked)}
}

func (w *world) category(id, name string) {
	w.Helper()
	require.NoError(w, w.goods.SaveCategory(ctx, shop, catalog.Category{ID: id, Name: catalog.Text{"id": name}}, w.editor()))
}

// product puts a product of units on the shelf of category c.
func (w *world) product(id string) catalog.Product {
	w.Helper()

	made := catalog.Product{
		ID: id, Category: "c", Name: catalog.Text{"id": "Produk " + id}, Price: money.IDR(1000), Policy: catalog.Units,
	}
	require.NoError(w, w.goods.SaveProduct(ctx, shop, made, w.editor()))

	offer, err := w.goods.Offer(ctx, shop, id)
	require.NoError(w, err)

	return offer.Product
}

func (w *world) stock(product string, contents ...string) catalog.Stocked {
	w.Helper()

	made, err := w.goods.Stock(ctx, shop, product, bytesOf(contents), w.editor())
	require.NoError(w, err)

	return made
}

// available counts what may be ordered of product p.
func (w *world) available() int64 {
	w.Helper()

	offer, err := w.goods.Offer(ctx, shop, "p")
	require.NoError(w, err)

	return offer.Available
}

func (w *world) write(ops []table.Op, err error) error {
	w.Helper()
	require.NoError(w, err)

	return w.state.Write(ctx, ops...)
}

func bytesOf(texts []string) [][]byte {
	var all [][]byte
	for _, text := range texts {
		all = append(all, []byte(text))
	}

	return all
}

func numbered(prefix string, count int) []string {
	var all []string
	for at := range count {
		all = append(all, fmt.Sprintf("%s-%d", prefix, at))
	}

	return all
}
