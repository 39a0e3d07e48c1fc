package chat_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	demo  = "demo"
	ani   = 7    // a customer's user id and private chat
	owner = 1001 // the store owner's
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// counted counts the calls to a table.
type counted struct {
	table.Table

	mu    sync.Mutex
	calls int
}

func (c *counted) count() {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.calls++
}

func (c *counted) taken() int {
	c.mu.Lock()
	defer c.mu.Unlock()

	calls := c.calls
	c.calls = 0

	return calls
}

func (c *counted) Get(ctx context.Context, key table.Key) (table.Row, error) {
	c.count()

	return c.Table.Get(ctx, key)
}

func (c *counted) Query(ctx context.Context, query table.Query) (table.Page, error) {
	c.count()

	return c.Table.Query(ctx, query)
}

func (c *counted) Write(ctx context.Context, ops ...table.Op) error {
	c.count()

	return c.Table.Write(ctx, ops...)
}

// phone is Telegram as a person sees it, and the rules that every message and
// button must keep.
type phone struct {
	t   *testing.T
	bot string // whose bot speaks; empty: demo's

	mu       sync.Mutex
	last     int
	shown    map[int]message.Text // messages of the chat by their number
	carried  map[int]string       // what messages carry beside their text
	content  []byte               // of the last picture that was made here
	log      []string             // what happened, one line each
	toasts   []string
	failures []error // the next calls fail so
}

func (p *phone) fail(errors ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.failures = append(p.failures, errors...)
}

func (p *phone) failure() error {
	if len(p.failures) == 0 {
		return nil
	}

	next := p.failures[0]
	p.failures = p.failures[1:]

	return next
}

func (p *phone) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.failure(); err != nil {
		return 0, err
	}

	p.check(to, text)
	p.last++
	p.shown[p.last] = text

	whom := ""
	if to.Chat != ani {
		whom = fmt.Sprintf(" to %d", to.Chat)
	}

	p.log = append(p.log, fmt.Sprintf("bot, message %d%s\n%s", p.last, whom, picture(text)))

	return p.last, nil
}

func (p *phone) Edit(_ context.Context, to message.Address, text message.Text) error {
	p.mu.Lock()
	carried := p.carried[to.Message]
	p.mu.Unlock()

	if carried != "" {
		return errs.New(errs.Invalid, "there is no text in the message to edit")
	}

	return p.edit(to, text)
}

func (p *phone) edit(to message.Address, text message.Text) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.failure(); err != nil {
		return err
	}

	p.check(to, text)

	if _, ok := p.shown[to.Message]; !ok {
		return errs.New(errs.NotFound, "message to edit not found")
	}

	p.shown[to.Message] = text
	p.log = append(p.log, fmt.Sprintf("bot, message %d changed\n%s", to.Message, picture(text)))

	return nil
}

func (p *phone) SendPhoto(ctx context.Context, to message.Address, photo message.Photo) (int, error) {
	p.mu.Lock()
	p.content = photo.Content
	p.mu.Unlock()

	return p.carrying(ctx, to, "[picture "+cmp.Or(photo.FileID, "made here")+"]", photo.Caption)
}

func (p *phone) SendFile(ctx context.Context, to message.Address, file message.Document) (int, error) {
	return p.carrying(ctx, to, "[file "+file.FileID+"]", file.Caption)
}

// carrying shows a message that carries something, of which the log tells.
func (p *phone) carrying(ctx context.Context, to message.Address, what string, caption message.Text) (int, error) {
	number, err := p.Send(ctx, to, caption)
	if err != nil {
		return 0, err
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	require.LessOrEqual(p.t, len(utf16.Encode([]rune(unescape(tag.ReplaceAllString(caption.HTML, ""))))), 1024)
	p.carried[number] = what
	p.log = append(p.log, "  "+what)

	return number, nil
}

// Broadcast shows what everybody gets.
func (p *phone) Broadcast(ctx context.Context, to message.Address, content broadcast.Content, _ bool) (int, error) {
	require.NoError(p.t, content.Validate())

	text := message.Text{HTML: cmp.Or(content.HTML, "(no caption)"), Buttons: content.Buttons}
	if content.Media == "" {
		return p.Send(ctx, to, text)
	}

	return p.carrying(ctx, to, fmt.Sprintf("[%s %s]", content.Media, content.FileID), text)
}

func (p *phone) SendInvoice(ctx context.Context, to message.Address, invoice message.StarsInvoice) (int, error) {
	require.LessOrEqual(p.t, len(utf16.Encode([]rune(invoice.Title))), 32)
	require.LessOrEqual(p.t, len(utf16.Encode([]rune(invoice.Description))), 255)
	require.NotEmpty(p.t, invoice.Pay)

	what := fmt.Sprintf("[invoice %s for %d Stars, button %q]", invoice.Payload, invoice.Stars, invoice.Pay)

	return p.carrying(ctx, to, what, message.Text{
		HTML:    strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(invoice.Title + "\n" + invoice.Description),
		Buttons: invoice.Buttons,
	})
}

func (p *phone) SendDocument(
	ctx context.Context, to message.Address, name, _ string, content io.Reader, caption message.Text,
) error {
	held, err := io.ReadAll(content)
	require.NoError(p.t, err)

	_, err = p.carrying(ctx, to, fmt.Sprintf("[file %s of %d bytes]", name, len(held)), caption)

	return err
}

func (p *phone) EditCaption(_ context.Context, to message.Address, caption message.Text) error {
	p.mu.Lock()
	carried := p.carried[to.Message]
	p.mu.Unlock()

	if carried == "" {
		return errs.New(errs.Invalid, "there is no caption in the message to edit")
	}

	return p.edit(to, caption)
}

func (p *phone) Delete(_ context.Context, which message.Address) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.failure(); err != nil {
		return err
	}

	delete(p.shown, which.Message)
	p.log = append(p.log, fmt.Sprintf("bot, message %d removed", which.Message))

	return nil
}

func (p *phone) Answer(_ context.Context, of, _, toast string) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	if err := p.failure(); err != nil {
		return err
	}

	require.Equal(p.t, cmp.Or(p.bot, demo), of)
	require.LessOrEqual(p.t, len(utf16.Encode([]rune(toast))), 200)
	p.toasts = append(p.toasts, toast)
	p.log = append(p.log, "toast: "+toast)

	return nil
}

var (
	tag       = regexp.MustCompile(`</?([a-z-]+)( expandable| href="[^"<>]+")?>`)
	keyInText = regexp.MustCompile(`\b[a-z]+\.[a-z_]+\b`)
)

// check holds a message to Telegram's rules and to ours.
func (p *phone) check(to message.Address, text message.Text) {
	require.Equal(p.t, cmp.Or(p.bot, demo), to.Store)
	require.NotZero(p.t, to.Chat)
	require.NotEmpty(p.t, strings.TrimSpace(text.HTML))
	require.NotContains(p.t, text.HTML, "<no value>")
	require.NotRegexp(p.t, `\{\{\.[A-Z]`, text.HTML)

	var open []string
	for _, found := range tag.FindAllStringSubmatch(text.HTML, -1) {
		if strings.HasPrefix(found[0], "</") {
			require.NotEmpty(p.t, open, text.HTML)
			require.Equal(p.t, open[len(open)-1], found[1], text.HTML)
			open = open[:len(open)-1]
		} else {
			open = append(open, found[1])
		}
	}

	require.Empty(p.t, open, "tags left open in %s", text.HTML)

	plain := tag.ReplaceAllString(text.HTML, "")
	require.NotRegexp(p.t, `[<>]`, plain, "something is not escaped")
	require.LessOrEqual(p.t, len(utf16.Encode([]rune(unescape(plain)))), 4096)
	require.LessOrEqual(p.t, len(text.Buttons), 8)

	for _, row := range text.Buttons {
		require.NotEmpty(p.t, row)
		require.LessOrEqual(p.t, len(row), 2, "at most two columns")

		for _, button := range row {
			require.NotEmpty(p.t, button.Text)
			require.NotRegexp(p.t, keyInText, button.Text, "a key instead of its text")
			require.NotEqual(p.t, button.Data == "", button.URL == "", "data or a page, one of them")
			require.LessOrEqual(p.t, len(button.Data), 64, "Telegram takes 64 bytes")
		}
	}
}

func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// picture draws a message as text.
func picture(text message.Text) string {
	drawn := "  | " + strings.ReplaceAll(text.HTML, "\n", "\n  | ")

	for _, row := range text.Buttons {
		drawn += "\n "
		for _, button := range row {
			drawn += " [" + button.Text + " = " + button.Data + button.URL + "]"
		}
	}

	return strings.ReplaceAll(drawn, "| \n", "|\n")
}

// said gives how many messages the bot has sent, edits not counted.
func (p *phone) said() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	count := 0

	for _, line := range p.log {
		if strings.HasPrefix(line, "bot, ") && !strings.Contains(line, " changed\n") && !strings.HasSuffix(line, " removed") {
			count++
		}
	}

	return count
}

// message gives a message as it is shown now; 0: the newest.
func (p *phone) message(number int) message.Text {
	p.mu.Lock()
	defer p.mu.Unlock()

	if number == 0 {
		number = p.last
	}

	return p.shown[number]
}

func (p *phone) toast() string {
	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.toasts) == 0 {
		return ""
	}

	return p.toasts[len(p.toasts)-1]
}

// world is a store, its people and its bot.
type world struct {
	t       *testing.T
	now     *clock.Manual
	state   *counted
	scratch *counted
	stores  *store.Registry
	users   *user.Repository
	jobs    *transcript.Service
	phone   *phone
	catalog *chat.Catalog
	options chat.Options
	chat    *chat.Chat
	updates int
}

// builtIn reads the texts once for all tests.
var builtIn = sync.OnceValues(chat.NewCatalog)

// newWorld makes a world; change may set the options of its chat.
func newWorld(t *testing.T, change ...func(*chat.Options)) *world {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC))
	state := &counted{Table: memory.New(now, fault.None{})}
	scratch := &counted{Table: memory.New(now, fault.None{})}
	stores := store.NewRegistry(state, now)

	require.NoError(t, stores.Save(t.Context(), store.Store{
		ID: demo, Name: "Toko Kopi <Digital>", BotUsername: "kopi_bot", Owner: owner,
		Language: store.DefaultLanguage, TimeZone: store.DefaultTimeZone,
	}))

	catalog, err := builtIn()
	require.NoError(t, err)

	w := &world{
		t: t, now: now, state: state, scratch: scratch, stores: stores,
		users: user.NewRepository(state, now), jobs: transcript.NewService(state, now),
		phone: &phone{t: t, shown: map[int]message.Text{}, carried: map[int]string{}}, catalog: catalog,
	}
	options := chat.Options{
		Scratch: scratch, Stores: stores, Users: w.users, Transcripts: w.jobs, Messenger: w.phone, Catalog: catalog, Clock: now,
	}

	for _, set := range change {
		set(&options)
	}

	w.options = options
	w.chat = chat.New(options)

	return w
}

// do hands an update to the bot, at its first delivery.
func (w *world) do(update telego.Update) {
	w.t.Helper()
	require.NoError(w.t, w.try(update, 1))
}

// try hands an update to the bot, numbered if it has no number yet.
func (w *world) try(update telego.Update, attempt int) error {
	if update.UpdateID == 0 {
		w.updates++
		update.UpdateID = w.updates
	}

	return w.chat.Handle(w.t.Context(), cmp.Or(w.phone.bot, demo), update, strconv.Itoa(update.UpdateID), attempt)
}

// from is a person whose client is set to a language.
func from(id int64, language string) *telego.User {
	return &telego.User{ID: id, FirstName: "Ani", Username: "ani", LanguageCode: language}
}

// aMessage is a message of Ani's, to be filled in.
func (w *world) aMessage() *telego.Message {
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()

	w.phone.last++

	return &telego.Message{
		MessageID: w.phone.last, Date: w.now.Now().Unix(), From: from(ani, "id"),
		Chat: telego.Chat{ID: ani, Type: telego.ChatTypePrivate},
	}
}

// text is a message of Ani's that says something.
func (w *world) text(text string) telego.Update {
	sent := w.aMessage()
	sent.Text = text

	return telego.Update{Message: sent}
}

// voice is a voice message of Ani's.
func (w *world) voice() telego.Update {
	sent := w.aMessage()
	sent.Voice = &telego.Voice{
		FileID: "file", FileUniqueID: "unique", Duration: 83, MimeType: "audio/ogg", FileSize: 340_000,
	}

	return telego.Update{Message: sent}
}

// tap is Ani tapping a button of a message.
func (w *world) tap(number int, data string) telego.Update {
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()

	tapped := &telego.Message{MessageID: number, Date: 1, Chat: telego.Chat{ID: ani, Type: telego.ChatTypePrivate}}
	if strings.HasPrefix(w.phone.carried[number], "[picture") {
		tapped.Photo = []telego.PhotoSize{{FileID: "picture"}}
	}

	return telego.Update{CallbackQuery: &telego.CallbackQuery{ID: "query", From: *from(ani, "id"), Data: data, Message: tapped}}
}

// job gives the newest job of Ani's.
func (w *world) job() transcript.Job { return w.nth(0) }

// nth gives a job of Ani's: the newest is number 0.
func (w *world) nth(number int) transcript.Job {
	page, err := w.jobs.History(w.t.Context(), demo, ani, "", number+1)
	require.NoError(w.t, err)
	require.Len(w.t, page.Jobs, number+1)

	return page.Jobs[number]
}

// put overwrites a job, as its workers would.
func (w *world) put(job transcript.Job) {
	tenant, err := table.TenantOf(demo)
	require.NoError(w.t, err)

	key := tenant.Partition("user", strconv.Itoa(ani)).Key("job", job.ID)
	row, err := w.state.Get(w.t.Context(), key)
	require.NoError(w.t, err)

	row.Body, err = table.Encode(job)
	require.NoError(w.t, err)
	require.NoError(w.t, w.state.Write(w.t.Context(), table.Replace(row)))
}

// outbox counts the messages that are on their way to workers.
func (w *world) outbox() int {
	count := 0

	rows, ok := w.state.Table.(*memory.Table)
	require.True(w.t, ok)

	for _, row := range rows.All() {
		if strings.HasPrefix(row.Key.SK(), "outbox#") {
			count++
		}
	}

	return count
}

// bodies gives what the rows of a table hold.
func (w *world) bodies(of *counted) []string {
	rows, ok := of.Table.(*memory.Table)
	require.True(w.t, ok)

	var held []string
	for _, row := range rows.All() {
		held = append(held, string(row.Body))
	}

	return held
}

// matches fails unless what was said is what lies in a file of testdata.
func matches(t *testing.T, name string, said []string) {
	t.Helper()

	path := filepath.Join("testdata", name)
	got := strings.Join(said, "\n") + "\n"

	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}

	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if this is meant: go test ./shared/chat -update")
}
