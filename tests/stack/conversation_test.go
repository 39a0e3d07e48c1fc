package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// Everything that a person can ask for by command, in Indonesian unless their
// Telegram speaks English.
func TestCommandsAnswer(t *testing.T) {
	t.Parallel()

	shop := openShop(t)

	for _, spoken := range []struct {
		language string
		answers  map[string]string
		unknown  string
	}{
		{"id", map[string]string{
			"/start": "Selamat datang di " + shop.Name, "/help": "Bantuan", "/settings": "Pengaturan", "/lang": "Mau pakai bahasa apa",
			"/history": "Belum ada transkrip", "/cancel": "Tidak ada transkripsi", "/nothing": "belum kenal perintah",
		}, "Aku belum mengerti"},
		{"en", map[string]string{
			"/start": "Welcome to " + shop.Name, "/help": "Help", "/settings": "Settings", "/lang": "Which language",
			"/history": "No transcripts yet", "/cancel": "Nothing is being transcribed", "/nothing": "do not know that command",
		}, "I did not get that"},
		{"de", map[string]string{"/help": "Bantuan"}, "Aku belum mengerti"}, // a language that there is no catalog for
	} {
		t.Run(spoken.language, func(t *testing.T) {
			t.Parallel()

			person := shop.customer(t, spoken.language)

			for command, want := range spoken.answers {
				if answer := person.says(command); !strings.Contains(answer.Text, want) {
					t.Errorf("%s: the bot says %q, want it to say %q", command, answer.Text, want)
				}
			}

			answer := person.says("apa kabar?")
			if !strings.Contains(answer.Text, spoken.unknown) || len(answer.Buttons) == 0 {
				t.Errorf("to an unknown text the bot says %q with buttons %v, want %q and a way on",
					answer.Text, answer.Buttons, spoken.unknown)
			}
		})
	}
}

// The language changes by button, for good, and back.
func TestLanguageChanges(t *testing.T) {
	t.Parallel()

	person := openShop(t).customer(t, "id")

	choice := person.says("/lang")
	person.taps(choice, "English")
	person.wait(control.Condition{MessageID: choice.ID, Edited: true, Text: "English"})

	if answer := person.says("/help"); !strings.Contains(answer.Text, "Help") {
		t.Errorf("after the change to English /help says %q", answer.Text)
	}

	choice = person.says("/lang")
	person.taps(choice, "Bahasa Indonesia")
	person.wait(control.Condition{MessageID: choice.ID, Edited: true, Text: "Indonesia"})

	if answer := person.says("/help"); !strings.Contains(answer.Text, "Bantuan") {
		t.Errorf("after the change back /help says %q", answer.Text)
	}
}

// Every screen is reached by button too, in one message.
func TestScreensByButton(t *testing.T) {
	t.Parallel()

	person := openShop(t).visitor(t, "id")
	home := person.welcomed()

	for _, step := range []struct{ button, shows string }{
		{"Transkrip", "Rekam pesan suara"},
		{"Kembali", "Atau pilih"},
		{"Riwayat", "Belum ada transkrip"},
		{"Kembali", "Atau pilih"},
		{"Pengaturan", "Bahasa bot:"},
		{"🌐 Bahasa", "Mau pakai bahasa apa"},
		{"Kembali", "Bahasa bot:"},
		{"Kembali", "Atau pilih"},
		{"Bantuan", "/history"},
	} {
		person.taps(home, step.button)
		person.wait(control.Condition{MessageID: home.ID, Edited: true, Text: step.shows})
	}
}

// A button that nobody knows any more explains itself and leads home.
func TestOldButtonExplains(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	person := shop.customer(t, "id")

	toast := tapByUpdate(t, shop, person, "basket:add:17")
	if !strings.Contains(toast, "sudah tidak berlaku") {
		t.Errorf("the toast of an old button is %q", toast)
	}

	person.wait(control.Condition{Text: "Atau pilih"})
}

// injected numbers updates that tests make, far from the simulator's own.
var injected atomic.Int64

// tapByUpdate has Telegram report a tap on the bot's last message with any
// data, and gives the toast that the bot answers.
func tapByUpdate(t *testing.T, shop shop, person *customer, data string) string {
	t.Helper()

	all := person.history()
	message := all[len(all)-1]
	from := map[string]any{"id": person.User, "is_bot": false, "first_name": "Wati", "language_code": "id"}
	id := fmt.Sprintf("tap-%d-%s", person.User, data)

	update, err := json.Marshal(map[string]any{"update_id": injected.Add(1), "callback_query": map[string]any{
		"id": id, "from": from, "chat_instance": "1", "data": data,
		"message": map[string]any{
			"message_id": message.ID, "date": message.Date, "text": message.Text,
			"chat": map[string]any{"id": person.User, "type": "private", "first_name": "Wati"},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}

	if err := people.InjectUpdate(t.Context(), shop.BotID(), update); err != nil {
		t.Fatal(err)
	}

	var told struct {
		Query string `json:"callback_query_id"`
		Text  string `json:"text"`
	}

	call := awaitCall(t, shop.BotID(), "answerCallbackQuery", func(call control.Call) bool {
		return json.Unmarshal(call.Params, &told) == nil && told.Query == id
	})
	if len(call.Problems) > 0 {
		t.Errorf("answerCallbackQuery has fields that Telegram does not know: %v", call.Problems)
	}

	return told.Text
}

// awaitCall waits for a call of a bot. The control API has no wait for calls,
// so it is asked again and again.
func awaitCall(t *testing.T, bot int64, method string, fits func(control.Call) bool) control.Call {
	t.Helper()

	const askEvery = 100 * time.Millisecond

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for until := time.Now().Add(answerWithin); time.Now().Before(until); <-tick.C {
		calls, err := people.Calls(t.Context(), bot, method, 0)
		if err != nil {
			t.Fatal(err)
		}

		for _, call := range calls {
			if fits(call) {
				return call
			}
		}
	}

	t.Fatalf("bot %d did not call %s within %s", bot, method, answerWithin)

	return control.Call{}
}

// A job can be stopped, by button and by command, and leaves no dead buttons.
func TestCancel(t *testing.T) {
	t.Parallel()

	shop := openShop(t)

	for _, way := range []string{"button", "command"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()

			person := shop.customer(t, "id")
			stopped := gateway.catch(t, "S3.PUT", false, "/media/"+shop.ID) // the download hangs there, so that it can be stopped

			person.sends("voice", "voice-en.ogg")
			progress := person.wait(control.Condition{Button: "Batalkan"})

			stopped.wait(t)

			if way == "button" {
				person.taps(progress, "Batalkan")
			} else {
				person.says("/cancel")
			}

			over := person.wait(control.Condition{After: progress.Seq, MessageID: progress.ID, Edited: true, Text: "Dibatalkan"})
			if len(over.Buttons) != 0 {
				t.Errorf("a cancelled job keeps its buttons: %v", over.Buttons)
			}

			close(stopped.released)

			promises.add(func(ctx context.Context) error { return neverShown(ctx, person, way) })
		})
	}
}

// Thirty messages at once are held back politely: as many as are allowed are
// answered, a few messages ask to wait and later own up to what was not
// handled, and what comes after the wait is answered.
func TestFloodIsLimitedPolitely(t *testing.T) {
	t.Parallel()

	const (
		allowed = 19 // chat.Options.UserRate: 20 at once, of which /start took one
		few     = 4
		patient = 8 * time.Second // longer than the bot asks to wait
	)

	person := openShop(t).customer(t, "id")
	sent := 0

	for ; sent < 30; sent++ {
		if _, err := person.Text(t.Context(), fmt.Sprintf("pesan %d", sent)); err != nil {
			t.Fatal(err)
		}
	}

	warning := person.wait(control.Condition{Text: "Pelan-pelan"})
	if !strings.Contains(warning.Text, "detik") {
		t.Errorf("the warning does not say how long to wait: %q", warning.Text)
	}

	// Whoever then asks at a normal pace is answered.
	for answered := false; !answered; sent++ {
		asked, err := person.Text(t.Context(), "/help")
		if err != nil {
			t.Fatal(err)
		}

		_, err = person.Wait(t.Context(), control.Condition{After: asked.Seq, Text: "Bantuan", Timeout: patient})
		answered = err == nil
	}

	answered, missed, pauses := tally(t, person)
	t.Logf("%d sent, 30 of them at once: %d answered, %d owned up to in %d messages", sent, answered, missed, pauses)

	if answered < allowed || answered+missed != sent || pauses > few {
		t.Errorf("of %d messages %d were answered and %d owned up to in %d messages, want at least %d, all, and at most %d",
			sent, answered, missed, pauses, allowed, few)
	}
}

// tally counts what the bot has answered, and what it owns up to have missed in
// how many messages.
func tally(t *testing.T, person *customer) (int, int, int) {
	t.Helper()

	var answered, missed, pauses int

	for _, message := range person.history() {
		switch {
		case !message.FromBot:
		case strings.Contains(message.Text, "Aku belum mengerti"), strings.Contains(message.Text, "Bantuan"):
			answered++
		case strings.Contains(message.Text, "terlalu cepat"):
			pauses++

			var count int
			if _, err := fmt.Sscanf(message.Text, "😅 Tadi %d pesan", &count); err != nil {
				t.Errorf("what was missed is not told: %q", message.Text)
			}

			missed += count
		case strings.Contains(message.Text, "Pelan-pelan"):
			t.Errorf("a warning is left after its wait: %q", message.Text)
		}
	}

	return answered, missed, pauses
}

func neverShown(ctx context.Context, who *customer, name string) error {
	all, err := who.results(ctx)
	if err != nil {
		return err
	}

	if len(all) != 0 {
		return fmt.Errorf("cancelled by %s: the transcript came all the same: %v", name, all)
	}

	return nil
}
