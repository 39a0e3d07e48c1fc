package shop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"hash"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/shared/callback"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	seals "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	topics "github.com/lapak-id/lapak/shared/topic/memory"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

// maxSkew is how far the clock of a process is off at most.
const maxSkew = 10 * time.Minute

// longestWait is how late messages are at most, and the index.
const longestWait = time.Minute

// owner is the person who owns both stores.
const owner = int64(1)

// stores are the tenants of a run: two, so that one could leak into the other.
func stores() []string { return []string{"kopi", "musik"} }

// buyers are the people who buy, in both stores.
func buyers() []int64 { return []int64{101, 102, 103} }

// names are the queues with a worker.
func names() []queue.Name { return []queue.Name{queue.Updates, queue.Payments, queue.Deliveries} }

// world is the shop of Lapak in one process: the real domain over memory
// adapters that fail by plan, and the people, gateways and Telegram around it.
type world struct {
	t       *testing.T
	random  *rand.Rand
	clock   *clock.Manual // the true time
	plan    *interleaved
	state   *tables.Table
	scratch *tables.Table
	sealer  *seals.Sealer
	alerts  *topics.Topic
	queues  map[queue.Name]*queues.Queue
	dead    map[queue.Name]*queues.Queue
	people  *telegram
	banks   []*bank

	bot        *process
	swept      clock.Clock // of the sweep
	door       *callback.Handler
	handlers   map[queue.Name]queue.Handler
	relay      *outbox.Relay
	sweeper    *outbox.Relay
	reconciler *order.Reconciler

	pending      []update       // taps and messages that Telegram has not got rid of
	notices      []notification // that gateways have not got rid of
	streamed     string         // the last change that relay has dealt with
	retried      int            // how often relay has failed at the change behind it
	causes       int            // of updates
	goods        int            // contents that were made
	steps        int
	depth        int // how many processes are at it
	calm         bool
	calmSince    time.Time // nothing has failed since
	clocksDiffer bool
	broken       string // what was found wrong in the middle of a call

	books   books
	watched *watch
}

// process is what each function makes for itself, by its own clock.
type process struct {
	clock   clock.Clock
	stores  *store.Registry
	catalog *catalog.Service
	ledger  *wallet.Ledger
	orders  *order.Service
}

// skewed is a clock that is off.
type skewed struct {
	clock.Clock

	by time.Duration
}

// Now gives the moment that it shows.
func (s skewed) Now() time.Time { return s.Clock.Now().Add(s.by) }

// interleaved is a plan in which, at any call of one process, another one may
// run meanwhile: the only way in which functions meet is through such calls.
type interleaved struct {
	*fault.Seeded

	meanwhile func()
	lags      func() bool // the index, behind the table
	trace     hash.Hash64 // of all calls
}

// Next lets others go first at times, then draws the fate of the call.
func (i *interleaved) Next(op string) fault.Kind {
	_, _ = i.trace.Write([]byte(op)) // a hash takes everything

	if op == tables.OpIndex { // inside of a write: nobody comes in between
		if i.lags() {
			return fault.Delay
		}

		return fault.Pass
	}

	if i.meanwhile != nil {
		i.meanwhile()
	}

	return i.Seeded.Next(op)
}

func newWorld(t *testing.T, seed uint64, rate float64) *world {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	plan := &interleaved{
		Seeded: fault.NewSeeded(seed, rate, longestWait,
			fault.FailBefore, fault.FailAfter, fault.Throttle, fault.Duplicate, fault.Delay, fault.Reorder,
			fault.KillBefore, fault.KillAfter),
		trace: fnv.New64a(), lags: func() bool { return false },
	}
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), clock: now, plan: plan,
		state: tables.New(now, plan), scratch: tables.New(now, plan), sealer: seals.New("master", plan),
		alerts: topics.New(now, plan), queues: map[queue.Name]*queues.Queue{}, dead: map[queue.Name]*queues.Queue{},
		books: newBooks(), clocksDiffer: seed%3 != 0,
	}
	w.people = newTelegram(w)

	// As in template.yaml.
	for name, of := range map[queue.Name]queues.Options{
		queue.Updates:    {FIFO: true, Visibility: 90 * time.Second, MaxReceives: 5},
		queue.Payments:   {Visibility: 3 * time.Minute, MaxReceives: 8},
		queue.Deliveries: {Visibility: 6 * time.Minute, MaxReceives: 4},
	} {
		w.dead[name] = queues.New(now, fault.None{}, queues.Options{Name: name + "-dead", FIFO: of.FIFO})
		of.Name, of.Dead = name, w.dead[name]
		w.queues[name] = queues.New(now, plan, of)
	}

	for _, name := range []string{"pakasir", "cadangan"} {
		w.banks = append(w.banks, newBank(w, name, w.random.IntN(2) == 0))
	}

	w.watched = newWatch(w)
	w.calmly(func() { w.build() })

	plan.meanwhile = w.meanwhile
	plan.lags = func() bool { return !w.calm && rate > 0 && w.odds(3) }

	return w
}

// build wires the functions as functions/*/main.go do.
func (w *world) build() {
	till := func(of *process) *payment.Gateways {
		return payment.NewGateways(w.scratch, w.alerts, of.clock, w.banks[0], w.banks[1])
	}

	w.bot = w.newProcess()

	pay := w.newProcess()
	desk := payment.NewDesk(payment.DeskOptions{
		Orders: pay.orders, Stores: pay.stores, Till: till(pay), Stars: w.people, Clock: pay.clock,
	})

	send := w.newProcess()
	deliverer := order.NewDeliverer(order.DelivererOptions{
		Orders: send.orders, Catalog: send.catalog, Stores: send.stores, Users: user.NewRepository(w.state, send.clock),
		Staff: user.NewRepository(w.state, send.clock), Scratch: w.scratch, Alerts: w.alerts, Messenger: w.people,
		Texts: texts{}, Clock: send.clock,
	})

	w.handlers = map[queue.Name]queue.Handler{
		queue.Updates: w.answer, queue.Payments: desk.Handle, queue.Deliveries: deliverer.Handle,
	}

	notified := w.newProcess()
	w.door = callback.New(callback.Options{
		Stores: notified.stores, Gateways: []payment.Notifier{w.banks[0], w.banks[1]}, State: w.state, Clock: notified.clock,
	})

	senders := map[queue.Name]queue.Sender{
		queue.Payments: w.queues[queue.Payments], queue.Deliveries: w.queues[queue.Deliveries],
	}
	w.relay = outbox.NewRelay(w.state, senders, w.newProcess().clock)

	swept := w.newProcess()
	w.swept = swept.clock
	w.sweeper = outbox.NewRelay(w.state, senders, swept.clock)
	w.reconciler = order.NewReconciler(swept.orders, swept.stores, nil)

	w.furnish()
}

func (w *world) newProcess() *process {
	var by time.Duration
	if w.clocksDiffer {
		by = time.Duration(w.random.Int64N(int64(2*maxSkew))) - maxSkew
	}

	now := skewed{w.clock, by}
	made := &process{
		clock: now, stores: store.NewRegistry(w.state, now), catalog: catalog.NewService(w.state, w.sealer, now),
		ledger: wallet.NewLedger(w.state, now),
	}
	made.orders = order.NewService(w.state, made.catalog, made.ledger, now)

	return made
}

// must ends the run where the setting up of a world fails.
func (w *world) must(err error) {
	w.t.Helper()

	if err != nil {
		w.t.Fatal(err)
	}
}

// calmly does something without faults.
func (w *world) calmly(do func()) {
	before := w.calm
	w.plan.Pause(true)
	w.calm = true
	do()
	w.calm = before
	w.plan.Pause(before)
}

// meanwhile runs another process in the middle of a call of one, once in a
// while, and lets time pass.
func (w *world) meanwhile() {
	const deepest = 2

	if w.calm || w.depth == 0 || w.depth > deepest || w.random.IntN(25) != 0 {
		return
	}

	if w.random.IntN(4) == 0 {
		w.clock.Advance(time.Duration(w.random.Int64N(int64(2 * time.Minute))))
	}

	w.anything()
}

// step does one thing that might happen next.
func (w *world) step() {
	w.steps++

	if w.random.IntN(5) == 0 {
		w.clock.Advance(time.Duration(w.random.Int64N(int64(90 * time.Second))))
	}

	w.anything()
	w.watched.look()
}

// anything lets some process do something.
func (w *world) anything() {
	switch w.random.IntN(12) {
	case 0, 1, 2:
		w.stepTelegram()
	case 3:
		w.stepNotice()
	case 4, 5:
		w.stepRelay()
	case 6:
		w.stepSweep()
	default:
		w.stepWorker(names()[w.random.IntN(len(names()))])
	}
}

// stepTelegram hands over one waiting update. It comes again where that fails,
// and now and then all the same.
func (w *world) stepTelegram() {
	if len(w.pending) == 0 {
		return
	}

	index := w.random.IntN(len(w.pending))
	next := w.pending[index]

	body, err := json.Marshal(next)
	w.must(err)

	err = w.queues[queue.Updates].Send(context.Background(), queue.Message{
		Body: body, Group: next.Store + "-" + userName(next.User), Dedup: next.Cause,
		Attrs: queue.Attrs{queue.AttrStore: next.Store, queue.AttrCause: next.Cause},
	})
	if err == nil && w.random.IntN(20) != 0 {
		w.forget(next.Cause)
	}
}

// forget takes an update out of those that wait: others may have come meanwhile.
func (w *world) forget(cause string) {
	for at := range w.pending {
		if w.pending[at].Cause == cause {
			w.pending = append(w.pending[:at], w.pending[at+1:]...)

			return
		}
	}
}

// stepWorker gives one batch of a queue to its worker, as Lambda does.
func (w *world) stepWorker(name queue.Name) int {
	w.depth++
	defer func() { w.depth-- }()

	from := w.queues[name]

	batch, err := from.Receive(context.Background(), 1+w.random.IntN(3), 0)
	if err != nil {
		return 0
	}

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	failed := queue.Process(ctx, batch, name == queue.Updates, w.handlers[name])
	w.lookAtErrors(failed)

	if ctx.Err() != nil {
		return len(batch) // the process died: nothing was reported, everything comes again
	}

	for _, delivery := range batch {
		if failure, again := failed[delivery.ID]; again {
			wait := max(errs.RetryAfter(failure), time.Second<<delivery.Attempt)
			_ = from.Extend(ctx, delivery, wait) // else the visibility timeout ends

			continue
		}

		_ = from.Delete(context.Background(), delivery) // else it comes again
	}

	return len(batch)
}

// hearOfPayment has a notification go its whole way.
func (w *world) hearOfPayment() {
	w.stepNotice()
	w.stepRelay()
	w.stepWorker(queue.Payments)
}

// lookAtErrors checks what Lambda would log of failures.
func (w *world) lookAtErrors(failed map[string]error) {
	for name, failure := range failed {
		slog.Warn("message goes back to its queue", "message", name, "error", failure) // as Lambda does

		if strings.Contains(failure.Error(), goodsMark) {
			w.wrongf("goods stand in an error: %s", failure)
		}

		// With no faults in the way a failure is a defect, or a gateway's silence.
		if errs.Is(failure, errs.Internal) {
			w.wrongf("a worker met a defect: %s", failure)
		}
	}
}

// stepRelay gives relay what the state table's stream has for it.
func (w *world) stepRelay() {
	w.depth++
	defer func() { w.depth-- }()

	changes, err := w.state.Changes(w.streamed)
	w.must(err)

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	const giveUp = 6

	for _, change := range changes {
		if change.Inserted() && strings.HasPrefix(change.New.Key.SK(), outbox.SortPrefix) {
			if err := w.relay.Forward(ctx, *change.New); err != nil && w.retried < giveUp {
				w.retried++

				return
			}
		}

		w.streamed, w.retried = change.ID, 0
	}
}

// stepSweep does what the function sweep does each minute.
func (w *world) stepSweep() {
	w.depth++
	defer func() { w.depth-- }()

	ctx, cancel := fault.Invocation(context.Background())
	defer cancel()

	_, _ = w.sweeper.Sweep(ctx) // its errors are logged by Lambda and come again next minute

	if _, err := w.reconciler.Reconcile(ctx); err != nil {
		w.lookAtErrors(map[string]error{"sweep": err})
	}
}

// rest lets the world come to rest without faults: everything that was lost on
// the way must be found again within a day and a half.
func (w *world) rest() {
	w.plan.Pause(true)
	w.calm = true
	w.calmSince = w.clock.Now()
	w.people.comeBack()

	const most = 3000

	for range most {
		w.steps++

		if w.random.IntN(40) == 0 {
			w.payLate()
		}

		moved := w.redrive() || w.settleDown()
		w.watched.look()

		switch {
		case moved:
		case !w.idle():
			w.clock.Advance(w.untilNext())
			w.stepSweep()
		case !w.people.greet():
			return
		}
	}

	w.t.Fatalf("not at rest after a day and a half: %s", w.unrest())
}

// settleDown lets everybody do what can be done at this moment, and reports
// whether there was anything.
func (w *world) settleDown() bool {
	moved := len(w.pending) > 0 || len(w.notices) > 0

	for waiting := len(w.pending); waiting > 0; waiting-- {
		w.stepTelegram()
	}

	for waiting := len(w.notices); waiting > 0; waiting-- {
		w.stepNotice()
	}

	for _, name := range names() {
		moved = w.stepWorker(name) > 0 || moved
	}

	before := w.streamed
	w.stepRelay()

	return moved || w.streamed != before
}

// untilNext gives how long nothing happens.
func (w *world) untilNext() time.Duration {
	wait := 30 * time.Minute

	for _, name := range names() {
		if visible, ok := w.queues[name].Next(); ok {
			wait = min(wait, visible.Sub(w.clock.Now()))
		}
	}

	if due := w.watched.nextDue(); !due.IsZero() { // the index counts whole seconds
		wait = min(wait, due.Sub(w.swept.Now())+time.Second)
	}

	const least = 15 * time.Second // so that what happens within moments happens at once

	return max(wait, least)
}

// redrive has an operator bring dead letters back, and reports whether there
// were any. What dies of nothing but itself is a defect.
func (w *world) redrive() bool {
	redriven := false

	for _, name := range names() {
		for {
			letters, err := w.dead[name].Receive(context.Background(), queue.MaxBatch, 0)
			w.must(err)

			if len(letters) == 0 {
				break
			}

			for _, letter := range letters {
				if letter.SentAt.After(w.calmSince) {
					w.wrongf("a dead letter in %s, though nothing failed: %s", name, letter.Body)
				}

				if name == queue.Updates {
					letter.Message.Dedup = letter.ID + "-again"
				}

				w.must(w.queues[name].Send(context.Background(), letter.Message))
				w.must(w.dead[name].Delete(context.Background(), letter))

				redriven = true
			}
		}
	}

	return redriven
}

// idle reports whether nothing is left to be done.
func (w *world) idle() bool { return len(w.unrest()) == 0 }

// unrest says what is left to be done.
func (w *world) unrest() []string {
	var left []string

	for _, name := range names() {
		for _, waiting := range w.queues[name].All() {
			left = append(left, string(name)+" "+string(waiting.Body))
		}
	}

	for _, waiting := range w.pending {
		left = append(left, "update "+waiting.Cause)
	}

	for _, waiting := range w.notices {
		left = append(left, "notification of "+waiting.transaction)
	}

	return append(left, w.watched.unrest()...)
}

// wrongf notes what must not be; the next look ends the run with it, since a
// test cannot be ended in the middle of a process that recovers.
func (w *world) wrongf(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}
