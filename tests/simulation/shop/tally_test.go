package shop_test

import (
	"fmt"
	"sync"

	"github.com/lapak-id/lapak/shared/order"
)

// tally counts what runs have seen, so that a simulation in which nothing
// happens is noticed.
type tally struct {
	mu       sync.Mutex
	steps    int
	states   map[order.State]int
	outcomes map[order.Outcome]int
	units    int
}

func (w *world) tally() *tally {
	made := &tally{steps: w.steps, states: map[order.State]int{}, outcomes: map[order.Outcome]int{}}

	for _, of := range w.watched.orders {
		made.states[of.State]++
	}

	for _, charge := range w.watched.charges {
		made.outcomes[charge.Outcome]++
	}

	for _, unit := range w.watched.units {
		if unit.Order != "" {
			made.units++
		}
	}

	return made
}

func (t *tally) add(other *tally) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if t.states == nil {
		t.states, t.outcomes = map[order.State]int{}, map[order.Outcome]int{}
	}

	t.steps += other.steps
	t.units += other.units

	for state, count := range other.states {
		t.states[state] += count
	}

	for outcome, count := range other.outcomes {
		t.outcomes[outcome] += count
	}
}

// String gives the counts, in an order of their own.
func (t *tally) String() string {
	return fmt.Sprintf("%d steps, %d units sold, orders %v, payments %v", t.steps, t.units, t.states, t.outcomes)
}
