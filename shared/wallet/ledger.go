package wallet

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
)

// Ledger keeps the entries and the balances of all stores.
//
// Rows of the state table: store#ID#ledger / entry#ENTRY is an entry (it must
// not exist before); store#ID#user#USER / wallet holds the counter balance in
// rupiah; store#ID#user#USER / statement#POSTING is a line of that person's
// statement.
type Ledger struct {
	state table.Table
	clock clock.Clock
}

// NewLedger makes the ledger over the state table.
func NewLedger(state table.Table, now clock.Clock) *Ledger {
	return &Ledger{state: state, clock: now}
}

const (
	entryKind     = "entry"
	walletKind    = "wallet"
	balance       = "balance" // the counter
	statementKind = "statement"
)

// Move gives the operations of an entry, that of the entry itself first. The
// write that they belong to fails with Conflict where the entry was written
// before or a wallet would fall below zero. Invalid where the lines do not sum
// to zero, name an account twice or mix currencies, or a wallet is to hold
// anything but rupiah.
func (l *Ledger) Move(entry Entry) ([]table.Op, error) {
	if err := entry.validate(); err != nil {
		return nil, err
	}

	tenant, err := table.TenantOf(entry.Store)
	if err != nil {
		return nil, err
	}

	body, err := table.Encode(entry)
	if err != nil {
		return nil, err
	}

	ops := []table.Op{table.Create(table.Row{Key: tenant.Partition("ledger").Key(entryKind, entry.ID), Body: body})}

	for _, line := range entry.Lines {
		user, ok := line.Account.user()
		if !ok {
			continue
		}

		posted, err := entry.posting(line)
		if err != nil {
			return nil, err
		}

		of := personOf(tenant, user)
		posted.Key = of.Key(statementKind, entry.place())
		ops = append(ops,
			table.Add(of.Key(walletKind), balance, line.Amount.Value, 0, money.Max), table.Create(posted))
	}

	return ops, nil
}

func personOf(tenant table.Tenant, user int64) table.Partition {
	return tenant.Partition("user", strconv.FormatInt(user, 10))
}

func (e Entry) validate() error {
	if e.ID == "" || e.Kind == "" || e.At.IsZero() || len(e.Lines) < 2 {
		return errs.New(errs.Invalid, "enter %q of kind %q with %d lines: give an id, a kind, a time and two lines or more",
			e.ID, e.Kind, len(e.Lines))
	}

	seen := map[Account]bool{}
	sum := money.Amount{Currency: e.Lines[0].Amount.Currency}

	for _, line := range e.Lines {
		_, person := line.Account.user()

		switch {
		case line.Account == "" || seen[line.Account] || line.Amount.IsZero():
			return errs.New(errs.Invalid, "enter %s: account %q is named twice, is empty or moves nothing", e.ID, line.Account)
		case person && line.Amount.Currency != money.Rupiah:
			return errs.New(errs.Invalid, "enter %s: wallets hold rupiah, not %s", e.ID, line.Amount)
		}

		seen[line.Account] = true

		var err error
		if sum, err = sum.Plus(line.Amount); err != nil {
			return errs.Context(err, "enter %s", e.ID)
		}
	}

	if !sum.IsZero() {
		return errs.New(errs.Invalid, "enter %s: its lines sum to %s instead of zero", e.ID, sum)
	}

	return nil
}

// place names the entry's line in a statement: it sorts by time.
func (e Entry) place() string { return table.Sortable(e.At) + "-" + e.ID }

func (e Entry) posting(line Line) (table.Row, error) {
	body, err := table.Encode(Posting{
		ID: e.place(), Kind: e.Kind, Order: e.Order, Reason: e.Reason, Amount: line.Amount, At: e.At,
	})

	return table.Row{Body: body}, err
}

// Balance gives what a person's wallet holds.
func (l *Ledger) Balance(ctx context.Context, store string, user int64) (money.Amount, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return money.Amount{}, err
	}

	row, err := l.state.Get(ctx, personOf(tenant, user).Key(walletKind))
	if err != nil && !errs.Is(err, errs.NotFound) { // not found: nothing was ever paid in
		return money.Amount{}, errs.Context(err, "read the balance of user %d", user)
	}

	return money.IDR(row.Counters[balance]), nil
}

// Statement gives lines of a person's wallet, the newest first, from behind the
// one after (empty: the newest), and whether there are more.
func (l *Ledger) Statement(
	ctx context.Context, store string, user int64, after string, limit int,
) ([]Posting, bool, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, false, err
	}

	of := personOf(tenant, user)

	var beside table.Key
	if after != "" {
		beside = of.Key(statementKind, after)
	}

	rows, more, err := table.Turn(ctx, l.state, table.Query{
		Partition: of, Prefix: table.SortPrefix(statementKind), Descending: true, Limit: limit,
	}, beside)
	if err != nil {
		return nil, false, errs.Context(err, "read the statement of user %d", user)
	}

	postings, err := table.DecodeAll[Posting](rows)

	return postings, more, err
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
	Role   string
	Cause  string
}

// Adjust corrects a balance, with its audit row; doing it again for the same
// cause changes nothing. Conflict with a sentence for the owner where the
// wallet would fall below zero; Invalid without a reason.
func (l *Ledger) Adjust(ctx context.Context, change Adjustment) error {
	if strings.TrimSpace(change.Reason) == "" {
		return errs.New(errs.Invalid, "adjust the balance of user %d: a reason is needed", change.User).
			Tell("ordering.no_reason", nil)
	}

	now := l.clock.Now()
	entry := Entry{
		ID:    id.Derive("adjust", change.Store, strconv.FormatInt(change.User, 10), change.Cause),
		Store: change.Store, Kind: "adjustment", Reason: change.Reason, At: now,
		Lines: []Line{
			{Adjustments, money.Amount{Value: -change.Amount.Value, Currency: change.Amount.Currency}},
			{Of(change.User), change.Amount},
		},
	}

	ops, err := l.Move(entry)
	if err != nil {
		return err
	}

	record, err := audit.Op(audit.Entry{
		ID: entry.ID, Store: change.Store, By: change.By, Role: change.Role, Action: "adjust",
		Target: "wallet " + strconv.FormatInt(change.User, 10), After: change.Amount.String(), Reason: change.Reason, At: now,
	})
	if err != nil {
		return err
	}

	err = l.state.Write(ctx, append(ops, record)...)

	switch {
	case errs.Is(err, errs.Conflict) && table.Refused(err, 0): // the entry is there: it was done before
		return nil
	case errs.Is(err, errs.Conflict):
		return errs.Wrap(err, errs.Conflict, "adjust the balance of user %d by %s: it would fall below zero",
			change.User, change.Amount).Tell("ordering.balance_below_zero", nil)
	case err != nil:
		return errs.Context(err, "adjust the balance of user %d", change.User)
	}

	return nil
}
