package telegram_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

type sentFile struct {
	FileID   string `json:"file_id"`
	UniqueID string `json:"file_unique_id"`
	Path     string `json:"file_path"`
	Size     int64  `json:"file_size"`
	Duration int    `json:"duration"`
	Width    int    `json:"width"`
}

// zeros is a file of the size.
func zeros(size int64) io.Reader { return io.LimitReader(nothing{}, size) }

type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)

	return len(p), nil
}

func TestFilesOfPeople(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	content := bytes.Repeat([]byte("suara"), 1000)
	sent, err := w.ayu().File(t.Context(), control.Upload{
		Kind: "voice", Name: "../../a b.oga", Duration: 12, Caption: "tolong #rapat", Content: bytes.NewReader(content),
	})
	require.NoError(t, err)
	assert.Equal(t, 12, sent.File.Duration)

	got := must[[]struct {
		Message struct {
			Voice   sentFile `json:"voice"`
			Caption string   `json:"caption"`
		} `json:"message"`
	}](w, "getUpdates", nil)[0].Message
	assert.Equal(t, "tolong #rapat", got.Caption)

	found := must[sentFile](w, "getFile", fields{"file_id": got.Voice.FileID})
	assert.Equal(t, int64(5000), found.Size)
	assert.True(t, strings.HasPrefix(found.Path, "voice/file_"), found.Path)

	status, body := w.download(token, found.Path, "")
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, content, body)

	status, body = w.download(token, found.Path, "bytes=5-9")
	assert.Equal(t, http.StatusPartialContent, status)
	assert.Equal(t, "suara", string(body))

	// The address ends after an hour, and belongs to one bot.
	other, err := w.CreateBot(t.Context(), control.Bot{ID: 456, Username: "other_bot"})
	require.NoError(t, err)

	status, _ = w.download(other.Token, found.Path, "")
	assert.Equal(t, http.StatusNotFound, status)
	status, _ = w.download("123:wrong", found.Path, "")
	assert.Equal(t, http.StatusUnauthorized, status)

	_, err = w.callAs(other.Token, "getFile", fields{"file_id": got.Voice.FileID})
	require.ErrorContains(t, err, "wrong file_id", "a file_id belongs to one bot")

	require.NoError(t, w.Advance(t.Context(), 61*time.Minute))
	status, _ = w.download(token, found.Path, "")
	assert.Equal(t, http.StatusNotFound, status)

	// The same content has the same unique id for every bot.
	_, err = w.As(ayu, other.ID).File(t.Context(), control.Upload{Kind: "document", Name: "x.bin", Content: bytes.NewReader(content)})
	require.NoError(t, err)

	raw, err := w.callAs(other.Token, "getUpdates", nil)
	require.NoError(t, err)

	document := decode[[]update](t, raw)[0].Message.Document
	assert.Equal(t, got.Voice.UniqueID, document.UniqueID)
	assert.NotEqual(t, got.Voice.FileID, document.FileID)

	_, err = w.ayu().File(t.Context(), control.Upload{Kind: "voice", Content: strings.NewReader("")})
	require.ErrorContains(t, err, "the file is empty")
	_, err = w.ayu().File(t.Context(), control.Upload{Kind: "hologram", Content: strings.NewReader("x")})
	require.ErrorContains(t, err, "none of photo")
}

func (w *world) download(token, path, byteRange string) (int, []byte) {
	w.t.Helper()

	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.address+"/file/bot"+token+"/"+path, nil)
	require.NoError(w.t, err)

	if byteRange != "" {
		request.Header.Set("Range", byteRange)
	}

	answer, err := w.client.Do(request)
	require.NoError(w.t, err)

	defer answer.Body.Close()

	body, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)

	return answer.StatusCode, body
}

func TestSizes(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	const mega = 1 << 20

	for _, size := range []int64{20 * mega, 20*mega + 1} {
		_, err := w.ayu().File(t.Context(), control.Upload{Kind: "document", Name: "big.bin", Content: zeros(size)})
		require.NoError(t, err)
	}

	got := w.updates()
	must[sentFile](w, "getFile", fields{"file_id": got[0].Message.Document.FileID})
	_, err := w.call("getFile", fields{"file_id": got[1].Message.Document.FileID})
	require.EqualError(t, err, "400 Bad Request: file is too big")

	send := func(size int64) error {
		reader, writer := io.Pipe()
		form := multipart.NewWriter(writer)

		go func() {
			writer.CloseWithError(func() error {
				if err := form.WriteField("chat_id", "1001"); err != nil {
					return err
				}

				part, err := form.CreateFormFile("document", "x.bin")
				if err != nil {
					return err
				}

				if _, err := io.Copy(part, zeros(size)); err != nil {
					return err
				}

				return form.Close()
			}())
		}()

		_, err := w.post("/bot"+token+"/sendDocument", form.FormDataContentType(), reader)

		return err
	}

	require.NoError(t, send(50*mega))
	require.EqualError(t, send(50*mega+1), "413 Request Entity Too Large")
}

func picture(t *testing.T, width, height int) []byte {
	t.Helper()

	var data bytes.Buffer

	require.NoError(t, png.Encode(&data, image.NewGray(image.Rect(0, 0, width, height))))

	return data.Bytes()
}

func TestFilesOfBots(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{Limits: &control.Limits{}})
	files := map[string][]byte{
		"photo": picture(t, 900, 600), "audio": []byte("audio"), "document": picture(t, 40, 30), "video": []byte("video"),
		"animation": []byte("gif"), "voice": []byte("voice"), "video_note": []byte("round"), "sticker": picture(t, 512, 512),
	}
	methods := map[string]string{
		"photo": "sendPhoto", "audio": "sendAudio", "document": "sendDocument", "video": "sendVideo", "animation": "sendAnimation",
		"voice": "sendVoice", "video_note": "sendVideoNote", "sticker": "sendSticker",
	}

	for kind, content := range files {
		_, err := w.upload(methods[kind], map[string]string{"chat_id": "1001", "caption": kind, "duration": "3"},
			map[string][]byte{kind: content})
		require.NoError(t, err, kind)

		_, err = w.ayu().Wait(t.Context(), control.Condition{Kind: kind})
		require.NoError(t, err)
	}

	photos := must[struct{ Photo []sentFile }](w, "forwardMessage", fields{
		"chat_id": budi, "from_chat_id": ayu, "message_id": w.find("photo"),
	}).Photo
	require.Len(t, photos, 2, "a small and a large size")
	assert.Equal(t, 900, photos[1].Width)

	_, err := w.upload("sendPhoto", map[string]string{"chat_id": "1001"}, map[string][]byte{"photo": []byte("no picture")})
	require.ErrorContains(t, err, "IMAGE_PROCESS_FAILED")
	_, err = w.upload("sendPhoto", map[string]string{"chat_id": "1001"}, map[string][]byte{"photo": picture(t, 4000, 10)})
	require.ErrorContains(t, err, "PHOTO_INVALID_DIMENSIONS")
	_, err = w.upload("sendDocument", map[string]string{"chat_id": "1001"}, map[string][]byte{"document": nil})
	require.ErrorContains(t, err, "file must be non-empty")

	// Again by its file_id, with no upload.
	must[message](w, "sendPhoto", fields{"chat_id": budi, "photo": photos[1].FileID})

	// An album, and a photo that takes the place of another.
	group := decode[[]message](t, mustUpload(w, "sendMediaGroup", map[string]string{
		"chat_id": "1001", "media": `[{"type":"photo","media":"attach://a","caption":"satu"},{"type":"video","media":"attach://b"}]`,
	}, map[string][]byte{"a": picture(t, 10, 10), "b": []byte("video")}))
	require.Len(t, group, 2)
	assert.NotEmpty(t, group[0].Group)
	assert.Equal(t, group[0].Group, group[1].Group)

	_, err = w.upload("sendMediaGroup", map[string]string{
		"chat_id": "1001", "media": `[{"type":"photo","media":"attach://a"},{"type":"document","media":"attach://b"}]`,
	}, map[string][]byte{"a": picture(t, 10, 10), "b": []byte("x")})
	require.ErrorContains(t, err, "can't be mixed")

	edited := decode[message](t, mustUpload(w, "editMessageMedia", map[string]string{
		"chat_id": "1001", "message_id": fmt.Sprint(group[0].ID), "media": `{"type":"photo","media":"attach://new","caption":"dua"}`,
	}, map[string][]byte{"new": picture(t, 20, 20)}))
	assert.Equal(t, "dua", edited.Caption)
}

// find returns the message of a kind in Ayu's chat.
func (w *world) find(kind string) int64 {
	w.t.Helper()

	found, err := w.ayu().Wait(w.t.Context(), control.Condition{Kind: kind})
	require.NoError(w.t, err)

	return found.ID
}

func TestFileByAddress(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	source := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/notes.txt" {
			http.NotFound(out, r)

			return
		}

		_, err := out.Write([]byte("isi"))
		assert.NoError(t, err)
	}))
	t.Cleanup(source.Close)

	sent := must[message](w, "sendDocument", fields{"chat_id": ayu, "document": source.URL + "/notes.txt"})
	assert.Equal(t, "notes.txt", sent.Document.Name)

	_, err := w.call("sendDocument", fields{"chat_id": ayu, "document": source.URL + "/none"})
	require.ErrorContains(t, err, "failed to get HTTP URL content")
}

func TestFaultsOfDownloads(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	path := filepath.Join(t.TempDir(), "a.txt")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("x"), 100_000), 0o600))
	_, err := w.ayu().FilePath(t.Context(), "document", path)
	require.NoError(t, err)

	found := must[sentFile](w, "getFile", fields{"file_id": w.updates()[0].Message.Document.FileID})

	_, err = w.Fault(t.Context(), control.Fault{Method: "file", Kind: "error", Status: 502})
	require.NoError(t, err)

	status, _ := w.download(token, found.Path, "")
	assert.Equal(t, http.StatusBadGateway, status)

	_, err = w.Fault(t.Context(), control.Fault{Method: "file", Kind: "cut"})
	require.NoError(t, err)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.address+"/file/bot"+token+"/"+found.Path, nil)
	require.NoError(t, err)
	answer, err := w.client.Do(request)
	require.NoError(t, err)

	defer answer.Body.Close()

	part, err := io.ReadAll(answer.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, part, 50_000)
}

//nolint:tparallel // Its parts are one after the other.
func TestStateOverRestart(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()

	var sent message

	var fileID string

	t.Run("before", func(t *testing.T) { //nolint:paralleltest // One after the other.
		w := started(t, telegram.Options{StateDir: dir})
		sent = must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "<b>tetap</b>", "parse_mode": "HTML"})
		fileID = decode[message](t, mustUpload(w, "sendDocument", map[string]string{"chat_id": "1001"},
			map[string][]byte{"document": []byte("isi")})).Document.FileID

		must[bool](w, "sendChatAction", fields{"chat_id": ayu, "action": "typing"})
	})

	t.Run("after", func(t *testing.T) { //nolint:paralleltest // As above.
		w := start(t, telegram.Options{StateDir: dir})

		got := must[[]update](w, "getUpdates", nil)
		require.Len(t, got, 2, "updates that nobody took are still there")

		_, err := w.call("editMessageText", fields{"chat_id": ayu, "message_id": sent.ID, "text": "<b>tetap</b>", "parse_mode": "HTML"})
		require.ErrorContains(t, err, "message is not modified")

		found := must[sentFile](w, "getFile", fields{"file_id": fileID})
		_, body := w.download(token, found.Path, "")
		assert.Equal(t, "isi", string(body))

		again := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "lagi"})
		assert.Greater(t, again.ID, sent.ID)

		require.NoError(t, w.Reset(t.Context(), true))

		state, err := w.State(t.Context())
		require.NoError(t, err)
		assert.Empty(t, state.Chats)
		assert.Len(t, state.Users, 2)
	})

	require.NoError(t, os.WriteFile(filepath.Join(dir, "state.json"), []byte("{"), 0o600))

	_, err := telegram.New(telegram.Options{StateDir: dir})
	require.ErrorContains(t, err, "move the file away to start anew")
}

// TestStateWithoutClose holds that a simulator that is killed loses no more
// than the last moment.
func TestStateWithoutClose(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	w := started(t, telegram.Options{StateDir: dir})
	must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "sebelum mati"})

	require.Eventually(t, func() bool {
		data, err := os.ReadFile(filepath.Join(dir, "state.json"))

		return err == nil && bytes.Contains(data, []byte("sebelum mati"))
	}, 10*time.Second, 10*time.Millisecond)
}

func TestControlIsGuarded(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{Hosts: []string{"telegram.test"}})
	ask := func(change func(*http.Request)) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.address+"/control/users",
			strings.NewReader(`{"first_name":"X"}`))
		require.NoError(t, err)
		change(request)

		answer, err := w.client.Do(request)
		require.NoError(t, err)

		defer answer.Body.Close()

		return answer.StatusCode
	}

	assert.Equal(t, http.StatusOK, ask(func(*http.Request) {}))
	assert.Equal(t, http.StatusOK, ask(func(r *http.Request) { r.Host = "telegram.test:8081" }))
	assert.Equal(t, http.StatusForbidden, ask(func(r *http.Request) { r.Host = "evil.example" }))
	assert.Equal(t, http.StatusForbidden, ask(func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }))
	assert.Equal(t, http.StatusForbidden, ask(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
}

func TestEventsAreStreamed(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	state, err := w.State(t.Context())
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/control/events?after=%d", w.address, state.Seq), nil)
	require.NoError(t, err)
	answer, err := w.client.Do(request)
	require.NoError(t, err)

	defer answer.Body.Close()

	must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "langsung terlihat"})

	var seen bytes.Buffer

	part := make([]byte, 4096)
	for !strings.Contains(seen.String(), "langsung terlihat") {
		n, err := answer.Body.Read(part)
		require.NoError(t, err)
		seen.Write(part[:n])
	}

	assert.Contains(t, seen.String(), `"type":"message"`)
}

// FuzzRequest holds that no request, however broken, ends in a panic, an
// internal error or an answer that is no JSON.
func FuzzRequest(f *testing.F) {
	simulator, err := telegram.New(telegram.Options{})
	require.NoError(f, err)

	f.Cleanup(func() { assert.NoError(f, simulator.Close()) })

	server := httptest.NewServer(simulator)
	f.Cleanup(server.Close)

	own := control.New(server.URL)
	_, err = own.CreateBot(f.Context(), control.Bot{Token: token})
	require.NoError(f, err)
	_, err = own.CreateUser(f.Context(), control.User{ID: ayu, FirstName: "Ayu"})
	require.NoError(f, err)
	_, err = own.As(ayu, private).Start(f.Context(), "")
	require.NoError(f, err)
	server.Close()
	http.DefaultClient.CloseIdleConnections()

	f.Add("sendMessage", "application/json",
		[]byte(`{"chat_id":1001,"text":"x","reply_markup":{"inline_keyboard":[[{"text":"a","url":"x.y"}]]}}`))
	f.Add("sendDocument", "multipart/form-data; boundary=b",
		[]byte("--b\r\nContent-Disposition: form-data; name=chat_id\r\n\r\n1001\r\n"+
			"--b\r\nContent-Disposition: form-data; name=document; filename=a.txt\r\n\r\nx\r\n--b--\r\n"))
	f.Add("sendMediaGroup", "application/json", []byte(`{"chat_id":1001,"media":[{"type":"photo","media":"attach://a"},1]}`))
	f.Add("setMyCommands", "application/x-www-form-urlencoded",
		[]byte(`commands=[{"command":"a","description":"b"}]&scope={"type":"default"}`))
	f.Add("sendInvoice", "application/json",
		[]byte(`{"chat_id":1001,"title":"t",`+
			`"description":"d","payload":"p","currency":"XTR","prices":[{"label":"l","amount":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, method, contentType string, body []byte) {
		if strings.EqualFold(method, "getUpdates") || strings.EqualFold(method, "setWebhook") {
			return // They would wait, or call out.
		}

		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		request.URL.Path = "/bot" + token + "/" + method
		request.Header.Set("Content-Type", contentType)

		recorder := httptest.NewRecorder()
		simulator.ServeHTTP(recorder, request)

		if recorder.Code == http.StatusInternalServerError || !strings.HasPrefix(recorder.Body.String(), `{"ok":`) {
			t.Fatalf("%s %q answered %d %s", method, body, recorder.Code, recorder.Body)
		}
	})
}
