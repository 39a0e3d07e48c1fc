package limit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
)

// asked counts the calls of a table.
type asked struct {
	table.Table

	calls int
}

func (a *asked) Get(ctx context.Context, key table.Key) (table.Row, error) {
	a.calls++

	return a.Table.Get(ctx, key)
}

func (a *asked) Write(ctx context.Context, ops ...table.Op) error {
	a.calls++

	return a.Table.Write(ctx, ops...)
}

const perSecond = 20

func newGates(count int) ([]*limit.Gate, *asked, *clock.Manual) {
	now := clock.NewManual(start())
	scratch := &asked{Table: memory.New(now, fault.None{})}

	var gates []*limit.Gate
	for range count {
		gates = append(gates, limit.NewGate(limit.New(scratch, now), now, perSecond))
	}

	return gates, scratch, now
}

// A store with a few people is let in without a look at any table.
func TestGateCostsQuietStoresNothing(t *testing.T) {
	t.Parallel()

	gates, scratch, now := newGates(1)

	for range 100 {
		require.Zero(t, gates[0].Enter(t.Context(), "kopi"))
		now.Advance(5 * time.Second)
	}

	require.Zero(t, scratch.calls)
}

// However a flood comes to however many processes, the store gets its share and
// little more, and what it costs is far less than an update each.
func TestGateKeepsAFloodToItsShare(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		const seconds = 30

		processes := rapid.IntRange(1, 10).Draw(t, "processes")
		flood := rapid.IntRange(2*perSecond, 500).Draw(t, "updates a second")
		gates, scratch, now := newGates(processes)

		entered := 0

		for at := range seconds * flood {
			if gates[rapid.IntRange(0, processes-1).Draw(t, "process")].Enter(t.Context(), "kopi") == 0 {
				entered++
			}

			if at%flood == flood-1 {
				now.Advance(time.Second)
			}
		}

		burst := 2*perSecond + 3*processes
		leak := processes * seconds / 5

		require.LessOrEqual(t, entered, seconds*perSecond+burst+leak, "all processes together")
		require.GreaterOrEqual(t, entered, min(seconds*perSecond, seconds*flood)*9/10, "nor less than its share")
		// A chunk costs a read and a write, and each process looks in vain once in half a second.
		require.LessOrEqual(t, scratch.calls, 2*entered/(perSecond/2)+4+processes*seconds*2)
	})
}

func TestGateKeepsStoresApart(t *testing.T) {
	t.Parallel()

	gates, _, now := newGates(1)

	for range 1000 {
		gates[0].Enter(t.Context(), "loud")
	}

	wait := gates[0].Enter(t.Context(), "loud")
	require.GreaterOrEqual(t, wait, time.Second)
	require.LessOrEqual(t, wait, 30*time.Second, "however many are turned away")
	require.Zero(t, gates[0].Enter(t.Context(), "kopi"))

	now.Advance(time.Second)
	require.Zero(t, gates[0].Enter(t.Context(), "loud"), "who comes again is let in")
}

// A gate only protects: a table that fails must not stop the shop.
func TestGateIsOpenWhereTheTableFails(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start())
	broken := memory.New(now, fault.NewSeeded(1, 1, 0, fault.FailBefore))
	gate := limit.NewGate(limit.New(broken, now), now, 1)

	for range 100 {
		require.Zero(t, gate.Enter(t.Context(), "kopi"))
	}
}
