// Package table provides the port through which the domain keeps its state:
// rows with versions, read by key or in the order of their sort keys, and
// written in atomic sets. README.md beside it lists every key and pattern.
//
// dynamo holds the AWS adapter, memory the one for tests and the simulation,
// tabletest the conformance suite that both must pass.
package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// Limits that DynamoDB sets and every adapter enforces.
const (
	MaxOps        = 100       // operations of one Write
	MaxRowBytes   = 400 << 10 // one row with its attribute names
	MaxWriteBytes = 4 << 20   // all rows of one Write
	MaxPageBytes  = 1 << 20   // rows of one Page
	MaxPageRows   = 1000      // rows that one Query may ask for
	MaxKeyBytes   = 1024      // a sort key
)

// Row is one row. Body is JSON text. Counters are whole numbers that Add moves
// without reading the row first.
type Row struct {
	Key      Key
	Version  int64 // 1 after Create; one more after each change
	Body     []byte
	Counters map[string]int64
	Index    Key       // place in the index; zero: not in it
	Expires  time.Time // whole seconds; zero: never. An expired row is as if absent.
}

// Table is a table. All methods return Unavailable when it cannot be reached
// and Limited when it throttles; both may have taken effect.
type Table interface {
	// Get reads a row as last written. It returns NotFound where there is none.
	Get(ctx context.Context, key Key) (Row, error)

	// Query reads a page of a partition. Rows of the table are read as last
	// written; rows of the index may lag behind by a moment.
	Query(ctx context.Context, query Query) (Page, error)

	// Write carries out all operations or none. Where a condition does not
	// hold it returns a *Canceled (code Conflict) with a reason for each
	// operation; where other writers were in the way, a *Canceled of code
	// Unavailable. Invalid: no or too many operations, two on one key, or
	// something over a limit.
	Write(ctx context.Context, ops ...Op) error
}

// Scanner is a table of which all rows of a tenant can be read, as an operator
// needs it to export a store or to erase it. It looks through the whole table,
// whoever's the rows are, and costs accordingly: nothing else may use it.
type Scanner interface {
	// Scan reads a page of a tenant's rows as last written, in no order; cursor is
	// Page.Next of the page before, empty for the first. A page may be empty
	// before the end. Rows that change meanwhile come as before or as after.
	// Unavailable and Limited as for Table; Invalid for a cursor that is none.
	Scan(ctx context.Context, of Tenant, cursor string) (Page, error)
}

// Query asks for rows of one partition, in ascending order of the sort key
// unless Descending.
type Query struct {
	Partition  Partition
	Index      bool   // read the index instead of the table
	Prefix     string // only sort keys that begin so; build it with SortPrefix
	Before     string // only sort keys below this one; not together with Prefix
	Descending bool
	Limit      int    // 1 to MaxPageRows rows a page
	Cursor     string // Page.Next of the page before; empty for the first
}

// Page is some rows, and the cursor of the next page: empty at the end. A page
// may be short, even empty, before the end.
type Page struct {
	Rows []Row
	Next string
}

// SortPrefix gives the beginning that all sort keys of a kind share.
func SortPrefix(kind string, ids ...string) string {
	return join("", kind, ids) + separator
}

// OpKind is what an operation does.
type OpKind int

// The operations of a Write.
const (
	OpCreate  OpKind = iota // put Row where no row is
	OpReplace               // put Row where the row has version Row.Version
	OpDelete                // remove the row that has version Row.Version
	OpAdd                   // move a counter within bounds
	OpCheck                 // change nothing; the row must have version Row.Version (0: be absent)
)

// Op is one operation of a Write. Build it with Create, Replace, Delete, Add
// or Check.
type Op struct {
	Kind    OpKind
	Row     Row
	Counter string
	Delta   int64
	Min     int64
	Max     int64
}

// Create puts a row where none is.
func Create(row Row) Op { return Op{Kind: OpCreate, Row: row} }

// Replace puts a row in the place of the one that was read: row.Version is the
// version read.
func Replace(row Row) Op { return Op{Kind: OpReplace, Row: row} }

// Delete removes the row that has the version.
func Delete(key Key, version int64) Op {
	return Op{Kind: OpDelete, Row: Row{Key: key, Version: version}}
}

// Add moves a counter by delta; the result must lie between low and high. A
// row that is absent is created with the counter starting at zero.
func Add(key Key, counter string, delta, low, high int64) Op {
	return Op{Kind: OpAdd, Row: Row{Key: key}, Counter: counter, Delta: delta, Min: low, Max: high}
}

// Until gives an Add that makes its row expire at a moment, whole seconds. An
// Add without it leaves the expiry of its row as it is.
func (o Op) Until(expires time.Time) Op {
	o.Row.Expires = expires

	return o
}

// Check makes the Write depend on a row that it does not change; version 0
// means that the row must be absent.
func Check(key Key, version int64) Op {
	return Op{Kind: OpCheck, Row: Row{Key: key, Version: version}}
}

// Reason says why an operation stopped a Write.
type Reason int

// The reasons.
const (
	ReasonNone       Reason = iota // the operation was fine
	ReasonCondition                // its condition did not hold
	ReasonContention               // another writer was in the way
	ReasonThrottled                // its partition was too busy
)

// Canceled is the error of a Write that was not carried out: one reason for
// each operation, in their order.
type Canceled struct{ Reasons []Reason } //nolint:errname // it reads table.Canceled

// Error lists the reasons.
func (c *Canceled) Error() string {
	names := map[Reason]string{
		ReasonNone: "none", ReasonCondition: "condition", ReasonContention: "contention", ReasonThrottled: "throttled",
	}

	texts := make([]string, 0, len(c.Reasons))
	for _, reason := range c.Reasons {
		texts = append(texts, names[reason])
	}

	return "write canceled [" + strings.Join(texts, " ") + "]"
}

// Failed wraps the reasons into the error that Write returns: Conflict when a
// condition did not hold, Unavailable when only contention or throttling stood
// in the way.
func Failed(reasons []Reason) error {
	code := errs.Unavailable

	for _, reason := range reasons {
		if reason == ReasonCondition {
			code = errs.Conflict
		}
	}

	return errs.Wrap(&Canceled{Reasons: reasons}, code, "write %d rows", len(reasons))
}

// Refused reports whether the condition of the operation at a place did not
// hold, in an error of Write.
func Refused(err error, at int) bool {
	canceled, ok := errors.AsType[*Canceled](err)

	return ok && at >= 0 && at < len(canceled.Reasons) && canceled.Reasons[at] == ReasonCondition
}

// Encode makes the body of a row from a value of the domain.
func Encode(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "encode %T for a row", value)
	}

	return body, nil
}

// Decode reads the body of a row into a value of the domain.
func Decode[T any](row Row) (T, error) {
	var value T
	if err := json.Unmarshal(row.Body, &value); err != nil {
		return value, errs.Wrap(err, errs.Internal, "decode row %s as %T", row.Key, value)
	}

	return value, nil
}

// DecodeAll reads the bodies of rows, in their order.
func DecodeAll[T any](rows []Row) ([]T, error) {
	values := make([]T, 0, len(rows))

	for _, row := range rows {
		value, err := Decode[T](row)
		if err != nil {
			return nil, err
		}

		values = append(values, value)
	}

	return values, nil
}

// Read gets a row and decodes its body; the version is for the Replace that
// may follow. It returns NotFound where there is no row.
func Read[T any](ctx context.Context, from Table, key Key) (T, int64, error) {
	row, err := from.Get(ctx, key)
	if err != nil {
		var zero T

		return zero, 0, fmt.Errorf("read %s: %w", key, err)
	}

	value, err := Decode[T](row)

	return value, row.Version, err
}

// Validate checks what every adapter must refuse before it sends a Write.
func Validate(ops []Op) error {
	if len(ops) == 0 || len(ops) > MaxOps {
		return errs.New(errs.Invalid, "write of %d operations: use 1 to %d", len(ops), MaxOps)
	}

	seen := make(map[Key]bool, len(ops))
	total := 0

	for _, op := range ops {
		key := op.Row.Key
		if err := op.validate(); err != nil {
			return err
		}

		if seen[key] {
			return errs.New(errs.Invalid, "write %s: two operations on one row", key)
		}

		seen[key] = true
		total += op.size()
	}

	if total > MaxWriteBytes {
		return errs.New(errs.Invalid, "write of %d bytes: at most %d go in one", total, MaxWriteBytes)
	}

	return nil
}

// Validate checks what every adapter must refuse before it asks for the key.
func (k Key) Validate() error {
	if k.pk == "" || k.sk == "" || len(k.pk) > maxPartitionKeyBytes || len(k.sk) > MaxKeyBytes {
		return errs.New(errs.Invalid, "key %q: a part is empty or over %d and %d bytes",
			k, maxPartitionKeyBytes, MaxKeyBytes)
	}

	return nil
}

func (o Op) validate() error {
	key := o.Row.Key
	if err := key.Validate(); err != nil {
		return err
	}

	if !o.Row.Index.IsZero() {
		if err := o.Row.Index.Validate(); err != nil {
			return errs.Context(err, "write %s: its place in the index", key)
		}
	}

	size := o.size()

	switch {
	case size > MaxRowBytes:
		return errs.New(errs.Invalid, "write %s: %d bytes are over the %d of a row", key, size, MaxRowBytes)
	case !utf8.Valid(o.Row.Body):
		return errs.New(errs.Invalid, "write %s: the body is not UTF-8 text", key)
	case o.Kind == OpAdd && (o.Counter == "" || o.Min > o.Max):
		return errs.New(errs.Invalid, "write %s: add to counter %q within %d to %d: name it and give low before high",
			key, o.Counter, o.Min, o.Max)
	case o.Kind < OpCreate || o.Kind > OpCheck:
		return errs.New(errs.Invalid, "write %s: there is no operation %d", key, o.Kind)
	}

	return nil
}

// size counts what the operation sends: an Add brings its counter.
func (o Op) size() int { return o.Row.Size() + len(o.Counter) }

// rowOverhead is what the names and the number attributes of a row add, taken
// high so that a row that passes here passes in DynamoDB.
const rowOverhead = 100

// Size estimates the bytes that DynamoDB counts for the row, never less.
func (r Row) Size() int {
	size := rowOverhead + len(r.Key.pk) + len(r.Key.sk) + len(r.Body) + len(r.Index.pk) + len(r.Index.sk)
	for name := range r.Counters {
		size += len(name) + 21 // a number takes at most 21 bytes
	}

	return size
}

// Expired reports whether the row counts as absent at the moment now.
func (r Row) Expired(now time.Time) bool {
	return !r.Expires.IsZero() && now.Unix() >= r.Expires.Unix()
}
