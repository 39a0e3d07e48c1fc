// Package seeds provides what simulations have in common: many runs side by
// side, each of which is its seed, and a single one again for a look at it.
//
// The environment says which: SEED=n is one run, with its logs; else there are
// as many as the simulation's own variable says, from seed FROM on.
package seeds

import (
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

const one = "SEED"

// Logs is where logs go: they are wanted only for the replay of a single run.
func Logs() io.Writer {
	if os.Getenv(one) != "" {
		return os.Stderr
	}

	return io.Discard
}

// Number reads a number from the environment; otherwise where it says none.
func Number(t *testing.T, name string, otherwise int) int {
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

// Run makes the runs, as many as the variable says or otherwise, each a subtest
// that tells the command that replays it where it fails; and gives their count.
func Run(t *testing.T, variable string, otherwise int, replay string, run func(t *testing.T, seed uint64)) int {
	t.Helper()

	if os.Getenv(one) != "" {
		run(t, uint64(Number(t, one, 0))) //nolint:gosec // a seed may be any number

		return 1
	}

	var (
		group sync.WaitGroup
		seeds = make(chan int)
		first = Number(t, "FROM", 0)
		count = Number(t, variable, otherwise)
	)

	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for seed := range seeds {
				t.Run(strconv.Itoa(seed), func(t *testing.T) {
					defer func() {
						if t.Failed() {
							t.Logf("replay: SEED=%d %s", seed, replay)
						}
					}()

					run(t, uint64(seed)) //nolint:gosec // not negative
				})
			}
		})
	}

	for seed := first; seed < first+count && !t.Failed(); seed++ {
		seeds <- seed
	}

	close(seeds)
	group.Wait()

	return count
}
