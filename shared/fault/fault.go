// Package fault provides the fault plan that the memory adapters obey, so that
// a simulation can fail any step of any call and replay it from a seed.
package fault

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// Kind is what happens to one call.
type Kind int

// The kinds. An adapter takes those that mean something to it and treats the
// others as Pass.
const (
	Pass       Kind = iota // the call works
	FailBefore             // the call fails and has no effect
	FailAfter              // the call takes effect, the caller is told that it failed
	Throttle               // the call is refused for its rate; no effect
	Duplicate              // a message is delivered twice
	Delay                  // a message arrives late
	Reorder                // a message overtakes another
	KillBefore             // the calling process dies before the call
	KillAfter              // the calling process dies once the call took effect
)

// Plan decides the fate of each call. op names the port and the method, for
// example "table.write". A plan is used by many goroutines.
type Plan interface {
	Next(op string) Kind
	// Wait gives how late a delayed message arrives.
	Wait(op string) time.Duration
}

// ErrInjected marks a failure that came from a plan.
var ErrInjected = errors.New("injected fault")

// None is the plan in which everything works.
type None struct{}

// Next always passes.
func (None) Next(string) Kind { return Pass }

// Wait is never used, since nothing is delayed.
func (None) Wait(string) time.Duration { return 0 }

// Seeded draws faults at given rates from a seed: the same seed and the same
// order of calls give the same faults.
type Seeded struct {
	mu      sync.Mutex
	random  *rand.Rand
	kinds   []Kind
	rate    float64
	maxWait time.Duration
	stopped bool
}

// NewSeeded makes a plan in which each call fails with probability rate (0 to
// 1), by one of kinds with equal chance; delays last up to maxWait.
func NewSeeded(seed uint64, rate float64, maxWait time.Duration, kinds ...Kind) *Seeded {
	//nolint:gosec // a simulation wants a generator that replays, not a secret one
	return &Seeded{random: rand.New(rand.NewPCG(seed, seed)), kinds: kinds, rate: rate, maxWait: maxWait}
}

// Next draws the fate of a call.
func (s *Seeded) Next(string) Kind {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.stopped || len(s.kinds) == 0 || s.random.Float64() >= s.rate {
		return Pass
	}

	return s.kinds[s.random.IntN(len(s.kinds))]
}

// Wait draws how late a message arrives, between zero and the plan's longest.
func (s *Seeded) Wait(string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.maxWait <= 0 {
		return 0
	}

	return time.Duration(s.random.Int64N(int64(s.maxWait)))
}

// Pause stops all faults, or lets them go on: a run is set up without them,
// and must come to rest when they end.
func (s *Seeded) Pause(stopped bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.stopped = stopped
}

// invocationKey is the context key of the running invocation.
type invocationKey struct{}

// invocation is a process that may die.
type invocation struct {
	cancel context.CancelFunc
	dead   atomic.Bool
}

// Invocation makes a context that a Kill fault of any adapter ends at once, as
// SIGKILL ends a process: every later call of that invocation fails, those of
// contexts made by context.WithoutCancel too.
func Invocation(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)

	return context.WithValue(ctx, invocationKey{}, &invocation{cancel: cancel}), cancel
}

func kill(ctx context.Context) {
	if running, ok := ctx.Value(invocationKey{}).(*invocation); ok {
		running.dead.Store(true)
		running.cancel()
	}
}

// alive gives the reason why the caller cannot make any call, if there is one.
func alive(ctx context.Context) error {
	if running, ok := ctx.Value(invocationKey{}).(*invocation); ok && running.dead.Load() {
		return context.Canceled
	}

	return ctx.Err() //nolint:wrapcheck // Around wraps it
}

// Around runs one call of an adapter under a plan. It returns an error of code
// Unavailable for an injected failure and Limited for throttling. An adapter
// that delivers messages looks at the returned Kind for Duplicate, Delay and
// Reorder, which are its own to carry out; call has then already run.
func Around(ctx context.Context, plan Plan, op string, call func() error) (Kind, error) {
	if err := alive(ctx); err != nil {
		return Pass, errs.Wrap(err, errs.Unavailable, "%s: the caller has gone", op)
	}

	kind := plan.Next(op)

	switch kind {
	case FailBefore:
		return kind, errs.Wrap(ErrInjected, errs.Unavailable, "%s failed before its effect", op)
	case Throttle:
		return kind, errs.Wrap(ErrInjected, errs.Limited, "%s throttled", op).After(time.Second)
	case KillBefore:
		kill(ctx)

		return kind, errs.Wrap(ErrInjected, errs.Unavailable, "process killed before %s", op)
	case Pass, FailAfter, KillAfter, Duplicate, Delay, Reorder:
	}

	if err := call(); err != nil {
		return kind, err
	}

	switch kind {
	case FailAfter:
		return kind, errs.Wrap(ErrInjected, errs.Unavailable, "%s failed after its effect", op)
	case KillAfter:
		kill(ctx)

		return kind, errs.Wrap(ErrInjected, errs.Unavailable, "process killed after %s", op)
	case Pass, FailBefore, Throttle, KillBefore, Duplicate, Delay, Reorder:
	}

	return kind, nil
}
