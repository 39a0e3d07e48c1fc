package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
)

// counting counts the reads of a table.
type counting struct {
	*tablememory.Table

	gets int
}

func (c *counting) Get(ctx context.Context, key table.Key) (table.Row, error) {
	c.gets++

	return c.Table.Get(ctx, key) // it only counts
}

func newRegistry(t *testing.T) (*store.Registry, *counting, *clock.Manual) {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	state := &counting{Table: tablememory.New(now, fault.None{})}

	return store.NewRegistry(state, now), state, now
}

func kopi() store.Store {
	return store.Store{
		ID: "kopi", Name: "Toko Kopi Digital", BotID: 5, BotUsername: "kopi_bot", Owner: 1001,
		Language: store.DefaultLanguage, TimeZone: store.DefaultTimeZone,
		CreatedAt: time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC),
	}
}

func TestSaveAndGet(t *testing.T) {
	t.Parallel()

	registry, state, now := newRegistry(t)
	require.NoError(t, registry.Save(t.Context(), kopi()))

	found, err := registry.Get(t.Context(), "kopi")
	require.NoError(t, err)
	assert.Equal(t, kopi(), found)

	// Another process renames the store: this one sees it within a minute.
	renamed := kopi()
	renamed.Name = "Kopi Baru"
	require.NoError(t, store.NewRegistry(state.Table, now).Save(t.Context(), renamed))

	state.gets = 0

	for range 10 {
		found, err = registry.Get(t.Context(), "kopi")
		require.NoError(t, err)
		assert.Equal(t, kopi(), found)
	}

	assert.Zero(t, state.gets, "answered from memory")
	now.Advance(time.Minute)

	found, err = registry.Get(t.Context(), "kopi")
	require.NoError(t, err)
	assert.Equal(t, renamed, found)

	renamed.Name = "Kopi Lagi"
	require.NoError(t, registry.Save(t.Context(), renamed))

	found, err = registry.Get(t.Context(), "kopi")
	require.NoError(t, err)
	assert.Equal(t, renamed, found, "one's own change is seen at once")
}

func TestWhatIsNoStore(t *testing.T) {
	t.Parallel()

	registry, state, _ := newRegistry(t)

	for _, id := range []string{"", "k", "../kopi", "KOPI", "kopi#1", "-kopi", "kopi-", "кофе", "kopi\n", strings.Repeat("k", 33)} {
		_, err := registry.Get(t.Context(), id)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%q", id)

		bad := kopi()
		bad.ID = id
		assert.Equal(t, errs.Invalid, errs.CodeOf(registry.Save(t.Context(), bad)), "%q", id)
		assert.NotEmpty(t, errs.CodeOf(registry.Remove(t.Context(), id)), "%q", id)
	}

	for _, zone := range []string{"WIB", "Local", "../etc/passwd", "Asia/Nowhere", "+07:00"} {
		bad := kopi()
		bad.TimeZone = zone
		assert.Equal(t, errs.Invalid, errs.CodeOf(registry.Save(t.Context(), bad)), zone)
	}

	_, err := registry.Get(t.Context(), "nobody")
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))
	assert.Equal(t, errs.NotFound, errs.CodeOf(registry.Remove(t.Context(), "nobody")))
	assert.Empty(t, state.All())
}

func TestListAndRemove(t *testing.T) {
	t.Parallel()

	registry, state, _ := newRegistry(t)
	none, err := registry.List(t.Context())
	require.NoError(t, err)
	assert.Empty(t, none)

	for at := range 1100 { // more than a page
		of := kopi()
		of.ID = fmt.Sprintf("s%04d", at)
		require.NoError(t, registry.Save(t.Context(), of))
	}

	all, err := registry.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1100)
	assert.Equal(t, "s0000", all[0].ID)
	assert.Equal(t, "s1099", all[1099].ID)

	_, err = registry.Get(t.Context(), "s0500")
	require.NoError(t, err)
	require.NoError(t, registry.Remove(t.Context(), "s0500"))

	_, err = registry.Get(t.Context(), "s0500")
	assert.Equal(t, errs.NotFound, errs.CodeOf(err), "it is forgotten too")

	row := state.All()[0]
	row.Body = []byte(`[]`)
	require.NoError(t, state.Write(t.Context(), table.Replace(row)))

	_, err = registry.List(t.Context())
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// meddling changes a row between another's read and write.
type meddling struct {
	*tablememory.Table

	meddle func()
}

func (m *meddling) Write(ctx context.Context, ops ...table.Op) error {
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil

		meddle()
	}

	return m.Table.Write(ctx, ops...) // it only meddles
}

func TestTwoChangesAtOnce(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	state := &meddling{Table: tablememory.New(now, fault.None{})}
	registry := store.NewRegistry(state, now)
	other := func() { assert.NoError(t, store.NewRegistry(state.Table, now).Save(t.Context(), kopi())) }

	state.meddle = other
	assert.Equal(t, errs.Conflict, errs.CodeOf(registry.Save(t.Context(), kopi())), "both create")

	state.meddle = other
	assert.Equal(t, errs.Conflict, errs.CodeOf(registry.Save(t.Context(), kopi())), "both change")

	state.meddle = other
	assert.Equal(t, errs.Conflict, errs.CodeOf(registry.Remove(t.Context(), "kopi")))
}

func TestWhileTheTableIsDown(t *testing.T) {
	t.Parallel()

	registry, _, _ := newRegistry(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := registry.Get(ctx, "kopi")
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	_, err = registry.List(ctx)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(registry.Save(ctx, kopi())))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(registry.Remove(ctx, "kopi")))
}

func TestManyReaders(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	registry := store.NewRegistry(tablememory.New(now, fault.None{}), now)
	require.NoError(t, registry.Save(t.Context(), kopi()))

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				_, err := registry.Get(t.Context(), "kopi")
				assert.Empty(t, errs.CodeOf(err))
				now.Advance(20 * time.Second)
			}
		})
	}

	all.Wait()
}

func TestSecretNames(t *testing.T) {
	t.Parallel()

	assert.Equal(t, "stores/kopi/token", store.TokenName("kopi"))
	assert.Equal(t, "stores/kopi/webhook-secret", store.WebhookSecretName("kopi"))
}

func TestChange(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	state := tablememory.New(now, fault.None{})
	stores := store.NewRegistry(state, now)
	require.NoError(t, stores.Save(t.Context(), store.Store{ID: "demo", Name: "A", TimeZone: "Asia/Jakarta"}))

	_, err := stores.Get(t.Context(), "demo") // from memory from here on
	require.NoError(t, err)

	other := store.NewRegistry(state, now)
	_, err = other.Change(t.Context(), "demo", func(of *store.Store) { of.Shop.PayMinutes = 30 })
	require.NoError(t, err)

	changed, err := stores.Change(t.Context(), "demo", func(of *store.Store) { of.Shop.Open = true })
	require.NoError(t, err)
	require.Equal(t, store.Shop{Open: true, PayMinutes: 30}, changed.Shop, "what another has changed stays")

	found, err := stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, changed, found, "it is seen at once here")

	rows := len(state.All())
	_, err = stores.Change(t.Context(), "demo", func(*store.Store) {}, table.Create(table.Row{
		Key: table.Platform().Partition("x").Key("y"), Body: []byte(`{}`),
	}))
	require.NoError(t, err)
	require.Len(t, state.All(), rows, "nothing changes, nothing is written")

	_, err = stores.Change(t.Context(), "none", func(*store.Store) {})
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
}
