package chat_test

import (
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/order"
)

// What buyers see lies in testdata, one file for each language.
func TestShopping(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			m := newMarket(t)
			m.phone.log = nil
			b := &buyer{m, language}
			b.browse()
			b.fillCart()
			b.payByQRIS()
			b.lookAfterOrders()
			b.payOtherwise()
			b.topUp()
			b.askForHelp()

			matches(t, "shop."+language+".txt", m.phone.log)
		})
	}
}

// buyer is Ani, who speaks a language, in the market.
type buyer struct {
	*market

	language string
}

// does hands an update of Ani's to the bot and lets the workers work, 10 seconds
// before the next one.
func (b *buyer) does(update telego.Update) {
	b.t.Helper()

	switch {
	case update.Message != nil:
		update.Message.From = from(ani, b.language)
		b.phone.log = append(b.phone.log, "", "ANI: "+update.Message.Text+pictureSent(update.Message))
	case update.CallbackQuery != nil:
		update.CallbackQuery.From = *from(ani, b.language)
		b.phone.log = append(b.phone.log, "", "ANI taps "+update.CallbackQuery.Data)
	}

	b.do(update)
	b.work()
	b.now.Advance(10 * time.Second)
}

func pictureSent(sent *telego.Message) string {
	if len(sent.Photo) > 0 {
		return "(a picture)"
	}

	return ""
}

func (b *buyer) says(text string) { b.t.Helper(); b.does(b.text(text)) }

// taps presses a button of the newest message.
func (b *buyer) taps(start string) { b.t.Helper(); b.does(b.press(start)) }

func (b *buyer) sendsPicture() {
	b.t.Helper()

	sent := b.text("")
	sent.Message.Photo = []telego.PhotoSize{{FileID: "small", Width: 9, Height: 9}, {FileID: "large", Width: 90, Height: 90}}
	b.does(sent)
}

func (b *buyer) browse() {
	b.says("/start")
	b.says("/help")
	b.says("/shop")
	b.taps("shelf:akun")
	b.taps("p:netflix:1")
	b.taps("p:netflix:0")
	b.taps("p:netflix:2")
	b.taps("shelf:akun")
	b.taps("p:spotify")
	b.taps("wish:")
	b.taps("shelf:akun")
	b.taps("p:joki")
	b.says("/shop")
	b.says("resep kopi")
	b.taps("p:ebook")
	b.taps("shelf:buku")
	b.taps("open:shop")
	b.says("gitar listrik")
	b.taps("open:popular")
	b.says("/search netflix")
	b.says("/search")
	b.says("/cancel")
	b.says("/start p_netflix")
	b.says("/start p_gone")
	b.does(b.tap(b.phone.last, "shelf:gone:1"))
	b.does(b.tap(b.phone.last, "p:netflix:99"))
}

func (b *buyer) fillCart() {
	b.says("/cart")
	b.says("/start p_netflix")
	b.taps("add:")
	b.does(b.tap(b.phone.last, "add:ebook:1"))
	b.taps("item:netflix")
	b.taps("count:netflix:2")
	b.taps("count:netflix:3")
	b.taps("open:cart")
	b.taps("coupon:")
	b.says("salah")
	b.says("kopi10")
	b.taps("nocoupon:")
	b.taps("open:cart")
	b.taps("item:ebook")
	b.taps("count:ebook:0")
}

func (b *buyer) payByQRIS() {
	b.taps("buy:cart")

	screen, pay := b.phone.last, b.data("pay:qris:")
	b.does(b.tap(screen, pay))
	b.does(b.tap(screen, pay))
	b.now.Advance(3 * time.Minute)
	b.work()
	b.taps("o:check:")

	b.phone.log = append(b.phone.log, "", "ANI pays")
	b.pay(b.order())
	b.does(b.tap(screen+1, "o:cancel:"+b.order().ID))
}

func (b *buyer) lookAfterOrders() {
	id := b.order().ID

	b.taps("o:receipt:")
	b.does(b.tap(b.phone.last-1, "o:claim:"+id))
	b.says("/cancel")
	b.does(b.tap(b.phone.last, "o:claim:"+id))
	b.says("Yang kedua tidak bisa masuk & minta <kode>")
	b.says("/pesanan")
	b.taps("o:show:")
	b.taps("o:resend:")
	b.does(b.tap(b.phone.last, "o:check:nothing"))
}

func (b *buyer) payOtherwise() {
	buy := func(product, method string) {
		b.says("/start p_" + product)
		b.taps("buy:")
		b.taps("pay:" + method)
	}

	b.says("/start p_" + netflix)
	b.taps("buy:")
	b.taps("bank:")
	b.taps("pay:bri_va")
	b.taps("o:cancel:")
	b.taps("o:again:")

	buy(netflix, "link")
	b.says("/orders")
	b.taps("o:show:")
	b.taps("o:pay:")

	b.phone.log = append(b.phone.log, "", "HALF AN HOUR LATER")
	b.now.Advance(31 * time.Minute)
	require.NoError(b.t, b.orders.Expire(b.t.Context(), b.order().Ref()))
	b.work()

	buy(joki, "manual")
	b.taps("o:prove:")
	b.says("sudah kok")
	b.sendsPicture()
	require.NoError(b.t, b.orders.Report(b.t.Context(), b.order().Ref(), order.TakeManual, order.Receipt{
		Gateway: order.ManualGateway, Transaction: b.order().ID, Amount: b.order().Total, At: b.now.Now(), By: owner,
	}))
	b.phone.log = append(b.phone.log, "", "THE SELLER CONFIRMS")
	b.work()
	b.does(b.tap(b.phone.last, "o:terms:"+b.order().ID+":joki"))
	b.says("ID 12345")

	buy(netflix, "stars")
	b.taps("o:cancel:")
	buy(netflix, "stars")
	b.paysStars(b.order())

	b.gateway.down = true
	buy(netflix, "qris")
	b.now.Advance(10 * time.Minute)
	b.work()
	b.gateway.down = false
}

// paysStars has Telegram tell of a payment in Stars.
func (b *buyer) paysStars(of order.Order) {
	bill, ok := of.Bill()
	require.True(b.t, ok)

	paid := b.text("")
	paid.Message.SuccessfulPayment = &telego.SuccessfulPayment{
		Currency: "XTR", TotalAmount: int(bill.Total().Value), InvoicePayload: of.Ref().Reference(), TelegramPaymentChargeID: "charge",
	}
	b.does(paid)
}

func (b *buyer) topUp() {
	b.says("/wallet")
	b.taps("open:deposit")
	b.says("banyak")
	b.says("75rb")
	b.does(b.tap(b.phone.last, "buy:deposit:20000"))
	b.taps("pay:qris:")
	b.pay(b.order())
	b.says("/saldo")
	b.says("/start p_ebook")
	b.taps("buy:")
	b.taps("pay:wallet:")
	b.says("/saldo")
	b.says("/start")
}

func (b *buyer) askForHelp() {
	b.says("/terms")
	b.says("/paysupport")
	b.taps("open:write")
	b.sendsPicture()
	b.says("/orders")
	b.taps("orders:2:older:")
	b.taps("orders:1:newer:")
	b.does(b.tap(b.phone.last, "pay:qris:zz:cart"))
}
