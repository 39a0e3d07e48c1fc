package order

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/user"
)

// Cancel gives up an order that awaits its payment, puts its stock back and
// has the gateway told; doing it again changes nothing. Conflict where the
// order is past that. reason is a word for the record.
func (s *Service) Cancel(ctx context.Context, ref Ref, reason string) (Order, error) {
	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		switch order.State {
		case Cancelled:
			return effects{}, errAsItIs
		case Awaiting:
			return s.close(order, Cancelled, reason, now)
		case Paid, Delivering, Delivered, Expired, Refunded, Disputed:
		}

		return effects{}, errs.New(errs.Conflict, "cancel order %s: it is %s", order.ID, order.State).
			Tell("ordering.past_cancel", nil)
	})
}

// Expire closes an order whose deadline has passed and puts its stock back;
// one that does not await its payment any more is left as it is. Conflict
// where the deadline has not passed. The caller has asked the gateway first.
func (s *Service) Expire(ctx context.Context, ref Ref) error {
	_, err := s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State != Awaiting {
			return effects{}, errAsItIs
		}

		if now.Before(order.Deadline) {
			return effects{}, errs.New(errs.Conflict, "expire order %s: its deadline is %s", order.ID,
				order.Deadline.Format(time.RFC3339))
		}

		return s.close(order, Expired, "deadline", now)
	})

	return err
}

// close gives up an order that awaits its payment.
func (s *Service) close(order *Order, state State, reason string, now time.Time) (effects, error) {
	stock, err := s.stockOps(*order, s.catalog.Release)
	if err != nil {
		return effects{}, err
	}

	limits, err := limitOps(*order, -1)
	if err != nil {
		return effects{}, err
	}

	used, err := s.couponOps(order.Store, order.User, catalog.Coupon{Code: order.Coupon}, true)
	if err != nil {
		return effects{}, err
	}

	order.State, order.Reason, order.Checks = state, reason, 0
	order.Due = lateLook(*order, now)

	tasks := []task{{message: Message{Task: ShowOutcome}}}
	if reason == ReasonBalance {
		tasks = append(tasks, task{message: Message{Task: Notify, Text: "ordering.balance_now"}})
	}

	if order.toClose() {
		tasks = append(tasks, task{message: Message{Task: CloseBill}})
	}

	return effects{tasks: tasks, ops: append(stock, limits...), lenient: used}, nil
}

// Reasons why the payments worker cancels an order.
const (
	ReasonBalance  = "balance"  // the wallet holds too little
	ReasonUnbilled = "unbilled" // no gateway makes a bill
)

// toClose reports whether a bill could still be paid that should not be.
func (o Order) toClose() bool {
	for _, bill := range o.Bills {
		if bill.Open(o) {
			return true
		}
	}

	return false
}

// Open reports whether the bill may still be cancelled at a gateway outside.
func (b Bill) Open(of Order) bool {
	return b.Outside() && !b.Closed && !of.Counted(b.Gateway, b.Transaction)
}

// Outside reports whether the bill lies with a gateway that can be asked about it.
func (b Bill) Outside() bool {
	return b.Transaction != "" && b.Gateway != WalletGateway && b.Gateway != ManualGateway && b.Gateway != StarsGateway
}

// Billed records a bill that a gateway has made and has it shown. Recording it
// again changes nothing. A bill that comes when the order is closed is recorded
// too, and cancelled at its gateway.
func (s *Service) Billed(ctx context.Context, ref Ref, bill Bill) (Order, error) {
	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		for _, known := range order.Bills {
			if known.Gateway == bill.Gateway && known.Method == bill.Method && known.Transaction == bill.Transaction {
				return effects{}, errAsItIs
			}
		}

		bills := make([]Bill, 0, len(order.Bills)+1)
		order.Bills = append(append(bills, order.Bills...), bill)

		if order.State == Awaiting {
			return effects{tasks: []task{{message: Message{Task: ShowBill}}}}, nil
		}

		if order.State.closed() && order.Due.IsZero() {
			order.Due = lateLook(*order, now)
		}

		if !bill.Open(*order) {
			return effects{}, nil
		}

		return effects{tasks: []task{{message: Message{Task: CloseBill}}}}, nil
	})
}

// Closed notes that a bill was cancelled at its gateway.
func (s *Service) Closed(ctx context.Context, ref Ref, gateway, transaction string) error {
	_, err := s.move(ctx, ref, func(order *Order, _ time.Time) (effects, error) {
		bills := make([]Bill, 0, len(order.Bills))
		changed := false

		for _, bill := range order.Bills {
			if bill.Gateway == gateway && bill.Transaction == transaction && !bill.Closed {
				bill.Closed, changed = true, true
			}

			bills = append(bills, bill)
		}

		if !changed {
			return effects{}, errAsItIs
		}

		order.Bills = bills

		return effects{}, nil
	})

	return err
}

// provenFor is how long an order waits for somebody to look at the proof of
// its payment.
const provenFor = 24 * time.Hour

// Prove notes the picture with which a buyer shows a manual payment, and has
// those told who may confirm it; the order waits 24 hours for them. Conflict
// where the order does not await a payment.
func (s *Service) Prove(ctx context.Context, ref Ref, proof string) (Order, error) {
	return s.move(ctx, ref, func(order *Order, now time.Time) (effects, error) {
		if order.State != Awaiting {
			return effects{}, errs.New(errs.Conflict, "prove the payment of order %s: it is %s", order.ID, order.State).
				Tell("ordering.closed", nil)
		}

		if order.Proof == proof {
			return effects{}, errAsItIs
		}

		order.Proof, order.Deadline = proof, now.Add(provenFor)

		return effects{tasks: []task{{message: Message{
			Task: Notify, May: user.ConfirmPayment, Text: "ordering.proof",
			Args:  map[string]any{"ID": order.ID, "Order": order.Label(), "User": order.User, "Amount": order.Total.Value},
			Photo: proof,
		}}}}, nil
	})
}
