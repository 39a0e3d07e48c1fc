package worker

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
)

const (
	firstWait   = 2 * time.Second
	longestWait = 5 * time.Minute
)

// Consume gives the Lambda handler of a queue's batches. What fails goes back
// to its queue and comes again after a wait that doubles with each attempt,
// not only when the visibility timeout is over: that one is made for a process
// that dies, and a person waits meanwhile.
func Consume(
	own queue.Receiver, ordered bool, handle queue.Handler,
) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, event events.SQSEvent) (events.SQSEventResponse, error) {
		batch := lambda.Deliveries(event)
		failed := queue.Process(ctx, batch, ordered, func(ctx context.Context, delivery queue.Delivery) error {
			return handle(identified(ctx, delivery), delivery)
		})

		for _, delivery := range batch {
			if err, ok := failed[delivery.ID]; ok {
				putBack(identified(ctx, delivery), own, delivery, err)
			}
		}

		return lambda.Respond(failed), nil
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

	return max(wait, asked).Round(time.Second)
}
