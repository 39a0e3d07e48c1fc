package chat

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	tapOrders = "orders:"      // a page of the person's orders: see place
	tapCase   = "staff:order:" // USER:ORDER, for those of the store who look after it
)

// ref names an order of the person's.
func (r *request) ref(id string) order.Ref {
	return order.Ref{Store: r.storeID, User: r.from.ID, ID: id}
}

func (c *Chat) orders(ctx context.Context, r *request) error {
	return c.showOrders(ctx, r, place{number: 1})
}

func (c *Chat) turnOrders(ctx context.Context, r *request) error {
	page, ok := readPlace(r.value(tapOrders))
	if !ok {
		return c.oldTap(ctx, r)
	}

	return c.showOrders(ctx, r, page)
}

// showOrders shows a page of the person's orders, the newest first.
func (c *Chat) showOrders(ctx context.Context, r *request, page place) error {
	found, more, err := c.Orders.Turn(ctx, r.storeID, r.from.ID, page.turn())
	if err != nil {
		return errs.Context(err, "list the orders of user %d", r.from.ID)
	}

	if page.astray(len(found), more) {
		return c.showOrders(ctx, r, place{number: 1})
	}

	if len(found) == 0 {
		return c.show(ctx, r, message.Text{HTML: r.words.html("orders.empty", nil), Buttons: [][]message.Button{
			{r.words.open("shop.button", "shop")}, r.words.backTo("home"),
		}})
	}

	var rows [][]message.Button

	for _, one := range found {
		label := r.words.orderSign(one.State) + " " + r.words.moment(one.CreatedAt, r.store.TimeZone) + " · " + r.words.bought(one)
		label, _ = fit(label, maxOrderUnits)
		rows = append(rows, []message.Button{{Text: label, Data: tapOrder + one.ID}})
	}

	if turn := page.turns(r.words, tapOrders, found[0].ID, found[len(found)-1].ID, more); turn != nil {
		rows = append(rows, turn)
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("orders.title", nil) + page.line(r.words, more), Buttons: append(rows, r.words.backTo("home")),
	})
}

// maxOrderUnits is how much of an order a button has room for.
const maxOrderUnits = 48

func (w Words) orderSign(state order.State) string {
	switch state {
	case order.Awaiting:
		return "⏳"
	case order.Paid, order.Delivering:
		return "📦"
	case order.Delivered:
		return "✅"
	case order.Expired:
		return "⌛"
	case order.Cancelled:
		return "✖️"
	case order.Refunded:
		return "↩️"
	case order.Disputed:
		return "⚠️"
	default:
		return "•"
	}
}

// find reads an order of the person's; false, with the toast set, where there is
// none.
func (c *Chat) find(ctx context.Context, r *request, id string) (order.Order, bool, error) {
	found, err := c.Orders.Get(ctx, r.ref(id))
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		r.toast = r.words.plain("orders.missing", nil)

		return order.Order{}, false, nil
	}

	if err != nil {
		return order.Order{}, false, errs.Context(err, "find order %s of user %d", id, r.from.ID)
	}

	found.Language = r.words.language // what is shown now is shown in the language of now

	return found, true, nil
}

// showOrder shows one order with what can be done with it.
func (c *Chat) showOrder(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapOrder))
	if err != nil || !ok {
		return err
	}

	text := c.Catalog.state(r.store, found)
	text.HTML += "\n\n" + r.words.html("orders.ordered", errs.Args{
		"Time": r.words.moment(found.CreatedAt, r.store.TimeZone), "Method": r.words.method(found.Method),
	})
	text.Buttons = append(r.words.orderButtons(found), r.words.backTo("orders"))

	return c.show(ctx, r, text)
}

func (w Words) orderButtons(of order.Order) [][]message.Button {
	button := func(label, tap string) message.Button {
		return message.Button{Text: w.plain(label, nil), Data: tap + of.ID}
	}

	switch of.State {
	case order.Awaiting:
		var rows [][]message.Button
		if bill, ok := of.Bill(); ok && bill.Method != string(payment.Stars) {
			rows = append(rows, []message.Button{button("orders.button_pay", tapPayNow)})
		}

		return append(rows, []message.Button{button("bill.button_check", tapCheck), w.giveUp(of)})
	case order.Paid, order.Delivering:
		return [][]message.Button{{w.receiptButton(of)}}
	case order.Delivered:
		rows := [][]message.Button{w.afterButtons(of)}
		if of.Kind == order.Purchase {
			rows = append([][]message.Button{{button("orders.button_resend", tapResend)}}, rows...)
		}

		return append(rows, []message.Button{w.again(of)})
	case order.Expired, order.Cancelled:
		return [][]message.Button{{w.again(of)}}
	case order.Refunded, order.Disputed:
		if of.Receipt != nil {
			return [][]message.Button{{w.receiptButton(of)}}
		}
	}

	return nil
}

// checkOrder has the gateway asked whether the order was paid.
func (c *Chat) checkOrder(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapCheck))
	if err != nil || !ok {
		return err
	}

	if found.State != order.Awaiting {
		return c.settledOrder(ctx, r, found)
	}

	err = c.Orders.Check(ctx, found.Ref(), r.cause)

	switch {
	case errs.Is(err, errs.Limited):
		r.toast = r.words.plain("orders.checked", nil)
	case errs.Is(err, errs.Conflict): // it was paid or closed just now
		r.toast = r.words.plain("orders.past", nil)
	case err != nil:
		return errs.Context(err, "check the payment of order %s", found.ID)
	default:
		r.toast = r.words.plain("orders.checking", nil)
	}

	return nil
}

// settledOrder puts the order's state where its bill still stands, and says so.
func (c *Chat) settledOrder(ctx context.Context, r *request, found order.Order) error {
	r.toast = r.words.plain("orders.past", nil)

	return c.showOutcome(ctx, r, found)
}

// showOutcome puts the order's state into the message whose button was tapped.
// An invoice cannot change: the deliverer puts the outcome in its place.
func (c *Chat) showOutcome(ctx context.Context, r *request, found order.Order) error {
	text := c.Catalog.Outcome(r.store, found)
	to := r.here()
	to.Message = r.tap.Message.GetMessageID()

	edit := c.Messenger.Edit
	if r.pictured() {
		edit = c.Messenger.EditCaption
	}

	err := edit(ctx, to, text)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Invalid) {
		slog.InfoContext(ctx, "outcome of an order not shown in its message", "order", found.ID, "error", err)

		return nil
	}

	return err
}

// cancelOrder gives up an order that was not paid yet.
func (c *Chat) cancelOrder(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapGiveUp))
	if err != nil || !ok {
		return err
	}

	cancelled, err := c.Orders.Cancel(ctx, found.Ref(), "")
	if errs.Is(err, errs.Conflict) {
		if again, ok, err := c.find(ctx, r, found.ID); err == nil && ok {
			return c.settledOrder(ctx, r, again)
		}
	}

	if err != nil {
		return errs.Context(err, "cancel order %s", found.ID)
	}

	cancelled.Language = r.words.language
	r.toast = r.words.plain("orders.cancelled", nil)

	return c.showOutcome(ctx, r, cancelled)
}

// payAgain shows once more how an order is paid, as a new message.
func (c *Chat) payAgain(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapPayNow))
	if err != nil || !ok {
		return err
	}

	if _, billed := found.Bill(); found.State != order.Awaiting || !billed {
		return c.settledOrder(ctx, r, found)
	}

	bill, err := c.Catalog.Bill(r.store, found, c.Clock.Now())
	if err != nil {
		return err
	}

	bill.Caption.Buttons = append(bill.Caption.Buttons, r.words.backTo("orders"))

	if bill.Content == nil {
		return c.show(ctx, r, bill.Caption)
	}

	_, err = c.Messenger.SendPhoto(ctx, r.here(), bill)

	return err
}

// orderAgain leads to what an order was for, to buy it once more.
func (c *Chat) orderAgain(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapAgain))
	if err != nil || !ok {
		return err
	}

	r.tap.Message = &telego.InaccessibleMessage{Chat: r.tap.Message.GetChat()} // the outcome is kept: a new message

	if found.Kind == order.Deposit {
		return c.deposit(ctx, r)
	}

	return c.product(ctx, r, found.Lines[0].Product, found.Lines[0].Count)
}

// resend has the goods sent again.
func (c *Chat) resend(ctx context.Context, r *request) error {
	err := c.Orders.Resend(ctx, r.ref(r.value(tapResend)), r.cause)

	switch {
	case errs.Is(err, errs.NotFound):
		r.toast = r.words.plain("orders.missing", nil)
	case errs.Is(err, errs.Conflict):
		r.toast = r.words.plain("orders.not_yet", nil)
	case err != nil:
		return errs.Context(err, "send the goods of order %s again", r.value(tapResend))
	default:
		r.toast = r.words.plain("toast.sending", nil)
	}

	return nil
}

// showReceipt sends the receipt: a message to keep.
func (c *Chat) showReceipt(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapReceipt))
	if err != nil || !ok {
		return err
	}

	if found.PaidAt.IsZero() {
		r.toast = r.words.plain("orders.unpaid", nil)

		return nil
	}

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{HTML: r.words.receipt(r.store, found)})

	return err
}

// claim asks what is wrong with goods that are under warranty.
func (c *Chat) claim(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapClaim))
	if err != nil || !ok {
		return err
	}

	var covered []string

	for _, line := range found.Lines {
		if guaranteed(found, line, c.Clock.Now()) {
			until := found.SentAt.AddDate(0, 0, line.Warranty)
			covered = append(covered, r.words.html("orders.covered", errs.Args{
				"Name": r.words.lineName(line), "Day": r.words.day(until, r.store.TimeZone),
			}))
		}
	}

	if covered == nil {
		r.toast = r.words.plain("orders.no_warranty", nil)

		return nil
	}

	c.expect(r, "claim", map[string]string{"order": found.ID})

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{
		HTML: r.words.html("orders.claim", errs.Args{"Label": found.Label(), "Covered": markup(strings.Join(covered, "\n"))}),
	})

	return err
}

// takeClaim passes a claim on to those who may replace a unit.
func (c *Chat) takeClaim(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.session.Await.Fields["order"])
	if err != nil {
		return err
	}

	if !ok {
		r.settled()

		return c.orders(ctx, r)
	}

	return c.pass(ctx, r, user.Replace, func(words Words, said string) message.Text {
		found.Language = words.language

		return message.Text{
			HTML: words.html("letter.claim", errs.Args{
				"Label": found.Label(), "What": words.bought(found), "Name": r.person().Name,
				"User": strconv.FormatInt(r.from.ID, 10), "Said": said,
			}),
			Buttons: [][]message.Button{{words.caseButton(strconv.FormatInt(found.User, 10), found.ID)}},
		}
	})
}

// caseButton leads those of the store who look after orders to one.
func (w Words) caseButton(buyer, id string) message.Button {
	return message.Button{Text: w.plain("letter.button_order", nil), Data: tapCase + buyer + ":" + id}
}

// support asks what the person wants to tell the store about a payment.
func (c *Chat) support(ctx context.Context, r *request) error {
	text := textIn(r.store.Shop.Support, r.words.language)
	if text == "" {
		text = r.words.plain("support.default", nil)
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("support.text", errs.Args{"Text": text}),
		Buttons: [][]message.Button{
			{r.words.open("support.button_write", "write"), r.words.open("orders.button", "orders")}, r.words.backTo("home"),
		},
	})
}

// write asks what to tell the store.
func (c *Chat) write(ctx context.Context, r *request) error {
	c.expect(r, "write", nil)

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("support.write", nil), Buttons: [][]message.Button{r.words.backTo("paysupport")},
	})
}

func (c *Chat) takeLetter(ctx context.Context, r *request) error {
	return c.pass(ctx, r, user.SeeOrders, func(words Words, said string) message.Text {
		return message.Text{HTML: words.html("letter.text", errs.Args{
			"Name": r.person().Name, "User": strconv.FormatInt(r.from.ID, 10), "Said": said,
		})}
	})
}

// maxSaidUnits is how much of what a person writes to the store is passed on.
const maxSaidUnits = 700

// pass hands what a person wrote, or the picture that they sent, to those of the
// store who may do something. One who cannot be reached keeps nobody back.
func (c *Chat) pass(
	ctx context.Context, r *request, may user.Permission, letter func(words Words, said string) message.Text,
) error {
	said, _ := fit(strings.TrimSpace(r.message.Text+r.message.Caption), maxSaidUnits)
	picture := pictureOf(r.message)

	if said == "" && picture == "" {
		return c.show(ctx, r, message.Text{HTML: r.words.html("await.text_or_picture", nil)})
	}

	staff, err := c.Users.Who(ctx, r.store, may)
	if err != nil {
		return errs.Context(err, "find who takes a letter of user %d", r.from.ID)
	}

	words := c.Catalog.In(r.store.Language)
	if said == "" {
		said = words.plain("letter.picture", nil)
	}

	text := letter(words, said)
	reached := 0

	for _, member := range staff {
		to := message.Address{Store: r.storeID, Chat: member}

		if picture != "" {
			_, err = c.Messenger.SendPhoto(ctx, to, message.Photo{FileID: picture, Caption: text})
		} else {
			_, err = c.Messenger.Send(ctx, to, text)
		}

		if err == nil {
			reached++

			continue
		}

		slog.WarnContext(ctx, "a letter did not reach one of the staff", "member", member, "error", err)
	}

	if reached == 0 {
		// Not wrapped: that somebody of the staff has blocked the bot must not count for the person.
		return errs.New(errs.Unavailable, "pass a letter of user %d on: nobody of the store was reached", r.from.ID).
			Tell("support.unreached", nil)
	}

	r.settled()

	return c.show(ctx, r, message.Text{HTML: r.words.html("support.passed", nil), Buttons: r.words.homeButton()})
}

// askProof asks for the picture that proves a payment made by hand.
func (c *Chat) askProof(ctx context.Context, r *request) error {
	found, ok, err := c.find(ctx, r, r.value(tapProve))
	if err != nil || !ok {
		return err
	}

	if found.State != order.Awaiting {
		return c.settledOrder(ctx, r, found)
	}

	c.expect(r, "proof", map[string]string{"order": found.ID})

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{
		HTML: r.words.html("orders.ask_proof", errs.Args{"Label": found.Label(), "Total": r.words.money(total(found))}),
	})

	return err
}

// takeProof notes the picture and has it looked at.
func (c *Chat) takeProof(ctx context.Context, r *request) error {
	picture := pictureOf(r.message)
	if picture == "" {
		return c.show(ctx, r, message.Text{HTML: r.words.html("orders.proof_is_picture", nil)})
	}

	proved, err := c.Orders.Prove(ctx, r.ref(r.session.Await.Fields["order"]), picture)
	r.settled()

	if errs.Is(err, errs.Conflict) || errs.Is(err, errs.NotFound) {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("orders.proof_late", nil), Buttons: [][]message.Button{{r.words.open("orders.button", "orders")}},
		})
	}

	if err != nil {
		return errs.Context(err, "note the proof of an order of user %d", r.from.ID)
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("orders.proved", errs.Args{"Label": proved.Label()}),
		Buttons: [][]message.Button{{r.words.open("orders.button", "orders")}},
	})
}

// paidStars hands a payment in Stars, of which Telegram has told, to the
// payments worker. Nothing is said here: the goods speak for themselves.
func (c *Chat) paidStars(ctx context.Context, r *request, paid telego.SuccessfulPayment) error {
	which, err := order.ParseReference(r.storeID, paid.InvoicePayload)
	if err != nil {
		return errs.Context(err, "take charge %s of user %d", paid.TelegramPaymentChargeID, r.from.ID)
	}

	err = c.Orders.Report(ctx, which, order.TakeStars, order.Receipt{
		Gateway: order.StarsGateway, Transaction: paid.TelegramPaymentChargeID,
		Amount: money.Amount{Value: int64(paid.TotalAmount), Currency: money.Currency(paid.Currency)},
		At:     r.sentAt(),
	})
	if err != nil {
		return errs.Context(err, "take charge %s for order %s", paid.TelegramPaymentChargeID, which.ID)
	}

	slog.InfoContext(ctx, "Stars taken", "order", which.ID, "stars", paid.TotalAmount)

	return nil
}

// refundedStars notes that Telegram has given Stars back. The order says so by
// itself: the refund began there.
func (c *Chat) refundedStars(ctx context.Context, r *request, back telego.RefundedPayment) error {
	slog.InfoContext(ctx, "Stars given back", "reference", back.InvoicePayload, "stars", back.TotalAmount, "user", r.from.ID)

	return nil
}

// resumeOrders has the goods sent that waited for a person who had blocked the
// bot.
func (c *Chat) resumeOrders(ctx context.Context, r *request) error {
	if !c.trades() {
		return nil
	}

	if err := c.Orders.Resume(ctx, r.storeID, r.from.ID, r.cause); err != nil {
		return errs.Context(err, "resume the orders of user %d", r.from.ID)
	}

	return nil
}
