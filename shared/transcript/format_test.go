package transcript_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astisub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

func pembicara(number int) string { return fmt.Sprint("Pembicara ", number) }

// talk is a transcript as providers give it: words without punctuation, of
// which one was not heard on its own.
func talk() transcript.Transcript {
	const tenth = 100 * time.Millisecond

	return transcript.Transcript{
		Text: "Selamat pagi, semuanya. Kita mulai. Setuju!", Language: "id", Duration: 9 * time.Second, Model: "groq/whisper",
		Segments: []transcript.Segment{
			{Start: 3 * tenth, End: 20 * tenth, Text: " Selamat pagi, semuanya.", Speaker: 1},
			{Start: 20 * tenth, End: 30 * tenth, Text: " Kita mulai.", Speaker: 1},
			{Start: 60 * tenth, End: 70 * tenth, Text: " Setuju!", Speaker: 2},
		},
		Words: []transcript.Word{
			{Start: 3 * tenth, End: 8 * tenth, Text: "selamat"},
			{Start: 8 * tenth, End: 12 * tenth, Text: "Pagi"},
			{Start: 20 * tenth, End: 24 * tenth, Text: "kita"},
			{Start: 24 * tenth, End: 29 * tenth, Text: "mulai"},
			{Start: 62 * tenth, End: 68 * tenth, Text: "setuju", Speaker: 2},
		},
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()

	for format, want := range map[transcript.Format]string{
		transcript.Text: "Pembicara 1: Selamat pagi, semuanya. Kita mulai.\n\nPembicara 2: Setuju!\n",
		transcript.SubRip: "\ufeff1\n00:00:00,300 --> 00:00:03,064\nPembicara 1: Selamat pagi,\nsemuanya. Kita mulai.\n\n" +
			"2\n00:00:06,200 --> 00:00:07,376\nPembicara 2: Setuju!\n",
		transcript.WebVTT: "WEBVTT\n\n1\n00:00:00.300 --> 00:00:02.900\n<v Pembicara 1>Selamat pagi, semuanya. Kita mulai.\n\n" +
			"2\n00:00:06.200 --> 00:00:07.200\n<v Pembicara 2>Setuju!\n",
	} {
		written, err := talk().Write(format, pembicara)
		require.NoError(t, err)
		assert.Equal(t, want, string(written), format)
	}

	_, err := talk().Write("doc", pembicara)
	requireCode(t, errs.Internal, err)
}

func TestFormatsOfSilence(t *testing.T) {
	t.Parallel()

	for format, want := range map[transcript.Format]string{
		transcript.Text: "\n", transcript.SubRip: "", transcript.WebVTT: "WEBVTT\n",
		transcript.JSON: "{\n \"version\": 1,\n \"duration\": 2,\n \"text\": \"\",\n \"segments\": [],\n \"words\": []\n}\n",
	} {
		written, err := transcript.Transcript{Duration: 2 * time.Second}.Write(format, pembicara)
		require.NoError(t, err)
		assert.Equal(t, want, string(written), format)
	}
}

// The schema is a promise to those who read it by program: what stands here
// must stay.
func TestJSON(t *testing.T) {
	t.Parallel()

	written, err := talk().Write(transcript.JSON, pembicara)
	require.NoError(t, err)
	assert.JSONEq(t, `{
		"version": 1, "duration": 9, "language": "id", "model": "groq/whisper",
		"text": "Selamat pagi, semuanya. Kita mulai. Setuju!",
		"segments": [
			{"start": 0.3, "end": 2, "text": "Selamat pagi, semuanya.", "speaker": 1},
			{"start": 2, "end": 3, "text": "Kita mulai.", "speaker": 1},
			{"start": 6, "end": 7, "text": "Setuju!", "speaker": 2}
		],
		"words": [
			{"start": 0.3, "end": 0.8, "text": "selamat"}, {"start": 0.8, "end": 1.2, "text": "Pagi"},
			{"start": 2, "end": 2.4, "text": "kita"}, {"start": 2.4, "end": 2.9, "text": "mulai"},
			{"start": 6.2, "end": 6.8, "text": "setuju", "speaker": 2}
		]
	}`, string(written))
}

// Without segments, or with segments that leave words out, the text counts.
func TestTextCountsMoreThanSegments(t *testing.T) {
	t.Parallel()

	for _, heard := range []transcript.Transcript{
		{Text: "Tom &\n\nJerry", Duration: 2 * time.Second},
		{Text: "Tom & Jerry", Duration: 2 * time.Second, Segments: []transcript.Segment{{End: time.Second, Text: "Tom"}}},
	} {
		written, err := heard.Write(transcript.SubRip, pembicara)
		require.NoError(t, err)
		assert.Equal(t, "\ufeff1\n00:00:00,000 --> 00:00:02,000\nTom & Jerry\n", string(written))
	}
}

// A language without spaces is one long word in a segment, and many words
// that were heard.
func TestWordsWithinAWord(t *testing.T) {
	t.Parallel()

	heard := transcript.Transcript{
		Text: "今天，天气很好。", Duration: 20 * time.Second,
		Segments: []transcript.Segment{{End: 16 * time.Second, Text: "今天，天气很好。"}},
		Words: []transcript.Word{
			{End: time.Second, Text: "今天"},
			{Start: 12 * time.Second, End: 13 * time.Second, Text: "天气"},
			{Start: 13 * time.Second, End: 15 * time.Second, Text: "很好"},
		},
	}

	written, err := heard.Write(transcript.SubRip, pembicara)
	require.NoError(t, err)
	assert.Equal(t, "\ufeff1\n00:00:00,000 --> 00:00:01,000\n今天，\n\n2\n00:00:12,000 --> 00:00:15,000\n天气很好。\n", string(written))
}

func TestParagraphs(t *testing.T) {
	t.Parallel()

	sentence := strings.TrimSpace(strings.Repeat("kata ", 30)) + "."
	at := func(second int, text string) transcript.Segment {
		return transcript.Segment{Start: time.Duration(second) * time.Second, End: time.Duration(second+1) * time.Second, Text: text}
	}

	for name, one := range map[string]struct {
		segments []transcript.Segment
		want     int
	}{
		"short pauses":        {[]transcript.Segment{at(0, sentence), at(1, sentence), at(2, sentence)}, 1},
		"a pause":             {[]transcript.Segment{at(0, sentence), at(1, sentence), at(9, sentence)}, 2},
		"a pause in a clause": {[]transcript.Segment{at(0, sentence), at(1, "dan lalu"), at(9, sentence)}, 1},
		"a pause too early":   {[]transcript.Segment{at(0, "Halo."), at(9, sentence)}, 1},
		"very long": {[]transcript.Segment{
			at(0, sentence), at(1, sentence), at(2, sentence), at(3, sentence), at(4, sentence),
		}, 2},
		"nothing": {[]transcript.Segment{at(0, " ")}, 0},
	} {
		assert.Len(t, transcript.Transcript{Segments: one.segments}.Paragraphs(), one.want, name)
	}
}

// hostileTranscript is anything that a provider may answer.
func hostileTranscript(t *rapid.T) transcript.Transcript {
	moment := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(-5, 60_000).Draw(t, "ms")) * time.Millisecond
		}),
		rapid.SampledFrom([]time.Duration{0, math.MaxInt64, math.MinInt64}),
	)
	text := rapid.OneOf(
		rapid.StringMatching(`([a-z]{1,9}[.,?]? ){0,9}`), rapid.String(),
		rapid.SampledFrom([]string{"well-known", "it's", "今天，天气", "--> <b>", "e\u0301", "- -", "\x00", strings.Repeat("x", 99)}),
	)
	words := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) transcript.Word {
		return transcript.Word{
			Start: moment.Draw(t, "start"), End: moment.Draw(t, "end"), Text: text.Draw(t, "text"),
			Speaker: rapid.IntRange(0, 2).Draw(t, "speaker"),
		}
	}), 0, 12).Draw(t, "words")

	heard := transcript.Transcript{Duration: moment.Draw(t, "duration"), Words: words}

	for _, segment := range rapid.SliceOfN(rapid.Custom(func(t *rapid.T) transcript.Word {
		return transcript.Word{Start: moment.Draw(t, "start"), End: moment.Draw(t, "end"), Text: text.Draw(t, "text")}
	}), 0, 6).Draw(t, "segments") {
		heard.Segments = append(heard.Segments, transcript.Segment{Start: segment.Start, End: segment.End, Text: segment.Text})
		heard.Text += segment.Text + " "

		if rapid.Bool().Draw(t, "heard") {
			for field := range strings.FieldsSeq(segment.Text) {
				heard.Words = append(heard.Words, transcript.Word{Start: segment.Start, End: segment.End, Text: field})
			}
		}
	}

	return heard
}

// Every format takes whatever providers say, and loses no word of it.
func TestFormatsTakeAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		heard := hostileTranscript(t)
		want := transcript.Letters(strings.ToValidUTF8(heard.Text, ""))

		text, err := heard.Write(transcript.Text, pembicara)
		require.NoError(t, err)
		require.Equal(t, want, transcript.Letters(string(text)))

		srt, err := heard.Write(transcript.SubRip, pembicara)
		require.NoError(t, err)

		if len(srt) > 0 {
			read, err := astisub.ReadFromSRT(strings.NewReader(string(srt)))
			require.NoError(t, err, "%q", srt)
			require.NotEmpty(t, read.Items)
		}

		said := ""

		for line := range strings.SplitSeq(string(srt), "\n") {
			if !strings.Contains(line, "-->") {
				said += line + "\n"
			}
		}

		require.True(t, holds(want, transcript.Letters(said)), "%q is not in %q", want, said)

		vtt, err := heard.Write(transcript.WebVTT, pembicara)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(vtt), "WEBVTT\n"))

		object, err := heard.Write(transcript.JSON, pembicara)
		require.NoError(t, err)

		var back transcript.JSONTranscript
		require.NoError(t, json.Unmarshal(object, &back))
		require.Len(t, back.Segments, len(heard.Segments))
		require.Len(t, back.Words, len(heard.Words))
	})
}

// holds reports whether all letters of a text stand in another one, in order:
// numbers of cues and names of speakers stand between them.
func holds(text, other string) bool {
	for _, r := range other {
		if text == "" {
			break
		}

		if first := []rune(text)[0]; first == r {
			text = text[len(string(first)):]
		}
	}

	return text == ""
}

func ExampleTranscript_Write() {
	heard := transcript.Transcript{Segments: []transcript.Segment{{
		Start: 300 * time.Millisecond, End: 2 * time.Second, Text: "Selamat pagi semuanya",
	}}}

	srt, err := heard.Write(transcript.SubRip, func(number int) string { return fmt.Sprint("Pembicara ", number) })
	if err != nil {
		panic(err)
	}

	fmt.Print(strings.TrimPrefix(string(srt), "\ufeff"))
	// Output:
	// 1
	// 00:00:00,300 --> 00:00:02,000
	// Selamat pagi semuanya
}
