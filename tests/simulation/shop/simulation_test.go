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
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
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
var leaks = leakFinder{to: logs()}

// logs are wanted only for the replay of a single run.
func logs() io.Writer {
	if os.Getenv("SEED") != "" {
		return os.Stderr
	}

	return io.Discard
}

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

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()

	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}

	value, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}

	return value
}

func TestShop(t *testing.T) {
	t.Parallel()

	steps := number(t, "SHOP_STEPS", busySteps)

	if os.Getenv("SEED") != "" {
		t.Logf("%d steps", run(t, uint64(number(t, "SEED", 0)), steps).steps) //nolint:gosec // a seed may be any number

		return
	}

	var (
		total tally
		group sync.WaitGroup
		seeds = make(chan int)
		first = number(t, "FROM", 0)
		count = number(t, "SHOP_SEEDS", defaultSeeds)
	)

	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				t.Run(strconv.Itoa(seed), func(t *testing.T) {
					defer func() {
						if t.Failed() {
							t.Logf("replay: SEED=%d SHOP_STEPS=%d go test ./tests/simulation/shop -run TestShop -v", seed, steps)
						}
					}()

					total.add(run(t, uint64(seed), steps).tally()) //nolint:gosec // not negative
				})
			}
		})
	}

	for seed := first; seed < first+count && !t.Failed(); seed++ {
		seeds <- seed
	}

	close(seeds)
	group.Wait()
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
