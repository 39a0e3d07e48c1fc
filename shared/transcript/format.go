package transcript

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/subtitle"
)

// Format is a form in which a transcript is sent as a file.
type Format string

// The formats.
const (
	Text   Format = "txt"  // paragraphs, UTF-8
	SubRip Format = "srt"  // subtitles for players
	WebVTT Format = "vtt"  // subtitles for the web
	JSON   Format = "json" // with times of segments and words: see JSONTranscript
)

// Formats are all of them, in the order in which they are offered.
func Formats() []Format { return []Format{Text, SubRip, WebVTT, JSON} }

// Valid reports whether there is such a format.
func (f Format) Valid() bool { return f.mimeType() != "" }

func (f Format) mimeType() string {
	switch f {
	case Text:
		return "text/plain"
	case SubRip:
		return "application/x-subrip"
	case WebVTT:
		return "text/vtt"
	case JSON:
		return "application/json"
	default:
		return ""
	}
}

// Write writes the transcript in a format. speaker names who speaks, in the
// language of the person. Internal where there is no such format.
func (t Transcript) Write(format Format, speaker func(number int) string) ([]byte, error) {
	switch format {
	case Text:
		return []byte(t.Plain(speaker) + "\n"), nil
	case SubRip:
		named := func(number int) string { return speaker(number) + ":" }

		return subtitle.SRT(subtitle.Cut(t.timed(), subtitle.Style{Name: named, End: t.Duration}))
	case WebVTT:
		return subtitle.VTT(subtitle.Cut(t.timed(), subtitle.Style{End: t.Duration}), speaker)
	case JSON:
		return t.document()
	default:
		return nil, errs.New(errs.Internal, "write a transcript as %q: there is no such format", format)
	}
}

// JSONVersion is the version of the schema of JSONTranscript. Fields may be
// added within a version; nothing is renamed, removed or given another meaning.
const JSONVersion = 1

// JSONTranscript is a transcript as the format JSON writes it. Times are in seconds
// from the start of the file, to the millisecond.
type JSONTranscript struct {
	Version  int           `json:"version"`
	Duration float64       `json:"duration"`           // of the file
	Language string        `json:"language,omitempty"` // spoken: ISO 639-1, such as "id"; a name where the provider gives no code
	Model    string        `json:"model,omitempty"`    // what has heard it: "provider/model"
	Text     string        `json:"text"`
	Segments []JSONSegment `json:"segments"`
	Words    []JSONSegment `json:"words"` // empty where the provider gives no times of words
}

// JSONSegment is a stretch of speech, or one word of it.
type JSONSegment struct {
	Start   float64 `json:"start"`
	End     float64 `json:"end"`
	Text    string  `json:"text"`
	Speaker int     `json:"speaker,omitempty"` // 1, 2, …; left out where it is not known
}

func (t Transcript) document() ([]byte, error) {
	made := JSONTranscript{
		Version:  JSONVersion,
		Duration: inSeconds(t.Duration),
		Language: t.Language,
		Model:    t.Model,
		Text:     t.Text,
		Segments: make([]JSONSegment, 0, len(t.Segments)),
		Words:    make([]JSONSegment, 0, len(t.Words)),
	}

	for _, of := range t.Segments {
		made.Segments = append(made.Segments, JSONSegment{
			Start: inSeconds(of.Start), End: inSeconds(of.End), Text: strings.TrimSpace(of.Text), Speaker: of.Speaker,
		})
	}

	for _, of := range t.Words {
		made.Words = append(made.Words, JSONSegment{
			Start: inSeconds(of.Start), End: inSeconds(of.End), Text: strings.TrimSpace(of.Text), Speaker: of.Speaker,
		})
	}

	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "encode a transcript as JSON")
	}

	return append(text, '\n'), nil
}

func inSeconds(length time.Duration) float64 { return float64(length.Milliseconds()) / 1000 }
