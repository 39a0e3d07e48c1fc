package chat_test

import (
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

// change changes the store of a world as its operator would.
func (w *world) change(change func(*store.Store)) {
	w.t.Helper()

	_, err := w.stores.Change(w.t.Context(), demo, change)
	require.NoError(w.t, err)
}

func TestPausedStoreTellsEverybodyOnceInSomeMinutes(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))
	w.change(func(of *store.Store) {
		of.Paused, of.PausedText = true, map[string]string{"id": "Kembali <jam> 15."}
	})

	said := w.phone.said()
	w.do(w.voice())
	require.Equal(t, said+1, w.phone.said())
	require.Equal(t, "🛠 <b>Toko Kopi &lt;Digital&gt;</b>\nKembali &lt;jam&gt; 15.", w.phone.message(0).HTML)
	require.Zero(t, w.outbox(), "no job has begun")

	w.now.Advance(time.Minute)
	w.do(w.text("halo?"))
	require.Equal(t, said+1, w.phone.said(), "told already")

	w.do(w.tap(1, "open:home"))
	require.Equal(t, "Kembali <jam> 15.", w.phone.toast(), "a tap must be answered")
	require.Equal(t, said+1, w.phone.said())

	w.now.Advance(5 * time.Minute)
	w.do(w.text("halo?"))
	require.Equal(t, said+2, w.phone.said())

	english := w.text("hello?")
	english.Message.From = from(8, "en")
	english.Message.Chat.ID = 8
	w.do(english)
	require.Contains(t, w.phone.message(0).HTML, "taking a short break", "its own words where the store has none in a language")

	w.change(func(of *store.Store) { of.Paused = false })
	w.do(w.text("/help"))
	require.Contains(t, w.phone.message(0).HTML, "Bantuan")
}

func TestPausedStoreServesItsStaff(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.change(func(of *store.Store) { of.Paused = true })

	boss := w.text("/help")
	boss.Message.From = from(owner, "id")
	boss.Message.Chat.ID = owner
	w.do(boss)
	require.Contains(t, w.phone.message(0).HTML, "Bantuan")

	left := telego.Update{MyChatMember: &telego.ChatMemberUpdated{
		From: *from(ani, "id"), Chat: telego.Chat{ID: ani, Type: telego.ChatTypePrivate},
		OldChatMember: &telego.ChatMemberMember{}, NewChatMember: &telego.ChatMemberBanned{},
	}}
	w.do(w.text("/start"))
	w.do(left)

	who, err := w.users.Get(t.Context(), demo, ani)
	require.NoError(t, err)
	require.True(t, who.Blocked, "who blocks the bot is remembered all the same")
}

func TestStoreWithoutTranscriptionSaysSo(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.voice())

	earlier := w.job()
	earlier.State, earlier.Reference = transcript.Apologised, "7KQ2M4"
	w.put(earlier)

	before := w.outbox()
	w.change(func(of *store.Store) { of.Off = []store.Feature{store.Transcription} })

	w.do(w.voice())
	require.Equal(t, "😔 Toko ini tidak melayani transkrip sekarang.", w.phone.message(0).HTML)

	w.do(w.tap(w.phone.last, "job:retry:"+earlier.ID))
	require.Contains(t, w.phone.message(w.phone.last).HTML, "tidak melayani transkrip")
	require.Equal(t, before, w.outbox(), "nothing has begun")

	w.do(w.text("/start"))

	home := w.phone.message(0)
	require.NotContains(t, home.HTML, "pesan suara")
	require.NotContains(t, picture(home), "open:transcribe")
	require.NotContains(t, picture(home), "open:history")

	w.do(w.tap(w.phone.last, "open:transcribe"))
	require.Equal(t, "Toko ini tidak melayani transkrip sekarang.", w.phone.toast())

	for _, said := range []string{"/help", "/settings", "halo"} {
		w.do(w.text(said))
		require.NotContains(t, w.phone.message(0).HTML, "ekam", said)
		require.NotContains(t, w.phone.message(0).HTML, "suara", said)
	}

	w.do(w.text("/history"))
	require.Contains(t, picture(w.phone.message(0)), earlier.ID, "what was sent before stays theirs")

	for _, command := range newCatalog(t).Commands("id", true, false) {
		require.NotEqual(t, "history", command.Name)
	}
}

func TestStoreWithoutAShopHidesIt(t *testing.T) {
	t.Parallel()

	w := newMarket(t)
	w.do(w.text("/start"))
	require.Contains(t, picture(w.phone.message(0)), "open:shop")

	w.change(func(of *store.Store) { of.Off = []store.Feature{store.Selling} })
	w.do(w.text("/start"))
	require.NotContains(t, picture(w.phone.message(0)), "open:shop")

	w.do(w.text("/shop"))
	require.Contains(t, w.phone.message(0).HTML, "sedang tutup")
}

func TestStoreHasLimitsOfItsOwn(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) {
		options.Tiers = transcript.Tiers{
			Free: transcript.Tier{Largest: 20 << 20, Longest: time.Hour}, Premium: transcript.Tier{Largest: 50 << 20},
		}
	})
	film := func(megabytes int64, length int) telego.Update {
		sent := w.aMessage()
		sent.Video = &telego.Video{FileID: "v", FileName: "f.mp4", Duration: length, FileSize: megabytes << 20}

		return telego.Update{Message: sent}
	}

	w.do(film(30, 60))
	require.Contains(t, w.phone.message(0).HTML, "lebih besar dari 20 MB")

	w.change(func(of *store.Store) {
		of.Limits = map[store.Limit]int{
			store.FreeFileMB: 4000, store.FreeHours: 0, store.FreeMinutes: 60, store.Tasks: 1, store.UserPerMinute: 2,
		}
	})
	w.now.Advance(time.Minute)
	w.do(film(60, 60))
	require.Contains(t, w.phone.message(0).HTML, "lebih besar dari 50 MB", "no more than the stack can fetch")

	w.do(film(30, 2*3600))
	require.Contains(t, w.phone.message(0).HTML, "Kuotamu hari ini tersisa 60 dari 60 menit")

	w.do(film(30, 1800))
	require.Contains(t, w.phone.message(0).HTML, "30 menit · 31 MB")

	w.do(film(30, 60))
	require.Contains(t, w.phone.message(0).HTML, "1 rekamanmu masih dikerjakan")

	w.do(film(30, 60))
	require.Contains(t, w.phone.message(0).HTML, "Pelan-pelan", "two a minute, four in a burst")
}
