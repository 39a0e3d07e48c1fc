// Package simulation_test runs the way of a file from webhook to person in one
// process, with faults at every step, and checks after each that nothing is
// lost, doubled or shown to the wrong person. A run is its seed:
//
//	SEED=42 go test ./tests/simulation -run TestSimulation -v
//
// SEEDS sets how many runs there are, from seed FROM on.
package simulation_test

import (
	"log/slog"
	"os"
	"sync/atomic"
	"testing"

	"github.com/lapak-id/lapak/tests/simulation/seeds"
)

const (
	defaultSeeds = 200
	busySteps    = 400 // steps with faults before the world comes to rest
	maxRate      = 0.25
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(seeds.Logs(), nil)))
	os.Exit(m.Run())
}

func TestSimulation(t *testing.T) {
	t.Parallel()

	var steps atomic.Int64

	count := seeds.Run(t, "SEEDS", defaultSeeds, "go test ./tests/simulation -run TestSimulation -v",
		func(t *testing.T, seed uint64) {
			t.Helper()
			steps.Add(int64(run(t, seed)))
		})
	t.Logf("simulated %d steps in %d runs", steps.Load(), count)
}

// run is one run: some files and cancellations while everything fails at
// times, then rest. It gives the number of steps.
func run(t *testing.T, seed uint64) int {
	t.Helper()

	rate := float64(seed%5) / 4 * maxRate // every fifth run has no faults at all
	w := newWorld(t, seed, rate)

	for i := range busySteps {
		if w.random.IntN(20) == 0 {
			of, person := stores()[w.random.IntN(2)], int64(100+w.random.IntN(3))

			switch kind := w.random.IntN(8); {
			case kind == 0 && !w.faultless: // what a run without faults costs is counted, and this costs something
				w.cancel(of, person, 1+i)
			case kind < 3:
				w.sendTwice(of, 1+i)
			default:
				w.sendFile(of, person, 1+i)
			}
		}

		w.step(t)
	}

	w.rest(t)

	if !w.idle() {
		t.Fatalf("not at rest after hours: %s", w.unrest())
	}

	w.watched.atRest(t)

	return w.steps
}

// TestTheSameFileCostsOnce checks what a world without faults costs: the
// provider hears each content of a store once.
func TestTheSameFileCostsOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t, 0, 0)

	for number := range 20 {
		w.sendFile(stores()[0], 100, 1+number)
		w.rest(t)
	}

	contents := map[string]bool{}
	for _, content := range w.people.files {
		contents[string(content)] = true
	}

	if len(contents) == len(w.people.files) {
		t.Fatal("no content came twice: this run shows nothing")
	}

	for part, calls := range w.provider {
		if calls != 1 {
			t.Fatalf("the provider was asked %d times for %s", calls, part)
		}
	}
}
