package broadcast

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// openPages is how many pages a lane is at: while the last messages of one are
	// on their way it goes on with the next.
	openPages = 3
	// watchEvery is how often a lane looks whether it is to go on.
	watchEvery = time.Second
	// failuresMost is how often in a row a lane bears that the table fails.
	failuresMost = 10
	// progressEvery is how often the progress is shown.
	progressEvery = 5 * time.Second
)

// lane is one of the workers that send a campaign side by side. They meet only
// in the pages, of which each is one lane's at a time, and in the pace.
type lane struct {
	*Runner

	at       place
	of       store.Store
	campaign Campaign
	asked    Message
	slots    *slots

	flying chan struct{} // one for each message on its way
	open   chan struct{} // one for each open page
	ending sync.WaitGroup

	refused atomic.Int32 // contents refused since one was taken
	failing atomic.Int32 // calls that failed since one did not
	stopped atomic.Value // Stop: why the campaign cannot go on
}

// parallel is how many messages a lane has on their way at most. With a tenth of
// a second each, one lane alone keeps the whole free rate. It may not be many
// more: where Telegram does nothing for a moment, all that is on its way comes at
// once, which together must stay below what it bears.
func parallel(rate int) int {
	const (
		least    = 6
		tookMost = 6 // a message takes a sixth of a second
	)

	return max(least, rate/lanes(rate)/tookMost)
}

// send sends a campaign as one of its lanes, until it is done, steered
// otherwise, or the time of this run is over: then the next run goes on.
func (r *Runner) send(ctx context.Context, asked Message) error {
	campaign, current, err := r.current(ctx, asked)
	if err != nil || !current {
		return err
	}

	at, err := placeOf(campaign.Store, campaign.ID)
	if err != nil {
		return err
	}

	of, err := r.Service.announce(ctx, campaign.Store)
	if err != nil {
		return err
	}

	l := &lane{
		Runner: r, at: at, of: of, campaign: campaign, asked: asked,
		slots:  newSlots(r.Pace, r.Service.clock, of, campaign.Paid),
		flying: make(chan struct{}, parallel(Rate(of, campaign.Paid))), open: make(chan struct{}, openPages),
	}

	if of.Paused {
		l.stop(StopStore)

		return l.end(ctx, nil)
	}

	running, stop := context.WithTimeout(ctx, r.RunFor)
	watched := make(chan struct{})

	go func() {
		defer close(watched)

		l.watch(running, stop)
	}()

	if wait := campaign.StartAt.Sub(r.Service.clock.Now()); wait > 0 {
		clock.Pause(running, wait)
	}

	err = l.work(ctx, running)

	stop()
	<-watched
	l.ending.Wait()

	return l.end(ctx, err)
}

// watch ends a run when its campaign is paused, cancelled or set going anew,
// and has the first lane show the progress.
func (l *lane) watch(ctx context.Context, stop context.CancelFunc) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()

	shown := l.Service.clock.Now()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		current, err := l.goesOn(ctx)
		if err != nil {
			if ctx.Err() == nil {
				slog.WarnContext(ctx, "broadcast not looked after, tried again soon", "error", err)
			}

			continue
		}

		if !current || l.stopped.Load() != nil {
			stop()

			return
		}

		if now := l.Service.clock.Now(); l.asked.Lane == 0 && now.Sub(shown) >= progressEvery {
			l.show(ctx)

			shown = now
		}
	}
}

// goesOn reports whether the campaign is still to be sent by this run, and stops
// it where its store is paused meanwhile.
func (l *lane) goesOn(ctx context.Context) (bool, error) {
	of, err := l.Service.stores.Get(ctx, l.campaign.Store)
	if err != nil {
		return false, err
	}

	if of.Paused {
		l.stop(StopStore)
	}

	_, current, err := l.current(ctx, l.asked)

	return current, err
}

// show shows the progress in the author's living message, which takes its turn
// in the pace like any other.
func (l *lane) show(ctx context.Context) {
	if l.campaign.Notice.Message == 0 {
		return
	}

	counted, err := l.Service.Get(ctx, l.campaign.Store, l.campaign.ID)
	if err == nil && counted.State == Running && l.slots.wait(ctx) {
		err = l.Messenger.Edit(ctx, counted.Notice, l.Texts.Progress(l.of, counted))
	}

	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "progress of a broadcast not shown", "error", err)
	}
}

// work takes page after page until none is left. running ends when nothing more
// is to be sent; what was begun is then ended within ctx.
func (l *lane) work(ctx, running context.Context) error {
	failures := 0

	for running.Err() == nil {
		held, left, err := l.takePage(running)

		switch failures++; {
		case err != nil && failures < failuresMost:
			slog.WarnContext(ctx, "no page of a broadcast had, tried again soon", "error", err)
			clock.Pause(running, watchEvery)

			continue
		case err != nil:
			return l.ended(running, err)
		}

		failures = 0

		if held != nil {
			l.sendPage(ctx, running, held)

			continue
		}

		if left { // others are at the rest, or it is not planned yet
			clock.Pause(running, watchEvery)

			continue
		}

		return l.done(running)
	}

	return nil
}

// ended leaves out an error that says only that the run is over.
func (*lane) ended(running context.Context, err error) error {
	if running.Err() == nil {
		return err
	}

	return nil
}

// done ends the campaign: nothing is left of it.
func (l *lane) done(ctx context.Context) error {
	_, err := l.Service.change(ctx, l.campaign.Store, l.campaign.ID, nil,
		func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
			if found.State != Running {
				return nil, errAsItIs
			}

			found.State, found.EndedAt, found.Due = Done, now, time.Time{}

			return []outbox.Entry{found.entry(Message{Task: Report, Round: found.Round}, now)}, nil
		})

	return l.ended(ctx, err)
}

// end ends a run: where the campaign cannot go on it is paused, and its author
// told; where only the time of this run is over, the next one goes on.
func (l *lane) end(ctx context.Context, failure error) error {
	if why, stopped := l.stopped.Load().(Stop); stopped {
		_, err := l.Service.change(ctx, l.campaign.Store, l.campaign.ID, nil,
			func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
				if found.State != Running || found.Round != l.asked.Round {
					return nil, errAsItIs
				}

				slog.ErrorContext(ctx, "broadcast paused by itself", "campaign", found.ID, "why", why)
				found.pause(why, now)

				return []outbox.Entry{found.entry(Message{Task: Report, Round: found.Round}, now)}, nil
			})

		return err
	}

	if failure != nil {
		return failure
	}

	_, current, err := l.current(ctx, l.asked)
	if err != nil || !current {
		return err
	}

	return l.handOn(ctx, l.campaign, l.asked)
}

// stop ends the run at the next look, and pauses the campaign: nobody would get it.
func (l *lane) stop(why Stop) { l.stopped.CompareAndSwap(nil, why) }

// takePage takes the first page that no lane is at; none, and whether there are
// others, which lanes are at or which are still to be planned.
func (l *lane) takePage(ctx context.Context) (*held, bool, error) {
	select {
	case l.open <- struct{}{}:
	case <-ctx.Done():
		return nil, true, nil
	}

	query := table.Query{Partition: l.at.work(), Prefix: table.SortPrefix(pageKind), Limit: takeFrom}
	left := false

	for {
		found, err := l.Service.state.Query(ctx, query)
		if err != nil {
			<-l.open

			return nil, false, errs.Context(err, "find a page of broadcast %s", l.campaign.ID)
		}

		for _, row := range found.Rows {
			left = true

			taken, err := l.claimPage(ctx, row)
			if taken != nil {
				return taken, true, nil
			}

			if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: another lane was faster
				<-l.open

				return nil, false, err
			}
		}

		if query.Cursor = found.Next; query.Cursor == "" {
			break
		}
	}

	<-l.open

	if left {
		return nil, true, nil
	}

	planned, _, err := table.Read[plan](ctx, l.Service.state, l.at.plan())
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, false, errs.Context(err, "see whether broadcast %s is planned", l.campaign.ID)
	}

	if !planned.Done {
		return nil, true, nil
	}

	// The last page may have been written between the two readings.
	again, err := l.Service.state.Query(ctx, query)
	if err != nil {
		return nil, false, errs.Context(err, "find a page of broadcast %s", l.campaign.ID)
	}

	return nil, len(again.Rows) > 0 || again.Next != "", nil
}

// takeFrom is how many pages are read to find a free one: more than lanes hold.
const takeFrom = 32
