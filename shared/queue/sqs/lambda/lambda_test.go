package lambda_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
)

// sample is an event as Lambda hands it to a function of a FIFO queue.
const sample = `{"Records":[
	{"messageId":"1","receiptHandle":"r1","body":"one","attributes":{"ApproximateReceiveCount":"2",
	 "SentTimestamp":"1795000000123","MessageGroupId":"a","MessageDeduplicationId":"d1","AWSTraceHeader":"Root=1"},
	 "messageAttributes":{"store":{"stringValue":"demo","dataType":"String"},"cause":{"stringValue":"42","dataType":"String"},
	 "raw":{"binaryValue":"AA==","dataType":"Binary"}}},
	{"messageId":"2","body":"two","attributes":{"MessageGroupId":"a"}},
	{"messageId":"3","body":"three","attributes":{"MessageGroupId":"b"}}]}`

func event(t require.TestingT, text string) events.SQSEvent {
	var parsed events.SQSEvent
	require.NoError(t, json.Unmarshal([]byte(text), &parsed))

	return parsed
}

func TestDeliveries(t *testing.T) {
	t.Parallel()

	batch := lambda.Deliveries(event(t, sample))
	require.Len(t, batch, 3)
	assert.Equal(t, queue.Delivery{
		Message: queue.Message{
			Body: []byte("one"), Group: "a", Dedup: "d1", Trace: "Root=1",
			Attrs: queue.Attrs{queue.AttrStore: "demo", queue.AttrCause: "42"},
		},
		ID: "1", Receipt: "r1", Attempt: 2, SentAt: time.UnixMilli(1795000000123).UTC(),
	}, batch[0])
	assert.Equal(t, queue.Delivery{
		Message: queue.Message{Body: []byte("two"), Group: "a"}, ID: "2", Attempt: 1,
	}, batch[1])
}

func TestByQueueGivesABatchToTheFunctionOfItsQueue(t *testing.T) {
	t.Parallel()

	var handled []string

	function := func(name string) lambda.Function {
		return func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
			handled = append(handled, name)

			return lambda.Respond(nil), nil
		}
	}
	both := lambda.ByQueue("slow", map[string]lambda.Function{"slow": function("slow"), "slow-priority": function("slow-priority")})

	from := func(arn string) error {
		answer, err := both(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{EventSourceARN: arn}}})
		assert.NotNil(t, answer.BatchItemFailures)

		return err
	}
	require.NoError(t, from("arn:aws:sqs:ap-southeast-3:1:slow-priority"))
	require.NoError(t, from("arn:aws:sqs:ap-southeast-3:1:slow"))
	require.NoError(t, from("arn:aws:sqs:ap-southeast-3:1:other"))
	require.NoError(t, from(""))
	assert.Equal(t, []string{"slow-priority", "slow", "slow", "slow"}, handled)

	empty, err := both(t.Context(), events.SQSEvent{})
	require.NoError(t, err)
	assert.NotNil(t, empty.BatchItemFailures)
}

// own is the queue that messages are put back to.
type own struct {
	queue.Receiver

	waits map[string]time.Duration
	err   error
}

func (o *own) Extend(_ context.Context, delivery queue.Delivery, wait time.Duration) error {
	o.waits[delivery.ID] = wait

	return o.err
}

func TestHandler(t *testing.T) {
	t.Parallel()

	for ordered, want := range map[bool]string{
		false: `{"batchItemFailures":[{"itemIdentifier":"1"}]}`,
		true:  `{"batchItemFailures":[{"itemIdentifier":"1"},{"itemIdentifier":"2"}]}`,
	} {
		from := &own{waits: map[string]time.Duration{}, err: errs.New(errs.Unavailable, "SQS is down: it waits longer")}
		handle := lambda.Handler(from, ordered, func(ctx context.Context, delivery queue.Delivery) error {
			assert.Equal(t, delivery.Trace, queue.TraceOf(ctx))

			if delivery.ID == "1" {
				return errs.New(errs.Limited, "the provider is busy").After(time.Minute)
			}

			return nil
		})

		response, err := handle(t.Context(), event(t, sample))
		require.NoError(t, err)

		answer, err := json.Marshal(response)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(answer))
		assert.Len(t, from.waits, len(response.BatchItemFailures), "what failed comes again before the visibility timeout")
		assert.Equal(t, time.Minute, from.waits["1"], "as the provider asked")
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()

	for attempt, most := range map[int]time.Duration{
		1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 9: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		for range 100 {
			wait := lambda.Backoff(attempt, 0)
			assert.GreaterOrEqual(t, wait, most/2, attempt)
			assert.LessOrEqual(t, wait, most, attempt)
		}
	}

	assert.Equal(t, queue.MaxVisibility, lambda.Backoff(1, 100*time.Hour), "SQS takes no more")
}

func TestNothingFailed(t *testing.T) {
	t.Parallel()

	answer, err := json.Marshal(lambda.Respond(nil))
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[]}`, string(answer), "null would put the whole batch back")
}

// FuzzDeliveries reads any event that Lambda's own types can hold.
func FuzzDeliveries(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"Records":[{"attributes":{"ApproximateReceiveCount":"-1","SentTimestamp":"x"}}]}`))

	f.Fuzz(func(t *testing.T, text []byte) {
		var parsed events.SQSEvent
		if json.Unmarshal(text, &parsed) != nil {
			return
		}

		batch := lambda.Deliveries(parsed)
		require.Len(t, batch, len(parsed.Records))

		for at, delivery := range batch {
			require.Equal(t, parsed.Records[at].MessageId, delivery.ID)
			require.Positive(t, delivery.Attempt)
		}
	})
}
