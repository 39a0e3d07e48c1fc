// Package telegram_test holds the Telegram simulator against what it stands in
// for: the description of the Bot API, and bots written with libraries that
// know nothing of it.
package telegram_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	tu "github.com/mymmrac/telego/telegoutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/description"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestDescriptionIsTheBotAPI makes the embedded table anew from the full
// description and holds that nothing differs.
func TestDescriptionIsTheBotAPI(t *testing.T) {
	t.Parallel()

	path := os.Getenv("TELEGRAM_API_JSON")
	if path == "" {
		path = filepath.Join("..", "..", "..", "..", "shared", "references", "telegram-bot-api.json")
	}

	full, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skip("the full description of the Bot API is not here; name it in TELEGRAM_API_JSON " +
			"(api.json of github.com/PaulSonOfLars/telegram-bot-api-spec)")
	}

	require.NoError(t, err)

	reduced, err := description.Reduce(full, description.Names())
	require.NoError(t, err)
	assert.Equal(t, string(description.Embedded()), string(reduced), "make it anew with go generate in localstack/telegram/description")
}

type setting struct {
	control *control.Client
	address string
	bot     control.Bot
	person  control.Person
}

func start(t *testing.T) setting {
	t.Helper()

	simulator, err := telegram.New(telegram.Options{Strict: true, Limits: &control.Limits{}})
	require.NoError(t, err)

	server := httptest.NewServer(simulator)

	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	own := control.New(server.URL)
	bot, err := own.CreateBot(t.Context(), control.Bot{FirstName: "Echo", Username: "echo_bot"})
	require.NoError(t, err)
	_, err = own.CreateUser(t.Context(), control.User{ID: 1001, FirstName: "Ayu", LanguageCode: "id"})
	require.NoError(t, err)

	return setting{control: own, address: server.URL, bot: bot, person: own.As(1001, bot.ID)}
}

// TestTelego talks to the simulator through the library that Lapak uses.
func TestTelego(t *testing.T) {
	t.Parallel()

	s := start(t)
	ctx := t.Context()
	client := &http.Client{}

	t.Cleanup(client.CloseIdleConnections)

	bot, err := telego.NewBot(s.bot.Token, telego.WithAPIServer(s.address), telego.WithHTTPClient(client), telego.WithDiscardLogger())
	require.NoError(t, err)

	me, err := bot.GetMe(ctx)
	require.NoError(t, err)
	assert.Equal(t, "echo_bot", me.Username)

	_, err = s.person.Start(ctx, "")
	require.NoError(t, err)

	sent, err := bot.SendMessage(ctx, tu.MessageWithEntities(tu.ID(1001), tu.Entity("tebal").Bold(), tu.Entity(" biasa")).
		WithReplyMarkup(tu.InlineKeyboard(tu.InlineKeyboardRow(tu.InlineKeyboardButton("A").WithCallbackData("a")))))
	require.NoError(t, err)
	assert.Equal(t, "bold", sent.Entities[0].Type)

	_, err = bot.SendMessage(ctx, tu.Message(tu.ID(404), "x"))
	require.ErrorContains(t, err, "chat not found")

	group, err := bot.SendMediaGroup(ctx, tu.MediaGroup(tu.ID(1001),
		tu.MediaDocument(tu.FileFromBytes([]byte("satu"), "1.txt")), tu.MediaDocument(tu.FileFromBytes([]byte("dua"), "2.txt"))))
	require.NoError(t, err)
	require.Len(t, group, 2)

	file, err := bot.GetFile(ctx, &telego.GetFileParams{FileID: group[1].Document.FileID})
	require.NoError(t, err)

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, bot.FileDownloadURL(file.FilePath), nil)
	require.NoError(t, err)
	download, err := client.Do(request)
	require.NoError(t, err)

	defer download.Body.Close()

	content, err := io.ReadAll(download.Body)
	require.NoError(t, err)
	assert.Equal(t, "dua", string(content))

	require.NoError(t, bot.SetWebhook(ctx, &telego.SetWebhookParams{URL: "http://127.0.0.1:9/hook", SecretToken: "x"}))

	info, err := bot.GetWebhookInfo(ctx)
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:9/hook", info.URL)
	require.NoError(t, bot.DeleteWebhook(ctx, &telego.DeleteWebhookParams{DropPendingUpdates: true}))

	_, err = s.person.PressText(ctx, int64(sent.MessageID), "A", 0)
	require.NoError(t, err)

	updates, err := bot.GetUpdates(ctx, &telego.GetUpdatesParams{Timeout: 10})
	require.NoError(t, err)
	require.Len(t, updates, 1)
	require.NoError(t, bot.AnswerCallbackQuery(ctx, tu.CallbackQuery(updates[0].CallbackQuery.ID)))

	calls, err := s.control.Calls(ctx, s.bot.ID, "", 0)
	require.NoError(t, err)

	for _, call := range calls {
		assert.Empty(t, call.Problems, call.Method)
	}

	assert.WithinDuration(t, time.Now(), time.Unix(sent.Date, 0), time.Minute)
}
