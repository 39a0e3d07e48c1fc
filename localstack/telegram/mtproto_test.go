package telegram_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gotd/td/fileid"
	gotd "github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// speaking starts a simulator that speaks MTProto.
func speaking(t *testing.T, state string) (*world, control.MTProto) {
	t.Helper()

	simulator, err := telegram.New(telegram.Options{StateDir: state})
	require.NoError(t, err)

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, simulator.SpeakMTProto(listener))

	server := httptest.NewServer(simulator)
	w := &world{Client: control.New(server.URL), t: t, address: server.URL, server: server, client: server.Client()}

	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	_, err = w.CreateBot(t.Context(), control.Bot{Token: token, FirstName: "Lapak", Username: "lapak_bot"})
	require.NoError(t, err)
	_, err = w.CreateUser(t.Context(), control.User{ID: ayu, FirstName: "Ayu"})
	require.NoError(t, err)

	spoken, err := w.MTProto(t.Context())
	require.NoError(t, err)

	return w, spoken
}

// connected runs a client that has proof of who the server is.
func connected(t *testing.T, to control.MTProto, do func(ctx context.Context, api *tg.Client) error) {
	t.Helper()

	block, _ := pem.Decode([]byte(to.PublicKey))
	require.NotNil(t, block)

	key, err := x509.ParsePKCS1PublicKey(block.Bytes)
	require.NoError(t, err)

	host, port, err := net.SplitHostPort(to.Address)
	require.NoError(t, err)

	number, err := strconv.Atoi(port)
	require.NoError(t, err)

	client := gotd.NewClient(1, "hash", gotd.Options{
		PublicKeys: []gotd.PublicKey{{RSA: key}}, NoUpdates: true,
		DCList: dcs.List{Options: []tg.DCOption{{ID: 2, IPAddress: host, Port: number}}},
	})

	require.NoError(t, client.Run(t.Context(), func(ctx context.Context) error { return do(ctx, client.API()) }))
}

func TestLargeFileByMTProto(t *testing.T) {
	t.Parallel()

	w, spoken := speaking(t, "")

	const size = 21 << 20

	content := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	_, err := w.As(ayu, private).File(t.Context(), control.Upload{Kind: "document", Name: "a.mp4", Content: bytes.NewReader(content)})
	require.NoError(t, err)

	id := w.updates()[0].Message.Document.FileID
	_, err = w.call("getFile", fields{"file_id": id})
	require.ErrorContains(t, err, "file is too big")

	decoded, err := fileid.DecodeFileID(id)
	require.NoError(t, err)
	assert.Equal(t, fileid.Document, decoded.Type)
	assert.Equal(t, 2, decoded.DC)

	location, ok := decoded.AsInputFileLocation()
	require.True(t, ok)

	// What is no client ends nothing: silent, gone at once, of another protocol.
	for _, said := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\xee\xee"} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", spoken.Address)
		require.NoError(t, err)
		_, err = io.WriteString(conn, said)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}

	connected(t, spoken, func(ctx context.Context, api *tg.Client) error {
		get := func(offset int64, limit int) ([]byte, string) {
			answer, err := api.UploadGetFile(ctx, &tg.UploadGetFileRequest{Location: location, Offset: offset, Limit: limit})
			if refusal, ok := tgerr.As(err); ok {
				return nil, refusal.Message
			}

			file, ok := answer.(*tg.UploadFile)
			if !ok {
				return nil, "no file came"
			}

			return file.Bytes, ""
		}

		_, refusal := get(0, 4096)
		assert.Equal(t, "AUTH_KEY_UNREGISTERED", refusal)

		_, err := api.AuthImportBotAuthorization(ctx, &tg.AuthImportBotAuthorizationRequest{
			APIID: 1, APIHash: "h", BotAuthToken: "123:wrong",
		})
		assert.True(t, tgerr.Is(err, "ACCESS_TOKEN_INVALID"), err)

		if _, err := api.AuthImportBotAuthorization(ctx, &tg.AuthImportBotAuthorizationRequest{
			APIID: 1, APIHash: "h", BotAuthToken: token,
		}); err != nil {
			return err
		}

		users, err := api.UsersGetUsers(ctx, []tg.InputUserClass{&tg.InputUserSelf{}})
		if err != nil || len(users) != 1 || users[0].GetID() != botID {
			return errors.Join(err, errors.New("the bot is not itself"))
		}

		for _, wrong := range []struct {
			offset  int64
			limit   int
			refusal string
		}{
			{1, 4096, "OFFSET_INVALID"},
			{-4096, 4096, "OFFSET_INVALID"},
			{0, 0, "LIMIT_INVALID"},
			{0, 4097, "LIMIT_INVALID"},
			{0, 2 << 20, "LIMIT_INVALID"},
			{0, 12288, "LIMIT_INVALID"},
			{768 << 10, 512 << 10, "LIMIT_INVALID"},
		} {
			_, refusal := get(wrong.offset, wrong.limit)
			assert.Equal(t, wrong.refusal, refusal, wrong)
		}

		part, refusal := get(size-512<<10, 512<<10)
		assert.Empty(t, refusal)
		assert.True(t, bytes.Equal(content[size-512<<10:], part))

		part, refusal = get(size, 512<<10)
		assert.Empty(t, refusal)
		assert.Empty(t, part, "behind the end there is nothing")

		_, err = w.ExpireReferences(ctx)
		require.NoError(t, err)

		_, refusal = get(0, 4096)
		assert.Equal(t, "FILE_REFERENCE_EXPIRED", refusal)

		return nil
	})
}

// The key stays the same as long as the state does, so that settings do.
func TestMTProtoKeyIsKept(t *testing.T) { //nolint:tparallel // its parts run one after the other
	t.Parallel()

	state := t.TempDir()
	first, second := "", ""

	t.Run("first", func(t *testing.T) { //nolint:paralleltest // as said
		_, spoken := speaking(t, state)
		first = spoken.PublicKey
	})
	t.Run("second", func(t *testing.T) { //nolint:paralleltest // as said
		_, spoken := speaking(t, state)
		second = spoken.PublicKey
	})

	require.NotEmpty(t, first)
	require.Equal(t, first, second)
}
