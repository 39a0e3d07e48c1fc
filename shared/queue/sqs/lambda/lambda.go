// Package lambda provides the entry of a Lambda function whose batches come
// from SQS and which reports those messages that failed.
package lambda

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
)

const (
	firstWait   = 2 * time.Second
	longestWait = 5 * time.Minute
)

// Function is what Lambda calls with a batch.
type Function func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)

// ByQueue gives the function of several queues, by their names: a batch goes to
// the function of the queue that it comes from. A batch of any other queue, such
// as an event written by hand, goes to that of the standard queue.
func ByQueue(standard string, functions map[string]Function) Function {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		if len(event.Records) == 0 {
			return Respond(nil), nil
		}

		source := event.Records[0].EventSourceARN

		function, ok := functions[source[strings.LastIndexByte(source, ':')+1:]]
		if !ok {
			function = functions[standard]
		}

		return function(ctx, event)
	}
}

// Handler gives the function to start: it hands each message of a batch to
// handle; ordered says whether own, the queue they come from, is FIFO. What
// fails goes back to its queue and comes again after a wait that doubles with
// each attempt, not only when the visibility timeout is over: that one is made
// for a process that dies, and a person waits meanwhile.
func Handler(
	own queue.Receiver, ordered bool, handle queue.Handler,
) Function {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		batch := Deliveries(event)
		failed := queue.Process(ctx, batch, ordered, func(ctx context.Context, delivery queue.Delivery) error {
			return handle(identified(ctx, delivery), delivery)
		})

		for _, delivery := range batch {
			if err, ok := failed[delivery.ID]; ok {
				putBack(identified(ctx, delivery), own, delivery, err)
			}
		}

		return Respond(failed), nil
	}
}

// OnSchedule gives the function of a queue that a schedule calls too: an event
// without records is a beat of the schedule, which has no answer.
func OnSchedule(beat func(ctx context.Context) error, batch Function) func(context.Context, events.SQSEvent) (any, error) {
	return func(ctx context.Context, event events.SQSEvent) (any, error) {
		if len(event.Records) == 0 {
			return nil, beat(ctx)
		}

		return batch(ctx, event)
	}
}

// identified gives log lines the ids of a delivery, and what follows from it
// its trace.
func identified(ctx context.Context, delivery queue.Delivery) context.Context {
	if delivery.Trace != "" {
		ctx = queue.WithTrace(ctx, delivery.Trace)
	}

	return logging.With(ctx, logging.Store, delivery.Attrs[queue.AttrStore], logging.Cause, delivery.Attrs[queue.AttrCause])
}

func putBack(ctx context.Context, own queue.Receiver, delivery queue.Delivery, cause error) {
	wait := Backoff(delivery.Attempt, errs.RetryAfter(cause))
	slog.WarnContext(ctx, "message goes back to its queue", "attempt", delivery.Attempt, "wait_ms", wait.Milliseconds(),
		"code", errs.CodeOf(cause), "error", cause)

	// Time may be up for the work; there is a second left for this.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()

	if err := own.Extend(ctx, delivery, wait); err != nil {
		slog.WarnContext(ctx, "message waits for its visibility timeout instead", "error", err)
	}
}

// Backoff gives how long a message waits after its attempt, counted from 1:
// what the outside asked for, or 2 s, 4 s, 8 s … up to 5 min, of which up to
// half is left to chance so that what failed together does not come together.
func Backoff(attempt int, asked time.Duration) time.Duration {
	wait := firstWait
	for range attempt - 1 {
		wait = min(2*wait, longestWait)
	}

	wait -= time.Duration(rand.Int64N(int64(wait / 2))) //nolint:gosec // not a secret

	return min(max(wait, asked).Round(time.Second), queue.MaxVisibility)
}

// Deliveries gives the messages of an event in their order. One without a
// count, as in an event written by hand, is a first delivery.
func Deliveries(event events.SQSEvent) []queue.Delivery {
	batch := make([]queue.Delivery, 0, len(event.Records))

	for _, record := range event.Records {
		batch = append(batch, deliveryOf(record))
	}

	return batch
}

func deliveryOf(record events.SQSMessage) queue.Delivery {
	delivery := queue.Delivery{
		Message: queue.Message{
			Body:  []byte(record.Body),
			Group: record.Attributes["MessageGroupId"],
			Dedup: record.Attributes["MessageDeduplicationId"],
			Trace: record.Attributes["AWSTraceHeader"],
		},
		ID:      record.MessageId,
		Receipt: record.ReceiptHandle,
		Attempt: 1,
	}

	if attempt, err := strconv.Atoi(record.Attributes["ApproximateReceiveCount"]); err == nil && attempt > 0 {
		delivery.Attempt = attempt
	}

	if sent, err := strconv.ParseInt(record.Attributes["SentTimestamp"], 10, 64); err == nil {
		delivery.SentAt = time.UnixMilli(sent).UTC()
	}

	for name, attribute := range record.MessageAttributes {
		if attribute.StringValue == nil {
			continue
		}

		if delivery.Attrs == nil {
			delivery.Attrs = queue.Attrs{}
		}

		delivery.Attrs[name] = *attribute.StringValue
	}

	return delivery
}

// Respond reports the failed messages of a batch by id. The slice is never nil:
// Lambda takes null for a broken answer and puts the whole batch back.
func Respond(failed map[string]error) events.SQSEventResponse {
	items := make([]events.SQSBatchItemFailure, 0, len(failed))

	for _, id := range slices.Sorted(maps.Keys(failed)) {
		items = append(items, events.SQSBatchItemFailure{ItemIdentifier: id})
	}

	return events.SQSEventResponse{BatchItemFailures: items}
}
