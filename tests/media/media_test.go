package media_test

import (
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/tests/media"
)

func TestWordErrorRate(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ref, hyp string
		want     float64
	}{
		"same":                  {"thank you for calling", "thank you for calling", 0},
		"case and punctuation":  {"Thank you, for calling!", "thank you for calling", 0},
		"typographic quote":     {"ten o’clock", "ten o'clock", 0},
		"quoted word":           {"he said 'now'", "he said now", 0},
		"digits":                {"21 cups for 12,500 rupiah", "twenty one cups for twelve thousand five hundred rupiah", 0},
		"round number":          {"100 cups", "one hundred cups", 0},
		"hyphen":                {"twenty-one", "21", 0},
		"replaced":              {"one two three four", "one too three four", 0.25},
		"left out":              {"one two three four", "one three four", 0.25},
		"added":                 {"one two three four", "one two five three four", 0.25},
		"nothing heard":         {"one two", "", 1},
		"more wrong than said":  {"one", "two three four", 3},
		"other word order":      {"a b", "b a", 1},
		"Indonesian":            {"selamat pagi semuanya", "selamat siang semuanya", 1.0 / 3},
		"nothing said or heard": {"", " . ", 0},
		"nothing said":          {"", "cool", math.Inf(1)},
		"number too long":       {"1234567", "1234567", 0},
		"zero":                  {"0", "zero", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := media.WordErrorRate(test.ref, test.hyp); got != test.want {
				t.Errorf("WordErrorRate(%q, %q) = %v, want %v", test.ref, test.hyp, got, test.want)
			}
		})
	}
}

func TestWordErrorRateIsADistance(t *testing.T) {
	t.Parallel()
	sentence := rapid.SliceOfN(rapid.SampledFrom(strings.Fields("a b c d")), 1, 12)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := sentence.Draw(t, "a"), sentence.Draw(t, "b"), sentence.Draw(t, "c")
		edits := func(from, to []string) int {
			rate := media.WordErrorRate(strings.Join(from, " "), strings.Join(to, " "))
			return int(math.Round(rate * float64(len(from))))
		}
		if edits(a, a) != 0 {
			t.Errorf("a sentence is %d words away from itself", edits(a, a))
		}
		if edits(a, b) != edits(b, a) {
			t.Errorf("%v to %v takes %d edits, back %d", a, b, edits(a, b), edits(b, a))
		}
		if edits(a, c) > edits(a, b)+edits(b, c) {
			t.Errorf("%v to %v takes %d edits, less by way of %v", a, c, edits(a, c), b)
		}
		if least := max(len(a), len(b)) - min(len(a), len(b)); edits(a, b) < least || edits(a, b) > max(len(a), len(b)) {
			t.Errorf("%v to %v takes %d edits", a, b, edits(a, b))
		}
	})
}

func TestSaid(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]string{
		"voice-en.ogg":          "Thank you for calling.",
		"voice-en-2.mp3":        "The weather",
		"voice-human-short.ogg": "Go forward",
		"video-en.mp4":          "Thank you for calling.",
	} {
		said, err := media.Said(name)
		if err != nil || !strings.HasPrefix(said, start) {
			t.Errorf("Said(%q) = %q, %v; want it to start with %q", name, said, err, start)
		}
	}
	if said, err := media.Said("music.ogg"); err == nil {
		t.Errorf("Said(music.ogg) = %q, want an error", said)
	}
}

func TestFilesAreThere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"voice-not-english.ogg", "silence.ogg", "noise.ogg", "music.ogg", "not-audio.ogg", "empty.ogg"} {
		data, err := media.Files.ReadFile(name)
		if err != nil {
			t.Errorf("read the sample: %v", err)
		}
		if empty := len(data) == 0; empty != (name == "empty.ogg") {
			t.Errorf("%s has %d bytes", name, len(data))
		}
	}
}
