package broadcast

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/store"
)

// The paces of a store's bot: Telegram counts what is paid for by itself.
const (
	freePace = "free"
	paidPace = "paid"
)

// toldAfter is how long functions may not know that a campaign runs: for so long
// they answer from memory what a store is. Until then a campaign leaves a third
// of the rate to what they say uncounted.
const (
	toldAfter  = store.FreshFor + time.Second
	shareUntil = 2.0 / 3
)

// slots are the moments at which a lane may say something. A lane takes some at
// once, so that the pace costs it about two writes a second.
type slots struct {
	pace  *limit.Pace
	clock clock.Clock
	of    store.Store
	paid  bool

	taking chan struct{} // holds one: one at a time asks the pace

	mu    sync.Mutex
	at    []time.Time
	top   int // the highest message id of the bot that was seen
	topAt time.Time
}

func newSlots(pace *limit.Pace, now clock.Clock, of store.Store, paid bool) *slots {
	return &slots{pace: pace, clock: now, of: of, paid: paid, taking: make(chan struct{}, 1)}
}

// wait waits for the next moment; false where the context ends before.
func (s *slots) wait(ctx context.Context) bool {
	moment, ok := s.take(ctx)
	if !ok {
		return false
	}

	if wait := moment.Sub(s.clock.Now()); wait > 0 {
		return clock.Pause(ctx, wait)
	}

	return ctx.Err() == nil
}

// take takes the next moment. Without the pace nothing is said: where it cannot
// be had it is tried again until the context ends.
func (s *slots) take(ctx context.Context) (time.Time, bool) {
	select {
	case s.taking <- struct{}{}:
	case <-ctx.Done():
		return time.Time{}, false
	}

	defer func() { <-s.taking }()

	for ctx.Err() == nil {
		if moment, ok := s.next(); ok {
			return moment, true
		}

		rate := Rate(s.of, s.paid)
		chunk := max(1, rate/lanes(rate))

		grant, err := s.pace.Take(ctx, s.of.ID, s.name(), s.rate(), chunk, s.known())
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "a broadcast waits: its pace cannot be had", "error", err)

			grant.Wait = time.Second
		}

		s.saw(grant.Top)
		s.hold(grant.At)

		if len(grant.At) == 0 {
			clock.Pause(ctx, grant.Wait)
		}
	}

	return time.Time{}, false
}

// stale is how old a moment may be that is still used. Older ones, of a lane that
// was held up, would make a burst.
const stale = 400 * time.Millisecond

// next gives the next of the moments that were taken, if there is one.
func (s *slots) next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	oldest := s.clock.Now().Add(-stale)

	for len(s.at) > 0 {
		moment := s.at[0]
		s.at = s.at[1:]

		if moment.After(oldest) {
			return moment, true
		}
	}

	return time.Time{}, false
}

func (s *slots) hold(moments []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.at = moments
}

func (s *slots) name() string {
	if s.paid {
		return paidPace
	}

	return freePace
}

// rate is how many messages a second all lanes send together now.
func (s *slots) rate() float64 {
	rate := float64(Rate(s.of, s.paid))
	if !s.paid && s.clock.Now().Before(s.of.Broadcast.PacedSince.Add(toldAfter)) {
		rate *= shareUntil
	}

	return rate
}

// halt obeys Telegram where it says to wait: no lane takes a moment before the
// wait is over, and this one gives up those that it has.
func (s *slots) halt(ctx context.Context, wait time.Duration) {
	s.hold(nil)

	if err := s.pace.Halt(ctx, s.of.ID, s.name(), s.clock.Now().Add(wait)); err != nil {
		slog.WarnContext(ctx, "other lanes not told to wait", "wait", wait, "error", err)
	}
}

// topFresh is how long the highest message id that was seen says something: a
// later one would leave too many ids to look through.
const topFresh = 3 * time.Second

// known gives the highest message id that was seen lately; 0 where none was.
func (s *slots) known() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.clock.Now().Sub(s.topAt) > topFresh {
		return 0
	}

	return s.top
}

// saw notes the id of a message that the bot has just sent.
func (s *slots) saw(number int) {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := s.clock.Now()
	if number > 0 && (number >= s.top || now.Sub(s.topAt) > topFresh) {
		s.top, s.topAt = number, now
	}
}

// Meter counts what a store's bot says beside its campaigns, so that both
// together stay within what Telegram allows. It holds nothing up.
type Meter struct {
	stores *store.Registry
	pace   *limit.Pace
	clock  clock.Clock
}

// NewMeter makes the meter of all stores.
func NewMeter(stores *store.Registry, pace *limit.Pace, now clock.Clock) *Meter {
	return &Meter{stores: stores, pace: pace, clock: now}
}

// Count counts one message of a store's bot, by one write, while a campaign of
// the store runs; else it does nothing.
func (m *Meter) Count(ctx context.Context, id string) {
	of, err := m.stores.Get(ctx, id)
	if err == nil && m.clock.Now().Before(of.Broadcast.PacedUntil) {
		err = m.pace.Spend(ctx, id, freePace, 1)
	}

	if err != nil {
		slog.WarnContext(ctx, "a message beside a broadcast was not counted", "error", err)
	}
}
