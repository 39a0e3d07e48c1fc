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
		Partition: jobsOf(tenant, turn.User), Prefix: table.SortPrefix(jobKind), Descending: !turn.Newer, Limit: turn.Limit,
	}

	var beside table.Key
	if turn.From != "" {
		beside = query.Partition.Key(jobKind, turn.From)
	}

	rows, more, err := table.Turn(ctx, s.state, query, beside)
	if err != nil {
		return nil, false, errs.Context(err, "turn the pages of user %d", turn.User)
	}

	jobs, err := table.DecodeAll[Job](rows)
	if err != nil {
		return nil, false, err
	}

	if turn.Newer {
		slices.Reverse(jobs)
	}

	return jobs, more, nil
}
