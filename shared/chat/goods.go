package chat

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
)

// Goods tells the contents of units, each ready to be copied by a tap.
func (c *Catalog) Goods(of store.Store, sold order.Order, line order.Line, contents []string, part, parts int) message.Text {
	words := c.In(sold.Language)
	html := words.html("goods.title", errs.Args{
		"Time": words.oclock(sold.PaidAt, sold.PaidAt, of.TimeZone), "Name": words.lineName(line),
	})

	if parts > 1 {
		html += " · " + words.html("goods.part", errs.Args{"Part": part, "Parts": parts})
	}

	lines := []string{html}
	for _, content := range contents {
		lines = append(lines, copyable(content))
	}

	return message.Text{HTML: strings.Join(lines, "\n")}
}

// copyable sets off what a tap copies.
func copyable(content string) string {
	content = strings.Trim(content, "\r\n")
	if strings.ContainsAny(content, "\r\n") {
		return "<pre>" + escape(content) + "</pre>"
	}

	return "<code>" + escape(content) + "</code>"
}

// GoodsFile names and captions goods that come as a file.
func (c *Catalog) GoodsFile(of store.Store, sold order.Order, line order.Line) (string, message.Text) {
	words := c.In(sold.Language)
	caption := words.html("goods.file", errs.Args{
		"Time": words.oclock(sold.PaidAt, sold.PaidAt, of.TimeZone), "Name": words.lineName(line), "Label": sold.Label(),
	})

	return message.FileName(sold.Label() + " " + words.named(line.Name) + ".txt"), message.Text{HTML: caption}
}

// Handmade tells that somebody of the store is at work.
func (c *Catalog) Handmade(of store.Store, sold order.Order, line order.Line) message.Text {
	words := c.In(sold.Language)

	return message.Text{HTML: words.html("goods.handmade", errs.Args{
		"Time": words.oclock(sold.PaidAt, sold.PaidAt, of.TimeZone), "Name": words.lineName(line), "Label": sold.Label(),
	})}
}

// Delivered is said below the goods.
func (c *Catalog) Delivered(_ store.Store, sold order.Order) message.Text {
	words := c.In(sold.Language)
	args := errs.Args{"Label": sold.Label(), "Total": words.money(sold.Total)}

	if sold.Kind == order.Deposit {
		return message.Text{
			HTML:    words.html("wallet.credited", args),
			Buttons: [][]message.Button{{words.receiptButton(sold), words.open("wallet.button", "wallet")}},
		}
	}

	html := words.html("goods.again", args)
	if slices.ContainsFunc(sold.Lines, func(line order.Line) bool { return line.Policy != catalog.Manual }) {
		html = words.html("goods.keep", args)
	}

	return message.Text{
		HTML:    html,
		Buttons: [][]message.Button{words.afterButtons(sold)},
	}
}

func (w Words) receiptButton(of order.Order) message.Button {
	return message.Button{Text: w.plain("order.button_receipt", nil), Data: tapReceipt + of.ID}
}

// afterButtons are what a buyer may want once the goods are there.
func (w Words) afterButtons(of order.Order) []message.Button {
	buttons := []message.Button{w.receiptButton(of)}

	for _, line := range of.Lines {
		if line.Warranty > 0 {
			return append(buttons, message.Button{Text: w.plain("order.button_claim", nil), Data: tapClaim + of.ID})
		}
	}

	return buttons
}

// guaranteed reports whether a line of an order can still be claimed.
func guaranteed(of order.Order, line order.Line, now time.Time) bool {
	return line.Warranty > 0 && !of.SentAt.IsZero() && now.Before(of.SentAt.AddDate(0, 0, line.Warranty))
}

// maxTermsUnits leaves room for what stands around a store's own words.
const maxTermsUnits = 3500

// Terms asks a buyer to answer the terms of a product.
func (c *Catalog) Terms(_ store.Store, sold order.Order, product catalog.Product) message.Text {
	words := c.In(sold.Language)
	terms, _ := fit(product.Terms.In(sold.Language), maxTermsUnits)

	return message.Text{
		HTML: words.html("terms.ask", errs.Args{"Name": words.named(product.Name), "Label": sold.Label(), "Terms": terms}),
		Buttons: [][]message.Button{{
			{Text: words.plain("terms.button_answer", nil), Data: tapTerms + sold.ID + ":" + product.ID},
		}},
	}
}

// Notice tells a person something, with the way to what it is about.
func (c *Catalog) Notice(_ store.Store, language, key string, args map[string]any) message.Text {
	words := c.In(language)
	shown := maps.Clone(args)
	id, _ := args["ID"].(string)
	product, _ := args["Product"].(string)

	var buyer string
	if number, ok := args["User"].(float64); ok { // a name, not a number to be grouped
		buyer = strconv.FormatFloat(number, 'f', 0, 64)
		shown["User"] = buyer
	}

	text := message.Text{HTML: words.html(key, shown)}

	switch {
	case id != "" && buyer != "": // for those of the store who look after it
		text.Buttons = [][]message.Button{{words.caseButton(buyer, id)}}
	case key == "catalog.restocked_notice":
		text.Buttons = [][]message.Button{{{Text: words.plain("shop.button_see", nil), Data: tapProduct + product + ":1"}}}
	case key == "ordering.late" || key == "ordering.twice" || key == "ordering.refunded":
		text.Buttons = [][]message.Button{{words.open("wallet.button", "wallet")}}
	}

	return text
}

// receipt is the proof of a payment, as a text.
func (w Words) receipt(of store.Store, paid order.Order) string {
	lines := []string{
		w.html("receipt.title", errs.Args{"Store": of.Name}),
		w.html("receipt.head", errs.Args{
			"Label": paid.Label(), "Day": w.day(paid.PaidAt, of.TimeZone), "Time": w.oclock(paid.PaidAt, paid.PaidAt, of.TimeZone),
		}),
		"",
	}

	for _, line := range paid.Lines {
		price := money.Amount{Value: line.Price, Currency: paid.Total.Currency}
		sum := price
		sum.Value *= line.Count

		lines = append(lines, w.html("receipt.line", errs.Args{
			"Name": w.named(line.Name), "Count": w.number(line.Count), "Price": w.money(price), "Sum": w.money(sum),
		}))
	}

	if paid.Kind == order.Deposit {
		lines = append(lines, w.html("receipt.row", errs.Args{"Name": w.bought(paid), "Sum": w.money(paid.Total)}))
	}

	if paid.Discount > 0 {
		lines = append(lines, w.html("receipt.discount", errs.Args{
			"Coupon": paid.Coupon, "Sum": w.money(money.Amount{Value: paid.Discount, Currency: paid.Total.Currency}),
		}))
	}

	if bill, ok := paid.Bill(); ok && bill.Fee > 0 {
		fee := money.Amount{Value: bill.Fee, Currency: bill.Amount.Currency}
		lines = append(lines, w.html("receipt.fee", errs.Args{"Method": w.feeOf(bill.Method), "Sum": w.money(fee)}))
	}

	lines = append(lines, w.html("receipt.total", errs.Args{"Sum": w.money(total(paid))}), "",
		w.html("receipt.method", errs.Args{"Method": w.method(paid.Method)}))

	if paid.Receipt != nil && paid.Receipt.Transaction != "" {
		lines = append(lines, w.html("receipt.transaction", errs.Args{"Transaction": paid.Receipt.Transaction}))
	}

	return strings.Join(lines, "\n")
}
