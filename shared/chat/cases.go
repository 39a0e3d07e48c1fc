package chat

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/terms"
	"github.com/lapak-id/lapak/shared/user"
)

// orderDuties are what staff do to orders.
func orderDuties() []duty {
	return []duty{
		{"find", user.SeeOrders, (*Chat).findOrder},
		{"orders", user.SeeOrders, (*Chat).ordersOf},
		{"order", user.SeeOrders, (*Chat).caseOf},
		{"proof", user.ConfirmPayment, (*Chat).showProof},
		{"confirm", user.ConfirmPayment, (*Chat).askConfirm},
		{"confirmed", user.ConfirmPayment, (*Chat).confirmPayment},
		{"refuse", user.ConfirmPayment, (*Chat).askRefuse},
		{"refund", user.Refund, (*Chat).askRefund},
		{"replace", user.Replace, (*Chat).askReplace},
		{"unit", user.Replace, (*Chat).replaceUnit},
		{"fulfil", user.SeeOrders, (*Chat).askFulfil},
		{"answers", user.SeeOrders, (*Chat).showAnswers},
	}
}

// refText names an order in a button: "USER:ORDER".
func refText(of order.Ref) string { return strconv.FormatInt(of.User, 10) + ":" + of.ID }

// refIn reads it, with what follows.
func refIn(store, value string) (order.Ref, string) {
	number, rest, _ := strings.Cut(value, ":")
	name, more, _ := strings.Cut(rest, ":")

	return order.Ref{Store: store, User: whole(number), ID: name}, more
}

// findForm asks for an order or a person.
func findForm() form {
	return form{
		name: "find", may: user.SeeOrders, title: "case.find", direct: true,
		fields: func(filling) []field {
			return []field{{name: "what", label: "case.find", ask: "case.ask", read: readWanted}}
		},
		save: func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error) {
			return c.wanted(ctx, r, f.Values["what"])
		},
	}
}

// readWanted takes the label of an order, or what readPerson takes.
func readWanted(r *request, given input) (string, string) {
	value, wrong := readPerson(r, given)
	if wrong != "" {
		return "", r.words.html("case.nothing", nil)
	}

	if strings.HasPrefix(given.text, "@") {
		value = "@" + value
	}

	return value, ""
}

// findOrder shows an order by what people call it, or the orders of a person.
func (c *Chat) findOrder(ctx context.Context, r *request, value string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	if value == "" {
		return c.begin(ctx, r, filling{Form: "find"})
	}

	text, err := c.wanted(ctx, r, value)
	if errs.Is(err, errs.NotFound) {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("case.none", nil), Buttons: [][]message.Button{r.words.backToDuty("home")},
		})
	}

	if err != nil {
		return err
	}

	return c.show(ctx, r, text)
}

func (c *Chat) wanted(ctx context.Context, r *request, value string) (message.Text, error) {
	if !strings.HasPrefix(value, "@") {
		found, err := c.Backroom.Cases.Find(ctx, r.storeID, value)
		if err != nil {
			return message.Text{}, errs.Context(err, "find an order")
		}

		if len(found) == 1 {
			return c.caseText(r, found[0]), nil
		}

		if len(found) > 1 {
			return r.caseList(found, r.words.html("case.several", nil), nil), nil
		}
	}

	people, err := c.Users.Find(ctx, r.storeID, value)
	if err != nil {
		return message.Text{}, errs.Context(err, "find a person")
	}

	if len(people) == 0 {
		return message.Text{}, errs.New(errs.NotFound, "there is no such order or person").Tell("case.none", nil)
	}

	if len(people) > 1 {
		return c.foundPeople(ctx, r, people)
	}

	return c.ordersText(ctx, r, people[0].ID, turnOf(""))
}

// ordersOf shows the orders of a person.
func (c *Chat) ordersOf(ctx context.Context, r *request, value string) error {
	if c.Backroom == nil {
		return c.staffHome(ctx, r, "")
	}

	number, place, _ := strings.Cut(value, ":")

	text, err := c.ordersText(ctx, r, whole(number), turnOf(place))
	if err != nil {
		return err
	}

	return c.show(ctx, r, text)
}

func (c *Chat) ordersText(ctx context.Context, r *request, person int64, place catalog.Place) (message.Text, error) {
	orders, more, err := c.Backroom.Cases.Turn(ctx, r.storeID, person, place)
	if err != nil {
		return message.Text{}, errs.Context(err, "list the orders of user %d", person)
	}

	number := strconv.FormatInt(person, 10)
	key := "case.of"

	var turn []message.Button

	if len(orders) == 0 {
		key = "case.of_none"
	} else {
		turn = r.words.turners("orders:"+number, place, more, orders[0].ID, orders[len(orders)-1].ID)
	}

	text := r.caseList(orders, r.words.html(key, errs.Args{"User": number}), turn)
	last := len(text.Buttons) - 1
	text.Buttons[last] = append(text.Buttons[last], r.words.duty("staff.button_person", "person", number))

	return text, nil
}

func (r *request) caseList(orders []order.Order, html string, turn []message.Button) message.Text {
	var rows [][]message.Button

	for _, one := range orders[:min(len(orders), pageItems)] {
		rows = append(rows, []message.Button{{
			Text: r.words.caseSign(one.State) + " " + one.Label() + " · " + r.words.bought(one) + " · " + r.words.money(one.Total),
			Data: tapStaff + "order:" + refText(one.Ref()),
		}})
	}

	if turn != nil {
		rows = append(rows, turn)
	}

	return message.Text{HTML: html, Buttons: append(rows, r.words.backToDuty("home"))}
}

// caseSign marks a state in a list.
func (Words) caseSign(state order.State) string {
	switch state {
	case order.Awaiting:
		return "⏳"
	case order.Paid, order.Delivering:
		return "📦"
	case order.Delivered:
		return "✅"
	case order.Disputed:
		return "⚠️"
	case order.Refunded:
		return "↩️"
	case order.Expired, order.Cancelled:
		return "✖️"
	default:
		return "•"
	}
}

// caseState is what a state is called among staff.
func (w Words) caseState(state order.State) string {
	switch state {
	case order.Awaiting:
		return w.plain("case.awaiting", nil)
	case order.Paid:
		return w.plain("case.paid", nil)
	case order.Delivering:
		return w.plain("case.delivering", nil)
	case order.Delivered:
		return w.plain("case.delivered", nil)
	case order.Disputed:
		return w.plain("case.disputed", nil)
	case order.Refunded:
		return w.plain("case.refunded", nil)
	case order.Expired:
		return w.plain("case.expired", nil)
	case order.Cancelled:
		return w.plain("case.cancelled", nil)
	default:
		return string(state)
	}
}

// caseOf shows an order to staff.
func (c *Chat) caseOf(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	return c.show(ctx, r, c.caseText(r, found))
}

// caseFrom reads the order that a button names; false, answered, where there
// is none.
func (c *Chat) caseFrom(ctx context.Context, r *request, value string) (order.Order, bool, error) {
	if c.Backroom == nil {
		return order.Order{}, false, c.staffHome(ctx, r, "")
	}

	ref, _ := refIn(r.storeID, value)

	found, err := c.Backroom.Cases.Get(ctx, ref)
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("case.gone", nil)

		return order.Order{}, false, c.staffHome(ctx, r, "")
	}

	if err != nil {
		return order.Order{}, false, errs.Context(err, "look at an order")
	}

	return found, true, nil
}

func (c *Chat) caseText(r *request, of order.Order) message.Text {
	now := c.Clock.Now()
	lines := []string{
		r.words.html("case.head", errs.Args{
			"Order": of.Label(), "State": r.words.caseSign(of.State) + " " + r.words.caseState(of.State),
			"User": strconv.FormatInt(of.User, 10), "When": r.words.moment(of.CreatedAt, r.store.TimeZone),
		}),
		r.words.html("case.what", errs.Args{
			"What": r.words.bought(of), "Total": r.words.money(of.Total), "Method": r.words.method(of.Method),
		}),
	}

	for _, note := range []struct {
		is  bool
		key string
	}{{of.Proof != "" && of.State == order.Awaiting, "case.proven"}, {of.Held, "case.held"}, {of.Unfulfilled(), "case.by_hand"}} {
		if note.is {
			lines = append(lines, r.words.html(note.key, nil))
		}
	}

	if of.Reason != "" {
		lines = append(lines, r.words.html("case.reason", errs.Args{"Reason": of.Reason}))
	}

	ref := refText(of.Ref())

	var buttons []message.Button

	if of.State == order.Awaiting && (of.Proof != "" || of.Method == order.ManualGateway) {
		if of.Proof != "" {
			buttons = append(buttons, r.words.duty("case.button_proof", "proof", ref))
		}

		buttons = append(buttons, r.words.duty("case.button_confirm", "confirm", ref), r.words.duty("case.button_refuse", "refuse", ref))
	}

	if refundable(of) {
		buttons = append(buttons, r.words.duty("case.button_refund", "refund", ref))
	}

	for _, line := range of.Lines {
		if line.Policy == catalog.Units && guaranteed(of, line, now) {
			buttons = append(buttons, r.words.duty("case.button_replace", "replace", ref))

			break
		}
	}

	// Terms are asked after payment.
	if !of.PaidAt.IsZero() && slices.ContainsFunc(of.Lines, func(line order.Line) bool { return line.Terms }) {
		buttons = append(buttons, r.words.duty("case.button_answers", "answers", ref))
	}

	if of.Unfulfilled() {
		buttons = append(buttons, r.words.duty("case.button_fulfil", "fulfil", ref))
	}

	person := strconv.FormatInt(of.User, 10)
	buttons = append(buttons, r.words.duty("staff.button_person", "person", person))

	return message.Text{
		HTML: strings.Join(lines, "\n"), Buttons: append(r.dutiful(buttons...), r.words.backToDuty("orders", person)),
	}
}

func refundable(of order.Order) bool {
	if of.Kind == order.Deposit {
		return false
	}

	return of.State == order.Paid || of.State == order.Delivering || of.State == order.Delivered || of.State == order.Disputed
}

// showProof shows the picture with which a buyer proves a payment.
func (c *Chat) showProof(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	if found.Proof == "" {
		return c.show(ctx, r, c.caseText(r, found))
	}

	_, err = c.Messenger.SendPhoto(ctx, r.here(), message.Photo{FileID: found.Proof, Caption: c.caseText(r, found)})

	return err
}

// showAnswers shows what the buyer answered to the terms of an order's products, each in a
// message of its own. That it was read stands in the audit log.
func (c *Chat) showAnswers(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	for _, line := range found.Lines {
		if !line.Terms {
			continue
		}

		given, err := c.Terms.Read(ctx, terms.Which{Store: r.storeID, Order: found.ID, Product: line.Product}, r.editor(r.cause))
		if err != nil && !errs.Is(err, errs.NotFound) {
			return errs.Context(err, "read what was answered to the terms of order %s", found.ID)
		}

		if err := c.showAnswer(ctx, r, r.words.named(line.Name), given); err != nil {
			return err
		}
	}

	return nil
}

// showAnswer shows one answer; the zero Submission is none.
func (c *Chat) showAnswer(ctx context.Context, r *request, product string, given terms.Submission) error {
	args := errs.Args{"Name": product, "When": r.words.moment(given.At, r.store.TimeZone), "Text": given.Text}

	text := r.words.html("case.answer", args)
	if given.At.IsZero() {
		text = r.words.html("case.answer_none", args)
	}

	if given.Photo != "" {
		caption := message.Text{HTML: r.words.html("case.answer_picture", args)}
		if _, err := c.Messenger.SendPhoto(ctx, r.here(), message.Photo{FileID: given.Photo, Caption: caption}); err != nil {
			return err
		}
	}

	if given.Photo != "" && given.Text == "" {
		return nil
	}

	_, err := c.Messenger.Send(ctx, r.here(), message.Text{HTML: text})

	return err
}

// askConfirm asks whether the money has really come.
func (c *Chat) askConfirm(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("case.ask_confirm", errs.Args{"Order": found.Label(), "Total": r.words.money(manualReceipt(found).Amount)}),
		Buttons: [][]message.Button{
			{r.words.duty("case.button_confirmed", "confirmed", value)}, r.words.backToDuty("order", value),
		},
	})
}

// manualReceipt is the payment that staff vouch for: the order itself names it,
// so that it counts once.
func manualReceipt(of order.Order) order.Receipt {
	receipt := order.Receipt{Gateway: order.ManualGateway, Transaction: of.ID, Amount: of.Total}

	for _, bill := range of.Bills {
		if bill.Gateway == order.ManualGateway {
			receipt.Amount = bill.Amount
		}
	}

	return receipt
}

// confirmPayment hands a payment by hand to the payments worker, which settles it.
func (c *Chat) confirmPayment(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	if found.State != order.Awaiting && found.State != order.Expired && found.State != order.Cancelled {
		r.toast = r.words.plain("ordering.closed", nil)

		return c.show(ctx, r, c.caseText(r, found))
	}

	receipt := manualReceipt(found)
	receipt.At, receipt.By, receipt.Role = c.Clock.Now(), r.from.ID, string(r.role)

	if err := c.Backroom.Cases.Report(ctx, found.Ref(), order.TakeManual, receipt); err != nil {
		return errs.Context(err, "confirm the payment of order %s", found.ID)
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("case.confirmed", errs.Args{"Order": found.Label()}),
		Buttons: [][]message.Button{r.words.backToDuty("order", value)},
	})
}

// reasonForm asks for one text about an order, and does something with it.
func reasonForm(
	name string, may user.Permission, title, label, ask, done string,
	save func(c *Chat, ctx context.Context, r *request, of order.Ref, text, cause string) error,
) form {
	return form{
		name: name, may: may, title: title,
		fields: func(filling) []field {
			return []field{{name: "text", label: label, ask: ask, read: readText(maxReason)}}
		},
		save: func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error) {
			ref, _ := refIn(r.storeID, f.About["order"])
			if err := save(c, ctx, r, ref, f.Values["text"], f.About["cause"]); err != nil {
				return message.Text{}, err
			}

			return message.Text{
				HTML: r.words.html(done, nil), Buttons: [][]message.Button{r.words.backToDuty("order", f.About["order"])},
			}, nil
		},
	}
}

// caseForms are those about an order.
func caseForms() []form {
	return []form{
		reasonForm("refuse", user.ConfirmPayment, "case.refuse", "people.reason", "case.ask_refuse", "case.refused_done",
			func(c *Chat, ctx context.Context, r *request, of order.Ref, text, cause string) error {
				_, err := c.Backroom.Cases.Refuse(ctx, of, text, r.editor(cause))

				return err
			}),
		reasonForm("refund", user.Refund, "case.refund", "people.reason", "case.ask_refund", "case.refund_done",
			func(c *Chat, ctx context.Context, r *request, of order.Ref, text, cause string) error {
				found, err := c.Backroom.Cases.Get(ctx, of)
				if err != nil {
					return err
				}

				_, err = c.Backroom.Cases.Refund(ctx, of, order.Refunding{
					By: r.from.ID, Role: string(r.role), Reason: text, Cause: cause,
					ToGateway: found.Receipt != nil && found.Receipt.Gateway == order.StarsGateway,
				})

				return err
			}),
		reasonForm("fulfil", user.SeeOrders, "case.fulfil", "case.note", "case.ask_fulfil", "case.fulfil_done",
			func(c *Chat, ctx context.Context, r *request, of order.Ref, text, cause string) error {
				_, err := c.Backroom.Cases.Fulfil(ctx, of, text, r.editor(cause))

				return err
			}),
	}
}

func (c *Chat) askRefuse(ctx context.Context, r *request, value string) error {
	return c.askReason(ctx, r, "refuse", value)
}

func (c *Chat) askRefund(ctx context.Context, r *request, value string) error {
	return c.askReason(ctx, r, "refund", value)
}

func (c *Chat) askFulfil(ctx context.Context, r *request, value string) error {
	return c.askReason(ctx, r, "fulfil", value)
}

// askReason begins a form about an order. Its cause is the tap that began it:
// saved twice, it does one thing.
func (c *Chat) askReason(ctx context.Context, r *request, form, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	ref := refText(found.Ref())

	return c.begin(ctx, r, filling{Form: form, From: "order:" + ref, About: map[string]string{"order": ref, "cause": r.cause}})
}

// askReplace offers the units of an order that can be replaced, by their
// number: what they hold is not shown.
func (c *Chat) askReplace(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	var rows [][]message.Button

	count := 0

	for at, line := range found.Lines {
		for number, unit := range line.Units {
			if !guaranteed(found, line, c.Clock.Now()) || slices.Contains(line.Claimed, unit) || count == offeredMost {
				continue
			}

			if count%columns == 0 {
				rows = append(rows, nil)
			}

			count++
			rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{
				Text: r.words.named(line.Name) + " #" + strconv.Itoa(number+1),
				Data: tapStaff + "unit:" + refText(found.Ref()) + ":" + strconv.Itoa(at) + ":" + strconv.Itoa(number),
			})
		}
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("case.ask_replace", errs.Args{"Order": found.Label()}),
		Buttons: append(rows, r.words.backToDuty("order", refText(found.Ref()))),
	})
}

// replaceUnit has another unit sent for one that does not work.
func (c *Chat) replaceUnit(ctx context.Context, r *request, value string) error {
	found, ok, err := c.caseFrom(ctx, r, value)
	if !ok {
		return err
	}

	_, place := refIn(r.storeID, value)
	lineText, unitText, _ := strings.Cut(place, ":")
	line, unit := int(whole(lineText)), int(whole(unitText))

	if line < 0 || line >= len(found.Lines) || unit < 0 || unit >= len(found.Lines[line].Units) {
		return c.oldTap(ctx, r)
	}

	after, err := c.Backroom.Cases.Replace(ctx, found.Ref(), found.Lines[line].Units[unit], r.editor(r.cause))
	if key, args, ok := errs.Sentence(err); ok && !errs.Retryable(err) {
		r.toast = r.words.plain(key, args)

		return c.show(ctx, r, c.caseText(r, found))
	}

	if err != nil {
		return errs.Context(err, "replace a unit of order %s", found.ID)
	}

	r.toast = r.words.plain("case.replaced", nil)

	return c.show(ctx, r, c.caseText(r, after))
}
