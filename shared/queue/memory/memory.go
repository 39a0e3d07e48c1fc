// Package memory provides a queue held in memory that behaves like SQS, for
// tests and the simulation. It takes its time from a clock and its failures
// from a fault plan.
package memory

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/queue"
)

// The operations under which a Queue asks its plan; a colon and the queue's
// name follow. Send is asked for each batch of ten. A standard queue carries
// out Duplicate, Delay and Reorder on what was sent. Duplicate of a Receive
// leaves what was received visible, in both kinds of queue.
const (
	OpSend    = "queue.send"
	OpReceive = "queue.receive"
	OpDelete  = "queue.delete"
	OpExtend  = "queue.extend"
	OpDepth   = "queue.depth"
)

const (
	dedupWindow       = 5 * time.Minute
	defaultVisibility = 30 * time.Second
)

// Options describe a queue.
type Options struct {
	Name        queue.Name
	FIFO        bool
	Visibility  time.Duration // how long a delivery stays hidden; default 30 s as in SQS
	MaxReceives int           // deliveries before a message goes to Dead; zero: no limit
	Dead        *Queue        // the dead-letter queue; of the same kind
}

// Queue is a queue in memory. It is safe for concurrent use.
type Queue struct {
	clock   clock.Clock
	plan    fault.Plan
	options Options

	mu      sync.Mutex
	entries []*entry             // in the order in which they are handed out
	seen    map[string]time.Time // groups with dedup ids and when each was first sent
	serial  int
	changed chan struct{} // closed and replaced when something may have become visible
}

// entry is a message in the queue; its Receipt is that of the last delivery.
type entry struct {
	queue.Delivery

	visible time.Time // hidden before this moment
	taken   bool      // it was delivered and nothing has shown it again
}

var (
	_ queue.Sender   = (*Queue)(nil)
	_ queue.Receiver = (*Queue)(nil)
)

// New makes an empty queue.
func New(clock clock.Clock, plan fault.Plan, options Options) *Queue {
	if options.Visibility == 0 {
		options.Visibility = defaultVisibility
	}

	return &Queue{
		clock:   clock,
		plan:    plan,
		options: options,
		seen:    map[string]time.Time{},
		changed: make(chan struct{}),
	}
}

func (q *Queue) op(name string) string { return name + ":" + string(q.options.Name) }

// Send implements queue.Sender.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) error {
	if err := queue.Validate(messages, q.options.FIFO); err != nil {
		return err
	}

	sent := 0

	for _, batch := range queue.Batches(messages) {
		var added []*entry

		kind, err := fault.Around(ctx, q.plan, q.op(OpSend), func() error {
			q.mu.Lock()
			defer q.mu.Unlock()

			added = q.add(batch)

			return nil
		})
		if err != nil {
			return errs.Context(err, "sent %d of %d messages to %s", sent, len(messages), q.options.Name)
		}

		q.disturb(kind, added)

		sent += len(batch)
	}

	return nil
}

// add puts messages at the end, but for those of a FIFO queue that were sent
// before.
func (q *Queue) add(messages []queue.Message) []*entry {
	now := q.clock.Now()

	var added []*entry

	for _, message := range messages {
		if q.options.FIFO && q.duplicate(message, now) {
			continue
		}

		q.serial++

		message.Body = slices.Clone(message.Body)
		message.Attrs = maps.Clone(message.Attrs)
		visible := now.Add(wholeSeconds(message.Delay))
		message.Delay = 0

		fresh := &entry{
			Delivery: queue.Delivery{
				Message: message,
				ID:      id.Derive(string(q.options.Name), strconv.Itoa(q.serial)),
				SentAt:  now,
			},
			visible: visible,
		}
		q.entries = append(q.entries, fresh)
		added = append(added, fresh)
	}

	q.wake()

	return added
}

// duplicate reports whether a message of the group was sent with the same
// dedup id within the window. Groups do not share ids, as in the
// high-throughput mode of SQS.
func (q *Queue) duplicate(message queue.Message, now time.Time) bool {
	maps.DeleteFunc(q.seen, func(_ string, first time.Time) bool { return now.Sub(first) >= dedupWindow })

	key := message.Group + " " + message.Dedup
	if _, sent := q.seen[key]; sent {
		return true
	}

	q.seen[key] = now

	return false
}

// disturb carries out what a standard queue may do to messages on their way.
func (q *Queue) disturb(kind fault.Kind, added []*entry) {
	if q.options.FIFO {
		return // a FIFO queue neither copies, nor delays, nor reorders
	}

	q.mu.Lock()
	defer q.mu.Unlock()

	for _, fresh := range added {
		at := slices.Index(q.entries, fresh)
		if at < 0 {
			continue // received and deleted meanwhile
		}

		switch kind {
		case fault.Duplicate:
			twin := *fresh
			q.entries = append(q.entries, &twin)
		case fault.Delay:
			fresh.visible = fresh.visible.Add(q.plan.Wait(q.op(OpSend)))
		case fault.Reorder:
			q.entries = append([]*entry{fresh}, slices.Delete(q.entries, at, at+1)...)
		case fault.Pass, fault.FailBefore, fault.FailAfter, fault.Throttle, fault.KillBefore, fault.KillAfter:
		}
	}

	q.wake()
}

// Receive implements queue.Receiver. It waits only on the system's clock: with
// any other it answers at once, since nothing would move that clock.
func (q *Queue) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Delivery, error) {
	if most < 1 || most > queue.MaxBatch || wait < 0 || wait > queue.MaxWait {
		return nil, errs.New(errs.Invalid, "receive %d messages from %s within %s: use 1 to %d and at most %s",
			most, q.options.Name, wait, queue.MaxBatch, queue.MaxWait)
	}

	var batch []queue.Delivery

	kind, err := fault.Around(ctx, q.plan, q.op(OpReceive), func() error {
		taken, err := q.await(ctx, most, wait)
		batch = taken

		return err
	})
	if err != nil {
		return nil, err
	}

	if kind == fault.Duplicate {
		q.show(batch)
	}

	return batch, nil
}

// await takes what is visible, waiting for it where the clock moves by itself.
func (q *Queue) await(ctx context.Context, most int, wait time.Duration) ([]queue.Delivery, error) {
	_, running := q.clock.(clock.System)
	deadline := q.clock.Now().Add(wait)

	for {
		batch, next, changed := q.take(most)

		now := q.clock.Now()
		if len(batch) > 0 || !running || !now.Before(deadline) {
			return batch, nil
		}

		if next.IsZero() || next.After(deadline) {
			next = deadline
		}

		timer := time.NewTimer(next.Sub(now))

		select {
		case <-ctx.Done():
			timer.Stop()

			return nil, errs.Wrap(ctx.Err(), errs.Unavailable, "receive from %s", q.options.Name)
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// take delivers up to most visible messages. Where there is none it gives the
// moment at which the next one will be, zero for never, and a channel that is
// closed when that changes.
func (q *Queue) take(most int) ([]queue.Delivery, time.Time, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()

	var (
		batch []queue.Delivery
		next  time.Time
	)

	now := q.clock.Now()
	locked := q.locked(now)

	for _, candidate := range slices.Clone(q.entries) {
		hidden := candidate.visible.After(now)
		if hidden && (next.IsZero() || candidate.visible.Before(next)) {
			next = candidate.visible
		}

		if hidden || locked[candidate.Group] || len(batch) == most {
			continue
		}

		if q.options.MaxReceives > 0 && q.options.Dead != nil && candidate.Attempt >= q.options.MaxReceives {
			q.bury(candidate)

			continue
		}

		q.serial++

		candidate.Attempt++
		candidate.Receipt = id.Derive(candidate.ID, strconv.Itoa(q.serial))
		candidate.visible = now.Add(q.options.Visibility)
		candidate.taken = true
		batch = append(batch, delivered(candidate))
	}

	return batch, next, q.changed
}

// locked gives the groups of a FIFO queue of which a message is in flight.
func (q *Queue) locked(now time.Time) map[string]bool {
	locked := map[string]bool{}

	for _, waiting := range q.entries {
		if q.options.FIFO && waiting.visible.After(now) {
			locked[waiting.Group] = true
		}
	}

	return locked
}

// bury moves a message that was delivered too often to the dead-letter queue,
// past its deduplication as SQS does.
func (q *Queue) bury(dead *entry) {
	q.entries = slices.DeleteFunc(q.entries, func(e *entry) bool { return e == dead })

	grave := q.options.Dead

	grave.mu.Lock()
	defer grave.mu.Unlock()

	buried := *dead
	buried.visible, buried.taken = q.clock.Now(), false
	grave.entries = append(grave.entries, &buried)
	grave.wake()
}

// show makes deliveries visible at once, as if they had never been answered.
func (q *Queue) show(batch []queue.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()

	for _, delivery := range batch {
		if shown := q.find(delivery); shown != nil {
			shown.visible, shown.taken = q.clock.Now(), false
		}
	}

	q.wake()
}

// Delete implements queue.Receiver.
func (q *Queue) Delete(ctx context.Context, delivery queue.Delivery) error {
	_, err := fault.Around(ctx, q.plan, q.op(OpDelete), func() error {
		q.mu.Lock()
		defer q.mu.Unlock()

		ended := q.find(delivery)
		if q.options.FIFO && q.holds(delivery.ID) && (ended == nil || !q.flies(ended)) {
			return errs.New(errs.Conflict, "delete message %s from %s: its visibility has run out", delivery.ID, q.options.Name)
		}

		q.entries = slices.DeleteFunc(q.entries, func(e *entry) bool { return e == ended })
		q.wake()

		return nil
	})

	return err
}

// Extend implements queue.Receiver.
func (q *Queue) Extend(ctx context.Context, delivery queue.Delivery, visibility time.Duration) error {
	if visibility < 0 || visibility > queue.MaxVisibility {
		return errs.New(errs.Invalid, "extend message %s by %s: use 0 to %s", delivery.ID, visibility, queue.MaxVisibility)
	}

	_, err := fault.Around(ctx, q.plan, q.op(OpExtend), func() error {
		q.mu.Lock()
		defer q.mu.Unlock()

		extended := q.find(delivery)
		if extended == nil || !q.flies(extended) {
			return errs.New(errs.Conflict, "extend message %s of %s: it is not in flight", delivery.ID, q.options.Name)
		}

		extended.visible = q.clock.Now().Add(wholeSeconds(visibility))
		extended.taken = visibility > 0
		q.wake()

		return nil
	})

	return err
}

// Depth implements queue.Receiver.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	waiting := 0

	_, err := fault.Around(ctx, q.plan, q.op(OpDepth), func() error {
		q.mu.Lock()
		defer q.mu.Unlock()

		now := q.clock.Now()

		for _, e := range q.entries {
			if !e.visible.After(now) {
				waiting++
			}
		}

		return nil
	})

	return waiting, err
}

// All gives every message in the queue, hidden ones included, in their order
// and past any fault: for the checks of tests and the simulation.
func (q *Queue) All() []queue.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()

	all := make([]queue.Delivery, 0, len(q.entries))
	for _, e := range q.entries {
		all = append(all, delivered(e))
	}

	return all
}

// Next gives the moment at which a hidden message becomes visible first, and
// false where none is hidden: to where a simulation may advance its clock.
func (q *Queue) Next() (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()

	now := q.clock.Now()

	var next time.Time

	for _, e := range q.entries {
		if e.visible.After(now) && (next.IsZero() || e.visible.Before(next)) {
			next = e.visible
		}
	}

	return next, !next.IsZero()
}

// find gives the message of a delivery, nil where it has gone or has been
// delivered again since.
func (q *Queue) find(delivery queue.Delivery) *entry {
	for _, e := range q.entries {
		if e.ID == delivery.ID && e.Receipt == delivery.Receipt && e.Receipt != "" {
			return e
		}
	}

	return nil
}

// holds reports whether the message is still in the queue.
func (q *Queue) holds(message string) bool {
	return slices.ContainsFunc(q.entries, func(e *entry) bool { return e.ID == message })
}

// flies reports whether the last delivery of a message is still hidden.
func (q *Queue) flies(e *entry) bool { return e.taken && e.visible.After(q.clock.Now()) }

// wake lets those that wait look again.
func (q *Queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

func wholeSeconds(d time.Duration) time.Duration {
	return time.Duration(queue.Seconds(d)) * time.Second
}

// delivered keeps callers and the queue from sharing bytes or maps.
func delivered(e *entry) queue.Delivery {
	delivery := e.Delivery
	delivery.Body = slices.Clone(delivery.Body)
	delivery.Attrs = maps.Clone(delivery.Attrs)

	return delivery
}
