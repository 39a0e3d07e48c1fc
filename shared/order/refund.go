package order

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Refunding says who gives money back, and why.
type Refunding struct {
	By     int64
	Role   string
	Reason string
	// ToGateway gives the money back through the gateway. Only Stars go that
	// way, and always do: no wallet holds them.
	ToGateway bool
	Cause     string
}

// Refund gives the money of a paid order back: to the wallet, or Stars through
// Telegram; of a disputed order what is held in suspense. Units that were never
// sent are free again. For the same cause it is done once. Conflict where the
// order was not paid or is refunded already; Invalid without a reason, where
// the gateway takes nothing back, or for a deposit: that is in the wallet.
func (s *Service) Refund(ctx context.Context, ref Ref, refunding Refunding) (Order, error) {
	if refunding.Reason == "" || refunding.Cause == "" {
		return Order{}, errs.New(errs.Invalid, "refund order %s: give a reason and a cause", ref.ID).
			Tell("ordering.no_reason", nil)
	}

	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State == Refunded && order.Cause == refunding.Cause {
			return effects{}, errAsItIs
		}

		return s.refund(ctx, order, refunding, now)
	})
}

func (s *Service) refund(ctx context.Context, order *Order, refunding Refunding, now time.Time) (effects, error) {
	back, receipt, err := s.moneyBack(*order, refunding, now)
	if err != nil {
		return effects{}, err
	}

	record, err := audit.Op(audit.Entry{
		ID: id.Derive("refund", order.Store, order.ID), Store: order.Store, By: refunding.By, Role: refunding.Role,
		Action: "refund", Target: "order " + order.ID, Before: string(order.State), After: string(Refunded),
		Reason: refunding.Reason, At: now,
	})
	if err != nil {
		return effects{}, err
	}

	follow := effects{
		ops:   append(back, record),
		tasks: []task{{message: Message{Task: ShowOutcome}}},
	}

	if order.State != Disputed {
		if err := s.takeBack(ctx, order, &follow); err != nil {
			return effects{}, err
		}
	}

	if order.Reported {
		counted, err := countRefund(*order, now)
		if err != nil {
			return effects{}, err
		}

		follow.ops = append(follow.ops, counted...)
	}

	notice := "ordering.refunded"

	if receipt != nil {
		notice = "ordering.refunded_stars"
		follow.tasks = append(follow.tasks, task{message: Message{Task: PayBack, Receipt: receipt}})
	}

	follow.tasks = append(follow.tasks, task{message: Message{
		Task: Notify, Text: notice, Args: map[string]any{"Order": order.Label(), "Amount": refunded(*order).Value},
	}})

	order.State, order.Reason, order.Cause, order.Checks = Refunded, refunding.Reason, refunding.Cause, 0
	order.Due = secondLook(*order, now)

	return follow, nil
}

// refunded gives what a refund of an order gives back.
func refunded(order Order) money.Amount {
	if order.State != Disputed {
		return order.Total
	}

	sum := money.Amount{Currency: order.Total.Currency}

	for _, credit := range order.Credits {
		if credit.Outcome == Misfit && credit.Amount.Currency == sum.Currency {
			sum.Value += credit.Amount.Value
		}
	}

	return sum
}

// moneyBack gives the operations that move the money of an order back, and the
// receipt that is to be paid back at its gateway, where it is.
func (s *Service) moneyBack(order Order, refunding Refunding, now time.Time) ([]table.Op, *Receipt, error) {
	from := wallet.Sales

	switch order.State {
	case Paid, Delivering, Delivered:
	case Disputed:
		from = wallet.Suspense
	case Awaiting, Expired, Cancelled, Refunded:
		return nil, nil, errs.New(errs.Conflict, "refund order %s: it is %s", order.ID, order.State).
			Tell("ordering.not_paid", nil)
	}

	amount := refunded(order)
	stars := amount.Currency == money.Stars

	switch {
	case order.Kind == Deposit && order.State != Disputed:
		return nil, nil, errs.New(errs.Invalid, "refund order %s: a deposit is in the wallet already", order.ID).
			Tell("ordering.refund_deposit", nil)
	case refunding.ToGateway && !stars:
		return nil, nil, errs.New(errs.Invalid, "refund order %s through %s: only Stars go back that way", order.ID,
			order.Method).Tell("ordering.refund_gateway", nil)
	case stars && order.State == Disputed: // they went back when they came
		return nil, nil, errs.New(errs.Conflict, "refund order %s: its Stars are on their way back", order.ID).
			Tell("ordering.not_paid", nil)
	case amount.IsZero():
		return nil, nil, nil
	}

	to, receipt := wallet.Of(order.User), (*Receipt)(nil)
	if stars {
		to, receipt = wallet.Suspense, order.Receipt
	}

	ops, err := s.ledger.Move(wallet.Entry{
		ID: id.Derive("refund", order.Store, order.ID), Store: order.Store, Kind: "refund", Order: order.ID,
		Reason: refunding.Reason, At: now,
		Lines: lines(amount.Currency, posting{from, -amount.Value}, posting{to, amount.Value}),
	})

	return ops, receipt, err
}

// takeBack undoes what a paid order counts: limits, coupon, and the units where
// they were never sent.
func (s *Service) takeBack(ctx context.Context, order *Order, follow *effects) error {
	limits, err := limitOps(*order, -1)
	if err != nil {
		return err
	}

	follow.ops = append(follow.ops, limits...)

	follow.lenient, err = s.couponOps(order.Store, order.User, catalog.Coupon{Code: order.Coupon}, true)
	if err != nil || order.State != Paid {
		return err // those whose sending has begun may have been read
	}

	order.Lines = slices.Clone(order.Lines)

	for at, line := range order.Lines {
		ops, err := s.catalog.Return(ctx, catalog.ClaimOf{
			Store: order.Store, Product: line.Product, Order: order.ID,
			Policy: line.Policy, Buyer: order.User, Count: line.Count,
		}, line.Units)
		if err != nil {
			return errs.Context(err, "refund order %s", order.ID)
		}

		follow.ops = append(follow.ops, ops...)
		order.Lines[at].Units = nil
	}

	return nil
}

// PaidBack notes that a gateway has given a payment back, which was held in
// suspense for it. Noting it again changes nothing.
func (s *Service) PaidBack(ctx context.Context, ref Ref, receipt Receipt) error {
	ops, err := s.ledger.Move(wallet.Entry{
		ID:    id.Derive("paid back", ref.Store, receipt.Gateway, receipt.Transaction),
		Store: ref.Store, Kind: "paid_back", Order: ref.ID, At: s.clock.Now(),
		Lines: lines(receipt.Amount.Currency,
			posting{wallet.Suspense, -receipt.Amount.Value}, posting{wallet.Gateway(receipt.Gateway), receipt.Amount.Value}),
	})
	if err != nil {
		return err
	}

	if err := s.state.Write(ctx, ops...); err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "note that payment %s of order %s was given back", receipt.Transaction, ref.ID)
	}

	return nil
}

// Replace gives one more unit for one that does not work, within its warranty:
// the new one is bound and sent, with an audit row. For a unit it is done once.
// Conflict where the warranty is over, the unit was replaced before, or there
// is no other unit; NotFound where it is no unit of the order.
func (s *Service) Replace(ctx context.Context, ref Ref, unit string, by catalog.Editor) (Order, error) {
	try := 0

	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		try++

		at, err := order.replaceable(unit, now)
		if err != nil {
			return effects{}, err
		}

		line := order.Lines[at]

		if try > 1 { // it may be the last unit that somebody else has taken
			if err := s.replacement(ctx, *order, line); err != nil {
				return effects{}, err
			}
		}

		stock, err := s.catalog.Reserve(order.Store, line.Product, line.Policy, 1)
		if err != nil {
			return effects{}, err
		}

		units, claim, err := s.catalog.Claim(ctx, catalog.ClaimOf{
			Store: order.Store, Product: line.Product, Order: order.ID, Salt: id.Derive(unit, strconv.Itoa(try)),
			Policy: line.Policy, Buyer: order.User, Count: 1,
		})
		if errs.Is(err, errs.Conflict) {
			return effects{}, noReplacement(err, *order)
		}

		if err != nil {
			return effects{}, err
		}

		record, err := audit.Op(audit.Entry{
			ID: id.Derive("replace", order.Store, order.ID, unit), Store: order.Store, By: by.User, Role: by.Role,
			Action: "replace", Target: "order " + order.ID, Before: unit, After: units[0].ID, At: now,
		})
		if err != nil {
			return effects{}, err
		}

		order.Lines = slices.Clone(order.Lines)
		line.Units = append(slices.Clone(line.Units), units[0].ID)
		line.Claimed = append(slices.Clone(line.Claimed), unit)
		order.Lines[at] = line

		return effects{
			ops: append(append(stock, claim...), record),
			tasks: []task{{message: Message{
				Task: SendGoods, Cause: "replace " + unit, Product: line.Product, Units: []string{units[0].ID},
			}}},
		}, nil
	})
}

// replacement checks that there is a unit left to replace another.
func (s *Service) replacement(ctx context.Context, order Order, line Line) error {
	offer, err := s.catalog.Offer(ctx, order.Store, line.Product)
	if err == nil && offer.Available < 1 {
		return noReplacement(nil, order)
	}

	return err
}

func noReplacement(cause error, order Order) error {
	return errs.Wrap(cause, errs.Conflict, "replace a unit of order %s: there is no other", order.ID).
		Tell("ordering.no_replacement", nil)
}

// day is what a warranty is counted in.
const day = 24 * time.Hour

// replaceable gives the line whose unit may be replaced at a moment.
func (o Order) replaceable(unit string, now time.Time) (int, error) {
	at := slices.IndexFunc(o.Lines, func(line Line) bool { return slices.Contains(line.Units, unit) })

	switch {
	case at < 0:
		return 0, errs.New(errs.NotFound, "replace unit %s of order %s: it is none of its", unit, o.ID).
			Tell("ordering.no_unit", nil)
	case slices.Contains(o.Lines[at].Claimed, unit):
		return 0, errs.New(errs.Conflict, "replace unit %s of order %s: it was replaced", unit, o.ID).
			Tell("ordering.replaced", nil)
	case o.State != Delivered || !now.Before(o.WarrantyUntil(o.Lines[at])):
		return 0, errs.New(errs.Conflict, "replace unit %s of order %s: it has no warranty now", unit, o.ID).
			Tell("ordering.no_warranty", nil)
	}

	return at, nil
}

// WarrantyUntil gives when the warranty of a line ends; before the goods were
// delivered, and without a warranty, that is past.
func (o Order) WarrantyUntil(line Line) time.Time {
	if o.SentAt.IsZero() {
		return time.Time{}
	}

	return o.SentAt.Add(time.Duration(line.Warranty) * day)
}

// Resend has the goods of an order sent again: the same units, no others. For
// the same cause it is done once. Conflict where the order was not paid, or the
// money was given back.
func (s *Service) Resend(ctx context.Context, ref Ref, cause string) error {
	order, err := s.Get(ctx, ref)

	switch {
	case err != nil:
		return err
	case order.State == Delivered:
		return s.ask(ctx, queueOf(SendGoods), Message{Task: SendGoods, Ref: ref, Cause: cause}, "again", cause)
	case order.State == Paid || order.State == Delivering:
		return s.resume(ctx, ref)
	default:
		return errs.New(errs.Conflict, "send the goods of order %s again: it is %s", order.ID, order.State).
			Tell("ordering.not_paid", nil)
	}
}

// recentOrders is how far back goods that wait for a person are looked for.
const recentOrders = 50

// Resume has everything sent that waited for a person who had blocked the bot.
// Doing it again changes nothing.
func (s *Service) Resume(ctx context.Context, store string, user int64, _ string) error {
	orders, _, err := s.Turn(ctx, store, user, catalog.Place{Limit: recentOrders})
	if err != nil {
		return err
	}

	for _, order := range orders {
		if !order.Held {
			continue
		}

		if err := s.resume(ctx, order.Ref()); err != nil {
			return err
		}
	}

	return nil
}

// resume has goods sent that are on their way, or wait for their buyer.
func (s *Service) resume(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		switch {
		case order.State == Delivered && order.Held: // a replacement
			return visitEnded(order, now), nil
		case order.State != Paid && order.State != Delivering:
			return effects{}, errAsItIs
		}

		order.Held, order.Checks = false, 0
		order.Due = stuckLook(*order, now)

		return effects{tasks: []task{{message: Message{Task: SendGoods}}}}, nil
	})

	return err
}
