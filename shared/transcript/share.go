package transcript

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
)

const (
	// A job whose store has all its workers busy comes again after this long,
	// longer the longer it has waited.
	firstTurn = 10 * time.Second
	lastTurn  = time.Minute
)

// inTurn does the work on a delivery while its store has a worker free, and
// lets the job wait for a later message while it has none. Waiting is no try
// that failed, however often it happens.
func (t *Transcriber) inTurn(ctx context.Context, delivery queue.Delivery, work func(context.Context) error) error {
	if t.slots == nil {
		return work(ctx)
	}

	of, err := decodeTicket(delivery)
	if err != nil {
		return err
	}

	free, err := t.slots.Do(ctx, of.Store, string(of.transcriptions()), t.workers(ctx, of.Store), work)
	if free || err != nil {
		return err
	}

	err = t.waitForTurn(logging.With(ctx, logging.Store, of.Store, logging.Job, of.Job), of, delivery.Attempt)
	if errors.Is(err, errSuperseded) { // there is no work to wait for: it ends at once
		return work(ctx)
	}

	return err
}

// waitForTurn has a job come again later. It is superseded where another
// worker has the job, or it has moved on.
func (t *Transcriber) waitForTurn(ctx context.Context, of ticket, attempt int) error {
	now := t.jobs.clock.Now()

	job, err := t.jobs.transition(ctx, of, func(job *Job) error {
		if job.State != Downloaded || job.Round != of.Round || job.Lease.After(now) {
			return superseded(*job)
		}

		const share = 4 // of the time that it has waited

		wait := min(max(now.Sub(job.CreatedAt)/share, firstTurn), lastTurn)
		job.delay = wait + time.Duration(rand.Int64N(int64(wait/2))) //nolint:gosec,mnd // not a secret; up to half is left to chance
		job.Tries += attempt - 1
		unpark(job)

		return nil
	})
	if err != nil {
		return err
	}

	slog.InfoContext(ctx, "the store's workers are all busy", "wait_ms", job.delay.Milliseconds())

	return nil
}
