// Package worker provides the adapters that workers are wired with. webhook
// has no part in it: it links only what it needs, for a fast cold start.
package worker

import (
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/s3"
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/topic"
	"github.com/lapak-id/lapak/shared/topic/sns"
	"github.com/lapak-id/lapak/shared/trace"
)

// Run starts a worker as boot.Run starts any function, with traces.
func Run[S any](build func(base boot.Base, settings S) (any, error)) {
	boot.Run(func(base boot.Base, settings S) (any, error) {
		if err := trace.Start(&base.AWS); err != nil {
			return nil, err
		}

		return build(base, settings)
	})
}

// indexName is the index of the state table, as template.yaml calls it.
const indexName = "index1"

// State opens the state table.
func State(base boot.Base, name string) table.Table {
	return dynamo.New(dynamodb.NewFromConfig(base.AWS), name, indexName, base.Clock)
}

// Scratch opens the scratch table, which has no index.
func Scratch(base boot.Base, name string) table.Table {
	return dynamo.New(dynamodb.NewFromConfig(base.AWS), name, "", base.Clock)
}

// Queue opens the queue at a URL; ordered says that it is FIFO.
func Queue(base boot.Base, url string, ordered bool) *sqs.Queue {
	return sqs.New(awssqs.NewFromConfig(base.AWS), url, ordered)
}

// Function gives the function that handles what comes in two queues, neither of
// them FIFO: for all, and for those with priority.
func Function(base boot.Base, handle queue.Handler, standard, priority string) lambda.Function {
	return lambda.ByQueue(path.Base(standard), map[string]lambda.Function{
		path.Base(standard): lambda.Handler(Queue(base, standard, false), false, handle),
		path.Base(priority): lambda.Handler(Queue(base, priority, false), false, handle),
	})
}

// Bucket opens a bucket.
func Bucket(base boot.Base, name string) blob.Bucket {
	return s3.New(awss3.NewFromConfig(base.AWS, func(options *awss3.Options) {
		options.UsePathStyle = base.AWS.BaseEndpoint != nil // buckets have no host names of their own there
	}), name)
}

// Vault opens the secrets below a prefix.
func Vault(base boot.Base, prefix string) secret.Vault {
	return ssm.New(awsssm.NewFromConfig(base.AWS), prefix, base.Clock, ssm.DefaultTTL)
}

// Topic opens the topic of an ARN.
func Topic(base boot.Base, arn string) topic.Publisher {
	return sns.New(awssns.NewFromConfig(base.AWS), arn)
}

// Queues are the queues that outbox rows go to.
type Queues struct {
	Downloads      string `env:"LAPAK_QUEUE_DOWNLOADS,required,notEmpty"`
	Transcriptions string `env:"LAPAK_QUEUE_TRANSCRIPTIONS,required,notEmpty"`
	Priority       string `env:"LAPAK_QUEUE_TRANSCRIPTIONS_PRIORITY,required,notEmpty"`
	Deliveries     string `env:"LAPAK_QUEUE_DELIVERIES,required,notEmpty"`
	Payments       string `env:"LAPAK_QUEUE_PAYMENTS,required,notEmpty"`
	Broadcasts     string `env:"LAPAK_QUEUE_BROADCASTS,required,notEmpty"`
	Checks         string `env:"LAPAK_QUEUE_CHECKS,required,notEmpty"`
}

// Senders opens the queues.
func (q Queues) Senders(base boot.Base) map[queue.Name]queue.Sender {
	return map[queue.Name]queue.Sender{
		queue.Downloads:              Queue(base, q.Downloads, false),
		queue.Transcriptions:         Queue(base, q.Transcriptions, false),
		queue.TranscriptionsPriority: Queue(base, q.Priority, false),
		queue.Deliveries:             Queue(base, q.Deliveries, false),
		queue.Payments:               Queue(base, q.Payments, false),
		queue.Broadcasts:             Queue(base, q.Broadcasts, false),
		queue.Checks:                 Queue(base, q.Checks, false),
	}
}

// Depths opens the queues at URLs for counting, by their names: the last part
// of a URL.
func Depths(base boot.Base, urls []string) map[string]health.Queue {
	queues := make(map[string]health.Queue, len(urls))
	for _, url := range urls {
		queues[path.Base(url)] = Queue(base, url, strings.HasSuffix(url, ".fifo"))
	}

	return queues
}
