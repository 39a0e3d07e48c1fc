package limit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/table/memory"
)

const slots = 3

// TestSlotsBoundWhatGoesOnAtOnce has many meet: never more than there are
// slots are at it, and all slots come to be used.
func TestSlotsBoundWhatGoesOnAtOnce(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	scratch := memory.New(now, fault.None{})
	shared := limit.NewSlots(scratch, now)

	var (
		at, most, refused atomic.Int64
		everyone          sync.WaitGroup
	)

	for range 50 {
		everyone.Go(func() {
			for range 20 {
				taken, err := shared.Do(t.Context(), "kopi", "work", slots, func(context.Context) error {
					here := at.Add(1)
					defer at.Add(-1)

					for seen := most.Load(); here > seen && !most.CompareAndSwap(seen, here); seen = most.Load() {
						continue
					}

					time.Sleep(10 * time.Microsecond) // some work

					return nil
				})
				assert.NoError(t, err) //nolint:testifylint // require may not end a goroutine

				if !taken {
					refused.Add(1)
				}
			}
		})
	}

	everyone.Wait()
	assert.EqualValues(t, slots, most.Load())
	assert.Positive(t, refused.Load())
	assert.Empty(t, scratch.All(), "every slot was given back")
}

func TestSlotsOfOthersAreOthers(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	shared := limit.NewSlots(memory.New(now, fault.None{}), now)
	nothing := func(context.Context) error { return nil }
	oops := errors.New("oops")

	taken, err := shared.Do(t.Context(), "kopi", "work", 1, func(ctx context.Context) error {
		taken, err := shared.Do(ctx, "kopi", "work", 1, nothing)
		require.NoError(t, err)
		assert.False(t, taken, "the slot is taken")

		taken, err = shared.Do(ctx, "musik", "work", 1, nothing)
		require.NoError(t, err)
		assert.True(t, taken, "each store has its own")

		taken, err = shared.Do(ctx, "kopi", "other work", 1, nothing)
		require.NoError(t, err)
		assert.True(t, taken)

		return oops
	})
	require.ErrorIs(t, err, oops)
	assert.True(t, taken)

	_, err = shared.Do(t.Context(), "NO STORE", "work", 1, nothing)
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}

// TestSlotOfTheDead is one whose holder dies: it comes back, but not while a
// holder that lives is at it for long.
func TestSlotOfTheDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		scratch := memory.New(clock.System{}, fault.None{})
		shared := limit.NewSlots(scratch, clock.System{})
		nothing := func(context.Context) error { return nil }

		ended := make(chan struct{})
		go func() {
			defer close(ended)

			_, _ = shared.Do(t.Context(), "kopi", "work", 1, func(context.Context) error {
				time.Sleep(time.Hour)

				return nil
			})
		}()

		time.Sleep(59 * time.Minute)

		taken, err := shared.Do(t.Context(), "kopi", "work", 1, nothing)
		require.NoError(t, err)
		assert.False(t, taken, "it was renewed")
		<-ended

		dying, die := fault.Invocation(t.Context())
		defer die()

		mortal := memory.New(clock.System{}, &killer{})
		_, _ = limit.NewSlots(mortal, clock.System{}).Do(dying, "kopi", "work", 1, nothing) // its giving back fails

		again := limit.NewSlots(mortal, clock.System{})
		taken, err = again.Do(t.Context(), "kopi", "work", 1, nothing)
		require.NoError(t, err)
		assert.False(t, taken, "the dead still holds it")

		time.Sleep(2 * time.Minute)

		taken, err = again.Do(t.Context(), "kopi", "work", 1, nothing)
		require.NoError(t, err)
		assert.True(t, taken)
	})
}

// killer kills the first caller once its first write took effect.
type killer struct{ done atomic.Bool }

func (k *killer) Next(string) fault.Kind {
	if k.done.Swap(true) {
		return fault.Pass
	}

	return fault.KillAfter
}

func (*killer) Wait(string) time.Duration { return 0 }

// TestSlotsWhileTheTableIsDown only protect: work is not held up.
func TestSlotsWhileTheTableIsDown(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	shared := limit.NewSlots(memory.New(now, fault.NewSeeded(1, 1, 0, fault.FailBefore)), now)
	worked := false

	taken, err := shared.Do(t.Context(), "kopi", "work", 1, func(context.Context) error {
		worked = true

		return nil
	})
	require.NoError(t, err)
	assert.True(t, taken)
	assert.True(t, worked)
}
