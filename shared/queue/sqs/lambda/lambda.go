// Package lambda provides the entry of a Lambda function whose batches come
// from SQS and which reports those messages that failed.
package lambda

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// Handler gives the function to start: it hands each message of a batch to
// handle, logs those that failed and puts them back. ordered says whether the
// queue is FIFO.
func Handler(
	ordered bool, handle queue.Handler, log *slog.Logger,
) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		batch := Deliveries(event)
		failed := queue.Process(ctx, batch, ordered, handle)

		for _, delivery := range batch {
			if err := failed[delivery.ID]; err != nil {
				log.ErrorContext(ctx, "message goes back to its queue",
					"message", delivery.ID, "attempt", delivery.Attempt,
					"store", delivery.Attrs[queue.AttrStore], "cause", delivery.Attrs[queue.AttrCause],
					"code", string(errs.CodeOf(err)), "error", err.Error())
			}
		}

		return Respond(failed), nil
	}
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
