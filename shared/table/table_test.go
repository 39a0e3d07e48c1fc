package table_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

func tenant(t require.TestingT, store string) table.Tenant {
	owner, err := table.TenantOf(store)
	require.NoError(t, err)

	return owner
}

func TestTenantOf(t *testing.T) {
	t.Parallel()

	for _, store := range []string{"abc", "toko-kopi", "0a0", strings.Repeat("a", 32)} {
		_, err := table.TenantOf(store)
		require.NoError(t, err, store)
	}

	for _, store := range []string{
		"", "ab", "Abc", "a_c", "-ab", "ab-", "a#b", "a b", "é23", "a/b", "abc\n", strings.Repeat("a", 33),
	} {
		_, err := table.TenantOf(store)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), store)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()

	key := tenant(t, "demo").Partition("orders", "2026").Key("order", "LP#1", "100%")
	assert.Equal(t, "store#demo#orders#2026", key.PK())
	assert.Equal(t, "order#LP%231#100%25", key.SK())
	assert.Equal(t, key, table.Stored(key.PK(), key.SK()))
	assert.Equal(t, key.PK(), key.Partition().PK())
	assert.Equal(t, "store#demo#orders#2026 order#LP%231#100%25", key.String())
	assert.Equal(t, "platform#stores", table.Platform().Partition("stores").PK())
	assert.False(t, key.IsZero())
	assert.True(t, table.Key{}.IsZero())
	assert.True(t, strings.HasPrefix(key.SK(), table.SortPrefix("order", "LP#1")))
}

// TestKeysNeverMeet draws what two stores may name their rows: no choice of
// kinds and ids makes two keys alike.
func TestKeysNeverMeet(t *testing.T) {
	t.Parallel()

	type name struct {
		Store string
		Kinds [2]string
		IDs   [2][]string
	}

	names := rapid.Custom(func(t *rapid.T) name {
		text := rapid.StringMatching(`[ab#%0-9]{0,3}`)
		ids := rapid.SliceOfN(text, 0, 3)

		return name{
			Store: rapid.SampledFrom([]string{"aaa", "aab"}).Draw(t, "store"),
			Kinds: [2]string{text.Draw(t, "kind"), text.Draw(t, "sort kind")},
			IDs:   [2][]string{ids.Draw(t, "ids"), ids.Draw(t, "sort ids")},
		}
	})
	keyOf := func(t *rapid.T, n name) table.Key {
		return tenant(t, n.Store).Partition(n.Kinds[0], n.IDs[0]...).Key(n.Kinds[1], n.IDs[1]...)
	}

	rapid.Check(t, func(t *rapid.T) {
		one, other := names.Draw(t, "one"), names.Draw(t, "other")
		equal := one.Store == other.Store && one.Kinds == other.Kinds &&
			slices.Equal(one.IDs[0], other.IDs[0]) && slices.Equal(one.IDs[1], other.IDs[1])
		require.Equal(t, equal, keyOf(t, one) == keyOf(t, other))
	})
}

// TestSizeIsNeverLess compares Size with what DynamoDB counts: the bytes of
// names and texts, and for a number at most 21 bytes.
func TestSizeIsNeverLess(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		row := table.Row{
			Key:      table.Stored(text.Draw(t, "pk"), text.Draw(t, "sk")),
			Body:     []byte(text.Draw(t, "body")),
			Index:    table.Stored(text.Draw(t, "gpk"), text.Draw(t, "gsk")),
			Counters: rapid.MapOf(text, rapid.Int64()).Draw(t, "counters"),
			Expires:  time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "expires"), 0),
		}

		counted := len("pk"+"sk"+"v"+"body"+"ttl"+"gpk"+"gsk") + 2*21 +
			len(row.Key.PK()+row.Key.SK()+row.Index.PK()+row.Index.SK()) + len(row.Body)

		for name := range row.Counters {
			counted += len("n_") + len(name) + 12 // a number of 19 digits takes 11 bytes, its sign one
		}

		require.GreaterOrEqual(t, row.Size(), counted)
	})
}

func TestExpired(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)
	assert.False(t, table.Row{}.Expired(now))
	assert.False(t, table.Row{Expires: now.Add(time.Second)}.Expired(now))
	assert.True(t, table.Row{Expires: now}.Expired(now))
	assert.True(t, table.Row{Expires: now.Add(900 * time.Millisecond)}.Expired(now), "whole seconds")
}

func TestFailed(t *testing.T) {
	t.Parallel()

	err := table.Failed([]table.Reason{table.ReasonNone, table.ReasonCondition, table.ReasonContention, table.ReasonThrottled})
	assert.Equal(t, errs.Conflict, errs.CodeOf(err))
	assert.Equal(t, "write 4 rows: write canceled [none condition contention throttled]", err.Error())

	for _, reason := range []table.Reason{table.ReasonContention, table.ReasonThrottled} {
		assert.Equal(t, errs.Unavailable, errs.CodeOf(table.Failed([]table.Reason{table.ReasonNone, reason})))
	}
}

func TestPut(t *testing.T) {
	t.Parallel()

	fresh, read := table.Row{Body: []byte(`1`)}, table.Row{Version: 3}
	assert.Equal(t, table.Create(fresh), table.Put(fresh))
	assert.Equal(t, table.Replace(read), table.Put(read))
}

func TestChange(t *testing.T) {
	t.Parallel()

	row := &table.Row{}
	assert.True(t, table.Change{New: row}.Inserted())
	assert.False(t, table.Change{Old: row, New: row}.Inserted())
	assert.False(t, table.Change{Old: row}.Inserted())
	assert.True(t, table.Change{Old: row}.Removed())
	assert.False(t, table.Change{Old: row, New: row}.Removed())
	assert.False(t, table.Change{New: row}.Removed())
}

// fixed is a table of one answer.
type fixed struct {
	table.Table

	row table.Row
	err error
}

func (f fixed) Get(context.Context, table.Key) (table.Row, error) { return f.row, f.err }

func TestReadAndEncode(t *testing.T) {
	t.Parallel()

	type order struct{ Total int64 }

	body, err := table.Encode(order{Total: 49653})
	require.NoError(t, err)

	key := tenant(t, "demo").Partition("orders").Key("order", "1")
	row := table.Row{Key: key, Version: 3, Body: body}

	got, version, err := table.Read[order](t.Context(), fixed{row: row}, key)
	require.NoError(t, err)
	assert.Equal(t, order{Total: 49653}, got)
	assert.EqualValues(t, 3, version)

	_, _, err = table.Read[order](t.Context(), fixed{err: errs.New(errs.NotFound, "absent")}, key)
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))

	_, _, err = table.Read[order](t.Context(), fixed{row: table.Row{Key: key, Body: []byte(`{`)}}, key)
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	assert.Contains(t, err.Error(), key.String())

	_, err = table.Encode(make(chan int))
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// FuzzCursor gives any text for a cursor: it comes back Invalid or as a
// position inside the bounds of the query, and nothing panics.
func FuzzCursor(f *testing.F) {
	partition := tenant(f, "demo").Partition("orders")
	query := table.Query{Partition: partition, Limit: 1, Prefix: table.SortPrefix("order")}

	good, err := table.Position{PK: partition.PK(), SK: "order#1"}.Cursor()
	require.NoError(f, err)

	foreign, err := table.Position{PK: "store#other#orders", SK: "order#1"}.Cursor()
	require.NoError(f, err)

	for _, cursor := range []string{"", good, foreign, "e30", "x", "%%%"} {
		f.Add(cursor)
	}

	f.Fuzz(func(t *testing.T, cursor string) {
		query := query
		query.Cursor = cursor

		start, resumed, err := query.Start()
		if err != nil {
			require.Equal(t, errs.Invalid, errs.CodeOf(err))

			return
		}

		require.Equal(t, cursor != "", resumed)

		if resumed {
			require.Equal(t, partition.PK(), start.PK)
			require.True(t, query.Covers(start.SK))

			again, err := start.Cursor()
			require.NoError(t, err)
			require.True(t, json.Valid([]byte(`"`+again+`"`)))
		}
	})
}
