package broadcast

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/table"
)

// report shows the author how a campaign stands that does not go on by itself. How
// a finished one went is a new message, of which the author hears: it takes the
// place of the living one.
func (r *Runner) report(ctx context.Context, asked Message) error {
	campaign, err := r.Service.Get(ctx, asked.Store, asked.Campaign)
	if err != nil {
		return err
	}

	of, err := r.Service.stores.Get(ctx, asked.Store)
	if err != nil {
		return errs.Context(err, "report broadcast %s", campaign.ID)
	}

	if !campaign.State.Finished() {
		if campaign.Notice.Message == 0 {
			return nil
		}

		err := r.Messenger.Edit(ctx, campaign.Notice, r.Texts.Progress(of, campaign))
		if err != nil && !gone(err) {
			return errs.Context(err, "show that broadcast %s stands still", campaign.ID)
		}

		return nil
	}

	at, err := placeOf(campaign.Store, campaign.ID)
	if err != nil {
		return err
	}

	// A message that comes twice finds that it was said.
	said := table.Row{
		Key:  at.tenant.Partition("said", "broadcast", campaign.ID).Key("mark"),
		Body: []byte(`{}`), Expires: r.Service.clock.Now().Add(time.Hour),
	}

	if _, err := r.Scratch.Get(ctx, said.Key); !errs.Is(err, errs.NotFound) {
		return err
	}

	chat := campaign.Notice.Chat
	if chat == 0 {
		chat = campaign.Author
	}

	r.measure(campaign)

	_, err = r.Messenger.Send(ctx, message.Address{Store: campaign.Store, Chat: chat}, r.Texts.Report(of, campaign))
	if err != nil && !gone(err) {
		return errs.Context(err, "report broadcast %s", campaign.ID)
	}

	if err := r.Scratch.Write(ctx, table.Create(said)); err != nil && !errs.Is(err, errs.Conflict) {
		slog.WarnContext(ctx, "not noted that a broadcast was reported", "error", err)
	}

	if campaign.Notice.Message != 0 {
		if err := r.Messenger.Delete(ctx, campaign.Notice); err != nil && !gone(err) {
			return errs.Context(err, "remove the progress of broadcast %s, which was reported", campaign.ID)
		}
	}

	return nil
}

// gone reports that there is nobody, or no message, to tell it to.
func gone(err error) bool { return errs.Is(err, errs.NotFound) || errs.Is(err, errs.Unauthorized) }

func (r *Runner) measure(campaign Campaign) {
	r.Metrics.Put("BroadcastSent", float64(campaign.Counts.Sent), metric.Count, nil)
	r.Metrics.Put("BroadcastBlocked", float64(campaign.Counts.Blocked), metric.Count, nil)
	r.Metrics.Put("BroadcastUnsure", float64(campaign.Counts.Unsure), metric.Count, nil)
}

// clear counts what the lanes of a cancelled campaign have left on its pages, and
// removes these: who was not written to will not be. Then the author is told.
func (r *Runner) clear(ctx context.Context, asked Message) error {
	campaign, err := r.Service.Get(ctx, asked.Store, asked.Campaign)
	if err != nil {
		return err
	}

	at, err := placeOf(asked.Store, asked.Campaign)
	if err != nil {
		return err
	}

	l := &lane{Runner: r, at: at, campaign: campaign}
	query := table.Query{Partition: at.work(), Prefix: table.SortPrefix(pageKind), Limit: table.MaxPageRows}

	for {
		found, err := r.Service.state.Query(ctx, query)
		if err != nil {
			return errs.Context(err, "clear broadcast %s", campaign.ID)
		}

		for _, row := range found.Rows {
			if err := l.clearPage(ctx, row); err != nil {
				return errs.Context(err, "clear broadcast %s", campaign.ID)
			}
		}

		if query.Cursor = found.Next; query.Cursor == "" {
			break
		}
	}

	report := campaign.entry(Message{Task: Report}, r.Service.clock.Now())
	if err := r.Service.record(ctx, report); err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "have broadcast %s reported", campaign.ID)
	}

	return nil
}

// clearPage counts those of a page who were written to and removes it. Unavailable
// while a lane is still at it.
func (l *lane) clearPage(ctx context.Context, row table.Row) error {
	found, err := table.Decode[page](row)
	if err != nil {
		return err
	}

	if wait := found.Lease.Sub(l.Service.clock.Now()); wait > 0 {
		return errs.New(errs.Unavailable, "a lane is still at %s", row.Key).After(wait)
	}

	counts := map[outcome]int{}

	for _, user := range found.Users {
		if !found.Begun {
			break
		}

		one, _, err := table.Read[target](ctx, l.Service.state, l.at.target(user))

		switch {
		case errs.Is(err, errs.NotFound):
			counts[failed]++
		case err != nil:
			return err
		case one.State == processing:
			counts[unsure]++
		case one.State.final():
			counts[one.State]++
		}
	}

	ops, err := l.pageOps(&held{key: row.Key, version: row.Version}, counts, nil, false)
	if err != nil {
		return err
	}

	return l.Service.state.Write(ctx, ops...)
}
