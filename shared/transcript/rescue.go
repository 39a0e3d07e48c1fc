package transcript

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// StandsStill is how long an open job may wait for a worker before a
	// message of it must have been lost. It is longer than all waits between
	// the tries of a step.
	StandsStill = 30 * time.Minute
	// maxRounds is how often a job is begun before it is given up.
	maxRounds = 5
)

// Rescuer finds jobs that nothing works on any more: the worker has died, or
// the message was lost or went to a dead-letter queue. Their person still
// waits.
type Rescuer struct {
	jobs    *Service
	stores  *store.Registry
	metrics *metric.Emitter
}

// NewRescuer makes a rescuer for all stores.
func NewRescuer(jobs *Service, stores *store.Registry, metrics *metric.Emitter) *Rescuer {
	return &Rescuer{jobs: jobs, stores: stores, metrics: metrics}
}

// Rescue sends each job that stands still to its worker again, or gives it up
// after the last round, and counts them. One failure does not keep the others
// back.
func (r *Rescuer) Rescue(ctx context.Context) (int, error) {
	stores, err := r.stores.List(ctx)
	if err != nil {
		return 0, fmt.Errorf("rescue jobs: %w", err)
	}

	rescued, err := store.Each(ctx, stores, r.rescueStore)
	r.metrics.Put("JobsRescued", float64(rescued), metric.Count, nil)

	return rescued, err
}

func (r *Rescuer) rescueStore(ctx context.Context, id string) (int, error) {
	tenant, err := table.TenantOf(id)
	if err != nil {
		return 0, err
	}

	rescued := 0

	_, err = table.EachDue(ctx, r.jobs.state, openJobs(tenant), r.jobs.clock.Now(), func(row table.Row) error {
		job, err := table.Decode[Job](row)

		switch {
		case err != nil:
		case !job.Parked.IsZero():
			err = r.unpark(ctx, job)
		default:
			if err = r.rescue(logging.With(ctx, logging.Job, job.ID), job); err == nil {
				rescued++
			}
		}

		if errors.Is(err, errSuperseded) { // it moved on meanwhile
			return nil
		}

		return err
	})

	return rescued, err
}

// unpark wakes a job that has waited for another one long enough. Nothing is
// wrong with it: that costs it no round.
func (r *Rescuer) unpark(ctx context.Context, job Job) error {
	_, err := r.jobs.transition(ctx, ticketOf(job), func(found *Job) error {
		if found.Round != job.Round || found.Parked.IsZero() || found.Parked.After(r.jobs.clock.Now()) {
			return superseded(*found) // the index lags behind
		}

		unpark(found)

		return nil
	})

	return err
}

func (r *Rescuer) rescue(ctx context.Context, job Job) error {
	of := ticketOf(job)
	reference := of.reference()
	slog.WarnContext(logging.With(ctx, logging.Ref, reference), "job stands still, sent on its way again or given up",
		"state", job.State, "round", job.Round, "since", job.UpdatedAt)

	_, err := r.jobs.transition(ctx, of, func(found *Job) error {
		if found.State != job.State || found.Round != job.Round || found.due().After(r.jobs.clock.Now()) {
			return superseded(*found) // the index lags behind: it is well
		}

		found.Round++
		if found.Round <= maxRounds {
			return nil
		}

		switch found.State {
		case Waiting, Downloaded:
			found.State, found.Reference = Failed, reference
		case Transcribed:
			found.State = Delivered // the history has it; telling has failed for hours
		case Failed:
			found.State = Apologised
		case Delivered, Apologised, Cancelled:
		}

		return nil
	})

	return err
}
