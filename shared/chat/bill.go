package chat

import (
	"strings"
	"time"

	"rsc.io/qr"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
)

// What the buttons of an order say, with the order's id behind it.
const (
	tapCheck   = "o:check:"
	tapGiveUp  = "o:cancel:"
	tapProve   = "o:prove:"
	tapAgain   = "o:again:" // the same once more, as a new order
	tapReceipt = "o:receipt:"
	tapClaim   = "o:claim:"
	tapTerms   = "o:terms:" // ORDER:PRODUCT
	tapResend  = "o:resend:"
	tapOrder   = "o:show:"
	tapPayNow  = "o:pay:" // its bill once more
)

// maxInstructions leaves room for the rest of a bill: how to pay by hand is no
// caption, but may be shown below one.
const maxInstructions = 600

// maxReasonUnits is how much is told of why the store gave money back.
const maxReasonUnits = 200

var _ order.Texts = (*Catalog)(nil)

// Bill tells how an order is paid, with its QR code where it has one.
func (c *Catalog) Bill(of store.Store, billed order.Order, now time.Time) (message.Photo, error) {
	words := c.In(billed.Language)

	bill, ok := billed.Bill()
	if !ok {
		return message.Photo{}, errs.New(errs.Internal, "show the bill of order %s: it has none", billed.ID)
	}

	lines := []string{
		words.html("bill.title", errs.Args{"Label": billed.Label(), "What": words.bought(billed)}),
		words.price(bill),
		words.howToPay(of, bill),
		words.payBefore(of, billed, now),
	}
	photo := message.Photo{Caption: message.Text{HTML: strings.Join(lines, "\n"), Buttons: words.billButtons(billed, bill)}}

	if bill.QR != "" {
		picture, err := drawQR(bill.QR)
		if err != nil {
			return message.Photo{}, errs.Context(err, "show the bill of order %s", billed.ID)
		}

		photo.Content = picture
	}

	return photo, nil
}

// price tells what is paid, and what of it is a fee.
func (w Words) price(bill order.Bill) string {
	if bill.Fee == 0 {
		return w.html("bill.total", errs.Args{"Total": w.money(bill.Total())})
	}

	fee := bill.Amount
	fee.Value = bill.Fee

	return w.html("bill.price", errs.Args{
		"Price": w.money(bill.Amount), "Method": w.feeOf(bill.Method), "Fee": w.money(fee), "Total": w.money(bill.Total()),
	})
}

// howToPay says what to do, by what the bill has.
func (w Words) howToPay(of store.Store, bill order.Bill) string {
	switch {
	case bill.QR != "":
		return w.html("bill.scan", nil)
	case bill.Account != "":
		return w.html("bill.transfer", errs.Args{"Bank": strings.TrimSuffix(w.method(bill.Method), " VA"), "Account": bill.Account})
	case bill.URL != "":
		return w.html("bill.open", nil)
	case bill.Method == string(payment.Manual):
		instructions, _ := fit(catalog.Text(of.Shop.Manual).In(w.language), maxInstructions)

		return escape(instructions) + "\n\n" + w.html("bill.prove", nil)
	default:
		return w.html("bill.wait", nil)
	}
}

// payBefore tells the deadline, and how long there still is.
func (w Words) payBefore(of store.Store, billed order.Order, now time.Time) string {
	deadline := payUntil(billed)
	args := errs.Args{"Time": w.oclock(deadline, now, of.TimeZone), "Left": w.plain("bill.soon", nil)}

	if left := deadline.Sub(now); left >= time.Minute {
		args["Left"] = w.plain("bill.left", errs.Args{"Left": w.duration(left.Truncate(time.Minute))})
	}

	return w.html("bill.deadline", args)
}

// payUntil is when an order, or the bill that it is paid by, ends.
func payUntil(of order.Order) time.Time {
	if bill, ok := of.Bill(); ok && !bill.Until.IsZero() && bill.Until.Before(of.Deadline) {
		return bill.Until
	}

	return of.Deadline
}

func (w Words) billButtons(of order.Order, bill order.Bill) [][]message.Button {
	var rows [][]message.Button

	if bill.URL != "" {
		rows = append(rows, []message.Button{{Text: w.plain("bill.button_open", nil), URL: bill.URL}})
	}

	first := message.Button{Text: w.plain("bill.button_check", nil), Data: tapCheck + of.ID}
	if bill.Method == string(payment.Manual) {
		first = message.Button{Text: w.plain("bill.button_prove", nil), Data: tapProve + of.ID}
	}

	return append(rows, []message.Button{first, w.giveUp(of)})
}

func (w Words) giveUp(of order.Order) message.Button {
	return message.Button{Text: w.plain("button.cancel", nil), Data: tapGiveUp + of.ID}
}

// drawQR draws a QR code (ISO/IEC 18004, level M) as a PNG with its quiet zone.
func drawQR(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "draw a QR code of %d bytes", len(text))
	}

	return code.PNG(), nil
}

// Invoice asks for an order's Stars.
func (c *Catalog) Invoice(of store.Store, asked order.Order) message.StarsInvoice {
	const maxTitle, maxDescription = 32, 255

	words := c.In(asked.Language)
	bill, _ := asked.Bill()
	title, _ := fit(words.bought(asked), maxTitle)
	description, _ := fit(words.plain("bill.stars", errs.Args{
		"Label": asked.Label(), "Store": of.Name, "Time": words.oclock(payUntil(asked), asked.CreatedAt, of.TimeZone),
	}), maxDescription)

	return message.StarsInvoice{
		Title: title, Description: description, Payload: asked.Ref().Reference(), Stars: bill.Total().Value,
		Pay:     words.plain("bill.button_stars", errs.Args{"Price": words.money(bill.Total())}),
		Buttons: [][]message.Button{{words.giveUp(asked)}},
	}
}

// Unbilled tells that no bill could be made.
func (c *Catalog) Unbilled(_ store.Store, failed order.Order, reference string) message.Text {
	words := c.In(failed.Language)

	return message.Text{
		HTML: words.html("bill.unbilled", errs.Args{"Label": failed.Label()}) + "\n" +
			words.html("job.reference", errs.Args{"Reference": reference}),
		Buttons: [][]message.Button{{words.again(failed)}},
	}
}

func (w Words) again(of order.Order) message.Button {
	return message.Button{Text: w.plain("order.button_again", nil), Data: tapAgain + of.ID}
}

// Outcome tells the state of an order where its bill stood.
func (c *Catalog) Outcome(of store.Store, settled order.Order) message.Text {
	text := c.state(of, settled)
	if settled.State == order.Delivered && settled.Kind == order.Purchase {
		text.HTML += "\n" + c.In(settled.Language).html("order.below", nil)
	}

	return text
}

// state tells the state of an order.
func (c *Catalog) state(of store.Store, settled order.Order) message.Text {
	words := c.In(settled.Language)
	args := errs.Args{
		"Label": settled.Label(), "What": words.bought(settled), "Total": words.money(total(settled)),
		"Time": words.oclock(settled.Deadline, settled.UpdatedAt, of.TimeZone),
	}
	again := [][]message.Button{{words.again(settled)}}

	args["Back"] = words.plain("order.to_wallet", nil)
	if total(settled).Currency == money.Stars {
		args["Back"] = words.plain("order.to_stars", nil)
	}

	switch settled.State {
	case order.Awaiting:
		return message.Text{HTML: words.html("order.awaiting", args), Buttons: [][]message.Button{{words.giveUp(settled)}}}
	case order.Paid, order.Delivering, order.Delivered:
		args["Time"] = words.oclock(settled.PaidAt, settled.PaidAt, of.TimeZone)

		text := message.Text{HTML: words.html("order.paid", args)}
		if next := following(settled); next != "" {
			text.HTML += "\n" + words.html(next, args)
		}

		return text
	case order.Expired:
		return message.Text{HTML: words.html("order.expired", args), Buttons: again}
	case order.Cancelled:
		return message.Text{HTML: words.html("order.cancelled", args), Buttons: again}
	case order.Refunded:
		text := message.Text{HTML: words.html("order.refunded", args)}
		if reason, _ := fit(settled.Reason, maxReasonUnits); reason != "" {
			text.HTML += "\n" + words.html("order.reason", errs.Args{"Reason": reason})
		}

		return text
	case order.Disputed:
		return message.Text{HTML: words.html("order.disputed", args)}
	default:
		return message.Text{HTML: words.html("order.awaiting", args)}
	}
}

// following is the text for what follows a payment, until it has followed.
func following(paid order.Order) string {
	switch {
	case paid.Kind == order.Deposit:
		return "order.credited"
	case paid.State == order.Delivered:
		return ""
	case paid.Held:
		return "order.held"
	default:
		return "order.coming"
	}
}

// total is what the buyer of an order pays or has paid: with the fee of its
// bill, where there is one.
func total(of order.Order) money.Amount {
	if bill, ok := of.Bill(); ok {
		return bill.Total()
	}

	return of.Total
}
