// Package dynamo provides a table kept in DynamoDB. README.md of package table
// describes the attributes.
package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/table"
)

// How often and how soon a Write that met another writer, throttling or a
// broken connection is tried again: six times within about a second.
const (
	attempts     = 6
	firstDelay   = 25 * time.Millisecond
	longestDelay = 500 * time.Millisecond
	jitter       = 0.5 // of the delay
)

// Table is a table in DynamoDB. It is safe for concurrent use.
type Table struct {
	client *dynamodb.Client
	name   string
	index  string
	clock  clock.Clock
	retry  retrypolicy.RetryPolicy[any]
}

var (
	_ table.Table   = (*Table)(nil)
	_ table.Scanner = (*Table)(nil)
)

// New gives the table called name; index is the name of its index, empty for
// a table that has none.
func New(client *dynamodb.Client, name, index string, clock clock.Clock) *Table {
	retry := retrypolicy.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return again(err) }).
		WithMaxAttempts(attempts).
		WithBackoff(firstDelay, longestDelay).
		WithJitterFactor(jitter).
		ReturnLastFailure().
		Build()

	return &Table{client: client, name: name, index: index, clock: clock, retry: retry}
}

// Get implements table.Table.
func (t *Table) Get(ctx context.Context, key table.Key) (table.Row, error) {
	if err := key.Validate(); err != nil {
		return table.Row{}, err
	}

	answer, err := t.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      aws.String(t.name),
		Key:            keyItem(key),
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return table.Row{}, awserrs.Wrap(err, "get %s from table %s", key, t.name)
	}

	if len(answer.Item) == 0 {
		return table.Row{}, errs.New(errs.NotFound, "get %s: there is no such row", key)
	}

	row, err := RowOf(answer.Item)
	if err != nil {
		return table.Row{}, err
	}

	if row.Expired(t.clock.Now()) {
		return table.Row{}, errs.New(errs.NotFound, "get %s: the row has expired", key)
	}

	return row, nil
}

// Query implements table.Table.
func (t *Table) Query(ctx context.Context, query table.Query) (table.Page, error) {
	if err := query.Validate(); err != nil {
		return table.Page{}, err
	}

	if query.Index && t.index == "" {
		return table.Page{}, errs.New(errs.Invalid, "query %s: table %s has no index", query.Partition.PK(), t.name)
	}

	start, resumed, err := query.Start()
	if err != nil {
		return table.Page{}, err
	}

	input := t.queryInput(query)
	if resumed {
		input.ExclusiveStartKey = positionItem(start)
	}

	answer, err := t.client.Query(ctx, input)
	if err != nil {
		return table.Page{}, awserrs.Wrap(err, "query %s of table %s", query.Partition.PK(), t.name)
	}

	return pageOf(answer.Items, answer.LastEvaluatedKey)
}

func (t *Table) queryInput(query table.Query) *dynamodb.QueryInput {
	partition, sort := attrPK, attrSK

	input := &dynamodb.QueryInput{
		TableName:                aws.String(t.name),
		ScanIndexForward:         aws.Bool(!query.Descending),
		Limit:                    aws.Int32(int32(query.Limit)), //nolint:gosec // at most MaxPageRows, checked before
		FilterExpression:         aws.String(isLive),
		ExpressionAttributeNames: map[string]string{"#ttl": attrTTL},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":partition": text(query.Partition.PK()),
			":now":       number(t.clock.Now().Unix()),
		},
	}

	if query.Index {
		partition, sort = attrGPK, attrGSK
		input.IndexName = aws.String(t.index)
	} else {
		input.ConsistentRead = aws.Bool(true) // an index cannot
	}

	condition := partition + " = :partition"

	switch {
	case query.Prefix != "":
		condition += " AND begins_with(" + sort + ", :bound)"
		input.ExpressionAttributeValues[":bound"] = text(query.Prefix)
	case query.Before != "":
		condition += " AND " + sort + " < :bound"
		input.ExpressionAttributeValues[":bound"] = text(query.Before)
	}

	input.KeyConditionExpression = aws.String(condition)

	return input
}

// Scan implements table.Scanner.
func (t *Table) Scan(ctx context.Context, of table.Tenant, cursor string) (table.Page, error) {
	input := &dynamodb.ScanInput{
		TableName:                aws.String(t.name),
		ConsistentRead:           aws.Bool(true),
		FilterExpression:         aws.String("begins_with(" + attrPK + ", :tenant) AND " + isLive),
		ExpressionAttributeNames: map[string]string{"#ttl": attrTTL},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":tenant": text(of.Prefix()),
			":now":    number(t.clock.Now().Unix()),
		},
	}

	if cursor != "" {
		start, err := table.PositionOf(cursor)
		if err != nil {
			return table.Page{}, err
		}

		input.ExclusiveStartKey = positionItem(start)
	}

	answer, err := t.client.Scan(ctx, input)
	if err != nil {
		return table.Page{}, awserrs.Wrap(err, "scan table %s for %s", t.name, of.Prefix())
	}

	return pageOf(answer.Items, answer.LastEvaluatedKey)
}

func pageOf(items []item, last item) (table.Page, error) {
	var page table.Page

	for _, item := range items {
		row, err := RowOf(item)
		if err != nil {
			return table.Page{}, err
		}

		page.Rows = append(page.Rows, row)
	}

	if len(last) == 0 {
		return page, nil
	}

	cursor, err := positionOf(last).Cursor()
	if err != nil {
		return table.Page{}, err
	}

	page.Next = cursor

	return page, nil
}

// again reports whether a Write may succeed when it is tried once more.
func again(err error) bool {
	if err == nil {
		return false
	}

	if _, final := errors.AsType[*finalError](err); final {
		return false
	}

	if canceled, ok := errors.AsType[*types.TransactionCanceledException](err); ok {
		return passing(canceled.CancellationReasons)
	}

	if _, met := errors.AsType[*types.TransactionConflictException](err); met {
		return true
	}

	return awserrs.Throttled(err) || awserrs.Code(err) == errs.Unavailable
}
