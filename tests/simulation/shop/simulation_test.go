// Package shop_test runs the way of an order in one process, from the tap to
// the goods and the money, with faults at every step, and checks after each
// that no money and no unit is lost, doubled or another's. A run is its seed:
//
//	SEED=42 go test ./tests/simulation/shop -run TestShop -v
//
// ORDER=ID tells besides all that happened to an order. SHOP_SEEDS sets how many runs there are, from seed FROM on; SHOP_STEPS how
// many steps each has before it comes to rest.
package shop_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/lapak-id/lapak/tests/simulation/seeds"
)

const (
	defaultSeeds = 300
	busySteps    = 150 // steps with faults before the world comes to rest
	maxRate      = 0.2
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(&leaks, &slog.HandlerOptions{Level: slog.LevelInfo})))
	debug.SetGCPercent(800) // runs are short-lived and small
	os.Exit(m.Run())
}

// leaks is where logs go: no goods may stand in them.
var leaks = leakFinder{to: seeds.Logs()}

// leakFinder passes a log on and notes the first line that holds goods.
type leakFinder struct {
	to    io.Writer
	found atomic.Pointer[string]
}

// Write implements io.Writer.
func (l *leakFinder) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(goodsMark)) {
		text := string(line)
		l.found.CompareAndSwap(nil, &text)
	}

	return l.to.Write(line)
}

func TestShop(t *testing.T) {
	t.Parallel()

	var total tally

	steps := seeds.Number(t, "SHOP_STEPS", busySteps)
	replay := fmt.Sprintf("SHOP_STEPS=%d go test ./tests/simulation/shop -run TestShop -v", steps)
	count := seeds.Run(t, "SHOP_SEEDS", defaultSeeds, replay, func(t *testing.T, seed uint64) {
		t.Helper()
		total.add(run(t, seed, steps).tally())
	})
	t.Logf("%d runs: %s", count, total.String())
}

// run is one run: people buy and pay, staff works, gateways lie and everything
// fails at times; then rest.
func run(t *testing.T, seed uint64, steps int) *world {
	t.Helper()

	rate := float64(seed%5) / 4 * maxRate // every fifth run has no faults at all
	w := newWorld(t, seed, rate)

	for range steps {
		if w.random.IntN(4) == 0 {
			w.act()
		}

		w.step()
	}

	w.rest()
	w.watched.atRest()

	if leaked := leaks.found.Load(); leaked != nil {
		t.Fatalf("goods stand in a log: %s", *leaked)
	}

	return w
}

// TestTheSameSeedIsTheSameRun checks that a seed replays: every call of an
// adapter, in its order, is the same.
func TestTheSameSeedIsTheSameRun(t *testing.T) {
	t.Parallel()

	for seed := range uint64(6) {
		one, other := run(t, seed, busySteps), run(t, seed, busySteps)
		if one.plan.trace.Sum64() != other.plan.trace.Sum64() || one.steps != other.steps {
			t.Fatalf("seed %d went two ways: %d and %d steps", seed, one.steps, other.steps)
		}
	}
}
