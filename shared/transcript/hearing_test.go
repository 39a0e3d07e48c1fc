package transcript_test

import (
	"context"
	"strings"
	"sync"
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

// longRecording is a file of eight parts of four characters.
const longRecording = "OggS\x00aaabbbbccccddddeeeeffffgggg"

// newLongWorld gives a world whose file has many parts, whose provider repeats
// what it hears, and the message to its transcriber.
func newLongWorld(t *testing.T) (*world, transcript.Job, queue.Delivery) {
	t.Helper()

	w := newWorld(t)
	w.files.content["voice"] = longRecording
	w.encoder.bytes = 4
	w.provider.echo = true
	job := w.start(t)
	require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))

	return w, job, w.take(t, queue.Transcriptions)
}

func TestPartsAreHeardAtOnceAndJoinedInOrder(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)

	var (
		mu       sync.Mutex
		together sync.WaitGroup
		first    = partsAtOnce
	)

	together.Add(partsAtOnce)

	w.provider.hear = func(context.Context, string) error {
		mu.Lock()
		waits := first > 0
		first--
		mu.Unlock()

		if waits { // the first ones end only when all of them have begun
			together.Done()
			together.Wait()
		}

		return nil
	}

	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
	w.run(t)

	done := w.job(t, job.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.Equal(t, "result: OggS \x00aaa bbbb cccc dddd eeee ffff gggg", w.messenger.shown[job.Progress])
	assert.Len(t, done.Attempts, 8)
	assert.Equal(t, partsAtOnce, w.encoder.mostOut, "so many at once, and never more in memory")
	assert.Empty(t, w.objects(t, "parts/"), "the transcript has taken their place")
}

// A worker that dies has its finished parts used by the next one.
func TestWhatWasHeardIsNotPaidTwice(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)
	doomed, cancel := fault.Invocation(w.ctx)
	defer cancel()

	plan := &planned{op: blobmemory.OpPut, kind: fault.KillAfter, after: 3, times: 1}
	w.bucketPlan.set(plan)
	require.Error(t, w.handlers[queue.Transcriptions](doomed, delivery))

	paid := len(w.objects(t, "parts/"))
	assert.GreaterOrEqual(t, paid, 4)

	w.provider.heard = nil
	w.clock.Advance(2 * time.Minute)

	_, err := w.rescuer.Rescue(w.ctx)
	require.NoError(t, err)
	w.run(t)

	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
	assert.Equal(t, "result: OggS \x00aaa bbbb cccc dddd eeee ffff gggg", w.messenger.shown[job.Progress])
	assert.Len(t, w.provider.heard, 8-paid)
}

// One part fails for now: those on their way are waited for, none are begun,
// and the next try hears only what is left.
func TestAFailingPartStopsNoneOnItsWay(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)
	w.provider.hear = func(_ context.Context, sound string) error {
		if sound == "bbbb" {
			return errs.New(errs.Unavailable, "503")
		}

		return nil
	}

	requireCode(t, errs.Unavailable, w.handlers[queue.Transcriptions](w.ctx, delivery))

	paid := w.provider.calls - 1
	assert.Len(t, w.objects(t, "parts/"), paid)
	assert.Less(t, paid, 8)
	assert.Len(t, w.job(t, job.ID).Attempts, paid+1, "what was paid is known before the job ends")

	w.provider.hear = nil
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, at(delivery, 2)))
	w.run(t)

	done := w.job(t, job.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.Len(t, done.Attempts, 9)
	assert.Equal(t, 9, w.provider.calls)
}

// A part that cannot be heard at all ends the others too.
func TestAPartThatCannotBeHeardEndsAll(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)
	w.provider.hear = func(ctx context.Context, sound string) error {
		if sound == "bbbb" {
			return errs.New(errs.Invalid, "400").Tell("error.not_heard", nil)
		}

		if sound == "cccc" {
			<-ctx.Done() // it would go on for long
		}

		return ctx.Err()
	}

	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
	assert.Equal(t, transcript.Failed, w.job(t, job.ID).State)
	assert.Equal(t, "error.not_heard", w.job(t, job.ID).Reason)
}

// The function's time ends in the middle of a long recording: the next worker
// goes on, however often, and no try is used up.
func TestARecordingThatTakesSeveralWorkers(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)

	var (
		mu    sync.Mutex
		heard int
	)

	w.provider.hear = func(ctx context.Context, _ string) error {
		mu.Lock()
		heard++
		slow := heard%3 == 0 // every third part takes longer than there is time
		mu.Unlock()

		if slow {
			<-ctx.Done()
		}

		return ctx.Err()
	}

	for workers := 1; w.job(t, job.ID).State == transcript.Downloaded; workers++ {
		require.Less(t, workers, 10)

		// Never enough for another part, by the margin that is kept: but the first are begun.
		ctx, cancel := context.WithTimeout(w.ctx, 50*time.Millisecond)
		require.NoError(t, w.handlers[queue.Transcriptions](ctx, at(delivery, transcript.MaxAttempts)))
		cancel()

		if w.job(t, job.ID).State == transcript.Downloaded {
			delivery = w.take(t, queue.Transcriptions)
		}
	}

	w.run(t)

	done := w.job(t, job.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.Equal(t, 1, done.Round)
	assert.Equal(t, "result: OggS \x00aaa bbbb cccc dddd eeee ffff gggg", w.messenger.shown[job.Progress])
}

// Attempts that no row could hold are summed up, and nothing of them is lost.
func TestManyAttemptsAreSummedUp(t *testing.T) {
	t.Parallel()

	w, job, delivery := newLongWorld(t)
	w.files.content["voice"] = "OggS\x00" + strings.Repeat("x", 60*4-5)
	second, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
	w.run(t)
	assert.Len(t, w.job(t, job.ID).Attempts, 8)

	done := w.job(t, second.ID)
	assert.Equal(t, []transcript.Attempt{{
		Provider: "test", Model: "whisper", Audio: 60 * partTakes, Cost: 60 * 7, Calls: 60,
	}}, done.Attempts)
}

func TestATranscriberNeedsNumbersThatAreOnes(t *testing.T) {
	t.Parallel()

	for _, options := range []transcript.TranscriberOptions{{PartsAtOnce: 1}, {Longest: time.Hour}} {
		_, err := transcript.NewTranscriber(options)
		requireCode(t, errs.Invalid, err)
	}
}
