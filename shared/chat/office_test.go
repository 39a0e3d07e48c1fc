package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/store"
)

const operator = 2002 // who has set the owner's own bot up

// newOffice makes a world in which people talk with the owner's own bot.
func newOffice(t *testing.T, change ...func(*chat.Options)) *world {
	t.Helper()

	w := newWorld(t, change...)
	w.phone.bot = store.OwnerBot

	for _, of := range []store.Store{
		{ID: store.OwnerBot, Name: "Lapak", BotUsername: "lapak_bot", Owner: operator, Office: true},
		{ID: "teh", Name: "Teh <Wangi>", BotUsername: "teh_bot", Owner: ani},
	} {
		of.Language, of.TimeZone = store.DefaultLanguage, store.DefaultTimeZone
		require.NoError(t, w.stores.Save(t.Context(), of))
	}

	return w
}

// says has somebody write to the bot, and tap a button where the text is
// "tap DATA".
func (w *world) says(who int64, language, text string) {
	w.t.Helper()

	var update telego.Update
	if data, tapped := strings.CutPrefix(text, "tap "); tapped {
		update = w.tap(w.phone.last, data)
		update.CallbackQuery.From = *from(who, language)
	} else {
		update = w.text(text)
		update.Message.From = from(who, language)
	}

	w.phone.log = append(w.phone.log, "", fmt.Sprintf("%d: %s", who, text))
	w.do(update)
	w.now.Advance(time.Minute)
}

// golden compares what the bot has said with a file of testdata.
func (w *world) golden(name string) {
	w.t.Helper()

	matches(w.t, name, w.phone.log)
}

func TestTheOffice(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			w := newOffice(t)

			for _, text := range []string{
				"/start", "/help", "/mute", "/lang", "tap lang:en", "tap lang:xx", "tap open:lang", "tap lang:" + language, "tap open:home",
				"tap open:gone", "tap p:kopi:1", "/stores", "/shop", "halo", "/cancel",
			} {
				w.says(ani, language, text)
			}

			w.says(operator, language, "/start")
			w.says(operator, language, "/help")
			w.golden("office." + language + ".txt")
		})
	}
}

// Who owns nothing learns nothing, whatever they try.
func TestStrangersInTheOffice(t *testing.T) {
	t.Parallel()

	const stranger = 3003

	w := newOffice(t)

	for _, text := range []string{"/start", "/help", "/lang", "halo", "/status teh", "tap open:home", "tap open:lang"} {
		w.says(stranger, "id", text)
	}

	photo := w.text("")
	photo.Message.From = from(stranger, "id")
	photo.Message.Photo = []telego.PhotoSize{{FileID: "p"}}
	w.do(photo)

	for number, text := range w.phone.shown {
		require.Contains(t, text.HTML, "Kamu belum terdaftar sebagai pemilik toko", "message %d", number)
		require.Empty(t, text.Buttons)
	}

	require.NotEmpty(t, w.phone.shown)
}
