package table

import (
	"context"

	"github.com/lapak-id/lapak/shared/errs"
)

// Turn reads a page of query.Limit rows, full unless it is the last, from next
// to a row (zero: from the beginning), and whether there are more. That row
// need not be there any more. The buttons of a chat hold 64 bytes, too few for
// a cursor: they name the row instead. Not for queries of the index.
func Turn(ctx context.Context, from Table, query Query, beside Key) ([]Row, bool, error) {
	limit := query.Limit

	if !beside.IsZero() {
		cursor, err := Position{PK: beside.pk, SK: beside.sk}.Cursor()
		if err != nil {
			return nil, false, err
		}

		query.Cursor = cursor
	}

	var rows []Row

	for {
		query.Limit = limit + 1 - len(rows)

		page, err := from.Query(ctx, query)
		if err != nil {
			return nil, false, errs.Context(err, "turn the pages of %s", query.Partition.pk)
		}

		rows = append(rows, page.Rows...)

		if query.Cursor = page.Next; query.Cursor == "" || len(rows) > limit {
			break
		}
	}

	return rows[:min(len(rows), limit)], len(rows) > limit, nil
}
