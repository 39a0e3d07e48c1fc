package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/failsafe-go/failsafe-go"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/table"
)

// Conditions of items; an expired item is one that DynamoDB has yet to remove.
const (
	isLive    = "(attribute_not_exists(#ttl) OR #ttl > :now)"
	isAbsent  = "(attribute_not_exists(pk) OR #ttl <= :now)"
	isVersion = "v = :version AND " + isLive
)

// surprises bounds how often a Write starts over because a counter turned out
// to lie in an expired row, or no longer to.
const surprises = 3

// Write implements table.Table. One operation goes as a request of its own, at
// half the price of a transaction.
func (t *Table) Write(ctx context.Context, ops ...table.Op) error {
	if err := table.Validate(ops); err != nil {
		return err
	}

	expired := map[table.Key]bool{}

	for range surprises {
		failed, err := t.write(ctx, ops, expired)
		if err == nil || !learn(ops, failed, expired, t.clock.Now()) {
			return err
		}
	}

	return errs.New(errs.Unavailable, "write %d rows of table %s: rows kept expiring meanwhile; try again", len(ops), t.name)
}

// learn notes which counters lie in expired rows and reports whether that was
// news. An update cannot clear what an expired row holds and count anew, so
// such an Add has to become a put in the place of the expired row.
func learn(ops []table.Op, failed []item, expired map[table.Key]bool, now time.Time) bool {
	news := false

	for at, stored := range failed {
		key := ops[at].Row.Key
		if ops[at].Kind != table.OpAdd || len(stored) == 0 {
			continue
		}

		row, err := RowOf(stored)
		if err == nil && row.Expired(now) != expired[key] {
			expired[key] = !expired[key]
			news = true
		}
	}

	return news
}

// write tries once with what is known of expired rows. Where conditions failed
// it gives, for each operation, the item that was in the way of an Add.
func (t *Table) write(ctx context.Context, ops []table.Op, expired map[table.Key]bool) ([]item, error) {
	now := t.clock.Now()
	actions := make([]types.TransactWriteItem, len(ops))

	for at, op := range ops {
		action, err := t.action(op, expired[op.Row.Key], now)
		if err != nil {
			return nil, err
		}

		actions[at] = action
	}

	if len(ops) == 1 && ops[0].Kind != table.OpCheck {
		return t.single(ctx, ops[0], actions[0])
	}

	return t.transact(ctx, actions)
}

// action gives the request of one operation.
func (t *Table) action(op table.Op, expired bool, now time.Time) (types.TransactWriteItem, error) {
	names := map[string]string{"#ttl": attrTTL}
	values := item{":now": number(now.Unix())}

	switch op.Kind {
	case table.OpCreate:
		return t.put(itemOf(op.Row, 1), isAbsent, names, values), nil
	case table.OpReplace:
		values[":version"] = number(op.Row.Version)

		return t.put(itemOf(op.Row, op.Row.Version+1), isVersion, names, values), nil
	case table.OpDelete:
		values[":version"] = number(op.Row.Version)

		return types.TransactWriteItem{Delete: &types.Delete{
			TableName: aws.String(t.name), Key: keyItem(op.Row.Key), ConditionExpression: aws.String(isVersion),
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}}, nil
	case table.OpCheck:
		condition := isAbsent
		if op.Row.Version != 0 {
			condition = isVersion
			values[":version"] = number(op.Row.Version)
		}

		return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
			TableName: aws.String(t.name), Key: keyItem(op.Row.Key), ConditionExpression: aws.String(condition),
			ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		}}, nil
	case table.OpAdd:
		if startsWithin(op) && expired {
			first := table.Row{
				Key: op.Row.Key, Counters: map[string]int64{op.Counter: op.Delta}, Expires: op.Row.Expires,
			}
			put := t.put(itemOf(first, 1), isAbsent, names, values)
			put.Put.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld

			return put, nil
		}

		return t.add(op, names, values), nil
	default:
		return types.TransactWriteItem{}, errs.New(errs.Internal, "write %s: there is no operation %d", op.Row.Key, op.Kind)
	}
}

func (t *Table) put(made item, condition string, names map[string]string, values item) types.TransactWriteItem {
	return types.TransactWriteItem{Put: &types.Put{
		TableName: aws.String(t.name), Item: made, ConditionExpression: aws.String(condition),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	}}
}

// startsWithin reports whether the counter of an absent row may move by delta.
func startsWithin(op table.Op) bool { return op.Delta >= op.Min && op.Delta <= op.Max }

// add moves a counter. A condition cannot calculate, so the bounds of the sum
// become bounds of the counter before it.
func (t *Table) add(op table.Op, names map[string]string, values item) types.TransactWriteItem {
	names["#counter"] = counterPrefix + op.Counter
	values[":delta"] = number(op.Delta)
	values[":one"] = number(1)
	values[":low"] = difference(op.Min, op.Delta)
	values[":high"] = difference(op.Max, op.Delta)

	within := "#counter BETWEEN :low AND :high"
	if startsWithin(op) {
		within = "(attribute_not_exists(#counter) OR " + within + ")"
	}

	update := "ADD v :one, #counter :delta"
	if !op.Row.Expires.IsZero() {
		update += " SET #ttl = :expires"
		values[":expires"] = number(op.Row.Expires.Unix())
	}

	return types.TransactWriteItem{Update: &types.Update{
		TableName: aws.String(t.name), Key: keyItem(op.Row.Key),
		UpdateExpression:         aws.String(update),
		ConditionExpression:      aws.String(isLive + " AND " + within),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}
}

// difference gives a - b, which may be over an int64; DynamoDB takes 38 digits.
func difference(a, b int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: new(big.Int).Sub(big.NewInt(a), big.NewInt(b)).String()}
}

// once keeps the client from trying again by itself: only this package knows
// whether that would be safe.
func once(options *dynamodb.Options) { options.Retryer = aws.NopRetryer{} }

// single carries out one operation by a request of its own.
//
// Such a request has no token that keeps a second try from taking effect
// twice. When an answer is lost, an Add is therefore not tried again; the
// others are, since their conditions let them take effect once, but a condition
// that then fails may do so because of the first try.
func (t *Table) single(ctx context.Context, op table.Op, action types.TransactWriteItem) ([]item, error) {
	what := op.Row.Key.String() + " of table " + t.name
	lost := false

	err := failsafe.With(t.retry).WithContext(ctx).Run(func() error {
		err := t.send(ctx, action)
		lost = lost || awserrs.Uncertain(err)

		if lost && err != nil && action.Update != nil {
			return &finalError{err}
		}

		return err
	})
	if err == nil {
		return nil, nil
	}

	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		if lost {
			return nil, errs.Wrap(err, errs.Unavailable, "write %s: it may have taken effect, the answer was lost; read it again", what)
		}

		return []item{failed.Item}, table.Failed([]table.Reason{table.ReasonCondition})
	}

	if _, met := errors.AsType[*types.TransactionConflictException](err); met {
		return nil, table.Failed([]table.Reason{table.ReasonContention})
	}

	return nil, awserrs.Wrap(err, "write %s", what)
}

// finalError is one after which nothing is tried again.
type finalError struct{ cause error }

func (f *finalError) Error() string { return f.cause.Error() }

func (f *finalError) Unwrap() error { return f.cause }

// send sends the request of one operation.
func (t *Table) send(ctx context.Context, action types.TransactWriteItem) error {
	var err error

	switch {
	case action.Put != nil:
		_, err = t.client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: action.Put.TableName, Item: action.Put.Item,
			ConditionExpression:                 action.Put.ConditionExpression,
			ExpressionAttributeNames:            action.Put.ExpressionAttributeNames,
			ExpressionAttributeValues:           action.Put.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: action.Put.ReturnValuesOnConditionCheckFailure,
		}, once)
	case action.Update != nil:
		_, err = t.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName: action.Update.TableName, Key: action.Update.Key,
			UpdateExpression:                    action.Update.UpdateExpression,
			ConditionExpression:                 action.Update.ConditionExpression,
			ExpressionAttributeNames:            action.Update.ExpressionAttributeNames,
			ExpressionAttributeValues:           action.Update.ExpressionAttributeValues,
			ReturnValuesOnConditionCheckFailure: action.Update.ReturnValuesOnConditionCheckFailure,
		}, once)
	case action.Delete != nil:
		_, err = t.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: action.Delete.TableName, Key: action.Delete.Key,
			ConditionExpression:       action.Delete.ConditionExpression,
			ExpressionAttributeNames:  action.Delete.ExpressionAttributeNames,
			ExpressionAttributeValues: action.Delete.ExpressionAttributeValues,
		}, once)
	}

	return err //nolint:wrapcheck // single says what was attempted
}

// transact carries out all operations or none. Its token makes a second try
// after a lost answer take effect once.
func (t *Table) transact(ctx context.Context, actions []types.TransactWriteItem) ([]item, error) {
	input := &dynamodb.TransactWriteItemsInput{TransactItems: actions, ClientRequestToken: aws.String(rand.Text())}

	err := failsafe.With(t.retry).WithContext(ctx).Run(func() error {
		_, err := t.client.TransactWriteItems(ctx, input, once)

		return err //nolint:wrapcheck // what follows says what was attempted
	})
	if err == nil {
		return nil, nil
	}

	canceled, ok := errors.AsType[*types.TransactionCanceledException](err)
	if !ok {
		return nil, awserrs.Wrap(err, "write %d rows of table %s", len(actions), t.name)
	}

	reasons := make([]table.Reason, len(actions))
	failed := make([]item, len(actions))

	for at, cancellation := range canceled.CancellationReasons {
		reason, known := reasonOf(aws.ToString(cancellation.Code))
		if !known || at >= len(actions) {
			return nil, errs.Wrap(err, errs.Invalid, "write %d rows of table %s: number %d was refused: %s",
				len(actions), t.name, at+1, aws.ToString(cancellation.Message))
		}

		reasons[at], failed[at] = reason, cancellation.Item
	}

	return failed, table.Failed(reasons)
}

func reasonOf(code string) (table.Reason, bool) {
	switch code {
	case "None", "":
		return table.ReasonNone, true
	case "ConditionalCheckFailed":
		return table.ReasonCondition, true
	case "TransactionConflict":
		return table.ReasonContention, true
	case "ThrottlingError", "ProvisionedThroughputExceeded":
		return table.ReasonThrottled, true
	default:
		return table.ReasonNone, false
	}
}

// passing reports whether only other writers or throttling stood in the way.
func passing(reasons []types.CancellationReason) bool {
	for _, cancellation := range reasons {
		reason, known := reasonOf(aws.ToString(cancellation.Code))
		if !known || reason == table.ReasonCondition {
			return false
		}
	}

	return true
}
