// Package memory provides a table held in memory, as strict as DynamoDB, for
// tests and the simulation. It takes its time from a clock and its failures
// from a fault plan.
package memory

import (
	"cmp"
	"context"
	"iter"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
)

// The operations under which a Table asks its plan.
const (
	OpGet   = "table.get"
	OpQuery = "table.query"
	OpWrite = "table.write"

	// OpContention is asked inside each Write. Throttle cancels it with
	// ReasonThrottled, any other fault with ReasonContention; no effect.
	OpContention = "table.contention"

	// OpIndex is asked for each row that changes: Delay makes the index lag
	// behind by the plan's Wait.
	OpIndex = "table.index"
)

// retention is how long DynamoDB keeps a stream's records.
const retention = 24 * time.Hour

// Table is a table in memory. It is safe for concurrent use.
type Table struct {
	clock clock.Clock
	plan  fault.Plan

	mu      sync.Mutex
	rows    *tree
	index   *tree
	lagging []lag                   // changes that the index has not seen, in commit order
	indexed map[table.Key]time.Time // when the index sees the last change of a row that lags
	changes []recorded
	serial  int64
}

// lag is a change that reaches the index at a moment.
type lag struct {
	due    time.Time
	change table.Change
}

// recorded is a change in the stream.
type recorded struct {
	serial int64
	at     time.Time
	change table.Change
}

var (
	_ table.Table   = (*Table)(nil)
	_ table.Scanner = (*Table)(nil)
)

// New makes an empty table.
func New(clock clock.Clock, plan fault.Plan) *Table {
	return &Table{
		clock:   clock,
		plan:    plan,
		rows:    newTree(),
		index:   newTree(),
		indexed: map[table.Key]time.Time{},
	}
}

// Get implements table.Table.
func (t *Table) Get(ctx context.Context, key table.Key) (table.Row, error) {
	if err := key.Validate(); err != nil {
		return table.Row{}, err
	}

	var found table.Row

	_, err := fault.Around(ctx, t.plan, OpGet, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()

		row := t.live(key)
		if row == nil {
			return errs.New(errs.NotFound, "get %s: there is no such row", key)
		}

		found = clone(*row)

		return nil
	})
	if err != nil {
		return table.Row{}, err
	}

	return found, nil
}

// Query implements table.Table.
func (t *Table) Query(ctx context.Context, query table.Query) (table.Page, error) {
	if err := query.Validate(); err != nil {
		return table.Page{}, err
	}

	start, resumed, err := query.Start()
	if err != nil {
		return table.Page{}, err
	}

	var page table.Page

	_, err = fault.Around(ctx, t.plan, OpQuery, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()

		from := t.rows
		if query.Index {
			t.catchUp()

			from = t.index
		}

		var after *table.Position
		if resumed {
			after = &start
		}

		found, err := t.page(from.scan(query, after), query)
		page = found

		return err
	})
	if err != nil {
		return table.Page{}, err
	}

	return page, nil
}

// page takes rows until the limit or the size of a page is reached. As in
// DynamoDB the limit counts expired rows too, and a page that ends at the
// limit has a cursor even when nothing follows.
func (t *Table) page(rows iter.Seq[table.Row], query table.Query) (table.Page, error) {
	var (
		page table.Page
		last table.Row
	)

	now := t.clock.Now()
	size, seen := 0, 0

	for row := range rows {
		size += row.Size()
		if size > table.MaxPageBytes && seen > 0 {
			return endedAt(page, last, query.Index)
		}

		if !row.Expired(now) {
			page.Rows = append(page.Rows, clone(row))
		}

		last = row
		seen++

		if seen == query.Limit {
			return endedAt(page, last, query.Index)
		}
	}

	return page, nil
}

func endedAt(page table.Page, last table.Row, index bool) (table.Page, error) {
	position := table.Position{PK: last.Key.PK(), SK: last.Key.SK()}
	if index {
		position.GPK, position.GSK = last.Index.PK(), last.Index.SK()
	}

	cursor, err := position.Cursor()
	page.Next = cursor

	return page, err
}

// scanned is how many rows a Scan looks at for a page.
const scanned = 100

// Scan implements table.Scanner. It looks at rows in the order of their keys;
// DynamoDB has another, but also one in which a row stays where it is.
func (t *Table) Scan(ctx context.Context, of table.Tenant, cursor string) (table.Page, error) {
	var after table.Position

	if cursor != "" {
		var err error
		if after, err = table.PositionOf(cursor); err != nil {
			return table.Page{}, err
		}
	}

	var page table.Page

	_, err := fault.Around(ctx, t.plan, OpQuery, func() error {
		t.mu.Lock()
		defer t.mu.Unlock()

		rows := t.rows.all()
		slices.SortFunc(rows, func(a, b table.Row) int {
			return cmp.Or(cmp.Compare(a.Key.PK(), b.Key.PK()), cmp.Compare(a.Key.SK(), b.Key.SK()))
		})

		rows = slices.DeleteFunc(rows, func(row table.Row) bool {
			return cmp.Or(cmp.Compare(row.Key.PK(), after.PK), cmp.Compare(row.Key.SK(), after.SK)) <= 0
		})
		looked := rows[:min(len(rows), scanned)]

		for _, row := range looked {
			if strings.HasPrefix(row.Key.PK(), of.Prefix()) && !row.Expired(t.clock.Now()) {
				page.Rows = append(page.Rows, clone(row))
			}
		}

		if len(looked) == len(rows) {
			return nil
		}

		last := looked[len(looked)-1].Key

		next, err := table.Position{PK: last.PK(), SK: last.SK()}.Cursor()
		page.Next = next

		return err
	})

	return page, err
}

// Write implements table.Table.
func (t *Table) Write(ctx context.Context, ops ...table.Op) error {
	if err := table.Validate(ops); err != nil {
		return err
	}

	_, err := fault.Around(ctx, t.plan, OpWrite, func() error {
		if err := t.contend(len(ops)); err != nil {
			return err
		}

		t.mu.Lock()
		defer t.mu.Unlock()

		return t.commit(ops)
	})

	return err
}

// contend lets the plan put another writer or a busy partition in the way of
// the first operation.
func (t *Table) contend(ops int) error {
	kind := t.plan.Next(OpContention)
	if kind == fault.Pass {
		return nil
	}

	reasons := make([]table.Reason, ops)
	reasons[0] = table.ReasonContention

	if kind == fault.Throttle {
		reasons[0] = table.ReasonThrottled
	}

	return table.Failed(reasons)
}

func (t *Table) commit(ops []table.Op) error {
	reasons := make([]table.Reason, len(ops))
	canceled := false

	for at, op := range ops {
		if !holds(op, t.live(op.Row.Key)) {
			reasons[at] = table.ReasonCondition
			canceled = true
		}
	}

	if canceled {
		return table.Failed(reasons)
	}

	results := make([]*table.Row, len(ops))

	for at, op := range ops {
		if op.Kind == table.OpDelete || op.Kind == table.OpCheck {
			continue
		}

		result := after(op, t.live(op.Row.Key))
		if size := result.Size(); size > table.MaxRowBytes {
			return errs.New(errs.Invalid, "write %s: %d bytes would be over the %d of a row",
				op.Row.Key, size, table.MaxRowBytes)
		}

		results[at] = &result
	}

	for at, op := range ops {
		if op.Kind != table.OpCheck {
			t.apply(op.Row.Key, results[at])
		}
	}

	return nil
}

// holds reports whether the condition of an operation holds for the row that
// is there, nil for none.
func holds(op table.Op, row *table.Row) bool {
	switch op.Kind {
	case table.OpCreate:
		return row == nil
	case table.OpReplace, table.OpDelete:
		return row != nil && row.Version == op.Row.Version
	case table.OpCheck:
		return (row == nil && op.Row.Version == 0) || (row != nil && row.Version == op.Row.Version)
	case table.OpAdd:
		sum := add(row, op)

		return sum.Cmp(big.NewInt(op.Min)) >= 0 && sum.Cmp(big.NewInt(op.Max)) <= 0
	default:
		return false
	}
}

// add gives the sum that an Add leads to, which may be over an int64.
func add(row *table.Row, op table.Op) *big.Int {
	sum := big.NewInt(op.Delta)
	if row != nil {
		sum.Add(sum, big.NewInt(row.Counters[op.Counter]))
	}

	return sum
}

// after gives the row that a fulfilled Create, Replace or Add leaves behind.
func after(op table.Op, row *table.Row) table.Row {
	if op.Kind != table.OpAdd {
		result := clone(op.Row)
		result.Version = 1

		if op.Kind == table.OpReplace {
			result.Version = op.Row.Version + 1
		}

		return plain(result)
	}

	result := table.Row{Key: op.Row.Key}
	if row != nil {
		result = clone(*row)
	}

	if result.Counters == nil {
		result.Counters = map[string]int64{}
	}

	result.Counters[op.Counter] = add(row, op).Int64()
	result.Version++

	if !op.Row.Expires.IsZero() {
		result.Expires = op.Row.Expires
	}

	return plain(result)
}

// plain gives the row as a table gives it back: whole seconds, and nothing
// where there is nothing.
func plain(row table.Row) table.Row {
	if !row.Expires.IsZero() {
		row.Expires = time.Unix(row.Expires.Unix(), 0).UTC()
	}

	if len(row.Counters) == 0 {
		row.Counters = nil
	}

	if len(row.Body) == 0 {
		row.Body = nil
	}

	return row
}

// apply puts row, or removes what is at key where row is nil, and records it.
func (t *Table) apply(key table.Key, row *table.Row) {
	change := table.Change{}

	if old := t.rows.get(key.PK(), table.Position{PK: key.PK(), SK: key.SK()}); old != nil {
		before := clone(*old)
		change.Old = &before
	}

	place := table.Position{PK: key.PK(), SK: key.SK()}

	if row == nil {
		t.rows.remove(key.PK(), place)
	} else {
		t.rows.put(key.PK(), place, *row)

		now := clone(*row)
		change.New = &now
	}

	t.serial++
	change.ID = strconv.FormatInt(t.serial, 10)
	t.record(change)
	t.follow(key, change)
}

func (t *Table) record(change table.Change) {
	now := t.clock.Now()
	t.changes = append(t.changes, recorded{serial: t.serial, at: now, change: change})

	old := 0
	for old < len(t.changes) && now.Sub(t.changes[old].at) > retention {
		old++
	}

	t.changes = slices.Delete(t.changes, 0, old)
}

// follow brings a change to the index: at once, or when the plan says. Changes
// of one row never overtake each other.
func (t *Table) follow(key table.Key, change table.Change) {
	now := t.clock.Now()
	due := now

	if t.plan.Next(OpIndex) == fault.Delay {
		due = now.Add(t.plan.Wait(OpIndex))
	}

	if last, lags := t.indexed[key]; lags && last.After(due) {
		due = last
	}

	t.indexed[key] = due
	t.lagging = append(t.lagging, lag{due: due, change: change})
	t.catchUp()
}

// catchUp lets the index see the changes that are due.
func (t *Table) catchUp() {
	now := t.clock.Now()
	waiting := t.lagging[:0]

	for _, late := range t.lagging {
		if late.due.After(now) {
			waiting = append(waiting, late)

			continue
		}

		if old := late.change.Old; old != nil && !old.Index.IsZero() {
			t.index.remove(old.Index.PK(), indexed(*old))
		}

		if row := late.change.New; row != nil && !row.Index.IsZero() {
			t.index.put(row.Index.PK(), indexed(*row), clone(*row))
		}
	}

	clear(t.lagging[len(waiting):])
	t.lagging = waiting

	if len(waiting) == 0 {
		clear(t.indexed)
	}
}

// Changes gives the changes behind the one whose ID is after ("" for all) in
// the order of their commits, like a DynamoDB stream: those of the last 24
// hours. It returns Invalid for an id that no change had.
func (t *Table) Changes(after string) ([]table.Change, error) {
	serial := int64(0)

	if after != "" {
		number, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, errs.Wrap(err, errs.Invalid, "read changes behind %q: it is not the id of a change", after)
		}

		serial = number
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	first, _ := slices.BinarySearchFunc(t.changes, serial+1, func(c recorded, s int64) int { return cmp.Compare(c.serial, s) })
	behind := make([]table.Change, 0, len(t.changes)-first)

	for _, change := range t.changes[first:] {
		behind = append(behind, copied(change.change))
	}

	return behind, nil
}

// Expire removes the rows whose time is over, as DynamoDB does at a moment of
// its own choice. Until then they are stored but count as absent.
func (t *Table) Expire() {
	t.mu.Lock()
	defer t.mu.Unlock()

	now := t.clock.Now()

	for _, row := range t.rows.all() {
		if row.Expired(now) {
			t.apply(row.Key, nil)
		}
	}
}

// All gives every live row in the order of its keys, past any fault: for the
// checks of tests and the simulation.
func (t *Table) All() []table.Row {
	t.mu.Lock()
	defer t.mu.Unlock()

	now := t.clock.Now()

	var live []table.Row

	for _, row := range t.rows.all() {
		if !row.Expired(now) {
			live = append(live, clone(row))
		}
	}

	return live
}

// live gives the stored row unless it has expired.
func (t *Table) live(key table.Key) *table.Row {
	row := t.rows.get(key.PK(), table.Position{PK: key.PK(), SK: key.SK()})
	if row == nil || row.Expired(t.clock.Now()) {
		return nil
	}

	return row
}
