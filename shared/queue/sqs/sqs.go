// Package sqs provides a queue kept in SQS.
package sqs

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/queue"
)

// Queue is a queue in SQS. It is safe for concurrent use.
type Queue struct {
	client *awssqs.Client
	url    string
	fifo   bool
}

var (
	_ queue.Sender   = (*Queue)(nil)
	_ queue.Receiver = (*Queue)(nil)
)

// New gives the queue at url; fifo says whether it is a FIFO queue.
func New(client *awssqs.Client, url string, fifo bool) *Queue {
	return &Queue{client: client, url: url, fifo: fifo}
}

// attrTrace is the system attribute by which X-Ray follows a message.
const attrTrace = string(types.MessageSystemAttributeNameForSendsAWSTraceHeader)

// Send implements queue.Sender. Messages that SQS refuses are not sent again
// here: in a FIFO queue they would fall behind those that it took.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) error {
	if err := queue.Validate(messages, q.fifo); err != nil {
		return err
	}

	sent := 0

	for _, batch := range queue.Batches(messages) {
		taken, err := q.sendBatch(ctx, batch)
		sent += taken

		if err != nil {
			return errs.Context(err, "sent %d of %d messages to %s", sent, len(messages), q.url)
		}
	}

	return nil
}

// sendBatch gives how many messages of the batch were taken.
func (q *Queue) sendBatch(ctx context.Context, batch []queue.Message) (int, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(batch))
	for at, message := range batch {
		entries[at] = entryOf(message)
		entries[at].Id = aws.String(strconv.Itoa(at))
	}

	answer, err := q.client.SendMessageBatch(ctx, &awssqs.SendMessageBatchInput{
		QueueUrl: aws.String(q.url), Entries: entries,
	})
	if err != nil {
		return 0, failure(err, "send a batch")
	}

	if len(answer.Failed) > 0 {
		return len(answer.Successful), refusal(answer.Failed)
	}

	return len(batch), nil
}

func entryOf(message queue.Message) types.SendMessageBatchRequestEntry {
	entry := types.SendMessageBatchRequestEntry{
		MessageBody:  aws.String(string(message.Body)),
		DelaySeconds: queue.Seconds(message.Delay),
	}

	if message.Group != "" {
		entry.MessageGroupId = aws.String(message.Group)
	}

	if message.Dedup != "" {
		entry.MessageDeduplicationId = aws.String(message.Dedup)
	}

	for name, value := range message.Attrs {
		if entry.MessageAttributes == nil {
			entry.MessageAttributes = map[string]types.MessageAttributeValue{}
		}

		entry.MessageAttributes[name] = types.MessageAttributeValue{
			DataType: aws.String("String"), StringValue: aws.String(value),
		}
	}

	if message.Trace != "" {
		entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			attrTrace: {DataType: aws.String("String"), StringValue: aws.String(message.Trace)},
		}
	}

	return entry
}

// refusal gives one error for the messages of a batch that were not taken:
// Invalid only where none of them can ever be.
func refusal(failed []types.BatchResultErrorEntry) error {
	code := errs.Invalid

	for _, entry := range failed {
		if !entry.SenderFault {
			code = errs.Unavailable
		}
	}

	return errs.New(code, "%d of the batch were refused, the first for %s: %s",
		len(failed), aws.ToString(failed[0].Code), aws.ToString(failed[0].Message))
}

// Receive implements queue.Receiver.
func (q *Queue) Receive(ctx context.Context, most int, wait time.Duration) ([]queue.Delivery, error) {
	if most < 1 || most > queue.MaxBatch || wait < 0 || wait > queue.MaxWait {
		return nil, errs.New(errs.Invalid, "receive %d messages from %s within %s: use 1 to %d and at most %s",
			most, q.url, wait, queue.MaxBatch, queue.MaxWait)
	}

	answer, err := q.client.ReceiveMessage(ctx, &awssqs.ReceiveMessageInput{
		QueueUrl:                    aws.String(q.url),
		MaxNumberOfMessages:         int32(most),
		WaitTimeSeconds:             queue.Seconds(wait),
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	})
	if err != nil {
		return nil, failure(err, "receive from %s", q.url)
	}

	batch := make([]queue.Delivery, 0, len(answer.Messages))

	for _, message := range answer.Messages {
		delivery, err := deliveryOf(message)
		if err != nil {
			return nil, errs.Context(err, "receive from %s", q.url)
		}

		batch = append(batch, delivery)
	}

	return batch, nil
}

func deliveryOf(message types.Message) (queue.Delivery, error) {
	attempt, attemptErr := strconv.Atoi(message.Attributes["ApproximateReceiveCount"])
	sent, sentErr := strconv.ParseInt(message.Attributes["SentTimestamp"], 10, 64)

	if err := errors.Join(attemptErr, sentErr); err != nil {
		return queue.Delivery{}, errs.Wrap(err, errs.Internal, "read the attributes of message %s", aws.ToString(message.MessageId))
	}

	var attrs queue.Attrs

	for name, value := range message.MessageAttributes {
		if attrs == nil {
			attrs = queue.Attrs{}
		}

		attrs[name] = aws.ToString(value.StringValue)
	}

	return queue.Delivery{
		Message: queue.Message{
			Body:  []byte(aws.ToString(message.Body)),
			Group: message.Attributes["MessageGroupId"],
			Dedup: message.Attributes["MessageDeduplicationId"],
			Attrs: attrs,
			Trace: message.Attributes[attrTrace],
		},
		ID:      aws.ToString(message.MessageId),
		Receipt: aws.ToString(message.ReceiptHandle),
		Attempt: attempt,
		SentAt:  time.UnixMilli(sent).UTC(),
	}, nil
}

// Delete implements queue.Receiver.
func (q *Queue) Delete(ctx context.Context, delivery queue.Delivery) error {
	_, err := q.client.DeleteMessage(ctx, &awssqs.DeleteMessageInput{
		QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(delivery.Receipt),
	})
	if err != nil {
		return failure(err, "delete message %s from %s", delivery.ID, q.url)
	}

	return nil
}

// Extend implements queue.Receiver.
func (q *Queue) Extend(ctx context.Context, delivery queue.Delivery, visibility time.Duration) error {
	if visibility < 0 || visibility > queue.MaxVisibility {
		return errs.New(errs.Invalid, "extend message %s by %s: use 0 to %s", delivery.ID, visibility, queue.MaxVisibility)
	}

	_, err := q.client.ChangeMessageVisibility(ctx, &awssqs.ChangeMessageVisibilityInput{
		QueueUrl: aws.String(q.url), ReceiptHandle: aws.String(delivery.Receipt),
		VisibilityTimeout: queue.Seconds(visibility),
	})
	if err != nil {
		return failure(err, "extend message %s of %s", delivery.ID, q.url)
	}

	return nil
}

// Depth implements queue.Receiver.
func (q *Queue) Depth(ctx context.Context) (int, error) {
	waiting := types.QueueAttributeNameApproximateNumberOfMessages

	answer, err := q.client.GetQueueAttributes(ctx, &awssqs.GetQueueAttributesInput{
		QueueUrl: aws.String(q.url), AttributeNames: []types.QueueAttributeName{waiting},
	})
	if err != nil {
		return 0, failure(err, "count the messages of %s", q.url)
	}

	depth, err := strconv.Atoi(answer.Attributes[string(waiting)])
	if err != nil {
		return 0, errs.Wrap(err, errs.Internal, "count the messages of %s", q.url)
	}

	return depth, nil
}

// failure gives an error of the client its code. What SQS says of a delivery
// that is over has several names; FIFO queues call an old receipt an invalid
// parameter.
func failure(err error, format string, args ...any) *errs.Error {
	if api, answered := errors.AsType[smithy.APIError](err); answered {
		switch api.ErrorCode() {
		case "ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue",
			"AWS.SimpleQueueService.MessageNotInflight":
			return errs.Wrap(err, errs.Conflict, format, args...)
		}
	}

	return awserrs.Wrap(err, format, args...)
}
