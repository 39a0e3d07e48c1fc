package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestLimits(t *testing.T) { //nolint:paralleltest // it sets the environment
	for name, value := range map[string]string{
		"LAPAK_USER_PER_MINUTE": "10", "LAPAK_STORE_PER_MINUTE": "100", "LAPAK_USER_TASKS": "3",
		"LAPAK_TELEGRAM_API_ID": "0", "LAPAK_FREE_FILE_MB": "2000", "LAPAK_PREMIUM_FILE_MB": "5",
		"LAPAK_FREE_HOURS": "4", "LAPAK_PREMIUM_HOURS": "0",
		"LAPAK_FREE_MINUTES_PER_DAY": "180", "LAPAK_PREMIUM_MINUTES_PER_DAY": "0",
	} {
		t.Setenv(name, value)
	}

	limits, err := boot.Load[worker.Limits]()
	require.NoError(t, err)
	assert.Equal(t, transcript.Tiers{
		Free:    transcript.Tier{Largest: 20 << 20, Longest: 4 * time.Hour, Daily: 3 * time.Hour, Tasks: 3},
		Premium: transcript.Tier{Largest: 5 << 20, Tasks: 3},
	}, limits.Tiers(), "without an application of Telegram's, 20 MB are the most")
	assert.Equal(t, limit.Rate{Burst: 20, Every: 6 * time.Second}, limits.UserRate())
	assert.Equal(t, limit.Rate{Burst: 100, Every: 600 * time.Millisecond}, limits.StoreRate())

	limits.TelegramAPI = 12345
	assert.EqualValues(t, 2000<<20, limits.Tiers().Free.Largest)
	assert.EqualValues(t, 5<<20, limits.Tiers().Premium.Largest)
}
