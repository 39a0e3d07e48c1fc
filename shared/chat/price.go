package chat

import (
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
)

// money writes an amount as the language does: "Rp49.000".
func (w Words) money(amount money.Amount) string {
	if amount.Value < 0 {
		amount.Value = -amount.Value

		return "−" + w.money(amount)
	}

	key := "money.rupiah"
	if amount.Currency == money.Stars {
		key = "money.stars"
	}

	return w.plain(key, errs.Args{"Value": w.number(amount.Value)})
}

// rupiah writes so many rupiah.
func (w Words) rupiah(value int64) string { return w.money(money.IDR(value)) }

// oclock writes a time of day in a store's zone, with the day where it is not
// the day of now: "14.20 WIB", "22 Nov 14.20 WIB".
func (w Words) oclock(at, now time.Time, zone string) string {
	local, today := inZone(at, zone), inZone(now, zone)
	text := local.Format(w.plain("format.clock", nil) + " MST")

	if local.YearDay() != today.YearDay() || local.Year() != today.Year() {
		text = w.day(at, zone) + " " + text
	}

	return text
}

// day writes a date in a store's zone: "21 Nov 2026".
func (w Words) day(at time.Time, zone string) string {
	local := inZone(at, zone)

	return local.Format("2 ") + w.month(local) + local.Format(" 2006")
}

// method is what a way of paying is called.
func (w Words) method(method string) string {
	switch payment.Method(method) {
	case payment.QRIS:
		return w.plain("money.qris", nil)
	case payment.Link:
		return w.plain("money.link", nil)
	case payment.Card:
		return w.plain("money.card", nil)
	case payment.Stars:
		return w.plain("money.by_stars", nil)
	case payment.Wallet:
		return w.plain("money.wallet", nil)
	case payment.Manual:
		return w.plain("money.manual", nil)
	default: // a virtual account, named after its bank
		return strings.ToUpper(strings.ReplaceAll(method, "_", " "))
	}
}

// feeOf is what the fee of a way of paying is called.
func (w Words) feeOf(method string) string {
	if payment.Method(method) == payment.Link {
		return w.plain("money.service", nil)
	}

	return w.method(method)
}

// lineName is a product of an order with how many of it, short enough for a
// line of a chat.
func (w Words) lineName(line order.Line) string {
	name := w.named(line.Name)
	if line.Count == 1 {
		return name
	}

	return w.plain("order.times", errs.Args{"Name": name, "Count": w.number(line.Count)})
}

// named gives a name in the language, cut where it is very long.
func (w Words) named(name catalog.Text) string {
	short, cut := fit(strings.Join(strings.Fields(name.In(w.language)), " "), maxTitleUnits)
	if cut {
		short += "…"
	}

	return short
}

// bought says what an order is for, in a few words.
func (w Words) bought(of order.Order) string {
	if of.Kind == order.Deposit {
		return w.plain("wallet.deposit", nil)
	}

	const shown = 3

	var names []string

	for at, line := range of.Lines {
		if at == shown {
			names = append(names, "…")

			break
		}

		names = append(names, w.lineName(line))
	}

	return strings.Join(names, ", ")
}
