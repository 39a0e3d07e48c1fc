package limit

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// slotLease is how long the slot of a holder that has died stays taken, unless
// Lasting says otherwise.
const slotLease = 2 * time.Minute

// Slots bound how many things go on at once, each in a slot of its own: a row
// of the scratch table that expires, so that no slot is lost with its holder.
// Holders of different slots do not meet in any row.
type Slots struct {
	scratch table.Table
	clock   clock.Clock
	lease   time.Duration
}

// NewSlots makes slots that are kept in the scratch table.
func NewSlots(scratch table.Table, now clock.Clock) *Slots {
	return &Slots{scratch: scratch, clock: now, lease: slotLease}
}

// Lasting has the slot of a holder that has died stay taken for so long; whole
// seconds. A holder writes three times in it to say that it is still at it.
func (s *Slots) Lasting(lease time.Duration) *Slots {
	s.lease = lease

	return s
}

// Do runs do in one of the count slots that a store has under a name, and gives
// false where all are taken. It takes a write to take a slot and one to give it
// back; a query and another write where the slot that was tried first is taken.
// A limit only protects: where the table cannot tell, do runs without a slot
// and a line is logged.
func (s *Slots) Do(ctx context.Context, store, name string, count int, do func(context.Context) error) (bool, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return false, err
	}

	held, err := s.take(ctx, tenant.Partition("slots", name), count)
	if errs.Is(err, errs.Conflict) {
		return false, nil
	}

	if err != nil {
		slog.WarnContext(ctx, "slots not kept, going on without one", "slots", name, "error", err)

		return true, do(ctx)
	}

	renewing, stop := context.WithCancel(ctx)
	renewed := make(chan table.Row, 1)

	go func() { renewed <- s.renew(renewing, held) }()

	err = do(ctx)

	stop()
	s.giveBack(ctx, <-renewed)

	return true, err
}

// take gives the row of a slot that was free; Conflict where none is.
func (s *Slots) take(ctx context.Context, slots table.Partition, count int) (table.Row, error) {
	first := rand.IntN(count) //nolint:gosec // not a secret

	held, err := s.claim(ctx, slots, first)
	if err == nil || !errs.Is(err, errs.Conflict) {
		return held, err
	}

	page, err := s.scratch.Query(ctx, table.Query{Partition: slots, Limit: table.MaxPageRows})
	if err != nil {
		return table.Row{}, errs.Context(err, "look for a free slot")
	}

	taken := map[table.Key]bool{}
	for _, row := range page.Rows {
		taken[row.Key] = true
	}

	err = errs.New(errs.Conflict, "take one of %d slots: all are taken", count)

	for next := range count {
		number := (first + next) % count
		if taken[slotKey(slots, number)] {
			continue
		}

		held, err = s.claim(ctx, slots, number)
		if err == nil || !errs.Is(err, errs.Conflict) {
			return held, err
		}
	}

	return table.Row{}, err
}

func slotKey(slots table.Partition, number int) table.Key {
	return slots.Key("slot", strconv.Itoa(number))
}

// claim takes one slot; Conflict where it is taken.
func (s *Slots) claim(ctx context.Context, slots table.Partition, number int) (table.Row, error) {
	held := table.Row{Key: slotKey(slots, number), Body: []byte(`{}`), Expires: s.clock.Now().Add(s.lease)}
	if err := s.scratch.Write(ctx, table.Create(held)); err != nil {
		return table.Row{}, errs.Context(err, "take slot %d", number)
	}

	held.Version = 1

	return held, nil
}

// renew keeps a slot until ctx ends and gives it as it then stands. One that
// was lost, because this holder was held up for too long, is not taken again:
// the work goes on, for once with one more at it than there are slots.
func (s *Slots) renew(ctx context.Context, held table.Row) table.Row {
	const renewals = 3 // in the time that a lease lasts

	ticker := time.NewTicker(s.lease / renewals)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return held
		case <-ticker.C:
		}

		held.Expires = s.clock.Now().Add(s.lease)

		if err := s.scratch.Write(ctx, table.Replace(held)); err != nil {
			slog.WarnContext(ctx, "slot not renewed", "slot", held.Key, "error", err)

			continue
		}

		held.Version++
	}
}

// giveBack frees a slot. Should that fail it runs out by itself.
func (s *Slots) giveBack(ctx context.Context, held table.Row) {
	const most = time.Second

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), most)
	defer cancel()

	err := s.scratch.Write(ctx, table.Delete(held.Key, held.Version))
	if err != nil && !errs.Is(err, errs.Conflict) {
		slog.WarnContext(ctx, "slot not given back, it runs out by itself", "slot", held.Key, "error", err)
	}
}
