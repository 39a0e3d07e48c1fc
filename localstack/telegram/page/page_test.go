package page_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/mymmrac/telego"
	tu "github.com/mymmrac/telego/telegoutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// browser starts a headless Chromium of the machine, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()

	if testing.Short() {
		t.Skip("a browser test; -short is set")
	}

	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed; install the package chromium to run this test")
	}

	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)

	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)

	// The first action starts the browser and must not have the time limit.
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("about:blank")))
	colors(ctx, t, "light")

	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)

	return ctx
}

type setting struct {
	control *control.Client
	bot     *telego.Bot
	user    control.Person
	address string
}

func start(t *testing.T) setting {
	t.Helper()

	simulator, err := telegram.New(telegram.Options{})
	require.NoError(t, err)

	server := httptest.NewServer(simulator)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	client := control.New(server.URL)
	made, err := client.CreateBot(t.Context(), control.Bot{ID: 123456, FirstName: "Toko Kopi Digital", Username: "toko_kopi_bot"})
	require.NoError(t, err)

	for _, user := range []control.User{
		{ID: 1001, FirstName: "Ayu", LanguageCode: "id"}, {ID: 1002, FirstName: "Ben", LanguageCode: "en"},
	} {
		_, err = client.CreateUser(t.Context(), user)
		require.NoError(t, err)
	}

	bot, err := telego.NewBot(made.Token, telego.WithAPIServer(server.URL), telego.WithDiscardLogger())
	require.NoError(t, err)

	return setting{control: client, bot: bot, user: client.As(1001, made.ID), address: server.URL}
}

// shot keeps a picture of the page in the folder that PAGE_SHOTS names.
func shot(ctx context.Context, t *testing.T, name string) {
	t.Helper()

	dir := os.Getenv("PAGE_SHOTS")
	if dir == "" {
		return
	}

	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
}

func phone() chromedp.Action[chromedp.Void] {
	return chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)
}

// colors sets whether the person likes light or dark.
func colors(ctx context.Context, t *testing.T, scheme string) {
	t.Helper()

	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	require.NoError(t, err)
}

func id(name string) string { return fmt.Sprintf(`[data-testid=%q]`, name) }

func testPicture(t *testing.T) []byte {
	t.Helper()

	picture := image.NewRGBA(image.Rect(0, 0, 480, 320))
	for i := range 480 * 320 {
		picture.SetRGBA(i%480, i/480, color.RGBA{R: uint8(i % 480 / 2), G: uint8(i / 480), B: 160, A: 255})
	}

	var data bytes.Buffer
	require.NoError(t, png.Encode(&data, picture))

	return data.Bytes()
}

// answer runs a small bot with the buttons of a store until the test ends.
func (s setting) answer(t *testing.T) {
	t.Helper()

	updates, err := s.bot.UpdatesViaLongPolling(t.Context(), &telego.GetUpdatesParams{Timeout: 20})
	require.NoError(t, err)

	go func() {
		for update := range updates {
			ctx := context.WithoutCancel(t.Context())
			if query := update.CallbackQuery; query != nil {
				err := s.bot.AnswerCallbackQuery(ctx, tu.CallbackQuery(query.ID).WithText("Segera ya 🙏"))
				assert.NoError(t, err)

				_, err = s.bot.EditMessageText(ctx, &telego.EditMessageTextParams{
					ChatID: tu.ID(query.From.ID), MessageID: query.Message.GetMessageID(), Text: "Dipilih: " + query.Data,
				})
				assert.NoError(t, err)
			}

			if message := update.Message; message != nil && message.Text != "" {
				_, err := s.bot.SendMessage(ctx, tu.Message(message.Chat.ChatID(),
					"👋 Selamat datang di <b>Toko Kopi Digital</b>\nMau apa hari ini?").WithParseMode("HTML").
					WithReplyMarkup(tu.InlineKeyboard(
						tu.InlineKeyboardRow(tu.InlineKeyboardButton("🛍 Belanja").WithCallbackData("shop"),
							tu.InlineKeyboardButton("📁 File gratis").WithCallbackData("files")),
						tu.InlineKeyboardRow(tu.InlineKeyboardButton("🎙 Transkrip").WithCallbackData("transcribe"),
							tu.InlineKeyboardButton("👛 Saldo Rp25.000").WithCallbackData("wallet")),
					)))
				assert.NoError(t, err)
			}
		}
	}()
}

func TestPersonUsesBot(t *testing.T) {
	t.Parallel()

	ctx := browser(t)
	s := start(t)

	require.NoError(t, s.bot.SetMyCommands(ctx, &telego.SetMyCommandsParams{Commands: []telego.BotCommand{
		{Command: "start", Description: "Menu utama"}, {Command: "lang", Description: "Ganti bahasa"},
	}}))
	require.NoError(t, s.bot.SetMyDescription(ctx, &telego.SetMyDescriptionParams{Description: "Belanja, file gratis dan transkrip."}))
	s.answer(t)

	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(1280, 860),
		chromedp.Navigate(s.address+"/#user=1001"),
		chromedp.WaitVisible(id("chat-123456")),
		chromedp.Click(id("chat-123456")),
		chromedp.WaitVisible(id("about")),
	))
	shot(ctx, t, "empty")
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(id("start")),
		chromedp.WaitVisible(id("message-button")),
		chromedp.Click(`[data-callback="shop"]`),
	))

	toast, err := chromedp.Run(ctx, chromedp.Text(id("toast")))
	require.NoError(t, err)

	edited, err := chromedp.Run(ctx, chromedp.Text(`[data-edited="true"] `+id("message-text")))
	require.NoError(t, err)
	assert.Equal(t, "Segera ya 🙏", toast)
	assert.Equal(t, "Dipilih: shop", edited)

	// The command menu sends a command.
	require.NoError(t, chromedp.Do(ctx,
		chromedp.SendKeys(id("composer"), "/la"),
		chromedp.WaitVisible(id("command-lang")),
	))
	shot(ctx, t, "commands")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("command-lang"))))

	sent, err := s.user.Wait(ctx, control.Condition{Text: "/lang", Own: true})
	require.NoError(t, err)
	assert.Equal(t, "bot_command", sent.Entities[0].Type)

	// What anybody writes is text, never markup.
	_, err = s.user.Text(ctx, `<img src=x onerror="document.title='owned'"> <b>x</b>`)
	require.NoError(t, err)

	text, err := chromedp.Run(ctx, chromedp.Poll[string](
		`[...document.querySelectorAll(".message.out .text")].map((one) => one.textContent).find((text) => text.includes("onerror"))`))
	require.NoError(t, err)

	title, err := chromedp.Run(ctx, chromedp.Title())
	require.NoError(t, err)
	assert.Contains(t, text, `<img src=x`)
	assert.NotEqual(t, "owned", title)
}

func TestPersonSendsFiles(t *testing.T) {
	t.Parallel()

	ctx := browser(t)
	s := start(t)

	_, err := s.user.Start(ctx, "")
	require.NoError(t, err)

	notes := filepath.Join(t.TempDir(), "catatan rapat.txt")
	require.NoError(t, os.WriteFile(notes, []byte("isi rapat"), 0o600))

	require.NoError(t, chromedp.Do(ctx,
		phone(),
		chromedp.Navigate(s.address+"/#user=1001&chat=123456"),
		chromedp.WaitVisible(id("attach")),
		chromedp.Click(id("attach")),
		chromedp.WaitVisible(id("attach-document")),
		chromedp.Evaluate[chromedp.Void](`document.getElementById("file").click = () => {}`),
		chromedp.Click(id("attach-document")),
		chromedp.SetUploadFiles(`#file`, []string{notes}),
		chromedp.WaitVisible(id("send-file")),
		chromedp.SendKeys(id("caption"), "tolong dicek"),
	))
	shot(ctx, t, "phone-upload")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("send-file"))))

	sent, err := s.user.Wait(ctx, control.Condition{Kind: "document", Own: true})
	require.NoError(t, err)
	assert.Equal(t, "catatan rapat.txt", sent.File.Name)
	assert.Equal(t, "tolong dicek", sent.Text)

	content, err := s.control.Download(ctx, sent.File)
	require.NoError(t, err)
	assert.Equal(t, "isi rapat", string(content))

	// A voice message from the microphone.
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(id("record")),
		chromedp.WaitVisible(id("record-stop")),
		chromedp.Poll[chromedp.Void](`document.getElementById("record-time").textContent !== "0:00"`),
	))
	shot(ctx, t, "phone-recording")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("record-stop"))))

	voice, err := s.user.Wait(ctx, control.Condition{Kind: "voice", Own: true})
	require.NoError(t, err)
	assert.Positive(t, voice.File.Duration)
	assert.Positive(t, voice.File.Size)
	assert.True(t, strings.HasPrefix(voice.File.MIME, "audio/"), voice.File.MIME)
}

func TestPersonPays(t *testing.T) {
	t.Parallel()

	ctx := browser(t)
	s := start(t)

	_, err := s.user.Start(ctx, "")
	require.NoError(t, err)
	_, err = s.bot.SendInvoice(ctx, &telego.SendInvoiceParams{
		ChatID: tu.ID(1001), Title: "Netflix 1 bulan", Description: "Akun privat, garansi 30 hari.", Payload: "order-1",
		Currency: "XTR", Prices: []telego.LabeledPrice{{Label: "Netflix", Amount: 50}},
	})
	require.NoError(t, err)

	updates, err := s.bot.UpdatesViaLongPolling(t.Context(), &telego.GetUpdatesParams{Timeout: 20})
	require.NoError(t, err)

	paid := make(chan string, 1)

	go func() {
		for update := range updates {
			if query := update.PreCheckoutQuery; query != nil {
				err := s.bot.AnswerPreCheckoutQuery(t.Context(),
					&telego.AnswerPreCheckoutQueryParams{PreCheckoutQueryID: query.ID, Ok: true})
				assert.NoError(t, err)
			}

			if update.Message != nil && update.Message.SuccessfulPayment != nil {
				paid <- update.Message.SuccessfulPayment.InvoicePayload
			}
		}
	}()

	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(1280, 860),
		chromedp.Navigate(s.address+"/#user=1001&chat=123456"),
		chromedp.WaitVisible(id("invoice")),
		chromedp.Click(id("message-button")),
		chromedp.WaitVisible(id("pay-confirm")),
	))
	shot(ctx, t, "pay")
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Click(id("pay-confirm")),
		chromedp.WaitVisible(`[data-kind="payment"]`),
	))

	select {
	case payload := <-paid:
		assert.Equal(t, "order-1", payload)
	case <-ctx.Done():
		t.Fatal("the bot never got successful_payment")
	}
}

// TestManyKinds shows every kind of message, for the pictures, and uses the
// drawer, the keyboard and another person.
func TestManyKinds(t *testing.T) {
	t.Parallel()

	ctx := browser(t)
	s := start(t)
	s.fill(ctx, t)

	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(1280, 900),
		chromedp.Navigate(s.address+"/#user=1001&chat=123456"),
		chromedp.WaitVisible(id("keyboard-button")),
	))
	shot(ctx, t, "kinds")
	require.NoError(t, chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](`document.getElementById("messages").scrollTop = 0`)))
	shot(ctx, t, "kinds-top")
	colors(ctx, t, "dark")
	shot(ctx, t, "kinds-dark")
	require.NoError(t, chromedp.Do(ctx, phone()))
	shot(ctx, t, "phone-dark")
	colors(ctx, t, "light")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("keyboard-toggle"))))
	shot(ctx, t, "phone")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("back")), chromedp.WaitVisible(id("chat-123456"))))
	shot(ctx, t, "phone-list")

	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(1440, 900),
		chromedp.Click(id("chat-123456")), chromedp.Click(id("drawer-toggle")), chromedp.WaitVisible(id("drawer")),
		chromedp.Click(id("tab-faults")), chromedp.Click(id("fault-ready")), chromedp.WaitVisible(id("fault")),
	))
	shot(ctx, t, "faults")

	_, err := s.bot.SendMessage(ctx, tu.Message(tu.ID(1001), "ditolak"))
	require.ErrorContains(t, err, "retry after 3")

	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("tab-calls")), chromedp.WaitVisible(id("log-call"))))
	shot(ctx, t, "traffic")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("tab-bot"))))
	shot(ctx, t, "bot")

	// The reply keyboard writes what its button says.
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("drawer-toggle")), chromedp.Click(id("keyboard-toggle")),
		chromedp.Click(id("keyboard-button"))))
	_, err = s.user.Wait(ctx, control.Condition{Text: "🛍 Belanja", Own: true})
	require.NoError(t, err)

	// Another person sees another chat.
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("person-switch")), chromedp.WaitVisible(id("person-option-1002"))))
	shot(ctx, t, "people")
	require.NoError(t, chromedp.Do(ctx, chromedp.Click(id("person-option-1002")), chromedp.WaitVisible(id("start"))))
}

func (s setting) fill(ctx context.Context, t *testing.T) {
	t.Helper()

	require.NoError(t, s.control.SetLimits(ctx, control.Limits{}))

	_, err := s.user.Start(ctx, "promo")
	require.NoError(t, err)

	to := tu.ID(1001)
	_, err = s.user.File(ctx, control.Upload{Kind: "voice", Name: "voice.oga", Duration: 72, Content: strings.NewReader("OggS voice")})
	require.NoError(t, err)

	progress, err := s.bot.SendMessage(ctx, tu.Message(to, "▰▰▰▱▱▱ mengunduh 52 %"))
	require.NoError(t, err)
	_, err = s.bot.EditMessageText(ctx, (&telego.EditMessageTextParams{
		ChatID: to, MessageID: progress.MessageID, ParseMode: "HTML",
		Text: "📝 <b>rapat-senin</b> · 1 mnt 12 dtk · Indonesia\n" +
			"<blockquote>Selamat pagi semuanya, kita mulai dengan agenda pertama.</blockquote>\n" +
			"Kode <code>#7KQ2</code>, <tg-spoiler>rahasia</tg-spoiler>, https://lapak.id",
	}).WithReplyMarkup(tu.InlineKeyboard(
		tu.InlineKeyboardRow(tu.InlineKeyboardButton("📄 Teks").WithCallbackData("txt"),
			tu.InlineKeyboardButton("🎬 SRT").WithCallbackData("srt"), tu.InlineKeyboardButton("Situs").WithURL("https://lapak.id")),
	)))
	require.NoError(t, err)
	_, err = s.bot.SendDocument(ctx, tu.Document(to,
		tu.FileFromBytes([]byte("1\n00:00:00,000 --> 00:00:02,000\nSelamat pagi\n"), "rapat-senin.srt")).WithCaption("Ini berkasnya 👇"))
	require.NoError(t, err)
	_, err = s.user.Reply(ctx, int64(progress.MessageID), "makasih! <b>keren</b>")
	require.NoError(t, err)
	_, err = s.bot.SendPhoto(ctx, tu.Photo(to, tu.FileFromBytes(testPicture(t), "qr.png")).WithParseMode("MarkdownV2").
		WithCaption(`Pesanan *\#LP\-8F3K* · bayar sebelum 14\.20 WIB`).
		WithReplyMarkup(tu.InlineKeyboard(tu.InlineKeyboardRow(tu.InlineKeyboardButton("🔄 Cek pembayaran").WithCallbackData("check")))))
	require.NoError(t, err)
	_, err = s.bot.SendMessage(ctx, tu.Message(to, "Ada lagi?").WithReplyMarkup(tu.Keyboard(
		tu.KeyboardRow(tu.KeyboardButton("🛍 Belanja"), tu.KeyboardButton("👛 Saldo")),
		tu.KeyboardRow(tu.KeyboardButton("📞 Kirim nomor").WithRequestContact())).WithResizeKeyboard()))
	require.NoError(t, err)
	require.NoError(t, s.user.React(ctx, int64(progress.MessageID), "🔥"))

	_, err = s.control.CreateGroup(ctx, control.Group{Title: "Pelanggan Kopi", Members: map[int64]string{1001: "creator", 1002: "member"}})
	require.NoError(t, err)

	assert.NotEmpty(t, strconv.Itoa(progress.MessageID))
}
