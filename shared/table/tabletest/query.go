package tabletest

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// fill creates rows in an order that is not that of their keys.
func (s *subject) fill(names ...string) {
	s.Helper()

	for _, name := range slices.Backward(names) {
		s.write(table.Create(s.row(name)))
	}
}

func queryOrder(s *subject) {
	// The order is that of the bytes: digits, capitals, small letters, beyond.
	s.fill("0", "10", "2", "A", "Z", "a", "z", "é", "界", "😀")
	want := []string{"0", "10", "2", "A", "Z", "a", "z", "é", "界", "😀"}

	assert.Equal(s, want, names(s.all(table.Query{Partition: s.rows, Limit: 100})))

	slices.Reverse(want)
	assert.Equal(s, want, names(s.all(table.Query{Partition: s.rows, Limit: 100, Descending: true})))

	rows := s.all(table.Query{Partition: s.rows, Limit: 100})
	first := s.row("0")
	first.Version = 1
	assert.Equal(s, first, rows[0], "a query gives whole rows")
}

func queryBounds(s *subject) {
	s.fill("a1", "a2", "a3", "b1", "b2")
	s.write(table.Create(table.Row{Key: s.rows.Key("rows", "x")}), table.Create(table.Row{Key: s.rows.Key("ro", "x")}))

	bounds := func(query table.Query) []string {
		query.Partition, query.Limit = s.rows, 100

		return names(s.all(query))
	}

	assert.Equal(s, []string{"a1", "a2", "a3", "b1", "b2"}, bounds(table.Query{Prefix: table.SortPrefix("row")}))
	assert.Equal(s, []string{"b2", "b1"}, bounds(table.Query{Prefix: s.key("b").SK(), Descending: true}))
	assert.Empty(s, bounds(table.Query{Prefix: table.SortPrefix("row", "a")}))
	assert.Equal(s, []string{"x", "a1", "a2"}, bounds(table.Query{Before: s.key("a3").SK()}))
	assert.Equal(s, []string{"a2", "a1", "x"}, bounds(table.Query{Before: s.key("a3").SK(), Descending: true}))
	assert.Empty(s, bounds(table.Query{Before: "a"}))
	assert.Empty(s, s.all(table.Query{Partition: s.tenant.Partition("empty"), Limit: 10}))
}

func queryPages(s *subject) {
	want := make([]string, 0, 7)
	for at := range 7 {
		want = append(want, fmt.Sprint(at))
	}

	s.fill(want...)
	s.write(table.Create(table.Row{Key: s.rows.Key("rox", "behind")}))

	for limit := 1; limit <= len(want)+1; limit++ {
		for _, descending := range []bool{false, true} {
			expected := slices.Clone(want)
			if descending {
				slices.Reverse(expected)
			}

			query := table.Query{Partition: s.rows, Limit: limit, Descending: descending, Prefix: table.SortPrefix("row")}
			assert.Equal(s, expected, names(s.all(query)), "limit %d, descending %t", limit, descending)

			query.Prefix, query.Before = "", "row#4"
			expected = slices.DeleteFunc(expected, func(name string) bool { return name >= "4" })
			assert.Equal(s, expected, names(s.all(query)), "limit %d, descending %t, before", limit, descending)
		}
	}
}

// queryEndsAtTheLimit pins that a full page has a cursor even when nothing
// follows, and that rows which come and go meanwhile move nothing else.
func queryEndsAtTheLimit(s *subject) {
	s.fill("a", "b", "c", "d")

	query := table.Query{Partition: s.rows, Limit: 2}
	page, err := s.table.Query(s.Context(), query)
	require.NoError(s, err)
	require.Equal(s, []string{"a", "b"}, names(page.Rows))

	s.write(table.Delete(s.key("b"), 1), table.Create(s.row("aa")), table.Create(s.row("bb")))

	query.Cursor = page.Next
	page, err = s.table.Query(s.Context(), query)
	require.NoError(s, err)
	assert.Equal(s, []string{"bb", "c"}, names(page.Rows), "the cursor's own row may have gone")

	query.Limit = 1
	query.Cursor = page.Next
	page, err = s.table.Query(s.Context(), query)
	require.NoError(s, err)
	assert.Equal(s, []string{"d"}, names(page.Rows))
	require.NotEmpty(s, page.Next, "a page that is full has a cursor")

	query.Cursor = page.Next
	page, err = s.table.Query(s.Context(), query)
	require.NoError(s, err)
	assert.Empty(s, page.Rows)
	assert.Empty(s, page.Next)
}

func queryLargePages(s *subject) {
	want := []string{"0", "1", "2", "3", "4", "5"}

	for _, name := range want {
		row := s.row(name)
		row.Body = body(300 << 10)
		s.write(table.Create(row))
	}

	query := table.Query{Partition: s.rows, Limit: 100}
	page, err := s.table.Query(s.Context(), query)
	require.NoError(s, err)
	// Amazon does not say whether the row that crosses 1 MB is the last of its
	// page or the first of the next one.
	assert.Contains(s, []int{3, 4}, len(page.Rows), "a page ends at 1 MB")
	require.NotEmpty(s, page.Next)
	assert.Equal(s, want, names(s.all(query)))
}

func queryRefuses(s *subject) {
	s.fill("a", "b")

	page, err := s.table.Query(s.Context(), table.Query{Partition: s.rows, Limit: 1})
	require.NoError(s, err)

	other := s.tenant.Partition("other")

	bad := map[string]table.Query{
		"no limit":            {Partition: s.rows},
		"limit too high":      {Partition: s.rows, Limit: table.MaxPageRows + 1},
		"no partition":        {Limit: 1},
		"prefix and before":   {Partition: s.rows, Limit: 1, Prefix: "a", Before: "b"},
		"prefix too long":     {Partition: s.rows, Limit: 1, Prefix: strings.Repeat("x", table.MaxKeyBytes+1)},
		"cursor is no base64": {Partition: s.rows, Limit: 1, Cursor: "%"},
		"cursor is no JSON":   {Partition: s.rows, Limit: 1, Cursor: base64.RawURLEncoding.EncodeToString([]byte("x"))},
		"cursor is empty":     {Partition: s.rows, Limit: 1, Cursor: base64.RawURLEncoding.EncodeToString([]byte("{}"))},
		"cursor of another":   {Partition: other, Limit: 1, Cursor: page.Next},
		"cursor out of bound": {Partition: s.rows, Limit: 1, Prefix: "other", Cursor: page.Next},
		"cursor of the table": {Partition: s.rows, Limit: 1, Index: true, Cursor: page.Next},
	}

	for name, query := range bad {
		_, err := s.table.Query(s.Context(), query)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	if !s.index {
		_, err := s.table.Query(s.Context(), table.Query{Partition: s.rows, Limit: 1, Index: true})
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "index of a table that has none: %v", err)
	}
}

func querySkipsExpired(s *subject) {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		row := s.row(name)
		if name == "b" || name == "c" {
			row.Expires = s.clock.Now()
		}

		s.write(table.Create(row))
	}

	query := table.Query{Partition: s.rows, Limit: 1}
	assert.Equal(s, []string{"a", "d", "e"}, names(s.all(query)))

	query.Limit = 3
	page, err := s.table.Query(s.Context(), query)
	require.NoError(s, err)
	assert.Equal(s, []string{"a"}, names(page.Rows), "the limit counts expired rows")
	assert.NotEmpty(s, page.Next)
}

// shelf gives the partition of the index that this subject's rows lie in.
func (s *subject) shelf() table.Partition { return s.tenant.Partition("shelf") }

func (s *subject) shelved(name, place string) table.Row {
	row := s.row(name)
	row.Index = s.shelf().Key("place", place)

	return row
}

func indexIsSparse(s *subject) {
	s.write(table.Create(s.row("plain")), table.Create(s.shelved("b", "1")), table.Create(s.shelved("a", "2")))
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 10}, "b", "a")
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 10, Descending: true}, "a", "b")

	rows := s.all(table.Query{Partition: s.shelf(), Index: true, Limit: 10})
	want := s.shelved("b", "1")
	want.Version = 1
	assert.Equal(s, want, rows[0], "the index gives whole rows")
	assert.Empty(s, s.all(table.Query{Partition: s.shelf(), Limit: 10}), "the index is no part of the table")
}

func indexFollows(s *subject) {
	query := table.Query{Partition: s.shelf(), Index: true, Limit: 10}

	s.write(table.Create(s.shelved("a", "1")), table.Create(s.shelved("b", "2")))
	s.settle(query, "a", "b")

	moved := s.get(s.key("a"))
	moved.Index = s.shelf().Key("place", "3")
	s.write(table.Replace(moved))
	s.settle(query, "b", "a")

	s.write(table.Add(s.key("b"), "n", 4, 0, 9))
	require.EventuallyWithT(s, func(c *assert.CollectT) {
		page, err := s.table.Query(s.Context(), query)
		if assert.NoError(c, err) && assert.Len(c, page.Rows, 2) {
			assert.Equal(c, map[string]int64{"n": 4}, page.Rows[0].Counters)
		}
	}, 10*time.Second, 20*time.Millisecond)

	left := s.get(s.key("a"))
	left.Index = table.Key{}
	s.write(table.Replace(left))
	s.settle(query, "b")

	s.write(table.Delete(s.key("b"), 2))
	s.settle(query, []string{}...)
}

func indexPages(s *subject) {
	want := []string{"a", "b", "c", "d", "e"}
	for _, name := range want {
		// Two places are shared: rows of one place are told apart by their keys.
		s.write(table.Create(s.shelved(name, fmt.Sprint((name[0]-'a')/2))))
	}

	query := table.Query{Partition: s.shelf(), Index: true, Limit: 10}

	require.EventuallyWithT(s, func(c *assert.CollectT) {
		page, err := s.table.Query(s.Context(), query)
		if assert.NoError(c, err) {
			assert.ElementsMatch(c, want, names(page.Rows))
		}
	}, 10*time.Second, 20*time.Millisecond)

	for _, descending := range []bool{false, true} {
		query.Limit, query.Descending = 10, descending
		order := names(s.all(query))

		for limit := 1; limit <= len(want)+1; limit++ {
			query.Limit = limit
			assert.Equal(s, order, names(s.all(query)), "limit %d, descending %t", limit, descending)
		}
	}
}

func indexBounds(s *subject) {
	s.write(table.Create(s.shelved("a", "1")), table.Create(s.shelved("b", "15")), table.Create(s.shelved("c", "2")))
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 10}, "a", "b", "c")
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 10, Prefix: "place#1"}, "a", "b")
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 1, Before: "place#2"}, "a", "b")
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 1, Before: "place#15", Descending: true}, "a")
}

func indexSkipsExpired(s *subject) {
	over := s.shelved("b", "2")
	over.Expires = s.clock.Now().Add(time.Minute)
	s.write(table.Create(s.shelved("a", "1")), table.Create(over), table.Create(s.shelved("c", "3")))
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 1}, "a", "b", "c")
	s.clock.Advance(time.Minute)
	assert.Equal(s, []string{"a", "c"}, names(s.all(table.Query{Partition: s.shelf(), Index: true, Limit: 1})))
}

func indexCursorIsChecked(s *subject) {
	s.write(table.Create(s.shelved("a", "1")), table.Create(s.shelved("b", "2")))
	s.settle(table.Query{Partition: s.shelf(), Index: true, Limit: 10}, "a", "b")

	page, err := s.table.Query(s.Context(), table.Query{Partition: s.shelf(), Index: true, Limit: 1})
	require.NoError(s, err)

	for name, query := range map[string]table.Query{
		"another place": {Partition: s.tenant.Partition("other"), Index: true, Limit: 1, Cursor: page.Next},
		"out of bounds": {Partition: s.shelf(), Index: true, Limit: 1, Before: "place#1", Cursor: page.Next},
	} {
		_, err := s.table.Query(s.Context(), query)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}
}

// scan finds all rows of a tenant, and none of another, whose id begins alike.
func scan(s *subject) {
	scanner, ok := s.table.(table.Scanner)
	require.True(s, ok, "every adapter can be scanned by an operator")

	const partitions, rows = 3, 120

	want := map[table.Key]bool{}

	for partition := range partitions {
		place := s.tenant.Partition("scanned", strconv.Itoa(partition))

		for at := range rows {
			key := place.Key("row", strconv.Itoa(at))
			want[key] = true

			s.write(table.Create(table.Row{Key: key, Body: []byte(`{}`)}))
		}
	}

	gone := s.row("gone")
	gone.Expires = s.clock.Now().Add(-time.Minute)
	counted := s.key("counted")
	want[counted] = true

	s.write(table.Create(gone))
	s.write(table.Add(counted, "n", 7, 0, 10))

	alike, err := table.TenantOf(strings.TrimPrefix(s.tenant.Prefix()[:len(s.tenant.Prefix())-1], "store#") + "x")
	require.NoError(s, err)
	s.write(table.Create(table.Row{Key: alike.Partition("scanned").Key("row"), Body: []byte(`{}`)}))

	found := map[table.Key]bool{}

	for cursor := ""; ; {
		page, err := scanner.Scan(s.Context(), s.tenant, cursor)
		require.NoError(s, err)

		for _, row := range page.Rows {
			assert.False(s, found[row.Key], "%s comes twice", row.Key)
			assert.Positive(s, row.Version)

			found[row.Key] = true

			if row.Key == counted {
				assert.Equal(s, map[string]int64{"n": 7}, row.Counters)
			}
		}

		if cursor = page.Next; cursor == "" {
			break
		}
	}

	assert.Equal(s, want, found)

	_, err = scanner.Scan(s.Context(), s.tenant, "no cursor")
	require.Equal(s, errs.Invalid, errs.CodeOf(err))
}
