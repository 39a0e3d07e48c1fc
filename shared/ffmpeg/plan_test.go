package ffmpeg_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestPlan(t *testing.T) {
	t.Parallel()

	const mega = 1 << 20

	for name, c := range map[string]struct {
		duration time.Duration
		bounds   transcript.Bounds
		bitrate  int
		parts    int
		target   time.Duration
	}{
		"a voice message":          {time.Minute, transcript.Bounds{Bytes: 25 * mega}, 32_000, 1, 10 * time.Minute},
		"a quarter of an hour":     {15 * time.Minute, transcript.Bounds{Bytes: 25 * mega}, 32_000, 1, 15 * time.Minute},
		"an hour, in parallel":     {time.Hour, transcript.Bounds{Bytes: 25 * mega}, 32_000, 6, 10 * time.Minute},
		"an hour, whole":           {time.Hour, transcript.Bounds{Bytes: 25 * mega, Whole: true}, 32_000, 1, time.Hour},
		"two hours, whole":         {2 * time.Hour, transcript.Bounds{Bytes: 25 * mega, Whole: true}, 20_000, 1, 2 * time.Hour},
		"three hours, whole":       {3 * time.Hour, transcript.Bounds{Bytes: 25 * mega, Whole: true}, 12_000, 1, 3 * time.Hour},
		"six hours, whole":         {6 * time.Hour, transcript.Bounds{Bytes: 25 * mega, Whole: true}, 12_000, 2, 3 * time.Hour},
		"by time alone":            {time.Hour, transcript.Bounds{Duration: 6 * time.Minute}, 32_000, 13, 0},
		"not known, short calls":   {0, transcript.Bounds{Bytes: 25 * mega, Duration: 6 * time.Minute}, 32_000, 1, 0},
		"no limits":                {time.Hour, transcript.Bounds{}, 32_000, 6, 10 * time.Minute},
		"not known":                {0, transcript.Bounds{Bytes: 25 * mega}, 32_000, 1, 10 * time.Minute},
		"not known, small calls":   {0, transcript.Bounds{Bytes: mega}, 12_000, 1, 0},
		"little fits":              {10 * time.Minute, transcript.Bounds{Bytes: mega}, 12_000, 2, 5 * time.Minute},
		"little fits, just as one": {9 * time.Minute, transcript.Bounds{Bytes: mega}, 12_000, 1, 0},
	} {
		plan, err := ffmpeg.PlanFor(c.duration, c.bounds)
		require.NoError(t, err, name)
		assert.Equal(t, c.bitrate, plan.Bitrate, name)
		assert.Equal(t, c.parts, plan.Parts, name)

		if c.target > 0 {
			assert.Equal(t, c.target, plan.Target, name)
		}
	}

	_, err := ffmpeg.PlanFor(time.Minute, transcript.Bounds{Bytes: 10_000})
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// Whatever the bounds, parts fit into them with room for the cuts, and there
// are enough of them.
func TestPlansFit(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		duration := time.Duration(rapid.Int64Range(0, int64(20*time.Hour)).Draw(t, "duration"))
		bounds := transcript.Bounds{
			Bytes:    rapid.Int64Range(50_000, 200<<20).Draw(t, "bytes"),
			Duration: time.Duration(rapid.Int64Range(int64(20*time.Second), int64(5*time.Hour)).Draw(t, "longest")),
			Whole:    rapid.Bool().Draw(t, "whole"),
		}

		plan, err := ffmpeg.PlanFor(duration, bounds)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Duration(plan.Parts)*plan.Target, duration)
		require.LessOrEqual(t, plan.Longest, bounds.Duration)
		require.LessOrEqual(t, float64(plan.Bitrate)/8*plan.Longest.Seconds(), 0.81*float64(bounds.Bytes))
		require.InDelta(t, duration.Seconds()*float64(plan.Bitrate)/8, plan.Bytes, 1)

		if plan.Parts > 1 || duration == 0 {
			require.LessOrEqual(t, plan.Target+2*plan.Slack+1500*time.Millisecond, plan.Longest+time.Millisecond)
		} else {
			require.LessOrEqual(t, duration, plan.Longest)
		}
	})
}
