package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/description"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token   = "123:secret"
	botID   = 123
	ayu     = 1001
	budi    = 1002
	private = botID
)

// world is a simulator with a bot and two people.
type world struct {
	*control.Client

	t       *testing.T
	address string
	server  *httptest.Server
	table   *description.Table
	client  *http.Client
}

// start starts a simulator whose every answer is held against the description
// of the Bot API.
func start(t *testing.T, opts telegram.Options) *world {
	t.Helper()

	simulator, err := telegram.New(opts)
	require.NoError(t, err)

	table, err := description.Load()
	require.NoError(t, err)

	server := httptest.NewServer(described(t, table, simulator))
	client := &http.Client{Transport: &http.Transport{}}
	w := &world{Client: control.New(server.URL), t: t, address: server.URL, server: server, table: table, client: client}

	t.Cleanup(func() {
		client.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	_, err = w.CreateBot(t.Context(), control.Bot{Token: token, FirstName: "Lapak", Username: "lapak_bot"})
	require.NoError(t, err)

	for id, name := range map[int64]string{ayu: "Ayu", budi: "Budi"} {
		_, err := w.CreateUser(t.Context(), control.User{ID: id, FirstName: name, Username: strings.ToLower(name), LanguageCode: "id"})
		require.NoError(t, err)
	}

	return w
}

// described checks every answer of the Bot API on its way out.
func described(t *testing.T, table *description.Table, next http.Handler) http.Handler {
	t.Helper()

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/bot") {
			next.ServeHTTP(w, r)

			return
		}

		recorder := httptest.NewRecorder()
		next.ServeHTTP(recorder, r)
		checkAnswer(t, table, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], recorder)

		maps.Copy(w.Header(), recorder.Header())

		w.WriteHeader(recorder.Code)

		if _, err := w.Write(recorder.Body.Bytes()); err != nil {
			t.Logf("the caller is gone: %v", err)
		}
	})
}

func checkAnswer(t *testing.T, table *description.Table, method string, recorder *httptest.ResponseRecorder) {
	t.Helper()

	var answer struct {
		OK          bool   `json:"ok"`
		Result      any    `json:"result"`
		ErrorCode   int    `json:"error_code"`
		Description string `json:"description"`
		Parameters  any    `json:"parameters"`
	}

	decoder := json.NewDecoder(bytes.NewReader(recorder.Body.Bytes()))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()

	if decoder.Decode(&answer) != nil {
		return // A fault on purpose; the test that asked for it looks itself.
	}

	if !answer.OK {
		assert.Equal(t, recorder.Code, answer.ErrorCode)
		assert.NotEmpty(t, answer.Description)

		if answer.Parameters != nil {
			assert.Empty(t, table.Check("ResponseParameters", answer.Parameters))
		}

		return
	}

	assert.Equal(t, http.StatusOK, recorder.Code)

	name, _ := table.Exists(method)
	assert.Empty(t, table.CheckMethodResult(name, answer.Result), "%s answered %s", name, recorder.Body)
}

// fields are the parameters of a call.
type fields map[string]any

// call calls a method and returns its result, or its error.
func (w *world) call(method string, params fields) (json.RawMessage, error) {
	w.t.Helper()

	return w.callAs(token, method, params)
}

// apiError is an error answer.
type apiError struct {
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	Parameters  struct {
		RetryAfter int `json:"retry_after"`
	} `json:"parameters"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Description) }

func (w *world) callAs(token, method string, params fields) (json.RawMessage, error) {
	w.t.Helper()

	body, err := json.Marshal(params)
	require.NoError(w.t, err)

	return w.post("/bot"+token+"/"+method, "application/json", bytes.NewReader(body))
}

func (w *world) post(path, contentType string, body io.Reader) (json.RawMessage, error) {
	w.t.Helper()

	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.address+path, body)
	require.NoError(w.t, err)
	request.Header.Set("Content-Type", contentType)

	answer, err := w.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()

	return readAnswer(answer)
}

func readAnswer(answer *http.Response) (json.RawMessage, error) {
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}

	var decoded struct {
		apiError

		OK     bool            `json:"ok"`
		Result json.RawMessage `json:"result"`
	}
	if err := json.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("decode %q: %w", data, err)
	}

	if !decoded.OK {
		return nil, &decoded.apiError
	}

	return decoded.Result, nil
}

// must calls a method that must succeed and decodes its result.
func must[T any](w *world, method string, params fields) T {
	w.t.Helper()

	result, err := w.call(method, params)
	require.NoError(w.t, err)

	return decode[T](w.t, result)
}

func decode[T any](t *testing.T, raw json.RawMessage) T {
	t.Helper()

	var value T

	require.NoError(t, json.Unmarshal(raw, &value))

	return value
}

// upload calls a method with files as multipart.
func (w *world) upload(method string, params map[string]string, files map[string][]byte) (json.RawMessage, error) {
	w.t.Helper()

	var body bytes.Buffer

	form := multipart.NewWriter(&body)
	for name, value := range params {
		require.NoError(w.t, form.WriteField(name, value))
	}

	for name, content := range files {
		part, err := form.CreateFormFile(name, name+".bin")
		require.NoError(w.t, err)

		_, err = part.Write(content)
		require.NoError(w.t, err)
	}

	require.NoError(w.t, form.Close())

	return w.post("/bot"+token+"/"+method, form.FormDataContentType(), &body)
}

func (w *world) ayu() control.Person  { return w.As(ayu, private) }
func (w *world) budi() control.Person { return w.As(budi, private) }

// started is a world where the people have started the bot.
func started(t *testing.T, opts telegram.Options) *world {
	t.Helper()

	w := start(t, opts)

	for _, person := range []control.Person{w.ayu(), w.budi()} {
		_, err := person.Start(t.Context(), "")
		require.NoError(t, err)
	}

	return w
}

// message is what tests read of a Message.
type message struct {
	ID       int64  `json:"message_id"`
	Text     string `json:"text"`
	Caption  string `json:"caption"`
	Edited   int64  `json:"edit_date"`
	Group    string `json:"media_group_id"`
	Document struct {
		FileID   string `json:"file_id"`
		UniqueID string `json:"file_unique_id"`
		Name     string `json:"file_name"`
	} `json:"document"`
	Reply  *message `json:"reply_to_message"`
	Markup any      `json:"reply_markup"`
}

// update is what tests read of an Update.
type update struct {
	ID       int64    `json:"update_id"`
	Message  *message `json:"message"`
	Edited   *message `json:"edited_message"`
	Callback *struct {
		ID   string `json:"id"`
		Data string `json:"data"`
	} `json:"callback_query"`
	Checkout *struct {
		ID      string `json:"id"`
		Total   int64  `json:"total_amount"`
		Payload string `json:"invoice_payload"`
	} `json:"pre_checkout_query"`
	Shipping *struct {
		ID string `json:"id"`
	} `json:"shipping_query"`
	MyMember *struct {
		New struct {
			Status string `json:"status"`
		} `json:"new_chat_member"`
	} `json:"my_chat_member"`
	Reaction *struct {
		MessageID int64 `json:"message_id"`
	} `json:"message_reaction"`
}

// updates takes what is there and confirms it.
func (w *world) updates() []update {
	w.t.Helper()

	got := must[[]update](w, "getUpdates", fields{"allowed_updates": []string{
		"message", "edited_message", "callback_query", "pre_checkout_query", "shipping_query", "my_chat_member", "message_reaction",
	}})
	if len(got) > 0 {
		must[[]update](w, "getUpdates", fields{"offset": got[len(got)-1].ID + 1, "limit": 1})
	}

	return got
}

func TestEveryMethodAnswers(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})

	for _, method := range description.Names() {
		_, err := w.call(method, nil)

		var refused *apiError
		if err != nil {
			require.ErrorAs(t, err, &refused, method)
			assert.NotEqual(t, http.StatusNotFound, refused.Code, method)
			assert.NotEqual(t, http.StatusInternalServerError, refused.Code, "%s: %v", method, err)
		}
	}
}

func TestWaysToCall(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})

	query := url.Values{"chat_id": {"1001"}, "text": {"by query"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.address+"/bot"+token+"/sendMessage?"+query.Encode(), nil)
	require.NoError(t, err)
	get, err := w.client.Do(request)
	require.NoError(t, err)

	defer get.Body.Close()

	_, err = readAnswer(get)
	require.NoError(t, err)

	form := url.Values{
		"chat_id": {"1001"}, "text": {"by form"}, "disable_notification": {"true"},
		"reply_markup": {`{"inline_keyboard":[[{"text":"A","callback_data":"a"}]]}`},
	}
	_, err = w.post("/bot"+token+"/SENDMESSAGE", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	require.NoError(t, err)

	_, err = w.upload("sendMessage", map[string]string{"chat_id": "1001", "text": "by multipart"}, nil)
	require.NoError(t, err)

	// JSON may hold objects, or objects written as text.
	must[message](w, "sendMessage", fields{
		"chat_id": "1001", "text": "by JSON", "reply_markup": `{"inline_keyboard":[[{"text":"A","callback_data":"a"}]]}`, "entities": nil,
	})

	seen, err := w.ayu().Messages(t.Context(), 0)
	require.NoError(t, err)

	var texts []string
	for _, m := range seen {
		texts = append(texts, m.Text)
	}

	assert.Equal(t, []string{"/start", "by query", "by form", "by multipart", "by JSON"}, texts)
	assert.Equal(t, "a", seen[4].Buttons[0][0].CallbackData)
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{Limits: &control.Limits{}})
	sent := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "hello"})
	photo := decode[message](t, mustUpload(w, "sendDocument", map[string]string{"chat_id": "1001"},
		map[string][]byte{"document": []byte("x")}))
	start := must[[]update](w, "getUpdates", nil)[0].Message.ID
	button := func(b fields) fields { return fields{"inline_keyboard": [][]fields{{b}}} }
	long := strings.Repeat("a", 1025)

	require.NoError(t, w.budi().Block(t.Context(), true))

	tests := []struct {
		name, method string
		params       fields
		code         int
		text         string
	}{
		{"no chat", "sendMessage", fields{"text": "x"}, 400, "Bad Request: chat_id is empty"},
		{"unknown chat", "sendMessage", fields{"chat_id": 99, "text": "x"}, 400, "Bad Request: chat not found"},
		{"unknown name", "sendMessage", fields{"chat_id": "@nobody", "text": "x"}, 400, "Bad Request: chat not found"},
		{"blocked", "sendMessage", fields{"chat_id": budi, "text": "x"}, 403, "Forbidden: bot was blocked by the user"},
		{"no text", "sendMessage", fields{"chat_id": ayu}, 400, "Bad Request: message text is empty"},
		{"blank text", "sendMessage", fields{"chat_id": ayu, "text": " \n"}, 400, "Bad Request: message text is empty"},
		{"long text", "sendMessage", fields{"chat_id": ayu, "text": strings.Repeat("👋", 2049)}, 400, "Bad Request: message is too long"},
		{
			"bad HTML", "sendMessage",
			fields{"chat_id": ayu, "text": "<b>x", "parse_mode": "HTML"},
			400,
			`Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`,
		},
		{
			"wrong type", "sendMessage",
			fields{"chat_id": ayu, "text": []int{1}},
			400,
			"Bad Request: can't parse text: text is []interface {} [1], must be String",
		},
		{
			"no reply", "sendMessage",
			fields{"chat_id": ayu, "text": "x", "reply_parameters": fields{"message_id": 999}},
			400,
			"Bad Request: message to be replied not found",
		},
		{
			"long data", "sendMessage",
			fields{
				"chat_id": ayu, "text": "x",
				"reply_markup": button(fields{"text": "A", "callback_data": strings.Repeat("x", 65)}),
			},
			400,
			"Bad Request: BUTTON_DATA_INVALID",
		},
		{
			"no action", "sendMessage",
			fields{"chat_id": ayu, "text": "x", "reply_markup": button(fields{"text": "A"})},
			400,
			"Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
		},
		{
			"no button text", "sendMessage",
			fields{"chat_id": ayu, "text": "x", "reply_markup": button(fields{"callback_data": "a"})},
			400,
			"Bad Request: can't parse reply keyboard markup JSON object: reply_markup.inline_keyboard[0][0].text is missing",
		},
		{
			"not modified", "editMessageText",
			fields{"chat_id": ayu, "message_id": sent.ID, "text": "hello"},
			400,
			"Bad Request: message is not modified: specified new message content and reply markup are " +
				"exactly the same as a current content and reply markup of the message",
		},
		{
			"edit nothing", "editMessageText",
			fields{"chat_id": ayu, "message_id": 999, "text": "x"},
			400,
			"Bad Request: message to edit not found",
		},
		{"edit no id", "editMessageText", fields{"chat_id": ayu, "text": "x"}, 400, "Bad Request: message identifier is not specified"},
		{
			"edit theirs", "editMessageText",
			fields{"chat_id": ayu, "message_id": start, "text": "x"},
			400,
			"Bad Request: message can't be edited",
		},
		{
			"edit no text", "editMessageText",
			fields{"chat_id": ayu, "message_id": photo.ID, "text": "x"},
			400,
			"Bad Request: there is no text in the message to edit",
		},
		{
			"edit no caption", "editMessageCaption",
			fields{"chat_id": ayu, "message_id": sent.ID, "caption": "x"},
			400,
			"Bad Request: there is no caption in the message to edit",
		},
		{
			"long caption", "editMessageCaption",
			fields{"chat_id": ayu, "message_id": photo.ID, "caption": long},
			400,
			"Bad Request: message caption is too long",
		},
		{"delete nothing", "deleteMessage", fields{"chat_id": ayu, "message_id": 999}, 400, "Bad Request: message to delete not found"},
		{
			"copy nothing", "copyMessage",
			fields{"chat_id": ayu, "from_chat_id": ayu, "message_id": 999},
			400,
			"Bad Request: message to copy not found",
		},
		{"no photo", "sendPhoto", fields{"chat_id": ayu}, 400, "Bad Request: there is no photo in the request"},
		{
			"wrong file", "sendDocument",
			fields{"chat_id": ayu, "document": "nonsense"},
			400,
			"Bad Request: wrong file identifier/HTTP URL specified",
		},
		{
			"wrong kind", "sendVoice",
			fields{"chat_id": ayu, "voice": photo.Document.FileID},
			400,
			"Bad Request: can't use file of type Document as VoiceNote",
		},
		{
			"file elsewhere", "sendDocument",
			fields{"chat_id": ayu, "document": "http://192.0.2.1/x"},
			400,
			"Bad Request: failed to get HTTP URL content",
		},
		{"unknown file", "getFile", fields{"file_id": "AAAA"}, 400, "Bad Request: wrong file_id or the file is temporarily unavailable"},
		{
			"old query", "answerCallbackQuery",
			fields{"callback_query_id": "1"},
			400,
			"Bad Request: query is too old and response timeout expired or query ID is invalid",
		},
		{
			"one of a group", "sendMediaGroup",
			fields{"chat_id": ayu, "media": []fields{{"type": "photo", "media": "x"}}},
			400,
			"Bad Request: wrong number of media in the request: must be 2-10",
		},
		{
			"wrong action", "sendChatAction",
			fields{"chat_id": ayu, "action": "dancing"},
			400,
			"Bad Request: wrong parameter action in request",
		},
		{
			"bad command", "setMyCommands",
			fields{"commands": []fields{{"command": "Öl", "description": "x"}}},
			400,
			"Bad Request: BOT_COMMAND_INVALID",
		},
		{
			"bad secret", "setWebhook",
			fields{"url": "https://127.0.0.1", "secret_token": "a b"},
			400,
			"Bad Request: secret token contains unallowed characters",
		},
		{
			"bad address", "setWebhook",
			fields{"url": "ftp://127.0.0.1"},
			400,
			"Bad Request: bad webhook: An HTTPS URL must be provided for webhook",
		},
		{
			"stars by two prices", "sendInvoice",
			fields{
				"chat_id": ayu, "title": "t", "description": "d", "payload": "p", "currency": "XTR",
				"prices": []fields{{"label": "a", "amount": 1}, {"label": "b", "amount": 1}},
			},
			400, "Bad Request: STARS_INVOICE_INVALID",
		},
		{"not simulated", "sendPoll", nil, 404, "Not Found: the simulator does not have the method sendPoll"},
		{"no method", "sendNothing", nil, 404, "Not Found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()

			_, err := w.call(test.method, test.params)
			require.EqualError(t, err, fmt.Sprintf("%d %s", test.code, test.text))
		})
	}

	for given, want := range map[string]string{"123:wrong": "401 Unauthorized", "1:x": "401 Unauthorized", "nonsense": "404 Not Found"} {
		_, err := w.callAs(given, "getMe", nil)
		assert.EqualError(t, err, want)
	}
}

func mustUpload(w *world, method string, params map[string]string, files map[string][]byte) json.RawMessage {
	w.t.Helper()

	result, err := w.upload(method, params, files)
	require.NoError(w.t, err)

	return result
}

func TestBotCannotWriteFirst(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})

	_, err := w.call("sendMessage", fields{"chat_id": ayu, "text": "x"})
	require.EqualError(t, err, "400 Bad Request: chat not found")

	_, err = w.CreateGroup(t.Context(), control.Group{Title: "g", Members: map[int64]string{ayu: "creator", botID: "member"}})
	require.NoError(t, err)

	_, err = w.call("sendMessage", fields{"chat_id": ayu, "text": "x"})
	require.EqualError(t, err, "403 Forbidden: bot can't initiate conversation with a user")

	_, err = w.ayu().Start(t.Context(), "promo")
	require.NoError(t, err)
	must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "x"})
}

func TestStrictAndUnknownParameters(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "x", "colour": "red"})

	calls, err := w.Calls(t.Context(), botID, "sendMessage", 0)
	require.NoError(t, err)
	require.Len(t, calls, 1)
	assert.Equal(t, []string{"colour is not a parameter of sendMessage"}, calls[0].Problems)

	strict := started(t, telegram.Options{Strict: true})
	_, err = strict.call("sendMessage", fields{"chat_id": ayu, "text": "x", "colour": "red"})
	require.EqualError(t, err, "400 Bad Request: colour is not a parameter of sendMessage")
}

func TestEditKeepsHistoryAndDropsKeyboard(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	keyboard := fields{"inline_keyboard": [][]fields{{{"text": "A", "callback_data": "a"}}}}
	sent := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "one", "reply_markup": keyboard})

	first, err := w.ayu().Wait(t.Context(), control.Condition{Text: "one", Button: "a"})
	require.NoError(t, err)

	edited := must[message](w, "editMessageText", fields{"chat_id": ayu, "message_id": sent.ID, "text": "<i>two</i>", "parse_mode": "HTML"})
	assert.Equal(t, "two", edited.Text)
	assert.NotZero(t, edited.Edited)
	assert.Nil(t, edited.Markup)

	// The keyboard that went away cannot be pressed any more.
	_, err = w.ayu().Press(t.Context(), sent.ID, "a", 0)
	require.ErrorContains(t, err, "has no such button now")

	must[message](w, "editMessageReplyMarkup", fields{"chat_id": ayu, "message_id": sent.ID, "reply_markup": keyboard})

	// A version that was seen only for a moment is found all the same.
	second, err := w.ayu().Wait(t.Context(), control.Condition{After: first.Seq, Edited: true})
	require.NoError(t, err)
	assert.Equal(t, "two", second.Text)
	assert.Empty(t, second.Buttons)

	third, err := w.ayu().Wait(t.Context(), control.Condition{After: second.Seq, Button: "A"})
	require.NoError(t, err)
	assert.Len(t, third.History, 2)

	must[bool](w, "deleteMessage", fields{"chat_id": ayu, "message_id": sent.ID})
	_, err = w.ayu().Wait(t.Context(), control.Condition{MessageID: sent.ID, Deleted: true})
	require.NoError(t, err)
}

func TestWaitSaysWhatIsThere(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})

	_, err := w.ayu().Wait(t.Context(), control.Condition{Text: "never", Timeout: 20 * time.Millisecond})

	var refused *control.Error

	require.ErrorAs(t, err, &refused)
	assert.Equal(t, http.StatusRequestTimeout, refused.Status)
	assert.Contains(t, refused.Text, `"/start"`)
}

func TestCopyAndForward(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	sent := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "goods"})
	secret := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "secret", "protect_content": true})

	copied := must[message](w, "copyMessage", fields{"chat_id": budi, "from_chat_id": ayu, "message_id": sent.ID})
	forwarded := must[message](w, "forwardMessage", fields{"chat_id": budi, "from_chat_id": ayu, "message_id": sent.ID})
	assert.NotEqual(t, copied.ID, forwarded.ID)

	several := must[[]message](w, "copyMessages",
		fields{"chat_id": budi, "from_chat_id": ayu, "message_ids": []int64{sent.ID, 999, secret.ID}})
	assert.Len(t, several, 1)

	_, err := w.call("forwardMessage", fields{"chat_id": budi, "from_chat_id": ayu, "message_id": secret.ID})
	require.ErrorContains(t, err, "protected content")

	got, err := w.budi().Wait(t.Context(), control.Condition{MessageID: forwarded.ID})
	require.NoError(t, err)
	assert.Equal(t, "Lapak", got.ForwardFrom)
}

func TestPressedButton(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	sent := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "choose", "reply_markup": fields{
		"inline_keyboard": [][]fields{{{"text": "A", "callback_data": "a"}, {"text": "Site", "url": "https://lapak.id"}}},
	}})
	w.updates()

	answers := make(chan control.Answer, 1)

	go func() {
		answer, err := w.ayu().Press(context.WithoutCancel(t.Context()), sent.ID, "a", 10*time.Second)
		assert.NoError(t, err)

		answers <- answer
	}()

	got := must[[]update](w, "getUpdates", fields{"timeout": 10})
	require.Len(t, got, 1)
	require.Equal(t, "a", got[0].Callback.Data)
	must[bool](w, "answerCallbackQuery", fields{"callback_query_id": got[0].Callback.ID, "text": "Siap", "show_alert": true})

	answer := <-answers
	assert.True(t, answer.Answered)
	assert.True(t, answer.ShowAlert)
	assert.Equal(t, "Siap", answer.Text)

	_, err := w.call("answerCallbackQuery", fields{"callback_query_id": got[0].Callback.ID})
	require.ErrorContains(t, err, "query is too old")

	// A query that waited too long cannot be answered.
	w.updates()

	late, err := w.ayu().PressText(t.Context(), sent.ID, "A", 0)
	require.NoError(t, err)
	assert.False(t, late.Answered)

	got = w.updates()
	require.NoError(t, w.Advance(t.Context(), 16*time.Minute))

	_, err = w.call("answerCallbackQuery", fields{"callback_query_id": got[0].Callback.ID})
	require.ErrorContains(t, err, "query is too old")

	link, err := w.ayu().PressText(t.Context(), sent.ID, "Site", 0)
	require.NoError(t, err)
	assert.Equal(t, "https://lapak.id", link.URL)
}

func TestGroups(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	group, err := w.CreateGroup(t.Context(),
		control.Group{Title: "Pelanggan", Members: map[int64]string{ayu: "creator", budi: "member", botID: "member"}})
	require.NoError(t, err)
	w.updates()

	person := w.As(ayu, group.ID)
	for _, text := range []string{"nothing for the bot", "/help", "/help@other_bot", "hi @lapak_bot"} {
		_, err := person.Text(t.Context(), text)
		require.NoError(t, err)
	}

	var heard []string
	for _, one := range w.updates() {
		heard = append(heard, one.Message.Text)
	}

	assert.Equal(t, []string{"/help", "hi @lapak_bot"}, heard)

	_, err = w.call("banChatMember", fields{"chat_id": group.ID, "user_id": budi})
	require.ErrorContains(t, err, "not enough rights")

	require.NoError(t, w.SetMember(t.Context(), group.ID, botID, "administrator"))
	must[bool](w, "banChatMember", fields{"chat_id": group.ID, "user_id": budi})

	banned := must[struct{ Status string }](w, "getChatMember", fields{"chat_id": group.ID, "user_id": budi})
	assert.Equal(t, "kicked", banned.Status)
	assert.Equal(t, 2, must[int](w, "getChatMemberCount", fields{"chat_id": group.ID}))
	assert.Len(t, must[[]any](w, "getChatAdministrators", fields{"chat_id": group.ID}), 2)

	must[bool](w, "unbanChatMember", fields{"chat_id": group.ID, "user_id": budi, "only_if_banned": true})
	must[string](w, "exportChatInviteLink", fields{"chat_id": group.ID})
	must[any](w, "createChatInviteLink", fields{"chat_id": group.ID, "name": "promo"})
	must[bool](w, "leaveChat", fields{"chat_id": group.ID})

	_, err = w.call("sendMessage", fields{"chat_id": group.ID, "text": "x"})
	require.EqualError(t, err, "403 Forbidden: bot is not a member of the supergroup chat")
}

func TestSettingsOfABot(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	commands := func(text string) []fields { return []fields{{"command": "help", "description": text}} }

	must[bool](w, "setMyCommands", fields{"commands": commands("Help")})
	must[bool](w, "setMyCommands", fields{"commands": commands("Bantuan"), "language_code": "id"})
	must[bool](w, "setMyCommands", fields{"commands": commands("Kamu"), "scope": fields{"type": "chat", "chat_id": ayu}})
	assert.Len(t, must[[]any](w, "getMyCommands", fields{"language_code": "id"}), 1)
	must[bool](w, "deleteMyCommands", fields{"language_code": "id"})
	assert.Empty(t, must[[]any](w, "getMyCommands", fields{"language_code": "id"}))

	must[bool](w, "setMyName", fields{"name": "Toko"})
	must[bool](w, "setMyDescription", fields{"description": "Segala ada"})
	must[bool](w, "setMyShortDescription", fields{"short_description": "Ada"})
	assert.Equal(t, "Toko", must[struct{ Name string }](w, "getMyName", nil).Name)
	must[any](w, "getMyDescription", nil)
	must[any](w, "getMyShortDescription", nil)

	must[bool](w, "setChatMenuButton", fields{"menu_button": fields{
		"type": "web_app", "text": "Buka",
		"web_app": fields{"url": "https://lapak.id"},
	}})
	assert.Equal(t, "web_app", must[struct{ Type string }](w, "getChatMenuButton", fields{"chat_id": ayu}).Type)

	state, err := w.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "Toko", state.Bots[0].FirstName)
	assert.Equal(t, "Help", state.Bots[0].Commands[0].Description)
	assert.Equal(t, "Segala ada", state.Bots[0].Description)
}

func TestACrowdIsCounted(t *testing.T) {
	t.Parallel()

	const first = 500_000

	w := started(t, telegram.Options{Limits: &control.Limits{}})
	crowd := control.Crowd{Bot: private, First: first, Count: 3, Language: "id", Text: "promo"}
	require.NoError(t, w.CreateCrowd(t.Context(), crowd))

	var last message

	for _, said := range []struct {
		to   int64
		text string
	}{{first, "promo"}, {ayu, "a receipt"}, {first + 1, "promo"}, {first + 1, "promo"}} {
		last = must[message](w, "sendMessage", fields{"chat_id": said.to, "text": said.text})
	}

	must[message](w, "editMessageText", fields{"chat_id": first + 1, "message_id": last.ID, "text": "promo, again"})

	reach, err := w.Reach(t.Context(), crowd)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1, 1, 5}, []int{reach.None, reach.Once, reach.More, reach.Said})

	crowd.Count++
	_, err = w.Reach(t.Context(), crowd)
	require.Error(t, err, "the last one is not there")
}

func TestPeopleDoThings(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	sent, err := w.ayu().Text(t.Context(), "salah ketik")
	require.NoError(t, err)
	_, err = w.ayu().Edit(t.Context(), sent.ID, "benar")
	require.NoError(t, err)
	_, err = w.ayu().Reply(t.Context(), sent.ID, "balasan")
	require.NoError(t, err)
	require.NoError(t, w.ayu().React(t.Context(), sent.ID, "👍"))
	_, err = w.ayu().Contact(t.Context(), "+6281")
	require.NoError(t, err)
	_, err = w.ayu().Forward(t.Context(), 0, sent.ID)
	require.NoError(t, err)
	require.NoError(t, w.ayu().Block(t.Context(), true))
	_, err = w.ayu().Text(t.Context(), "x")
	require.ErrorContains(t, err, "unblock it first")
	_, err = w.ayu().Start(t.Context(), "again")
	require.NoError(t, err)

	got := w.updates()
	require.Len(t, got, 9)
	assert.Equal(t, "salah ketik", got[0].Message.Text)
	assert.Equal(t, "benar", got[1].Edited.Text)
	assert.Equal(t, "benar", got[2].Message.Reply.Text)
	assert.Equal(t, sent.ID, got[3].Reaction.MessageID)
	assert.Equal(t, "kicked", got[6].MyMember.New.Status)
	assert.Equal(t, "member", got[7].MyMember.New.Status)
	assert.Equal(t, "/start again", got[8].Message.Text)

	must[bool](w, "setMessageReaction", fields{
		"chat_id": ayu, "message_id": sent.ID,
		"reaction": []fields{{"type": "emoji", "emoji": "🔥"}},
	})
	must[bool](w, "pinChatMessage", fields{"chat_id": ayu, "message_id": sent.ID})
	assert.NotNil(t, must[map[string]any](w, "getChat", fields{"chat_id": ayu})["pinned_message"])
	must[bool](w, "unpinChatMessage", fields{"chat_id": ayu})

	seen, err := w.ayu().Wait(t.Context(), control.Condition{MessageID: sent.ID, Own: true})
	require.NoError(t, err)
	assert.Equal(t, map[int64]string{ayu: "👍", botID: "🔥"}, seen.Reactions)

	// A very long text comes in pieces, as Telegram's apps send it.
	w.updates()

	_, err = w.budi().Text(t.Context(), strings.Repeat("panjang ", 1000))
	require.NoError(t, err)
	assert.Greater(t, len(w.updates()), 1)
}
