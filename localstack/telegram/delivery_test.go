package telegram_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

func TestUpdatesByPolling(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})
	for _, text := range []string{"a", "b", "c", "d"} {
		_, err := w.ayu().Text(t.Context(), text)
		require.NoError(t, err)
	}

	texts := func(params fields) []string {
		var found []string

		for _, one := range must[[]update](w, "getUpdates", params) {
			found = append(found, one.Message.Text)
		}

		return found
	}

	first := must[[]update](w, "getUpdates", fields{"limit": 1})[0].ID
	assert.Equal(t, []string{"a", "b", "c", "d"}, texts(nil), "nothing is confirmed without an offset")
	assert.Equal(t, []string{"b", "c"}, texts(fields{"offset": first + 1, "limit": 2}))
	assert.Equal(t, []string{"b", "c", "d"}, texts(nil), "a is confirmed")
	assert.Equal(t, []string{"d"}, texts(fields{"offset": -1}), "a negative offset counts from the end and forgets the rest")
	assert.Equal(t, []string{"d"}, texts(nil))

	// Only the kinds that are asked for are queued, from then on.
	must[[]update](w, "getUpdates", fields{"offset": first + 4, "allowed_updates": []string{"callback_query"}})
	_, err := w.ayu().Text(t.Context(), "unwanted")
	require.NoError(t, err)
	assert.Empty(t, texts(nil))

	// After a day an update is gone.
	must[[]update](w, "getUpdates", fields{"allowed_updates": []string{}})
	_, err = w.ayu().Text(t.Context(), "old")
	require.NoError(t, err)
	require.NoError(t, w.Advance(t.Context(), 25*time.Hour))
	assert.Empty(t, texts(nil))
}

func TestLongPollWakesUpAndEndsTheOther(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})
	results := make(chan error, 1)

	go func() {
		_, err := w.call("getUpdates", fields{"timeout": 50})
		results <- err
	}()

	// The second poll ends the first, however they overlap: one of them is
	// told of the conflict, the other gets the update.
	other := make(chan json.RawMessage, 1)
	otherErr := make(chan error, 1)

	go func() {
		raw, err := w.call("getUpdates", fields{"timeout": 50})
		if err != nil {
			otherErr <- err

			return
		}

		other <- raw
	}()

	const conflict = "409 Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"

	select {
	case err := <-results:
		require.EqualError(t, err, conflict)

		_, err = w.ayu().Text(t.Context(), "wake up")
		require.NoError(t, err)
		assert.Equal(t, "wake up", decode[[]update](t, <-other)[0].Message.Text)
	case err := <-otherErr:
		require.EqualError(t, err, conflict)

		_, err = w.ayu().Text(t.Context(), "wake up")
		require.NoError(t, err)
		require.NoError(t, <-results)
	}
}

// hook is a webhook that answers as a test wants and keeps what it got.
type hook struct {
	*httptest.Server

	mu      sync.Mutex
	got     []update
	headers []http.Header
	busy    map[string]int
	most    int
	answer  func(update, http.ResponseWriter)
	arrived chan struct{}
}

func newHook(t *testing.T, w *world, answer func(update, http.ResponseWriter)) *hook {
	t.Helper()

	h := &hook{answer: answer, arrived: make(chan struct{}, 1000), busy: map[string]int{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)

		var value any

		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		assert.NoError(t, decoder.Decode(&value))
		assert.Empty(t, w.table.Check("Update", value), "%s", body)

		var one update
		assert.NoError(t, json.Unmarshal(body, &one))

		h.mu.Lock()
		h.got = append(h.got, one)
		h.headers = append(h.headers, r.Header)
		h.busy["all"]++
		h.most = max(h.most, h.busy["all"])
		h.mu.Unlock()

		h.answer(one, out)

		h.mu.Lock()
		h.busy["all"]--
		h.mu.Unlock()

		h.arrived <- struct{}{}
	}))
	t.Cleanup(h.Close)

	return h
}

func (h *hook) wait(t *testing.T, count int) []update {
	t.Helper()

	for range count {
		select {
		case <-h.arrived:
		case <-time.After(20 * time.Second):
			t.Fatalf("got only %d updates", len(h.got))
		}
	}

	h.mu.Lock()
	defer h.mu.Unlock()

	return append([]update(nil), h.got...)
}

func fine(_ update, w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }

func TestWebhook(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})
	h := newHook(t, w, fine)

	_, err := w.ayu().Text(t.Context(), "before")
	require.NoError(t, err)

	must[bool](w, "setWebhook", fields{
		"url": h.URL + "/hook", "secret_token": "s3cret", "max_connections": 5, "allowed_updates": []string{"message"},
	})

	got := h.wait(t, 1)
	assert.Equal(t, "before", got[0].Message.Text, "what waited comes first")
	assert.Equal(t, "s3cret", h.headers[0].Get("X-Telegram-Bot-Api-Secret-Token"))
	assert.Equal(t, "application/json", h.headers[0].Get("Content-Type"))

	_, err = w.call("getUpdates", nil)
	require.EqualError(t, err, "409 Conflict: can't use getUpdates method while webhook is active; "+
		"use deleteWebhook to delete the webhook first")

	type info struct {
		URL     string   `json:"url"`
		Pending int      `json:"pending_update_count"`
		IP      string   `json:"ip_address"`
		Most    int      `json:"max_connections"`
		Allowed []string `json:"allowed_updates"`
	}

	known := must[info](w, "getWebhookInfo", nil)
	assert.Equal(t, info{URL: h.URL + "/hook", IP: "127.0.0.1", Most: 5, Allowed: []string{"message"}, Pending: known.Pending}, known)

	must[bool](w, "deleteWebhook", nil)
	assert.Empty(t, must[info](w, "getWebhookInfo", nil).URL)

	_, err = w.ayu().Text(t.Context(), "dropped")
	require.NoError(t, err)
	must[bool](w, "setWebhook", fields{"url": h.URL, "drop_pending_updates": true})
	_, err = w.ayu().Text(t.Context(), "after")
	require.NoError(t, err)
	assert.Equal(t, "after", h.wait(t, 1)[1].Message.Text)
	assert.Empty(t, h.headers[1].Get("X-Telegram-Bot-Api-Secret-Token"))
}

// TestWebhookOrder holds that a failing update keeps its chat waiting, in
// order, while other chats go on, and that backoff and counters are right.
func TestWebhookOrder(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{WebhookRetry: 5 * time.Millisecond, WebhookRetryMax: 20 * time.Millisecond})
	failures := 4

	var mu sync.Mutex

	release := make(chan struct{})
	h := newHook(t, w, func(one update, out http.ResponseWriter) {
		mu.Lock()
		defer mu.Unlock()

		if one.Message.Text == "ayu 0" && failures > 0 {
			failures--

			out.WriteHeader(http.StatusBadGateway)

			if failures == 0 {
				close(release)
			}
		}
	})
	must[bool](w, "setWebhook", fields{"url": h.URL})

	const each = 5

	for i := range each {
		_, err := w.ayu().Text(t.Context(), fmt.Sprintf("ayu %d", i))
		require.NoError(t, err)
		_, err = w.budi().Text(t.Context(), fmt.Sprintf("budi %d", i))
		require.NoError(t, err)
	}

	<-release

	var ayus, budis []string

	for _, one := range h.wait(t, 2*each+4) {
		if one.Message.Text[0] == 'a' {
			ayus = append(ayus, one.Message.Text)
		} else {
			budis = append(budis, one.Message.Text)
		}
	}

	assert.Equal(t, []string{"ayu 0", "ayu 0", "ayu 0", "ayu 0", "ayu 0", "ayu 1", "ayu 2", "ayu 3", "ayu 4"}, ayus)
	assert.Equal(t, []string{"budi 0", "budi 1", "budi 2", "budi 3", "budi 4"}, budis)

	state, err := w.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 4, state.Bots[0].Webhook.Failed)
	assert.Equal(t, "Wrong response from the webhook: 502 Bad Gateway", state.Bots[0].Webhook.LastError)
}

func TestWebhookConnections(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})

	const people, connections = 6, 2

	gate, entered := make(chan struct{}), make(chan struct{}, people)
	h := newHook(t, w, func(update, http.ResponseWriter) {
		entered <- struct{}{}
		<-gate
	})

	must[bool](w, "setWebhook", fields{"url": h.URL, "max_connections": connections})

	for i := range people {
		_, err := w.CreateUser(t.Context(), control.User{ID: int64(2000 + i), FirstName: "P"})
		require.NoError(t, err)
		_, err = w.As(int64(2000+i), private).Text(t.Context(), "x")
		require.NoError(t, err)
	}

	for range connections {
		<-entered
	}

	for range people {
		gate <- struct{}{}
	}

	h.wait(t, people)
	assert.Equal(t, connections, h.most)
}

func TestWebhookUnreachable(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{WebhookRetry: time.Millisecond, WebhookRetryMax: 2 * time.Millisecond})
	h := newHook(t, w, fine)
	address := h.URL
	h.Close()

	must[bool](w, "setWebhook", fields{"url": address})
	_, err := w.ayu().Text(t.Context(), "x")
	require.NoError(t, err)

	type info struct {
		Pending int    `json:"pending_update_count"`
		Message string `json:"last_error_message"`
		Date    int64  `json:"last_error_date"`
	}

	require.Eventually(t, func() bool {
		return must[info](w, "getWebhookInfo", nil).Date != 0
	}, 10*time.Second, 5*time.Millisecond)

	known := must[info](w, "getWebhookInfo", nil)
	assert.Equal(t, 1, known.Pending)
	assert.Equal(t, "Connection refused", known.Message)
}

func TestReplyInTheWebhook(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})
	h := newHook(t, w, func(_ update, out http.ResponseWriter) {
		out.Header().Set("Content-Type", "application/json")

		_, err := fmt.Fprintf(out, `{"method":"sendMessage","chat_id":%d,"text":"langsung"}`, ayu)
		assert.NoError(t, err)
	})
	must[bool](w, "setWebhook", fields{"url": h.URL})

	_, err := w.ayu().Text(t.Context(), "hai")
	require.NoError(t, err)

	_, err = w.ayu().Wait(t.Context(), control.Condition{Text: "langsung"})
	require.NoError(t, err)
}

func TestUpdatesAgainAndByHand(t *testing.T) {
	t.Parallel()

	w := start(t, telegram.Options{})
	h := newHook(t, w, fine)
	must[bool](w, "setWebhook", fields{"url": h.URL})

	for _, text := range []string{"one", "two"} {
		_, err := w.ayu().Text(t.Context(), text)
		require.NoError(t, err)
		h.wait(t, 1)
	}

	// The webhook answered; wait until the simulator has noted that.
	require.Eventually(t, func() bool {
		state, err := w.State(t.Context())

		return err == nil && state.Bots[0].Webhook.Delivered == 2
	}, 10*time.Second, time.Millisecond)

	queued, err := w.RepeatUpdates(t.Context(), botID, 2, true)
	require.NoError(t, err)
	assert.Equal(t, 2, queued)

	got := h.wait(t, 2)
	assert.Equal(t, "two", got[2].Message.Text)
	assert.Equal(t, "one", got[3].Message.Text)
	assert.Equal(t, got[1].ID, got[2].ID)

	require.NoError(t, w.InjectUpdate(t.Context(), botID, json.RawMessage(`{"update_id":7}`)))
	assert.Equal(t, int64(7), h.wait(t, 1)[4].ID)
	require.ErrorContains(t, w.InjectUpdate(t.Context(), botID, json.RawMessage(`{}`)), "no update_id")
}

func TestFloodLimits(t *testing.T) {
	t.Parallel()

	now := time.Unix(1_795_000_000, 0)
	w := started(t, telegram.Options{Now: func() time.Time { return now }})
	limits := telegram.RealLimits()

	send := func(chat int64) error {
		_, err := w.call("sendMessage", fields{"chat_id": chat, "text": "x"})

		return err
	}

	var refused *apiError

	// A chat takes a burst and then one a second.
	for range limits.ChatBurst {
		require.NoError(t, send(ayu))
	}

	require.ErrorAs(t, send(ayu), &refused)
	assert.Equal(t, "Too Many Requests: retry after 1", refused.Description)
	assert.Equal(t, 1, refused.Parameters.RetryAfter)
	require.NoError(t, send(budi), "another chat is not concerned")

	require.NoError(t, w.Advance(t.Context(), time.Second))

	sent := must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "x"})
	_, err := w.call("editMessageText", fields{"chat_id": ayu, "message_id": sent.ID, "text": "edited"})
	require.ErrorAs(t, err, &refused, "an edit counts too")

	// A group takes 20 a minute.
	require.NoError(t, w.Advance(t.Context(), time.Minute))

	group, err := w.CreateGroup(t.Context(), control.Group{Title: "g", Members: map[int64]string{ayu: "creator", botID: "member"}})
	require.NoError(t, err)

	for range limits.GroupPerMinute {
		require.NoError(t, send(group.ID))
	}

	require.ErrorAs(t, send(group.ID), &refused)
	assert.Equal(t, 3, refused.Parameters.RetryAfter)

	// All chats together take 30 a second.
	require.NoError(t, w.Advance(t.Context(), time.Minute))

	accepted := 0

	for i := range int64(40) {
		_, err := w.CreateUser(t.Context(), control.User{ID: 3000 + i, FirstName: "P"})
		require.NoError(t, err)
		_, err = w.As(3000+i, private).Start(t.Context(), "")
		require.NoError(t, err)

		if send(3000+i) == nil {
			accepted++
		}
	}

	assert.Equal(t, 30, accepted)
	must[message](w, "sendMessage", fields{"chat_id": ayu, "text": "x", "allow_paid_broadcast": true})

	require.NoError(t, w.SetLimits(t.Context(), control.Limits{}))

	for range 50 {
		require.NoError(t, send(ayu))
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	ctx := t.Context()
	send := func(text string) error {
		_, err := w.call("sendMessage", fields{"chat_id": ayu, "text": text})

		return err
	}
	seen := func(text string) bool {
		all, err := w.ayu().Messages(ctx, 0)
		require.NoError(t, err)

		for _, m := range all {
			if m.Text == text {
				return true
			}
		}

		return false
	}
	fault := func(f control.Fault) {
		_, err := w.Fault(ctx, f)
		require.NoError(t, err)
	}

	fault(control.Fault{Method: "sendMessage", Kind: "error", Status: 429, RetryAfter: 7})

	var refused *apiError

	require.ErrorAs(t, send("limited"), &refused)
	assert.Equal(t, 7, refused.Parameters.RetryAfter)
	require.NoError(t, send("after one fault"))

	fault(control.Fault{Kind: "error", Count: 2, Skip: 1})
	require.NoError(t, send("skipped"))
	require.ErrorContains(t, send("x"), "500 Internal Server Error")
	require.ErrorContains(t, send("x"), "500 Internal Server Error")
	require.NoError(t, send("over"))

	fault(control.Fault{Kind: "garbage"})
	require.ErrorContains(t, send("garbled"), "decode")
	assert.True(t, seen("garbled"), "it took effect")

	fault(control.Fault{Kind: "delay", DelayMS: 30})

	began := time.Now()

	require.NoError(t, send("late"))
	assert.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)

	fault(control.Fault{Method: "getMe", Kind: "error", Count: -1, Status: 503, Description: "down"})

	for range 3 {
		_, err := w.call("getMe", nil)
		require.EqualError(t, err, "503 down")
	}

	require.NoError(t, w.ClearFaults(ctx))
	must[any](w, "getMe", nil)

	_, err := w.Fault(ctx, control.Fault{Kind: "magic"})
	require.ErrorContains(t, err, "none of error")
	_, err = w.Fault(ctx, control.Fault{Kind: "error", Method: "sendNothing"})
	require.ErrorContains(t, err, "no method")
}

// TestDroppedConnections needs the plain simulator: a recorder cannot drop.
func TestDroppedConnections(t *testing.T) {
	t.Parallel()

	simulator, err := telegram.New(telegram.Options{})
	require.NoError(t, err)

	server := httptest.NewServer(simulator)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	t.Cleanup(func() {
		server.Close()
		assert.NoError(t, simulator.Close())
	})

	own := control.New(server.URL)
	ctx := t.Context()
	_, err = own.CreateBot(ctx, control.Bot{Token: token})
	require.NoError(t, err)
	_, err = own.CreateUser(ctx, control.User{ID: ayu, FirstName: "Ayu"})
	require.NoError(t, err)

	person := own.As(ayu, private)
	_, err = person.Start(ctx, "")
	require.NoError(t, err)

	send := func(text string) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/bot"+token+"/sendMessage",
			bytes.NewReader(fmt.Appendf(nil, `{"chat_id":%d,"text":%q}`, ayu, text)))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")

		answer, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("send: %w", err)
		}
		defer answer.Body.Close()

		_, err = io.ReadAll(answer.Body)

		return err
	}

	for _, kind := range []string{"drop_before", "drop_after", "cut"} {
		_, err = own.Fault(ctx, control.Fault{Kind: kind})
		require.NoError(t, err)
		require.Error(t, send(kind), kind)
	}

	require.NoError(t, send("well"))

	var texts []string

	all, err := person.Messages(ctx, 0)
	require.NoError(t, err)

	for _, m := range all {
		texts = append(texts, m.Text)
	}

	assert.Equal(t, []string{"/start", "drop_after", "cut", "well"}, texts)

	calls, err := own.Calls(ctx, botID, "sendMessage", 0)
	require.NoError(t, err)
	require.Len(t, calls, 4)
	assert.Zero(t, calls[0].Status)
	assert.NotZero(t, calls[0].Fault)
}

func TestPayments(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	invoice := fields{
		"chat_id": ayu, "title": "Netflix", "description": "1 bulan", "payload": "order-1", "currency": "XTR",
		"prices": []fields{{"label": "Netflix", "amount": 50}},
	}
	sent := must[message](w, "sendInvoice", invoice)

	results := make(chan control.PayResult, 1)
	pay := func() {
		go func() {
			result, err := w.ayu().Pay(context.WithoutCancel(t.Context()), sent.ID)
			assert.NoError(t, err)

			results <- result
		}()
	}
	next := func() update {
		got := must[[]update](w, "getUpdates", fields{"timeout": 20})
		require.Len(t, got, 1)
		must[[]update](w, "getUpdates", fields{"offset": got[0].ID + 1})

		return got[0]
	}

	pay()

	question := next()
	assert.Equal(t, "order-1", question.Checkout.Payload)
	must[bool](w, "answerPreCheckoutQuery",
		fields{"pre_checkout_query_id": question.Checkout.ID, "ok": false, "error_message": "Stok habis"})
	assert.Equal(t, control.PayResult{Status: "refused", Error: "Stok habis"}, <-results)

	// No answer within ten seconds ends it; an answer after that is refused.
	pay()

	question = next()
	require.NoError(t, w.Advance(t.Context(), 11*time.Second))
	assert.Equal(t, "timeout", (<-results).Status)

	_, err := w.call("answerPreCheckoutQuery", fields{"pre_checkout_query_id": question.Checkout.ID, "ok": true})
	require.ErrorContains(t, err, "query is too old")

	pay()
	must[bool](w, "answerPreCheckoutQuery", fields{"pre_checkout_query_id": next().Checkout.ID, "ok": true})

	paid := <-results
	assert.Equal(t, "paid", paid.Status)
	assert.NotNil(t, next().Message)

	balance := must[struct{ Amount int64 }](w, "getMyStarBalance", nil)
	assert.Equal(t, int64(50), balance.Amount)

	must[bool](w, "refundStarPayment", fields{"user_id": ayu, "telegram_payment_charge_id": paid.ChargeID})
	_, err = w.call("refundStarPayment", fields{"user_id": ayu, "telegram_payment_charge_id": paid.ChargeID})
	require.EqualError(t, err, "400 Bad Request: CHARGE_ALREADY_REFUNDED")

	refund, err := w.ayu().Wait(t.Context(), control.Condition{Kind: "payment"})
	require.NoError(t, err)
	assert.True(t, refund.Payment.Refunded)

	ledger := must[struct{ Transactions []any }](w, "getStarTransactions", nil)
	assert.Len(t, ledger.Transactions, 2)

	state, err := w.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, int64(1000), state.Users[0].Stars)
	assert.Zero(t, state.Bots[0].Stars)

	// Who has too few Stars cannot pay, and the bot is not asked.
	invoice["prices"] = []fields{{"label": "Gold", "amount": 5000}}
	sent = must[message](w, "sendInvoice", invoice)
	pay()
	assert.Equal(t, "poor", (<-results).Status)
}

func TestPaymentsByOtherMeans(t *testing.T) {
	t.Parallel()

	w := started(t, telegram.Options{})
	w.updates()

	link := must[string](w, "createInvoiceLink", fields{
		"title": "Kopi", "description": "Biji kopi", "payload": "beans", "currency": "IDR", "provider_token": "test", "is_flexible": true,
		"need_email": true, "prices": []fields{{"label": "Kopi", "amount": 9_000_000}},
	})

	results := make(chan control.PayResult, 1)

	go func() {
		result, err := w.ayu().PayLink(context.WithoutCancel(t.Context()), link)
		assert.NoError(t, err)

		results <- result
	}()

	shipping := must[[]update](w, "getUpdates", fields{"timeout": 20})[0]
	must[bool](w, "answerShippingQuery", fields{
		"shipping_query_id": shipping.Shipping.ID, "ok": true,
		"shipping_options": []fields{{"id": "jne", "title": "JNE", "prices": []fields{{"label": "Ongkir", "amount": 1_000_000}}}},
	})

	checkout := must[[]update](w, "getUpdates", fields{"timeout": 20, "offset": shipping.ID + 1})[0]
	assert.Equal(t, int64(10_000_000), checkout.Checkout.Total)
	must[bool](w, "answerPreCheckoutQuery", fields{"pre_checkout_query_id": checkout.Checkout.ID, "ok": true})
	assert.Equal(t, "paid", (<-results).Status)

	_, err := w.ayu().PayLink(t.Context(), "https://t.me/$nothing")
	require.ErrorContains(t, err, "no invoice")
}
