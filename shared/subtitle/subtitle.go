// Package subtitle provides subtitles that hold to the craft: at most two
// lines of 42 characters, on screen for one to seven seconds, never two at
// once, cut where sentences and clauses end.
//
// The bounds are those of the style guides of Netflix ("Timed Text Style Guide:
// General Requirements") and the BBC ("Subtitle Guidelines").
package subtitle

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rivo/uniseg"
)

// The bounds of a cue.
const (
	// LineWidth is how many characters a line has at most, counted as they are
	// seen: marks that combine are none, and wide ones (汉, 👍) are two.
	LineWidth = 42
	MaxLines  = 2
	Shortest  = time.Second
	Longest   = 7 * time.Second
)

// Word is a stretch of text that was said from Start to End. Times may be any:
// they are brought into order. Speaker is 0 where it is not known.
type Word struct {
	Start, End time.Duration
	Text       string
	Speaker    int
	Joined     bool // there is no space before it
}

// Cue is what is on screen at once: one or two lines from Start to End, of one
// speaker.
type Cue struct {
	Start, End time.Duration
	Lines      []string
	Speaker    int
}

// Style says how cues are made.
type Style struct {
	// Name names a speaker at the beginning of the first cue of theirs; nil
	// leaves names out.
	Name func(speaker int) string
	// End is where the media ends: no cue stays longer for easier reading. 0
	// where it is not known.
	End time.Duration
}

// Cut makes the cues of what was said. All text of the words is in them, in
// the order of the words.
func Cut(words []Word, style Style) []Cue {
	atoms := atomsOf(words, style.Name)
	if len(atoms) == 0 {
		return nil
	}

	lay := newLayout(atoms)
	cues := make([]Cue, 0, len(atoms)/4+1)

	for first, last := range lay.cuts() {
		cues = append(cues, Cue{
			Start:   atoms[first].start,
			End:     atoms[last-1].end,
			Lines:   lay.lines(first, last),
			Speaker: atoms[first].speaker,
		})
	}

	schedule(cues, style.End)

	return cues
}

// ending is what a piece of text ends.
type ending int

const (
	nothing ending = iota
	clause
	sentence
	label // a speaker's name: what they say must follow
)

// atom is the least that is not cut: most often a word.
type atom struct {
	start, end time.Duration
	text       string
	width      int
	spaced     bool // a space stands before it
	speaker    int
	ends       ending
}

// latest bounds times, so that arithmetic on them cannot overflow.
const latest = 1000 * time.Hour

// atomsOf splits words where lines may break, with times that ascend.
func atomsOf(words []Word, name func(int) string) []atom {
	var (
		atoms   []atom
		now     time.Duration
		speaker int
	)

	for _, word := range words {
		start := min(max(word.Start.Truncate(time.Millisecond), now), latest)
		end := min(max(word.End.Truncate(time.Millisecond), start), latest)
		pieces := piecesOf(word)

		if len(pieces) > 0 && word.Speaker != speaker && word.Speaker != 0 && name != nil {
			for _, piece := range piecesOf(Word{Text: name(word.Speaker), Speaker: word.Speaker}) {
				piece.start, piece.end, piece.ends = start, start, label
				atoms = append(atoms, piece)
			}
		}

		if len(pieces) > 0 {
			speaker = word.Speaker
		}

		total, done := 0, 0
		for _, piece := range pieces {
			total += piece.width
		}

		for _, piece := range pieces {
			piece.start = between(start, end, done, total)
			done += piece.width
			piece.end = between(start, end, done, total)
			atoms = append(atoms, piece)
		}

		now = start
	}

	// A word that reaches into the next one ends with it.
	for at := len(atoms) - 2; at >= 0; at-- {
		atoms[at].start = min(atoms[at].start, atoms[at+1].start)
	}

	return atoms
}

// between gives the moment after done of total parts.
func between(start, end time.Duration, done, total int) time.Duration {
	part := float64(end-start) * float64(done) / float64(total)

	return start + time.Duration(part).Truncate(time.Millisecond)
}

// piecesOf splits a word where Unicode allows a line to break (UAX #14), and
// what is still longer than a line between characters.
func piecesOf(word Word) []atom {
	var pieces []atom

	for number, field := range strings.Fields(strings.Map(visible, strings.ToValidUTF8(word.Text, "�"))) {
		spaced := number > 0 || !word.Joined
		state := -1

		for rest := field; rest != ""; {
			var segment string

			segment, rest, _, state = uniseg.FirstLineSegmentInString(rest, state)

			for _, text := range pages(segment) {
				pieces = append(pieces, atom{
					text: text, width: Width(text), spaced: spaced, speaker: word.Speaker, ends: endingOf(text),
				})
				spaced = false
			}
		}
	}

	return pieces
}

// visible drops what is no text: control characters, and marks of byte order.
func visible(r rune) rune {
	if unicode.IsControl(r) && !unicode.IsSpace(r) || r == '\ufeff' {
		return -1
	}

	return r
}

// pages splits text into parts that fit a line.
func pages(text string) []string {
	if Width(text) <= LineWidth {
		return []string{text}
	}

	var (
		parts []string
		part  strings.Builder
		width int
	)

	for state := -1; text != ""; {
		var character string

		character, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)

		wide := characterWidth(character)
		if width+wide > LineWidth {
			parts = append(parts, part.String())
			part.Reset()

			width = 0
		}

		part.WriteString(character)

		width += wide
	}

	return append(parts, part.String())
}

// Width counts the characters of a line as they are seen.
func Width(text string) int {
	width := 0

	for state := -1; text != ""; {
		var character string

		character, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		width += characterWidth(character)
	}

	return width
}

func characterWidth(character string) int { return min(max(uniseg.StringWidth(character), 1), 2) }

// endingOf tells what a word ends by its last sign, quotes and brackets aside.
func endingOf(text string) ending {
	bare := []rune(strings.TrimRight(text, `"'”’»›)]}」』）】`))
	if len(bare) == 0 {
		return nothing
	}

	switch last := bare[len(bare)-1]; {
	case strings.ContainsRune(".!?…。！？؟।", last):
		return sentence
	case strings.ContainsRune(",;:—–，、；：،؛", last):
		return clause
	default:
		return nothing
	}
}

// layout finds where to cut atoms into cues. Its sums make the price of any
// cue a matter of a few subtractions.
type layout struct {
	atoms []atom
	width []int     // of all atoms before one, with their spaces
	inner []float64 // what the breaks before one would cost inside a cue
}

func newLayout(atoms []atom) *layout {
	lay := &layout{atoms: atoms, width: make([]int, len(atoms)+1), inner: make([]float64, len(atoms)+1)}

	for at, one := range atoms {
		lay.width[at+1] = lay.width[at] + one.width
		if one.spaced {
			lay.width[at+1]++
		}

		lay.inner[at+1] = lay.inner[at] + lay.breakInside(at)
	}

	return lay
}

// gap is the silence behind an atom.
func (l *layout) gap(at int) time.Duration {
	return max(l.atoms[at+1].start-l.atoms[at].end, 0)
}

// The prices of a cut, in no unit: only their proportions matter.
const (
	eachCue       = 10.0 // few cues are calmer than many
	cutInClause   = 25.0
	cutAtClause   = 5.0
	cutAtPause    = 2.0
	cutLabelOff   = 500.0
	newSentence   = 9.0  // one that begins inside a cue
	shortPause    = 8.0  // a pause inside a cue
	longPause     = 40.0 // a silence inside a cue
	tooShort      = 40.0
	tooFast       = 3.0 // for each character a second above the bound
	tooFastAtMost = 60.0

	pause   = 500 * time.Millisecond
	silence = 2 * time.Second

	// readable is how many characters a second a grown person reads with ease.
	readable = 17.0
	// hurried is how many are too many.
	hurried = 20.0
)

// breakInside prices the break behind an atom where a cue goes on over it.
func (l *layout) breakInside(at int) float64 {
	if at+1 == len(l.atoms) {
		return 0
	}

	price := 0.0
	if l.atoms[at].ends == sentence {
		price += newSentence
	}

	switch gap := l.gap(at); {
	case gap >= silence:
		price += longPause
	case gap >= pause:
		price += shortPause
	}

	return price
}

// breakBehind prices the break behind an atom where a cue ends there.
func (l *layout) breakBehind(at int) float64 {
	switch {
	case at+1 == len(l.atoms) || l.atoms[at+1].speaker != l.atoms[at].speaker:
		return 0
	case l.atoms[at].ends == label:
		return cutLabelOff
	case l.atoms[at].ends == sentence:
		return 0
	case l.gap(at) >= pause:
		return cutAtPause
	case l.atoms[at].ends == clause:
		return cutAtClause
	default:
		return cutInClause
	}
}

// span is how wide the atoms from first up to before last are on one line.
func (l *layout) span(first, last int) int {
	width := l.width[last] - l.width[first]
	if l.atoms[first].spaced {
		width--
	}

	return width
}

// cuts finds the cheapest way to cut (shortest path, as Knuth and Plass break
// paragraphs into lines) and gives the first atom of each cue and the one
// behind its last.
func (l *layout) cuts() func(yield func(int, int) bool) {
	count := len(l.atoms)
	price := slices.Repeat([]float64{math.Inf(1)}, count+1)
	from := make([]int, count+1)
	price[0] = 0

	for first := range count {
		upper := first // behind the last atom that fits the first line

		for last := first + 1; last <= count; last++ {
			if l.span(first, last) <= LineWidth {
				upper = last
			} else if l.span(upper, last) > LineWidth {
				break
			}

			if last-first > 1 && !l.together(first, last) {
				break
			}

			if total := price[first] + l.cue(first, last); total < price[last] {
				price[last], from[last] = total, first
			}
		}
	}

	ends := []int{}
	for at := count; at > 0; at = from[at] {
		ends = append(ends, at)
	}

	return func(yield func(int, int) bool) {
		for _, last := range slices.Backward(ends) {
			if !yield(from[last], last) {
				return
			}
		}
	}
}

// together reports whether atoms may share a cue: one speaker, seven seconds.
func (l *layout) together(first, last int) bool {
	return l.atoms[last-1].speaker == l.atoms[first].speaker && l.atoms[last-1].end-l.atoms[first].start <= Longest
}

// cue prices a cue.
func (l *layout) cue(first, last int) float64 {
	price := eachCue + l.breakBehind(last-1) + l.inner[last-1] - l.inner[first]
	start := l.atoms[first].start

	free := Longest // on screen at most
	if last < len(l.atoms) {
		free = min(l.atoms[last].start-start, Longest)
	}

	if free < Shortest {
		price += tooShort
	}

	if speed := float64(l.span(first, last)) / max(free, Shortest).Seconds(); speed > hurried {
		price += min(tooFast*(speed-hurried), tooFastAtMost)
	}

	return price
}

// lines breaks a cue into lines: one where it fits, else two of much the same
// length, broken behind a clause where that costs little.
func (l *layout) lines(first, last int) []string {
	if l.span(first, last) <= LineWidth {
		return []string{l.text(first, last)}
	}

	// Characters of difference that a good break is worth.
	const behindSentence, behindClause = 24, 12

	best, least := first+1, math.MaxInt

	for at := first + 1; at < last; at++ {
		upper, lower := l.span(first, at), l.span(at, last)
		if upper > LineWidth || lower > LineWidth {
			continue
		}

		price := max(upper-lower, lower-upper)

		switch l.atoms[at-1].ends {
		case sentence:
			price -= behindSentence
		case clause:
			price -= behindClause
		case label:
			price += behindSentence
		case nothing:
		}

		if price < least {
			best, least = at, price
		}
	}

	return []string{l.text(first, best), l.text(best, last)}
}

func (l *layout) text(first, last int) string {
	var line strings.Builder

	for at := first; at < last; at++ {
		if at > first && l.atoms[at].spaced {
			line.WriteByte(' ')
		}

		line.WriteString(l.atoms[at].text)
	}

	return line.String()
}

// schedule gives each cue the time it needs on screen. What cannot be read in
// the time that it was said in stays for a while longer, and puts off the next
// one where it must.
func schedule(cues []Cue, end time.Duration) {
	for at := range cues {
		cue := &cues[at]
		if at > 0 {
			cue.Start = max(cue.Start, cues[at-1].End)
		}

		said := max(cue.End-cue.Start, Shortest)
		stays := max(said, reading(*cue))

		if end > 0 {
			stays = min(stays, max(end-cue.Start, said))
		}

		if at+1 < len(cues) {
			stays = min(stays, max(cues[at+1].Start-cue.Start, Shortest))
		}

		cue.End = cue.Start + min(stays, Longest)
	}
}

// reading is how long a cue takes to be read.
func reading(cue Cue) time.Duration {
	width := 0
	for _, line := range cue.Lines {
		width += Width(line)
	}

	return time.Duration(float64(width) / readable * float64(time.Second)).Truncate(time.Millisecond)
}
