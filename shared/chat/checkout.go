package chat

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
)

const (
	tapCheckout = "buy:"  // what is bought: see basket
	tapAccounts = "bank:" // the same, to choose the bank of a virtual account
	tapPay      = "pay:"  // METHOD:STAMP:SOURCE
)

// Where what is bought stands: there, or in the button itself, PRODUCT:COUNT.
const (
	sourceCart    = "cart"
	sourceDeposit = "deposit:" // so many rupiah into the wallet
)

// purchase is what somebody is about to order.
type purchase struct {
	source string
	items  []order.Item
	amount int64 // of a deposit
	coupon string
	// ordered is the stamp of the checkout from which the cart was ordered last.
	ordered string
}

// basket gives what a source names.
func (c *Chat) basket(ctx context.Context, r *request, source string) (purchase, error) {
	if amount, ok := strings.CutPrefix(source, sourceDeposit); ok {
		value, err := strconv.ParseInt(amount, 10, 64)
		if err != nil {
			return purchase{}, errs.Wrap(err, errs.Invalid, "read the deposit of a button")
		}

		return purchase{source: source, amount: value}, nil
	}

	chosen, err := c.loadCart(ctx, r)
	if err != nil {
		return purchase{}, err
	}

	if source == sourceCart {
		return purchase{source: source, items: chosen.items(), coupon: chosen.Coupon, ordered: chosen.Ordered}, nil
	}

	product, count := readCount(source)

	return purchase{
		source: source, items: []order.Item{{Product: product, Count: count}}, coupon: chosen.Coupon, ordered: chosen.Ordered,
	}, nil
}

// back leads to where what is bought was chosen.
func (p purchase) back(w Words) []message.Button {
	switch {
	case p.source == sourceCart:
		return w.backTo("cart")
	case p.amount != 0:
		return w.backTo("deposit")
	default:
		return []message.Button{{Text: w.plain("button.back", nil), Data: tapProduct + p.source}}
	}
}

// request asks for the order of a purchase, paid by a method.
func (c *Chat) request(r *request, bought purchase, method string) order.Request {
	asked := order.Request{
		Store: r.storeID, User: r.from.ID, Chat: r.chat, Language: r.words.language,
		Kind: order.Purchase, Items: bought.items, Coupon: bought.coupon, Method: method, PayIn: r.store.Shop.PayIn(),
	}
	if bought.amount != 0 {
		asked.Kind, asked.Amount, asked.Coupon = order.Deposit, bought.amount, ""
	}

	return asked
}

// quote prices a purchase; where it cannot be had it says so in HTML instead.
func (c *Chat) quote(ctx context.Context, r *request, bought purchase) (order.Quote, string, error) {
	quote, err := c.Orders.Quote(ctx, c.request(r, bought, ""))
	if key, args, ok := errs.Sentence(err); ok {
		return order.Quote{}, r.words.html("job.refused", errs.Args{"Reason": markup(r.words.html(key, args))}), nil
	}

	if err != nil {
		return order.Quote{}, "", errs.Context(err, "price a purchase of user %d", r.from.ID)
	}

	return quote, "", nil
}

func (c *Chat) openCheckout(ctx context.Context, r *request) error {
	r.settled()

	return c.checkout(ctx, r, r.value(tapCheckout), false)
}

func (c *Chat) openAccounts(ctx context.Context, r *request) error {
	return c.checkout(ctx, r, r.value(tapAccounts), true)
}

// checkout shows what an order costs by each way of paying, and until when it
// has to be paid, before anybody commits to anything. Virtual accounts, where
// there are many, have a screen of their own: atBank.
func (c *Chat) checkout(ctx context.Context, r *request, source string, atBank bool) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	bought, err := c.basket(ctx, r, source)

	switch {
	case errs.Is(err, errs.Invalid): // a button that is none of ours
		return c.oldTap(ctx, r)
	case err != nil:
		return err
	case len(bought.items) == 0 && bought.amount == 0:
		return c.cart(ctx, r)
	}

	quote, refusal, err := c.quote(ctx, r, bought)
	if err != nil {
		return err
	}

	if refusal != "" {
		return c.show(ctx, r, message.Text{HTML: refusal, Buttons: c.refused(r, bought)})
	}

	options, err := c.payable(ctx, r, bought, quote)
	if err != nil {
		return err
	}

	lines := append([]string{r.words.html("checkout.title", nil), ""}, r.words.quoted(quote, bought.coupon)...)
	deadline := "checkout.deadline"

	if bought.amount != 0 {
		deadline = "checkout.deadline_deposit"
		lines = []string{r.words.html("checkout.deposit", errs.Args{"Amount": r.words.money(quote.Total)})}
	}

	ways, accounts := divided(options)
	back := bought.back(r.words)

	if atBank && len(accounts) > 0 {
		ways, accounts = accounts, nil
		back = []message.Button{{Text: r.words.plain("button.back", nil), Data: tapCheckout + source}}
	}

	lines = append(lines, "", r.words.html("checkout.nothing", nil))
	if len(options) > 0 {
		lines = append(lines[:len(lines)-1], r.words.html("checkout.choose", nil))
		lines = append(lines, r.words.prices(ways, accounts)...)
		lines = append(lines, "", r.words.html(deadline, errs.Args{"Time": r.store.Shop.PayIn()}))
	}

	rows := c.payButtons(r, bought, ways)
	if len(accounts) > 0 {
		rows = append(rows, []message.Button{{Text: r.words.plain("checkout.button_accounts", nil), Data: tapAccounts + source}})
	}

	if !atBank && bought.amount == 0 && quote.Total.Currency == money.Rupiah {
		rows = append(rows, []message.Button{r.words.couponButton(bought.coupon, source)})
	}

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, back)})
}

// divided gives the ways of paying without virtual accounts, and these, where
// they are so many that they have a screen of their own.
func divided(options []payOption) ([]payOption, []payOption) {
	var ways, accounts []payOption

	for _, option := range options {
		if strings.HasSuffix(string(option.method), "_va") {
			accounts = append(accounts, option)
		} else {
			ways = append(ways, option)
		}
	}

	if len(accounts) <= columns {
		return options, nil
	}

	return ways, accounts
}

// refused are the ways on from a purchase that cannot be had.
func (c *Chat) refused(r *request, bought purchase) [][]message.Button {
	var rows [][]message.Button
	if bought.coupon != "" {
		rows = append(rows, []message.Button{r.words.couponButton(bought.coupon, bought.source)})
	}

	return append(rows, bought.back(r.words))
}

// payOption is a way of paying with what it comes to.
type payOption struct {
	method payment.Method
	price  money.Amount
	fee    int64
}

func (o payOption) total() money.Amount {
	return money.Amount{Value: o.price.Value + o.fee, Currency: o.price.Currency}
}

// payable gives the ways of paying a purchase: those of the store's gateways,
// Stars where every product has a price in them, and the wallet where it holds
// enough.
func (c *Chat) payable(ctx context.Context, r *request, bought purchase, quote order.Quote) ([]payOption, error) {
	var options []payOption

	if bought.amount == 0 {
		balance, err := c.Wallets.Balance(ctx, r.storeID, r.from.ID)
		if err != nil {
			return nil, errs.Context(err, "read the balance of user %d", r.from.ID)
		}

		if balance.Value >= quote.Total.Value {
			options = append(options, payOption{method: payment.Wallet, price: quote.Total})
		}
	}

	if quote.Total.Value == 0 { // nothing is left to be paid: the wallet does it
		return options, nil
	}

	offered, err := c.Till.Options(ctx, r.store, quote.Total)
	if err != nil {
		return nil, errs.Context(err, "list the ways of paying for user %d", r.from.ID)
	}

	for _, option := range offered {
		options = append(options, payOption{option.Method, quote.Total, option.Fee})
	}

	if _, ok := r.store.Shop.At(order.StarsGateway); !ok || bought.amount != 0 {
		return options, nil
	}

	priced, err := c.Orders.Quote(ctx, c.request(r, bought, string(payment.Stars)))
	if _, _, ok := errs.Sentence(err); ok { // something of it is not sold for Stars
		return options, nil
	}

	if err != nil {
		return nil, errs.Context(err, "price a purchase of user %d in Stars", r.from.ID)
	}

	return append(options, payOption{payment.Stars, priced.Total, 0}), nil
}

// prices tells of each way of paying what of it is a fee, and of virtual
// accounts what the cheapest comes to.
func (w Words) prices(ways, accounts []payOption) []string {
	var lines []string

	for _, option := range ways {
		args := errs.Args{"Method": w.method(string(option.method)), "Total": w.money(option.total())}

		if option.fee == 0 {
			lines = append(lines, w.html("checkout.price", args))

			continue
		}

		args["Fee"] = w.money(money.Amount{Value: option.fee, Currency: option.price.Currency})
		lines = append(lines, w.html("checkout.price_fee", args))
	}

	if len(accounts) > 0 {
		cheapest := slices.MinFunc(accounts, func(a, b payOption) int { return cmp.Compare(a.fee, b.fee) })
		lines = append(lines, w.html("checkout.price_accounts", errs.Args{
			"Count": len(accounts), "Total": w.money(cheapest.total()),
		}))
	}

	return lines
}

// maxMethods leaves room for the other buttons of a screen, in rows of two.
const maxMethods = 10

// payButtons order what is bought. Their stamp names the screen: however often
// its buttons are tapped, one order comes of it.
func (c *Chat) payButtons(r *request, bought purchase, options []payOption) [][]message.Button {
	stamp := strconv.FormatInt(c.Clock.Now().Unix(), stampBase) + "-" + id.Reference(r.storeID, r.cause, bought.source)

	var rows [][]message.Button

	for at, option := range options[:min(len(options), maxMethods)] {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		label := r.words.plain("checkout.button_free", nil)
		if option.total().Value > 0 {
			label = r.words.plain("checkout.button", errs.Args{
				"Method": r.words.method(string(option.method)), "Total": r.words.money(option.total()),
			})
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{
			Text: label,
			Data: tapPay + string(option.method) + ":" + stamp + ":" + bought.source,
		})
	}

	return rows
}

// stampBase keeps the second in a stamp short.
const stampBase = 36

// stampedAt reads when the screen of a stamp was shown.
func stampedAt(stamp string) (time.Time, bool) {
	text, _, found := strings.Cut(stamp, "-")

	second, err := strconv.ParseInt(text, stampBase, 64)
	if err != nil || !found || second <= 0 || second > 1<<32 {
		return time.Time{}, false
	}

	return time.Unix(second, 0).UTC(), true
}

// pay places the order. The message of the screen becomes the order's living
// one, so it changes first: once the order is placed, its deliverer alone
// changes it.
func (c *Chat) pay(ctx context.Context, r *request) error {
	method, rest, _ := strings.Cut(r.value(tapPay), ":")
	stamp, source, _ := strings.Cut(rest, ":")

	at, ok := stampedAt(stamp)
	if !ok {
		return c.oldTap(ctx, r)
	}

	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	bought, err := c.basket(ctx, r, source)
	if errs.Is(err, errs.Invalid) { // a button that is none of ours
		return c.oldTap(ctx, r)
	}

	if err != nil {
		return err
	}

	if r.session.Ordered == stamp || bought.ordered == stamp {
		r.session.Ordered = stamp
		r.toast = r.words.plain("checkout.placed_before", nil)

		return nil
	}

	if len(bought.items) == 0 && bought.amount == 0 {
		return c.cart(ctx, r)
	}

	asked := c.request(r, bought, method)
	asked.Cause, asked.SentAt = "pay "+stamp, at

	if asked.Message, err = c.place(ctx, r, message.Text{HTML: r.words.html("checkout.placing", nil)}); err != nil {
		return err
	}

	placed, err := c.Orders.Place(ctx, asked)
	if err != nil {
		return c.unplaced(ctx, r, bought, err)
	}

	slog.InfoContext(ctx, "order placed", "order", placed.ID, "method", method)

	r.session.Ordered = stamp
	r.settled()
	r.toast = r.words.plain("checkout.placed", errs.Args{"Label": placed.Label()})
	c.emptied(ctx, r, bought, stamp)

	return nil
}

// unplaced tells why an order could not be placed, with the ways on.
func (c *Chat) unplaced(ctx context.Context, r *request, bought purchase, refusal error) error {
	again := []message.Button{{Text: r.words.plain("button.retry", nil), Data: tapCheckout + bought.source}}
	text := message.Text{HTML: r.words.html("checkout.failed", nil), Buttons: [][]message.Button{again, bought.back(r.words)}}

	key, args, told := errs.Sentence(refusal)
	if told {
		text.HTML = r.words.html("job.refused", errs.Args{"Reason": markup(r.words.html(key, args))})
	}

	if err := c.show(ctx, r, text); err != nil {
		slog.WarnContext(ctx, "an order that was not placed is not told", "error", err)
	}

	if told {
		slog.InfoContext(ctx, "order refused", "because", refusal)

		return nil
	}

	return errs.Context(refusal, "place an order of user %d", r.from.ID)
}

// emptied takes what was ordered out of the cart, and notes there that it was,
// should this update come again. A failure leaves it there, which is seen.
func (c *Chat) emptied(ctx context.Context, r *request, bought purchase, stamp string) {
	if bought.source != sourceCart && bought.coupon == "" {
		return
	}

	_, err := c.changeCart(ctx, r, func(cart *cart) {
		cart.Coupon, cart.Ordered = "", stamp

		if bought.source == sourceCart {
			cart.Items = nil
		}
	})
	if err != nil {
		slog.WarnContext(ctx, "the cart still holds what was ordered", "error", err)
	}
}
