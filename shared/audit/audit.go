// Package audit provides the record of who changed what: one row for every
// change of configuration, price, stock, role or balance, written in the
// transaction of the change. Rows are only ever added.
package audit

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/table"
)

// Entry is one change. It never holds goods, keys or what people submit.
type Entry struct {
	ID     string    `json:"id"` // derived from the cause of the change
	Store  string    `json:"store"`
	By     int64     `json:"by"`   // Telegram user id; 0: the operator's command line
	Role   string    `json:"role"` // in which the person did it
	Action string    `json:"action"`
	Target string    `json:"target"` // kind and id: "product 01H…"
	Before string    `json:"before,omitempty"`
	After  string    `json:"after,omitempty"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Op gives the operation that records the entry; it belongs into the Write
// that makes the change.
func Op(_ Entry) (table.Op, error) { panic("catalog builds this") }

// Log reads what was recorded.
type Log struct{ state table.Table }

// NewLog makes a log over the state table.
func NewLog(state table.Table) *Log { return &Log{state: state} }

// Page gives entries of a store, the newest first, from behind the entry after
// (empty: the newest), and whether there are more.
func (l *Log) Page(_ context.Context, _, _ string, _ int) ([]Entry, bool, error) {
	panic("catalog builds this")
}
