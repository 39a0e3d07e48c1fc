package stack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/s3"
	"github.com/lapak-id/lapak/shared/transcript"
)

// bucket is where recordings and transcripts lie.
func bucket() blob.Bucket {
	client := awss3.NewFromConfig(cloud.AWS(), func(options *awss3.Options) { options.UsePathStyle = true })

	return s3.New(client, cloud.Outputs["MediaBucketName"])
}

// stored gives the keys of all that is stored of a shop.
func (s shop) stored(t *testing.T) []string {
	t.Helper()

	var keys []string

	for _, kind := range []string{"media/", "cache/", "parts/", "transcripts/"} {
		page, err := bucket().List(t.Context(), kind+s.ID+"/", "", blob.MaxPageKeys)
		if err != nil {
			t.Fatal(err)
		}

		for _, object := range page.Objects {
			keys = append(keys, object.Key)
		}
	}

	return keys
}

// What a person deletes is gone: from the chat, from the history and from the
// bucket, and the same file must be heard anew.
func TestDeletedTranscriptIsGone(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	budi := shop.customer(t, "id")

	budi.sends("voice", "voice-en.ogg")
	result := budi.transcript()

	if len(shop.stored(t)) == 0 {
		t.Fatal("nothing is stored of a transcript: the test looks in the wrong place")
	}

	budi.taps(result, "Hapus")
	question := budi.wait(control.Condition{Button: "Ya, hapus"})
	budi.taps(question, "Jangan")

	if kept := budi.showing("Hapus selamanya"); len(kept) != 0 {
		t.Errorf("the question stays after it was answered: %q", kept[0].Text)
	}

	budi.taps(result, "Hapus")
	question = budi.wait(control.Condition{Button: "Ya, hapus"})
	budi.taps(question, "Ya, hapus")
	budi.wait(control.Condition{After: question.Seq, MessageID: result.ID, Edited: true, Text: "sudah dihapus"})
	awaitNothing(t, "stored of the shop", func() []string { return shop.stored(t) })

	if list := budi.says("/history"); !strings.Contains(list.Text, "Belum ada transkrip") {
		t.Errorf("the history still shows it: %q", list.Text)
	}

	for _, message := range budi.history() {
		if strings.Contains(strings.ToLower(message.Text), "thank you for calling") {
			t.Errorf("the chat still shows it: %q", message.Text)
		}
	}

	budi.sends("voice", "voice-en.ogg")
	again := budi.transcript()
	mustHave(t, words(again), "voice-en.ogg")

	list := budi.says("/history")
	budi.taps(list, "Hapus semua")
	sure := budi.wait(control.Condition{After: list.Seq, MessageID: list.ID, Edited: true, Button: "Ya, hapus semuanya"})
	budi.taps(sure, "Ya, hapus semuanya")
	budi.wait(control.Condition{After: sure.Seq, MessageID: list.ID, Edited: true, Text: "Semua transkripmu sudah dihapus"})
	awaitNothing(t, "stored of the shop", func() []string { return shop.stored(t) })
}

// awaitNothing waits until something is empty.
func awaitNothing(t *testing.T, what string, look func() []string) {
	t.Helper()

	const askEvery = 100 * time.Millisecond

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	var left []string

	for until := time.Now().Add(answerWithin); time.Now().Before(until); <-tick.C {
		if left = look(); len(left) == 0 {
			return
		}
	}

	t.Fatalf("%s after %s: %v", what, answerWithin, left)
}

// A transcript comes in each form that is offered, and in the one that a
// person wants along with each.
func TestFormatsOfATranscript(t *testing.T) {
	t.Parallel()

	shop := openShop(t)
	emma := shop.customer(t, "en")

	settings := emma.says("/settings")
	emma.taps(settings, "Automatic file")
	choices := emma.wait(control.Condition{After: settings.Seq, MessageID: settings.ID, Edited: true, Button: "VTT"})
	emma.taps(choices, "VTT")
	emma.wait(control.Condition{After: choices.Seq, MessageID: settings.ID, Edited: true, Text: "File sent along: 🌐 VTT"})

	emma.sends("voice", "voice-en.ogg")
	result := emma.transcript()

	along := emma.wait(control.Condition{Kind: "document"})

	vtt, err := people.Download(t.Context(), along.File)
	if err != nil || !strings.HasSuffix(along.File.Name, ".vtt") || !strings.HasPrefix(string(vtt), "WEBVTT\n\n1\n00:00:0") {
		t.Errorf("the file that comes along is %q, %v:\n%s", along.File.Name, err, vtt)
	}

	document, text := emma.takes(result, "JSON")

	var read transcript.JSONTranscript
	if err := json.Unmarshal([]byte(text), &read); err != nil || !strings.HasSuffix(document.File.Name, ".json") {
		t.Fatalf("open %q: %v:\n%s", document.File.Name, err, text)
	}

	mustHave(t, read.Text, "voice-en.ogg")

	if read.Version != transcript.JSONVersion || read.Duration < 5 || len(read.Words) < 10 || len(read.Segments) == 0 {
		t.Errorf("the JSON has version %d, %g seconds, %d words in %d segments",
			read.Version, read.Duration, len(read.Words), len(read.Segments))
	}

	for at, word := range read.Words {
		if word.End < word.Start || word.End > read.Duration+1 || at > 0 && word.Start < read.Words[at-1].Start {
			t.Errorf("word %d %q runs from %g to %g of %g", at, word.Text, word.Start, word.End, read.Duration)
		}
	}

	_, vttAgain := emma.takes(result, "VTT")
	if vttAgain != string(vtt) {
		t.Errorf("the same file differs when it is asked for:\n%s", vttAgain)
	}
}

// A text of several messages is read by a button: all of it, in order, each
// message once. The long transcript is put in the place of a short one, which
// saves minutes of recognition.
func TestReadAllOfALongTranscript(t *testing.T) {
	t.Parallel()

	const sentences = 420 // about five messages

	shop := openShop(t)
	budi := shop.customer(t, "id")

	budi.sends("voice", "voice-en.ogg")
	budi.transcript()

	var long []string
	for number := range sentences {
		long = append(long, fmt.Sprintf("Ini kalimat nomor %d dari rapat kita.", number))
	}

	text, err := json.Marshal(transcript.Transcript{
		Text: strings.Join(long, " "), Language: "id", Duration: time.Hour, Model: "groq/whisper-large-v3-turbo",
	})
	if err != nil {
		t.Fatal(err)
	}

	for _, key := range shop.stored(t) {
		if strings.HasPrefix(key, "transcripts/") {
			if _, err := bucket().Put(t.Context(), key, strings.NewReader(string(text)), blob.PutOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}

	budi.taps(budi.says("/history"), "thank you for calling")
	result := budi.wait(control.Condition{Button: "Baca semua"})

	budi.taps(result, "Baca semua")
	budi.wait(control.Condition{Text: fmt.Sprintf("nomor %d dari rapat kita.", sentences-1)})
	budi.wait(control.Condition{MessageID: result.ID, Edited: true})

	var read strings.Builder

	for _, message := range budi.history() {
		switch {
		case !message.FromBot || message.ID < result.ID:
		case message.ID == result.ID:
			if hasButton(message, "Baca semua") {
				t.Error("the button stays after all was read")
			}

			read.WriteString(strings.Split(words(message), " …")[0])
		default:
			read.WriteString(" " + words(message))
		}
	}

	if got, want := strings.Join(strings.Fields(read.String()), " "), strings.Join(long, " "); got != want {
		t.Errorf("what was read is not the transcript:\n%s", got)
	}
}
