// Package wallet provides the ledger: money moves only by entries whose lines
// sum to zero, written in the transaction of what caused them, and people's
// balances are counters that never fall below zero.
package wallet

import (
	"context"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
)

// Account is where money is. Only wallets of people have a balance row.
type Account string

// The accounts of a store beside those of people.
const (
	Sales       Account = "sales"       // what was sold
	Fees        Account = "fees"        // of gateways that the store bears
	Suspense    Account = "suspense"    // was received and fits nothing: the owner decides
	Adjustments Account = "adjustments" // the owner's corrections
)

// Of gives the wallet of a person.
func Of(user int64) Account { return Account("user-" + strconv.FormatInt(user, 10)) }

// Gateway gives the account of what a payment gateway owes the store.
func Gateway(name string) Account { return Account("gateway-" + name) }

// Line moves money into an account, or out of it where Amount is negative.
type Line struct {
	Account Account      `json:"account"`
	Amount  money.Amount `json:"amount"`
}

// Entry is one movement of money.
type Entry struct {
	ID     string    `json:"id"` // derived from its cause: the same cause moves money once
	Store  string    `json:"store"`
	Kind   string    `json:"kind"` // "purchase", "deposit", "refund", "late", "twice", "adjustment", …: a text of the statement
	Order  string    `json:"order,omitempty"`
	Reason string    `json:"reason,omitempty"` // of an adjustment
	Lines  []Line    `json:"lines"`
	At     time.Time `json:"at"`
}

// Ledger keeps the entries and the balances of all stores.
//
// Rows of the state table: store#ID#ledger#DAY / entry#ENTRY is an entry (it
// must not exist before); store#ID#user#USER / wallet holds the counter
// balance in rupiah; store#ID#user#USER / statement#TIME#ENTRY is a line of
// that person's statement.
type Ledger struct {
	state table.Table
	clock clock.Clock
}

// NewLedger makes the ledger over the state table.
func NewLedger(state table.Table, now clock.Clock) *Ledger {
	return &Ledger{state: state, clock: now}
}

// Move gives the operations of an entry. The write that they belong to fails
// with Conflict where the entry was written before or a wallet would fall
// below zero. Invalid where the lines do not sum to zero, currencies mix, or a
// wallet is to hold anything but rupiah.
func (l *Ledger) Move(_ Entry) ([]table.Op, error) { panic("core builds this") }

// Balance gives what a person's wallet holds.
func (l *Ledger) Balance(_ context.Context, _ string, _ int64) (money.Amount, error) {
	panic("core builds this")
}

// Statement gives lines of a person's wallet, the newest first, from behind the
// one after (empty: the newest), and whether there are more.
func (l *Ledger) Statement(_ context.Context, _ string, _ int64, _ string, _ int) ([]Posting, bool, error) {
	panic("core builds this")
}

// Posting is a line of a statement.
type Posting struct {
	ID     string       `json:"id"` // names its place in the statement
	Kind   string       `json:"kind"`
	Order  string       `json:"order,omitempty"`
	Reason string       `json:"reason,omitempty"`
	Amount money.Amount `json:"amount"`
	At     time.Time    `json:"at"`
}

// Adjustment is the owner's correction of a balance.
type Adjustment struct {
	Store  string
	User   int64
	Amount money.Amount // may be negative
	Reason string
	By     int64
	Cause  string
}

// Adjust corrects a balance, with its audit row. Conflict with a sentence for
// the owner where the wallet would fall below zero; Invalid without a reason.
func (l *Ledger) Adjust(_ context.Context, _ Adjustment) error { panic("core builds this") }
