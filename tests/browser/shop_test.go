package browser_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// On a phone: a new person browses, orders, pays and has the goods; then the
// owner sees the sale in the report. Its screenshot is the one of the README's
// shop.
func TestShop(t *testing.T) {
	t.Parallel()

	const sharp = 2 // dots a pixel

	sari, err := people.CreateUser(t.Context(), control.User{FirstName: "Sari", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	p := openBrowser(t, "")
	p.phone(sharp)
	p.do(chromedp.Navigate(chatOf(sari.ID)), chromedp.WaitVisible(id("start")), chromedp.Click(id("start")))
	p.see("Mau apa hari ini?")
	p.shots("shop-home")
	p.tap("Belanja")
	p.see("Pilih kategori")
	p.shots("shop-categories")
	p.tap("Akun premium")
	p.see("🛍 Akun premium")
	p.shots("shop-shelf")
	p.tap("Netflix")
	p.see("Akun privat")
	p.shots("shop-product")
	p.tap("Beli sekarang")
	p.see("Periksa pesananmu")
	p.shots("shop-checkout")
	p.tap("QRIS")

	if bill := p.see("Bayar sebelum"); !strings.Contains(bill, "Rp49.653") {
		t.Errorf("the bill says %q", bill)
	}

	p.do(chromedp.WaitVisible(`.message img`))
	p.shots("shop-bill")

	if err := pakasir.New(cloud.Pakasir).Act(t.Context(), billOf(t, sari.ID), pakasir.Pay); err != nil {
		t.Fatal(err)
	}

	if goods := p.see("Ini pesananmu"); !strings.Contains(goods, "demo-netflix-") {
		t.Errorf("the goods are %q", goods)
	}

	p.see("Pesananmu ada di bawah")
	p.do(chromedp.WaitNotPresent(id("toast")))
	p.shots("shop-delivered")

	if *update {
		if err := os.WriteFile(shopPicture, p.shot("shop-picture"), 0o644); err != nil {
			t.Fatal(err)
		}
	}

	p.tap("Struk")
	p.see("Dibayar dengan QRIS")
	p.shots("shop-receipt")

	p.do(chromedp.SendKeys(id("composer"), "/orders"), chromedp.Click(id("send")))
	p.see("Pesananmu")
	p.shots("shop-orders")
	p.do(chromedp.SendKeys(id("composer"), "/wallet"), chromedp.Click(id("send")))
	p.see("Belum ada mutasi")
	p.shots("shop-wallet")

	p.report()
}

// report has the owner look at what was sold.
func (p *page) report() {
	p.t.Helper()

	owner := people.As(stack.Demo().Owner, stack.Demo().BotID())
	if _, err := owner.Start(p.t.Context(), ""); err != nil {
		p.t.Fatal(err)
	}

	p.do(chromedp.Navigate(chatOf(stack.Demo().Owner)), chromedp.WaitVisible(id("composer")))
	p.see("Mau apa hari ini?")
	p.shots("shop-owner-home")
	p.tap("Kelola toko")
	p.see("Mau urus apa?")
	p.shots("shop-manage")
	p.tap("Laporan")
	p.see("Omzet Rp49.000")
	p.do(chromedp.WaitVisible(`.message img`))
	p.shots("shop-report")
	p.do(chromedp.SendKeys(id("composer"), "/kelola"), chromedp.Click(id("send")))
	p.see("Mau urus apa?")
	p.tap("Produk")
	p.see("disembunyikan")
	p.shots("shop-products")
}

func chatOf(user int64) string {
	return cloud.Telegram + "/#user=" + text(user) + "&chat=" + text(stack.Demo().BotID())
}

// billOf gives the transaction of a person's order at the gateway.
func billOf(t *testing.T, user int64) string {
	t.Helper()

	state, err := pakasir.New(cloud.Pakasir).State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	for _, bill := range state.Transactions {
		if strings.HasSuffix(bill.Order, "-"+strconv.FormatInt(user, 10)) {
			return bill.ID
		}
	}

	t.Fatalf("the gateway knows of no bill of person %d: %v", user, state.Transactions)

	return ""
}
