package browser_test

import (
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// On a desktop: a new person presses Start, uploads a voice message, reads the
// transcript, takes the subtitles and changes the language.
func TestDesktop(t *testing.T) {
	t.Parallel()

	p := openBrowser(t, "")
	p.desktop()
	p.do(
		chromedp.Navigate(cloud.Telegram),
		chromedp.WaitVisible(id("add")),
		chromedp.Click(id("add")),
		chromedp.WaitVisible(id("person-new")),
		chromedp.Click(id("person-new")),
		chromedp.WaitVisible(id("person-name")),
		chromedp.SendKeys(id("person-name"), "Emily"),
		chromedp.SetValue(id("person-language"), "en"),
		chromedp.Click(id("person-create")),
		chromedp.WaitVisible(chatWithDemo()),
		chromedp.Click(chatWithDemo()),
		chromedp.WaitVisible(id("start")),
	)
	p.shots("desktop-empty")
	p.do(chromedp.Click(id("start")))

	if welcome := p.see("Welcome to"); !strings.Contains(welcome, stack.Demo().Name) {
		t.Errorf("the bot says %q", welcome)
	}

	p.upload("voice", sampleFile(t, "voice-en.ogg"))
	mustHave(t, saidIn(p.see("📝")), "voice-en.ogg")

	p.tap("SRT")
	p.do(chromedp.WaitVisible(id("document")))

	if document := p.text(id("document")); !strings.Contains(document, ".srt") {
		t.Errorf("the document shows %q", document)
	}

	p.shots("desktop-transcript")

	p.do(chromedp.SendKeys(id("composer"), "/lang\n"))
	p.see("Which language")
	p.tap("Bahasa Indonesia")
	p.see("Bahasa bot: ")
	p.do(chromedp.SendKeys(id("composer"), "/help\n"))
	p.see("Bantuan")
	p.shots("desktop-language")
}

// On a phone: a recorded voice message comes back as text. Its screenshot is
// the one of the README.
func TestPhone(t *testing.T) {
	t.Parallel()

	const (
		spoken = 12  // seconds: the sample and a breath
		sharp  = 2   // dots a pixel
		small  = 1.5 // the same for the picture, which must stay under 200 kB
	)

	// Names that a reader of the README does not stumble over.
	sari, err := people.CreateUser(t.Context(), control.User{FirstName: "Sari", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	p := openBrowser(t, microphone(t, "voice-en.ogg"))
	p.phone(sharp)
	p.do(
		chromedp.Navigate(cloud.Telegram+"/#user="+text(sari.ID)+"&chat="+text(stack.Demo().BotID())),
		chromedp.WaitVisible(id("start")),
	)
	p.shots("phone-empty")
	p.do(chromedp.Click(id("start")))
	p.see("Selamat datang")
	p.shots("phone-welcome")

	p.do(
		chromedp.Click(id("record")),
		chromedp.WaitVisible(id("record-stop")),
		chromedp.Poll[chromedp.Void](seconds("record-time", spoken)),
	)
	p.shots("phone-recording")
	p.do(chromedp.Click(id("record-stop")))
	mustHave(t, saidIn(p.see("📝")), "voice-en.ogg")

	p.shots("phone-transcript")

	if *update {
		p.phone(small)

		if err := os.WriteFile(picture, p.shot("phone-picture"), 0o644); err != nil {
			t.Fatal(err)
		}

		p.phone(sharp)
	}

	p.tap("Teks")
	p.do(chromedp.WaitVisible(id("document")))
	p.do(chromedp.SendKeys(id("composer"), "/history"), chromedp.Click(id("send")))
	p.see("Riwayat")
	p.shots("phone-history")
}
