package chat

import (
	"context"
	"strconv"
	"strings"
	"unicode"

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

	return c.checkout(ctx, r, sourceDeposit+strconv.FormatInt(amount, 10))
}

// readRupiah reads an amount as people write it: "50rb", "Rp50.000", "50 ribu",
// "1,5 jt", "50k", "Rp 50.000,00", "50000". False where it is none, or not a whole number of
// rupiah above zero.
func readRupiah(text string) (int64, bool) {
	const most = 1_000_000_000 // above any amount that is taken

	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	text = strings.TrimPrefix(strings.TrimPrefix(text, "idr"), "rp")
	text = strings.TrimSuffix(strings.TrimPrefix(text, "."), ",-")
	digits := strings.TrimRightFunc(text, unicode.IsLetter)
	unit := int64(1)

	switch text[len(digits):] {
	case "":
	case "k", "rb", "ribu":
		unit = 1_000
	case "jt", "juta":
		unit = 1_000_000
	default:
		return 0, false
	}

	whole, fraction, ok := splitNumber(digits, unit > 1)
	if !ok || len(whole) > len(strconv.Itoa(most)) {
		return 0, false
	}

	value, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || value > most {
		return 0, false
	}

	value *= unit

	for _, digit := range fraction {
		unit /= 10
		if unit == 0 && digit != '0' {
			return 0, false // less than a rupiah
		}

		value += int64(digit-'0') * unit
	}

	return value, value > 0 && value <= most
}

// splitNumber reads digits with separators into the whole and the fraction. A
// separator before exactly three digits groups thousands, unless a unit follows
// the number ("1.500 rb" is as rare as "1.5 jt" is usual) and it is the only one.
func splitNumber(text string, unit bool) (whole, fraction string, ok bool) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '.' || r == ',' })
	if len(parts) == 0 || len(strings.Join(parts, ""))+len(parts)-1 != len(text) { // a separator in a wrong place
		return "", "", false
	}

	for _, part := range parts {
		if strings.Trim(part, "0123456789") != "" {
			return "", "", false
		}
	}

	const group = 3

	last := parts[len(parts)-1]

	if len(parts) > 1 && (len(last) < group || unit && len(parts) == 2 && len(parts[0]) < group) {
		fraction, parts = last, parts[:len(parts)-1]
	}

	for at, part := range parts {
		if at > 0 && len(part) != group || at == 0 && len(parts) > 1 && len(part) > group {
			return "", "", false
		}
	}

	return strings.Join(parts, ""), fraction, true
}
