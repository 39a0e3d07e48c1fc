package telegram_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/telegram"
)

func TestUpdatesAreGivenAsTelegramWroteThem(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) {
		result(w, `[{"update_id":7,"hologram":{"x":1.50}},{"update_id":8,"message":{"text":"ü\u0000"}}]`)
	})

	updates, err := s.client(t).Updates(t.Context(), 7, time.Hour, []string{"message"})
	require.NoError(t, err)
	require.Equal(t, []json.RawMessage{
		json.RawMessage(`{"update_id":7,"hologram":{"x":1.50}}`), json.RawMessage(`{"update_id":8,"message":{"text":"ü\u0000"}}`),
	}, updates)
	require.Equal(t, map[string]any{
		"offset": 7.0, "limit": 50.0, "timeout": telegram.LongestPoll.Seconds(), "allowed_updates": []any{"message"},
	}, s.got()[0].params)
}

// A call that waits for an update outlives the time that other calls have.
func TestUpdatesAreWaitedFor(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string) {
		deadline := time.After(11 * time.Second)

		select {
		case <-deadline:
			result(w, `[]`)
		case <-r.Context().Done():
		}
	})

	updates, err := s.client(t).Updates(t.Context(), 0, 15*time.Second, nil)
	require.NoError(t, err)
	require.Empty(t, updates)
}

func TestUpdatesThatCannotBeHad(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, method string)
		code   errs.Code
	}{
		"a webhook is set": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			refuse(w, http.StatusConflict, "Conflict: can't use getUpdates method while webhook is active")
		}, errs.Conflict},
		"the token is wrong": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			refuse(w, http.StatusUnauthorized, "Unauthorized")
		}, errs.Unauthorized},
		"Telegram is down": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			refuse(w, http.StatusBadGateway, "Bad Gateway")
		}, errs.Unavailable},
		"nonsense":  {func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = w.Write([]byte("<html>")) }, errs.Unavailable},
		"no list":   {func(w http.ResponseWriter, _ *http.Request, _ string) { result(w, `{}`) }, errs.Unavailable},
		"no answer": {func(http.ResponseWriter, *http.Request, string) { panic(http.ErrAbortHandler) }, errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := serve(t, c.answer)
			_, err := s.client(t).Updates(t.Context(), 0, 0, nil)
			require.True(t, errs.Is(err, c.code), err)
			require.NotContains(t, err.Error(), token)
		})
	}

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) { result(w, `[]`) })

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := s.client(t).Updates(ctx, 0, time.Second, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// What the webhook would answer with is called: payments only.
func TestReply(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, _ string) { result(w, `true`) })
	client := s.client(t)

	require.NoError(t, client.Reply(t.Context(), map[string]any{
		"method": "answerPreCheckoutQuery", "pre_checkout_query_id": "q", "ok": false, "error_message": "habis",
	}))
	require.Equal(t, "answerPreCheckoutQuery", s.got()[0].method)
	require.Equal(t, map[string]any{"pre_checkout_query_id": "q", "ok": false, "error_message": "habis"}, s.got()[0].params)

	for _, reply := range []any{map[string]any{"method": "sendMessage"}, "halo", func() {}} {
		require.True(t, errs.Is(client.Reply(t.Context(), reply), errs.Internal))
	}

	require.Len(t, s.got(), 1)
}
