// Command relay turns the outbox rows that the state table's stream brings
// into messages.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/table/dynamo/stream"
)

type settings struct {
	State  string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Queues worker.Queues
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		relay := outbox.NewRelay(worker.State(base, settings.State), settings.Queues.Senders(base), base.Clock)

		return func(ctx context.Context, event events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			return stream.Created(ctx, event, relay.Forward)
		}, nil
	})
}
