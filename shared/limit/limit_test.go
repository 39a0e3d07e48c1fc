package limit_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/table/memory"
)

func start() time.Time { return time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC) }

func TestBucketGivesItsBurstAndThenItsRate(t *testing.T) {
	t.Parallel()

	var bucket limit.Bucket

	rate, now := limit.Rate{Burst: 3, Every: 6 * time.Second}, start()

	for range 3 {
		var wait time.Duration

		bucket, wait = bucket.Take(rate, now)
		require.Zero(t, wait)
	}

	same, wait := bucket.Take(rate, now)
	require.Equal(t, 6*time.Second, wait)
	require.Equal(t, bucket, same, "a refused take costs nothing")

	_, wait = bucket.Take(rate, now.Add(5*time.Second))
	require.Equal(t, time.Second, wait)

	_, wait = bucket.Take(rate, now.Add(6*time.Second))
	require.Zero(t, wait)
}

func TestPerMinuteGivesItsCountInAMinute(t *testing.T) {
	t.Parallel()

	require.Equal(t, limit.Rate{Burst: 100, Every: 600 * time.Millisecond}, limit.PerMinute(100))
}

func TestBucketOfAFasterClockIsEmptyAndNoWorse(t *testing.T) {
	t.Parallel()

	rate := limit.Rate{Burst: 2, Every: time.Second}
	bucket := limit.Bucket{Full: start().Add(time.Hour)}

	_, wait := bucket.Take(rate, start())
	require.Equal(t, time.Second, wait)
}

// Over any window, no more than the burst and what the rate has brought is
// taken; and a refused caller who waits as told is served.
func TestBucketNeverGivesMoreThanItsRate(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		rate := limit.Rate{
			Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
			Every: time.Duration(rapid.IntRange(1, 10_000).Draw(t, "every ms")) * time.Millisecond,
		}
		pauses := rapid.SliceOfN(rapid.IntRange(0, 20_000), 1, 60).Draw(t, "pauses ms")

		var (
			bucket limit.Bucket
			taken  []time.Time
		)

		now := start()
		for _, pause := range pauses {
			now = now.Add(time.Duration(pause) * time.Millisecond)

			after, wait := bucket.Take(rate, now)
			if wait > 0 {
				_, again := bucket.Take(rate, now.Add(wait))
				require.Zero(t, again, "waiting as told must help")

				_, early := bucket.Take(rate, now.Add(wait-1))
				require.NotZero(t, early, "the wait told must not be too long")

				continue
			}

			bucket, taken = after, append(taken, now)
		}

		for i := range taken {
			for j := i; j < len(taken); j++ {
				allowed := rate.Burst + int(taken[j].Sub(taken[i])/rate.Every)
				require.LessOrEqual(t, j-i+1, allowed)
			}
		}
	})
}

func TestLimiterKeepsBucketsApart(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start())
	limits := limit.New(memory.New(now, fault.None{}), now)
	rate := limit.Rate{Burst: 1, Every: time.Minute}

	for _, bucket := range [][2]string{{"one", "all"}, {"two", "all"}, {"one", "other"}} {
		wait, err := limits.Take(t.Context(), bucket[0]+"-store", bucket[1], rate)
		require.NoError(t, err)
		require.Zero(t, wait)
	}

	wait, err := limits.Take(t.Context(), "one-store", "all", rate)
	require.NoError(t, err)
	require.Equal(t, time.Minute, wait)

	now.Advance(time.Minute)

	wait, err = limits.Take(t.Context(), "one-store", "all", rate)
	require.NoError(t, err)
	require.Zero(t, wait)
}

func TestLimiterCountsTakersAtTheSameMoment(t *testing.T) {
	t.Parallel()

	const takers, burst = 8, 5

	now := clock.NewManual(start())
	limits := limit.New(memory.New(now, fault.None{}), now)

	var (
		passed atomic.Int64
		group  sync.WaitGroup
	)

	for range takers {
		group.Go(func() {
			wait, err := limits.Take(context.Background(), "demo", "all", limit.Rate{Burst: burst, Every: time.Hour})
			if err == nil && wait == 0 {
				passed.Add(1)
			}
		})
	}

	group.Wait()
	require.EqualValues(t, burst, passed.Load())
}

// A limit only protects: a table that fails must not stop the shop.
func TestLimiterPassesWhereTheTableFails(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start())
	broken := fault.NewSeeded(rand.Uint64(), 1, 0, fault.FailBefore)
	limits := limit.New(memory.New(now, broken), now)

	for range 5 {
		wait, err := limits.Take(t.Context(), "demo", "all", limit.Rate{Burst: 1, Every: time.Hour})
		require.NoError(t, err)
		require.Zero(t, wait)
	}
}

func TestLimiterRefusesWhatIsNoStore(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start())
	_, err := limit.New(memory.New(now, fault.None{}), now).Take(t.Context(), "NO STORE", "all", limit.PerMinute(1))
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
}
