package transcript_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

// busy runs do while all workers of the store are busy with jobs of a queue.
func (w *world) busy(t tester, with queue.Name, do func()) {
	t.Helper()

	var fill func(context.Context) error

	left := storeWorkers
	slots := limit.NewSlots(w.scratch, w.clock)
	fill = func(ctx context.Context) error {
		if left == 0 {
			do()

			return nil
		}

		left--

		taken, err := slots.Do(ctx, kopi, string(with), storeWorkers, fill)
		assert.True(t, taken)

		return err
	}
	require.NoError(t, fill(w.ctx))
}

func TestAJobWaitsWhileItsStoresWorkersAreBusy(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))

	for range 60 { // far more often than a step is tried, and over more than half an hour
		w.busy(t, queue.Transcriptions, func() {
			delivery := w.take(t, queue.Transcriptions)
			assert.Equal(t, 1, delivery.Attempt, "waiting is a new message, not a try")
			require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
			w.forward(t)
		})

		next, hidden := w.queues[queue.Transcriptions].Next()
		require.True(t, hidden, "it comes again")

		wait := next.Sub(w.clock.Now())
		assert.GreaterOrEqual(t, wait, 10*time.Second)
		assert.LessOrEqual(t, wait, 90*time.Second)
		w.clock.Advance(wait)

		rescued, err := w.rescuer.Rescue(w.ctx)
		require.NoError(t, err)
		assert.Zero(t, rescued, "it does not stand still")
	}

	assert.Greater(t, w.clock.Now().Sub(job.CreatedAt), transcript.StandsStill)

	assert.Zero(t, w.provider.calls)
	assert.Equal(t, transcript.Downloaded, w.job(t, job.ID).State)

	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
}

func TestPremiumDoesNotWaitForTheOthers(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	request.Premium = true
	job, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))

	w.busy(t, queue.Transcriptions, func() {
		require.NoError(t, w.handlers[queue.TranscriptionsPriority](w.ctx, w.take(t, queue.TranscriptionsPriority)))
	})
	assert.Equal(t, transcript.Transcribed, w.job(t, job.ID).State)
}

func TestAJobThatWasCancelledDoesNotWait(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	require.NoError(t, w.handlers[queue.Downloads](w.ctx, w.take(t, queue.Downloads)))

	delivery := w.take(t, queue.Transcriptions)
	_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
	require.NoError(t, err)

	w.busy(t, queue.Transcriptions, func() {
		require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
	})
	w.forward(t)
	assert.Empty(t, w.queues[queue.Transcriptions].All())
}
