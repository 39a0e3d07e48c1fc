package speech

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/secret"
)

const (
	// brokenAfter failures within brokenWithin open a provider's breaker, for
	// brokenFor; then one call tries it.
	brokenAfter  = 3
	brokenWithin = time.Minute
	brokenFor    = 30 * time.Second

	// pauseUnknown is how long a provider is left alone that wants to be, but
	// does not say how long.
	pauseUnknown = 5 * time.Second

	// refusedFor is how long a key that was refused is not tried first.
	refusedFor = 5 * time.Minute
)

// health remembers, in this process, how providers have been doing with a key:
// one store's key can be out of credit while another's works.
type health struct {
	clock clock.Clock

	mu       sync.Mutex
	breakers map[string]circuitbreaker.CircuitBreaker[any] // by the key's name
	pauses   map[string]time.Time                          // by the key's and the model's name: not before
	refused  map[string]refusal                            // by the key's name
}

// refusal is a key that a provider did not take.
type refusal struct {
	key   secret.Value
	until time.Time
}

func newHealth(now clock.Clock) *health {
	return &health{
		clock:    now,
		breakers: map[string]circuitbreaker.CircuitBreaker[any]{},
		pauses:   map[string]time.Time{},
		refused:  map[string]refusal{},
	}
}

func (h *health) breaker(c choice) circuitbreaker.CircuitBreaker[any] {
	h.mu.Lock()
	defer h.mu.Unlock()

	found, ok := h.breakers[c.keyName]
	if !ok {
		found = circuitbreaker.NewBuilder[any]().
			WithFailureThresholdPeriod(brokenAfter, brokenWithin).WithDelay(brokenFor).Build()
		h.breakers[c.keyName] = found
	}

	return found
}

// pause keeps a model from being asked with this key.
func (h *health) pause(c choice, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.pauses[c.keyName+" "+c.model.Name] = h.clock.Now().Add(wait)
}

// paused gives how long a model is not to be asked.
func (h *health) paused(c choice) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()

	return max(0, h.pauses[c.keyName+" "+c.model.Name].Sub(h.clock.Now()))
}

// refuse remembers that the current key was not taken.
func (h *health) refuse(c choice) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.refused[c.keyName] = refusal{key: c.keys.Current, until: h.clock.Now().Add(refusedFor)}
}

// keys gives the keys in the order in which they are to be tried: the previous
// one first where the current one was refused lately.
func (h *health) keys(c choice) []secret.Value {
	if c.keys.Previous == "" {
		return []secret.Value{c.keys.Current}
	}

	h.mu.Lock()
	defer h.mu.Unlock()

	known := h.refused[c.keyName]
	if known.key == c.keys.Current && h.clock.Now().Before(known.until) {
		return []secret.Value{c.keys.Previous, c.keys.Current}
	}

	return []secret.Value{c.keys.Current, c.keys.Previous}
}
