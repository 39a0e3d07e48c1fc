package chat_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
)

// aQRIS is one as gateways give them.
const aQRIS = "00020101021226610016ID.CO.SHOPEE.WWW01189360091800216005230208216005230303UME51440014ID.CO.QRIS.WWW0215" +
	"ID10243228429300303UME5204792953033605409100003.005802ID5907Pakasir6012KAB. KEBUMEN61055439262230519SP25RZRATEQI2HQ6Q46304A079"

var shopTime = time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)

func anOrder() order.Order {
	return order.Order{
		ID: "DC0M8DG884JX8F3K2", Store: demo, User: ani, Chat: ani, Language: "id", Kind: order.Purchase,
		Lines: []order.Line{{
			Product: netflix, Name: catalog.Text{"id": "Netflix 1 bulan"}, Price: 49_000, Count: 1, Policy: catalog.Units,
		}},
		Total:  money.IDR(49_000),
		Method: "qris", Deadline: shopTime.Add(15 * time.Minute), CreatedAt: shopTime, PaidAt: shopTime.Add(2 * time.Minute),
		Bills: []order.Bill{{Gateway: "pakasir", Method: "qris", Transaction: "T", Amount: money.IDR(49_000), Fee: 653, QR: aQRIS}},
	}
}

func aShop() store.Store {
	return store.Store{ID: demo, Name: "Toko Kopi Digital", Language: "id", TimeZone: "Asia/Jakarta"}
}

// The screen that feel.md gives, word for word.
func TestABillIsToldAsAgreed(t *testing.T) {
	t.Parallel()

	bill, err := newCatalog(t).Bill(aShop(), anOrder(), shopTime.Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, `  | Pesanan <b>#LP-8F3K2</b> · Netflix 1 bulan
  | Harga Rp49.000 + biaya QRIS Rp653 = <b>Rp49.653</b>
  | Pindai dengan aplikasi bank atau e-wallet apa pun.
  | ⏳ Bayar sebelum 14.20 WIB (sisa 14 menit)
  [🔄 Cek pembayaran = o:check:DC0M8DG884JX8F3K2] [✖️ Batalkan = o:cancel:DC0M8DG884JX8F3K2]`, picture(bill.Caption))

	late, err := newCatalog(t).Bill(aShop(), anOrder(), shopTime.Add(15*time.Minute-time.Second))
	require.NoError(t, err)
	require.Contains(t, late.Caption.HTML, "14.20 WIB (kurang dari semenit lagi)")
}

func TestABillTellsTheEarlierOfTwoDeadlines(t *testing.T) {
	t.Parallel()

	billed := anOrder()
	billed.Bills[0].Until = shopTime.Add(5 * time.Minute)

	bill, err := newCatalog(t).Bill(aShop(), billed, shopTime)
	require.NoError(t, err)
	require.Contains(t, bill.Caption.HTML, "14.10 WIB (sisa 5 menit)")

	billed.Bills[0].Until, billed.Deadline = time.Time{}, shopTime.Add(24*time.Hour)
	bill, err = newCatalog(t).Bill(aShop(), billed, shopTime)
	require.NoError(t, err)
	require.Contains(t, bill.Caption.HTML, "22 Nov 2026 14.05 WIB (sisa 24 jam)")
}

// The picture has whole modules, the three finder patterns and a quiet zone of
// four modules (ISO/IEC 18004, 6.3).
func TestAQRCodeIsWhole(t *testing.T) {
	t.Parallel()

	bill, err := newCatalog(t).Bill(aShop(), anOrder(), shopTime)
	require.NoError(t, err)

	drawn, err := png.Decode(bytes.NewReader(bill.Content))
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, 552, 552), drawn.Bounds())

	const (
		module  = 8
		quiet   = 4
		finder  = 7
		modules = 552/module - 2*quiet
	)

	dark := func(x, y int) bool {
		grey, ok := color.GrayModel.Convert(drawn.At((x+quiet)*module+module/2, (y+quiet)*module+module/2)).(color.Gray)
		require.True(t, ok)

		return grey.Y < 128
	}

	for at := -quiet; at < modules+quiet; at++ {
		for edge := -quiet; edge < 0; edge++ {
			require.False(t, dark(at, edge) || dark(edge, at) || dark(at, modules-1-edge) || dark(modules-1-edge, at), "quiet zone")
		}
	}

	for _, corner := range [][2]int{{0, 0}, {modules - finder, 0}, {0, modules - finder}} {
		for x := range finder {
			for y := range finder {
				ring := max(max(x, finder-1-x), max(y, finder-1-y)) // 6 at the rim, 3 in the middle
				require.Equal(t, ring != 5, dark(corner[0]+x, corner[1]+y), "finder pattern at %v", corner)
			}
		}
	}

	require.False(t, dark(modules-1, modules-1) && dark(modules-2, modules-1) && dark(modules-3, modules-1), "no fourth finder")
}

// Whatever is sold, and however it is paid, what is said of it is a message
// that Telegram takes; outcomes and bills with a picture are captions.
func TestOrdersAreAlwaysMessages(t *testing.T) {
	t.Parallel()

	texts := newCatalog(t)
	rules := &phone{t: t}
	to := message.Address{Store: demo, Chat: ani}

	caption := func(text message.Text) {
		rules.check(to, text)
		require.LessOrEqual(t, len(utf16.Encode([]rune(unescape(tag.ReplaceAllString(text.HTML, ""))))), 1024)
	}

	rapid.Check(t, func(rt *rapid.T) {
		name := func(label string) catalog.Text {
			return catalog.Text{"id": rapid.StringN(1, 200, -1).Draw(rt, label), "en": rapid.StringN(1, 200, -1).Draw(rt, label)}
		}

		of := aShop()
		of.Shop.Manual = name("manual")

		sold := anOrder()
		sold.Language = rapid.SampledFrom([]string{"id", "en"}).Draw(rt, "language")
		sold.Kind = rapid.SampledFrom([]order.Kind{order.Purchase, order.Deposit}).Draw(rt, "kind")
		sold.State = rapid.SampledFrom([]order.State{
			order.Awaiting, order.Paid, order.Delivering, order.Delivered, order.Expired, order.Cancelled, order.Refunded, order.Disputed,
		}).Draw(rt, "state")
		sold.Bills[0].QR = "short, as drawing takes time"
		sold.Bills[0].Method = rapid.SampledFrom([]string{"qris", "link", "card", "stars", "wallet", "manual", "bri_va"}).Draw(rt, "method")
		sold.Reason = rapid.String().Draw(rt, "reason")
		sold.Lines = nil

		for range rapid.IntRange(1, 10).Draw(rt, "lines") {
			sold.Lines = append(sold.Lines, order.Line{
				Product: netflix, Name: name("name"), Price: rapid.Int64Range(1, 1_000_000_000).Draw(rt, "price"),
				Count:    rapid.Int64Range(1, 50).Draw(rt, "count"),
				Warranty: rapid.IntRange(0, 9).Draw(rt, "warranty"), Policy: catalog.Manual,
			})
		}

		if rapid.Bool().Draw(rt, "no picture") {
			sold.Bills[0].QR = ""
			sold.Bills[0].Account = rapid.SampledFrom([]string{"", "8808123"}).Draw(rt, "account")
		}

		bill, err := texts.Bill(of, sold, shopTime)
		require.NoError(rt, err)

		if bill.Content != nil {
			caption(bill.Caption)
		}

		rules.check(to, bill.Caption)
		caption(texts.Outcome(of, sold))
		rules.check(to, texts.Unbilled(of, sold, "7KQ2M4"))
		rules.check(to, texts.Goods(of, sold, sold.Lines[0], []string{rapid.String().Draw(rt, "unit"), "a\nb"}, 1, 2))
		rules.check(to, texts.Handmade(of, sold, sold.Lines[0]))
		rules.check(to, texts.Delivered(of, sold))
		rules.check(to, texts.Terms(of, sold, catalog.Product{ID: netflix, Name: name("name"), Terms: name("terms")}))

		file, text := texts.GoodsFile(of, sold, sold.Lines[0])
		caption(text)
		require.Equal(rt, message.FileName(file), file)
		require.True(rt, strings.HasSuffix(file, ".txt"))

		invoice := texts.Invoice(of, sold)
		require.LessOrEqual(rt, len(utf16.Encode([]rune(invoice.Title))), 32)
		require.LessOrEqual(rt, len(utf16.Encode([]rune(invoice.Description))), 255)
		require.LessOrEqual(rt, len(invoice.Payload), 128)
	})
}

func TestNoticesLeadToWhatTheyAreAbout(t *testing.T) {
	t.Parallel()

	texts := newCatalog(t)

	proof := texts.Notice(aShop(), "id", "ordering.proof", map[string]any{
		"Order": "LP-1", "ID": "DC0M", "User": float64(1_234_567), "Amount": float64(49_000),
	})
	require.Contains(t, proof.HTML, "Pembeli 1234567 ", "the number of a person is no amount")
	require.Contains(t, proof.HTML, "Rp49.000")
	require.Equal(t, "staff:order:1234567:DC0M", proof.Buttons[0][0].Data)

	back := texts.Notice(aShop(), "id", "catalog.restocked_notice", map[string]any{"Name": "Spotify", "Product": spotify})
	require.Equal(t, "p:spotify:1", back.Buttons[0][0].Data)

	late := texts.Notice(aShop(), "id", "ordering.late", map[string]any{"Order": "LP-1", "Amount": float64(49_000)})
	require.Equal(t, "open:wallet", late.Buttons[0][0].Data)
}
