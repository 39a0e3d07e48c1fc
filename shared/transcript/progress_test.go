package transcript_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

// sleep waits for a time of the bubble, or until ctx ends.
func sleep(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}

func TestPartsAreShownWhileTheyAreHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, job, delivery := newLongWorld(t)
		w.provider.hear = func(ctx context.Context, _ string) error { return sleep(ctx, 4700*time.Millisecond) }

		began := time.Now()
		require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
		assert.Equal(t, 14100*time.Millisecond, time.Since(began), "eight parts, three at a time, and nothing waits for Telegram")
		assert.Equal(t, []string{
			"transcribing 0/8 for 0s", "transcribing 3/8 for 7s", "transcribing 3/8 for 4s", "transcribing 6/8 for 1s",
		}, w.messenger.said)
		assert.Equal(t, transcript.Transcribed, w.job(t, job.ID).State)
	})
}

// Telegram wants to be left alone: so it is, and the work goes on.
func TestProgressObeys429(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _, delivery := newLongWorld(t)
		w.provider.hear = func(ctx context.Context, _ string) error { return sleep(ctx, 4700*time.Millisecond) }

		var asked []time.Duration

		began := time.Now()
		w.messenger.fail = func(string) error {
			asked = append(asked, time.Since(began))

			return errs.New(errs.Limited, "429").After(time.Minute)
		}

		require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
		assert.Equal(t, []time.Duration{0, 6 * time.Second}, asked)
		assert.Equal(t, 14100*time.Millisecond, time.Since(began))
	})
}

// A person who cancels has the work ended within seconds, though a provider
// takes its time.
func TestCancellingEndsTheHearingSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, job, delivery := newLongWorld(t)
		w.provider.hear = func(ctx context.Context, _ string) error { return sleep(ctx, time.Hour) }
		began := time.Now()

		time.AfterFunc(4*time.Second, func() {
			_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
			checkNoError(t, err)
		})

		require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, delivery))
		assert.Equal(t, 6*time.Second, time.Since(began))
		w.run(t)
		assert.Equal(t, transcript.Cancelled, w.job(t, job.ID).State)
		assert.Equal(t, "cancelled", w.messenger.shown[job.Progress])
	})
}
