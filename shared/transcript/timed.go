package transcript

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/subtitle"
)

const (
	// lookAhead is how many words of a provider may be missing from its
	// segments, or the other way round, before the two are found together again.
	lookAhead = 8
	// offSegment is how far outside its segment a word may have been heard.
	offSegment = 2 * time.Second
)

// timed gives the text of the segments, with its punctuation, word by word,
// each with the time at which it was heard. Providers give times for words
// alone, without punctuation and not always for all of them: what has no time
// of its own takes its share of the time between its neighbours.
func (t Transcript) timed() []subtitle.Word {
	segments := t.Segments
	if !t.segmentsTellAll() {
		segments = []Segment{{End: t.Duration, Text: t.Text}}
	}

	var (
		all   []subtitle.Word
		heard = t.Words
	)

	for _, segment := range segments {
		var (
			words []subtitle.Word
			known []bool
		)

		for field := range strings.FieldsSeq(segment.Text) {
			skipped, count := find(field, heard, segment)
			if count == 0 {
				words = append(words, subtitle.Word{Text: field, Speaker: segment.Speaker})
				known = append(known, false)

				continue
			}

			matched := split(field, heard[skipped:skipped+count], segment.Speaker)
			words = append(words, matched...)
			known = append(known, make([]bool, len(matched))...)

			for at := len(known) - len(matched); at < len(known); at++ {
				known[at] = true
			}

			heard = heard[skipped+count:]
		}

		interpolate(words, known, segment)
		all = append(all, words...)
	}

	return all
}

// find looks for the words as which a field of text was heard, most often one:
// how many others stand before them, and how many they are. None: 0, 0.
func find(field string, heard []Word, of Segment) (int, int) {
	want := letters(field)
	if want == "" {
		return 0, 0
	}

	for skipped := range min(lookAhead, len(heard)) {
		if heard[skipped].Start > of.End+offSegment {
			return 0, 0
		}

		if heard[skipped].End < of.Start-offSegment {
			continue
		}

		rest := want

		for count, word := range heard[skipped:] {
			after, ok := strings.CutPrefix(rest, letters(word.Text))
			if !ok {
				break
			}

			if rest = after; rest == "" {
				return skipped, count + 1
			}
		}
	}

	return 0, 0
}

// split cuts a field into the words as which it was heard. Marks stay with
// the letters before them.
func split(field string, heard []Word, speaker int) []subtitle.Word {
	words := make([]subtitle.Word, 0, len(heard))

	for at, word := range heard {
		text := field

		if at+1 < len(heard) {
			text = field[:prefix(field, utf8.RuneCountInString(letters(word.Text)))]
			field = field[len(text):]
		}

		if word.Speaker == 0 {
			word.Speaker = speaker
		}

		words = append(words, subtitle.Word{
			Start: word.Start, End: word.End, Text: text, Speaker: word.Speaker, Joined: at > 0,
		})
	}

	return words
}

// prefix gives where the first letters of a text end, with the marks behind.
func prefix(text string, count int) int {
	for at, r := range text {
		if letters(string(r)) == "" {
			continue
		}

		if count == 0 {
			return at
		}

		count--
	}

	return len(text)
}

// interpolate gives the words without times their share of the time between
// those that have them, by their length.
func interpolate(words []subtitle.Word, known []bool, of Segment) {
	from := of.Start

	for first := 0; first < len(words); first++ {
		if known[first] {
			from = words[first].End

			continue
		}

		last, length := first, 0
		for ; last < len(words) && !known[last]; last++ {
			length += utf8.RuneCountInString(words[last].Text)
		}

		to := of.End
		if last < len(words) {
			to = words[last].Start
		}

		to = max(to, from)
		start, done := from, 0

		for at := first; at < last; at++ {
			done += utf8.RuneCountInString(words[at].Text)
			words[at].Start, words[at].End = start, from+time.Duration(float64(to-from)*float64(done)/float64(length))
			start = words[at].End
		}

		from, first = to, last-1
	}
}
