package memory

import (
	"bytes"
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/lapak-id/lapak/shared/table"
)

// tree keeps the rows of each partition in the order of their places.
type tree struct{ partitions map[string][]leaf }

type leaf struct {
	place table.Position
	row   table.Row
}

func newTree() *tree { return &tree{partitions: map[string][]leaf{}} }

// compare orders places as a query does: by the sort key of the index where
// there is one, then by the key of the row.
func compare(a, b table.Position) int {
	return cmp.Or(cmp.Compare(a.GSK, b.GSK), cmp.Compare(a.PK, b.PK), cmp.Compare(a.SK, b.SK))
}

func seek(leaves []leaf, place table.Position) (int, bool) {
	return slices.BinarySearchFunc(leaves, place, func(l leaf, p table.Position) int { return compare(l.place, p) })
}

func (t *tree) get(partition string, place table.Position) *table.Row {
	leaves := t.partitions[partition]
	if at, found := seek(leaves, place); found {
		return &leaves[at].row
	}

	return nil
}

func (t *tree) put(partition string, place table.Position, row table.Row) {
	leaves := t.partitions[partition]

	at, found := seek(leaves, place)
	if found {
		leaves[at].row = row

		return
	}

	t.partitions[partition] = slices.Insert(leaves, at, leaf{place: place, row: row})
}

func (t *tree) remove(partition string, place table.Position) {
	leaves := t.partitions[partition]
	if at, found := seek(leaves, place); found {
		t.partitions[partition] = slices.Delete(leaves, at, at+1)
	}

	if len(t.partitions[partition]) == 0 {
		delete(t.partitions, partition)
	}
}

// scan gives the rows that the query covers, in its order, behind the place
// after.
func (t *tree) scan(query table.Query, after *table.Position) iter.Seq[table.Row] {
	leaves := t.partitions[query.Partition.PK()]

	if after != nil {
		at, found := seek(leaves, *after)

		switch {
		case query.Descending:
			leaves = leaves[:at]
		case found:
			leaves = leaves[at+1:]
		default:
			leaves = leaves[at:]
		}
	}

	forward := slices.All(leaves)
	if query.Descending {
		forward = slices.Backward(leaves)
	}

	return func(yield func(table.Row) bool) {
		for _, l := range forward {
			sort := l.place.SK
			if query.Index {
				sort = l.place.GSK
			}

			if query.Covers(sort) && !yield(l.row) {
				return
			}
		}
	}
}

func (t *tree) all() []table.Row {
	var rows []table.Row

	for _, partition := range slices.Sorted(maps.Keys(t.partitions)) {
		for _, l := range t.partitions[partition] {
			rows = append(rows, l.row)
		}
	}

	return rows
}

// indexed gives the place of a row in the index.
func indexed(row table.Row) table.Position {
	return table.Position{PK: row.Key.PK(), SK: row.Key.SK(), GPK: row.Index.PK(), GSK: row.Index.SK()}
}

// clone keeps callers and the table from sharing bytes or maps.
func clone(row table.Row) table.Row {
	row.Body = bytes.Clone(row.Body)
	row.Counters = maps.Clone(row.Counters)

	return row
}

func copied(change table.Change) table.Change {
	for _, side := range []**table.Row{&change.Old, &change.New} {
		if *side != nil {
			row := clone(**side)
			*side = &row
		}
	}

	return change
}
