package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lapak-id/lapak/shared/clock"
)

func TestManual(t *testing.T) {
	t.Parallel()

	start := time.Date(2026, time.November, 21, 14, 5, 0, 0, time.FixedZone("WIB", 7*60*60))
	manual := clock.NewManual(start)
	assert.Equal(t, start.UTC(), manual.Now(), "the clock tells UTC")
	assert.Equal(t, start.UTC(), manual.Now(), "it stands")

	manual.Advance(90 * time.Second)
	assert.Equal(t, start.UTC().Add(90*time.Second), manual.Now())
}

func TestSystem(t *testing.T) {
	t.Parallel()

	before := time.Now()
	now := clock.System{}.Now()
	assert.Equal(t, time.UTC, now.Location())
	assert.False(t, now.Before(before.Truncate(0)))
	assert.False(t, now.After(time.Now()))
}
