package stack_test

import (
	"bytes"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// The owner writes a broadcast in the chat, sees it as everybody will, and sends
// it off; who wants no more of them taps once, and the next one passes them by.
func TestBroadcastFromTheChat(t *testing.T) {
	t.Parallel()

	shop, owner := openShopWithOwner(t)
	siti, wati := shop.customer(t, "id"), shop.customer(t, "en")

	const (
		first  = "Menu baru & diskon 20%"
		second = "Besok libur, ya"
	)

	owner.composes()
	owner.sendsContent(control.Upload{Kind: "photo", Name: "menu.png", Caption: first, Content: bytes.NewReader(picture(t))})
	owner.wait(control.Condition{Text: "2/7"})

	tier := owner.asks("🛍 Belanja | /shop", control.Condition{Text: "3/7"})
	confirm := owner.previews(tier, "3 orang")

	preview := slices.DeleteFunc(owner.showing(first), func(shown control.Message) bool { return shown.Kind != "photo" })
	if len(preview) != 1 || !hasButton(preview[0], "Tanpa promo") {
		t.Fatalf("the preview is %+v", preview)
	}

	owner.taps(confirm, "Kirim")

	got := siti.wait(control.Condition{Kind: "photo", Text: first, Button: "Tanpa promo"})
	if link := got.Buttons[0][0].URL; link != "https://t.me/"+shop.Username+"?start=shop" {
		t.Errorf("the button opens %q", link)
	}

	wati.wait(control.Condition{Kind: "photo", Text: first})
	owner.reported("Terkirim 3 dari 3")

	answer, err := siti.PressText(t.Context(), got.ID, "Tanpa promo", answerWithin)
	if err != nil || !strings.Contains(answer.Text, "tidak ada promo lagi") {
		t.Fatalf("who wants no more is told %q: %v", answer.Text, err)
	}

	if settings := siti.says("/settings"); !hasButton(settings, "Terima promo") {
		t.Errorf("the settings offer no way back: %v", settings.Buttons)
	}

	owner.composes()
	buttons := owner.asks(second, control.Condition{Text: "2/7"})
	confirm = owner.previews(buttons, "2 orang")
	owner.taps(confirm, "Kirim")
	wati.wait(control.Condition{Text: second})
	owner.reported("Terkirim 2 dari 2")

	if refused := siti.showing(second); len(refused) > 0 {
		t.Errorf("who wants no more of them got %+v", refused)
	}

	for _, one := range []*customer{siti, wati} {
		if twice := one.showing(first); len(twice) != 1 {
			t.Errorf("somebody got it %d times", len(twice))
		}
	}
}

// composes begins a broadcast.
func (c *customer) composes() {
	c.t.Helper()

	list := c.says("/siaran")
	c.taps(list, "Siaran baru")
	c.wait(control.Condition{MessageID: list.ID, Text: "1/7"})
}

// previews leaves the questions for the preview, and gives the message that
// asks whether it is to be sent to so many.
func (c *customer) previews(question control.Message, people string) control.Message {
	c.t.Helper()
	c.taps(question, "Ringkasan")
	summary := c.wait(control.Condition{MessageID: question.ID, Text: "Sudah benar?"})
	c.taps(summary, "Pratinjau")

	confirm := c.wait(control.Condition{Text: "Kirim siaran ini?"})
	if !strings.Contains(confirm.Text, people) {
		c.t.Errorf("it goes to other people than %s: %q", people, confirm.Text)
	}

	return confirm
}

// reported waits for the message that tells how it went.
func (c *customer) reported(counts string) {
	c.t.Helper()

	const within = time.Minute

	report := c.waitFor(within, control.Condition{Text: "Selesai"})
	if !strings.Contains(report.Text, counts) {
		c.t.Errorf("the report reads %q", report.Text)
	}
}

// picture is a small one.
func picture(t *testing.T) []byte {
	t.Helper()

	const side = 64

	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}

	return file.Bytes()
}
