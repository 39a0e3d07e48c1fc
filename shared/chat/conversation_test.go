package chat_test

import (
	"flag"
	"testing"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/transcript"
)

var update = flag.Bool("update", false, "write what the bot says now into testdata")

// The whole conversation as people see it lies in testdata, one file for each
// language: read the change there when a text changes.
func TestConversation(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, func(options *chat.Options) {
				options.Models = []string{"groq/whisper-large-v3-turbo", "deepgram/nova-3"}
			})
			talk(w, language)

			matches(t, "conversation."+language+".txt", w.phone.log)
		})
	}
}

// talk lets Ani try everything once, with a minute between.
func talk(w *world, language string) {
	say := func(update telego.Update) {
		switch {
		case update.Message != nil:
			update.Message.From = from(ani, language)
			w.phone.log = append(w.phone.log, "", "ANI: "+update.Message.Text)
		case update.CallbackQuery != nil:
			update.CallbackQuery.From = *from(ani, language)
			w.phone.log = append(w.phone.log, "", "ANI taps "+update.CallbackQuery.Data)
		}

		w.do(update)
		w.now.Advance(time.Minute)
	}

	for _, text := range []string{
		"/start", "/help@kopi_bot", "/settings", "/lang", "/history", "/cancel", "/start history", "/start nothing",
		"/what", "halo",
	} {
		say(w.text(text))
	}

	for _, screen := range []string{"home", "transcribe", "history", "settings", "help", "lang", "gone"} {
		say(w.tap(w.phone.last, "open:"+screen))
	}

	photo := w.text("")
	photo.Message.Photo = []telego.PhotoSize{{FileID: "p"}}
	say(photo)

	pdf := w.text("")
	pdf.Message.Document = &telego.Document{FileID: "d", FileName: "nota.pdf", MimeType: "application/pdf", FileSize: 9}
	say(pdf)

	film := w.text("")
	film.Message.Video = &telego.Video{FileID: "v", FileName: "rapat <senin>.mp4", Duration: 4320, FileSize: 412_000_000}
	say(film)

	talkOfPreferences(w, say)
	talkOfJobs(w, say)
	talkOfDeletion(w, say)

	for _, data := range []string{"open:lang", "lang:en", "lang:xx", "lang:id"} {
		say(w.tap(w.phone.last, data))
	}
}

// talkOfPreferences opens each screen of the settings and chooses something.
func talkOfPreferences(w *world, say func(telego.Update)) {
	say(w.text("/settings"))

	for _, data := range []string{
		"open:spoken", "spoken:jv", "open:spoken", "spoken:xx", "open:model", "model:deepgram/nova-3", "model:gone/model",
		"speakers:on", "open:file", "along:srt", "open:file", "along:doc", "open:settings", "spoken:", "model:", "speakers:off", "along:",
	} {
		say(w.tap(w.phone.last, data))
	}
}

// talkOfDeletion deletes one transcript, and then all of them.
func talkOfDeletion(w *world, say func(telego.Update)) {
	button := func(column int) string { return w.phone.message(0).Buttons[0][column].Data }

	cancelled := w.nth(1)
	say(w.tap(w.phone.last, "job:show:"+cancelled.ID))

	shown := w.phone.last
	say(w.tap(shown, button(0)))
	say(w.tap(w.phone.last, button(1)))
	say(w.tap(shown, "job:delete:"+cancelled.ID))

	sure := button(0)
	say(w.tap(w.phone.last, sure))
	say(w.tap(w.phone.last, sure))
	say(w.tap(w.phone.last, "job:show:"+cancelled.ID))

	say(w.voice())
	say(w.tap(w.phone.last, "job:delete:"+w.job().ID))
	say(w.tap(w.phone.last, "job:erase:"+w.job().ID))
	say(w.text("/cancel"))
	say(w.tap(w.phone.last, "job:show:"+w.job().ID))

	say(w.text("/history"))
	say(w.tap(w.phone.last, "all:delete"))
	say(w.tap(w.phone.last, "open:history"))
	say(w.tap(w.phone.last, "all:delete"))
	say(w.tap(w.phone.last, "all:erase"))
}

// talkOfJobs starts jobs, moves them as workers would, and looks at them.
func talkOfJobs(w *world, say func(telego.Update)) {
	say(w.voice())

	running := w.job()
	say(w.tap(w.phone.last, "job:cancel:"+running.ID))
	say(w.tap(w.phone.last, "job:cancel:"+running.ID))

	meeting := w.voice()
	meeting.Message.Voice = nil
	meeting.Message.Audio = &telego.Audio{FileID: "a", FileName: "rapat <senin>.mp3", Duration: 4320, FileSize: 12_400_000}
	say(meeting)

	done := w.job()
	done.State, done.Result = transcript.Delivered, &transcript.Summary{Blob: "b", Words: 3}
	w.put(done)
	say(w.tap(w.phone.last, "job:cancel:"+done.ID))
	say(w.tap(w.phone.last, "job:txt:"+done.ID))
	say(w.tap(w.phone.last, "job:srt:"+done.ID))
	say(w.tap(w.phone.last, "job:vtt:"+done.ID))
	say(w.tap(w.phone.last, "job:json:"+done.ID))
	say(w.tap(w.phone.last, "job:rest:"+done.ID))
	say(w.tap(w.phone.last, "job:show:"+done.ID))

	say(w.voice())

	failed := w.job()
	failed.State, failed.Reference = transcript.Apologised, "7KQ2M4"
	w.put(failed)
	say(w.tap(w.phone.last, "job:show:"+failed.ID))
	say(w.tap(w.phone.last, "job:retry:"+failed.ID))
	say(w.tap(w.phone.last, "job:retry:"+failed.ID))
	say(w.tap(w.phone.last, "job:txt:"+failed.ID))
	say(w.tap(w.phone.last, "job:show:"+failed.ID))
	say(w.tap(w.phone.last, "job:show:"+running.ID))
	say(w.tap(w.phone.last, "job:show:nothing"))

	for range 6 {
		say(w.voice())
	}

	named := w.job()
	named.State = transcript.Delivered
	named.Result = &transcript.Summary{Blob: "b", Words: 9, Preview: "Selamat pagi semuanya, kita mulai dengan anggaran"}
	w.put(named)

	say(w.text("/history"))
	say(w.tap(w.phone.last, "history:2:older:"+w.nth(5).ID))
	say(w.tap(w.phone.last, "history:1:newer:"+w.nth(6).ID))
	say(w.tap(w.phone.last, "history:2"))
	say(w.tap(w.phone.last, "history:2:beside:"+w.nth(5).ID))
	say(w.tap(w.phone.last, "history:x"))
	say(w.text("/cancel"))
}
