package payment

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/order"
)

// look asks the gateway about the transaction that a notification names, and
// settles it where the gateway confirms it. What is pending is asked about
// again after a while that grows, a few times; then it is left to the clock.
func (d *Desk) look(ctx context.Context, job job) error {
	gateway, transaction := job.message.Gateway, job.message.Transaction
	if job.order.Counted(gateway, transaction) {
		return nil // a replay costs the gateway nothing
	}

	_, err := d.ask(ctx, job, gateway, transaction)

	switch errs.CodeOf(err) {
	case "":
		return nil
	case errs.NotFound:
		slog.WarnContext(ctx, "dropped: the gateway knows no such transaction", "gateway", gateway, "error", err)

		return nil
	case errs.Limited, errs.Unavailable:
		again, failure := d.again(ctx, job, maxAsks, errs.RetryAfter(err))
		if !again {
			slog.WarnContext(ctx, "payment not confirmed yet: left to the clock", "gateway", gateway, "error", err)
		}

		return failure
	default:
		return err
	}
}

// check asks about all bills of an order; one whose deadline has passed and
// that nobody has paid expires.
func (d *Desk) check(ctx context.Context, job job) error {
	if _, billed := job.order.Bill(); !billed && job.order.State == order.Awaiting && d.Clock.Now().Before(job.order.Deadline) {
		return d.bill(ctx, job) // the message that should have made it was lost
	}

	answered := true

	for _, bill := range job.order.Bills {
		if !bill.Outside() || job.order.Counted(bill.Gateway, bill.Transaction) {
			continue
		}

		state, err := d.ask(ctx, job, bill.Gateway, bill.Transaction)

		switch {
		case err == nil && state == Completed:
			return nil // counted; another bill that is paid too is found when it is closed
		case err == nil, errs.Is(err, errs.NotFound), state == Pending: // it says that nobody has paid
		case errs.Retryable(err):
			answered = false

			slog.WarnContext(ctx, "bill not checked", "gateway", bill.Gateway, "error", err)
		default:
			return err
		}
	}

	now := d.Clock.Now()
	if job.order.State != order.Awaiting || now.Before(job.order.Deadline) {
		return nil
	}

	if !answered && now.Before(job.order.Deadline.Add(order.Grace)) {
		return nil // the clock asks again
	}

	return d.Orders.Expire(ctx, job.order.Ref())
}

// ask asks a gateway about a transaction of an order and settles it where it is
// paid. Unavailable: it is pending, or not to be judged yet.
func (d *Desk) ask(ctx context.Context, job job, gateway, transaction string) (StatusState, error) {
	at, ok := d.Till.By(gateway)
	account, has := job.of.Shop.At(gateway)

	if !ok || !has {
		return "", errs.New(errs.NotFound, "ask about transaction %s: the store has no gateway %q", transaction, gateway)
	}

	status, err := d.status(ctx, job, at, transaction)
	if err != nil {
		return "", err
	}

	switch status.State {
	case Completed:
	case Ended:
		return Ended, nil
	case Pending:
		return Pending, errs.New(errs.Unavailable, "transaction %s at %s is pending", transaction, gateway)
	default:
		return "", errs.New(errs.Internal, "transaction %s at %s is in state %q", transaction, gateway, status.State)
	}

	switch {
	case status.Reference != job.order.Ref().Reference(), status.Transaction != transaction:
		d.Metrics.Put("PaymentLies", 1, metric.Count, metric.Dimensions{"Gateway": gateway})

		return "", errs.New(errs.NotFound, "transaction %s at %s is %s of %q: not of this order",
			transaction, gateway, status.Transaction, status.Reference)
	case status.Sandbox && !account.Sandbox:
		d.Metrics.Put("PaymentLies", 1, metric.Count, metric.Dimensions{"Gateway": gateway})

		return "", errs.New(errs.NotFound, "transaction %s at %s is of its test mode, which does not count here",
			transaction, gateway)
	case !billed(job.order, gateway, transaction) && status.Amount != job.order.Total && job.message.Try < maxAsks/2:
		return "", errs.New(errs.Unavailable, "transaction %s at %s is of %s: its bill is not noted yet",
			transaction, gateway, status.Amount)
	}

	paidAt := status.At
	if paidAt.IsZero() {
		paidAt = d.Clock.Now()
	}

	return Completed, d.settle(ctx, job, order.Receipt{
		Gateway: gateway, Transaction: transaction, Amount: status.Amount, At: paidAt,
	})
}

func billed(of order.Order, gateway, transaction string) bool {
	for _, bill := range of.Bills {
		if bill.Gateway == gateway && bill.Transaction == transaction {
			return true
		}
	}

	return false
}

func (d *Desk) status(ctx context.Context, job job, gateway Gateway, transaction string) (Status, error) {
	calling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	status, err := gateway.Status(calling, job.of, transaction)
	d.Till.Report(ctx, job.of, gateway.Name(), err)

	return status, err
}

// close cancels the bills of an order that are not to be paid any more. One
// that was paid all the same is counted.
func (d *Desk) close(ctx context.Context, job job) error {
	var failure error

	for _, bill := range job.order.Bills {
		if job.order.State == order.Awaiting || !bill.Open(job.order) {
			continue
		}

		if err := d.closeBill(ctx, job, bill); err != nil {
			failure = err
		}
	}

	if failure == nil {
		return nil
	}

	again, err := d.again(ctx, job, maxCloses, errs.RetryAfter(failure))
	if !again {
		// The clock looks for late payments, and the gateway ends it by itself.
		slog.WarnContext(ctx, "bill not closed at its gateway", "error", failure)
	}

	return err
}

func (d *Desk) closeBill(ctx context.Context, job job, bill order.Bill) error {
	gateway, ok := d.Till.By(bill.Gateway)
	if !ok {
		return nil
	}

	err := d.cancel(ctx, job, gateway, bill.Transaction)
	if errs.Is(err, errs.Conflict) { // it was paid
		_, err = d.ask(ctx, job, bill.Gateway, bill.Transaction)

		return err
	}

	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}

	return d.Orders.Closed(ctx, job.order.Ref(), bill.Gateway, bill.Transaction)
}

func (d *Desk) cancel(ctx context.Context, job job, gateway Gateway, transaction string) error {
	calling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	err := gateway.Cancel(calling, job.of, transaction)
	d.Till.Report(ctx, job.of, gateway.Name(), err)

	return err
}

// payBack gives a payment back where it came from.
func (d *Desk) payBack(ctx context.Context, job job) error {
	receipt := job.message.Receipt
	if receipt == nil {
		return errs.New(errs.Invalid, "the message has no receipt")
	}

	by := d.refunder(receipt.Gateway)
	if by == nil {
		return errs.New(errs.Invalid, "%s gives nothing back", receipt.Gateway)
	}

	calling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	err := by.Refund(calling, job.of, *receipt, job.order.User)
	if err != nil && !errs.Retryable(err) {
		slog.ErrorContext(ctx, "payment not given back, and never will be", "transaction", receipt.Transaction, "error", err)

		return d.Orders.Unreturned(ctx, job.order, *receipt)
	}

	if err != nil {
		return err
	}

	slog.InfoContext(ctx, "payment given back", "gateway", receipt.Gateway, "transaction", receipt.Transaction,
		"amount", receipt.Amount.String(), "after", d.Clock.Now().Sub(receipt.At).Round(time.Second))

	return d.Orders.PaidBack(ctx, job.order.Ref(), *receipt)
}

func (d *Desk) refunder(gateway string) Refunder {
	if gateway == order.StarsGateway {
		return d.Stars
	}

	if at, ok := d.Till.By(gateway); ok {
		if by, ok := at.(Refunder); ok {
			return by
		}
	}

	return nil
}
