// Package audit provides the record of who changed what: one row for every
// change of configuration, price, stock, role or balance, written in the
// transaction of the change. Rows are only ever added.
package audit

import (
	"context"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Entry is one change. It never holds goods, keys or what people submit.
type Entry struct {
	ID     string    `json:"id"`    // derived from the cause of the change
	Store  string    `json:"store"` // empty: the platform
	By     int64     `json:"by"`    // Telegram user id; 0: the operator's command line
	Role   string    `json:"role"`  // in which the person did it
	Action string    `json:"action"`
	Target string    `json:"target"` // kind and id: "product 01H…"
	Before string    `json:"before,omitempty"`
	After  string    `json:"after,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

const (
	kind = "entry"
	// monthForm names the partition of a month, timeForm the place in it:
	// both sort as the moments do.
	monthForm = "2006-01"
	timeForm  = "20060102T150405.000"
)

// Op gives the operation that records the entry; it belongs into the Write
// that makes the change. Invalid where the entry has no id or no time.
func Op(entry Entry) (table.Op, error) {
	tenant, err := tenantOf(entry.Store)
	if err != nil {
		return table.Op{}, errs.Context(err, "record %s of %s", entry.Action, entry.Target)
	}

	if entry.ID == "" || entry.At.IsZero() {
		return table.Op{}, errs.New(errs.Invalid, "record %s of %s: give the entry an id and a time", entry.Action, entry.Target)
	}

	body, err := table.Encode(entry)
	if err != nil {
		return table.Op{}, err
	}

	return table.Create(table.Row{Key: keyOf(tenant, entry.At, entry.ID), Body: body}), nil
}

func tenantOf(store string) (table.Tenant, error) {
	if store == "" {
		return table.Platform(), nil
	}

	return table.TenantOf(store)
}

func month(tenant table.Tenant, at time.Time) table.Partition {
	return tenant.Partition("audit", at.UTC().Format(monthForm))
}

func keyOf(tenant table.Tenant, at time.Time, id string) table.Key {
	return month(tenant, at).Key(kind, at.UTC().Format(timeForm), id)
}

// Place names the entry's place in the log: what Page goes on from. It has 24
// characters and the id's, no separator of a button's fields.
func (e Entry) Place() string { return e.At.UTC().Format(timeForm) + "_" + e.ID }

// Log reads what was recorded.
type Log struct {
	state table.Table
	clock clock.Clock
}

// NewLog makes a log over the state table.
func NewLog(state table.Table, now clock.Clock) *Log { return &Log{state: state, clock: now} }

// monthsBack is how many months Page looks through at most without finding an entry.
const monthsBack = 24

// Page gives entries of a store, or with an empty one of the platform, the newest first, from behind the one whose
// Place is after (empty: the newest), and whether there are more. Invalid
// where after is no place. It ends where two years hold nothing.
func (l *Log) Page(ctx context.Context, store, after string, limit int) ([]Entry, bool, error) {
	tenant, err := tenantOf(store)
	if err != nil {
		return nil, false, err
	}

	// Clocks differ: the newest entry may be of a month that has not begun here.
	at := l.clock.Now().Add(time.Hour)
	query := table.Query{Prefix: table.SortPrefix(kind), Descending: true}

	if after != "" {
		moment, id, ok := strings.Cut(after, "_")
		if at, err = time.Parse(timeForm, moment); err != nil || !ok {
			return nil, false, errs.New(errs.Invalid, "turn the pages of the audit log: %q is no place in it", after)
		}

		beside := keyOf(tenant, at, id)
		if query.Cursor, err = (table.Position{PK: beside.PK(), SK: beside.SK()}).Cursor(); err != nil {
			return nil, false, err
		}
	}

	var found []Entry

	for empty := 0; empty < monthsBack; empty++ {
		query.Partition = month(tenant, at)

		before := len(found)
		if found, err = l.monthOf(ctx, query, found, limit+1); err != nil {
			return nil, false, errs.Context(err, "read the audit log of %s, %s", store, at.Format(monthForm))
		}

		if len(found) > limit {
			return found[:limit], true, nil
		}

		if len(found) > before {
			empty = 0
		}

		query.Cursor = ""
		at = time.Date(at.Year(), at.Month(), 0, 0, 0, 0, 0, time.UTC) // the last day of the month before
	}

	return found, false, nil
}

// monthOf adds the entries of one month until there are enough.
func (l *Log) monthOf(ctx context.Context, query table.Query, found []Entry, enough int) ([]Entry, error) {
	for len(found) < enough {
		query.Limit = enough - len(found)

		page, err := l.state.Query(ctx, query)
		if err != nil {
			return nil, err
		}

		entries, err := table.DecodeAll[Entry](page.Rows)
		if err != nil {
			return nil, err
		}

		found = append(found, entries...)

		if query.Cursor = page.Next; query.Cursor == "" {
			break
		}
	}

	return found, nil
}
