package speech

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/transcript"
)

// Answer is what a provider says that it has heard, before any of it is
// trusted.
type Answer struct {
	Text     string
	Language string  // by whatever name
	Duration float64 // seconds; 0 where the provider does not say
	Segments []Stretch
	Words    []Stretch
}

// Stretch is a piece of an answer: a segment or a word.
type Stretch struct {
	Start, End float64 // seconds
	Text       string
	Speaker    int // from 1; 0 where it is not known
}

const (
	// longest bounds a time that a provider names: more is nonsense.
	longest = 24 * time.Hour
	// mostSpeakers bounds the number of a speaker in the same way.
	mostSpeakers = 1000
)

// Transcript makes sense of an answer: text is valid, times are in order and
// inside the audio, the language has its code.
func (a Answer) Transcript() transcript.Transcript {
	heard := transcript.Transcript{
		Text:     tidy(a.Text),
		Language: Language(a.Language),
		Duration: seconds(a.Duration),
	}

	// A provider that does not say how long the audio is bounds nothing.
	within := heard.Duration
	if within == 0 {
		within = longest
	}

	for _, segment := range a.Segments {
		heard.Segments = append(heard.Segments, transcript.Segment(segment.word(within)))
	}

	for _, word := range a.Words {
		heard.Words = append(heard.Words, word.word(within))
	}

	slices.SortStableFunc(heard.Segments, func(a, b transcript.Segment) int { return cmp.Compare(a.Start, b.Start) })
	slices.SortStableFunc(heard.Words, func(a, b transcript.Word) int { return cmp.Compare(a.Start, b.Start) })

	return heard
}

// word gives a stretch that does not end before it starts, nor after the audio.
func (s Stretch) word(within time.Duration) transcript.Word {
	start := min(seconds(s.Start), within)
	made := transcript.Word{Start: start, End: max(start, min(seconds(s.End), within)), Text: tidy(s.Text)}

	if s.Speaker > 0 && s.Speaker <= mostSpeakers {
		made.Speaker = s.Speaker
	}

	return made
}

func tidy(text string) string { return strings.TrimSpace(strings.ToValidUTF8(text, "�")) }

func seconds(value float64) time.Duration {
	if math.IsNaN(value) || value < 0 {
		return 0
	}

	if value > longest.Seconds() {
		return longest
	}

	return time.Duration(value * float64(time.Second)).Round(time.Millisecond)
}
