package transcript

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// parkFor is how long a job waits for another one of the same content
	// before it looks by itself. It is woken before, unless the other's worker
	// has died in the moment between finishing and waking.
	parkFor = 2 * time.Minute
	// maxWaiters bounds the row of a flight; those behind look by themselves.
	maxWaiters = 500
	// flightKept is how long the row of a flight that nobody ended is kept
	// behind its lease.
	flightKept = time.Hour
)

// Flights see to it that one content is transcribed once for all jobs of a
// store that ask alike at the same time: the first is the holder, the others
// are parked and woken when it has finished, failed or was cancelled. They only
// save work: where the table cannot be reached everybody works for himself.
type Flights struct {
	scratch table.Table
	jobs    *Service
}

// NewFlights makes the flights over the scratch table.
func NewFlights(scratch table.Table, jobs *Service) *Flights {
	return &Flights{scratch: scratch, jobs: jobs}
}

// flightRow is the row of a content that is being transcribed.
type flightRow struct {
	Holder  ticket    `json:"holder"`
	Lease   time.Time `json:"lease"` // until when the holder is taken to be alive
	Waiters []ticket  `json:"waiters,omitempty"`
}

func (f flightRow) heldBy(job Job) bool { return f.Holder.User == job.User && f.Holder.Job == job.ID }

func (f *Flights) key(job Job) (table.Key, error) {
	tenant, err := table.TenantOf(job.Store)
	if err != nil {
		return table.Key{}, err
	}

	return job.Options.key(tenant.Partition("flight", job.SHA256)), nil
}

// change reads the row of a job's flight, lets decide what becomes of it, and
// writes that; anew where others were faster. A version of 0 says that there
// is none; decide gives nil to leave it as it is, and the zero flight to end it.
func (f *Flights) change(ctx context.Context, job Job, decide func(now flightRow, version int64) *flightRow) error {
	const tries = 8 // every waiter that joins is in the way of the others

	key, err := f.key(job)
	if err != nil {
		return err
	}

	for range tries {
		now, version, err := table.Read[flightRow](ctx, f.scratch, key)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}

		next := decide(now, version)
		if next == nil {
			return nil
		}

		if err = f.write(ctx, key, *next, version); err == nil || !errs.Is(err, errs.Conflict) {
			return err
		}
	}

	return errs.New(errs.Unavailable, "change flight %s: others keep changing it", key)
}

func (f *Flights) write(ctx context.Context, key table.Key, next flightRow, version int64) error {
	if next.Holder.Job == "" {
		return f.scratch.Write(ctx, table.Delete(key, version))
	}

	body, err := table.Encode(next)
	if err != nil {
		return err
	}

	return f.scratch.Write(ctx, table.Put(table.Row{
		Key: key, Version: version, Body: body, Expires: next.Lease.Add(flightKept),
	}))
}

// enter takes the flight of a job's content for it and reports whether it is
// the holder now. A holder of which nothing is heard any more is relieved; its
// waiters stay.
func (f *Flights) enter(ctx context.Context, job Job) bool {
	holds := true
	err := f.change(ctx, job, func(now flightRow, version int64) *flightRow {
		holds = version == 0 || now.heldBy(job) || !now.Lease.After(f.jobs.clock.Now())
		if !holds {
			return nil
		}

		waiters := slices.DeleteFunc(now.Waiters, func(of ticket) bool { return of.Job == job.ID })

		return &flightRow{Holder: ticketOf(job), Lease: f.jobs.clock.Now().Add(leaseFor), Waiters: waiters}
	})
	if err != nil {
		slog.WarnContext(ctx, "flights unreachable, working without them", "error", err)

		return true
	}

	return holds
}

// hold renews the lease of a flight until ctx ends.
func (f *Flights) hold(ctx context.Context, job Job) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		err := f.change(ctx, job, func(now flightRow, _ int64) *flightRow {
			if !now.heldBy(job) {
				return nil // it was relieved: both go on, and the first to finish counts
			}

			now.Lease = f.jobs.clock.Now().Add(leaseFor)

			return &now
		})
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "flight not renewed, next try soon", "error", err)
		}
	}
}

// join has a parked job woken when its flight ends. Where it has ended
// meanwhile, at once.
func (f *Flights) join(ctx context.Context, job Job) error {
	var ended bool

	err := f.change(ctx, job, func(now flightRow, version int64) *flightRow {
		ended = version == 0 || !now.Lease.After(f.jobs.clock.Now())
		known := slices.ContainsFunc(now.Waiters, func(of ticket) bool { return of == ticketOf(job) })

		if ended || known || len(now.Waiters) >= maxWaiters {
			return nil
		}

		now.Waiters = append(now.Waiters, ticketOf(job))

		return &now
	})
	if err == nil && ended {
		err = f.jobs.wake(ctx, ticketOf(job))
	}

	return err
}

// land ends the flight of its holder and wakes all who wait: they find the
// result, or the first of them becomes the next holder. Whom it fails to wake,
// time wakes.
func (f *Flights) land(ctx context.Context, job Job) {
	// The work may have ended because its time was over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWordsFor)
	defer cancel()

	var waiters []ticket

	err := f.change(ctx, job, func(now flightRow, _ int64) *flightRow {
		waiters = nil
		if !now.heldBy(job) {
			return nil
		}

		waiters = now.Waiters

		return &flightRow{}
	})
	if err != nil {
		slog.WarnContext(ctx, "flight not ended, its lease runs out", "error", err)

		return
	}

	for _, of := range waiters {
		if err := f.jobs.wake(ctx, of); err != nil {
			slog.WarnContext(ctx, "waiting job not woken, its time runs out", "waiter", of.Job, "error", err)
		}
	}
}
