// Package wallet provides the ledger: money moves only by entries whose lines
// sum to zero, written in the transaction of what caused them, and people's
// balances are counters that never fall below zero.
package wallet

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/money"
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
func Of(user int64) Account { return Account(userPrefix + strconv.FormatInt(user, 10)) }

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

// userPrefix begins the accounts of people.
const userPrefix = "user-"

// user gives whose wallet the account is; false where it is nobody's.
func (a Account) user() (int64, bool) {
	text, ok := strings.CutPrefix(string(a), userPrefix)
	if !ok {
		return 0, false
	}

	user, err := strconv.ParseInt(text, 10, 64)

	return user, err == nil
}
