package stack_test

import (
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astisub"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/tests/media"
)

// The main job: a voice message in, its transcript out, as one living message.
// It runs alone, because it measures and counts.
func TestVoiceMessageBecomesTranscript(t *testing.T) {
	shop := openShop(t)
	budi := shop.customer(t, "id")

	budi.sends("voice", "voice-en.ogg")
	progress := budi.wait(control.Condition{})

	if !hasButton(progress, "Batalkan") {
		t.Errorf("the first answer to a voice message cannot be cancelled: %q", progress.Text)
	}

	result := budi.transcript()
	if result.ID != progress.ID || result.EditDate == 0 {
		t.Errorf("the result is message %d, edited at %d, want progress message %d edited", result.ID, result.EditDate, progress.ID)
	}

	if !strings.Contains(result.Text, "Pesan suara") || !strings.Contains(result.Text, "kata") {
		t.Errorf("the result's head is not Indonesian: %q", result.Text)
	}

	if all := budi.history(); len(all) != 4 { // /start, welcome, voice, result
		t.Errorf("the chat holds %d messages, want 4: %v", len(all), all)
	}

	mustHave(t, words(result), "voice-en.ogg")

	t.Run("files", func(t *testing.T) { filesOpenRight(t, budi, result) })
	t.Run("cache", func(t *testing.T) { sameFileCostsOnce(t, shop, budi) })
	t.Run("history", func(t *testing.T) { historyShowsAgain(t, budi) })
}

func filesOpenRight(t *testing.T, budi *customer, result control.Message) {
	t.Helper()

	document, text := budi.takes(result, textButton)
	if !strings.HasSuffix(document.File.Name, ".txt") {
		t.Errorf("the text file is called %q", document.File.Name)
	}

	mustHave(t, text, "voice-en.ogg")

	document, srt := budi.takes(result, subtitleButton)
	if !strings.HasSuffix(document.File.Name, ".srt") {
		t.Errorf("the subtitle file is called %q", document.File.Name)
	}

	subtitles, err := astisub.ReadFromSRT(strings.NewReader(srt))
	if err != nil || len(subtitles.Items) == 0 {
		t.Fatalf("open the subtitles: %v, %d items:\n%s", err, len(subtitles.Items), srt)
	}

	const (
		spokenFrom = 1500 * time.Millisecond  // the voice begins after 0.3 s of silence
		length     = 10730 * time.Millisecond // of the file: what is quickly said stays on screen to be read
	)

	var (
		said []string
		last time.Duration
	)

	for _, item := range subtitles.Items {
		if item.StartAt < last || item.EndAt <= item.StartAt {
			t.Errorf("subtitle %q runs from %s to %s, after one that ends at %s", item, item.StartAt, item.EndAt, last)
		}

		last = item.EndAt
		said = append(said, item.String())
	}

	if first := subtitles.Items[0].StartAt; first > spokenFrom || last > length || last < length/2 {
		t.Errorf("subtitles run from %s to %s, want from under %s to between %s and %s", first, last, spokenFrom, length/2, length)
	}

	mustHave(t, strings.Join(said, " "), "voice-en.ogg")
}

// quick bounds the answer to a file that was transcribed before.
const quick = 2 * time.Second

// sameFileCostsOnce sends the file again, from the same person and another.
func sameFileCostsOnce(t *testing.T, shop shop, budi *customer) {
	t.Helper()

	for _, who := range []*customer{budi, shop.customer(t, "id")} {
		before := heard(t).Started
		began := time.Now()

		who.sends("voice", "voice-en.ogg")
		result := who.transcript()

		if took := time.Since(began); took > quick {
			t.Errorf("the same file took %s, want under %s", took, quick)
		} else {
			t.Logf("the same file took %s", took)
		}

		if asked := heard(t).Started - before; asked != 0 {
			t.Errorf("the same file cost %d calls of the provider, want none", asked)
		}

		mustHave(t, words(result), "voice-en.ogg")
	}
}

func historyShowsAgain(t *testing.T, budi *customer) {
	t.Helper()

	list := budi.says("/history")

	if !strings.Contains(list.Text, "Riwayat") || !hasButton(list, "thank you for calling") {
		t.Fatalf("the history does not show the transcript: %q %v", list.Text, list.Buttons)
	}

	budi.taps(list, "thank you for calling")

	again := budi.transcript()
	if again.EditDate != 0 {
		t.Error("a result that is asked for again must be a new message")
	}

	mustHave(t, words(again), "voice-en.ogg")
}

// Two people who send the same file at the same moment are both answered, and
// the provider is asked once. It runs alone, because it counts.
func TestSameFileAtOnceIsHeardOnce(t *testing.T) {
	shop := openShop(t)
	budi, sari := shop.customer(t, "id"), shop.customer(t, "id")
	before := heard(t).Started

	budi.sends("voice", "voice-en-2.ogg")
	sari.sends("voice", "voice-en-2.ogg")

	for _, who := range []*customer{budi, sari} {
		mustHave(t, words(who.transcript()), "voice-en-2.ogg")
	}

	if asked := heard(t).Started - before; asked != 1 {
		t.Errorf("the provider was asked %d times for one file, want once", asked)
	}
}

// Whatever carries speech is taken, in whatever way it is sent.
func TestMediaOfAllKinds(t *testing.T) {
	t.Parallel()

	shop := openShop(t)

	for _, sample := range []struct{ kind, name string }{
		{"voice", "voice-en-2.ogg"},
		{"audio", "voice-en-2.mp3"},
		{"video", "video-en.mp4"},
		{"document", "video-en.mp4"},
	} {
		t.Run(sample.kind+" "+sample.name, func(t *testing.T) {
			t.Parallel()

			emma := shop.customer(t, "en")
			emma.sends(sample.kind, sample.name)

			mustHave(t, words(emma.transcript()), sample.name)
		})
	}
}

// A human voice is heard too, if not as well: the recogniser of a laptop is
// wrong on about a third of the words. Its errors are reported, and the bound
// only says that something was heard.
func TestHumanVoice(t *testing.T) {
	t.Parallel()

	const heardAtAll = 0.60 // of the words wrong

	shop := openShop(t)

	for _, name := range []string{"voice-human.ogg", "voice-human-short.ogg"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			emma := shop.customer(t, "en")
			emma.sends("voice", name)

			said, err := media.Said(name)
			if err != nil {
				t.Fatal(err)
			}

			text := words(emma.transcript())
			wrong := media.WordErrorRate(said, text)
			t.Logf("word error rate %.0f %%\nsaid  %s\nheard %s", hundred*wrong, said, text)

			if wrong > heardAtAll {
				t.Errorf("word error rate %.0f %%, want at most %.0f %%", hundred*wrong, hundred*heardAtAll)
			}
		})
	}
}
