package payment

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
)

// Refunder is a way of money back: a gateway that offers it, or Telegram for Stars.
type Refunder interface {
	// Refund gives back what a receipt says, once however often it is called.
	// Invalid, NotFound, Unauthorized, Conflict: it never will.
	Refund(ctx context.Context, of store.Store, receipt order.Receipt, user int64) error
}

// DeskOptions are what a Desk needs. All but Metrics are required.
type DeskOptions struct {
	Orders  *order.Service
	Stores  *store.Registry
	Till    Till
	Stars   Refunder // of payments whose gateway is order.StarsGateway
	Clock   clock.Clock
	Metrics *metric.Emitter // counts Settlements by Outcome, Bills by Gateway
}

// Desk does the work of the payments queue: it makes bills, asks the gateways,
// and settles what they confirm.
type Desk struct{ DeskOptions }

// NewDesk makes the desk.
func NewDesk(options DeskOptions) *Desk { return &Desk{options} }

const (
	// patience bounds one call of a gateway.
	patience = 8 * time.Second
	// Questions about a payment that is pending are asked again after
	// firstWait, each time twice as long; then they are left to the clock.
	// After maxAsks tries, some 20 minutes have passed.
	firstWait = 5 * time.Second
	maxAsks   = 8
	// maxBills is how often a bill is tried to be made where all gateways
	// fail, maxCloses how often one is tried to be closed.
	maxBills  = 3
	maxCloses = 5
)

// Handle does one task of an order. A gateway's lie, a stranger's or another
// store's transaction, a wrong amount: nothing settles that its Status has not
// confirmed in full. An error has the message come again.
func (d *Desk) Handle(ctx context.Context, delivery queue.Delivery) error {
	var message order.Message
	if err := json.Unmarshal(delivery.Body, &message); err != nil {
		return errs.Wrap(err, errs.Invalid, "read a message of the payments queue")
	}

	ctx = logging.With(ctx, logging.Store, message.Store, logging.Order, message.ID)

	of, err := d.Stores.Get(ctx, message.Store)
	if err != nil {
		return errs.Context(err, "%s of order %s", message.Task, message.ID)
	}

	found, err := d.Orders.Get(ctx, message.Ref)
	if errs.Is(err, errs.NotFound) {
		// A stranger's reference, or another store's: nothing of ours.
		slog.WarnContext(ctx, "dropped: the store has no such order", "task", message.Task, "gateway", message.Gateway)

		return nil
	}

	if err != nil {
		return err
	}

	if err := d.do(ctx, job{of: of, order: found, message: message}); err != nil {
		return errs.Context(err, "%s of order %s", message.Task, message.ID)
	}

	return nil
}

// job is one message with what it is about.
type job struct {
	of      store.Store
	order   order.Order
	message order.Message
}

func (d *Desk) do(ctx context.Context, job job) error {
	switch job.message.Task {
	case order.MakeBill:
		return d.bill(ctx, job)
	case order.CheckBill:
		return d.check(ctx, job)
	case order.CloseBill:
		return d.close(ctx, job)
	case order.PayBack:
		return d.payBack(ctx, job)
	case order.TakeNotice:
		return d.look(ctx, job)
	case order.TakeStars, order.TakeManual:
		if job.message.Receipt == nil {
			return errs.New(errs.Invalid, "the message has no receipt")
		}

		return d.settle(ctx, job, *job.message.Receipt)
	case order.ShowBill, order.ShowOutcome, order.SendGoods, order.SendTerms, order.Notify:
	}

	return errs.New(errs.Invalid, "the payments queue has no task %q", job.message.Task)
}

// bill makes a bill for an order that has none, at the first gateway that makes
// one; where every one fails, again in a while, and in the end the order is
// to be paid by hand, or given up where the store does not take that. What is paid from the wallet, or costs nothing, is settled at once.
func (d *Desk) bill(ctx context.Context, job job) error {
	_, billed := job.order.Bill()
	if job.order.State != order.Awaiting || billed {
		return nil
	}

	total := job.order.Total

	switch method := Method(job.order.Method); {
	case method == Wallet || total.IsZero():
		return d.takeWallet(ctx, job)
	case method == Stars:
		return d.billed(ctx, job, order.Bill{Gateway: order.StarsGateway, Method: string(Stars)})
	case method == Manual:
		return d.billed(ctx, job, order.Bill{Gateway: order.ManualGateway, Method: string(Manual)})
	default:
		return d.billOutside(ctx, job, method)
	}
}

func (d *Desk) takeWallet(ctx context.Context, job job) error {
	err := d.settle(ctx, job, order.Receipt{
		Gateway: order.WalletGateway, Transaction: job.order.ID, Amount: job.order.Total, At: d.Clock.Now(),
	})
	if !errs.Is(err, errs.Conflict) {
		return err
	}

	slog.InfoContext(ctx, "order cancelled: the wallet does not pay it", "error", err)

	_, err = d.Orders.Cancel(ctx, job.order.Ref(), order.ReasonBalance)
	if errs.Is(err, errs.Conflict) {
		return nil // somebody else has closed it
	}

	return err
}

// billed notes a bill that needs no gateway outside.
func (d *Desk) billed(ctx context.Context, job job, bill order.Bill) error {
	bill.Amount, bill.Until = job.order.Total, job.order.Deadline

	_, err := d.Orders.Billed(ctx, job.order.Ref(), bill)

	return err
}

func (d *Desk) billOutside(ctx context.Context, job job, method Method) error {
	for _, gateway := range d.Till.Choose(ctx, job.of, method, job.order.Total) {
		bill, err := d.billAt(ctx, job, gateway, method)
		if err != nil {
			slog.WarnContext(ctx, "no bill from a gateway", "gateway", gateway.Name(), "error", err)

			continue
		}

		d.Metrics.Put("Bills", 1, metric.Count, metric.Dimensions{"Gateway": gateway.Name()})

		_, err = d.Orders.Billed(ctx, job.order.Ref(), bill)

		return err
	}

	if again, err := d.again(ctx, job, maxBills, 0); again {
		return err
	}

	if len(job.of.Shop.Manual) > 0 {
		slog.ErrorContext(ctx, "no gateway makes a bill: the order is to be paid by hand", "method", method)

		return d.billed(ctx, job, order.Bill{Gateway: order.ManualGateway, Method: string(Manual)})
	}

	slog.ErrorContext(ctx, "order cancelled: no gateway makes a bill", "method", method)

	_, err := d.Orders.Cancel(ctx, job.order.Ref(), order.ReasonUnbilled)
	if errs.Is(err, errs.Conflict) {
		return nil
	}

	return err
}

func (d *Desk) billAt(ctx context.Context, job job, gateway Gateway, method Method) (order.Bill, error) {
	calling, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	bill, err := gateway.Bill(calling, Invoice{
		Store: job.of, Reference: job.order.Ref().Reference(), Method: method, Amount: job.order.Total,
		Title: job.of.Name + " #" + job.order.Label(), Until: job.order.Deadline,
	})
	d.Till.Report(ctx, job.of, gateway.Name(), err)

	if err == nil && bill.Transaction == "" {
		err = errs.New(errs.Unavailable, "gateway %s made a bill without a transaction", gateway.Name())
	}

	bill.Gateway, bill.Method = gateway.Name(), job.order.Method

	return bill, err
}

// again has the message come once more after a while that grows, or after wait
// where that is longer; false after most tries.
func (d *Desk) again(ctx context.Context, job job, most int, wait time.Duration) (bool, error) {
	if job.message.Try >= most {
		return false, nil
	}

	next := job.message
	next.Try++

	return true, d.Orders.Again(ctx, next, min(max(firstWait<<job.message.Try, wait), queue.MaxDelay))
}

// settle counts a payment that was confirmed.
func (d *Desk) settle(ctx context.Context, job job, receipt order.Receipt) error {
	outcome, err := d.Orders.Settle(ctx, job.order.Ref(), receipt)
	if err != nil {
		return err
	}

	level := slog.LevelInfo
	if outcome == order.Misfit {
		level = slog.LevelWarn
	}

	slog.Log(ctx, level, "payment counted", "outcome", outcome, "gateway", receipt.Gateway,
		"transaction", receipt.Transaction, "amount", receipt.Amount.String())
	d.Metrics.Put("Settlements", 1, metric.Count, metric.Dimensions{"Outcome": string(outcome)})

	return nil
}
