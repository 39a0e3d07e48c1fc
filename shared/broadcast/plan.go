package broadcast

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// pagePeople is how many people are planned, and then sent to, as one: enough
// to cost few calls, so few that a lane is done with them in seconds.
const pagePeople = 50

// readPeople is how many people are read at once.
const readPeople = table.MaxPageRows

// plan writes down who gets a campaign, page by page. Where it stands is written
// with the pages, so that after a crash it goes on there; sending begins with the
// first.
func (r *Runner) plan(ctx context.Context, asked Message) error {
	campaign, current, err := r.current(ctx, asked)
	if err != nil || !current {
		return err
	}

	of, err := r.Service.stores.Get(ctx, campaign.Store)
	if err != nil {
		return errs.Context(err, "plan broadcast %s", campaign.ID)
	}

	at, err := placeOf(campaign.Store, campaign.ID)
	if err != nil {
		return err
	}

	began := r.Service.clock.Now()

	for {
		planned, version, err := table.Read[plan](ctx, r.Service.state, at.plan())
		if err != nil && !errs.Is(err, errs.NotFound) {
			return errs.Context(err, "plan broadcast %s", campaign.ID)
		}

		if planned.Done {
			return nil
		}

		if r.Service.clock.Now().Sub(began) > r.RunFor {
			return r.handOn(ctx, campaign, asked)
		}

		if _, current, err = r.current(ctx, asked); err != nil || !current {
			return err // a later round has a planner of its own
		}

		people, cursor, err := r.Service.people.Audience(ctx, of, campaign.Audience, planned.Cursor, readPeople)
		if err != nil {
			return errs.Context(err, "plan broadcast %s: read the people of store %s", campaign.ID, campaign.Store)
		}

		err = r.writePages(ctx, at, planned, version, people, cursor)
		if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: another planner was faster, or this one was before
			return errs.Context(err, "plan broadcast %s", campaign.ID)
		}
	}
}

// writePages plans people who were read together: page by page, and with the last
// one that planning goes on behind them. After a crash they are read again: who
// has a target already is left out.
func (r *Runner) writePages(
	ctx context.Context, at place, planned plan, version int64, people []int64, cursor string,
) error {
	slices.Sort(people)
	people = slices.Compact(people)

	for {
		some := people[:min(len(people), pagePeople)]
		people = people[len(some):]

		if len(people) == 0 {
			planned.Cursor, planned.Done = cursor, cursor == ""
		}

		var err error
		if planned, err = r.writePage(ctx, at, planned, version, some); err != nil {
			return err
		}

		if version++; len(people) == 0 {
			return nil
		}
	}
}

// writePage writes a page with its targets and how far planning is, without
// those who have a target already, and gives the plan as it then is. Conflict
// where it has changed since it was read.
func (r *Runner) writePage(ctx context.Context, at place, planned plan, version int64, people []int64) (plan, error) {
	for {
		next := planned
		if len(people) > 0 {
			next.Pages++
			next.People += len(people)
		}

		ops, err := r.pageOps(at, next, version, people)
		if err != nil {
			return plan{}, err
		}

		err = r.Service.state.Write(ctx, ops...)
		if !errs.Is(err, errs.Conflict) || table.Refused(err, 0) {
			return next, err
		}

		// Behind the plan and the page stand the targets.
		kept := slices.Clone(people)
		for place := range slices.Backward(people) {
			if table.Refused(err, place+targetsFrom) {
				kept = slices.Delete(kept, place, place+1)
			}
		}

		if len(kept) == len(people) { // the page is there: the plan moves with it, so it has changed too
			return next, err
		}

		slog.InfoContext(ctx, "people who have the broadcast already are left out", "people", len(people)-len(kept))

		people = kept
	}
}

// targetsFrom is where the targets begin in the operations that write a page.
const targetsFrom = 2

func (r *Runner) pageOps(at place, planned plan, version int64, people []int64) ([]table.Op, error) {
	body, err := table.Encode(planned)
	if err != nil {
		return nil, err
	}

	ops := []table.Op{table.Put(table.Row{Key: at.plan(), Version: version, Body: body})}
	if len(people) == 0 {
		return ops, nil
	}

	if body, err = table.Encode(page{Users: people}); err != nil {
		return nil, err
	}

	ops = append(ops, table.Create(table.Row{Key: at.page(planned.Pages), Body: body}))

	if body, err = table.Encode(target{State: pending}); err != nil {
		return nil, err
	}

	expires := r.Service.clock.Now().Add(keep).Truncate(time.Second)
	for _, user := range people {
		ops = append(ops, table.Create(table.Row{Key: at.target(user), Body: body, Expires: expires}))
	}

	return ops, nil
}
