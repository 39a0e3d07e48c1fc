package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/logging"
)

// line reads the one line that was written, and requires it to name no field twice.
func line(t *testing.T, written *bytes.Buffer) map[string]any {
	t.Helper()
	require.Equal(t, 1, strings.Count(written.String(), "\n"), written)

	var fields map[string]any

	require.NoError(t, json.Unmarshal(written.Bytes(), &fields))

	for name := range fields {
		assert.Equal(t, 1, strings.Count(written.String(), `"`+name+`":`), "%s in %s", name, written)
	}

	return fields
}

func TestEveryLineCarriesTheIDs(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	logger := logging.New(&written, slog.LevelInfo)
	ctx := logging.With(context.Background(), logging.Request, "r-1")
	inner := logging.With(ctx, logging.Store, "kopi", logging.Update, int64(7))
	inner = logging.With(inner, slog.String(logging.Job, "J1"))

	for _, log := range []func(){
		func() { logger.InfoContext(inner, "queued", "kind", "message") },
		func() { logger.With("kind", "message").ErrorContext(inner, "queued") },
		func() { logger.WarnContext(inner, "queued", "kind", "message", "a", 1, "b", 2, "c", 3, "d", 4, "e", 5) },
	} {
		written.Reset()
		log()

		fields := line(t, &written)
		assert.Equal(t, "queued", fields["msg"])
		assert.Equal(t, "r-1", fields["request"])
		assert.Equal(t, "kopi", fields["store"])
		assert.InDelta(t, 7, fields["update"], 0)
		assert.Equal(t, "J1", fields["job"])
		assert.Equal(t, "message", fields["kind"])
	}

	written.Reset()
	logger.InfoContext(ctx, "outside")
	assert.NotContains(t, line(t, &written), "store", "what is inside stays there")
}

// A queue's batch names the store of a message and so does the job in it.
func TestAnIDThatIsNamedAgainIsNamedOnce(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	outer := logging.With(context.Background(), logging.Store, "kopi", logging.Cause, "C")
	inner := logging.With(outer, logging.Store, "teh")
	logging.New(&written, slog.LevelInfo).InfoContext(inner, "x")
	assert.Equal(t, "teh", line(t, &written)["store"])

	written.Reset()
	logging.New(&written, slog.LevelInfo).InfoContext(outer, "x")
	assert.Equal(t, "kopi", line(t, &written)["store"])
}

// Two handlers may be given the same record, and one context many goroutines.
func TestARecordIsNotChanged(t *testing.T) {
	t.Parallel()

	ctx := logging.With(context.Background(), logging.Store, "kopi", logging.Job, "J1")
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "x", 0)
	record.Add("a", 1, "b", 2, "c", 3, "d", 4, "e", 5, "f", 6, "g", 7, "h", 8, "i", 9)

	for range 2 {
		var written bytes.Buffer

		handler := logging.New(&written, slog.LevelInfo).Handler()
		require.NoError(t, handler.Handle(ctx, record))
		assert.NotContains(t, line(t, &written), "!BUG")
	}

	done := make(chan struct{})
	for range 8 {
		go func() {
			defer func() { done <- struct{}{} }()

			logging.New(&bytes.Buffer{}, slog.LevelInfo).InfoContext(logging.With(ctx, logging.Job, "J2"), "y")
		}()
	}

	for range 8 {
		<-done
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	logger := logging.New(&written, slog.LevelWarn)
	logger.InfoContext(t.Context(), "no")
	assert.Empty(t, written.String())
	assert.False(t, logger.Enabled(t.Context(), slog.LevelInfo))
	logger.WarnContext(t.Context(), "yes")
	assert.Equal(t, "yes", line(t, &written)["msg"])
}

func TestGroups(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	ctx := logging.With(context.Background(), logging.Store, "kopi")
	logging.New(&written, slog.LevelInfo).WithGroup("http").InfoContext(ctx, "x", "status", 200)
	assert.Equal(t, map[string]any{"status": float64(200), "store": "kopi"}, line(t, &written)["http"])
}

func TestErrorsAreWrittenAsTheirWords(t *testing.T) {
	t.Parallel()

	var written bytes.Buffer

	logging.New(&written, slog.LevelInfo).ErrorContext(t.Context(), "failed", "error", errors.New("no disk\n\"x\""))
	assert.Equal(t, "no disk\n\"x\"", line(t, &written)["error"])
}

func ExampleWith() {
	logger := logging.New(os.Stdout, slog.LevelInfo)
	ctx := logging.With(context.Background(), logging.Store, "kopi", logging.Job, "DC0K2S010S0873W")
	_ = logging.With(ctx, logging.Store, "teh") // a context of its own

	logger.DebugContext(ctx, "not written")
	// Output:
}
