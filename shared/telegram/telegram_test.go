package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/secret/secrettest"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	token      = "1234567:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	otherToken = "7654321:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	demo       = "demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call is one request that the fake Bot API has got.
type call struct {
	path   string
	method string // of the Bot API
	params map[string]any
	file   []byte
	name   string
}

// server is a Bot API that answers as a test says.
type server struct {
	*httptest.Server

	mu     sync.Mutex
	calls  []call
	answer func(w http.ResponseWriter, r *http.Request, method string)
}

func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, method string)) *server {
	t.Helper()

	s := &server{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(s.handle))
	t.Cleanup(s.Close)

	return s
}

func (s *server) handle(w http.ResponseWriter, r *http.Request) {
	got := call{path: r.URL.Path, method: r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]}

	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType == "multipart/form-data" {
		got.params = map[string]any{}

		for parts := multipart.NewReader(r.Body, params["boundary"]); ; {
			part, err := parts.NextPart()
			if err != nil {
				break
			}

			body, _ := io.ReadAll(part)
			if part.FileName() != "" {
				got.name, got.file = part.FileName(), body
			} else {
				got.params[part.FormName()] = string(body)
			}
		}
	} else if body, _ := io.ReadAll(r.Body); len(body) > 0 {
		_ = json.Unmarshal(body, &got.params)
	}

	s.mu.Lock()
	s.calls = append(s.calls, got)
	s.mu.Unlock()

	s.answer(w, r, got.method)
}

func (s *server) got() []call {
	s.mu.Lock()
	defer s.mu.Unlock()

	return append([]call(nil), s.calls...)
}

func (s *server) client(t *testing.T) *telegram.Client {
	t.Helper()

	client, err := telegram.NewClient(s.URL, token)
	require.NoError(t, err)

	return client
}

func result(w http.ResponseWriter, json string) { fmt.Fprintf(w, `{"ok":true,"result":%s}`, json) }

func refuse(w http.ResponseWriter, code int, description string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"ok":false,"error_code":%d,"description":%q}`, code, description)
}

func aMessage(w http.ResponseWriter, _ *http.Request, _ string) {
	result(w, `{"message_id":77,"date":1,"chat":{"id":5,"type":"private"}}`)
}

func aText() message.Text {
	return message.Text{HTML: "<b>hi</b>", Buttons: [][]message.Button{{{Text: "Go", Data: "go:1"}}}}
}

func TestSendSaysItWithItsButtons(t *testing.T) {
	t.Parallel()

	s := serve(t, aMessage)

	number, err := s.client(t).Send(t.Context(), 5, aText())
	require.NoError(t, err)
	require.Equal(t, 77, number)

	got := s.got()[0]
	require.Equal(t, "/bot"+token+"/sendMessage", got.path)
	require.Equal(t, "<b>hi</b>", got.params["text"])
	require.Equal(t, "HTML", got.params["parse_mode"])
	require.InDelta(t, 5, got.params["chat_id"], 0)
	require.Equal(t, map[string]any{"inline_keyboard": []any{[]any{
		map[string]any{"text": "Go", "callback_data": "go:1"},
	}}}, got.params["reply_markup"])

	_, err = s.client(t).Send(t.Context(), 5, message.Text{HTML: "bare"})
	require.NoError(t, err)
	require.NotContains(t, s.got()[1].params, "reply_markup")
}

func TestEditDeleteAnswer(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, r *http.Request, method string) {
		if method == "editMessageText" {
			aMessage(w, r, method)
		} else {
			result(w, "true")
		}
	})
	client := s.client(t)

	require.NoError(t, client.Edit(t.Context(), 5, 77, message.Text{HTML: "new"}))
	require.NoError(t, client.Delete(t.Context(), 5, 77))
	require.NoError(t, client.Answer(t.Context(), "q1", "toast"))

	calls := s.got()
	require.NotContains(t, calls[0].params, "reply_markup", "an edit without buttons removes them")
	require.InDelta(t, 77, calls[1].params["message_id"], 0)
	require.Equal(t, "toast", calls[2].params["text"])
}

func TestWhatHasHappenedAlreadyIsFine(t *testing.T) {
	t.Parallel()

	words := map[string]string{
		"editMessageText": "Bad Request: message is not modified: specified new message content and reply markup are " +
			"exactly the same as a current content and reply markup of the message",
		"deleteMessage":       "Bad Request: message to delete not found",
		"answerCallbackQuery": "Bad Request: query is too old and response timeout expired or query ID is invalid",
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, method string) { refuse(w, 400, words[method]) })
	client := s.client(t)

	require.NoError(t, client.Edit(t.Context(), 5, 77, aText()))
	require.NoError(t, client.Delete(t.Context(), 5, 77))
	require.NoError(t, client.Answer(t.Context(), "q1", ""))
}

func TestErrorsHaveCodesAndNoToken(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		status int
		body   string
		code   errs.Code
	}{
		"blocked":       {403, `{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}`, errs.Unauthorized},
		"deactivated":   {403, `{"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"}`, errs.Unauthorized},
		"chat":          {400, `{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}`, errs.NotFound},
		"message":       {400, `{"ok":false,"error_code":400,"description":"Bad Request: message to edit not found"}`, errs.NotFound},
		"content":       {400, `{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"}`, errs.Invalid},
		"token":         {401, `{"ok":false,"error_code":401,"description":"Unauthorized"}`, errs.Internal},
		"unknown token": {404, `{"ok":false,"error_code":404,"description":"Not Found"}`, errs.Internal},
		"two pollers":   {409, `{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates"}`, errs.Conflict},
		"server":        {500, `{"ok":false,"error_code":500,"description":"Internal Server Error"}`, errs.Unavailable},
		"gateway":       {502, `<html>Bad Gateway</html>`, errs.Unavailable},
		"garbage":       {200, `{"ok":`, errs.Unavailable},
		"not ok":        {200, `{"ok":false}`, errs.Unavailable},
		"no message":    {200, `{"ok":true,"result":"what"}`, errs.Unavailable},
		"redirect":      {302, ``, errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
				w.Header().Set("Location", "http://"+r.Host+"/elsewhere")
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})

			_, err := s.client(t).Send(t.Context(), 5, aText())
			require.Equal(t, test.code, errs.CodeOf(err), "%v", err)
			require.Equal(t, test.status == 403, errors.Is(err, telegram.ErrBlocked))
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), token[8:])
			require.Len(t, s.got(), 1, "no redirect is followed, nothing is tried again")
		})
	}
}

func TestUnreachableSaysSoWithoutTheToken(t *testing.T) {
	t.Parallel()

	s := serve(t, aMessage)
	client := s.client(t)
	s.Close()

	_, err := client.Send(t.Context(), 5, aText())
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
	require.NotContains(t, err.Error(), token[8:])

	odd, err := telegram.NewClient("http://odd host", token)
	require.NoError(t, err)

	_, err = odd.Send(t.Context(), 5, aText())
	require.Error(t, err)
	require.NotContains(t, err.Error(), token[8:])
}

func TestCancelledCallEndsAtOnce(t *testing.T) {
	t.Parallel()

	arrived, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request, string) {
		close(arrived)
		<-release
	})
	client := s.client(t)

	ctx, cancel := context.WithCancel(t.Context())

	go func() {
		<-arrived
		cancel()
	}()

	_, err := client.Send(ctx, 5, aText())
	close(release)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}

func flood(seconds, times int) func(w http.ResponseWriter, r *http.Request, method string) {
	var (
		mu   sync.Mutex
		seen int
	)

	return func(w http.ResponseWriter, r *http.Request, method string) {
		mu.Lock()
		seen++
		now := seen
		mu.Unlock()

		if now > times {
			aMessage(w, r, method)

			return
		}

		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprintf(w, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after %d",`+
			`"parameters":{"retry_after":%d}}`, seconds, seconds)
	}
}

func TestAShortWaitIsObeyed(t *testing.T) {
	t.Parallel()

	s := serve(t, flood(1, 1))
	started := time.Now()

	number, err := s.client(t).Send(t.Context(), 5, aText())
	require.NoError(t, err)
	require.Equal(t, 77, number)
	require.GreaterOrEqual(t, time.Since(started), time.Second)

	s = serve(t, flood(1, 1))
	content := strings.NewReader("what was said")

	require.NoError(t, s.client(t).SendDocument(t.Context(), 5, "a.txt", content, message.Text{}))

	for _, got := range s.got() {
		require.Equal(t, "what was said", string(got.file), "the second try sends all of it again")
	}
}

func TestALongWaitIsTheCallersMatter(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		seconds int
		timeout time.Duration
	}{
		"longer than patience":  {seconds: 40, timeout: time.Minute},
		"longer than there is":  {seconds: 2, timeout: time.Second},
		"told without a number": {seconds: 0, timeout: 500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := serve(t, flood(test.seconds, 9))
			ctx, cancel := context.WithTimeout(t.Context(), test.timeout)
			defer cancel()

			_, err := s.client(t).Send(ctx, 5, aText())
			require.Equal(t, errs.Limited, errs.CodeOf(err))
			require.Equal(t, time.Duration(max(test.seconds, 1))*time.Second, errs.RetryAfter(err))
			require.Len(t, s.got(), 1)
		})
	}
}

func TestAStreamThatCannotBeRewoundIsSentOnce(t *testing.T) {
	t.Parallel()

	s := serve(t, flood(1, 1))

	err := s.client(t).SendDocument(t.Context(), 5, "a.txt", io.MultiReader(strings.NewReader("x")), message.Text{})
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Len(t, s.got(), 1)
}

func TestSendDocument(t *testing.T) {
	t.Parallel()

	s := serve(t, aMessage)

	err := s.client(t).SendDocument(t.Context(), 5, "../ra\"pat.srt", bytes.NewReader([]byte("1\n")), aText())
	require.NoError(t, err)

	got := s.got()[0]
	require.Equal(t, "sendDocument", got.method)
	require.Equal(t, "_ra_pat.srt", got.name)
	require.Equal(t, "1\n", string(got.file))
	require.Equal(t, "<b>hi</b>", got.params["caption"])
	require.Contains(t, got.params["reply_markup"], "go:1")
}

// broken is content that cannot be read to its end.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestSendDocumentSaysThatItsContentBrokeOff(t *testing.T) {
	t.Parallel()

	s := serve(t, aMessage)

	err := s.client(t).SendDocument(t.Context(), 5, "a.txt", broken{}, message.Text{})
	require.ErrorContains(t, err, "the disk is gone")
}

func file(content string, size int) func(w http.ResponseWriter, r *http.Request, method string) {
	return func(w http.ResponseWriter, r *http.Request, method string) {
		if method == "getFile" {
			result(w, fmt.Sprintf(`{"file_id":"f","file_unique_id":"u","file_size":%d,"file_path":"voice/file_1.oga"}`, size))

			return
		}

		if r.URL.Path != "/file/bot"+token+"/voice/file_1.oga" || r.Method != http.MethodGet {
			w.WriteHeader(http.StatusTeapot)
		}

		_, _ = io.WriteString(w, content)
	}
}

func TestOpenStreamsAFile(t *testing.T) {
	t.Parallel()

	s := serve(t, file("OggS…", 7))

	content, size, err := s.client(t).Open(t.Context(), "f", 0)
	require.NoError(t, err)
	require.EqualValues(t, 7, size)

	all, err := io.ReadAll(content)
	require.NoError(t, err)
	require.Equal(t, "OggS…", string(all))
	require.NoError(t, content.Close())
}

func TestOpenTellsThePersonWhatTelegramWillNeverGive(t *testing.T) {
	t.Parallel()

	for words, key := range map[string]string{
		"Bad Request: file is too big":                                        "error.too_big",
		"Bad Request: wrong file_id or the file is temporarily unavailable":   "error.file_gone",
		"Bad Request: invalid file_id":                                        "error.file_gone",
		"Bad Request: wrong remote file identifier specified: wrong padding.": "error.file_gone",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) { refuse(w, 400, words) })

		_, _, err := s.client(t).Open(t.Context(), "f", 0)
		require.Equal(t, errs.Invalid, errs.CodeOf(err))

		told, _, ok := errs.Sentence(err)
		require.True(t, ok)
		require.Equal(t, key, told)
	}
}

func TestOpenFailsForNowWhereALinkGivesNothing(t *testing.T) {
	t.Parallel()

	for status, code := range map[int]errs.Code{
		404: errs.Unavailable, 302: errs.Unavailable, 500: errs.Unavailable, 429: errs.Limited,
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, method string) {
			if method == "getFile" {
				file("", 7)(w, r, method)

				return
			}

			w.Header().Set("Retry-After", "9")
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})

		_, _, err := s.client(t).Open(t.Context(), "f", 0)
		require.Equal(t, code, errs.CodeOf(err), "%d", status)
		require.NotContains(t, err.Error(), token[8:])

		if status == 429 {
			require.Equal(t, 9*time.Second, errs.RetryAfter(err))
		}
	}

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		result(w, `{"file_id":"f","file_unique_id":"u"}`)
	})
	_, _, err := s.client(t).Open(t.Context(), "f", 0)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
}

func TestAFileThatBreaksOffIsAnErrorWithoutTheToken(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, r *http.Request, method string) {
		if method == "getFile" {
			file("", 1000)(w, r, method)

			return
		}

		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()

		panic(http.ErrAbortHandler)
	})

	content, _, err := s.client(t).Open(t.Context(), "f", 0)
	require.NoError(t, err)

	defer content.Close()

	_, err = io.ReadAll(content)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
	require.NotContains(t, err.Error(), token[8:])
}

// stuck is a body that brings nothing until it is given up.
type stuck struct{ given context.Context }

func (s stuck) Read([]byte) (int, error) {
	<-s.given.Done()

	return 0, s.given.Err()
}

func (stuck) Close() error { return nil }

func TestAFileThatStopsComingIsGivenUp(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		content := telegram.NewDownload(stuck{ctx}, cancel)
		started := time.Now()

		_, err := content.Read(make([]byte, 1))
		require.Equal(t, errs.Unavailable, errs.CodeOf(err))
		require.ErrorContains(t, err, "nothing came for 30s")
		require.Equal(t, 30*time.Second, time.Since(started))
		require.NoError(t, content.Close())
	})
}

func TestSetup(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, method string) {
		switch method {
		case "getMe":
			result(w, `{"id":1234567,"is_bot":true,"first_name":"Kopi","username":"kopi_bot"}`)
		case "getWebhookInfo":
			result(w, `{"url":"https://x/telegram/demo","has_custom_certificate":false,"pending_update_count":3,`+
				`"last_error_date":1795246800,"last_error_message":"Connection refused"}`)
		default:
			result(w, "true")
		}
	})
	client := s.client(t)

	me, err := client.Me(t.Context())
	require.NoError(t, err)
	require.Equal(t, telegram.Profile{ID: 1234567, Name: "Kopi", Username: "kopi_bot"}, me)

	require.NoError(t, client.SetWebhook(t.Context(), telegram.Webhook{
		URL: "https://x/telegram/demo", Secret: "s3cret", MaxConnections: 40, Updates: []string{"message"},
	}))
	require.NoError(t, client.SetCommands(t.Context(), "id", []telegram.Command{{Name: "help", Text: "Cara pakai"}}))
	require.NoError(t, client.DeleteWebhook(t.Context()))

	state, err := client.Webhook(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, state.Pending)
	require.Equal(t, "Connection refused", state.LastError)
	require.Equal(t, time.Unix(1795246800, 0).UTC(), state.FailedAt)

	calls := s.got()
	require.Equal(t, "s3cret", calls[1].params["secret_token"])
	require.Equal(t, []any{map[string]any{"command": "help", "description": "Cara pakai"}}, calls[2].params["commands"])
}

func TestSetupSaysThatATokenIsNotValid(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) { refuse(w, 401, "Unauthorized") })

	_, err := s.client(t).Me(t.Context())
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))
	require.ErrorContains(t, err, "set the right one")

	_, err = s.client(t).Webhook(t.Context())
	require.Equal(t, errs.Unauthorized, errs.CodeOf(err))

	_, err = telegram.NewClient(s.URL, "123:short")
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	require.NotContains(t, err.Error(), "short")
}

func TestBotsSpeakForTheirStoreWithItsToken(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, r *http.Request, method string) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/file/"), method == "getFile":
			file("x", 1)(w, r, method)
		case method == "getWebhookInfo":
			result(w, `{"url":"","has_custom_certificate":false,"pending_update_count":0}`)
		case method == "deleteMessage", method == "answerCallbackQuery":
			result(w, "true")
		default:
			aMessage(w, r, method)
		}
	})
	vault := memory.New(clock.System{}, fault.None{})
	bots := telegram.NewBots(vault, s.URL)
	ctx, here := t.Context(), message.Address{Store: demo, Chat: 5, Message: 77}

	all := func() []error {
		_, sent := bots.Send(ctx, here, aText())
		content, _, opened := bots.Open(ctx, transcript.FileRef{Store: demo, FileID: "f"}, 0)

		if opened == nil {
			opened = content.Close()
		}

		_, asked := bots.Webhook(ctx, demo)

		return []error{
			sent, opened, asked, bots.Edit(ctx, here, aText()), bots.Delete(ctx, here), bots.Answer(ctx, demo, "q", ""),
			bots.SendDocument(ctx, here, "a.txt", "text/plain", strings.NewReader("x"), aText()),
		}
	}

	for _, err := range all() {
		require.Equal(t, errs.Internal, errs.CodeOf(err), "a store without a token: no message is gone for that")
		require.ErrorContains(t, err, demo)
	}

	require.NoError(t, vault.Rotate(ctx, store.TokenName(demo), token))

	for _, err := range all() {
		require.NoError(t, err)
	}

	for _, got := range s.got() {
		require.Contains(t, got.path, token)
	}

	require.NoError(t, vault.Rotate(ctx, store.TokenName(demo), otherToken))

	_, err := bots.Send(ctx, here, aText())
	require.NoError(t, err)

	calls := s.got()
	require.Contains(t, calls[len(calls)-1].path, otherToken, "a rotated token counts at once")

	require.NoError(t, vault.Rotate(ctx, store.TokenName(demo), secret.Value("no token")))

	_, err = bots.Client(ctx, demo)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))
	require.NotContains(t, err.Error(), "no token")
}

// Telegram forgets a token at the moment in which BotFather makes the next one,
// and functions remember tokens for minutes: the call goes through all the same.
func TestATokenThatWasReplacedIsReadAnew(t *testing.T) {
	t.Parallel()

	valid := token

	s := serve(t, func(w http.ResponseWriter, r *http.Request, method string) {
		if !strings.Contains(r.URL.Path, valid) {
			refuse(w, http.StatusUnauthorized, "Unauthorized")

			return
		}

		aMessage(w, r, method)
	})
	vault := secrettest.NewRemembering(memory.New(clock.System{}, fault.None{}))
	bots := telegram.NewBots(vault, s.URL)
	ctx, here := t.Context(), message.Address{Store: demo, Chat: 5}
	send := func() error {
		_, err := bots.Send(ctx, here, aText())

		return err
	}

	require.NoError(t, vault.Rotate(ctx, store.TokenName(demo), token))
	require.NoError(t, send())

	// Revoked, and the operator has not set the new one yet.
	valid = otherToken
	err := send()
	require.Equal(t, errs.Internal, errs.CodeOf(err), "it waits and is tried again")
	require.NotContains(t, err.Error(), token)

	require.NoError(t, vault.Rotate(ctx, store.TokenName(demo), otherToken))

	require.Error(t, send(), "the vault was asked a moment ago")
	require.Equal(t, 1, vault.Asked, "and is spared")

	again := telegram.NewBots(vault, s.URL)
	_, err = again.Send(ctx, here, aText())
	require.NoError(t, err, "a function that remembers the old token reads the new one, and the call is made again")

	vault.Forget()
	require.NoError(t, send())
}

func TestShopMessages(t *testing.T) {
	t.Parallel()

	s := serve(t, aMessage)
	client := s.client(t)

	number, err := client.SendPhoto(t.Context(), 5, message.Photo{Content: []byte("PNG"), Caption: aText()})
	require.NoError(t, err)
	require.Equal(t, 77, number)

	number, err = client.SendPhoto(t.Context(), 5, message.Photo{FileID: "photo-1"})
	require.NoError(t, err)
	require.Equal(t, 77, number)

	number, err = client.SendFile(t.Context(), 5, message.Document{FileID: "file-1", Caption: aText()})
	require.NoError(t, err)
	require.Equal(t, 77, number)

	require.NoError(t, client.EditCaption(t.Context(), 5, 77, aText()))

	invoice := message.StarsInvoice{Title: "Netflix", Description: "1 month", Payload: "LP-1-5", Stars: 150}
	_, err = client.SendInvoice(t.Context(), 5, invoice)
	require.NoError(t, err)

	invoice.Pay, invoice.Buttons = "Pay", aText().Buttons
	_, err = client.SendInvoice(t.Context(), 5, invoice)
	require.NoError(t, err)

	calls := s.got()
	require.Len(t, calls, 6)
	require.Equal(t, "sendPhoto", calls[0].method)
	require.Equal(t, []byte("PNG"), calls[0].file)
	require.Equal(t, "<b>hi</b>", calls[0].params["caption"])
	require.Contains(t, calls[0].params["reply_markup"], "go:1")
	require.Equal(t, "photo-1", calls[1].params["photo"])
	require.Equal(t, "file-1", calls[2].params["document"])
	require.Equal(t, "editMessageCaption", calls[3].method)
	require.Equal(t, "XTR", calls[4].params["currency"])
	require.Equal(t, "LP-1-5", calls[4].params["payload"])
	require.NotContains(t, calls[4].params, "reply_markup")

	keyboard, err := json.Marshal(calls[5].params["reply_markup"])
	require.NoError(t, err)
	require.JSONEq(t,
		`{"inline_keyboard":[[{"text":"Pay","pay":true}],[{"text":"Go","callback_data":"go:1"}]]}`, string(keyboard))
}

func TestACaptionThatSaysSoAlreadyIsFine(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		refuse(w, http.StatusBadRequest, "Bad Request: message is not modified")
	})
	require.NoError(t, s.client(t).EditCaption(t.Context(), 5, 77, aText()))
}

func TestStarsAreGivenBackOnce(t *testing.T) {
	t.Parallel()

	answers := make(chan string, 2)
	answers <- "Bad Request: CHARGE_ALREADY_REFUNDED"
	answers <- "Bad Request: CHARGE_ID_INVALID"

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) { refuse(w, http.StatusBadRequest, <-answers) })
	client := s.client(t)

	require.NoError(t, client.RefundStars(t.Context(), 5, "charge-1"))
	require.Equal(t, errs.Invalid, errs.CodeOf(client.RefundStars(t.Context(), 5, "charge-2")))
	require.Equal(t, "charge-2", s.got()[1].params["telegram_payment_charge_id"])
}
