package subtitle_test

import (
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/subtitle"
)

// evenly says text at a pace, each word from the end of the one before.
func evenly(text string, each time.Duration) []subtitle.Word {
	var words []subtitle.Word

	for at, word := range strings.Fields(text) {
		start := time.Duration(at) * each
		words = append(words, subtitle.Word{Start: start, End: start + each, Text: word})
	}

	return words
}

func seconds(value float64) time.Duration { return time.Duration(value * float64(time.Second)) }

func TestCutsWhereSentencesAndClausesEnd(t *testing.T) {
	t.Parallel()

	cues := subtitle.Cut(evenly(
		"Selamat pagi semuanya, terima kasih sudah datang. Hari ini kita membahas anggaran tahun depan, "+
			"lalu memilih ketua panitia yang baru. Silakan duduk.", 300*time.Millisecond), subtitle.Style{})

	assert.Equal(t, []subtitle.Cue{
		{0, seconds(2.1), []string{"Selamat pagi semuanya,", "terima kasih sudah datang."}, 0},
		{seconds(2.1), seconds(4.2), []string{"Hari ini kita membahas", "anggaran tahun depan,"}, 0},
		{seconds(4.2), seconds(7.2), []string{"lalu memilih ketua panitia yang baru.", "Silakan duduk."}, 0},
	}, cues)
}

func TestOneLineWhereItFits(t *testing.T) {
	t.Parallel()

	cues := subtitle.Cut(evenly("Tiga puluh enam huruf dalam satu baris", 400*time.Millisecond), subtitle.Style{})
	require.Len(t, cues, 1)
	assert.Equal(t, []string{"Tiga puluh enam huruf dalam satu baris"}, cues[0].Lines)
}

func TestAShortWordStaysForASecond(t *testing.T) {
	t.Parallel()

	cues := subtitle.Cut([]subtitle.Word{
		{Start: seconds(1), End: seconds(1.1), Text: "Ya."},
		{Start: seconds(20), End: seconds(20), Text: "Tidak."},
	}, subtitle.Style{})

	assert.Equal(t, []subtitle.Cue{
		{seconds(1), seconds(2), []string{"Ya."}, 0}, {seconds(20), seconds(21), []string{"Tidak."}, 0},
	}, cues)
}

// Fast speech stays for longer where there is time, not beyond the end of the media.
func TestFastSpeechStaysToBeRead(t *testing.T) {
	t.Parallel()

	fast := evenly("Semua kata ini diucapkan dalam satu detik saja, sungguh.", 110*time.Millisecond)

	cues := subtitle.Cut(fast, subtitle.Style{})
	require.Len(t, cues, 1)
	assert.Greater(t, cues[0].End, seconds(3))

	cues = subtitle.Cut(fast, subtitle.Style{End: seconds(1.5)})
	require.Len(t, cues, 1)
	assert.Equal(t, seconds(1.5), cues[0].End)
}

func TestSpeakersNeverShareACueAndAreNamedWhenTheyBegin(t *testing.T) {
	t.Parallel()

	words := evenly("Sudah makan? Sudah, tadi pagi. Bagus.", 500*time.Millisecond)
	for at, speaker := range []int{1, 1, 2, 2, 2, 1} {
		words[at].Speaker = speaker
	}

	name := func(speaker int) string { return "Pembicara " + strconv.Itoa(speaker) + ":" }

	cues := subtitle.Cut(words, subtitle.Style{Name: name})
	require.Len(t, cues, 3)
	assert.Equal(t, []string{"Pembicara 1: Sudah makan?"}, cues[0].Lines)
	assert.Equal(t, []string{"Pembicara 2: Sudah, tadi pagi."}, cues[1].Lines)
	assert.Equal(t, []string{"Pembicara 1: Bagus."}, cues[2].Lines)
	assert.Equal(t, 2, cues[1].Speaker)
}

// Languages without spaces break between characters, and their wide characters
// count twice.
func TestWideCharacters(t *testing.T) {
	t.Parallel()

	cues := subtitle.Cut([]subtitle.Word{{End: seconds(12), Text: strings.Repeat("今天天气很好,我们去公园。", 4)}}, subtitle.Style{})
	require.NotEmpty(t, cues)

	for _, cue := range cues {
		for _, line := range cue.Lines {
			assert.LessOrEqual(t, subtitle.Width(line), subtitle.LineWidth)
			assert.NotRegexp(t, "^[,。]", line, "no line begins with a mark")
		}
	}
}

func TestWidthCountsWhatIsSeen(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]int{
		"": 0, "abc": 3, "é": 1, "e\u0301": 1, "汉字": 4, "👨‍👩‍👧": 2, "🇮🇩": 2, "שלום": 4, "\u200d": 1, "สวัสดี": 4,
	} {
		assert.Equal(t, want, subtitle.Width(text), "%q", text)
	}
}

func TestNothingSaid(t *testing.T) {
	t.Parallel()

	assert.Empty(t, subtitle.Cut(nil, subtitle.Style{}))
	assert.Empty(t, subtitle.Cut([]subtitle.Word{{Text: " \n\x00\ufeff"}, {Text: ""}}, subtitle.Style{}))
}

// hostile makes words of any kind.
func hostile(t *rapid.T) []subtitle.Word {
	text := rapid.OneOf(
		rapid.StringMatching(`[a-z]{1,9}[.,?]?`),
		rapid.String(),
		rapid.SampledFrom([]string{
			"-->", "<b>", "{\\an8}", "R&B", "&amp;", "1", "WEBVTT", "NOTE", "שלום", "مرحبا،", "👨‍👩‍👧‍👦", "e\u0301\u0301\u0301",
			strings.Repeat("panjang", 40), strings.Repeat("汉", 70), "\u202egnp", "a\r\nb", "\u2028", "--", ">",
		}),
	)
	moment := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, 60_000).Draw(t, "ms")) * time.Millisecond
		}),
		rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64().Draw(t, "ns")) }),
		rapid.Just(time.Duration(0)),
	)

	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) subtitle.Word {
		return subtitle.Word{
			Start: moment.Draw(t, "start"), End: moment.Draw(t, "end"), Text: text.Draw(t, "text"),
			Speaker: rapid.IntRange(0, 2).Draw(t, "speaker"), Joined: rapid.Bool().Draw(t, "joined"),
		}
	}), 0, 60).Draw(t, "words")
}

// letters is what must not get lost: everything that is no space or invisible.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == '\ufeff' {
			return -1
		}

		return r
	}, strings.ToValidUTF8(text, "�"))
}

// requireCraft holds cues to the bounds of the craft.
func requireCraft(t require.TestingT, cues []subtitle.Cue) {
	var last time.Duration

	for at, cue := range cues {
		require.GreaterOrEqual(t, cue.Start, last, "cue %d overlaps the one before it: %v", at, cues)
		require.GreaterOrEqual(t, cue.End-cue.Start, subtitle.Shortest, "cue %d: %v", at, cue)
		require.LessOrEqual(t, cue.End-cue.Start, subtitle.Longest, "cue %d: %v", at, cue)
		require.Zero(t, cue.Start%time.Millisecond+cue.End%time.Millisecond, "cue %d: %v", at, cue)
		require.NotEmpty(t, cue.Lines)
		require.LessOrEqual(t, len(cue.Lines), subtitle.MaxLines)

		for _, line := range cue.Lines {
			require.NotEmpty(t, strings.TrimSpace(line), "cue %d: %q", at, cue.Lines)
			require.LessOrEqual(t, subtitle.Width(line), subtitle.LineWidth, "cue %d: %q", at, line)
		}

		last = cue.End
	}
}

func TestCraftHoldsForAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := hostile(t)
		style := subtitle.Style{End: time.Duration(rapid.Int64Range(-5, 90_000).Draw(t, "end")) * time.Millisecond}
		cues := subtitle.Cut(words, style)
		requireCraft(t, cues)

		var said, shown strings.Builder
		for _, word := range words {
			said.WriteString(letters(word.Text))
		}

		for _, cue := range cues {
			shown.WriteString(letters(strings.Join(cue.Lines, "")))
		}

		require.Equal(t, said.String(), shown.String(), "words got lost")
	})
}

// What is said at the pace of people appears when it is said, and does not
// drift away from it.
func TestCuesKeepToTheVoice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var (
			words []subtitle.Word
			now   time.Duration
		)

		for range rapid.IntRange(1, 200).Draw(t, "words") {
			text := rapid.StringMatching(`[a-z]{1,12}[.,]?`).Draw(t, "text")
			now += time.Duration(rapid.SampledFrom([]int{0, 0, 0, 0, 30, 200, 900, 4000}).Draw(t, "pause")) * time.Millisecond
			end := now + time.Duration(len(text))*seconds(rapid.Float64Range(0.05, 0.09).Draw(t, "pace"))
			words = append(words, subtitle.Word{Start: now, End: end.Truncate(time.Millisecond), Text: text})
			now = end.Truncate(time.Millisecond)
		}

		cues := subtitle.Cut(words, subtitle.Style{})
		requireCraft(t, cues)

		at := 0

		for _, cue := range cues {
			fields := strings.Fields(strings.Join(cue.Lines, " "))
			first, last := words[at], words[at+len(fields)-1]
			at += len(fields)

			require.InDelta(t, first.Start.Seconds(), cue.Start.Seconds(), 1, "cue %v of word %v", cue, first)
			require.GreaterOrEqual(t, cue.End+time.Second, last.End, "cue %v is gone before its last word", cue)
		}
	})
}
