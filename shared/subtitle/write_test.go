package subtitle_test

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asticode/go-astisub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/subtitle"
)

func example() []subtitle.Cue {
	return []subtitle.Cue{
		{0, seconds(1.5), []string{"R&B, Q&amp;A", "<b>1 < 2</b> --> 3"}, 1},
		{seconds(3661.25), seconds(3663), []string{`{\an8}above`}, 2},
	}
}

func TestSRT(t *testing.T) {
	t.Parallel()

	written, err := subtitle.SRT(example())
	require.NoError(t, err)
	assert.Equal(t, "\ufeff1\n00:00:00,000 --> 00:00:01,500\nR&B, Q&amp;A\n‹b>1 ‹ 2‹/b> → 3\n\n"+
		"2\n01:01:01,250 --> 01:01:03,000\n(\\an8}above\n", string(written))

	written, err = subtitle.SRT(nil)
	require.NoError(t, err)
	assert.Empty(t, written)
}

func TestVTT(t *testing.T) {
	t.Parallel()

	written, err := subtitle.VTT(example(), func(speaker int) string { return "A>&" + strconv.Itoa(speaker) })
	require.NoError(t, err)
	assert.Equal(t, "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\n<v A›+1>R&amp;B, Q&amp;amp;A\n"+
		"<v A›+1>&lt;b>1 &lt; 2&lt;/b> → 3\n\n2\n01:01:01.250 --> 01:01:03.000\n<v A›+2>{\\an8}above\n", string(written))

	written, err = subtitle.VTT(nil, nil)
	require.NoError(t, err)
	assert.Equal(t, "WEBVTT\n", string(written))
}

// The library that writes reads back what it wrote.
func TestWrittenSubtitlesCanBeRead(t *testing.T) {
	t.Parallel()

	cues := subtitle.Cut(evenly("Selamat pagi semuanya, hari ini kita mulai. Anggaran dulu, lalu R&B.", 400*time.Millisecond),
		subtitle.Style{})

	srt, err := subtitle.SRT(cues)
	require.NoError(t, err)
	vtt, err := subtitle.VTT(cues, nil)
	require.NoError(t, err)

	fromSRT, err := astisub.ReadFromSRT(strings.NewReader(string(srt)))
	require.NoError(t, err)
	fromVTT, err := astisub.ReadFromWebVTT(strings.NewReader(string(vtt)))
	require.NoError(t, err)

	for name, read := range map[string]*astisub.Subtitles{"SRT": fromSRT, "VTT": fromVTT} {
		require.Len(t, read.Items, len(cues), name)

		for at, item := range read.Items {
			assert.Equal(t, cues[at].Start, item.StartAt, name)
			assert.Equal(t, cues[at].End, item.EndAt, name)

			for number, line := range item.Lines {
				assert.Equal(t, cues[at].Lines[number], line.String(), name)
			}
		}
	}
}

var timeLine = regexp.MustCompile(`^(\d\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d\d+):(\d\d):(\d\d)[.,](\d{3})$`)

// parse reads blocks of number, times and lines as a strict player does.
func parse(text string) ([]subtitle.Cue, error) {
	var cues []subtitle.Cue

	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		if len(lines) < 3 || lines[0] != strconv.Itoa(len(cues)+1) {
			return nil, fmt.Errorf("block %d is none: %q", len(cues)+1, block)
		}

		found := timeLine.FindStringSubmatch(lines[1])
		if found == nil {
			return nil, fmt.Errorf("no times: %q", lines[1])
		}

		moment := func(parts []string) time.Duration {
			hour, _ := strconv.Atoi(parts[0])
			minute, _ := strconv.Atoi(parts[1])
			second, _ := strconv.Atoi(parts[2])
			milli, _ := strconv.Atoi(parts[3])

			return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second +
				time.Duration(milli)*time.Millisecond
		}

		cues = append(cues, subtitle.Cue{Start: moment(found[1:5]), End: moment(found[5:]), Lines: lines[2:]})
	}

	return cues, nil
}

// requireReadable writes cues in both formats and reads them back.
func requireReadable(t require.TestingT, cues []subtitle.Cue) {
	srt, err := subtitle.SRT(cues)
	require.NoError(t, err)
	vtt, err := subtitle.VTT(cues, func(speaker int) string { return "Pembicara " + strconv.Itoa(speaker) })
	require.NoError(t, err)

	if len(cues) == 0 {
		return
	}

	body, ok := strings.CutPrefix(string(srt), "\ufeff")
	require.True(t, ok, "SubRip without its mark of byte order")
	fromSRT, err := parse(body)
	require.NoError(t, err)
	requireSame(t, cues, fromSRT, func(line string) string { return line })

	body, ok = strings.CutPrefix(string(vtt), "WEBVTT\n\n")
	require.True(t, ok, "WebVTT without its head")
	fromVTT, err := parse(body)
	require.NoError(t, err)
	requireSame(t, cues, fromVTT, func(line string) string {
		if rest, ok := strings.CutPrefix(line, "<v "); ok {
			_, line, _ = strings.Cut(rest, ">")
		}

		require.NotContains(t, line, "<", "a tag that nobody wrote")

		return html.UnescapeString(line)
	})
}

// plain undoes what the writers replace for safety.
var plain = strings.NewReplacer("→", "-->", "‹", "<", "(\\", "{\\")

func requireSame(t require.TestingT, want, got []subtitle.Cue, unescape func(string) string) {
	require.Len(t, got, len(want))

	for at, cue := range got {
		require.Equal(t, want[at].Start, cue.Start)
		require.Equal(t, want[at].End, cue.End)
		require.Len(t, cue.Lines, len(want[at].Lines))

		for number, line := range cue.Lines {
			require.NotContains(t, line, "-->")
			require.Equal(t, plain.Replace(want[at].Lines[number]), plain.Replace(unescape(line)))
		}
	}
}

func TestAnythingIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { requireReadable(t, subtitle.Cut(hostile(t), subtitle.Style{})) })
}

func FuzzWriters(f *testing.F) {
	f.Add("Selamat pagi. R&B --> <b> {\\an8}", int64(0), int64(300), 0)
	f.Add("1\n\n2 --> 3", int64(-5), int64(1<<62), 1)
	f.Add("汉字 שלום 👨‍👩‍👧 e\u0301", int64(1<<62), int64(-1), 2)
	f.Add("-- > --> \xff\xfe &lt; &nbsp;", int64(5), int64(5), 3)

	f.Fuzz(func(t *testing.T, text string, start, pace int64, speaker int) {
		if len(text) > 4000 {
			t.Skip("longer texts show nothing more")
		}

		var words []subtitle.Word
		for at, word := range strings.Split(text, " ") {
			words = append(words, subtitle.Word{
				Start: time.Duration(start + int64(at)*pace), End: time.Duration(start + int64(at+1)*pace), Text: word,
				Speaker: speaker, Joined: at%7 == 3,
			})
		}

		cues := subtitle.Cut(words, subtitle.Style{})
		requireCraft(t, cues)
		requireReadable(t, cues)
	})
}
