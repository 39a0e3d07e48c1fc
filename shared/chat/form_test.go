package chat_test

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/user"
)

// Each duty by the role that it takes: to everybody else its button is as old
// as any, and its command unknown.
func TestDutiesAreDoneByThoseWhoMay(t *testing.T) {
	t.Parallel()

	const (
		support = iota
		seller
		admin
		boss
	)

	least := map[string]int{
		"home": support, "person:7": support, "find:7": support, "orders:7": support, "order:7:X": support, "fulfil:7:X": support,
		"answers:7:X": support, "replace:7:X": support, "unit:7:X:0:0": support,
		"products": seller, "product:netflix": seller, "stock:netflix": seller, "proof:7:X": seller, "confirm:7:X": seller,
		"confirmed:7:X": seller, "refuse:7:X": seller,
		"newproduct": admin, "edit:netflix": admin, "field:price:netflix": admin, "categories": admin, "category": admin,
		"coupons": admin, "coupon": admin, "refund:7:X": admin, "team": admin, "role:7:seller": admin, "ban:7": admin,
		"unban:7": admin, "unmute:7": admin, "report": admin, "csv:7": admin, "audit": admin,
		"broadcasts": admin, "broadcast:X": admin, "compose": admin, "recompose:X": admin, "faster:X": admin, "unhurried:X": admin,
		"launch:X": admin, "launchpaid:X": admin, "bpause:X": admin, "bresume:X": admin, "bcancel:X": admin,
		"adjust:7": boss, "shop": boss, "set:open": boss,
	}

	named := map[string]bool{}
	for duty := range least {
		name, _, _ := strings.Cut(duty, ":")
		named[name] = true
	}

	for _, duty := range chat.Duties() {
		require.True(t, named[duty], "who may do %s?", duty)
	}

	for role, of := range []user.Role{user.Support, user.Seller, user.Admin, user.Owner, user.Buyer} {
		m := newMarket(t)
		someone := &person{m, citra, "Citra", "id"}

		if of == user.Owner {
			someone.id = owner
		}

		m.meet(someone.id, "Citra")
		m.meet(ani, "Ani")

		if of != user.Owner {
			_, err := m.users.Appoint(t.Context(), demo, citra, of)
			require.NoError(t, err)
		}

		for duty, need := range least {
			before := len(m.phone.log)
			someone.tapsBlind("staff:" + duty)

			refused := strings.Contains(strings.Join(m.phone.log[before:], "\n"), "Tombol ini sudah tidak berlaku")
			require.Equal(t, of == user.Buyer || role < need, refused, "%q does %s", of, duty)
		}
	}
}

// Who loses a role in the middle of a form cannot finish it.
func TestAFormEndsWithTheRole(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	someone := &person{m, citra, "Citra", "id"}
	m.meet(citra, "Citra")

	_, err := m.users.Appoint(t.Context(), demo, citra, user.Admin)
	require.NoError(t, err)
	someone.tapsBlind("staff:field:name_id:netflix")
	someone.says("Diambil alih")

	save := m.press("form:save")

	_, err = m.users.Appoint(t.Context(), demo, citra, user.Seller)
	require.NoError(t, err)
	someone.does(save)

	offer, err := m.goods.Offer(t.Context(), demo, netflix)
	require.NoError(t, err)
	require.Equal(t, "Netflix 1 bulan", offer.Name["id"])
}

func (m *market) meet(id int64, name string) {
	m.t.Helper()

	_, err := m.users.Meet(m.t.Context(), demo, user.Person{ID: id, Name: name, Username: strings.ToLower(name)}, "id")
	require.NoError(m.t, err)
}

// Whatever is typed, sent or tapped at whatever step of whatever form: the bot
// answers with a screen that keeps Telegram's rules (the phone looks), nothing
// ends in an error or a panic, and what is saved is valid.
func TestAnythingAtAnyStepOfAForm(t *testing.T) {
	t.Parallel()

	starts := []string{
		"newproduct", "edit:netflix", "field:price:netflix", "field:name_id:netflix", "field:hidden:netflix", "field:photo:netflix",
		"field:low_stock:netflix", "field:category:netflix", "category", "category:akun", "coupon", "coupon:KOPI10", "set:open",
		"set:minutes", "set:terms_id", "find", "person", "adjust:7", "stock:netflix",
	}
	texts := []string{
		"", "x", "0", "1", "-1", "49000", "50rb", "1e9", "999999999999999999999", "Rp1", "@ani", "7", "31-12-2026", "2026-13-40",
		"HEMAT", "<b>tebal", "a\nb", "\u202e", strings.Repeat("kata ", 700), "/cancel",
	}

	rapid.Check(t, func(rt *rapid.T) {
		m := newMarket(t)
		boss := &person{m, owner, "Budi", rapid.SampledFrom([]string{"id", "en"}).Draw(rt, "language")}
		m.meet(ani, "Ani")
		boss.tapsBlind("staff:" + rapid.SampledFrom(starts).Draw(rt, "start"))

		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0, 1, 2:
				boss.says(rapid.SampledFrom(texts).Draw(rt, "text"))
			case 3:
				boss.sendsFile("csv", "akun.csv")
			case 4:
				sent := boss.text("")
				sent.Message.Photo = []telego.PhotoSize{{FileID: "picture", Width: 9, Height: 9}}
				boss.does(sent)
			case 5: // a button of another step, or none at all
				boss.tapsBlind(fmt.Sprintf("form:%s:%d:%s",
					rapid.SampledFrom([]string{"pick", "skip", "back", "last", "change", "save", "cancel", "?"}).Draw(rt, "action"),
					rapid.IntRange(-1, 20).Draw(rt, "at"),
					rapid.SampledFrom([]string{"", "1", "yes", "file", "99", "akun"}).Draw(rt, "value"),
				))
			default:
				boss.tapsAny(rt)
			}
		}

		m.holds()
	})
}

// tapsAny taps some button of the newest message.
func (p *person) tapsAny(rt *rapid.T) {
	var offered []string

	for _, row := range p.phone.message(0).Buttons {
		for _, button := range row {
			offered = append(offered, button.Data)
		}
	}

	if len(offered) > 0 {
		p.tapsBlind(rapid.SampledFrom(offered).Draw(rt, "button"))
	}
}

// holds checks that what is stored could have been stored by hand.
func (m *market) holds() {
	m.t.Helper()

	offers, _, err := m.goods.Products(m.t.Context(), demo, catalog.Place{Limit: 100})
	require.NoError(m.t, err)

	for _, offer := range offers {
		require.NotEmpty(m.t, offer.Name.In("id"))
		require.LessOrEqual(m.t, utf8.RuneCountInString(offer.Name.In("id")), catalog.MaxName)
		require.Positive(m.t, offer.Price.Value)
		require.Equal(m.t, offer.Policy == catalog.File, offer.File != nil)
	}

	of, err := m.stores.Get(m.t.Context(), demo)
	require.NoError(m.t, err)
	require.LessOrEqual(m.t, of.Shop.PayMinutes, 24*60)
	require.GreaterOrEqual(m.t, of.Shop.PayMinutes, 0)

	balance, err := m.ledger.Balance(m.t.Context(), demo, ani)
	require.NoError(m.t, err)
	require.GreaterOrEqual(m.t, balance.Value, int64(0))
}

// A form survives that the bot dies: the session is all that it needs.
func TestAFormOutlivesTheBot(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.tapsBlind("staff:category")
	boss.says("Gim")

	options := m.options
	options.Backroom = m.backroom()
	m.chat = chat.New(options) // another process

	boss.taps("form:skip")
	boss.taps("form:save")

	categories, err := m.goods.AllCategories(t.Context(), demo)
	require.NoError(t, err)
	require.Len(t, categories, 4)
}

// The same tap twice, because its delivery came twice, saves once.
func TestAFormIsSavedOnce(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.meet(ani, "Ani")

	boss := &person{m, owner, "Budi", "id"}
	boss.tapsBlind("staff:adjust:7")
	boss.says("+10rb")
	boss.says("hadiah")

	save := m.press("form:save")
	save.CallbackQuery.From = *from(owner, "id")
	save.UpdateID = 999
	m.phone.fail(errs.New(errs.Unavailable, "Telegram is down"))
	require.Error(t, m.try(save, 1), "it is saved, but cannot be said")
	require.NoError(t, m.try(save, 2))

	balance, err := m.ledger.Balance(t.Context(), demo, ani)
	require.NoError(t, err)
	require.EqualValues(t, 10_000, balance.Value)
}

// Units are removed from the chat, and never logged or kept in the session.
func TestUnitsLeaveNoTrace(t *testing.T) {
	t.Parallel()

	const unit = "user: rahasia-sekali"

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.tapsBlind("staff:stock:spotify")
	boss.says(unit)

	require.NotContains(t, m.phone.message(0).HTML, unit)
	require.Contains(t, strings.Join(m.phone.log, "\n"), "removed")

	for _, rows := range []*counted{m.state, m.scratch} {
		for _, row := range allRows(t, rows) {
			require.NotContains(t, string(row.Body), "rahasia-sekali", row.Key)
		}
	}
}

// A seller stocks and confirms, and sees nothing of the store's owner's: no
// settings, no report, no audit log, no balances to change.
func TestASellersHome(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	someone := &person{m, citra, "Citra", "en"}
	m.meet(citra, "Citra")

	_, err := m.users.Appoint(t.Context(), demo, citra, user.Seller)
	require.NoError(t, err)
	someone.says("/admin")

	var offered []string
	for _, row := range m.phone.message(0).Buttons {
		for _, button := range row {
			offered = append(offered, button.Data)
		}
	}

	require.Equal(t, []string{"staff:products", "staff:find", "staff:person", "open:home"}, offered)
}

func FuzzStaffTaps(f *testing.F) {
	for _, seed := range []string{
		"staff:product:netflix", "staff:orders:7:back:X", "staff:unit:7:X:0:-1", "staff:role:7:admin", "staff:field::", "staff:audit:x_y",
		"form:pick:0:a", "staff:report:x", "staff:set:nothing", "staff:order:9223372036854775808:x", "staff:coupon:a b",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, data string) {
		if len(data) > 64 || !utf8.ValidString(data) {
			return
		}

		m := newMarket(t)
		m.updates = len(data)
		tap := m.tap(1, data)
		tap.CallbackQuery.From = *from(owner, "id")

		if err := m.try(tap, 1); err != nil && strings.Contains(err.Error(), "panic") {
			t.Fatal(err)
		}
	})
}

// A field takes what it can mean, or says what is wrong: never both, never
// neither, and nothing out of its bounds.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"", "x", "1", "1000", "1001", "-1", "+1", "Rp1", "0", "1.000", "50rb", "-50rb", "−5", "31-12-2026", "1/1/2027", "2026-11-20",
		"29-02-2027", "HEMAT", "a b", "@ani", "\u202e", "e\u0301", "\n", "10000000000000000000",
	} {
		f.Add(seed)
	}

	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC) // it is the 22nd in Jakarta

	f.Fuzz(func(t *testing.T, text string) {
		catalogue, err := builtIn()
		require.NoError(t, err)

		read := catalogue.Readers(text, now)

		taken := read["text"]
		if utf8.RuneCountInString(taken) > 10 || !utf8.ValidString(taken) || strings.TrimSpace(taken) != taken {
			t.Fatalf("%q is a text %q", text, read["text"])
		}

		for _, name := range []string{"rupiah", "number"} {
			if value, err := strconv.ParseInt(read[name], 10, 64); read[name] != "" && (err != nil || value < 1 || value > 1000) {
				t.Fatalf("%q is a %s %q", text, name, read[name])
			}
		}

		if value, err := strconv.ParseInt(read["correction"], 10, 64); read["correction"] != "" && (err != nil || value == 0) {
			t.Fatalf("%q is a correction %q", text, read["correction"])
		}

		if read["day"] != "" {
			day, err := time.Parse("2006-01-02", read["day"])
			if err != nil || read["day"] < "2026-11-22" || day.Year() > 2045 {
				t.Fatalf("%q is a day %q", text, read["day"])
			}
		}

		if code := read["code"]; code != "" && !catalog.ValidCode(code) {
			t.Fatalf("%q is a code %q", text, code)
		}
	})
}

// What goes into a table comes out as the same cells, and no spreadsheet runs it.
func FuzzSpreadsheet(f *testing.F) {
	for _, seed := range []string{
		"=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "\"=1", "'=1", "＝1", "a,b\"c", "a\r\n=b", "", "Kopi",
		"\ufeff=1", "-5",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, cell string) {
		file, err := chat.Spreadsheet([][]string{{"head", "head"}, {cell, "end"}})
		require.NoError(t, err)

		text, ok := strings.CutPrefix(string(file), "\ufeff")
		require.True(t, ok, "Excel reads UTF-8 by its mark only")

		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Len(t, rows[1], 2)
		require.Equal(t, "end", rows[1][1])

		read := rows[1][0]
		if first := strings.TrimLeft(read, " \"\u00a0\u200b\ufeff\t"); first != "" && strings.ContainsRune("=+-@＝＋－＠|%", []rune(first)[0]) {
			t.Fatalf("%q became %q, which a spreadsheet runs", cell, read)
		}

		if strings.ContainsAny(read, "\r\n\t\x00") {
			t.Fatalf("%q became %q, which begins a cell of its own", cell, read)
		}
	})
}

// The days of a report are those of the store's zone, none left out, and the
// CSV sums to what the text says.
func TestTheReportCountsDaysOfTheStore(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}

	var sold int64

	for range 3 { // 14.05, and then past midnight in Jakarta
		made := boss.placed(netflix, "qris")
		m.pay(made)
		sold += made.Total.Value

		m.now.Advance(10 * time.Hour)
	}

	boss.says("/report")
	require.Contains(t, m.phone.message(0).HTML, "16 Nov 2026 – 22 Nov 2026")
	require.Contains(t, m.phone.message(0).HTML, "dari 3 pesanan")

	sales, err := m.orders.Sales(t.Context(), demo, m.now.Now().AddDate(0, 0, -7), m.now.Now(), time.FixedZone("WIB", 7*60*60))
	require.NoError(t, err)

	var (
		days    []string
		revenue int64
	)

	for _, day := range sales {
		days = append(days, day.Day+" "+strconv.FormatInt(day.Orders, 10))
		revenue += day.Revenue["IDR"]
	}

	require.Equal(t, []string{"2026-11-21 1", "2026-11-22 2"}, days)
	require.Equal(t, sold, revenue)
	require.Equal(t, order.Delivered, m.order().State)
}
