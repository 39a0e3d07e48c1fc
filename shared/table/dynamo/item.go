package dynamo

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// The attributes of an item.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrVersion = "v"
	attrBody    = "body"
	attrTTL     = "ttl" // a reserved word: expressions say #ttl
	attrGPK     = "gpk"
	attrGSK     = "gsk"

	// counterPrefix keeps counters, which are attributes of their own so that
	// an update can add to them, apart from the attributes above.
	counterPrefix = "n_"
)

type item = map[string]types.AttributeValue

func text(value string) types.AttributeValue { return &types.AttributeValueMemberS{Value: value} }

func number(value int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(value, 10)}
}

func keyItem(key table.Key) item {
	return item{attrPK: text(key.PK()), attrSK: text(key.SK())}
}

// itemOf gives the item of a row at the version.
func itemOf(row table.Row, version int64) item {
	made := keyItem(row.Key)
	made[attrVersion] = number(version)

	if len(row.Body) > 0 {
		made[attrBody] = text(string(row.Body))
	}

	if !row.Expires.IsZero() {
		made[attrTTL] = number(row.Expires.Unix())
	}

	if !row.Index.IsZero() {
		made[attrGPK] = text(row.Index.PK())
		made[attrGSK] = text(row.Index.SK())
	}

	for name, value := range row.Counters {
		made[counterPrefix+name] = number(value)
	}

	return made
}

// RowOf gives the row of a stored item. It returns Internal for an item that
// this package did not write.
func RowOf(stored map[string]types.AttributeValue) (table.Row, error) {
	key := table.Stored(textOf(stored, attrPK), textOf(stored, attrSK))
	if err := key.Validate(); err != nil {
		return table.Row{}, errs.Wrap(err, errs.Internal, "read an item of the table")
	}

	row := table.Row{Key: key}
	if body := textOf(stored, attrBody); body != "" {
		row.Body = []byte(body)
	}

	if partition := textOf(stored, attrGPK); partition != "" {
		row.Index = table.Stored(partition, textOf(stored, attrGSK))
	}

	for name, value := range stored {
		counter, isCounter := strings.CutPrefix(name, counterPrefix)
		if !isCounter && name != attrVersion && name != attrTTL {
			continue
		}

		whole, err := wholeNumber(value)
		if err != nil {
			return table.Row{}, errs.Wrap(err, errs.Internal, "read item %s: attribute %s is no whole number", key, name)
		}

		switch name {
		case attrVersion:
			row.Version = whole
		case attrTTL:
			row.Expires = time.Unix(whole, 0).UTC()
		default:
			if row.Counters == nil {
				row.Counters = map[string]int64{}
			}

			row.Counters[counter] = whole
		}
	}

	if row.Version < 1 {
		return table.Row{}, errs.New(errs.Internal, "read item %s: it has no version", key)
	}

	return row, nil
}

func textOf(stored item, name string) string {
	if value, ok := stored[name].(*types.AttributeValueMemberS); ok {
		return value.Value
	}

	return ""
}

func wholeNumber(value types.AttributeValue) (int64, error) {
	held, ok := value.(*types.AttributeValueMemberN)
	if !ok {
		return 0, strconv.ErrSyntax
	}

	return strconv.ParseInt(held.Value, 10, 64) //nolint:wrapcheck // the caller names the item
}

func positionItem(position table.Position) item {
	made := item{attrPK: text(position.PK), attrSK: text(position.SK)}
	if position.GPK != "" {
		made[attrGPK] = text(position.GPK)
		made[attrGSK] = text(position.GSK)
	}

	return made
}

func positionOf(last item) table.Position {
	return table.Position{
		PK: textOf(last, attrPK), SK: textOf(last, attrSK),
		GPK: textOf(last, attrGPK), GSK: textOf(last, attrGSK),
	}
}
