package conformance_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"strconv"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/queue/queuetest"
	"github.com/lapak-id/lapak/shared/queue/sqs"
)

func TestQueue(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		client := awssqs.NewFromConfig(at.config)

		queuetest.Run(t, func(t *testing.T, fifo bool) queuetest.Subject {
			t.Helper()

			name := at.prefix + "-" + rand.Text()[:8]
			dead := makeQueue(t, client, name+"-dead", fifo, nil)
			redrive, err := json.Marshal(map[string]string{
				"deadLetterTargetArn": arnOf(t, client, dead), "maxReceiveCount": strconv.Itoa(queuetest.MaxReceives),
			})
			require.NoError(t, err)

			url := makeQueue(t, client, name, fifo, map[string]string{
				string(types.QueueAttributeNameVisibilityTimeout): strconv.Itoa(int(queuetest.Visibility.Seconds())),
				string(types.QueueAttributeNameRedrivePolicy):     string(redrive),
			})

			return queuetest.Subject{Queue: sqs.New(client, url, fifo), Dead: sqs.New(client, dead, fifo)}
		}, queuetest.Options{Except: exceptions[at.name]})
	})
}

// makeQueue makes a queue as template.yaml does and gives its URL.
func makeQueue(t *testing.T, client *awssqs.Client, name string, fifo bool, attributes map[string]string) string {
	t.Helper()

	all := map[string]string{}
	maps.Copy(all, attributes)

	if fifo {
		name += ".fifo"
		all["FifoQueue"] = "true"
		all["DeduplicationScope"] = "messageGroup"
		all["FifoThroughputLimit"] = "perMessageGroupId"
	}

	made, err := client.CreateQueue(t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(name), Attributes: all})
	require.NoError(t, err)

	t.Cleanup(func() {
		_, err := client.DeleteQueue(context.WithoutCancel(t.Context()), &awssqs.DeleteQueueInput{QueueUrl: made.QueueUrl})
		assert.NoError(t, err)
	})

	return *made.QueueUrl
}

func arnOf(t *testing.T, client *awssqs.Client, url string) string {
	t.Helper()

	answer, err := client.GetQueueAttributes(t.Context(), &awssqs.GetQueueAttributesInput{
		QueueUrl: aws.String(url), AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	require.NoError(t, err)

	return answer.Attributes[string(types.QueueAttributeNameQueueArn)]
}
