// Package outbox provides the way from a change of state to a message: a row
// written in the same transaction, which relay turns into a message at once
// and sweep, should relay fail, within two minutes. Nobody writes to the table
// and then hopes to reach a queue.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

// SortPrefix begins the sort key of every outbox row. The stream's filter in
// template.yaml names it too: a test holds the two together.
const SortPrefix = rowKind + "#"

const (
	rowKind = "outbox"
	// shards spread the rows over partitions: each takes 1,000 writes a second.
	shards = 8
	// staleAfter is how old a row is before sweep takes it for forgotten.
	staleAfter = time.Minute
)

// Entry is a message that must be sent because something has happened.
type Entry struct {
	ID        string          `json:"id"` // derived from the cause: doing it again gives the same
	Store     string          `json:"store"`
	Queue     queue.Name      `json:"queue"`
	Body      json.RawMessage `json:"body"`
	Delay     time.Duration   `json:"delay,omitempty"` // counts from when the row is forwarded; at most queue.MaxDelay
	Trace     string          `json:"trace,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
}

// Op gives the operation that records the entry; it belongs into the Write
// that makes the change.
func Op(entry Entry) (table.Op, error) {
	if err := queue.Validate([]queue.Message{entry.message()}, false); err != nil {
		return table.Op{}, errs.Context(err, "record outbox row %s for %s: it could never be sent", entry.ID, entry.Queue)
	}

	body, err := table.Encode(entry)
	if err != nil {
		return table.Op{}, err
	}

	return table.Create(table.Row{Key: partition(shardOf(entry.ID)).Key(rowKind, entry.ID), Body: body}), nil
}

// message is what becomes of the entry. Its group is the store, so that the
// many messages of one store do not hold up those of the others (fair queues):
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
func (e Entry) message() queue.Message {
	return queue.Message{
		Body:  e.Body,
		Group: e.Store,
		Delay: e.Delay,
		Attrs: queue.Attrs{queue.AttrStore: e.Store, queue.AttrCause: e.ID},
		Trace: e.Trace,
	}
}

func shardOf(id string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id)) // a hash takes everything

	return int(hash.Sum32() % shards)
}

func partition(shard int) table.Partition {
	return table.Platform().Partition(rowKind, strconv.Itoa(shard))
}

// Relay turns outbox rows into messages.
type Relay struct {
	state  table.Table
	queues map[queue.Name]queue.Sender
	clock  clock.Clock
}

// NewRelay makes a relay that sends to the queues.
func NewRelay(state table.Table, queues map[queue.Name]queue.Sender, now clock.Clock) *Relay {
	return &Relay{state: state, queues: queues, clock: now}
}

// Forward sends the message of one row, then removes the row. A row whose
// removal fails is sent again: consumers bear that.
func (r *Relay) Forward(ctx context.Context, row table.Row) error {
	entry, err := table.Decode[Entry](row)
	if err != nil {
		return err
	}

	sender, ok := r.queues[entry.Queue]
	if !ok {
		return errs.New(errs.Internal, "forward outbox row %s: no queue %q is configured", entry.ID, entry.Queue)
	}

	if err := sender.Send(ctx, entry.message()); err != nil {
		return errs.Context(err, "forward outbox row %s to %s", entry.ID, entry.Queue)
	}

	err = r.state.Write(ctx, table.Delete(row.Key, row.Version))
	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: the other of relay and sweep was here
		return errs.Context(err, "remove outbox row %s, which was sent", entry.ID)
	}

	return nil
}

// Sweep forwards the rows that relay has left for over a minute and counts
// them. A row that fails does not keep the others back.
func (r *Relay) Sweep(ctx context.Context) (int, error) {
	var (
		forwarded int
		failures  []error
	)

	for shard := range shards {
		count, err := r.sweepShard(ctx, shard)
		forwarded += count

		if err != nil {
			failures = append(failures, err)
		}
	}

	return forwarded, errors.Join(failures...)
}

func (r *Relay) sweepShard(ctx context.Context, shard int) (int, error) {
	var (
		forwarded int
		failures  []error
	)

	oldest := r.clock.Now().Add(-staleAfter)
	query := table.Query{Partition: partition(shard), Limit: table.MaxPageRows}

	for {
		page, err := r.state.Query(ctx, query)
		if err != nil {
			return forwarded, errs.Context(err, "sweep outbox shard %d", shard)
		}

		for _, row := range page.Rows {
			entry, err := table.Decode[Entry](row)
			if err == nil && entry.CreatedAt.After(oldest) {
				continue
			}

			if err == nil {
				err = r.Forward(ctx, row)
			}

			if err != nil {
				failures = append(failures, fmt.Errorf("sweep %s: %w", row.Key, err))

				continue
			}

			forwarded++
		}

		if page.Next == "" {
			return forwarded, errors.Join(failures...)
		}

		query.Cursor = page.Next
	}
}
