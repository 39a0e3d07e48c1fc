package fault_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
)

// always gives every call the same fate.
type always struct{ kind fault.Kind }

func (a always) Next(string) fault.Kind { return a.kind }

func (always) Wait(string) time.Duration { return 0 }

func TestAround(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		kind   fault.Kind
		effect bool
		code   errs.Code
		killed bool
	}{
		"pass":        {fault.Pass, true, "", false},
		"fail before": {fault.FailBefore, false, errs.Unavailable, false},
		"fail after":  {fault.FailAfter, true, errs.Unavailable, false},
		"throttle":    {fault.Throttle, false, errs.Limited, false},
		"kill before": {fault.KillBefore, false, errs.Unavailable, true},
		"kill after":  {fault.KillAfter, true, errs.Unavailable, true},
		"duplicate":   {fault.Duplicate, true, "", false},
		"delay":       {fault.Delay, true, "", false},
		"reorder":     {fault.Reorder, true, "", false},
	} {
		ctx, cancel := fault.Invocation(t.Context())
		effect := false
		kind, err := fault.Around(ctx, always{test.kind}, "table.write", func() error {
			effect = true

			return nil
		})

		assert.Equal(t, test.kind, kind, name)
		assert.Equal(t, test.code, errs.CodeOf(err), name)
		assert.Equal(t, test.code != "", errors.Is(err, fault.ErrInjected), name)
		assert.Equal(t, test.effect, effect, name)
		assert.Equal(t, test.killed, ctx.Err() != nil, name)
		cancel()
	}
}

func TestAroundOfTheDead(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := fault.Around(ctx, fault.None{}, "table.write", func() error {
		t.Error("a dead process calls nothing")

		return nil
	})
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))

	// A kill outside an invocation ends nothing else.
	_, err = fault.Around(t.Context(), always{fault.KillBefore}, "table.write", func() error { return nil })
	require.ErrorIs(t, err, fault.ErrInjected)
	assert.NoError(t, t.Context().Err())
}

func TestAroundKeepsTheErrorOfTheCall(t *testing.T) {
	t.Parallel()

	conflict := errs.New(errs.Conflict, "taken")

	for _, kind := range []fault.Kind{fault.Pass, fault.FailAfter, fault.KillAfter} {
		_, err := fault.Around(t.Context(), always{kind}, "table.write", func() error { return conflict })
		assert.Same(t, conflict, err)
	}
}

func TestSeededReplays(t *testing.T) {
	t.Parallel()

	draw := func(seed uint64) ([]fault.Kind, []time.Duration) {
		plan := fault.NewSeeded(seed, 0.5, time.Minute, fault.FailBefore, fault.Delay)

		var (
			kinds []fault.Kind
			waits []time.Duration
		)

		for range 200 {
			kinds = append(kinds, plan.Next("a"))
			waits = append(waits, plan.Wait("a"))
		}

		return kinds, waits
	}

	kinds, waits := draw(7)
	again, againWaits := draw(7)
	other, _ := draw(8)

	assert.Equal(t, kinds, again)
	assert.Equal(t, waits, againWaits)
	assert.NotEqual(t, kinds, other)
	assert.Subset(t, []fault.Kind{fault.Pass, fault.FailBefore, fault.Delay}, kinds)
	assert.Contains(t, kinds, fault.Pass)
	assert.Contains(t, kinds, fault.FailBefore)
	assert.Contains(t, kinds, fault.Delay)

	for _, wait := range waits {
		assert.True(t, wait >= 0 && wait < time.Minute, wait)
	}
}

func TestSeededPauses(t *testing.T) {
	t.Parallel()

	plan := fault.NewSeeded(1, 1, 0, fault.FailBefore)
	assert.Equal(t, fault.FailBefore, plan.Next("a"))
	assert.Zero(t, plan.Wait("a"))
	plan.Pause(true)
	assert.Equal(t, fault.Pass, plan.Next("a"))
	plan.Pause(false)
	assert.Equal(t, fault.FailBefore, plan.Next("a"))

	assert.Equal(t, fault.Pass, fault.NewSeeded(1, 1, 0).Next("a"), "a plan of no kinds")
	assert.Equal(t, fault.Pass, fault.None{}.Next("a"))
	assert.Zero(t, fault.None{}.Wait("a"))
}
