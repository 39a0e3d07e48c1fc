package order

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Outcome says what a receipt has done.
type Outcome string

// The outcomes.
const (
	Settled Outcome = "settled" // the order is paid
	Counted Outcome = "counted" // this payment was counted before: nothing changed
	Late    Outcome = "late"    // the order was closed and its stock gone: the money is in the wallet
	Twice   Outcome = "twice"   // the order was paid before: the money is in the wallet
	Misfit  Outcome = "misfit"  // the amount is not what was asked: held in suspense, the owner is told
)

// The places of operations in the write of a settlement. Behind them come what
// a closed order takes off the shelf again, the units, and the outbox rows.
const (
	opOrder  = 0
	opCharge = 1
	opWallet = 3 // behind the entry: the line that takes the money out of the buyer's wallet
)

// Settle counts a confirmed payment of an order, once, in one transaction with
// everything that follows from it. Conflict, with a sentence for the buyer: the
// wallet that it was to be paid from holds too little, or the order is closed
// meanwhile. Unavailable: its units are not found for the moment, or too many
// rivals: settle again.
func (s *Service) Settle(ctx context.Context, ref Ref, receipt Receipt) (Outcome, error) {
	if receipt.Amount.Value < 0 {
		return "", errs.New(errs.Invalid, "settle order %s by %s: nobody pays less than nothing", ref.ID, receipt.Amount)
	}

	var failure error

	stocked := true // as far as we know

	for try := range rivalries {
		outcome, err := s.trySettle(ctx, ref, receipt, stocked, strconv.Itoa(try))

		switch {
		case errors.Is(err, errNoStock):
			stocked = false
		case !errors.Is(err, errRivals):
			return outcome, err
		}

		failure = err
	}

	return "", errs.Wrap(failure, errs.Unavailable, "settle order %s: others keep changing the same rows", ref.ID)
}

// errNoStock has a payment credited: what its order gave back is not there any more.
var errNoStock = errors.New("the stock is gone")

// settlement is what is written for a payment.
type settlement struct {
	before  Order
	order   Order // as it is to be
	receipt Receipt
	outcome Outcome
	now     time.Time

	shelf []table.Op // what a closed order takes again, or a disputed one gives back
	goods []table.Op // units that are bound
	tasks []task
	// lenient are counters that may be gone.
	lenient []table.Op
}

func (s *Service) trySettle(ctx context.Context, ref Ref, receipt Receipt, stocked bool, salt string) (Outcome, error) {
	found, err := s.Get(ctx, ref)
	if err != nil {
		return "", err
	}

	if receipt.Gateway == WalletGateway && found.State != Awaiting {
		return pastWallet(found)
	}

	made := settlement{
		before: found, order: found, receipt: receipt, outcome: found.outcomeOf(receipt, stocked), now: s.clock.Now(),
	}

	switch made.outcome {
	case Settled:
		err = s.settle(ctx, &made, salt)
	case Misfit:
		err = s.dispute(&made)
	case Late:
		made.credit("ordering.late", "ordering.late_stars")
	case Twice:
		made.credit("ordering.twice", "ordering.twice_stars")
	case Counted:
	}

	if err != nil {
		return "", err
	}

	return s.writeSettlement(ctx, made)
}

// pastWallet answers a payment from the wallet that comes when its order does
// not await one any more: no money has moved.
func pastWallet(order Order) (Outcome, error) {
	if order.Receipt != nil && order.Receipt.Gateway == WalletGateway {
		return Counted, nil
	}

	return "", errs.New(errs.Conflict, "pay order %s from the wallet: it is %s", order.ID, order.State).
		Tell("ordering.closed", nil)
}

// outcomeOf says what a payment does to the order; stocked is false where its
// stock is known to be gone.
func (o Order) outcomeOf(receipt Receipt, stocked bool) Outcome {
	_, fits := o.billOf(receipt)
	currency := receipt.Amount.Currency

	switch {
	case !fits && (o.State == Awaiting || (currency != money.Rupiah && currency != money.Stars)):
		return Misfit
	case o.State == Awaiting:
		return Settled
	case o.State == Disputed: // its owner decides; what comes now is the buyer's
		return Late
	case o.State.closed() && fits && (stocked || o.Kind == Deposit):
		return Settled
	case o.State.closed():
		return Late
	default:
		return Twice
	}
}

// billOf gives the bill that a receipt belongs to, and whether it is of what
// that asked for. A payment may be confirmed before its bill is noted here:
// then it must be of the order's total.
func (o Order) billOf(receipt Receipt) (Bill, bool) {
	for _, bill := range o.Bills {
		if bill.Gateway == receipt.Gateway && (bill.Transaction == receipt.Transaction || bill.Transaction == "") {
			return bill, receipt.Amount == bill.Amount
		}
	}

	return Bill{}, receipt.Amount == o.Total
}

// worth gives what a payment is worth to the order, and the fee in it that the
// store bears. What fits is worth the order's total, in the order's currency,
// whatever the gateway counts in.
func (o Order) worth(receipt Receipt) (money.Amount, int64) {
	if bill, fits := o.billOf(receipt); fits {
		return o.Total, bill.Cost
	}

	return receipt.Amount, 0
}

// settle makes the order paid: units are bound to it, and sent next.
func (s *Service) settle(ctx context.Context, made *settlement, salt string) error {
	order := &made.order

	if made.before.State.closed() {
		if err := s.takeAgain(ctx, made); err != nil {
			return err
		}
	}

	if err := s.bind(ctx, made, salt); err != nil {
		return err
	}

	order.State, order.PaidAt, order.Receipt, order.Reason = Paid, made.now, &made.receipt, ""
	order.Checks, order.Due = 0, made.now.Add(stuckAfter)

	made.tasks = append(made.tasks, task{message: Message{Task: SendGoods}})
	if order.toClose() {
		made.tasks = append(made.tasks, task{message: Message{Task: CloseBill}})
	}

	return nil
}

// takeAgain takes the stock and the limits that a closed order gave back.
func (s *Service) takeAgain(ctx context.Context, made *settlement) error {
	stock, err := s.stockOps(made.order, s.catalog.Reserve)
	if err != nil {
		return err
	}

	limits, err := limitOps(made.order, 1)
	if err != nil {
		return err
	}

	coupon := catalog.Coupon{Code: made.order.Coupon}
	if coupon.Code != "" {
		found, _, err := s.catalog.Coupon(ctx, made.order.Store, coupon.Code)
		if err != nil && !errs.Is(err, errs.NotFound) { // a coupon that is gone limits nobody
			return err
		}

		if err == nil {
			coupon = found
		}
	}

	used, err := s.couponOps(made.order.Store, made.order.User, coupon, false)
	made.shelf = slices.Concat(stock, limits, used)

	return err
}

// bind chooses the units of all lines.
func (s *Service) bind(ctx context.Context, made *settlement, salt string) error {
	order := &made.order
	order.Lines = slices.Clone(order.Lines)

	for at, line := range order.Lines {
		units, ops, err := s.catalog.Claim(ctx, catalog.ClaimOf{
			Store: order.Store, Product: line.Product, Order: order.ID, Salt: salt,
			Policy: line.Policy, Buyer: order.User, Count: line.Count,
		})

		switch {
		case errs.Is(err, errs.Conflict) && made.before.State.closed():
			return errors.Join(errNoStock, err)
		case errs.Is(err, errs.Conflict):
			// They are reserved, so they are there: the index that names them lags.
			// Should it not catch up, the clock closes the order, and the payment
			// is credited as a late one.
			return errs.Wrap(err, errs.Unavailable, "settle order %s: its units are not found yet", order.ID)
		case err != nil:
			return errs.Context(err, "settle order %s", order.ID)
		}

		made.goods = append(made.goods, ops...)

		order.Lines[at].Units = nil
		for _, unit := range units {
			order.Lines[at].Units = append(order.Lines[at].Units, unit.ID)
		}
	}

	return nil
}

// credit notes a payment that does not settle the order; Stars, which no
// wallet holds, go back to where they came from.
func (m *settlement) credit(notice, ofStars string) {
	const remembered = 10

	m.order.Credits = append(slices.Clone(m.order.Credits), Credit{m.receipt, m.outcome})
	m.order.Credits = m.order.Credits[max(0, len(m.order.Credits)-remembered):]

	amount, _ := m.before.worth(m.receipt)
	if amount.Currency == money.Stars {
		notice = ofStars
		m.tasks = append(m.tasks, task{message: Message{Task: PayBack, Receipt: &m.receipt}})
	}

	m.tasks = append(m.tasks, task{message: Message{
		Task: Notify, Text: notice, Args: map[string]any{
			"Order": m.order.Label(), "Amount": amount.Value, "Currency": amount.Currency,
		},
	}})
}

// dispute holds a payment of a wrong amount for the owner to decide. An order
// that awaits its payment ends, its stock is free again.
func (s *Service) dispute(made *settlement) error {
	made.credit("ordering.misfit", "ordering.misfit_stars")
	made.tasks = append(made.tasks, task{message: Message{
		Task: Notify, May: user.Adjust, Text: "ordering.misfit_owner", Args: map[string]any{
			"Order": made.order.Label(), "Gateway": made.receipt.Gateway,
			"Amount": made.receipt.Amount.Value, "Currency": made.receipt.Amount.Currency,
		},
	}})

	if made.before.State != Awaiting {
		return nil
	}

	follow, err := s.close(&made.order, Disputed, "misfit", made.now)
	made.shelf, made.lenient = follow.ops, follow.lenient
	made.tasks = append(made.tasks, follow.tasks...)

	return err
}

func (s *Service) writeSettlement(ctx context.Context, made settlement) (Outcome, error) {
	ref := made.order.Ref()

	row, err := chargeRow(ref, made.receipt, made.outcome, made.now)
	if err != nil {
		return "", err
	}

	entry, err := s.entry(made)
	if err != nil {
		return "", errs.Context(err, "settle order %s", ref.ID)
	}

	confirmed, err := made.confirmed()
	if err != nil {
		return "", errs.Context(err, "settle order %s", ref.ID)
	}

	_, err = s.write(ctx, &made.order, effects{
		ops:   slices.Concat([]table.Op{table.Create(row)}, entry, made.shelf, made.goods, confirmed),
		tasks: made.tasks, lenient: made.lenient,
	}, made.now)

	shelf := 1 + 1 + len(entry)

	switch {
	case err == nil:
		return made.outcome, nil
	case table.Refused(err, opCharge):
		return Counted, nil
	case table.Refused(err, opOrder):
		return "", errors.Join(errRivals, err)
	case made.receipt.Gateway == WalletGateway && len(entry) > 0 && table.Refused(err, opWallet):
		return "", errs.Wrap(err, errs.Conflict, "pay order %s from the wallet: it holds too little", ref.ID).
			Tell("ordering.balance_now", nil)
	case made.before.State.closed() && refusedWithin(err, shelf, shelf+len(made.shelf)):
		return "", errors.Join(errNoStock, err)
	case inTheWay(err):
		return "", errors.Join(errRivals, err)
	default:
		return "", errs.Context(err, "settle order %s", ref.ID)
	}
}

// confirmed gives the audit row of a payment that somebody of the store vouches
// for; none where its gateway does.
func (m *settlement) confirmed() ([]table.Op, error) {
	if m.receipt.By == 0 {
		return nil, nil
	}

	by := catalog.Editor{User: m.receipt.By, Role: m.receipt.Role, Cause: m.receipt.Gateway + " " + m.receipt.Transaction}
	record, err := recorded(m.before, by, "confirm_payment", "", m.now)

	return []table.Op{record}, err
}

// entry gives the operations that move the money of a payment; none for an
// order that costs nothing.
func (s *Service) entry(made settlement) ([]table.Op, error) {
	order, receipt := made.order, made.receipt

	amount, cost := made.before.worth(receipt)
	kind := string(made.outcome)
	to := wallet.Of(order.User)

	switch made.outcome {
	case Misfit:
		to = wallet.Suspense
	case Settled:
		if kind = string(order.Kind); order.Kind == Purchase {
			to = wallet.Sales
		}
	case Late, Twice, Counted:
		if amount.Currency != money.Rupiah {
			to = wallet.Suspense
		}
	}

	if amount.IsZero() {
		return nil, nil
	}

	from := wallet.Gateway(receipt.Gateway)
	if receipt.Gateway == WalletGateway {
		from = wallet.Of(order.User)
	}

	return s.ledger.Move(wallet.Entry{
		ID:    id.Derive("charge", order.Store, receipt.Gateway, receipt.Transaction),
		Store: order.Store, Kind: kind, Order: order.ID, At: made.now,
		Lines: lines(amount.Currency,
			posting{from, cost - amount.Value}, posting{wallet.Fees, -cost}, posting{to, amount.Value}),
	})
}

// posting is a line of an entry whose currency is given once.
type posting struct {
	account wallet.Account
	value   int64
}

// lines gives the lines of an entry without those that move nothing.
func lines(currency money.Currency, postings ...posting) []wallet.Line {
	var lines []wallet.Line

	for _, moved := range postings {
		if moved.value != 0 {
			lines = append(lines, wallet.Line{
				Account: moved.account, Amount: money.Amount{Value: moved.value, Currency: currency},
			})
		}
	}

	return lines
}
