package chat

import (
	"strconv"
	"strings"
	"time"
	"unicode"

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

// readRupiah reads an amount as people write it: "50rb", "Rp50.000", "50 ribu",
// "1,5 jt", "50k", "Rp 50.000,00", "50000". False where it is none, or not a whole number of
// rupiah above zero.
func readRupiah(text string) (int64, bool) {
	const most = 1_000_000_000 // above any amount that is taken

	text = strings.ToLower(strings.Join(strings.Fields(text), ""))
	for _, currency := range []string{"rp.", "rp", "idr"} {
		if rest, ok := strings.CutPrefix(text, currency); ok {
			text = rest

			break
		}
	}

	text = strings.TrimSuffix(text, ",-")
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

// splitNumber reads digits with separators into the whole and the fraction;
// false where they are no number. A
// separator before exactly three digits groups thousands, unless a unit follows
// the number ("1.500 rb" is as rare as "1.5 jt" is usual) and it is the only one.
func splitNumber(text string, unit bool) (string, string, bool) {
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

	last, fraction := parts[len(parts)-1], ""

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
