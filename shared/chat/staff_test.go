package chat_test

import (
	"bytes"
	"context"
	"image/png"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// People who work in the store.
const (
	citra = 21 // gets a role
	dewi  = 22
)

// backroom is what staff of the market work with.
func (m *market) backroom() *chat.Backroom {
	return &chat.Backroom{
		Goods: m.goods, Cases: m.orders, Ledger: m.ledger, Audit: audit.NewLog(m.state, m.now), Files: files{}, Papers: m.phone,
	}
}

// files are those that people have sent, by their file_id.
type files struct{}

func (files) Open(_ context.Context, of transcript.FileRef, _ int64) (io.ReadCloser, int64, error) {
	contents := map[string]string{
		"csv":   "email,password\na@x.id,satu\nb@x.id,dua\na@x.id,satu\n",
		"json":  `["kunci A", "kunci B", {"user": "c", "pass": "d"}]`,
		"utf16": "\xff\xfea\x00b\x00",
	}

	content, ok := contents[of.FileID]
	if !ok {
		return nil, 0, errs.New(errs.Invalid, "Telegram does not have it").Tell("error.file_gone", nil)
	}

	return io.NopCloser(strings.NewReader(content)), int64(len(content)), nil
}

// person is somebody who speaks a language, in the market.
type person struct {
	*market

	id             int64
	name, language string
}

func (p *person) does(update telego.Update) {
	p.t.Helper()

	by := telego.User{ID: p.id, FirstName: p.name, Username: strings.ToLower(p.name), LanguageCode: p.language}
	at := telego.Chat{ID: p.id, Type: telego.ChatTypePrivate}

	switch {
	case update.Message != nil:
		update.Message.From, update.Message.Chat = &by, at
		said := update.Message.Text + pictureSent(update.Message)

		if update.Message.Document != nil {
			said += "(file " + update.Message.Document.FileName + ")"
		}

		p.phone.log = append(p.phone.log, "", strings.ToUpper(p.name)+": "+said)
	case update.CallbackQuery != nil:
		update.CallbackQuery.From = by
		update.CallbackQuery.Message = &telego.Message{
			MessageID: update.CallbackQuery.Message.GetMessageID(), Date: 1, Chat: at,
		}
		p.phone.log = append(p.phone.log, "", strings.ToUpper(p.name)+" taps "+update.CallbackQuery.Data)
	}

	p.do(update)
	p.work()
	p.now.Advance(10 * time.Second)
}

func (p *person) says(text string) { p.t.Helper(); p.does(p.text(text)) }

// taps touches a button of the newest message.
func (p *person) taps(start string) { p.t.Helper(); p.does(p.press(start)) }

// tapsBlind taps what no message offers.
func (p *person) tapsBlind(data string) { p.t.Helper(); p.does(p.tap(p.phone.last, data)) }

func (p *person) sendsFile(id, name string) {
	p.t.Helper()

	sent := p.text("")
	sent.Message.Document = &telego.Document{FileID: id, FileUniqueID: id, FileName: name, FileSize: 100}
	p.does(sent)
}

// What staff see lies in testdata, one file for each language.
func TestStaff(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			m := newMarket(t)
			m.phone.log = nil
			boss := &person{m, owner, "Budi", language}
			boss.keepPeople()
			boss.keepGoods()
			boss.keepStock()
			boss.keepCoupons()
			boss.keepShop()
			boss.keepOrders()
			boss.look()

			matches(t, "staff."+language+".txt", m.phone.log)
		})
	}
}

func (p *person) keepPeople() {
	other := &person{p.market, citra, "Citra", p.language}
	other.says("/start")
	p.says("/admin")
	p.taps("staff:person")
	p.says("siapa ya")
	p.says("@nobody")
	p.says("@citra")
	p.taps("staff:role:21:admin")
	other.says("/kelola")
	other.tapsBlind("staff:shop")
	other.says("/ban 1001")
	p.says("/person 21")
	p.tapsBlind("staff:role:21:")
	other.says("/admin")
	p.says("/staf")

	forwarded := p.text("halo")
	forwarded.Message.ForwardOrigin = &telego.MessageOriginUser{Type: "user", SenderUser: telego.User{ID: citra}}
	p.says("/orang")
	p.does(forwarded)
	p.taps("staff:ban:21")
	other.says("/start")
	p.says("/person 21")
	p.taps("staff:unban:21")
	p.taps("staff:adjust:21")
	p.says("banyak")
	p.says("+50rb")
	p.says("Ganti rugi <telat>")
	p.taps("form:save")
	p.taps("staff:person:21")
	p.taps("staff:adjust:21")
	p.says("-60.000")
	p.says("salah")
	p.taps("form:save")
	p.taps("form:cancel")
	p.says("/unban")
	p.says("/cancel")
}

func (p *person) keepGoods() {
	p.says("/admin")
	p.taps("staff:categories")
	p.taps("staff:category")
	p.says(strings.Repeat("x", 61))
	p.says("Gim <murah>")
	p.taps("form:skip")
	p.taps("form:save")
	p.taps("staff:newproduct")
	p.says("bukan tombol")
	p.taps("form:pick")
	p.says("Mobile Legends 86 DM")
	p.taps("form:skip")
	p.says("gratis")
	p.says("25rb")
	p.taps("form:pick:4:units")
	p.taps("form:back")
	p.taps("form:pick:4:file")
	p.says("ini filenya")
	p.sendsFile("guide", "panduan.pdf")
	p.taps("form:last")
	p.taps("form:change:15:1")
	p.says("Mobile Legends 172 DM")
	p.taps("form:save")
	p.tapsBlind("form:save:15")
	p.taps("staff:products")
	p.taps("staff:product:")
	p.taps("staff:edit")
	p.taps("staff:field:price")
	p.says("30.000")
	p.taps("form:save")

	// Two at once: the second is told, nothing is overwritten, the owner hears of it.
	p.says("/admin")
	p.taps("staff:products")
	p.taps("staff:product:netflix")
	p.taps("staff:edit:netflix")
	p.taps("staff:field:name_id:netflix")
	p.says("Netflix 1 bulan privat")

	other, err := p.goods.Offer(p.t.Context(), demo, netflix)
	require.NoError(p.t, err)

	other.Price.Value = 51_000

	by := catalog.Editor{User: citra, Role: "admin", Cause: "other"}
	require.NoError(p.t, p.goods.SaveProduct(p.t.Context(), demo, other.Product, by))
	p.taps("form:save")
}

func (p *person) keepStock() {
	p.says("/admin")
	p.taps("staff:products")
	p.taps("staff:product:spotify")
	p.taps("staff:stock:spotify")
	p.says("akun satu\nakun dua\nakun satu")
	p.taps("staff:stock:spotify")
	p.sendsFile("csv", "akun.csv")
	p.taps("staff:stock:spotify")
	p.sendsFile("utf16", "akun.txt")
	p.sendsFile("json", "akun.json")
	p.taps("staff:stock:spotify")
	p.sendsFile("gone", "akun.txt")
	p.says("/cancel")
}

func (p *person) keepCoupons() {
	p.says("/admin")
	p.taps("staff:coupons")
	p.tapsBlind("staff:coupon")
	p.says("x")
	p.says("hemat-25")
	p.taps("form:pick:1:percent")
	p.says("101")
	p.says("25")
	p.taps("form:skip")
	p.says("1")
	p.says("20-11-2026")
	p.says("31/12/2026")
	p.taps("form:save")
	p.taps("staff:coupons")
	p.taps("staff:coupon:HEMAT-25")
	p.taps("form:cancel")
}

func (p *person) keepShop() {
	p.says("/kelola")
	p.taps("staff:shop")
	p.taps("staff:set:minutes")
	p.says("0")
	p.says("30")
	p.taps("form:save")
	p.taps("staff:shop")
	p.taps("staff:set:fees")
	p.taps("form:pick:0:yes")
	p.taps("form:save")
}

func (p *person) keepOrders() {
	ani := &buyer{p.market, p.language}

	// By hand, with a proof.
	made := p.placed(joki, "manual")
	_, err := p.orders.Prove(p.t.Context(), made.Ref(), "proof")
	require.NoError(p.t, err)
	p.work()
	p.taps("staff:order")
	p.taps("staff:proof")
	p.taps("staff:confirm")
	p.taps("staff:confirmed")
	p.says("/find " + made.Label())
	p.taps("staff:fulfil")
	p.says("Rank-mu sudah Mythic")
	p.taps("form:save")
	p.says("/find #" + made.Label())

	// A proof that does not convince.
	made = p.placed(ebook, "manual")
	_, err = p.orders.Prove(p.t.Context(), made.Ref(), "forged")
	require.NoError(p.t, err)
	p.work()
	p.taps("staff:order")
	p.taps("staff:refuse")
	p.says("Uangnya belum masuk")
	p.taps("form:save")

	// A unit that does not work, and then the money back.
	made = p.placed(netflix, "qris")
	p.pay(made)
	p.says("/find " + strings.ToLower(made.Label()))
	p.taps("staff:replace")
	p.taps("staff:unit")
	p.says("/cari @ani")
	p.taps("staff:order")
	p.taps("staff:refund")
	p.says("Tidak puas")
	p.taps("form:save")
	p.says("/cari LP-00000")
	p.says("/find")
	p.says("7")
	ani.says("/find " + made.Label())
}

// placed is an order of Ani's, with its bill.
func (p *person) placed(product, method string) order.Order {
	p.t.Helper()

	_, err := p.users.Meet(p.t.Context(), demo, user.Person{ID: ani, Name: "Ani", Username: "ani"}, p.language)
	require.NoError(p.t, err)

	p.updates++

	made, err := p.orders.Place(p.t.Context(), order.Request{
		Store: demo, User: ani, Chat: ani, Language: p.language, Kind: order.Purchase,
		Items: []order.Item{{Product: product, Count: 1}}, Method: method, PayIn: 15 * time.Minute,
		Cause: strconv.Itoa(p.updates), SentAt: p.now.Now(),
	})
	require.NoError(p.t, err)
	p.work()

	made, err = p.orders.Get(p.t.Context(), made.Ref())
	require.NoError(p.t, err)

	return made
}

func (p *person) look() {
	p.says("/report")
	p.taps("staff:report:30")
	p.taps("staff:csv:30")
	p.says("/audit")
	p.taps("staff:audit")
}

func TestTheChartIsAPicture(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	m.pay(boss.placed(netflix, "qris"))
	boss.says("/report")
	require.Contains(t, m.phone.message(0).HTML, "Omzet <b>Rp49.000</b> dari 1 pesanan")

	picture, err := png.Decode(bytes.NewReader(m.phone.content))
	require.NoError(t, err)
	require.Equal(t, 1280, picture.Bounds().Dx())

	if path := os.Getenv("LAPAK_CHART"); path != "" {
		require.NoError(t, os.WriteFile(path, m.phone.content, 0o600))
	}
}

// allRows gives everything that a table holds.
func allRows(t *testing.T, of *counted) []table.Row {
	t.Helper()

	rows, ok := of.Table.(*memory.Table)
	require.True(t, ok)

	return rows.All()
}
