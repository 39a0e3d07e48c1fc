package browser_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/lapak-id/lapak/localstack/stack"
)

const patience = 2 * time.Minute

// page is the chat page in a browser.
type page struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser starts a browser whose microphone plays a WAV file over and
// over, or a beep.
func openBrowser(t *testing.T, microphone string) *page {
	t.Helper()

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium),
		chromedp.NoSandbox, // which cannot be had as root, and only our own page is opened
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("lang", "id"),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", true),
	)
	if microphone != "" {
		options = append(options, chromedp.Flag("use-file-for-fake-audio-capture", microphone+"%noloop"))
	}

	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)

	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	opened := &page{t: t, ctx: ctx}
	opened.do(chromedp.Navigate("about:blank")) // the first action starts the browser and must not have the time limit

	opened.ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)

	opened.colours("light")

	// People and store are in Jakarta, wherever the test runs.
	if _, err := chromedp.Call(opened.ctx, emulation.SetTimezoneOverride,
		emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Jakarta"}); err != nil {
		t.Fatal(err)
	}

	return opened
}

func (p *page) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()

	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.shot("failed-" + filepath.Base(p.t.Name()))
		p.t.Fatal(err)
	}
}

// text waits for an element and gives its text.
func (p *page) text(selector string) string {
	p.t.Helper()

	text, err := chromedp.Run(p.ctx, chromedp.Text(selector))
	if err != nil {
		p.t.Fatalf("read %s: %v", selector, err)
	}

	return text
}

// see waits until a message of the bot shows a text, and gives all of its text.
func (p *page) see(text string) string {
	p.t.Helper()

	const newest = `[...document.querySelectorAll(".message:not(.out) [data-testid=message-text]")]
		.map((one) => one.innerText).findLast((text) => text.includes(%q))`

	found, err := chromedp.Run(p.ctx, chromedp.Poll[string](fmt.Sprintf(newest, text)))
	if err != nil {
		p.shot("failed-" + filepath.Base(p.t.Name()))
		p.t.Fatalf("wait until the chat shows %q: %v", text, err)
	}

	return found
}

// tap clicks the newest button that shows a text.
func (p *page) tap(text string) {
	p.t.Helper()

	const click = `(() => {
		const button = [...document.querySelectorAll("[data-testid=message-button]")].findLast((one) => one.innerText.includes(%q));
		button?.click();
		return Boolean(button);
	})()`

	p.do(chromedp.Poll[chromedp.Void](fmt.Sprintf(click, text)))
}

// phone makes the window that of a phone with so many dots a pixel.
func (p *page) phone(scale float64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(scale), chromedp.EmulateMobile, chromedp.EmulateTouch))
}

func (p *page) desktop() {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(1280, 860))
}

// colours sets whether the person likes light or dark.
func (p *page) colours(scheme string) {
	p.t.Helper()

	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// shot keeps a picture of the page.
func (p *page) shot(name string) []byte {
	p.t.Helper()

	image, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.t.Logf("no screenshot %s: %v", name, err)

		return nil
	}

	if err := os.WriteFile(filepath.Join(screenshots, name+".png"), image, 0o600); err != nil {
		p.t.Error(err)
	}

	return image
}

// shots keeps pictures by day and by night.
func (p *page) shots(name string) {
	p.t.Helper()

	for _, scheme := range []string{"dark", "light"} {
		p.colours(scheme)
		p.shot(name + "-" + scheme)
	}
}

// upload attaches a file and sends it.
func (p *page) upload(kind, path string) {
	p.t.Helper()
	p.do(
		chromedp.Click(id("attach")),
		chromedp.WaitVisible(id("attach-"+kind)),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("file").click = () => {}`), // it opens a window of the system
		chromedp.Click(id("attach-"+kind)),
		chromedp.SetUploadFiles(`#file`, []string{path}),
		chromedp.WaitVisible(id("send-file")),
		chromedp.Click(id("send-file")),
	)
}

func id(name string) string { return fmt.Sprintf(`[data-testid=%q]`, name) }

func chatWithDemo() string { return id(fmt.Sprintf("chat-%d", stack.Demo().BotID())) }
