package table

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
)

// maxPartitionKeyBytes is DynamoDB's limit for a partition key.
const maxPartitionKeyBytes = 2048

// Position is where a page of a Query ended: the last row that was looked at.
// Adapters turn it into a cursor and back; callers pass cursors on unread.
type Position struct {
	PK  string `json:"pk"`
	SK  string `json:"sk"`
	GPK string `json:"gpk,omitempty"` // only for a query of the index
	GSK string `json:"gsk,omitempty"` // only for a query of the index
}

// Cursor gives the text of the position.
func (p Position) Cursor() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", errs.Wrap(err, errs.Internal, "encode the cursor after %s %s", p.PK, p.SK)
	}

	return base64.RawURLEncoding.EncodeToString(text), nil
}

// PositionOf gives the position of a cursor that a Scan gave; Invalid where it
// is none.
func PositionOf(cursor string) (Position, error) {
	var position Position

	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(text, &position)
	}

	if err != nil || position.PK == "" || position.SK == "" {
		return Position{}, errs.Wrap(err, errs.Invalid, "scan: the cursor is not one of a page")
	}

	return position, nil
}

// Start gives the position from which the query goes on, and false where it
// has no cursor. It returns Invalid for a cursor that no page of this query
// gave: cursors come back through buttons and URLs, which people can change.
func (q Query) Start() (Position, bool, error) {
	if q.Cursor == "" {
		return Position{}, false, nil
	}

	var position Position

	text, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err == nil {
		err = json.Unmarshal(text, &position)
	}

	if err != nil {
		return Position{}, false, errs.Wrap(err, errs.Invalid, "query %s: the cursor is not one of a page", q.Partition.pk)
	}

	partition, sort := position.PK, position.SK
	if q.Index {
		partition, sort = position.GPK, position.GSK
	}

	if partition != q.Partition.pk || position.PK == "" || position.SK == "" || !q.Covers(sort) {
		return Position{}, false, errs.New(errs.Invalid, "query %s: the cursor belongs to another query", q.Partition.pk)
	}

	return position, true, nil
}

// Covers reports whether a sort key lies within the bounds of the query.
func (q Query) Covers(sort string) bool {
	return sort != "" && strings.HasPrefix(sort, q.Prefix) && (q.Before == "" || sort < q.Before)
}

// Validate checks what every adapter must refuse before it asks.
func (q Query) Validate() error {
	switch {
	case q.Partition.pk == "" || len(q.Partition.pk) > maxPartitionKeyBytes:
		return errs.New(errs.Invalid, "query: the partition key is empty or over %d bytes", maxPartitionKeyBytes)
	case q.Limit < 1 || q.Limit > MaxPageRows:
		return errs.New(errs.Invalid, "query %s for %d rows: use 1 to %d", q.Partition.pk, q.Limit, MaxPageRows)
	case q.Prefix != "" && q.Before != "":
		return errs.New(errs.Invalid, "query %s: use Prefix or Before, not both", q.Partition.pk)
	case len(q.Prefix) > MaxKeyBytes || len(q.Before) > MaxKeyBytes:
		return errs.New(errs.Invalid, "query %s: Prefix and Before take at most %d bytes", q.Partition.pk, MaxKeyBytes)
	}

	return nil
}
