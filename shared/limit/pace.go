package limit

import (
	"context"
	"math"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Pace spreads what many workers do over time, so that together they keep a
// steady rate exactly: each takes moments at which it may act, some ahead at
// once (the generic cell rate algorithm, in one row of the scratch table). What
// others do beside them, without waiting, is counted by Spend and makes room by
// itself. Unlike a Limiter it gives nothing where the table cannot tell.
type Pace struct {
	scratch table.Table
	clock   clock.Clock
}

// NewPace makes paces that are kept in the scratch table.
func NewPace(scratch table.Table, now clock.Clock) *Pace {
	return &Pace{scratch: scratch, clock: now}
}

const (
	// ahead is how far ahead moments are given out.
	ahead = time.Second
	// arrear is how much of a pause is caught up on: a fifth of what Telegram, which
	// counts a second, bears. The rest is for what was held up on its way.
	arrear = 200 * time.Millisecond
	// paceKept is how long the rows of a pace are kept when nobody uses it.
	paceKept = 24 * time.Hour

	paceSpent = "messages" // the counter of what others did
)

// Grant is what Take gives.
type Grant struct {
	// At are the moments at which something may be done, in their order; they
	// may lie in the past.
	At []time.Time
	// Wait is how long to wait before taking again where there are none.
	Wait time.Duration
	// Top is the highest number that somebody has noted lately; 0: none.
	Top int
}

// paceState is the row of a pace.
type paceState struct {
	Next  time.Time `json:"next"`            // the next moment to give out
	Seen  int64     `json:"seen"`            // of what others did, what was made room for
	Top   int       `json:"top,omitempty"`   // see Grant
	TopAt time.Time `json:"top_at,omitzero"` // when it was noted
}

// topFresh is for how long a number that was noted says something.
const topFresh = 3 * time.Second

// Take takes count moments of a store's pace of some per second, by one query
// and one write; none, with the wait, where so many are not to be had yet. top,
// unless 0, is a number that the taker has seen just now: all who take learn the
// highest one. Unavailable where the table cannot tell, Invalid where store is
// not a store's id.
func (p *Pace) Take(ctx context.Context, store, name string, perSecond float64, count, top int) (Grant, error) {
	partition, err := paceOf(store, name)
	if err != nil {
		return Grant{}, err
	}

	for range tries {
		var grant Grant

		grant, err = p.tryTake(ctx, partition, time.Duration(float64(time.Second)/perSecond), count, top)
		if err == nil {
			return grant, nil
		}

		if !errs.Is(err, errs.Conflict) {
			break
		}
	}

	return Grant{}, errs.Wrap(err, errs.Unavailable, "take from the pace %s of store %s", name, store)
}

// tryTake is one try; Conflict where someone else has taken meanwhile.
func (p *Pace) tryTake(ctx context.Context, of table.Partition, every time.Duration, count, top int) (Grant, error) {
	state, version, spent, err := p.read(ctx, of)
	if err != nil {
		return Grant{}, err
	}

	now := p.clock.Now()
	state.note(top, now)

	state.Next = state.Next.Add(time.Duration(spent-state.Seen) * every)
	state.Seen = spent

	if state.Next.Before(now.Add(-ahead)) { // it was not in use
		state.Next = now
	}

	state.Next = latest(state.Next, now.Add(-arrear))

	grant := Grant{Top: state.Top}

	last := state.Next.Add(time.Duration(count-1) * every)
	if wait := last.Sub(now.Add(ahead)); wait > 0 {
		grant.Wait = min(wait, ahead) // it may be set back meanwhile

		return grant, nil
	}

	for range count {
		grant.At = append(grant.At, state.Next)
		state.Next = state.Next.Add(every)
	}

	return grant, p.write(ctx, of, state, version)
}

// note keeps the highest number that was seen lately.
func (s *paceState) note(top int, now time.Time) {
	if s.Top != 0 && now.Sub(s.TopAt) > topFresh {
		s.Top, s.TopAt = 0, time.Time{}
	}

	if top > 0 {
		s.Top, s.TopAt = max(s.Top, top), now
	}
}

// Halt gives no moments of a pace before a moment: for a 429 that came all the
// same. Moments that were given out before stay with those who have them.
func (p *Pace) Halt(ctx context.Context, store, name string, until time.Time) error {
	partition, err := paceOf(store, name)
	if err != nil {
		return err
	}

	for range tries {
		var (
			state   paceState
			version int64
		)

		state, version, _, err = p.read(ctx, partition)
		if err != nil {
			break
		}

		if !state.Next.Before(until) {
			return nil
		}

		state.Next = until

		if err = p.write(ctx, partition, state, version); err == nil || !errs.Is(err, errs.Conflict) {
			break
		}
	}

	if err != nil {
		return errs.Context(err, "halt the pace %s of store %s", name, store)
	}

	return nil
}

// Spend counts what is done beside a pace without waiting for it, by one write.
func (p *Pace) Spend(ctx context.Context, store, name string, count int) error {
	partition, err := paceOf(store, name)
	if err != nil {
		return err
	}

	spend := table.Add(spentKey(partition), paceSpent, int64(count), 0, math.MaxInt64).Until(p.clock.Now().Add(paceKept))
	if err := p.scratch.Write(ctx, spend); err != nil {
		return errs.Context(err, "count what store %s does beside its pace %s", store, name)
	}

	return nil
}

func paceOf(store, name string) (table.Partition, error) {
	tenant, err := table.TenantOf(store)

	return tenant.Partition("pace", name), err
}

func stateKey(of table.Partition) table.Key { return of.Key("bucket") }
func spentKey(of table.Partition) table.Key { return of.Key("spent") }

// read gives the state of a pace with its version, and what others did.
func (p *Pace) read(ctx context.Context, of table.Partition) (paceState, int64, int64, error) {
	const most = 2 // rows

	page, err := p.scratch.Query(ctx, table.Query{Partition: of, Limit: most})
	if err != nil {
		return paceState{}, 0, 0, errs.Context(err, "read a pace")
	}

	var (
		state          paceState
		version, spent int64
	)

	for _, row := range page.Rows {
		if row.Key == spentKey(of) {
			spent = row.Counters[paceSpent]

			continue
		}

		version = row.Version
		if state, err = table.Decode[paceState](row); err != nil {
			return paceState{}, 0, 0, err
		}
	}

	if version == 0 || spent < state.Seen { // what was counted before is past
		state.Seen = spent
	}

	return state, version, spent, nil
}

func (p *Pace) write(ctx context.Context, of table.Partition, state paceState, version int64) error {
	body, err := table.Encode(state)
	if err != nil {
		return err
	}

	row := table.Row{Key: stateKey(of), Version: version, Body: body, Expires: latest(state.Next, p.clock.Now()).Add(paceKept)}

	return p.scratch.Write(ctx, table.Put(row))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}
