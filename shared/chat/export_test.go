package chat

import (
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/store"
)

// Fit is fit, for its properties.
func Fit(text string, limit int) (string, bool) { return fit(text, limit) }

// Units is units.
func Units(text string) int { return units(text) }

// Duration is Words.duration.
func (w Words) Duration(length time.Duration) string { return w.duration(length) }

// Size is Words.size.
func (w Words) Size(bytes int64) string { return w.size(bytes) }

// Number is Words.number.
func (w Words) Number(value int64) string { return w.number(value) }

// Moment is Words.moment.
func (w Words) Moment(at time.Time, zone string) string { return w.moment(at, zone) }

// DoneKept is how many updates of a person are recognised when they come again.
const DoneKept = handledKept

// ReadRupiah is readRupiah.
func ReadRupiah(text string) (int64, bool) { return readRupiah(text) }

// Money is Words.money.
func (w Words) Money(amount money.Amount) string { return w.money(amount) }

// Spreadsheet is spreadsheet.
func Spreadsheet(rows [][]string) ([]byte, error) { return spreadsheet(rows) }

// Duties names all that staff do.
func Duties() []string {
	var names []string
	for _, of := range duties() {
		names = append(names, of.name)
	}

	return names
}

// Readers reads a text as each kind of field does, in Indonesian and in the
// zone of Jakarta: what it takes for a value, empty where it refuses.
func (c *Catalog) Readers(text string, now time.Time) map[string]string {
	r := &request{words: c.In("id"), store: store.Store{TimeZone: store.DefaultTimeZone}}
	read := map[string]string{}

	for name, read1 := range map[string]reader{
		"text": readText(10), "rupiah": readMoney(1, 1000), "number": readNumber(1000), "correction": readCorrection,
		"day": readDay, "code": readCode, "person": readPerson,
	} {
		value, wrong := read1(r, input{text: text, now: now})
		if (value == "") == (wrong == "") {
			panic(name + " neither takes nor refuses " + text)
		}

		read[name] = value
	}

	return read
}

// MarkupOf is markupOf.
func MarkupOf(text string, entities []telego.MessageEntity) string { return markupOf(text, entities) }

// ButtonsIn is buttonsIn.
func ButtonsIn(text, bot string) ([][]message.Button, string) { return buttonsIn(text, bot) }

// MomentIn is momentIn.
func MomentIn(text string, now time.Time) (time.Time, bool) { return momentIn(text, now) }

// Handled are the updates that a session knows again.
type Handled = handled

// With adds some.
func (h handled) With(more ...int64) handled { return h.with(more...) }
