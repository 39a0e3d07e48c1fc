package transcript

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// heardPart is what was heard in a part; times count from its start.
type heardPart struct {
	Part

	transcript Transcript
}

// said is a word with the segment that it belongs to.
type said struct {
	Word

	shown   string // as its segment writes it, with punctuation
	segment int    // of those of its part
	guessed bool   // its time is a guess: the provider gave none for words
}

// strand is a part taken to pieces, with times of the whole recording.
type strand struct {
	words    []said
	segments []Segment
	sizes    []int // words of each segment
	timed    bool  // words have times of their own
	untimed  bool  // not even segments have
}

// join makes one transcript of parts that follow each other. Where two overlap
// both have heard the same words, at slightly different times and not always
// alike: the seam is laid behind a word that both have, as far from the ends of
// both as possible, since what is cut in the middle of a word is misheard.
func join(parts []heardPart) Transcript {
	if len(parts) == 0 {
		return Transcript{}
	}

	if len(parts) == 1 && parts[0].Start == 0 {
		return parts[0].transcript
	}

	var (
		whole    []strand
		speakers speakerNames
	)

	for at, part := range parts {
		next := unravel(part)

		if at == 0 || part.Overlap <= 0 {
			speakers.begin(&next)
		} else {
			before := &whole[len(whole)-1]
			keep, skip, pairs := seam(*before, next, part.Start, part.Overlap)
			speakers.match(*before, &next, pairs)
			before.words, next.words = before.words[:keep], next.words[skip:]
		}

		whole = append(whole, next)
	}

	return assemble(parts, whole)
}

// unravel takes a part to pieces. Words without times of their own are spread
// over their segment, and a part without segments is one.
func unravel(part heardPart) strand {
	heard := part.transcript
	made := strand{timed: len(heard.Words) > 0, untimed: len(heard.Words) == 0 && len(heard.Segments) == 0}
	made.segments = slices.Clone(heard.Segments)

	if len(made.segments) == 0 {
		made.segments = []Segment{{End: max(heard.Duration, part.Length), Text: heard.Text}}
		if made.timed {
			made.segments[0] = spanOf(heard.Words)
		}
	}

	at := 0

	for index := range made.segments {
		segment := &made.segments[index]
		last := index == len(made.segments)-1
		from := at

		for at < len(heard.Words) && (last || middle(heard.Words[at]) < made.segments[index+1].Start) {
			at++
		}

		words := wordsOf(*segment, heard.Words[from:at], index, !made.timed)
		for word := range words {
			words[word].Start += part.Start
			words[word].End += part.Start
		}

		segment.Start += part.Start
		segment.End += part.Start
		made.words = append(made.words, words...)
		made.sizes = append(made.sizes, len(words))
	}

	return made
}

// spanOf makes the one segment of a part that has words and no segments.
func spanOf(words []Word) Segment {
	texts := make([]string, 0, len(words))
	for _, word := range words {
		texts = append(texts, word.Text)
	}

	return Segment{
		Start: words[0].Start, End: words[len(words)-1].End, Text: strings.Join(texts, " "), Speaker: words[0].Speaker,
	}
}

// wordsOf gives the words of a segment. guess says that the provider gives no
// words: then those of the text are spread evenly over its time.
func wordsOf(segment Segment, words []Word, index int, guess bool) []said {
	texts := strings.Fields(segment.Text)

	if guess {
		made := make([]said, 0, len(texts))
		for at, text := range texts {
			made = append(made, said{shown: text, segment: index, guessed: true, Word: Word{
				Start: between(segment, at, len(texts)), End: between(segment, at+1, len(texts)), Text: text, Speaker: segment.Speaker,
			}})
		}

		return made
	}

	made := make([]said, 0, len(words))
	for at, word := range words {
		shown := word.Text
		if len(texts) == len(words) {
			shown = texts[at]
		}

		made = append(made, said{Word: word, shown: shown, segment: index})
	}

	return made
}

func between(segment Segment, at, of int) time.Duration {
	return segment.Start + (segment.End-segment.Start)*time.Duration(at)/time.Duration(of)
}

func middle(word Word) time.Duration { return word.Start + (word.End-word.Start)/2 }

// assemble puts the pieces together again: a segment that is whole stays as it
// was, of one that was cut only the kept words are left.
func assemble(parts []heardPart, whole []strand) Transcript {
	joined := Transcript{Language: commonest(parts, languageOf), Model: commonest(parts, modelOf)}
	timed := !slices.ContainsFunc(whole, func(s strand) bool { return !s.timed && len(s.words) > 0 })

	var lastSegment, lastWord time.Duration // nothing starts before what stands before it

	for at, piece := range whole {
		for from := 0; from < len(piece.words); {
			index := piece.words[from].segment

			until := from
			for until < len(piece.words) && piece.words[until].segment == index {
				until++
			}

			segment := piece.segments[index]
			if until-from < piece.sizes[index] {
				segment = remains(segment, piece.words[from:until])
			}

			segment.Start = max(segment.Start, lastSegment)
			segment.End = max(segment.End, segment.Start)
			lastSegment = segment.Start
			joined.Segments = append(joined.Segments, segment)

			for _, word := range piece.words[from:until] {
				if timed {
					lastWord = max(word.Start, lastWord)
					word.Start, word.End = lastWord, max(word.End, lastWord)
					joined.Words = append(joined.Words, word.Word)
				}
			}

			from = until
		}

		joined.Duration = max(joined.Duration, parts[at].Start+max(parts[at].transcript.Duration, parts[at].Length))
	}

	texts := make([]string, 0, len(joined.Segments))
	for _, segment := range joined.Segments {
		texts = append(texts, segment.Text)
	}

	joined.Text = strings.Join(texts, " ")

	return joined
}

// remains gives what is left of a segment that was cut.
func remains(segment Segment, words []said) Segment {
	texts := make([]string, 0, len(words))
	for _, word := range words {
		texts = append(texts, word.shown)
	}

	segment.Start, segment.End = max(segment.Start, words[0].Start), min(segment.End, words[len(words)-1].End)
	segment.Text = strings.Join(texts, " ")

	return segment
}

func languageOf(t Transcript) string { return t.Language }
func modelOf(t Transcript) string    { return t.Model }

// commonest gives what most of the words have been heard as; the earlier one
// where two are alike.
func commonest(parts []heardPart, of func(Transcript) string) string {
	counts := map[string]int{}
	most := of(parts[0].transcript)

	for _, part := range parts {
		counts[of(part.transcript)] += len(strings.Fields(part.transcript.Text))
	}

	for _, part := range parts {
		if name := of(part.transcript); counts[name] > counts[most] {
			most = name
		}
	}

	return most
}

const (
	// jitter is how far apart two hearings of a word may lie.
	jitter = 600 * time.Millisecond
	// guessJitter is the same where the times of words are guesses.
	guessJitter = 3 * time.Second
	// reach is how many words at each side of a seam are compared at most.
	reach = 60
)

// pair is a word that two parts have both heard: its places in them.
type pair struct{ before, next int }

// seam lays the seam between two overlapping parts: how many words to keep of
// the one before, how many to leave out of the next, and which they share.
func seam(before, next strand, start, overlap time.Duration) (int, int, []pair) {
	tolerance := jitter
	if !before.timed || !next.timed {
		tolerance = guessJitter
	}

	from := len(before.words) // the first word of before that next may have heard too
	for from > 0 && len(before.words)-from < reach && before.words[from-1].End > start-tolerance {
		from--
	}

	until := 0 // behind the last word of next that before may have heard too
	for until < len(next.words) && until < reach && next.words[until].Start < start+overlap+tolerance {
		until++
	}

	if before.untimed || next.untimed { // where words stand says nothing
		return seamByText(before.words, next.words, overlap)
	}

	pairs := align(before.words[from:], next.words[:until], tolerance)
	for at := range pairs {
		pairs[at].before += from
	}

	if len(pairs) > 0 {
		best := mostInside(before, next, pairs, start+overlap/2)

		return best.before + 1, best.next + 1, pairs
	}

	keep, skip := cutByTime(before.words, next.words, from, until, start+overlap/2)

	return keep, skip, nil
}

// seamByText lays the seam by the longest run of words with which one part ends
// and the next one begins, give or take those cut at the very ends. Without
// one, everything is kept: doubled is better than lost.
func seamByText(before, next []said, overlap time.Duration) (int, int, []pair) {
	const (
		fastest = 5 // words in a second
		cut     = 2 // words at an end that may be misheard
	)

	most := int(overlap/time.Second+1)*fastest + cut
	tail := before[max(0, len(before)-most):]
	head := next[:min(len(next), most)]
	longest, endBefore, endNext := 0, 0, 0

	for i := range tail {
		for j := range min(len(head), cut+1) {
			run := 0
			for i+run < len(tail) && j+run < len(head) && plain(tail[i+run].Text) == plain(head[j+run].Text) {
				run++
			}

			if run > longest && i+run >= len(tail)-cut {
				longest, endBefore, endNext = run, i+run, j+run
			}
		}
	}

	if longest == 0 {
		return len(before), 0, nil
	}

	skipped := len(before) - len(tail)
	pairs := make([]pair, 0, longest)

	for at := longest; at > 0; at-- {
		pairs = append(pairs, pair{skipped + endBefore - at, endNext - at})
	}

	return skipped + endBefore, endNext, pairs
}

// mostInside picks the shared word nearest to the middle of the overlap.
func mostInside(before, next strand, pairs []pair, centre time.Duration) pair {
	best := pairs[0]
	nearest := time.Duration(-1)

	for _, shared := range pairs {
		away := max(
			(middle(before.words[shared.before].Word) - centre).Abs(), (middle(next.words[shared.next].Word) - centre).Abs(),
		)
		if nearest < 0 || away < nearest {
			best, nearest = shared, away
		}
	}

	return best
}

// cutByTime lays the seam where the parts share no word: in the middle of the
// overlap, or where only one of them has heard anything there, behind it.
func cutByTime(before, next []said, from, until int, centre time.Duration) (int, int) {
	if from == len(before) || until == 0 {
		return len(before), 0
	}

	keep := from
	for keep < len(before) && middle(before[keep].Word) < centre {
		keep++
	}

	skip := 0
	for skip < until && (middle(next[skip].Word) < centre || keep > 0 && covers(before[keep-1].Word, next[skip].Word)) {
		skip++
	}

	return keep, skip
}

// covers reports whether the earlier of two words takes up most of the time of
// the later one: then they are one, heard differently.
func covers(earlier, later Word) bool {
	shared := min(earlier.End, later.End) - max(earlier.Start, later.Start)

	return shared > 0 && 2*shared > later.End-later.Start
}

// align finds the words that two stretches share, in order: the alignment of
// the highest score (Needleman and Wunsch, with gaps at no cost). Words alike
// count more than words nearly alike, and those near in time more than those
// far.
func align(before, next []said, tolerance time.Duration) []pair {
	width := len(next) + 1
	scores := make([]int, (len(before)+1)*width)

	for i, one := range slices.Backward(before) {
		for j, other := range slices.Backward(next) {
			best := max(scores[(i+1)*width+j], scores[i*width+j+1])
			if alike := likeness(one, other, tolerance); alike > 0 {
				best = max(best, alike+scores[(i+1)*width+j+1])
			}

			scores[i*width+j] = best
		}
	}

	var pairs []pair

	for i, j := 0, 0; i < len(before) && j < len(next); {
		alike := likeness(before[i], next[j], tolerance)

		switch score := scores[i*width+j]; {
		case alike > 0 && score == alike+scores[(i+1)*width+j+1]:
			pairs = append(pairs, pair{i, j})
			i, j = i+1, j+1
		case score == scores[(i+1)*width+j]:
			i++
		default:
			j++
		}
	}

	return pairs
}

// likeness says how sure two words are one: 0 not at all, more is surer. The
// distance in time counts by its square: where somebody says the same word
// over and over, many that are a little off are less likely than one more or
// less.
func likeness(one, other said, tolerance time.Duration) int {
	const same, near, farthest = 100, 60, 300

	apart := float64(middle(one.Word)-middle(other.Word)) / float64(tolerance)
	if apart < -1 || apart > 1 {
		return 0
	}

	first, second := plain(one.Text), plain(other.Text)
	penalty := int(farthest * apart * apart)

	switch {
	case first == second:
		return max(0, same-penalty)
	case similar(first, second):
		return max(0, near-penalty)
	default:
		return 0
	}
}

// plain gives a word without case and punctuation.
func plain(word string) string {
	bare := strings.ToLower(strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }))
	if bare == "" {
		return word
	}

	return bare
}

// similar reports whether at most a third of the letters differ (by
// Levenshtein's distance).
func similar(one, other string) bool {
	first, second := []rune(one), []rune(other)
	longest := max(len(first), len(second))

	if longest < 3 || longest > reach {
		return false
	}

	row := make([]int, len(second)+1)
	for j := range row {
		row[j] = j
	}

	for i := range first {
		diagonal := row[0]
		row[0] = i + 1

		for j := range second {
			cost := diagonal
			if first[i] != second[j] {
				cost++
			}

			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}

	return 3*row[len(second)] <= longest
}

// speakerNames carries the numbers of speakers from part to part: providers
// number them anew in each.
type speakerNames struct{ last int }

// begin takes over the numbers of a part of which nothing is known.
func (s *speakerNames) begin(part *strand) {
	for _, word := range part.words {
		s.last = max(s.last, word.Speaker)
	}
}

// match renames the speakers of the next part as those of the words that both
// have heard. A speaker who says none of them keeps the number if it is free,
// and gets a new one otherwise.
func (s *speakerNames) match(before strand, next *strand, pairs []pair) {
	votes := map[[2]int]int{}
	for _, shared := range pairs {
		votes[[2]int{next.words[shared.next].Speaker, before.words[shared.before].Speaker}]++
	}

	names := map[int]int{0: 0}
	taken := map[int]bool{}

	for len(votes) > 0 {
		var best [2]int

		for vote, count := range votes {
			if count > votes[best] || count == votes[best] && slices.Compare(vote[:], best[:]) < 0 {
				best = vote
			}
		}

		if _, named := names[best[0]]; !named && best[1] != 0 && !taken[best[1]] {
			names[best[0]], taken[best[1]] = best[1], true
		}

		delete(votes, best)
	}

	name := func(speaker int) int {
		if _, named := names[speaker]; !named {
			chosen := speaker
			if taken[chosen] {
				s.last++
				chosen = s.last
			}

			names[speaker], taken[chosen] = chosen, true
		}

		return names[speaker]
	}

	for at := range next.words {
		next.words[at].Speaker = name(next.words[at].Speaker)
		s.last = max(s.last, next.words[at].Speaker)
	}

	for at := range next.segments {
		next.segments[at].Speaker = name(next.segments[at].Speaker)
	}
}
