package table

import (
	"context"
	"errors"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// dueKind begins the sort keys of rows that stand in the index by when
// somebody has to look after them.
const dueKind = "due"

// Sortable writes a moment, to the second, so that texts sort as the moments do.
func Sortable(moment time.Time) string { return moment.UTC().Format("20060102T150405") }

// Due gives the place of a row in a partition of the index from which the
// function Due reads: by when somebody has to look after it.
func (p Partition) Due(at time.Time, id string) Key { return p.Key(dueKind, Sortable(at), id) }

// EachDue does something for each row that Due reads and counts what went well.
// One failure does not keep the others back.
func EachDue(ctx context.Context, from Table, of Partition, now time.Time, do func(Row) error) (int, error) {
	due, err := Due(ctx, from, of, now)
	if err != nil {
		return 0, errs.Context(err, "find what is due in %s", of.PK())
	}

	var (
		done     int
		failures []error
	)

	for _, row := range due {
		if err := do(row); err != nil {
			failures = append(failures, errs.Context(err, "look after row %s", row.Key))

			continue
		}

		done++
	}

	return done, errors.Join(failures...)
}

// Due reads from the index the rows of a partition whose moment has come, the
// earliest first, at most a page of them: the rest comes with the next reading.
func Due(ctx context.Context, from Table, of Partition, now time.Time) ([]Row, error) {
	page, err := from.Query(ctx, Query{
		Partition: of, Index: true, Before: of.Key(dueKind, Sortable(now)).SK(), Limit: MaxPageRows,
	})

	return page.Rows, err
}
