package stack_test

import (
	"bytes"
	"image/png"
	"strconv"
	"strings"
	"testing"

	"rsc.io/qr"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/wallet"
)

// An order paid by QRIS: the code in the chat is the gateway's own, the amounts
// are those that were announced, the goods come once, and what was the bill
// says that it is paid.
func TestPurchaseByQRIS(t *testing.T) {
	t.Parallel()

	stall := openStall(t, 2)
	sari := stall.visitor(t, "id")

	offer := sari.checkout()
	if !strings.Contains(offer.Text, "Rp49.000") || !strings.Contains(offer.Text, "15 menit") {
		t.Errorf("the price or the deadline is not told before the order: %q", offer.Text)
	}

	sari.taps(offer, qrisButton)

	shown := sari.wait(control.Condition{Kind: "photo"})
	bill := stall.bill(t, sari)

	if bill.Asked != price || bill.Fee <= 0 {
		t.Errorf("the gateway was asked for %d with a fee of %d, want %d and some", bill.Asked, bill.Fee, price)
	}

	for _, amount := range []int64{price, bill.Fee, price + bill.Fee} {
		if !strings.Contains(shown.Text, rupiah(amount)) {
			t.Errorf("the bill does not say %s: %q", rupiah(amount), shown.Text)
		}
	}

	mustShowCode(t, shown, bill.QR)
	stall.left(t, 1, 0)

	acts(t, bill, pakasir.Pay)

	unit := stall.goods(t, sari)
	sari.wait(control.Condition{After: shown.Seq, MessageID: shown.ID, Text: "Lunas", Edited: true})
	stall.left(t, 1, 1)

	if balances := stall.balances(t); balances[wallet.Sales] != price || balances[wallet.Gateway("pakasir")] != -price {
		t.Errorf("the ledger says %v, want %d sold and owed by the gateway", balances, price)
	}

	// Once more from /orders: the same unit, no other.
	list := sari.says("/orders")
	sari.taps(list, "Netflix")
	sari.taps(sari.wait(control.Condition{MessageID: list.ID, Button: "📤"}), "📤")

	if again := stall.goods(t, sari); again != unit {
		t.Errorf("sent again, unit %s became unit %s", unit, again)
	}

	stall.left(t, 1, 1)
}

// mustShowCode fails unless a photo is the QR code of a text.
func mustShowCode(t *testing.T, photo control.Message, text string) {
	t.Helper()

	content, err := people.Download(t.Context(), photo.File)
	if err != nil {
		t.Fatal(err)
	}

	shown, err := png.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("the code is no PNG: %v", err)
	}

	want, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}

	const quiet = 4 // modules around the code: ISO/IEC 18004

	scale := shown.Bounds().Dx() / (want.Size + 2*quiet)
	if scale < 1 {
		t.Fatalf("the picture is %s, too small for %d modules", shown.Bounds(), want.Size)
	}

	for y := range want.Size {
		for x := range want.Size {
			grey, _, _, _ := shown.At((x+quiet)*scale+scale/2, (y+quiet)*scale+scale/2).RGBA()
			if dark := grey < 0x8000; dark != want.Black(x, y) {
				t.Fatalf("module %d, %d of the code is not the gateway's", x, y)
			}
		}
	}
}

// rupiah writes an amount as the chat does: Rp49.653.
func rupiah(amount int64) string {
	const group = 3

	digits := strconv.FormatInt(amount, 10)
	for at := len(digits) - group; at > 0; at -= group {
		digits = digits[:at] + "." + digits[at:]
	}

	return "Rp" + digits
}

// A deposit by QRIS fills the wallet, and an order is paid from it at once.
func TestDepositAndWallet(t *testing.T) {
	t.Parallel()

	const deposit = int64(100_000)

	stall := openStall(t, 1)
	sari := stall.customer(t, "id")

	purse := sari.says("/wallet")
	sari.taps(purse, depositButton)
	sari.taps(sari.wait(control.Condition{MessageID: purse.ID, Button: rupiah(deposit)}), rupiah(deposit))
	sari.taps(sari.wait(control.Condition{MessageID: purse.ID, Button: qrisButton}), qrisButton)
	sari.wait(control.Condition{Kind: "photo"})
	acts(t, stall.bill(t, sari), pakasir.Pay)
	sari.wait(control.Condition{Text: "sudah masuk ke saldomu"})
	stall.holds(t, sari, deposit)

	sari.taps(sari.checkout(), walletButton)
	stall.goods(t, sari)
	stall.holds(t, sari, deposit-price)

	if count := len(stall.bills(t, sari)); count != 1 {
		t.Errorf("the gateway knows of %d bills, want that of the deposit alone", count)
	}
}

// An invoice in Stars, paid in Telegram: pre-checkout is answered in time, the
// goods come, and the same invoice is not paid twice.
func TestPurchaseByStars(t *testing.T) {
	t.Parallel()

	stall := openStall(t, 1)
	sari := stall.visitor(t, "id")

	sari.taps(sari.checkout(), starsButton)

	asked := sari.wait(control.Condition{Kind: "invoice"})
	if asked.Invoice == nil || asked.Invoice.Total != priceInStars || asked.Invoice.Currency != "XTR" {
		t.Fatalf("the invoice asks for %+v, want %d Stars", asked.Invoice, priceInStars)
	}

	paid, err := sari.Pay(t.Context(), asked.ID)
	if err != nil {
		t.Fatal(err)
	}

	if paid.Status != "paid" {
		t.Fatalf("the payment is %s: %s", paid.Status, paid.Error)
	}

	stall.goods(t, sari)
	stall.left(t, 0, 1)

	again, err := sari.Pay(t.Context(), asked.ID)
	if err == nil && again.Status == "paid" {
		t.Errorf("the same invoice was paid twice")
	}

	if balances := stall.balances(t); balances[wallet.Sales] != priceInStars || balances[wallet.Gateway("stars")] != -priceInStars {
		t.Errorf("the ledger says %v, want %d Stars sold", balances, priceInStars)
	}
}

// Whoever pays an order that was given up gets the goods while there are some,
// else the money in the wallet, and is told.
func TestLatePayment(t *testing.T) {
	t.Parallel()

	stall := openStall(t, 1)
	early, late := stall.visitor(t, "id"), stall.visitor(t, "id")

	for _, buyer := range []*customer{early, late} {
		shown := buyer.orders()
		buyer.taps(shown, giveUpButton)
		buyer.wait(control.Condition{MessageID: shown.ID, Text: "Dibatalkan"})
		stall.left(t, 1, 0)
	}

	for _, buyer := range []*customer{early, late} {
		bill := stall.bill(t, buyer)

		becomes(t, answerWithin, "the bill of a cancelled order is cancelled at the gateway", func() (bool, error) {
			return stall.bill(t, buyer).Status == "canceled", nil
		})

		acts(t, bill, pakasir.Late)

		if buyer == early {
			stall.goods(t, buyer)
		}
	}

	late.wait(control.Condition{Text: "sudah masuk saldo"})
	stall.holds(t, late, price)
	stall.holds(t, early, 0)
	stall.left(t, 0, 1)
}

// Whoever pays twice gets the goods once, and the second payment in the wallet.
func TestPaidTwice(t *testing.T) {
	t.Parallel()

	stall := openStall(t, 2)
	sari := stall.visitor(t, "id")

	sari.orders()
	acts(t, stall.bill(t, sari), pakasir.Twice)

	sari.wait(control.Condition{After: sari.seen, Text: "ini masuk ke saldomu"})
	becomes(t, answerWithin, "the goods are there", func() (bool, error) { return len(sari.showing(stall.mark())) > 0, nil })

	if goods := sari.showing(stall.mark()); len(goods) != 1 {
		t.Errorf("the goods came %d times, want once", len(goods))
	}

	stall.holds(t, sari, price)
	stall.left(t, 1, 1)
}

// A payment of another amount settles nothing: it is held, the buyer and the
// owner are told, and the stock is free again.
func TestWrongAmount(t *testing.T) {
	t.Parallel()

	const off = 1000 // less than was asked

	user, err := people.CreateUser(t.Context(), control.User{FirstName: "Dewi", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	stall := stock(t, openShopOf(t, user.ID), 1)
	owner := stall.visitedBy(t, user.ID)
	owner.welcomed()

	sari := stall.visitor(t, "id")

	shown := sari.orders()
	acts(t, stall.bill(t, sari), pakasir.Wrong)

	sari.wait(control.Condition{After: shown.Seq, MessageID: shown.ID, Text: "Sedang diperiksa"})
	owner.wait(control.Condition{Text: "tidak cocok dengan pesanan"})
	stall.left(t, 1, 0)
	stall.holds(t, sari, 0)

	if held := stall.balances(t)[wallet.Suspense]; held != price-off {
		t.Errorf("%d is held, want %d", held, price-off)
	}

	if goods := sari.showing(stall.mark()); len(goods) != 0 {
		t.Errorf("the goods came all the same: %v", goods)
	}
}

// A payment whose notification never comes is found when the buyer asks.
func TestCheckFindsPayment(t *testing.T) {
	t.Parallel()

	stall := openStall(t, 1)

	// The gateway notifies nobody.
	project := pakasir.Project{Slug: stall.ID, Key: "simulated-key-of-" + stall.ID, Secret: "simulated-secret-of-" + stall.ID}
	if err := gatewayControl().SetProject(t.Context(), project); err != nil {
		t.Fatal(err)
	}

	sari := stall.visitor(t, "id")
	shown := sari.orders()
	acts(t, stall.bill(t, sari), pakasir.Pay)
	sari.taps(shown, checkButton)
	stall.goods(t, sari)
	stall.left(t, 0, 1)
}
