package stream

import (
	"context"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/table"
)

// Created hands each row that the event's records created to handle, in
// order. It stops at the first failure and reports that record, from which
// Lambda then begins again; what came before is not repeated.
func Created(
	ctx context.Context, event events.DynamoDBEvent, handle func(context.Context, table.Row) error,
) (events.DynamoDBEventResponse, error) {
	for _, record := range event.Records {
		change, err := ChangeOf(record)
		if err == nil && change.Inserted() {
			err = handle(ctx, *change.New)
		}

		if err != nil {
			slog.ErrorContext(ctx, "stream record failed", "record", record.EventID, "error", err)

			return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{
				{ItemIdentifier: record.Change.SequenceNumber},
			}}, nil
		}
	}

	return events.DynamoDBEventResponse{BatchItemFailures: []events.DynamoDBBatchItemFailure{}}, nil
}
