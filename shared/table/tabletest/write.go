package tabletest

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

func roundTrip(s *subject) {
	row := s.row("a")
	row.Counters = map[string]int64{"stock": 7, "debt": -3, "largest": math.MaxInt64, "smallest": math.MinInt64}
	row.Expires = s.clock.Now().Add(time.Hour)

	if s.index {
		row.Index = s.tenant.Partition("shelf").Key("by-name", "a")
	}

	s.write(table.Create(row))

	row.Version = 1
	assert.Equal(s, row, s.get(row.Key))

	plain := table.Row{Key: s.key("plain")}
	s.write(table.Create(plain))

	plain.Version = 1
	assert.Equal(s, plain, s.get(plain.Key), "a row may have nothing but its key")

	fraction := s.row("fraction")
	fraction.Expires = s.clock.Now().Add(time.Hour + 400*time.Millisecond)
	s.write(table.Create(fraction))
	assert.Equal(s, fraction.Expires.Truncate(time.Second), s.get(fraction.Key).Expires, "whole seconds")

	s.absent(s.key("b"))
}

func createRow(s *subject) {
	s.write(table.Create(s.row("a")))

	other := s.row("a")
	other.Body = []byte(`{"name":"other"}`)
	s.canceled(s.table.Write(s.Context(), table.Create(other)), table.ReasonCondition)

	row := s.get(other.Key)
	assert.Equal(s, s.row("a").Body, row.Body, "the first one stays")
	assert.EqualValues(s, 1, row.Version)

	again := s.row("b")
	again.Version = 9
	s.write(table.Create(again))
	assert.EqualValues(s, 1, s.get(again.Key).Version, "a new row has version 1 whatever was given")
}

func replace(s *subject) {
	s.canceled(s.table.Write(s.Context(), table.Replace(s.row("a"))), table.ReasonCondition)

	first := s.row("a")
	first.Counters = map[string]int64{"stock": 7}
	first.Expires = s.clock.Now().Add(time.Hour)
	s.write(table.Create(first))

	second := s.get(first.Key)
	second.Body, second.Counters, second.Expires = []byte(`{"name":"second"}`), nil, time.Time{}
	s.write(table.Replace(second))

	second.Version = 2
	assert.Equal(s, second, s.get(first.Key), "nothing of the old row is left")

	stale := first
	stale.Version = 1
	s.canceled(s.table.Write(s.Context(), table.Replace(stale)), table.ReasonCondition)
	assert.Equal(s, second, s.get(first.Key))
}

func remove(s *subject) {
	row := s.row("a")
	s.canceled(s.table.Write(s.Context(), table.Delete(row.Key, 1)), table.ReasonCondition)

	s.write(table.Create(row))
	s.canceled(s.table.Write(s.Context(), table.Delete(row.Key, 2)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Delete(row.Key, 0)), table.ReasonCondition)
	s.write(table.Delete(row.Key, 1))
	s.absent(row.Key)

	s.write(table.Create(row))
	assert.EqualValues(s, 1, s.get(row.Key).Version)
}

func check(s *subject) {
	row := s.row("a")
	s.write(table.Check(row.Key, 0))
	s.canceled(s.table.Write(s.Context(), table.Check(row.Key, 1)), table.ReasonCondition)

	s.write(table.Create(row))
	s.write(table.Check(row.Key, 1))
	s.canceled(s.table.Write(s.Context(), table.Check(row.Key, 0)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Check(row.Key, 2)), table.ReasonCondition)

	s.write(table.Check(row.Key, 1), table.Create(s.row("b")))
	s.canceled(s.table.Write(s.Context(), table.Create(s.row("c")), table.Check(row.Key, 2)),
		table.ReasonNone, table.ReasonCondition)
	s.absent(s.key("c"))
	assert.EqualValues(s, 1, s.get(row.Key).Version, "a check changes nothing")
}

func atomicity(s *subject) {
	s.write(table.Create(s.row("old")), table.Create(s.row("gone")), table.Add(s.key("count"), "n", 5, 0, 10))

	changed := s.get(s.key("old"))
	changed.Body = []byte(`{"name":"changed"}`)

	ops := []table.Op{
		table.Create(s.row("new")), table.Replace(changed), table.Delete(s.key("gone"), 1),
		table.Add(s.key("count"), "n", 5, 0, 10), table.Check(s.key("never"), 0),
	}
	failing := slices.Concat(ops, []table.Op{table.Create(s.row("blocked"))})
	s.write(table.Create(s.row("blocked")))

	s.canceled(s.table.Write(s.Context(), failing...), table.ReasonNone, table.ReasonNone, table.ReasonNone,
		table.ReasonNone, table.ReasonNone, table.ReasonCondition)
	s.absent(s.key("new"))
	assert.Equal(s, s.row("old").Body, s.get(s.key("old")).Body)
	assert.EqualValues(s, 1, s.get(s.key("gone")).Version)
	assert.EqualValues(s, 5, s.get(s.key("count")).Counters["n"])

	s.write(ops...)
	assert.Equal(s, s.row("new").Body, s.get(s.key("new")).Body)
	assert.Equal(s, changed.Body, s.get(s.key("old")).Body)
	s.absent(s.key("gone"))
	assert.EqualValues(s, 10, s.get(s.key("count")).Counters["n"])
	s.absent(s.key("never"))
}

func reasonsInOrder(s *subject) {
	s.write(table.Create(s.row("a")), table.Create(s.row("b")), table.Add(s.key("n"), "n", 1, 0, 1))

	stale := s.row("b")
	stale.Version = 7

	s.canceled(s.table.Write(s.Context(),
		table.Create(s.row("a")),
		table.Create(s.row("c")),
		table.Replace(stale),
		table.Add(s.key("n"), "n", 1, 0, 1),
		table.Delete(s.key("d"), 1),
		table.Check(s.key("e"), 0),
		table.Check(s.key("e2"), 1),
		table.Add(s.key("m"), "n", 1, 0, 1),
	),
		table.ReasonCondition, table.ReasonNone, table.ReasonCondition, table.ReasonCondition, table.ReasonCondition,
		table.ReasonNone, table.ReasonCondition, table.ReasonNone)
	s.absent(s.key("m"))
}

func addWithinBounds(s *subject) {
	count := s.key("count")
	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", -1, 0, 10)), table.ReasonCondition)
	s.absent(count)

	s.write(table.Add(count, "n", 10, 0, 10))
	assert.Equal(s, table.Row{Key: count, Version: 1, Counters: map[string]int64{"n": 10}}, s.get(count))

	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", 1, 0, 10)), table.ReasonCondition)
	s.write(table.Add(count, "n", -10, 0, 10))
	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", -1, 0, 10)), table.ReasonCondition)
	s.write(table.Add(count, "m", 3, 3, 3))
	assert.Equal(s, table.Row{Key: count, Version: 3, Counters: map[string]int64{"n": 0, "m": 3}}, s.get(count))

	row := s.row("a")
	row.Expires = s.clock.Now().Add(time.Hour)
	s.write(table.Create(row))
	s.write(table.Add(row.Key, "n", 0, 0, 0))

	row.Version, row.Counters = 2, map[string]int64{"n": 0}
	assert.Equal(s, row, s.get(row.Key), "an add leaves the rest as it is")

	s.write(table.Add(s.key("low"), "n", -5, -10, -1))
	assert.EqualValues(s, -5, s.get(s.key("low")).Counters["n"])
	s.canceled(s.table.Write(s.Context(), table.Add(s.key("low"), "other", 3, 5, 9)), table.ReasonCondition)
}

func addUntil(s *subject) {
	count := s.key("count")
	soon, later := s.clock.Now().Add(time.Hour).UTC(), s.clock.Now().Add(2*time.Hour).UTC()

	s.write(table.Add(count, "n", 1, 0, 9).Until(soon))
	assert.Equal(s, soon, s.get(count).Expires)
	s.write(table.Add(count, "n", 1, 0, 9))
	assert.Equal(s, soon, s.get(count).Expires, "an add leaves the expiry as it is")
	s.write(table.Add(count, "n", 1, 0, 9).Until(later), table.Create(s.row("a")))
	assert.Equal(s, later, s.get(count).Expires)

	s.write(table.Add(count, "n", 1, 0, 9).Until(s.clock.Now().Add(-time.Hour)))
	s.absent(count)
	s.write(table.Add(count, "n", 2, 0, 9).Until(soon))
	assert.Equal(s, table.Row{Key: count, Version: 1, Counters: map[string]int64{"n": 2}, Expires: soon}, s.get(count))
}

func addAtTheEdges(s *subject) {
	count := s.key("count")
	s.write(table.Add(count, "n", math.MaxInt64, math.MinInt64, math.MaxInt64))
	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", 1, math.MinInt64, math.MaxInt64)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", math.MaxInt64, math.MinInt64, math.MaxInt64)),
		table.ReasonCondition)
	s.write(table.Add(count, "n", math.MinInt64, math.MinInt64, math.MaxInt64))
	assert.EqualValues(s, -1, s.get(count).Counters["n"])
	s.write(table.Add(count, "n", -math.MaxInt64, math.MinInt64, math.MaxInt64))
	assert.EqualValues(s, math.MinInt64, s.get(count).Counters["n"])
	s.canceled(s.table.Write(s.Context(), table.Add(count, "n", -1, math.MinInt64, math.MaxInt64)), table.ReasonCondition)
}

func expired(s *subject) {
	row := s.row("a")
	row.Expires = s.clock.Now()
	s.write(table.Create(row))
	s.absent(row.Key)

	row.Version = 1
	s.canceled(s.table.Write(s.Context(), table.Replace(row)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Delete(row.Key, 1)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Check(row.Key, 1)), table.ReasonCondition)
	s.write(table.Check(row.Key, 0))
	s.canceled(s.table.Write(s.Context(), table.Create(s.row("b")), table.Replace(row)),
		table.ReasonNone, table.ReasonCondition)

	s.write(table.Create(s.row("a")))
	assert.Equal(s, table.Row{Key: row.Key, Version: 1, Body: row.Body}, s.get(row.Key))
}

func expiredCounters(s *subject) {
	old := s.row("a")
	old.Counters = map[string]int64{"n": 40, "other": 2}
	old.Expires = s.clock.Now().Add(-time.Hour)
	twin := old
	twin.Key = s.key("b")
	s.write(table.Create(old), table.Create(twin))

	s.canceled(s.table.Write(s.Context(), table.Add(old.Key, "n", -1, 0, 50)), table.ReasonCondition)
	s.canceled(s.table.Write(s.Context(), table.Add(old.Key, "n", -1, 0, 50), table.Create(s.row("c"))),
		table.ReasonCondition, table.ReasonNone)
	s.write(table.Add(old.Key, "n", 1, 0, 50))
	assert.Equal(s, table.Row{Key: old.Key, Version: 1, Counters: map[string]int64{"n": 1}}, s.get(old.Key),
		"nothing of the expired row is left")

	s.canceled(s.table.Write(s.Context(), table.Add(twin.Key, "n", 1, 0, 50), table.Create(s.row("a"))),
		table.ReasonNone, table.ReasonCondition)
	s.write(table.Add(twin.Key, "n", 2, 0, 50), table.Create(s.row("d")))
	assert.Equal(s, table.Row{Key: twin.Key, Version: 1, Counters: map[string]int64{"n": 2}}, s.get(twin.Key))
}

func expiryComes(s *subject) {
	row := s.row("a")
	row.Expires = s.clock.Now().Add(time.Minute)
	s.write(table.Create(row))

	s.clock.Advance(time.Minute - time.Second)
	s.get(row.Key)
	s.clock.Advance(time.Second)
	s.absent(row.Key)
}

// body gives JSON text of the size.
func body(size int) []byte {
	return append(append([]byte{'"'}, bytes.Repeat([]byte{'x'}, size-2)...), '"')
}

func refusesBadWrites(s *subject) {
	tooMany := make([]table.Op, 0, table.MaxOps+1)
	for at := range table.MaxOps + 1 {
		tooMany = append(tooMany, table.Create(s.row(fmt.Sprintf("%03d", at))))
	}

	tooLarge := s.row("large")
	tooLarge.Body = body(table.MaxRowBytes)

	tooLargeTogether := make([]table.Op, 0, 11)

	for at := range 11 {
		row := s.row(fmt.Sprintf("%03d", at))
		row.Body = body(390 << 10)
		tooLargeTogether = append(tooLargeTogether, table.Create(row))
	}

	noText := s.row("text")
	noText.Body = []byte{'"', 0xff, '"'}

	longIndex := s.row("index")
	longIndex.Index = s.rows.Key("row", strings.Repeat("x", table.MaxKeyBytes))

	bad := map[string][]table.Op{
		"no operation":       nil,
		"101 operations":     tooMany,
		"twice one row":      {table.Create(s.row("a")), table.Check(s.key("a"), 0)},
		"row over 400 KB":    {table.Create(tooLarge)},
		"write over 4 MB":    tooLargeTogether,
		"no key":             {table.Create(table.Row{})},
		"long key":           {table.Create(s.row(strings.Repeat("x", table.MaxKeyBytes)))},
		"long key of index":  {table.Create(longIndex)},
		"body is not UTF-8":  {table.Create(noText)},
		"no counter":         {table.Add(s.key("a"), "", 1, 0, 1)},
		"bounds upside down": {table.Add(s.key("a"), "n", 1, 2, 1)},
		"unknown operation":  {{Kind: table.OpCheck + 1, Row: s.row("a")}},
	}

	for name, ops := range bad {
		err := s.table.Write(s.Context(), ops...)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	assert.Empty(s, s.all(table.Query{Partition: s.rows, Limit: table.MaxPageRows}))

	_, err := s.table.Get(s.Context(), table.Key{})
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "get of no key: %v", err)
}

// takesTheLargest shows that what passes the port's limits passes the table's.
func takesTheLargest(s *subject) {
	most := make([]table.Op, 0, table.MaxOps)
	for at := range table.MaxOps {
		most = append(most, table.Create(s.row(fmt.Sprintf("%03d", at))))
	}

	s.write(most...)
	assert.Len(s, s.all(table.Query{Partition: s.rows, Limit: table.MaxPageRows}), table.MaxOps)

	row := table.Row{Key: s.key(strings.Repeat("k", table.MaxKeyBytes-len("row#")))}
	row.Counters = map[string]int64{"a": math.MinInt64, "b": math.MaxInt64}
	row.Expires = s.clock.Now().Add(time.Hour)

	if s.index {
		row.Index = s.rows.Key("row", "place")
	}

	row.Body = body(table.MaxRowBytes - row.Size())
	require.Equal(s, table.MaxRowBytes, row.Size())
	s.write(table.Create(row))

	row.Version = 1
	assert.Equal(s, row, s.get(row.Key))

	large := make([]table.Op, 0, 10)

	for at := range 10 {
		part := table.Row{Key: s.key("part", fmt.Sprint(at))}
		part.Body = body(table.MaxRowBytes - part.Size())
		large = append(large, table.Create(part))
	}

	s.write(large...)
}

func grownTooLarge(s *subject) {
	row := table.Row{Key: s.key("a")}
	row.Body = body(table.MaxRowBytes - row.Size())
	s.write(table.Create(row))

	err := s.table.Write(s.Context(), table.Add(row.Key, strings.Repeat("n", 1000), 1, 0, 1))
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "one add: %v", err)

	err = s.table.Write(s.Context(), table.Create(s.row("b")), table.Add(row.Key, strings.Repeat("n", 1000), 1, 0, 1))
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "an add in a set: %v", err)
	s.absent(s.key("b"))
}

func keysKeepApart(s *subject) {
	other := newTenant(s)
	s.write(table.Create(s.row("a#b")), table.Create(table.Row{Key: s.key("a", "b"), Body: []byte(`"two"`)}))
	s.write(table.Create(table.Row{Key: other.Partition("test").Key("row", "a#b"), Body: []byte(`"other"`)}))

	assert.Equal(s, s.row("a#b").Body, s.get(s.key("a#b")).Body)
	assert.Equal(s, []byte(`"two"`), s.get(s.key("a", "b")).Body)
	assert.Len(s, s.all(table.Query{Partition: s.rows, Limit: 10}), 2)
	assert.Empty(s, s.all(table.Query{Partition: s.tenant.Partition("tes"), Limit: 10}))
	s.absent(s.tenant.Partition("test", "row").Key("a#b"))
}

func nothingIsShared(s *subject) {
	row := s.row("a")
	row.Counters = map[string]int64{"n": 1}
	want := bytes.Clone(row.Body)
	s.write(table.Create(row))

	row.Body[0], row.Counters["n"] = 'X', 9

	got := s.get(row.Key)
	assert.Equal(s, want, got.Body)
	assert.EqualValues(s, 1, got.Counters["n"])

	got.Body[0], got.Counters["n"] = 'Y', 9

	queried := s.all(table.Query{Partition: s.rows, Limit: 10})
	require.Len(s, queried, 1)
	assert.Equal(s, want, queried[0].Body)
	assert.EqualValues(s, 1, queried[0].Counters["n"])
}

func callerHasGone(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, err := s.table.Get(ctx, s.key("a"))
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "get: %v", err)

	_, err = s.table.Query(ctx, table.Query{Partition: s.rows, Limit: 1})
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "query: %v", err)

	for _, ops := range [][]table.Op{
		{table.Create(s.row("a"))},
		{table.Add(s.key("n"), "n", 1, 0, 1)},
		{table.Create(s.row("a")), table.Create(s.row("b"))},
	} {
		err = s.table.Write(ctx, ops...)
		assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "write: %v", err)
	}
}
