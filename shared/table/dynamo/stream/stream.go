// Package stream provides the changes of a table from the records of its
// DynamoDB stream, as Lambda hands them to a function.
package stream

import (
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

// ChangeOf gives the change of one record of a stream of new and old images.
// It returns Internal for a record that is not of a table of ours.
func ChangeOf(record events.DynamoDBEventRecord) (table.Change, error) {
	change := table.Change{ID: record.EventID}

	sides := []struct {
		image map[string]events.DynamoDBAttributeValue
		row   **table.Row
	}{{record.Change.OldImage, &change.Old}, {record.Change.NewImage, &change.New}}

	for _, side := range sides {
		if len(side.image) == 0 {
			continue
		}

		row, err := RowOf(side.image)
		if err != nil {
			return table.Change{}, errs.Context(err, "read record %s of the stream", record.EventID)
		}

		*side.row = &row
	}

	if change.Old == nil && change.New == nil {
		return table.Change{}, errs.New(errs.Internal,
			"read record %s of the stream: it has no image; set its view to NEW_AND_OLD_IMAGES", record.EventID)
	}

	return change, nil
}

// RowOf gives the row of an image. It returns Internal for one that no
// table.Write has written.
func RowOf(image map[string]events.DynamoDBAttributeValue) (table.Row, error) {
	stored := make(map[string]types.AttributeValue, len(image))

	for name, value := range image {
		switch value.DataType() {
		case events.DataTypeString:
			stored[name] = &types.AttributeValueMemberS{Value: value.String()}
		case events.DataTypeNumber:
			stored[name] = &types.AttributeValueMemberN{Value: value.Number()}
		default:
			return table.Row{}, errs.New(errs.Internal, "read attribute %s of an image: it is neither text nor number", name)
		}
	}

	return dynamo.RowOf(stored)
}
