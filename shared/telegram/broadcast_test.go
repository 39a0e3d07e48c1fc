package telegram_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

func TestBroadcastOfEachKind(t *testing.T) {
	t.Parallel()

	for media, method := range map[broadcast.Media]string{
		"": "sendMessage", broadcast.Photo: "sendPhoto", broadcast.Video: "sendVideo", broadcast.Animation: "sendAnimation",
		broadcast.Audio: "sendAudio", broadcast.Document: "sendDocument",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()

			s := serve(t, aMessage)
			content := broadcast.Content{Media: media, HTML: "<b>hi</b>", Buttons: aText().Buttons}

			if media != "" {
				content.FileID = "file"
			}

			number, err := s.client(t).Broadcast(t.Context(), 5, content, true)
			require.NoError(t, err)
			require.Equal(t, 77, number)

			_, err = s.client(t).Broadcast(t.Context(), 5, broadcast.Content{Media: media, FileID: content.FileID, HTML: "bare"}, false)
			require.NoError(t, err)

			calls := s.got()
			require.Equal(t, method, calls[0].method)
			require.Equal(t, true, calls[0].params["allow_paid_broadcast"])
			require.Contains(t, calls[0].params, "reply_markup")
			require.NotContains(t, calls[1].params, "allow_paid_broadcast")
			require.NotContains(t, calls[1].params, "reply_markup")

			said := calls[0].params["caption"]
			if media == "" {
				said = calls[0].params["text"]
			} else {
				require.Equal(t, "file", calls[0].params[string(media)])
			}

			require.Equal(t, "<b>hi</b>", said)
		})
	}
}

func TestBroadcastDoesNotWait(t *testing.T) {
	t.Parallel()

	s := serve(t, flood(1, 9))

	_, err := s.client(t).Broadcast(t.Context(), 5, broadcast.Content{HTML: "x"}, false)
	require.Equal(t, errs.Limited, errs.CodeOf(err))
	require.Len(t, s.got(), 1, "all lanes must wait, not this call alone")
}

func TestWhetherMessagesAreThere(t *testing.T) {
	t.Parallel()

	s := serve(t, func(w http.ResponseWriter, _ *http.Request, method string) {
		switch method {
		case "forwardMessages":
			result(w, `[{"message_id":901},{"message_id":902}]`)
		case "forwardMessage":
			result(w, `{"message_id":903,"date":1,"chat":{"id":7,"type":"private"},"text":"promo",`+
				`"forward_origin":{"type":"user","date":1,"sender_user":{"id":1234567,"is_bot":true,"first_name":"Bot"}}}`)
		default:
			result(w, "true")
		}
	})
	client := s.client(t)

	there, err := client.Exists(t.Context(), 5, []int{10, 11}, 7)
	require.NoError(t, err)
	require.True(t, there)

	text, own, err := client.Quote(t.Context(), 5, 10, 7)
	require.NoError(t, err)
	require.Equal(t, "promo", text)
	require.True(t, own)

	var removed []float64

	for _, call := range s.got() {
		if call.method == "deleteMessage" {
			number, ok := call.params["message_id"].(float64)
			require.True(t, ok)

			removed = append(removed, number)
		} else {
			require.Equal(t, true, call.params["disable_notification"])
			require.InDelta(t, 7, call.params["chat_id"], 0)
			require.InDelta(t, 5, call.params["from_chat_id"], 0)
		}
	}

	require.Equal(t, []float64{901, 902, 903}, removed, "no copy stays")
}

func TestThatMessagesAreNotThere(t *testing.T) {
	t.Parallel()

	words := map[string]string{
		"forwardMessages": "Bad Request: there are no messages to forward",
		"forwardMessage":  "Bad Request: message to forward not found",
	}
	s := serve(t, func(w http.ResponseWriter, _ *http.Request, method string) { refuse(w, 400, words[method]) })

	there, err := s.client(t).Exists(t.Context(), 5, []int{10}, 7)
	require.NoError(t, err)
	require.False(t, there)

	_, _, err = s.client(t).Quote(t.Context(), 5, 10, 7)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	words["forwardMessages"] = "Bad Request: chat not found"
	_, err = s.client(t).Exists(t.Context(), 5, []int{10}, 7)
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "which is no answer to whether it is there")
}

// counter counts what bots say.
type counter struct{ said atomic.Int32 }

func (c *counter) Count(context.Context, string) { c.said.Add(1) }

func TestWhatBotsSayIsCounted(t *testing.T) {
	t.Parallel()

	counted := &counter{}
	s := serve(t, aMessage)
	vault := memory.New(clock.System{}, fault.None{})
	require.NoError(t, vault.Rotate(t.Context(), store.TokenName(demo), token))

	bots := telegram.NewBots(vault, s.URL).Counted(counted)
	to := message.Address{Store: demo, Chat: 5, Message: 77}

	_, err := bots.Send(t.Context(), to, aText())
	require.NoError(t, err)
	require.NoError(t, bots.Edit(t.Context(), to, aText()))
	require.NoError(t, bots.EditCaption(t.Context(), to, aText()))

	_, err = bots.SendFile(t.Context(), to, message.Document{FileID: "f"})
	require.NoError(t, err)
	require.EqualValues(t, 4, counted.said.Load())

	_, err = bots.Broadcast(t.Context(), to, broadcast.Content{HTML: "x"}, false)
	require.NoError(t, err)
	require.EqualValues(t, 4, counted.said.Load(), "what a campaign says has its moment already")

	s.answer = func(w http.ResponseWriter, _ *http.Request, _ string) { refuse(w, 400, "Bad Request: chat not found") }
	_, err = bots.Send(t.Context(), to, aText())
	require.Error(t, err)
	require.EqualValues(t, 4, counted.said.Load(), "what was not said is not counted")
}
