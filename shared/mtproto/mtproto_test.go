package mtproto_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/mtproto"
	"github.com/lapak-id/lapak/shared/secret"
	secretmemory "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/transcript"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token  = "123:secret"
	botID  = 123
	person = 1001
	shop   = "kopi"
)

// world is a Telegram that speaks MTProto, with a store's bot and a person.
type world struct {
	*control.Client

	t       *testing.T
	address string
	config  mtproto.Config
	vault   secret.Vault
	scratch *tablememory.Table
	files   *mtproto.Files
}

func start(t *testing.T) *world {
	t.Helper()

	return startIn(t, t.TempDir())
}

func startIn(t *testing.T, state string) *world {
	t.Helper()

	simulator, err := telegram.New(telegram.Options{StateDir: state})
	require.NoError(t, err)

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, simulator.SpeakMTProto(listener))

	server := httptest.NewServer(simulator)
	w := &world{Client: control.New(server.URL), t: t, address: server.URL, vault: secretmemory.New(clock.System{}, fault.None{})}

	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	_, err = w.CreateBot(t.Context(), control.Bot{Token: token, FirstName: "Kopi", Username: "kopi_bot"})
	require.NoError(t, err)
	_, err = w.CreateUser(t.Context(), control.User{ID: person, FirstName: "Ayu"})
	require.NoError(t, err)

	spoken, err := w.MTProto(t.Context())
	require.NoError(t, err)

	w.config = mtproto.Config{APIID: 17, Server: spoken.Address, PublicKey: spoken.PublicKey}
	w.scratch = tablememory.New(clock.System{}, fault.None{})
	require.NoError(t, w.vault.Rotate(t.Context(), store.TokenName(shop), token))
	require.NoError(t, w.vault.Rotate(t.Context(), mtproto.AppName, "hash"))
	w.files = w.another()

	return w
}

// another is the same store in another process.
func (w *world) another() *mtproto.Files {
	w.t.Helper()

	files, err := mtproto.NewFiles(w.config, w.vault, w.scratch, clock.System{})
	require.NoError(w.t, err)

	return files
}

// sent sends a file to the bot and gives what the bot knows of it.
func (w *world) sent(content []byte) transcript.FileRef {
	w.t.Helper()

	_, err := w.As(person, botID).File(w.t.Context(), control.Upload{Kind: "document", Name: "film.mkv", Content: bytes.NewReader(content)})
	require.NoError(w.t, err)

	return w.received()
}

// received reads the last message with a file as the bot does.
func (w *world) received() transcript.FileRef {
	w.t.Helper()

	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.address+"/bot"+token+"/getUpdates", http.NoBody)
	require.NoError(w.t, err)

	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer response.Body.Close()

	var answer struct {
		Result []struct {
			Message struct {
				ID   int `json:"message_id"`
				Chat struct {
					ID int64 `json:"id"`
				} `json:"chat"`
				Document struct {
					FileID string `json:"file_id"`
					Size   int64  `json:"file_size"`
				} `json:"document"`
			} `json:"message"`
		} `json:"result"`
	}
	require.NoError(w.t, json.NewDecoder(response.Body).Decode(&answer))
	require.NotEmpty(w.t, answer.Result)

	last := answer.Result[len(answer.Result)-1].Message

	return transcript.FileRef{
		Store: shop, Chat: last.Chat.ID, Message: last.ID, FileID: last.Document.FileID, Size: last.Document.Size,
	}
}

// spoil makes calls of Telegram fail.
func (w *world) spoil(spoiled control.Fault) {
	w.t.Helper()

	_, err := w.Fault(w.t.Context(), spoiled)
	require.NoError(w.t, err)
}

// logins counts how often the bot has logged in.
func (w *world) logins() int {
	w.t.Helper()

	calls, err := w.Calls(w.t.Context(), 0, "auth.importBotAuthorization", 0)
	require.NoError(w.t, err)

	return len(calls)
}

// made gives bytes that are like no others.
func made(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, size))).Read(content) // it never fails

	return content
}

func read(ctx context.Context, from *mtproto.Files, of transcript.FileRef, offset int64) ([]byte, int64, error) {
	opened, size, err := from.Open(ctx, of, offset)
	if err != nil {
		return nil, 0, fmt.Errorf("open: %w", err)
	}
	defer opened.Close()

	content, err := io.ReadAll(opened)
	if err != nil {
		return content, size, fmt.Errorf("read: %w", err)
	}

	return content, size, nil
}

func TestFileComesWhole(t *testing.T) {
	t.Parallel()

	w := start(t)
	content := made(3<<20 + 4321)
	of := w.sent(content)

	got, size, err := read(t.Context(), w.files, of, 0)
	require.NoError(t, err)
	assert.Equal(t, int64(len(content)), size)
	assert.True(t, bytes.Equal(content, got))

	got, _, err = read(t.Context(), w.another(), of, 777_777)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content[777_777:], got))
	assert.Equal(t, 1, w.logins(), "the session is kept")
}
