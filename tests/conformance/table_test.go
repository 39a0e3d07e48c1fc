package conformance_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/table/tabletest"
)

const index = "index1"

func TestTable(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, dynamodbLocal, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		client := dynamodb.NewFromConfig(at.config)

		t.Run("state", func(t *testing.T) {
			name := at.prefix + "-state"
			makeTable(t, client, name, true)
			tabletest.Run(t, func(_ *testing.T, clock clock.Clock) table.Table {
				return dynamo.New(client, name, index, clock)
			}, tabletest.Options{Index: true})
		})

		t.Run("scratch", func(t *testing.T) {
			name := at.prefix + "-scratch"
			makeTable(t, client, name, false)
			tabletest.Run(t, func(_ *testing.T, clock clock.Clock) table.Table {
				return dynamo.New(client, name, "", clock)
			}, tabletest.Options{})
		})

		t.Run("same as memory", func(t *testing.T) {
			name := at.prefix + "-twin"
			makeTable(t, client, name, false)

			time := clock.NewManual(time.Now().Truncate(time.Second))
			tabletest.Compare(t, time, dynamo.New(client, name, "", time), memory.New(time, fault.None{}))
		})
	})
}

// makeTable makes a table as template.yaml does, but for TTL: rows that have
// expired have to stay until the suite has seen that they count as absent.
func makeTable(t *testing.T, client *dynamodb.Client, name string, indexed bool) {
	t.Helper()

	attributes := []string{"pk", "sk"}
	input := &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   keySchema("pk", "sk"),
	}

	if indexed {
		attributes = append(attributes, "gpk", "gsk")
		input.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName:  aws.String(index),
			KeySchema:  keySchema("gpk", "gsk"),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
		}}
	}

	for _, attribute := range attributes {
		input.AttributeDefinitions = append(input.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(attribute), AttributeType: types.ScalarAttributeTypeS,
		})
	}

	_, err := client.CreateTable(t.Context(), input)
	require.NoError(t, err)

	t.Cleanup(func() {
		_, err := client.DeleteTable(context.WithoutCancel(t.Context()), &dynamodb.DeleteTableInput{TableName: aws.String(name)})
		assert.NoError(t, err)
	})

	exists := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) { o.MinDelay = time.Second })
	require.NoError(t, exists.Wait(t.Context(), &dynamodb.DescribeTableInput{TableName: aws.String(name)}, time.Minute))
}

func keySchema(hash, sort string) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: aws.String(hash), KeyType: types.KeyTypeHash},
		{AttributeName: aws.String(sort), KeyType: types.KeyTypeRange},
	}
}
