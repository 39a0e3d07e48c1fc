package transcript

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

const millisecond = time.Millisecond

// speech draws what is said in a recording: words of few kinds, so that the
// same ones come again close to each other, with pauses between.
func speech(t *rapid.T) []Word {
	vocabulary := []string{"the", "no", "yes", "market", "coffee", "selamat", "pagi", "semuanya", "kita", "mulai", "a", "dan"}
	count := rapid.IntRange(0, 60).Draw(t, "words")
	words := make([]Word, 0, count)

	var now time.Duration

	for range count {
		now += time.Duration(rapid.IntRange(50, 400).Draw(t, "pause")) * millisecond
		start := now
		now += time.Duration(rapid.IntRange(150, 600).Draw(t, "length")) * millisecond
		words = append(words, Word{Start: start, End: now, Text: rapid.SampledFrom(vocabulary).Draw(t, "word"), Speaker: 1})
	}

	return words
}

// cut draws parts of a recording that overlap by 1.5 s to 2.5 s, as where
// there was no silence, or follow a silence without any.
func cut(t *rapid.T, words []Word) []Part {
	if len(words) == 0 {
		return []Part{{Number: 1, Length: time.Second}}
	}

	end := words[len(words)-1].End
	parts := []Part{{Number: 1}}

	for at := range words {
		last := &parts[len(parts)-1]
		if at == 0 || words[at].Start-last.Start < 5*time.Second || rapid.IntRange(0, 5).Draw(t, "cut here") > 0 {
			continue
		}

		start := words[at-1].End + (words[at].Start-words[at-1].End)/2
		next := Part{Number: len(parts) + 1, Start: start}
		last.Length = start - last.Start

		if rapid.Bool().Draw(t, "overlaps") {
			next.Overlap = time.Duration(rapid.IntRange(1500, 2500).Draw(t, "overlap")) * millisecond
			last.Length += next.Overlap
		}

		parts = append(parts, next)
	}

	parts[len(parts)-1].Length = end - parts[len(parts)-1].Start

	return parts
}

// hearIn gives what a provider hears in a part: the words that are wholly in
// it, each a little early or late, and at its end what is left of one that was
// cut off.
func hearIn(t *rapid.T, part Part, words []Word) heardPart {
	const most = 60 // ms, of each hearing

	var heard Transcript

	heard.Language, heard.Duration = "id", part.Length
	texts := make([]string, 0, len(words))

	for _, word := range words {
		if word.End <= part.Start || word.Start >= part.Start+part.Length {
			continue
		}

		shift := time.Duration(rapid.IntRange(-most, most).Draw(t, "jitter")) * millisecond
		word.Start, word.End = word.Start-part.Start+shift, word.End-part.Start+shift

		if word.End > part.Length+shift {
			word.Text, word.End = "uh", part.Length
		}

		word.Start = max(0, word.Start)
		heard.Words = append(heard.Words, word)
		texts = append(texts, word.Text)
	}

	heard.Text = strings.Join(texts, " ")

	for group := range slices.Chunk(heard.Words, 7) {
		heard.Segments = append(heard.Segments, spanOf(group))
	}

	return heardPart{part, heard}
}

func textOf(words []Word) string {
	texts := make([]string, 0, len(words))
	for _, word := range words {
		texts = append(texts, word.Text)
	}

	return strings.Join(texts, " ")
}

func inOrder(t require.TestingT, joined Transcript) {
	var last time.Duration

	for _, word := range joined.Words {
		require.GreaterOrEqual(t, word.Start, last)
		require.GreaterOrEqual(t, word.End, word.Start)
		last = word.Start
	}

	last = 0

	for _, segment := range joined.Segments {
		require.GreaterOrEqual(t, segment.Start, last)
		require.GreaterOrEqual(t, segment.End, segment.Start)
		last = segment.Start
	}
}

// However a recording is cut, joining what was heard gives what was said:
// nothing is lost, nothing doubled, and times ascend.
func TestJoinUndoesCutting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := speech(t)
		parts := cut(t, words)
		heard := make([]heardPart, 0, len(parts))

		for _, part := range parts {
			heard = append(heard, hearIn(t, part, words))
		}

		joined := join(heard)
		require.Equal(t, textOf(words), joined.Text)
		require.Equal(t, textOf(words), textOf(joined.Words))
		inOrder(t, joined)

		for at, word := range joined.Words {
			require.InDelta(t, words[at].Start, word.Start, float64(700*millisecond), "word %d", at)
			require.Equal(t, 1, word.Speaker)
		}
	})
}

// Providers may answer anything; joining it must not fail.
func TestJoinBearsAnything(t *testing.T) {
	t.Parallel()

	moment := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * millisecond
	})
	text := rapid.SampledFrom([]string{"", " ", "a", "b c", "…", "сон", "a b c d e f g", "\U0001F600"})

	rapid.Check(t, func(t *rapid.T) {
		var parts []heardPart

		for number := range rapid.IntRange(0, 4).Draw(t, "parts") {
			part := heardPart{Part: Part{
				Number: number + 1, Start: time.Duration(number) * 10 * time.Second, Length: 12 * time.Second,
				Overlap: rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "overlap"),
			}, transcript: Transcript{Text: text.Draw(t, "text"), Duration: moment.Draw(t, "duration")}}

			for range rapid.IntRange(0, 5).Draw(t, "words") {
				part.transcript.Words = append(part.transcript.Words, Word{
					Start: moment.Draw(t, "start"), End: moment.Draw(t, "end"), Text: text.Draw(t, "word"),
					Speaker: rapid.IntRange(0, 3).Draw(t, "speaker"),
				})
			}

			for range rapid.IntRange(0, 3).Draw(t, "segments") {
				part.transcript.Segments = append(part.transcript.Segments, Segment{
					Start: moment.Draw(t, "start"), End: moment.Draw(t, "end"), Text: text.Draw(t, "said"),
					Speaker: rapid.IntRange(0, 3).Draw(t, "speaker"),
				})
			}

			parts = append(parts, part)
		}

		joined := join(parts)
		if len(parts) > 1 {
			inOrder(t, joined)
		}
	})
}

func sayEvery(start, step time.Duration, text string) []Word {
	fields := strings.Fields(text)
	words := make([]Word, 0, len(fields))

	for at, field := range fields {
		begin := start + time.Duration(at)*step
		words = append(words, Word{Start: begin, End: begin + step*3/4, Text: field})
	}

	return words
}

func TestJoin(t *testing.T) {
	t.Parallel()

	const step = 400 * millisecond

	second := Part{Number: 2, Start: 10 * time.Second, Length: 10 * time.Second, Overlap: 2 * time.Second}
	first := Part{Number: 1, Length: 12 * time.Second}

	for name, c := range map[string]struct {
		before, next Transcript
		want         string
	}{
		"heard differently": {
			before: Transcript{Words: sayEvery(10*time.Second, step, "we have colour everywhere today")},
			next:   Transcript{Words: sayEvery(0, step, "we halve color everyware today and tomorrow")},
			want:   "we have colour everyware today and tomorrow",
		},
		"nothing alike": {
			before: Transcript{Words: sayEvery(9*time.Second, step, "one two three four five six seven")},
			next:   Transcript{Words: sayEvery(0, step, "satu dua tiga empat lima enam")},
			want:   "one two three four five empat lima enam",
		},
		"only the first hears anything there": {
			before: Transcript{Words: sayEvery(10*time.Second, step, "last words here")},
			next:   Transcript{Words: sayEvery(5*time.Second, step, "much later")},
			want:   "last words here much later",
		},
		"only the second does": {
			before: Transcript{Words: sayEvery(time.Second, step, "long ago")},
			next:   Transcript{Words: sayEvery(0, step, "first words")},
			want:   "long ago first words",
		},
		"stammering": {
			before: Transcript{Words: sayEvery(10*time.Second, step, strings.Repeat("no ", 5))},
			next:   Transcript{Words: sayEvery(0, step, strings.Repeat("no ", 5)+"yes")},
			want:   strings.Repeat("no ", 5) + "yes",
		},
		"segments without words": {
			before: Transcript{Segments: []Segment{
				{Start: 0, End: 9 * time.Second, Text: "Good morning, everyone."},
				{Start: 9 * time.Second, End: 12 * time.Second, Text: "Today we talk about coffee,"},
			}},
			next: Transcript{Segments: []Segment{
				{Start: 0, End: 2 * time.Second, Text: "talk about coffee,"},
				{Start: 2 * time.Second, End: 5 * time.Second, Text: "and about tea."},
			}},
			want: "Good morning, everyone. Today we talk about coffee, and about tea.",
		},
		"text alone": {
			before: Transcript{Text: "Good morning everyone. Today we talk ab"},
			next:   Transcript{Text: "y we talk about coffee."},
			want:   "Good morning everyone. Today we talk about coffee.",
		},
		"text alone with nothing in common": {
			before: Transcript{Text: "Good morning."},
			next:   Transcript{Text: "Selamat pagi."},
			want:   "Good morning. Selamat pagi.",
		},
		"silence": {want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			joined := join([]heardPart{{first, c.before}, {second, c.next}})
			assert.Equal(t, c.want, joined.Text)
			assert.Equal(t, 20*time.Second, joined.Duration)
			inOrder(t, joined)
		})
	}
}

func TestJoinKeepsWhatIsWhole(t *testing.T) {
	t.Parallel()

	only := Transcript{Text: "as it was", Words: []Word{{Text: "as"}}, Language: "id", Model: "m"}
	assert.Equal(t, only, join([]heardPart{{Part{Number: 1}, only}}))
	assert.Equal(t, Transcript{}, join(nil))
}

// Punctuation is the segments', times are the words'.
func TestJoinCutsSegments(t *testing.T) {
	t.Parallel()

	before := Transcript{Words: sayEvery(8*time.Second, 500*millisecond, "this is the end of it all now")}
	before.Segments = []Segment{{Start: 8 * time.Second, End: 12 * time.Second, Text: "This is the end, of it all now."}}
	next := Transcript{Words: sayEvery(0, 500*millisecond, "of it all now or not")}
	next.Segments = []Segment{
		{Start: 0, End: 2 * time.Second, Text: "Of it all now,"}, {Start: 2 * time.Second, End: 3 * time.Second, Text: "or not?"},
	}

	joined := join([]heardPart{
		{Part{Number: 1, Length: 12 * time.Second}, before},
		{Part{Number: 2, Start: 10 * time.Second, Overlap: 2 * time.Second, Length: 3 * time.Second}, next},
	})
	assert.Equal(t, "This is the end, of it all now, or not?", joined.Text)
	require.Len(t, joined.Segments, 3)
	assert.Equal(t, "This is the end, of it all", joined.Segments[0].Text)
	assert.Equal(t, "now,", joined.Segments[1].Text)
	assert.Equal(t, Segment{Start: 12 * time.Second, End: 13 * time.Second, Text: "or not?"}, joined.Segments[2])
}

func TestJoinCarriesSpeakers(t *testing.T) {
	t.Parallel()

	speak := func(words []Word, speakers ...int) []Word {
		for at := range words {
			words[at].Speaker = speakers[at]
		}

		return words
	}
	step := 500 * millisecond
	before := Transcript{Words: speak(sayEvery(10*time.Second, step, "yes we can go"), 1, 1, 2, 2)}
	next := Transcript{Words: speak(sayEvery(0, step, "yes we can go now please"), 2, 2, 1, 1, 1, 3)}
	joined := join([]heardPart{
		{Part{Number: 1, Length: 12 * time.Second}, before},
		{Part{Number: 2, Start: 10 * time.Second, Overlap: 2 * time.Second, Length: 5 * time.Second}, next},
	})

	speakers := make([]int, 0, len(joined.Words))
	for _, word := range joined.Words {
		speakers = append(speakers, word.Speaker)
	}

	assert.Equal(t, []int{1, 1, 2, 2, 2, 3}, speakers, fmt.Sprint(joined.Words))
}

func TestJoinGoesByTheMajority(t *testing.T) {
	t.Parallel()

	var parts []heardPart
	for at, heard := range []Transcript{
		{Text: "one", Language: "en", Model: "a"}, {Text: "satu dua", Language: "id", Model: "b"}, {Text: "", Language: "xx"},
	} {
		parts = append(parts, heardPart{Part{Number: at + 1, Start: time.Duration(at) * time.Minute}, heard})
	}

	joined := join(parts)
	assert.Equal(t, "id", joined.Language)
	assert.Equal(t, "b", joined.Model)
}
