package catalog_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
)

func (w *world) named(id string, name, description catalog.Text, soldUnits int64) {
	w.Helper()
	require.NoError(w, w.goods.SaveProduct(ctx, shop, catalog.Product{
		ID: id, Category: "c", Name: name, Description: description, Price: money.IDR(1000), Policy: catalog.Manual,
	}, w.editor()))

	if soldUnits > 0 {
		_, ops, err := w.goods.Claim(ctx, catalog.ClaimOf{
			Store: shop, Product: id, Order: "o-" + id, Policy: catalog.Manual, Count: soldUnits,
		})
		require.NoError(w, w.write(ops, err))
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.named("netflix1", catalog.Text{"id": "Netflix 1 bulan", "en": "Netflix 1 month"},
		catalog.Text{"id": "Akun privat, garansi 30 hari."}, 1)
	w.named("netflix12", catalog.Text{"id": "Netflix 12 bulan"}, nil, 5)
	w.named("cafe", catalog.Text{"id": "Voucher Café Kopi"}, catalog.Text{"id": "Bisa nonton Netflix sambil ngopi"}, 9)
	w.named("spotify", catalog.Text{"id": "SPOTIFY"}, nil, 0)

	for text, want := range map[string][]string{
		"netflix":          {"netflix12", "netflix1", "cafe"}, // names before descriptions, then by sales
		"NETFLIX 1":        {"netflix1", "netflix12"},         // whole words first
		"bulan netflix 12": {"netflix12"},
		"cafe":             {"cafe"},
		"CAFÉ kop":         {"cafe"},
		"month":            {"netflix1"},
		"spot":             {"spotify"},
		"otify":            nil,
		"netflix hulu":     nil,
		"":                 nil,
		" .,!  ":           nil,
	} {
		found, err := w.goods.Search(ctx, shop, text, 10)
		require.NoError(t, err)
		assert.Equal(t, want, ids(found), text)
	}

	found, err := w.goods.Search(ctx, shop, "netflix", 1)
	require.NoError(t, err)
	assert.Equal(t, []string{"netflix12"}, ids(found))

	popular, err := w.goods.Popular(ctx, shop, 2)
	require.NoError(t, err)
	assert.Equal(t, []string{"cafe", "netflix12"}, ids(popular))

	none, err := w.goods.Popular(ctx, "another", 2)
	require.NoError(t, err)
	assert.Empty(t, none, "stores are kept apart")
}

func TestSnapshotAges(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.named("a", catalog.Text{"id": "Produk A"}, nil, 1)

	elsewhere := catalog.NewService(w.state, sealed.New("master", fault.None{}), w.clock) // another warm function

	count := func(of *catalog.Service) int {
		found, err := of.Search(ctx, shop, "produk", 10)
		require.NoError(t, err)

		return len(found)
	}

	assert.Equal(t, 1, count(w.goods))
	assert.Equal(t, 1, count(elsewhere))

	w.named("b", catalog.Text{"id": "Produk B"}, nil, 1)
	assert.Equal(t, 2, count(w.goods), "who writes sees it")
	assert.Equal(t, 1, count(elsewhere))
	w.clock.Advance(5*time.Minute - time.Second)
	assert.Equal(t, 1, count(elsewhere))
	w.clock.Advance(time.Second)
	assert.Equal(t, 2, count(elsewhere))

	offer, err := w.goods.Offer(ctx, shop, "a")
	require.NoError(t, err)

	offer.Hidden = true
	require.NoError(t, w.goods.SaveProduct(ctx, shop, offer.Product, w.editor()))
	assert.Equal(t, 1, count(w.goods))

	popular, err := w.goods.Popular(ctx, shop, 10)
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, ids(popular))
}

// TestSnapshotsAreBounded searches more stores than are kept.
func TestSnapshotsAreBounded(t *testing.T) {
	t.Parallel()

	counting := &counted{Plan: fault.None{}}
	w := newWorld(t, counting)
	w.clock = clock.NewManual(start)

	ask := func(store int) {
		_, err := w.goods.Search(ctx, fmt.Sprint("store-", store), "a", 1)
		require.NoError(t, err)
	}

	for store := range 100 {
		ask(store)
	}

	assert.Equal(t, 100, counting.calls["table.query"])
	ask(99)
	assert.Equal(t, 100, counting.calls["table.query"])

	for store := range 100 {
		ask(store)
	}

	assert.GreaterOrEqual(t, counting.calls["table.query"], 136, "at most 64 were kept")
}

// counted counts calls.
type counted struct {
	fault.Plan

	calls map[string]int
}

func (c *counted) Next(op string) fault.Kind {
	if c.calls == nil {
		c.calls = map[string]int{}
	}

	c.calls[op]++

	return c.Plan.Next(op)
}

// TestReads counts what looking around costs.
func TestReads(t *testing.T) {
	t.Parallel()

	counting := &counted{Plan: fault.None{}}
	w := newWorld(t, counting)
	w.category("c", "Akun")

	for at := range 20 {
		w.product(fmt.Sprintf("p%02d", at))
	}

	for name, look := range map[string]func() error{
		"categories": func() error { _, err := w.goods.Categories(ctx, shop); return err },
		"shelf": func() error {
			_, _, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{Limit: 6, From: "p05"})

			return err
		},
		"back": func() error {
			_, _, err := w.goods.Shelf(ctx, shop, "c", catalog.Place{Limit: 6, From: "p09", Back: true})

			return err
		},
		"products": func() error { _, _, err := w.goods.Products(ctx, shop, catalog.Place{Limit: 6}); return err },
		"offer":    func() error { _, err := w.goods.Offer(ctx, shop, "p03"); return err },
		"search":   func() error { _, err := w.goods.Search(ctx, shop, "produk", 6); return err },
	} {
		clear(counting.calls)
		require.NoError(t, look())
		assert.Equal(t, 1, counting.calls["table.query"]+counting.calls["table.get"], name)
	}
}
