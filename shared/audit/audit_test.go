package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table/memory"
)

// TestPages writes entries over months and reads them back in pages.
func TestPages(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		now := clock.NewManual(time.Date(2025, time.December, 30, 23, 59, 0, 0, time.UTC))
		state := memory.New(now, fault.None{})

		var want []audit.Entry // the newest first

		for at := range rapid.IntRange(0, 40).Draw(t, "entries") {
			now.Advance(time.Duration(rapid.IntRange(1, 60*24).Draw(t, "hours")) * time.Hour)

			entry := audit.Entry{
				ID: fmt.Sprint("e", at), Store: "demo", By: 7, Role: "admin", Action: "save", Target: "product p", At: now.Now(),
			}
			want = append([]audit.Entry{entry}, want...)

			for _, store := range []string{"demo", "other"} {
				entry.Store = store
				op, err := audit.Op(entry)
				require.NoError(t, err)
				require.NoError(t, state.Write(t.Context(), op))
			}
		}

		log := audit.NewLog(state, now)
		limit := rapid.IntRange(1, 9).Draw(t, "limit")
		after := ""

		var read []audit.Entry

		for {
			page, more, err := log.Page(t.Context(), "demo", after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)

			read = append(read, page...)
			require.Equal(t, len(read) < len(want), more)

			if !more {
				break
			}

			require.NotEmpty(t, page)

			after = page[len(page)-1].Place()
			require.LessOrEqual(t, len(after), 40, "it fits a button")
		}

		require.Equal(t, want, read)
	})
}

func TestClocksDiffer(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, time.November, 30, 23, 55, 0, 0, time.UTC))
	state := memory.New(now, fault.None{})

	op, err := audit.Op(audit.Entry{ID: "e", Store: "demo", Action: "save", At: now.Now().Add(10 * time.Minute)})
	require.NoError(t, err)
	require.NoError(t, state.Write(t.Context(), op))

	page, _, err := audit.NewLog(state, now).Page(t.Context(), "demo", "", 5)
	require.NoError(t, err)
	assert.Len(t, page, 1, "also what another clock wrote into the next month")

	assert.Equal(t, errs.Conflict, errs.CodeOf(state.Write(t.Context(), op)), "entries are only ever added")
}

func TestRefuses(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC))

	for _, entry := range []audit.Entry{{Store: "demo", ID: "e"}, {Store: "demo", At: now.Now()}, {Store: "No", ID: "e", At: now.Now()}} {
		_, err := audit.Op(entry)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	}

	log := audit.NewLog(memory.New(now, fault.None{}), now)

	for _, after := range []string{"x", "20261121", "_e"} {
		_, _, err := log.Page(t.Context(), "demo", after, 5)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), after)
	}

	_, _, err := log.Page(t.Context(), "No", "", 5)
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}
