package transcript

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Paragraph is a stretch of text that belongs together, of one speaker.
type Paragraph struct {
	Speaker int // 0 where it is not known
	Text    string
}

const (
	// A paragraph ends with a sentence: behind a pause once it has some length,
	// and anyway once it is long.
	paragraphRunes     = 200
	longParagraphRunes = 600
	paragraphPause     = 2 * time.Second
)

// Paragraphs gives the text in paragraphs: a new one where another one speaks,
// behind pauses, and before they get too long.
func (t Transcript) Paragraphs() []Paragraph {
	if !t.segmentsTellAll() {
		if text := strings.TrimSpace(t.Text); text != "" {
			return []Paragraph{{Text: text}}
		}

		return nil
	}

	var (
		paragraphs []Paragraph
		last       time.Duration
	)

	for _, segment := range t.Segments {
		text := strings.Join(strings.Fields(segment.Text), " ")
		if text == "" {
			continue
		}

		count := len(paragraphs)
		if count == 0 || paragraphs[count-1].closes(segment, segment.Start-last) {
			paragraphs = append(paragraphs, Paragraph{Speaker: segment.Speaker, Text: text})
		} else {
			paragraphs[count-1].Text += " " + text
		}

		last = segment.End
	}

	return paragraphs
}

// segmentsTellAll reports whether the segments hold the text, all of it.
func (t Transcript) segmentsTellAll() bool {
	if t.Text == "" {
		return true
	}

	var said strings.Builder
	for _, segment := range t.Segments {
		said.WriteString(segment.Text)
	}

	return strings.TrimSpace(said.String()) != "" && letters(said.String()) == letters(t.Text)
}

// closes reports whether a paragraph ends before a segment that comes after a pause.
func (p Paragraph) closes(next Segment, pause time.Duration) bool {
	if p.Speaker != next.Speaker {
		return true
	}

	last, _ := utf8.DecodeLastRuneInString(p.Text)
	if !strings.ContainsRune(".!?…。！？؟", last) {
		return false
	}

	length := utf8.RuneCountInString(p.Text)

	return length >= longParagraphRunes || length >= paragraphRunes && pause >= paragraphPause
}

// Plain gives the text as people read it: paragraphs with an empty line
// between, each with the name of who speaks where that is known.
func (t Transcript) Plain(speaker func(number int) string) string {
	var texts []string

	for _, paragraph := range t.Paragraphs() {
		text := paragraph.Text
		if paragraph.Speaker != 0 {
			text = speaker(paragraph.Speaker) + ": " + text
		}

		texts = append(texts, text)
	}

	return strings.Join(texts, "\n\n")
}

// letters is what of a text is said: letters and digits, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return unicode.ToLower(r)
		}

		return -1
	}, text)
}
