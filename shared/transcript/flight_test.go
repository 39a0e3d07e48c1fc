package transcript_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

// twoDownloaded gives two jobs of the same content, both downloaded, and their
// messages to the transcriber.
func twoDownloaded(t *testing.T) (*world, [2]transcript.Job, []queue.Delivery) {
	t.Helper()

	w := newWorld(t)

	var jobs [2]transcript.Job

	for at := range jobs {
		job, err := w.jobs.Start(w.ctx, w.request(5+at))
		require.NoError(t, err)

		jobs[at] = job
		require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	}

	w.forward(t)

	batch, err := w.queues[queue.Transcriptions].Receive(w.ctx, queue.MaxBatch, 0)
	require.NoError(t, err)
	require.Len(t, batch, 2)

	for _, delivery := range batch {
		require.NoError(t, w.queues[queue.Transcriptions].Delete(w.ctx, delivery))
	}

	return w, jobs, batch
}

func TestASecondJobOfTheSameContentWaitsForTheFirst(t *testing.T) {
	t.Parallel()

	w, jobs, batch := twoDownloaded(t)
	handle := w.handlers[queue.Transcriptions]

	w.provider.while = func() { // the first is being heard
		checkNoError(t, handle(w.ctx, batch[1]))
		assert.Equal(t, "awaiting", w.messenger.shown[jobs[1].Progress])
		assert.False(t, w.job(t, jobs[1].ID).Parked.IsZero())
		assert.Equal(t, transcript.Downloaded, w.job(t, jobs[1].ID).State)

		w.provider.while = nil
	}

	require.NoError(t, handle(w.ctx, batch[0]))
	w.run(t)

	for _, job := range jobs {
		assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
		assert.Equal(t, 1, w.job(t, job.ID).Round)
	}

	assert.Equal(t, 1, w.provider.calls)
	assert.True(t, w.job(t, jobs[1].ID).Result.Cached)
	assert.Empty(t, w.objects(t, "media/"))
}

// What becomes of the holder is not what becomes of those who wait for it.
func TestWhoWaitsForAFailureTriesByHimself(t *testing.T) {
	t.Parallel()

	for name, end := range map[string]func(w *world, holder transcript.Job){
		"it fails for good": func(w *world, _ transcript.Job) {
			w.provider.err = errs.New(errs.Invalid, "cannot be heard").Tell("error.not_heard", nil)
		},
		"it fails for now": func(w *world, _ transcript.Job) { w.provider.err = errs.New(errs.Unavailable, "503") },
		"it is cancelled": func(w *world, holder transcript.Job) {
			_, err := w.jobs.CancelOne(w.ctx, kopi, person, holder.ID)
			checkNoError(t, err)

			w.provider.err = errs.New(errs.Unavailable, "cancelled")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w, jobs, batch := twoDownloaded(t)
			w.provider.while = func() {
				checkNoError(t, w.handlers[queue.Transcriptions](w.ctx, batch[1]))
				end(w, jobs[0])

				w.provider.while = func() { w.provider.err = nil } // whoever comes next
			}

			_ = w.handlers[queue.Transcriptions](w.ctx, batch[0])
			w.run(t)
			assert.Equal(t, transcript.Delivered, w.job(t, jobs[1].ID).State)
			assert.Equal(t, 1, w.job(t, jobs[1].ID).Round)
		})
	}
}

// The holder's process dies; the waiter is found by the sweep and no round of
// its is used up.
func TestWhoWaitsForADeadHolderGoesOn(t *testing.T) {
	t.Parallel()

	w, jobs, batch := twoDownloaded(t)
	doomed, cancel := fault.Invocation(w.ctx)
	defer cancel()

	w.provider.while = func() {
		w.provider.while = nil

		checkNoError(t, w.handlers[queue.Transcriptions](w.ctx, batch[1]))
	}

	w.bucketPlan.set(&planned{op: blobmemory.OpPut, kind: fault.KillBefore, times: 1})
	require.Error(t, w.handlers[queue.Transcriptions](doomed, batch[0]))
	w.run(t)
	assert.Equal(t, transcript.Downloaded, w.job(t, jobs[1].ID).State, "nobody has woken it")

	w.clock.Advance(3 * time.Minute)

	rescued, err := w.rescuer.Rescue(w.ctx)
	require.NoError(t, err)
	assert.Equal(t, 1, rescued, "the holder; a waiter is in no trouble")
	w.run(t)

	assert.Equal(t, transcript.Delivered, w.job(t, jobs[0].ID).State)
	assert.Equal(t, transcript.Delivered, w.job(t, jobs[1].ID).State)
	assert.Equal(t, 1, w.job(t, jobs[1].ID).Round)
	assert.Equal(t, 2, w.job(t, jobs[0].ID).Round)
}

func TestAWaiterCanBeCancelled(t *testing.T) {
	t.Parallel()

	w, jobs, batch := twoDownloaded(t)
	w.provider.while = func() {
		checkNoError(t, w.handlers[queue.Transcriptions](w.ctx, batch[1]))

		_, err := w.jobs.CancelOne(w.ctx, kopi, person, jobs[1].ID)
		checkNoError(t, err)
	}

	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, batch[0]))
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, jobs[0].ID).State)
	assert.Equal(t, transcript.Cancelled, w.job(t, jobs[1].ID).State)
	assert.Equal(t, "cancelled", w.messenger.shown[jobs[1].Progress])
}

// Jobs that wait for each other by turns do not try without end.
func TestTriesCountAcrossParking(t *testing.T) {
	t.Parallel()

	w, jobs, batch := twoDownloaded(t)
	w.provider.err = errs.New(errs.Unavailable, "down for the day")

	// Each failure lets the other one begin, before the first one comes again.
	pending := batch
	for range 40 {
		if len(pending) == 0 {
			break
		}

		delivery := pending[0]
		pending = pending[1:]

		w.provider.while = func() {
			w.provider.while = nil

			for _, other := range pending { // they find it being heard
				checkNoError(t, w.handlers[queue.Transcriptions](w.ctx, other))
			}

			pending = nil
		}

		if err := w.handlers[queue.Transcriptions](w.ctx, delivery); err != nil {
			delivery.Attempt++
			pending = append(pending, delivery)
		}

		w.forward(t)

		woken, err := w.queues[queue.Transcriptions].Receive(w.ctx, queue.MaxBatch, 0)
		require.NoError(t, err)

		for _, delivery := range woken {
			require.NoError(t, w.queues[queue.Transcriptions].Delete(w.ctx, delivery))
		}

		pending = append(woken, pending...)
	}

	w.run(t)

	for _, job := range jobs {
		assert.Equal(t, transcript.Apologised, w.job(t, job.ID).State)
	}

	assert.LessOrEqual(t, w.provider.calls, 2*transcript.MaxAttempts)
}

// checkNoError is for goroutines that are not the test's own.
func checkNoError(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Error(err)
	}
}
