package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/terms"
)

func (m *market) stockOf(product string) int64 {
	m.t.Helper()

	offer, err := m.goods.Offer(m.t.Context(), demo, product)
	require.NoError(m.t, err)

	return offer.Available
}

// placed counts Ani's orders.
func (m *market) placed() int {
	m.t.Helper()

	found, _, err := m.orders.Turn(m.t.Context(), demo, ani, catalog.Place{Limit: 50})
	require.NoError(m.t, err)

	return len(found)
}

// checkout leads to the checkout of a Netflix.
func (m *market) checkout() {
	m.do(m.text("/start p_netflix"))
	m.do(m.press("buy:"))
}

func TestNothingOfTheShopIsSeenWhereItIsClosed(t *testing.T) {
	t.Parallel()

	m := newMarket(t, func(shop *store.Shop) { shop.Open = false })

	m.do(m.text("/start"))
	require.NotContains(t, picture(m.phone.message(0)), "open:shop")

	for _, data := range []string{
		"open:shop", "open:popular", "open:cart", "shelf:akun:1", "p:netflix:1", "add:netflix:1", "buy:netflix:1", "buy:cart",
		"pay:qris:toubyc-RWERTY:netflix:1", "cats:2",
	} {
		m.do(m.tap(m.phone.last, data))
		require.Contains(t, m.phone.toast(), "tutup", data)
		require.NotContains(t, picture(m.phone.message(0)), "p:netflix", data)
	}

	m.do(m.text("/search netflix"))
	require.NotContains(t, picture(m.phone.message(0)), "p:netflix")
	require.Zero(t, m.placed())
}

// Whoever has ordered keeps what they have ordered when the shop closes.
func TestOrdersOutliveTheShop(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.checkout()
	m.do(m.press("pay:qris"))
	m.work()
	m.pay(m.order())

	m.open([]func(*store.Shop){func(shop *store.Shop) { shop.Open = false }})
	m.do(m.text("/orders"))
	m.do(m.press("o:show:"))
	m.do(m.press("o:resend:"))
	m.work()
	require.Contains(t, m.phone.message(0).HTML, "<code>user: ani")
}

func TestTwoTapsOnOneScreenMakeOneOrder(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.checkout()

	qris, link := m.press("pay:qris"), m.press("pay:link")
	m.do(qris)
	m.work()

	bill := m.phone.message(0)

	m.do(m.tap(m.phone.last-1, qris.CallbackQuery.Data))
	m.do(m.tap(m.phone.last-1, link.CallbackQuery.Data))
	require.Equal(t, "Pesanan ini sudah dibuat.", m.phone.toast())
	require.Equal(t, bill, m.phone.message(0), "the bill stands")
	require.Equal(t, 1, m.placed())
	require.EqualValues(t, 11, m.stockOf(netflix))
}

// The worker dies behind the order, before it remembers the update.
func TestATapThatComesAgainMakesOneOrder(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.do(m.tap(0, "add:netflix:2"))
	m.do(m.press("buy:cart"))

	tap := m.press("pay:qris")
	m.do(tap)
	m.work()

	bill := m.phone.message(0)

	tenant, err := table.TenantOf(demo)
	require.NoError(t, err)

	key := tenant.Partition("chat", "7").Key("session")
	row, err := m.scratch.Get(t.Context(), key)
	require.NoError(t, err)
	require.NoError(t, m.scratch.Write(t.Context(), table.Delete(key, row.Version)))

	m.do(tap)
	require.Equal(t, 1, m.placed())
	require.Equal(t, bill, m.phone.message(0), "the bill stands")
	require.EqualValues(t, 10, m.stockOf(netflix))
}

func TestAnOrderThatCannotBePlacedLeavesWaysOn(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.do(m.text("/start p_netflix"))
	m.do(m.tap(m.phone.last, "p:netflix:12"))
	m.do(m.press("buy:"))

	pay := m.press("pay:qris")

	_, err := m.orders.Place(t.Context(), order.Request{
		Store: demo, User: 8, Chat: 8, Language: "id", Kind: order.Purchase, Items: []order.Item{{Product: netflix, Count: 3}},
		Method: "qris", PayIn: time.Hour, Cause: "somebody else", SentAt: m.now.Now(),
	})
	require.NoError(t, err)

	m.do(pay)
	require.Contains(t, m.phone.message(0).HTML, "sisa 9")
	m.do(m.press("p:netflix"))
	require.Contains(t, m.phone.message(0).HTML, "stok 9")
	require.Equal(t, "Paling banyak 9 ya.", m.phone.toast())
	require.Zero(t, m.placed())
}

func TestACartHoldsWhatWasPutIntoItOnce(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	add := m.tap(0, "add:netflix:2")
	add.UpdateID = 77

	require.NoError(t, m.try(add, 1))
	require.NoError(t, m.try(add, 2))

	m.do(m.text("/cart"))
	require.Contains(t, m.phone.message(0).HTML, "× 2")

	m.now.Advance(8 * 24 * time.Hour)
	m.do(m.text("/cart"))
	require.Contains(t, m.phone.message(0).HTML, "masih kosong")
}

func TestAFullCartTakesNoMore(t *testing.T) {
	t.Parallel()

	m := newMarket(t)

	for _, id := range []string{"a1", "a2", "a3", "a4", "a5", "a6"} {
		m.sell(catalog.Product{
			ID: id, Category: "buku", Name: catalog.Text{"id": "Buku " + id}, Price: money.IDR(5_000), Policy: catalog.Manual,
		})
		m.do(m.tap(m.phone.last, "add:"+id+":1"))
	}

	require.Contains(t, m.phone.toast(), "muat 5")
	require.NotContains(t, m.phone.message(0).HTML, "Buku a6")

	m.do(m.press("buy:cart"))
	m.do(m.press("pay:manual"))
	m.work()
	require.Len(t, m.order().Lines, 5)
	m.do(m.text("/cart"))
	require.Contains(t, m.phone.message(0).HTML, "masih kosong")
}

// A shelf of any size is read page by page, forth and back, without a product
// twice or left out, at two reads a page beside those of every update.
func TestAShelfIsTurnedPageByPage(t *testing.T) {
	t.Parallel()

	m := newMarket(t)

	const books = 20
	for n := range books {
		m.sell(catalog.Product{
			ID: "b" + string(rune('a'+n)), Category: "buku", Name: catalog.Text{"id": "Buku"},
			Price: money.IDR(5_000), Policy: catalog.Manual,
		})
	}

	m.do(m.text("/shop"))
	m.do(m.text("/lang"))
	m.state.taken()
	m.do(m.text("/lang"))
	beside := m.state.taken()

	m.do(m.tap(m.phone.last, "shelf:buku:1"))
	require.LessOrEqual(t, m.state.taken()-beside, 2, "reads of a page")

	products := func() []string {
		var found []string

		for _, row := range m.phone.message(0).Buttons {
			if id, ok := strings.CutPrefix(row[0].Data, "p:"); ok {
				found = append(found, id)
			}
		}

		return found
	}

	var pages [][]string

	for {
		pages = append(pages, products())
		require.LessOrEqual(t, len(pages[len(pages)-1]), 6)

		if !strings.Contains(picture(m.phone.message(0)), ":older:") {
			break
		}

		for _, row := range m.phone.message(0).Buttons {
			if last := row[len(row)-1]; strings.Contains(last.Data, ":older:") {
				m.do(m.tap(m.phone.last, last.Data))
			}
		}
	}

	seen := map[string]bool{}

	for _, page := range pages {
		for _, id := range page {
			require.False(t, seen[id], id)
			seen[id] = true
		}
	}

	require.Len(t, seen, books+1)
	require.Len(t, pages, 4)

	m.do(m.press("shelf:buku:3:newer:"))
	require.Equal(t, pages[2], products())
	m.do(m.press("shelf:buku:2:newer:"))
	require.Equal(t, pages[1], products())
	m.do(m.press("shelf:buku:1:newer:"))
	require.Equal(t, pages[0], products())
}

func TestCategoriesComeInPagesOfSix(t *testing.T) {
	t.Parallel()

	m := newMarket(t)

	for _, id := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
		shelf := catalog.Category{ID: id, Name: catalog.Text{"id": "Rak " + id}}
		require.NoError(t, m.goods.SaveCategory(t.Context(), demo, shelf, m.editor()))
		m.sell(catalog.Product{
			ID: "in" + id, Category: id, Name: catalog.Text{"id": "Isi"}, Price: money.IDR(5_000), Policy: catalog.Manual,
		})
	}

	m.do(m.text("/shop"))
	require.Contains(t, m.phone.message(0).HTML, "Halaman 1/2")
	require.NotContains(t, picture(m.phone.message(0)), "Rak c6")
	m.do(m.press("cats:2"))
	require.Contains(t, picture(m.phone.message(0)), "Rak c6")
	m.do(m.press("cats:1"))
	m.do(m.tap(m.phone.last, "cats:99"))
	require.Contains(t, m.phone.message(0).HTML, "Halaman 2/2", "a page that is gone is the last")
}

// What a buyer answers to terms is kept sealed, and the chat says it to nobody.
func TestAnswersToTermsAreSealed(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.do(m.text("/start p_joki"))
	m.do(m.press("buy:"))
	m.do(m.press("pay:qris"))
	m.work()
	m.pay(m.order())
	m.do(m.tap(m.phone.last, "o:terms:"+m.order().ID+":joki"))
	m.do(m.text("rahasia sekali"))

	kept, err := m.terms.Read(t.Context(), terms.Which{Store: demo, Order: m.order().ID, Product: joki}, m.editor())
	require.NoError(t, err)
	require.Equal(t, "rahasia sekali", kept.Text)

	for number := range m.phone.shown {
		require.NotContains(t, m.phone.message(number).HTML, "rahasia sekali")
	}

	// Staff who ask for it read it, and it is known that they did.
	boss := &person{m, owner, "Budi", "id"}
	boss.says("/find " + m.order().Label())
	boss.taps("staff:answers")
	require.Contains(t, m.phone.message(0).HTML, "<b>Joki rank</b>")
	require.Contains(t, m.phone.message(0).HTML, "rahasia sekali")

	entries, _, err := audit.NewLog(m.state, m.now).Page(t.Context(), demo, "", 1)
	require.NoError(t, err)
	require.Equal(t, "read_terms", entries[0].Action)
	require.Equal(t, int64(owner), entries[0].By)
}

// A person who comes back is sent what has waited for them.
func TestGoodsWaitForWhoHasBlockedTheBot(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.checkout()
	m.do(m.press("pay:qris"))
	m.work()

	bill, _ := m.order().Bill()
	m.gateway.paid[bill.Transaction] = true
	require.NoError(t, m.orders.Check(t.Context(), m.order().Ref(), "notified"))
	m.phone.fail(errs.New(errs.Unauthorized, "blocked"))
	m.work()
	require.True(t, m.order().Held)

	m.do(m.text("/start"))
	m.work()
	require.Equal(t, order.Delivered, m.order().State)
	require.Contains(t, m.phone.message(0).HTML, "<code>user: ani")
}

// Somebody of the staff who cannot be reached does not count for the person.
func TestALetterThatReachesNobodyIsSaid(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	m.do(m.text("/paysupport"))
	m.do(m.press("open:write"))

	letter := m.text("halo toko")
	m.phone.fail(errs.New(errs.Unauthorized, "the owner has blocked the bot"))
	require.NoError(t, m.try(letter, 5))
	require.Contains(t, m.phone.message(0).HTML, "belum sampai")

	known, err := m.users.Get(t.Context(), demo, ani)
	require.NoError(t, err)
	require.False(t, known.Blocked)
}

func TestAmountsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]int64{
		"50000": 50_000, "50.000": 50_000, "50,000": 50_000, "Rp50.000": 50_000, "rp. 50.000,-": 50_000, "IDR 50,000": 50_000,
		"Rp 50.000,00": 50_000, "50rb": 50_000, "50 ribu": 50_000, "50k": 50_000, "1,5jt": 1_500_000, "1.5 juta": 1_500_000,
		"2jt": 2_000_000, "0,5rb": 500, "1.234.567": 1_234_567, "50.000rb": 50_000, " 7 ": 7, "12,5 rb": 12_500,
		"1.250.000rb": 0, "1.000.000": 1_000_000,
		"": 0, "0": 0, "-5": 0, "50.5": 0, "5.00.000": 0, "1.2.3": 0, "50rbrb": 0, "rb": 0, "Rp": 0, "50 dong": 0, "1e5": 0,
		"99999999999999999999": 0, "9999jt": 0, "0,0001rb": 0, ".5rb": 0, "5.": 0, "٥٠": 0, "1.0000": 0, "1234.567": 0,
	} {
		got, ok := chat.ReadRupiah(text)
		require.Equal(t, want > 0, ok, text)

		if ok {
			require.Equal(t, want, got, text)
		}
	}
}

// What the bot writes, it reads back.
func TestAmountsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()

	texts := newCatalog(t)

	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Int64Range(1, 1_000_000_000).Draw(t, "value")
		words := texts.In(rapid.SampledFrom([]string{"id", "en"}).Draw(t, "language"))

		got, ok := chat.ReadRupiah(words.Money(money.IDR(value)))
		require.True(t, ok)
		require.Equal(t, value, got)
	})
}

func FuzzReadRupiah(f *testing.F) {
	for _, text := range []string{"50rb", "Rp50.000", "50000", "1,5jt", "Rp 50.000,00", "50.000,-", "k", "1.2.3", "9999999999jt"} {
		f.Add(text)
	}

	f.Fuzz(func(t *testing.T, text string) {
		value, ok := chat.ReadRupiah(text)
		if ok != (value > 0 && value <= 1_000_000_000) {
			t.Errorf("%q is %d, %t", text, value, ok)
		}
	})
}

// Buttons come back as anything at all.
func FuzzTap(f *testing.F) {
	for _, data := range []string{
		"shelf:akun:1", "shelf:akun:2:older:netflix", "p:netflix:-9223372036854775808", "p::", "add:netflix:99999999999",
		"buy:deposit:-5", "buy:deposit:9999999999999999999", "buy:cart", "buy:", "pay:qris:zzzzzzzzzzzzz-A:netflix:1",
		"pay:qris:toubyc-RWERTY:netflix:1", "pay:wallet:1-A:cart", "pay::1-:deposit:1", "count:netflix:0", "item:", "coupon:",
		"nocoupon:x", "orders:3:newer:x", "o:show:#", "o:cancel:", "o:terms:x", "o:again:x", "ledger:2:20260101T000000-X", "ledger:x",
		"cats:0", "open:p_netflix", "wish:", "wish:gone",
	} {
		f.Add(data)
	}

	f.Fuzz(func(t *testing.T, data string) {
		if len(data) > 64 {
			t.Skip("Telegram sends back no more")
		}

		m := newMarket(t)
		m.do(m.text("/shop"))
		m.do(telego.Update{CallbackQuery: m.tap(m.phone.last, data).CallbackQuery})

		if strings.Contains(m.phone.message(0).HTML, "Ada yang rusak") {
			t.Errorf("%q broke something: %s", data, m.phone.message(0).HTML)
		}
	})
}
