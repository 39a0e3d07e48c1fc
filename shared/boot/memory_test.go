package boot //nolint:testpackage // what Run does around a handler has no other door

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/metric"
)

func TestMemoryIsToldInPercentOfTheLimit(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "lapak-download")

	var written bytes.Buffer

	memory := newMemory(metric.New(&written, clock.NewManual(time.Unix(0, 0))))
	memory.status = filepath.Join(t.TempDir(), "status")
	require.NoError(t, os.WriteFile(memory.status, []byte("Name:\tx\nVmHWM:\t  262144 kB\nVmRSS:\t 9 kB\n"), 0o600))

	ran := children() // of earlier tests
	memory.put()

	var line struct {
		MemoryUsedPercent float64 `json:"MemoryUsedPercent"`
		FunctionName      string  `json:"FunctionName"`
	}
	require.NoError(t, json.Unmarshal(written.Bytes(), &line))
	assert.Equal(t, "lapak-download", line.FunctionName)
	assert.InDelta(t, 50+float64(ran)/(5.12*(1<<20)), line.MemoryUsedPercent, 0.01)
}

func TestMemoryOfThisProcessAndItsPrograms(t *testing.T) {
	t.Parallel()

	const mega = 1 << 20

	own, err := peak("/proc/self/status")
	require.NoError(t, err)
	assert.Greater(t, own, int64(mega))

	held := make([]byte, 64*mega)
	for at := range held {
		held[at] = 1 // memory counts once it is written
	}

	more, err := peak("/proc/self/status")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, more, int64(len(held)))

	require.NoError(t, exec.CommandContext(t.Context(), "true").Run())
	assert.Positive(t, children())

	_, err = peak("/proc/self/no such file")
	require.Error(t, err)
}

func TestMemoryIsNotToldOutsideOfLambda(t *testing.T) {
	t.Setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")

	var written bytes.Buffer

	newMemory(metric.New(&written, clock.System{})).put()
	assert.Empty(t, written.String())
}
