package broadcast_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	shop   = "kopi"
	author = int64(7)
	runFor = 4 * time.Minute
	most   = 5 * time.Minute // the timeout of the function
)

// world is all that sends broadcasts, in one process and on a clock of its own:
// the real domain over memory adapters, and workers that can be killed.
type world struct {
	t        *testing.T
	random   *rand.Rand
	state    *tables.Table
	scratch  table.Table
	queue    *queues.Queue
	dead     *queues.Queue
	telegram *telegram
	stores   *store.Registry
	users    *user.Repository
	service  *broadcast.Service
	runner   *broadcast.Runner
	meter    *broadcast.Meter
	relay    *outbox.Relay

	mu      sync.Mutex
	running map[int]context.Context
	serial  int
	calls   map[string]int
}

// slow is a table whose calls take their time, so that a worker can die before
// and behind each of them. It counts them.
type slow struct {
	table.Table

	w *world
}

func (s slow) wait(what string) {
	s.w.mu.Lock()
	s.w.calls[what]++
	wait := time.Duration(1+s.w.random.IntN(8)) * time.Millisecond
	s.w.mu.Unlock()

	time.Sleep(wait)
}

func (s slow) Get(ctx context.Context, key table.Key) (table.Row, error) {
	s.wait("get")

	return s.Table.Get(ctx, key)
}

func (s slow) Query(ctx context.Context, query table.Query) (table.Page, error) {
	s.wait("query")

	return s.Table.Query(ctx, query)
}

func (s slow) Write(ctx context.Context, ops ...table.Op) error {
	if len(ops) == 1 {
		s.wait("write")
	} else {
		s.wait("transaction")
	}

	return s.Table.Write(ctx, ops...)
}

// texts are what an author is shown.
type texts struct{}

func (texts) Progress(_ store.Store, c broadcast.Campaign) message.Text {
	return message.Text{HTML: fmt.Sprintf("%s: %d of %d", c.State, c.Counts.Seen(), c.Counts.Planned)}
}

func (texts) Report(_ store.Store, c broadcast.Campaign) message.Text {
	return message.Text{HTML: fmt.Sprintf("%s: %+v", c.State, c.Counts)}
}

// newWorld makes a world with people of a store. It is called inside a bubble of synctest.
func newWorld(t *testing.T, seed uint64, people int) *world {
	t.Helper()

	now := clock.System{}
	dead := queues.New(now, fault.None{}, queues.Options{Name: "dead"})
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 2)), state: tables.New(now, fault.None{}),
		queue: queues.New(now, fault.None{}, queues.Options{
			Name: queue.Broadcasts, Visibility: 6 * most, MaxReceives: 8, Dead: dead,
		}),
		dead: dead, telegram: newTelegram(seed, broadcast.FreeRate), running: map[int]context.Context{}, calls: map[string]int{},
	}

	state := slow{w.state, w}
	w.scratch = slow{tables.New(now, fault.None{}), w}
	w.stores = store.NewRegistry(state, now)
	w.users = user.NewRepository(w.state, now)
	w.service = broadcast.NewService(state, w.stores, user.NewRepository(state, now), now)

	pace := limit.NewPace(w.scratch, now)
	w.meter = broadcast.NewMeter(store.NewRegistry(state, now), pace, now)
	w.relay = outbox.NewRelay(w.state, map[queue.Name]queue.Sender{queue.Broadcasts: w.queue}, now)
	w.runner = broadcast.NewRunner(broadcast.Options{
		Service: w.service, Messenger: w.telegram, Texts: texts{}, Pace: pace, Scratch: w.scratch,
		Queue: w.queue, Metrics: metric.New(io.Discard, now), RunFor: runFor,
	})

	require.NoError(t, w.stores.Save(t.Context(), store.Store{ID: shop, Name: "Kopi", TimeZone: store.DefaultTimeZone}))

	for id := range people {
		_, err := w.users.Meet(t.Context(), shop, user.Person{ID: person(id), Name: "P"}, "id")
		require.NoError(t, err)
	}

	return w
}

func person(number int) int64 { return int64(1_000_000 + number) }

// live has relay, sweep and the workers go on until the context ends.
func (w *world) live(ctx context.Context) {
	const workers = 6

	var all sync.WaitGroup

	defer all.Wait()

	all.Go(func() { w.relays(ctx) })
	all.Go(func() { w.sweeps(ctx) })

	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				batch, err := w.queue.Receive(ctx, 1, queue.MaxWait)
				if err != nil {
					return
				}

				for _, delivery := range batch {
					w.work(ctx, delivery)
				}
			}
		})
	}
}

func (w *world) relays(ctx context.Context) {
	after := ""

	for ctx.Err() == nil {
		changes, err := w.state.Changes(after)
		if err != nil {
			w.t.Error(err)

			return
		}

		for _, change := range changes {
			after = change.ID

			if change.Inserted() && strings.HasPrefix(change.New.Key.SK(), outbox.SortPrefix) {
				if err := w.relay.Forward(ctx, *change.New); err != nil {
					w.t.Error(err)
				}
			}
		}

		sleep(ctx, 200*time.Millisecond)
	}
}

func (w *world) sweeps(ctx context.Context) {
	for ctx.Err() == nil {
		sleep(ctx, time.Minute)

		if ctx.Err() != nil {
			return
		}

		if _, err := w.service.Look(ctx); err != nil && ctx.Err() == nil {
			w.t.Error(err)
		}
	}
}

// work is one invocation: it ends well, with an error, or not at all.
func (w *world) work(ctx context.Context, delivery queue.Delivery) {
	invocation, end := fault.Invocation(ctx)
	defer end()

	invocation, cancel := context.WithTimeout(invocation, most)
	defer cancel()

	number := w.began(invocation)

	err := w.runner.Handle(invocation, delivery)

	w.mu.Lock()
	_, alive := w.running[number]
	delete(w.running, number)
	w.mu.Unlock()

	switch {
	case !alive || ctx.Err() != nil: // nobody is there to say anything
	case err != nil:
		w.t.Logf("%s: work failed: %v", time.Now().Format(time.TimeOnly), err)
		_ = w.queue.Extend(ctx, delivery, lambda.Backoff(delivery.Attempt, 0))
	default:
		if err := w.queue.Delete(ctx, delivery); err != nil {
			w.t.Error(err)
		}
	}
}

// began notes an invocation, so that it can be killed.
func (w *world) began(invocation context.Context) int {
	w.mu.Lock()
	defer w.mu.Unlock()

	w.serial++
	w.running[w.serial] = invocation //nolint:fatcontext // it is noted, not nested

	return w.serial
}

// killer is the plan by which an invocation dies.
type killer struct{}

func (killer) Next(string) fault.Kind    { return fault.KillBefore }
func (killer) Wait(string) time.Duration { return 0 }

// kill ends one of the workers as SIGKILL does, and reports whether there was one.
func (w *world) kill() bool {
	w.mu.Lock()
	defer w.mu.Unlock()

	for number := range w.running { // any
		_, _ = fault.Around(w.running[number], killer{}, "kill", func() error { return nil })
		delete(w.running, number)

		return true
	}

	return false
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()

	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
