package limit_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/table/memory"
)

func newPace() (*limit.Pace, *clock.Manual) {
	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))

	return limit.NewPace(memory.New(now, fault.None{}), now), now
}

// TestPaceKeepsItsRate has any takers take any numbers at any moments, while
// others spend and waits are ordered: what Telegram counts, a bucket that holds
// a second's worth, never runs dry by more than what the others spent unasked.
func TestPaceKeepsItsRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const rate = 30

		pace, now := newPace()
		start := now.Now()
		given := map[int64]int{} // moments by the half second
		spent := 0

		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				count := rapid.IntRange(1, 5).Draw(t, "spent")
				require.NoError(t, pace.Spend(context.Background(), "kopi", "free", count))

				spent += count
			case 1, 2, 3:
				now.Advance(time.Duration(rapid.IntRange(1, 2000).Draw(t, "wait")) * time.Millisecond)
			default:
				count := rapid.IntRange(1, 15).Draw(t, "count")

				grant, err := pace.Take(context.Background(), "kopi", "free", rate, count, 0)
				require.NoError(t, err)

				if len(grant.At) == 0 {
					require.Positive(t, grant.Wait)
				} else {
					require.Len(t, grant.At, count)
				}

				for _, at := range grant.At {
					require.False(t, at.After(now.Now().Add(time.Second)))
					require.False(t, at.Before(now.Now().Add(-200*time.Millisecond)))

					given[at.Sub(start).Milliseconds()/500]++
				}
			}
		}

		for half, count := range given {
			require.LessOrEqual(t, count, rate/2+1, "in half second %d", half)
		}
	})
}

// TestPaceMakesRoom for what others did, and does not lose what it gives.
func TestPaceMakesRoom(t *testing.T) {
	t.Parallel()

	pace, now := newPace()
	first, err := pace.Take(t.Context(), "kopi", "free", 10, 5, 7)
	require.NoError(t, err)
	require.Len(t, first.At, 5)
	assert.Equal(t, 7, first.Top)

	require.NoError(t, pace.Spend(t.Context(), "kopi", "free", 3))

	second, err := pace.Take(t.Context(), "kopi", "free", 10, 2, 0)
	require.NoError(t, err)
	require.Len(t, second.At, 2)
	assert.Equal(t, 400*time.Millisecond, second.At[0].Sub(first.At[4]), "three were said in between")
	assert.Equal(t, 7, second.Top, "others learn the highest number")

	full, err := pace.Take(t.Context(), "kopi", "free", 10, 5, 3)
	require.NoError(t, err)
	assert.Empty(t, full.At)
	assert.Equal(t, 400*time.Millisecond, full.Wait, "until the fifth of them is less than a second ahead")

	now.Advance(time.Hour)
	require.NoError(t, pace.Spend(t.Context(), "kopi", "free", 100))

	later, err := pace.Take(t.Context(), "kopi", "free", 10, 1, 0)
	require.NoError(t, err)
	require.Len(t, later.At, 1)
	assert.Equal(t, now.Now(), later.At[0], "what was said in an hour has had its time, and no burst is saved up")
	assert.Zero(t, later.Top, "an old number says nothing")
}

func TestPaceHalts(t *testing.T) {
	t.Parallel()

	pace, now := newPace()
	until := now.Now().Add(30 * time.Second)
	require.NoError(t, pace.Halt(t.Context(), "kopi", "free", until))
	require.NoError(t, pace.Halt(t.Context(), "kopi", "free", until.Add(-time.Second)), "the longest wait counts")

	held, err := pace.Take(t.Context(), "kopi", "free", 10, 1, 0)
	require.NoError(t, err)
	assert.Empty(t, held.At)
	assert.Equal(t, time.Second, held.Wait)

	other, err := pace.Take(t.Context(), "buku", "free", 10, 1, 0)
	require.NoError(t, err)
	assert.Len(t, other.At, 1, "each store has its own")

	now.Advance(30 * time.Second)

	again, err := pace.Take(t.Context(), "kopi", "free", 10, 1, 0)
	require.NoError(t, err)
	assert.Equal(t, []time.Time{until}, again.At)
}

// TestPaceOfMany has takers meet: nobody is given a moment twice.
func TestPaceOfMany(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pace := limit.NewPace(memory.New(clock.System{}, fault.None{}), clock.System{})
		moments := make(chan time.Time, 1000)

		for range 5 {
			go func() {
				for range 20 {
					grant, err := pace.Take(t.Context(), "kopi", "free", 100, 5, 0)
					if err == nil {
						for _, at := range grant.At {
							moments <- at
						}
					}

					time.Sleep(max(grant.Wait, time.Millisecond))
				}
			}()
		}

		synctest.Wait()
		time.Sleep(time.Minute)

		seen := map[time.Time]bool{}
		for range len(moments) {
			at := <-moments
			assert.False(t, seen[at], "%s was given twice", at)

			seen[at] = true
		}

		assert.NotEmpty(t, seen)
	})
}

func TestPaceWithoutItsTable(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Now())
	pace := limit.NewPace(memory.New(now, fault.NewSeeded(1, 1, 0, fault.FailBefore)), now)

	_, err := pace.Take(t.Context(), "kopi", "free", 10, 1, 0)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "nothing is given where it cannot tell")
	assert.Equal(t, errs.Unavailable, errs.CodeOf(pace.Halt(t.Context(), "kopi", "free", now.Now())))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(pace.Spend(t.Context(), "kopi", "free", 1)))

	for _, err := range []error{
		pace.Halt(t.Context(), "NO", "free", now.Now()), pace.Spend(t.Context(), "NO", "free", 1),
	} {
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	}

	_, err = pace.Take(t.Context(), "NO", "free", 10, 1, 0)
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}
