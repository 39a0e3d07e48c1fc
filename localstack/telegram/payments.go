package telegram

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// stars is the currency of digital goods.
const stars = "XTR"

// invoice is a request to pay, in a message or behind a link.
type invoice struct {
	Slug        string  `json:"slug"`
	Bot         int64   `json:"bot"`
	Title       string  `json:"title"`
	Description string  `json:"description"`
	Payload     string  `json:"payload"`
	Currency    string  `json:"currency"`
	Prices      []price `json:"prices"`
	PhotoURL    string  `json:"photo_url,omitempty"`
	Start       string  `json:"start,omitempty"`
	Flexible    bool    `json:"flexible,omitempty"`
	WantsName   bool    `json:"wants_name,omitempty"`
	WantsEmail  bool    `json:"wants_email,omitempty"`
}

type price struct {
	Label  string `json:"label"`
	Amount int64  `json:"amount"`
}

func (i *invoice) total() int64 {
	total := int64(0)
	for _, one := range i.Prices {
		total += one.Amount
	}

	return total
}

func (i *invoice) object() object {
	return object{
		"title": i.Title, "description": i.Description, "start_parameter": i.Start, "currency": i.Currency,
		"total_amount": i.total(),
	}
}

// payment is what a service message says of a payment or a refund.
type payment struct {
	Currency string `json:"currency"`
	Total    int64  `json:"total"`
	Payload  string `json:"payload"`
	ChargeID string `json:"charge_id"`
	Refunded bool   `json:"refunded,omitempty"`
	Shipping string `json:"shipping,omitempty"`
}

func (p *payment) object() (string, object) {
	o := object{
		"currency": p.Currency, "total_amount": p.Total, "invoice_payload": p.Payload,
		"telegram_payment_charge_id": p.ChargeID,
	}

	if p.Refunded {
		return "refunded_payment", o
	}

	o["provider_payment_charge_id"] = "provider-" + p.ChargeID
	set(o, "shipping_option_id", p.Shipping)

	return "successful_payment", o
}

// charge is a payment that was made; it can be refunded once.
type charge struct {
	Bot      int64  `json:"bot"`
	User     int64  `json:"user"`
	Currency string `json:"currency"`
	Total    int64  `json:"total"`
	Payload  string `json:"payload"`
	Refunded bool   `json:"refunded,omitempty"`
}

// transaction is a line of a bot's account of Stars.
type transaction struct {
	ID      string `json:"id"`
	Amount  int64  `json:"amount"`
	Date    int64  `json:"date"`
	User    int64  `json:"user"`
	Payload string `json:"payload,omitempty"`
	Refund  bool   `json:"refund,omitempty"`
}

// readInvoice reads the parameters of an invoice and keeps it.
func (c *call) readInvoice() (*invoice, error) {
	bill := &invoice{
		Bot: c.bot.ID, Title: c.str("title"), Description: c.str("description"), Payload: c.str("payload"),
		Currency: c.str("currency"), PhotoURL: c.str("photo_url"), Start: c.str("start_parameter"),
		Flexible: c.flag("is_flexible"), WantsName: c.flag("need_name"), WantsEmail: c.flag("need_email"),
	}

	if err := c.into("prices", &bill.Prices); err != nil {
		return nil, err
	}

	const mostTitle, mostDescription, mostPayload = 32, 255, 128

	switch {
	case len([]rune(bill.Title)) > mostTitle:
		return nil, badRequest("INVOICE_TITLE_INVALID")
	case len([]rune(bill.Description)) > mostDescription:
		return nil, badRequest("INVOICE_DESCRIPTION_INVALID")
	case len(bill.Payload) > mostPayload:
		return nil, badRequest("INVOICE_PAYLOAD_INVALID")
	case len(bill.Prices) == 0, bill.total() <= 0:
		return nil, badRequest("INVOICE_PRICES_INVALID")
	case bill.Currency == stars && len(bill.Prices) != 1:
		return nil, badRequest("STARS_INVOICE_INVALID")
	case bill.Currency == stars && c.str("provider_token") != "":
		return nil, badRequest("STARS_INVOICE_INVALID")
	case bill.Currency != stars && c.str("provider_token") == "":
		return nil, badRequest("PAYMENT_PROVIDER_INVALID")
	case len(bill.Currency) != 3:
		return nil, badRequest("CURRENCY_TOTAL_AMOUNT_INVALID")
	}

	bill.Slug = fmt.Sprintf("i%x", c.world.next())
	c.world.Invoices[bill.Slug] = bill

	return bill, nil
}

func (c *call) sendInvoice() (any, error) {
	d, err := c.draft()
	if err != nil {
		return nil, err
	}

	bill, err := c.readInvoice()
	if err != nil {
		return nil, err
	}

	d.content.Invoice = bill.Slug
	if d.content.Markup == nil {
		text := "Pay " + amount(bill.Currency, bill.total())
		d.content.Markup = rawJSON(object{"inline_keyboard": []any{[]any{object{"text": text, "pay": true}}}})
	} else if first := buttons(d.content.Markup); len(first) > 0 && len(first[0]) > 0 && !first[0][0].Pay {
		return nil, badRequest("REPLY_MARKUP_BUY_EMPTY")
	}

	return c.sendOne(d)
}

func amount(currency string, total int64) string {
	if currency == stars {
		return fmt.Sprintf("⭐️%d", total)
	}

	return fmt.Sprintf("%s %d.%02d", currency, total/100, total%100)
}

func (c *call) createInvoiceLink() (any, error) {
	bill, err := c.readInvoice()
	if err != nil {
		return nil, err
	}

	c.touch()

	return "https://t.me/$" + bill.Slug, nil
}

// query is a question to a bot that has to be answered in time: a pressed
// button, or a step of a payment.
type query struct {
	bot      int64
	kind     string
	deadline time.Time
	answered bool
	// answer holds the parameters of the call that answered.
	answer params
}

// How long a bot has to answer.
const (
	callbackLife = 15 * time.Minute
	checkoutLife = 10 * time.Second
)

func errOldQuery() error {
	return badRequest("query is too old and response timeout expired or query ID is invalid")
}

// ask opens a query and returns its id.
func (s *Server) ask(b *bot, kind string, life time.Duration) (string, *query) {
	for id, old := range s.queries {
		if s.now().After(old.deadline) {
			delete(s.queries, id)
		}
	}

	id := fmt.Sprint(4_000_000_000_000_000_000 + s.world.next())
	q := &query{bot: b.ID, kind: kind, deadline: s.now().Add(life)}
	s.queries[id] = q

	return id, q
}

// answerQuery takes the open query that a call answers.
func (c *call) answerQuery(field, kind string) error {
	q := c.queries[c.str(field)]
	if q == nil || q.bot != c.bot.ID || q.kind != kind || q.answered || c.now().After(q.deadline) {
		return errOldQuery()
	}

	q.answered, q.answer = true, c.params
	delete(c.queries, c.str(field))
	c.touch()

	return nil
}

func (c *call) answerCallbackQuery() (any, error) {
	const mostText = 200
	if len([]rune(c.str("text"))) > mostText {
		return nil, badRequest("MESSAGE_TOO_LONG")
	}

	if err := c.answerQuery("callback_query_id", "callback"); err != nil {
		return nil, err
	}

	return true, nil
}

func (c *call) answerCheckout() (any, error) {
	field, kind := "pre_checkout_query_id", "checkout"
	if c.method == "answerShippingQuery" {
		field, kind = "shipping_query_id", "shipping"
	}

	switch {
	case !c.flag("ok") && c.str("error_message") == "":
		return nil, badRequest("parameter \"error_message\" is required")
	case kind == "shipping" && c.flag("ok") && len(c.subs("shipping_options")) == 0:
		return nil, badRequest("parameter \"shipping_options\" is required")
	}

	if err := c.answerQuery(field, kind); err != nil {
		return nil, err
	}

	return true, nil
}

// pay lets a person pay an invoice: the bot is asked, then the money moves and
// a message says so. The lock must be held.
func (s *Server) pay(ctx context.Context, in *chat, payer *user, bill *invoice) (control.PayResult, error) {
	b := s.world.Bots[bill.Bot]
	total := bill.total()

	if bill.Currency == stars && payer.Stars < total {
		return control.PayResult{Status: "poor", Error: fmt.Sprintf("%d Stars are needed, there are %d", total, payer.Stars)}, nil
	}

	shipping := ""

	if bill.Flexible {
		option, refused := s.ship(ctx, in, b, payer, bill)
		if refused != nil {
			return *refused, nil
		}

		shipping = option.Label
		total += option.Amount
	}

	question := object{
		"from": payer.object(), "currency": bill.Currency, "total_amount": total, "invoice_payload": bill.Payload,
	}
	set(question, "shipping_option_id", shipping)

	if info := orderInfo(payer, bill); len(info) > 0 {
		question["order_info"] = info
	}

	answer := s.checkout(ctx, in, b, "checkout", "pre_checkout_query", question)
	if refused := refusal(answer); refused != nil {
		return *refused, nil
	}

	// Other payments may have been made while the bot thought.
	if bill.Currency == stars && payer.Stars < total {
		return control.PayResult{Status: "poor", Error: "the Stars were spent meanwhile"}, nil
	}

	chargeID := fmt.Sprintf("stx%d_%d", b.ID, s.world.next())
	s.world.Charges[chargeID] = &charge{Bot: b.ID, User: payer.ID, Currency: bill.Currency, Total: total, Payload: bill.Payload}

	if bill.Currency == stars {
		payer.Stars -= total
		b.Stars += total
		b.Ledger = append(b.Ledger, transaction{
			ID: chargeID, Amount: total, Date: s.now().Unix(), User: payer.ID, Payload: bill.Payload,
		})
		s.event("user", "", payer.User)
	}

	m := s.post(in, payer.ID, &draft{content: content{Payment: &payment{
		Currency: bill.Currency, Total: total, Payload: bill.Payload, ChargeID: chargeID, Shipping: shipping,
	}}})
	s.userMessage(in, m, "message")

	return control.PayResult{Status: "paid", ChargeID: chargeID}, nil
}

func orderInfo(payer *user, bill *invoice) object {
	info := object{}
	if bill.WantsName {
		info["name"] = payer.FirstName
	}

	if bill.WantsEmail {
		info["email"] = fmt.Sprintf("user%d@example.com", payer.ID)
	}

	return info
}

// checkout asks the bot one question of a payment and waits for the answer;
// nil if there was none in time.
func (s *Server) checkout(ctx context.Context, in *chat, b *bot, kind, updateKind string, question object) *params {
	id, q := s.ask(b, kind, checkoutLife)
	question["id"] = id
	s.push(b, in.Key+"/"+kind, updateKind, question)

	if !s.await(ctx, q.deadline, func() bool { return q.answered }) {
		delete(s.queries, id)

		return nil
	}

	return &q.answer
}

func refusal(answer *params) *control.PayResult {
	switch {
	case answer == nil:
		return &control.PayResult{Status: "timeout", Error: "the bot did not answer within 10 seconds"}
	case !answer.flag("ok"):
		return &control.PayResult{Status: "refused", Error: answer.str("error_message")}
	default:
		return nil
	}
}

// ship asks for the ways of shipping and takes the first.
func (s *Server) ship(ctx context.Context, in *chat, b *bot, payer *user, bill *invoice) (price, *control.PayResult) {
	answer := s.checkout(ctx, in, b, "shipping", "shipping_query", object{
		"from": payer.object(), "invoice_payload": bill.Payload, "shipping_address": object{
			"country_code": "ID", "state": "DKI Jakarta", "city": "Jakarta", "street_line1": "Jalan Merdeka 1",
			"street_line2": "", "post_code": "10110",
		},
	})
	if refused := refusal(answer); refused != nil {
		return price{}, refused
	}

	var options []struct {
		ID     string  `json:"id"`
		Prices []price `json:"prices"`
	}
	if err := answer.into("shipping_options", &options); err != nil || len(options) == 0 {
		return price{}, &control.PayResult{Status: "refused", Error: "the shipping options cannot be read"}
	}

	chosen := price{Label: options[0].ID}
	for _, one := range options[0].Prices {
		chosen.Amount += one.Amount
	}

	return chosen, nil
}

func (c *call) refundStarPayment() (any, error) {
	made := c.world.Charges[c.str("telegram_payment_charge_id")]

	switch {
	case made == nil, made.Bot != c.bot.ID, made.Currency != stars:
		return nil, badRequest("CHARGE_ID_INVALID")
	case made.User != c.integer("user_id", 0):
		return nil, badRequest("USER_ID_INVALID")
	case made.Refunded:
		return nil, badRequest("CHARGE_ALREADY_REFUNDED")
	case c.bot.Stars < made.Total:
		return nil, badRequest("BALANCE_TOO_LOW")
	}

	made.Refunded = true
	c.bot.Stars -= made.Total
	c.bot.Ledger = append(c.bot.Ledger, transaction{
		ID: c.str("telegram_payment_charge_id"), Amount: made.Total, Date: c.now().Unix(), User: made.User, Refund: true,
	})

	if payer := c.world.Users[made.User]; payer != nil {
		payer.Stars += made.Total
		c.event("user", "", payer.User)
	}

	if in := c.world.Chats[privateKey(c.bot.ID, made.User)]; in != nil {
		m := c.post(in, c.bot.ID, &draft{content: content{Payment: &payment{
			Currency: stars, Total: made.Total, Payload: made.Payload, ChargeID: c.str("telegram_payment_charge_id"),
			Refunded: true,
		}}})
		c.userMessage(in, m, "message")
	}

	return true, nil
}

func (c *call) getStarTransactions() (any, error) {
	const most = 100

	offset, limit := c.integer("offset", 0), c.integer("limit", most)
	if offset < 0 || limit < 1 || limit > most {
		return nil, &apiError{Status: http.StatusBadRequest, Text: "Bad Request: LIMIT_INVALID"}
	}

	list := []any{}

	for i := len(c.bot.Ledger) - 1 - int(offset); i >= 0 && len(list) < int(limit); i-- {
		line := c.bot.Ledger[i]
		partner := object{"type": "user", "transaction_type": "invoice_payment", "user": c.world.userOrBot(line.User)}
		set(partner, "invoice_payload", line.Payload)

		o := object{"id": line.ID, "amount": line.Amount, "date": line.Date}
		if line.Refund {
			o["receiver"] = partner
		} else {
			o["source"] = partner
		}

		list = append(list, o)
	}

	return object{"transactions": list}, nil
}

// press lets a person press a button with data and waits for the answer until
// the deadline; the lock must be held.
func (s *Server) press(ctx context.Context, in *chat, m *message, who *user, data string, wait time.Duration) control.Answer {
	b := s.world.Bots[m.From]
	id, q := s.ask(b, "callback", callbackLife)
	s.push(b, in.Key, "callback_query", object{
		"id": id, "from": who.object(), "message": s.messageObject(b.ID, in, m),
		"chat_instance": fmt.Sprint(1_000_000 + in.ID), "data": data,
	})

	answer := control.Answer{QueryID: id, User: who.ID, ChatKey: in.Key, Data: data}
	if s.await(ctx, s.now().Add(wait), func() bool { return q.answered }) {
		answer.Answered, answer.Text, answer.URL = true, q.answer.str("text"), q.answer.str("url")
		answer.ShowAlert = q.answer.flag("show_alert")
	}

	answer.Seq = s.world.Seq + 1
	s.event("answer", in.Key, answer)
	s.answers = trimmed(append(s.answers, answer))

	return answer
}
