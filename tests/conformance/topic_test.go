package conformance_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs"
	"github.com/lapak-id/lapak/shared/topic"
	"github.com/lapak-id/lapak/shared/topic/sns"
	"github.com/lapak-id/lapak/shared/topic/topictest"
)

func TestTopic(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		topics, queues := awssns.NewFromConfig(at.config), awssqs.NewFromConfig(at.config)

		topictest.Run(t, func(t *testing.T) topictest.Subject {
			t.Helper()

			name := at.prefix + "-" + rand.Text()[:8]
			made, err := topics.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String(name)})
			require.NoError(t, err)

			t.Cleanup(func() {
				_, err := topics.DeleteTopic(context.WithoutCancel(t.Context()), &awssns.DeleteTopicInput{TopicArn: made.TopicArn})
				assert.NoError(t, err)
			})

			subscriber := subscribe(t, topics, queues, name, *made.TopicArn)

			return topictest.Subject{
				Publisher: sns.New(topics, *made.TopicArn),
				Take:      func(t *testing.T, count int) []topic.Note { t.Helper(); return take(t, subscriber, count) },
			}
		})
	})
}

// subscribe makes a queue that gets the notes of a topic.
func subscribe(
	t *testing.T, topics *awssns.Client, queues *awssqs.Client, name, topicARN string,
) queue.Receiver {
	t.Helper()

	url := makeQueue(t, queues, name, false, nil)
	arn := arnOf(t, queues, url)

	policy, err := json.Marshal(map[string]any{
		"Version": "2012-10-17",
		"Statement": map[string]any{
			"Effect": "Allow", "Principal": map[string]string{"Service": "sns.amazonaws.com"},
			"Action": "sqs:SendMessage", "Resource": arn,
			"Condition": map[string]any{"ArnEquals": map[string]string{"aws:SourceArn": topicARN}},
		},
	})
	require.NoError(t, err)

	_, err = queues.SetQueueAttributes(t.Context(), &awssqs.SetQueueAttributesInput{
		QueueUrl: aws.String(url), Attributes: map[string]string{"Policy": string(policy)},
	})
	require.NoError(t, err)

	_, err = topics.Subscribe(t.Context(), &awssns.SubscribeInput{
		TopicArn: aws.String(topicARN), Protocol: aws.String("sqs"), Endpoint: aws.String(arn),
	})
	require.NoError(t, err)

	return sqs.New(queues, url, false)
}

// envelope is what SNS puts into a queue.
type envelope struct {
	Message           string                       `json:"Message"`
	Subject           string                       `json:"Subject"`
	MessageAttributes map[string]map[string]string `json:"MessageAttributes"`
}

func take(t *testing.T, subscriber queue.Receiver, count int) []topic.Note {
	t.Helper()

	var notes []topic.Note

	for deadline := time.Now().Add(10 * time.Second); len(notes) < count && time.Now().Before(deadline); {
		batch, err := subscriber.Receive(t.Context(), queue.MaxBatch, time.Second)
		require.NoError(t, err)

		for _, delivery := range batch {
			var got envelope
			require.NoError(t, json.Unmarshal(delivery.Body, &got))

			note := topic.Note{Subject: got.Subject, Body: []byte(got.Message)}

			for name, attribute := range got.MessageAttributes {
				if note.Attrs == nil {
					note.Attrs = map[string]string{}
				}

				note.Attrs[name] = attribute["Value"]
			}

			notes = append(notes, note)
		}
	}

	return notes
}
