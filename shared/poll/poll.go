// Package poll provides long polling: the updates of stores whose webhook is
// away are fetched from Telegram and put into the queue that the webhook puts
// them into, as the same messages.
package poll

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/webhook"
)

const (
	// longest is how long Telegram is asked to wait for an update; so late, at
	// most, it is seen that a store was turned back to its webhook.
	longest = 20 * time.Second
	// shortest is the least that Telegram can be asked to wait.
	shortest = time.Second
	// Lease is how long a store waits for another poller when its own has died.
	Lease = 30 * time.Second
	// takeEvery is how often a poller tries to take a store from the one before.
	takeEvery = time.Second
	// firstPause is the pause after a failure; each one after it is twice as long
	// as the last, up to longestPause.
	firstPause   = time.Second
	longestPause = 15 * time.Second
)

// Bots fetch what waits for the bots of stores.
type Bots interface {
	// Updates gives what waits for a bot in its order, of some kinds, and waits
	// for the first. All below offset are confirmed: Telegram forgets them.
	// Conflict where a webhook is set, or somebody else fetches.
	Updates(ctx context.Context, of string, offset int64, wait time.Duration, kinds []string) ([]json.RawMessage, error)
	// Reply makes the call that answers an urgent update.
	Reply(ctx context.Context, of string, reply any) error
}

// Intake has Telegram do as the register says.
type Intake interface {
	Settle(ctx context.Context, of string) error
	// Reclaim takes a webhook away that is set nevertheless; false: none is.
	Reclaim(ctx context.Context, of string) (bool, error)
}

// Options say what a poller works with.
type Options struct {
	Stores  *store.Registry
	Bots    Bots
	Intake  Intake
	Slots   *limit.Slots // of Lease
	Updates queue.Sender // FIFO
	Urgent  webhook.Urgent
	Gate    webhook.Gate // nil: everything comes in
	Kinds   []string
	Clock   clock.Clock
	For     time.Duration // how long one Poll goes on, where any store polls
}

// Poller fetches updates.
type Poller struct{ Options }

// New makes a poller.
func New(options Options) *Poller { return &Poller{options} }

// Poll fetches the updates of all stores that poll, side by side, and has
// Telegram follow where a store was turned. What keeps one store from it is
// logged and tried again, and concerns no other.
func (p *Poller) Poll(ctx context.Context) error {
	until := p.Clock.Now().Add(p.For)

	stores, err := p.Stores.List(ctx)
	if err != nil {
		return errs.Context(err, "poll for updates")
	}

	var group sync.WaitGroup

	for _, of := range stores {
		if of.Polling || of.Turning {
			group.Go(func() { p.tend(logging.With(ctx, logging.Store, of.ID), of.ID, until) })
		}
	}

	group.Wait()

	return nil
}

// tend fetches the updates of a store as the only one who does. The poller of
// the minute before may be at it still: its end is waited for.
func (p *Poller) tend(ctx context.Context, of string, until time.Time) {
	for p.Clock.Now().Before(until) {
		held, err := p.Slots.Do(ctx, of, "poll", 1, func(ctx context.Context) error { return p.fetch(ctx, of, until) })

		switch {
		case errs.Is(err, errs.NotFound):
			return // removed meanwhile
		case err != nil:
			slog.ErrorContext(ctx, "updates not fetched, the next minute tries again", "error", err)

			return
		case held || !clock.Pause(ctx, takeEvery):
			return
		}
	}
}

// feed is what is known of a store's updates while they are fetched.
type feed struct {
	of       string
	offset   int64 // all below are in the queue, or answered
	failed   int   // calls in a row
	answered map[int64]bool
}

// fetch fetches updates until the time is over or the store is turned back. An
// error says why it gave up.
func (p *Poller) fetch(ctx context.Context, of string, until time.Time) error {
	from := &feed{of: of, answered: map[int64]bool{}}

	defer func() { p.confirm(ctx, from) }()

	for until.Sub(p.Clock.Now()) >= shortest {
		found, err := p.Stores.Latest(ctx, of)
		if err != nil {
			return err
		}

		if !found.Polling {
			p.confirm(ctx, from) // before the webhook is set, or it would push them all again
		}

		if err := p.Intake.Settle(ctx, of); err != nil || !found.Polling {
			return err
		}

		if err := p.round(ctx, from, until); err == nil {
			from.failed = 0
		} else if err := p.bear(ctx, from, err); err != nil {
			return err
		}
	}

	return nil
}

// round fetches once: only what the queue has is confirmed by the next round.
// A store that is over its share leaves the rest with Telegram for a while.
func (p *Poller) round(ctx context.Context, from *feed, until time.Time) error {
	bodies, err := p.Bots.Updates(ctx, from.of, from.offset, min(longest, until.Sub(p.Clock.Now())), p.Kinds)
	if err != nil {
		return err
	}

	var (
		messages []queue.Message
		held     time.Duration
		next     = from.offset
	)

	for _, body := range bodies {
		var head struct {
			ID int64 `json:"update_id"`
		}
		if err := json.Unmarshal(body, &head); err != nil || head.ID <= 0 {
			return errs.Wrap(err, errs.Unavailable, "fetch updates: one has no update_id")
		}

		message, ok := p.read(logging.With(ctx, logging.Update, head.ID), from, head.ID, body)

		if ok && held == 0 && p.Gate != nil {
			held = p.Gate.Enter(ctx, from.of)
		}

		if held > 0 {
			continue // behind it are only looked for payments, which cannot wait
		}

		next = max(next, head.ID+1)

		if ok {
			messages = append(messages, message)
		}
	}

	if err := p.send(ctx, messages); err != nil {
		return err
	}

	from.offset = next
	maps.DeleteFunc(from.answered, func(update int64, _ bool) bool { return update < next })

	if held > 0 {
		slog.InfoContext(ctx, "updates left with Telegram: the store is over its share", "wait_ms", held.Milliseconds())
		clock.Pause(ctx, min(held, until.Sub(p.Clock.Now())))
	}

	return nil
}

func (p *Poller) send(ctx context.Context, messages []queue.Message) error {
	for _, wave := range waves(messages) {
		if err := p.Updates.Send(ctx, wave...); err != nil {
			return errs.Context(err, "put %d updates into their queue", len(wave))
		}
	}

	if len(messages) > 0 {
		slog.InfoContext(ctx, "updates queued", "count", len(messages))
	}

	return nil
}

// read gives the message of an update; false where it was answered at once, or
// can never be handled.
func (p *Poller) read(ctx context.Context, from *feed, id int64, body []byte) (queue.Message, bool) {
	if from.answered[id] {
		return queue.Message{}, false
	}

	update, err := webhook.Read(ctx, from.of, body, p.Urgent)
	if err == nil && update.Reply == nil {
		err = queue.Validate([]queue.Message{update.Message}, true)
	}

	if err != nil {
		slog.ErrorContext(ctx, "update dropped: not an update, or the queue never takes it", "error", err, "bytes", len(body))

		return queue.Message{}, false
	}

	if update.Reply == nil {
		return update.Message, true
	}

	from.answered[id] = true

	// A payment waits for 10 seconds only: another try would come too late, and
	// nobody is charged without an answer.
	if err := p.Bots.Reply(ctx, from.of, update.Reply); err != nil {
		slog.ErrorContext(ctx, "update not answered in time", "kind", update.Kind, "error", err)
	} else {
		slog.InfoContext(ctx, "update answered at once", "kind", update.Kind)
	}

	return queue.Message{}, false
}

// waves cuts messages into sendings that hold each group once: where the queue
// takes only a part of a sending, no message gets ahead of one of its group.
func waves(messages []queue.Message) [][]queue.Message {
	var cut [][]queue.Message

	sent := map[string]int{}

	for _, message := range messages {
		wave := sent[message.Group]
		sent[message.Group]++

		if wave == len(cut) {
			cut = append(cut, nil)
		}

		cut[wave] = append(cut[wave], message)
	}

	return cut
}

// bear waits where another try may help, and gives the error where it does not.
func (p *Poller) bear(ctx context.Context, from *feed, err error) error {
	wait := min(firstPause<<min(from.failed, 10), longestPause)
	from.failed++

	switch errs.CodeOf(err) {
	case errs.Conflict:
		reclaimed, failure := p.Intake.Reclaim(ctx, from.of)
		if failure != nil {
			return failure
		}

		if !reclaimed {
			return errs.Context(err, "somebody else fetches the updates of this bot: use a bot of its own for each installation")
		}
	case errs.Limited:
		wait = max(wait, errs.RetryAfter(err))
	case errs.Unavailable:
	default:
		return err
	}

	slog.WarnContext(ctx, "updates not fetched, trying again", "wait", wait.String(), "error", err)

	if !clock.Pause(ctx, wait) {
		return err
	}

	return nil
}

// confirm tells Telegram what the queue has, so that it is not given again.
// Should this fail, it comes again, and is recognised.
func (p *Poller) confirm(ctx context.Context, from *feed) {
	if from.offset == 0 {
		return
	}

	if _, err := p.Bots.Updates(ctx, from.of, from.offset, 0, p.Kinds); err != nil {
		slog.WarnContext(ctx, "updates not confirmed, they come again", "error", err)
	}

	from.offset = 0
}
