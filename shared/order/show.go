package order

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
)

const (
	// tick is how often the time that is left to pay is told anew, maxTicks how
	// often at most: bills of days say it in hours anyway.
	tick     = time.Minute
	maxTicks = 30
)

// showBill tells how to pay, in the order's living message, and has the time
// that is left told anew each minute. A bill that was shown before is edited.
func (d *Deliverer) showBill(ctx context.Context, job job) error {
	order := job.order

	bill, ok := order.Bill()
	if !ok || order.State != Awaiting {
		return nil
	}

	if bill.Gateway == StarsGateway {
		return d.showInvoice(ctx, job)
	}

	now := d.Clock.Now()

	photo, err := d.Texts.Bill(job.of, order, now)
	if err != nil {
		return err
	}

	number, err := d.placeBill(ctx, job, photo)
	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "bill not shown: the person has blocked the bot", "error", err)

		return nil
	}

	if err != nil {
		return err
	}

	pictured := len(photo.Content) > 0
	if number != order.Message || pictured != order.Photo || order.Shown != len(order.Bills) {
		if err := d.Orders.shown(ctx, order, number, pictured); err != nil {
			return err
		}
	}

	if job.message.Try >= maxTicks || order.Deadline.Sub(now) < tick {
		return nil
	}

	next := job.message
	next.Try++

	return d.Orders.Again(ctx, next, tick)
}

// placeBill edits the living message, or says the bill anew where that cannot
// become it, and gives the message's number.
func (d *Deliverer) placeBill(ctx context.Context, job job, photo message.Photo) (int, error) {
	order := job.order
	pictured := len(photo.Content) > 0
	here := job.address(order.Message)

	if order.Message != 0 && pictured == order.Photo && (!pictured || order.Shown == len(order.Bills)) {
		err := d.edit(ctx, order, here, photo.Caption)
		if !errs.Is(err, errs.NotFound) {
			return order.Message, err
		}

		here.Message = 0
	}

	var (
		number int
		err    error
	)

	if pictured {
		number, err = d.Messenger.SendPhoto(ctx, job.address(0), photo)
	} else {
		number, err = d.Messenger.Send(ctx, job.address(0), photo.Caption)
	}

	if err != nil {
		return 0, err
	}

	d.remove(ctx, here)

	return number, nil
}

// edit changes the living message, whatever it is.
func (d *Deliverer) edit(ctx context.Context, order Order, at message.Address, text message.Text) error {
	if order.Photo {
		return d.Messenger.EditCaption(ctx, at, text)
	}

	return d.Messenger.Edit(ctx, at, text)
}

// remove takes away a message that another one has replaced. One that stays
// does no harm: its buttons answer as the order stands.
func (d *Deliverer) remove(ctx context.Context, which message.Address) {
	if which.Message == 0 {
		return
	}

	if err := d.Messenger.Delete(ctx, which); err != nil && !errs.Is(err, errs.NotFound) {
		slog.WarnContext(ctx, "replaced message not removed", "error", err)
	}
}

// showInvoice asks for Stars, once: Telegram's invoice cannot be edited.
func (d *Deliverer) showInvoice(ctx context.Context, job job) error {
	if job.order.Shown == len(job.order.Bills) {
		return nil
	}

	number, err := d.Messenger.SendInvoice(ctx, job.address(0), d.Texts.Invoice(job.of, job.order))
	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "invoice not sent: the person has blocked the bot", "error", err)

		return nil
	}

	if err != nil {
		return err
	}

	d.remove(ctx, job.address(job.order.Message))

	return d.Orders.shown(ctx, job.order, number, false)
}

// showOutcome puts the state of an order in the place of its bill.
func (d *Deliverer) showOutcome(ctx context.Context, job job) error {
	order := job.order
	if order.State == Awaiting {
		return nil
	}

	text := d.Texts.Outcome(job.of, order)
	if order.State == Cancelled && order.Reason == ReasonUnbilled {
		text = d.Texts.Unbilled(job.of, order, id.Reference(order.Store, order.ID))
	}

	err := d.placeOutcome(ctx, job, text)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "outcome not shown: its message is gone, or the person has blocked the bot", "error", err)

		err = nil
	}

	if err != nil || (!order.State.closed() && order.State != Refunded) {
		return err
	}

	return d.tellRestocked(ctx, order)
}

// tellRestocked has those told who wait for what a closed order gave back.
func (d *Deliverer) tellRestocked(ctx context.Context, order Order) error {
	for _, line := range order.Lines {
		if line.Policy != catalog.Units {
			continue
		}

		err := d.Catalog.Restocked(ctx, order.Store, line.Product)
		if err != nil && !errs.Is(err, errs.NotFound) { // not found: it is not sold any more
			return err
		}
	}

	return nil
}

func (d *Deliverer) placeOutcome(ctx context.Context, job job, text message.Text) error {
	order := job.order

	switch bill, _ := order.Bill(); {
	case order.Message == 0:
		return nil
	case bill.Gateway != StarsGateway || order.Shown == 0:
		return d.edit(ctx, order, job.address(order.Message), text)
	case !order.State.closed(): // Telegram says on the invoice itself that it is paid
		return nil
	}

	// An invoice cannot be edited: the outcome takes its place.
	number, err := d.Messenger.Send(ctx, job.address(0), text)
	if err != nil {
		return err
	}

	d.remove(ctx, job.address(order.Message))

	return d.Orders.replaced(ctx, order, number)
}

// shown notes which message of the chat is the order's living one now. Where
// the order was closed or paid meanwhile, that message is to say so.
func (s *Service) shown(ctx context.Context, order Order, number int, photo bool) error {
	_, err := s.move(ctx, order.Ref(), func(found *Order, _ time.Time) (effects, error) {
		found.Message, found.Photo, found.Shown = number, photo, len(order.Bills)
		if found.State == Awaiting {
			return effects{}, nil
		}

		return effects{tasks: []task{{message: Message{Task: ShowOutcome}}}}, nil
	})

	return err
}

// replaced notes that a message that can be edited has taken the place of the
// order's living one.
func (s *Service) replaced(ctx context.Context, order Order, number int) error {
	_, err := s.move(ctx, order.Ref(), func(found *Order, _ time.Time) (effects, error) {
		found.Message, found.Photo, found.Shown = number, false, 0

		return effects{}, nil
	})

	return err
}
