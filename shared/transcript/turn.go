package transcript

import (
	"context"
	"slices"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Turn asks for a page of a person's jobs next to one of them.
type Turn struct {
	Store string
	User  int64
	From  string // the job that the page lies next to; it need not be there any more; empty: the newest ones
	Newer bool   // the page before, instead of the one behind
	Limit int
}

// Turn gives a page of a person's jobs, the newest first, and whether there
// are more in the same direction.
func (s *Service) Turn(ctx context.Context, turn Turn) ([]Job, bool, error) {
	tenant, err := table.TenantOf(turn.Store)
	if err != nil {
		return nil, false, err
	}

	query := table.Query{
		Partition: jobsOf(tenant, turn.User), Prefix: table.SortPrefix(jobKind), Descending: !turn.Newer,
	}

	if turn.From != "" {
		// Buttons hold 64 bytes, too few for a cursor: it is made of the job's name.
		beside := query.Partition.Key(jobKind, turn.From)
		if query.Cursor, err = (table.Position{PK: beside.PK(), SK: beside.SK()}).Cursor(); err != nil {
			return nil, false, err
		}
	}

	var jobs []Job

	for {
		query.Limit = turn.Limit + 1 - len(jobs)

		page, err := s.state.Query(ctx, query)
		if err != nil {
			return nil, false, errs.Context(err, "turn the pages of user %d", turn.User)
		}

		found, err := jobsIn(page)
		if err != nil {
			return nil, false, err
		}

		jobs = append(jobs, found...)

		if query.Cursor = page.Next; query.Cursor == "" || len(jobs) > turn.Limit {
			break
		}
	}

	more := len(jobs) > turn.Limit
	jobs = jobs[:min(len(jobs), turn.Limit)]

	if turn.Newer {
		slices.Reverse(jobs)
	}

	return jobs, more, nil
}
