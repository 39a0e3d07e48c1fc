package chat

import (
	"context"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/wallet"
)

// tapStatement is a page of the statement: NUMBER:POSTING, behind that posting.
const tapStatement = "ledger:"

// wallet shows the balance and the newest lines of the statement.
func (c *Chat) wallet(ctx context.Context, r *request) error { return c.statement(ctx, r, 1, "") }

func (c *Chat) turnStatement(ctx context.Context, r *request) error {
	number, after, _ := strings.Cut(r.value(tapStatement), ":")

	page, err := strconv.Atoi(number)
	if err != nil || page < 1 {
		return c.oldTap(ctx, r)
	}

	return c.statement(ctx, r, page, after)
}

func (c *Chat) statement(ctx context.Context, r *request, page int, after string) error {
	balance, err := c.Wallets.Balance(ctx, r.storeID, r.from.ID)
	if err != nil {
		return errs.Context(err, "read the balance of user %d", r.from.ID)
	}

	postings, more, err := c.Wallets.Statement(ctx, r.storeID, r.from.ID, after, pageItems)
	if err != nil {
		return errs.Context(err, "read the statement of user %d", r.from.ID)
	}

	lines := []string{r.words.html("wallet.title", errs.Args{"Balance": r.words.money(balance)})}

	if page > 1 || more {
		lines = append(lines, r.words.html("shop.page", errs.Args{"Page": page}))
	}

	lines = append(lines, "")

	for _, posting := range postings {
		lines = append(lines, r.words.posting(posting, r.store.TimeZone))
	}

	if len(postings) == 0 {
		lines = append(lines, r.words.html("wallet.empty", nil))
	}

	var turn []message.Button

	if page > 1 {
		turn = append(turn, r.words.open("wallet.button_newest", "wallet"))
	}

	if more {
		next := tapStatement + strconv.Itoa(page+1) + ":" + postings[len(postings)-1].ID
		if len(next) > maxTapBytes {
			return errs.New(errs.Internal, "turn the statement of user %d: %q is too long for a button", r.from.ID, next)
		}

		turn = append(turn, message.Button{Text: r.words.plain("shop.button_next", nil), Data: next})
	}

	var rows [][]message.Button
	if turn != nil {
		rows = append(rows, turn)
	}

	if c.selling(r) {
		rows = append(rows, []message.Button{r.words.open("wallet.button_deposit", "deposit")})
	}

	return c.show(ctx, r, message.Text{HTML: strings.Join(lines, "\n"), Buttons: append(rows, r.words.backTo("home"))})
}

// posting is a line of the statement.
func (w Words) posting(line wallet.Posting, zone string) string {
	amount := w.money(line.Amount)
	if line.Amount.Value > 0 {
		amount = "+" + amount
	}

	about := line.Reason
	if about == "" && line.Order != "" {
		about = "#" + order.Order{ID: line.Order}.Label()
	}

	return joined(w.moment(line.At, zone), w.postingKind(line.Kind), about) + " · <b>" + escape(amount) + "</b>"
}

// postingKind is what a movement of money is called.
func (w Words) postingKind(kind string) string {
	switch kind {
	case "purchase":
		return w.plain("wallet.kind_purchase", nil)
	case "deposit":
		return w.plain("wallet.kind_deposit", nil)
	case "refund":
		return w.plain("wallet.kind_refund", nil)
	case "late":
		return w.plain("wallet.kind_late", nil)
	case "twice":
		return w.plain("wallet.kind_twice", nil)
	case "adjustment":
		return w.plain("wallet.kind_adjustment", nil)
	default:
		return w.plain("wallet.kind_other", nil)
	}
}

// deposits are the amounts that are offered.
func deposits() []int64 { return []int64{20_000, 50_000, 100_000, 200_000} }

// deposit asks how much should go into the wallet.
func (c *Chat) deposit(ctx context.Context, r *request) error {
	if !c.selling(r) {
		return c.closed(ctx, r)
	}

	c.expect(r, "deposit", nil)

	var rows [][]message.Button

	for at, amount := range deposits() {
		if at%columns == 0 {
			rows = append(rows, nil)
		}

		rows[len(rows)-1] = append(rows[len(rows)-1], message.Button{
			Text: r.words.rupiah(amount), Data: tapCheckout + sourceDeposit + strconv.FormatInt(amount, 10),
		})
	}

	return c.show(ctx, r, message.Text{
		HTML: r.words.html("wallet.how_much", errs.Args{
			"Min": r.words.rupiah(order.MinDeposit), "Max": r.words.rupiah(order.MaxDeposit),
		}),
		Buttons: append(rows, r.words.backTo("wallet")),
	})
}

// takeDeposit reads the amount that was typed.
func (c *Chat) takeDeposit(ctx context.Context, r *request) error {
	amount, ok := readRupiah(r.message.Text)
	if !ok {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("wallet.no_amount", nil), Buttons: [][]message.Button{r.words.backTo("wallet")},
		})
	}

	return c.checkout(ctx, r, sourceDeposit+strconv.FormatInt(amount, 10), false)
}
