package chat

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// number gives a number that a form is about; 0 where it is none.
func (f filling) number(name string) int64 { return whole(f.About[name]) }

// value gives an answer that is a number; 0 where it is empty.
func (f filling) value(name string) int64 { return whole(f.Values[name]) }

// whole reads what the program itself wrote; what cannot be read is zero, which
// what is saved refuses where it matters.
func whole(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}

	return value
}

// readText reads a text of at most so many characters.
func readText(most int) reader {
	return func(r *request, given input) (string, string) {
		text := strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(given.text, "")))

		switch {
		case text == "":
			return "", r.words.html("form.want_text", nil)
		case utf8.RuneCountInString(text) > most:
			return "", r.words.html("form.too_long", errs.Args{"Limit": most})
		}

		return text, ""
	}
}

// printable drops what nobody sees, but keeps lines.
func printable(r rune) rune {
	if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200d') { // U+200D joins emoji
		return -1
	}

	return r
}

// readMoney reads rupiah between bounds.
func readMoney(low, high int64) reader {
	return func(r *request, given input) (string, string) {
		value, ok := readRupiah(given.text)
		if !ok || value < low || value > high {
			return "", r.words.html("form.want_rupiah", errs.Args{"Low": r.words.rupiah(low), "High": r.words.rupiah(high)})
		}

		return strconv.FormatInt(value, 10), ""
	}
}

// readCorrection reads an amount with its sign: "+50rb", "-Rp10.000".
func readCorrection(r *request, given input) (string, string) {
	text := strings.TrimSpace(given.text)
	digits, minus := strings.CutPrefix(strings.Replace(text, "−", "-", 1), "-")

	value, ok := readRupiah(strings.TrimPrefix(digits, "+"))
	if !ok || value == 0 {
		return "", r.words.html("people.no_amount", nil)
	}

	if minus {
		value = -value
	}

	return strconv.FormatInt(value, 10), ""
}

// readNumber reads a whole number from one up.
func readNumber(high int64) reader {
	return func(r *request, given input) (string, string) {
		value, err := strconv.ParseInt(strings.NewReplacer(".", "", ",", "", " ", "").Replace(given.text), 10, 64)
		if err != nil || value < 1 || value > high {
			return "", r.words.html("form.want_number", errs.Args{"High": r.words.number(high)})
		}

		return strconv.FormatInt(value, 10), ""
	}
}

// readPhoto takes a picture.
func readPhoto(r *request, given input) (string, string) {
	if given.photo == "" {
		return "", r.words.html("form.want_photo", nil)
	}

	return given.photo, ""
}

// dayForm is how a day is kept in a form.
const dayForm = "2006-01-02"

// readDay reads a day that is not over, in the store's zone: "31-12-2026",
// "31/12/2026" or "2026-12-31".
func readDay(r *request, given input) (string, string) {
	text := strings.NewReplacer("/", "-", ".", "-", " ", "-").Replace(strings.TrimSpace(given.text))

	for _, form := range []string{dayForm, "2-1-2006"} {
		day, err := time.Parse(form, text)
		if err != nil {
			continue
		}

		today := inZone(given.now, r.store.TimeZone)
		if day.Format(dayForm) >= today.Format(dayForm) && day.Year() < today.Year()+maxYears {
			return day.Format(dayForm), ""
		}
	}

	return "", r.words.html("form.want_day", nil)
}

// maxYears is how far ahead a day may lie.
const maxYears = 20

// dayEnd gives the last moment of a day in a store's zone; zero where it is none.
func dayEnd(day, zone string) time.Time {
	at, err := time.Parse(dayForm, day)
	if err != nil {
		return time.Time{}
	}

	local := inZone(at, zone)

	return time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, local.Location()).Add(-time.Second).UTC()
}

func shownRupiah(r *request, value string) string { return r.words.rupiah(whole(value)) }

func shownNumber(r *request, value string) string { return r.words.number(whole(value)) }

// shownThere tells of something that cannot be shown in a line that it is there.
func shownThere(r *request, _ string) string { return r.words.plain("form.there", nil) }

// yesNo are the two answers to a question of yes or no; no is no empty
// value, so that it counts as answered.
func yesNo(yes, no string) func(ctx context.Context, c *Chat, r *request) ([]option, error) {
	return func(_ context.Context, _ *Chat, r *request) ([]option, error) {
		return []option{{"yes", r.words.plain(yes, nil)}, {"no", r.words.plain(no, nil)}}, nil
	}
}
