package stack_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// What carries no speech gets a polite answer that says why, as the one living
// message, and no second try that could not help.
func TestMediaWithoutSpeech(t *testing.T) {
	t.Parallel()

	shop := openShop(t)

	for _, sample := range []struct{ name, answer string }{
		{"not-audio.ogg", "Ini berkas TXT, bukan audio atau video"},
		{"silence.ogg", "Tidak ada ucapan yang terdengar"},
		{"noise.ogg", "Tidak ada ucapan yang terdengar"},
		{"music.ogg", ""},             // the recogniser says what it is not
		{"voice-not-english.ogg", ""}, // as above
	} {
		t.Run(sample.name, func(t *testing.T) {
			t.Parallel()

			person := shop.customer(t, "id")
			person.sends("voice", sample.name)
			progress := person.wait(control.Condition{Button: "Batalkan"})
			answer := person.wait(control.Condition{
				MessageID: progress.ID, Edited: true, Text: sample.answer, After: finished(person, progress),
			})

			t.Logf("%q", answer.Text)

			if hasButton(answer, "Batalkan") || hasButton(answer, "Coba lagi") {
				t.Errorf("the answer keeps buttons that cannot help: %v", answer.Buttons)
			}

			if count := len(person.history()); count != 4 { // /start, welcome, file, answer
				t.Errorf("the chat holds %d messages, want 4", count)
			}
		})
	}
}

// finished waits until a progress message has lost its button to cancel, and
// gives the change before that.
func finished(person *customer, progress control.Message) int64 {
	person.t.Helper()

	for seq := progress.Seq; ; {
		next := person.wait(control.Condition{After: seq, MessageID: progress.ID, Edited: true})
		if !hasButton(next, "Batalkan") {
			return seq
		}

		seq = next.Seq
	}
}

// A file of no bytes is refused, whoever notices it first.
func TestEmptyFile(t *testing.T) {
	t.Parallel()

	person := openShop(t).customer(t, "id")

	_, err := person.File(t.Context(), control.Upload{Kind: "voice", Name: "empty.ogg", Content: bytes.NewReader(nil)})
	if err == nil {
		answer := person.wait(control.Condition{Text: "tidak bisa dibaca sebagai audio atau video"})
		t.Logf("%q", answer.Text)
	} else {
		t.Logf("the simulator takes no empty file, as Telegram: %v", err)
	}
}

// A file that is larger than Telegram gives to anybody is refused at once:
// nothing is queued, nothing is fetched.
func TestTooLargeFile(t *testing.T) {
	t.Parallel()

	const tooLarge = 3_000_000_000

	shop := openShop(t)
	person := shop.customer(t, "id")

	update, err := json.Marshal(map[string]any{"update_id": injected.Add(1), "message": map[string]any{
		"message_id": 1000, "date": time.Now().Unix(),
		"chat": map[string]any{"id": person.User, "type": "private", "first_name": "Wati"},
		"from": map[string]any{"id": person.User, "is_bot": false, "first_name": "Wati", "language_code": "id"},
		"document": map[string]any{
			"file_id": "huge", "file_unique_id": "huge", "file_name": "rapat.mp3", "mime_type": "audio/mpeg", "file_size": tooLarge,
		},
	}})
	if err != nil {
		t.Fatal(err)
	}

	if err := people.InjectUpdate(t.Context(), shop.BotID(), update); err != nil {
		t.Fatal(err)
	}

	answer := person.wait(control.Condition{Text: "lebih besar dari"})
	if !strings.Contains(answer.Text, "lebih besar dari 2.000 MB") {
		t.Errorf("the bot says %q", answer.Text)
	}

	if list := person.says("/history"); !strings.Contains(list.Text, "Belum ada transkrip") {
		t.Errorf("the refused file is in the history: %q", list.Text)
	}

	calls, err := people.Calls(t.Context(), shop.BotID(), "getFile", 0)
	if err != nil || len(calls) != 0 {
		t.Errorf("the file was fetched: %v, %v", calls, err)
	}

	for _, call := range gateway.since(0) {
		if call.function == "relay" && strings.Contains(call.of, shop.ID) {
			t.Errorf("something was queued: %s %s", call.operation, call.of)
		}
	}
}

// What is no recording gets an answer too.
func TestOtherContent(t *testing.T) {
	t.Parallel()

	person := openShop(t).customer(t, "id")

	sent := person.sendsContent(control.Upload{
		Kind: "document", Name: "daftar harga.pdf", MIME: "application/pdf", Content: strings.NewReader("%PDF-1.4"),
	})

	answer := person.wait(control.Condition{After: sent.Seq})
	if !strings.Contains(answer.Text, "bukan audio atau video") {
		t.Errorf("to a PDF the bot says %q", answer.Text)
	}

	contact, err := person.Contact(t.Context(), "+62811000000")
	if err != nil {
		t.Fatal(err)
	}

	answer = person.wait(control.Condition{After: contact.Seq})
	if !strings.Contains(answer.Text, "belum bisa kuproses") {
		t.Errorf("to a contact the bot says %q", answer.Text)
	}
}

// Names that people give to files do no harm in messages, files and keys.
func TestHostileFileName(t *testing.T) {
	t.Parallel()

	person := openShop(t).customer(t, "id")

	for _, name := range []string{
		"../../etc/passwd.mp3", "<b>rapat</b> & co.mp3", "\u202egpj.mp3", strings.Repeat("panjang ", 40) + ".mp3",
	} {
		content := bytes.NewReader(sample(t, "voice-en-2.mp3"))
		person.sendsContent(control.Upload{Kind: "document", Name: name, MIME: "audio/mpeg", Content: content})

		result := person.transcript()

		document, _ := person.takes(result, textButton)
		if strings.ContainsAny(document.File.Name, "/\\<>\u202e") || len(document.File.Name) > 255 {
			t.Errorf("%q came back as %q", name, document.File.Name)
		}

		t.Logf("%.40q -> %.60q", name, document.File.Name)
	}
}
