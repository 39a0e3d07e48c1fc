package transcript

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/asticode/go-astisub"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// Transcript is what was said in a file, and when.
type Transcript struct {
	Text     string        `json:"text"`
	Language string        `json:"language"` // as the provider names it: "en", "indonesian", …
	Duration time.Duration `json:"duration"`
	Segments []Segment     `json:"segments"`
	Words    []Word        `json:"words,omitempty"`
}

// Segment is a stretch of speech. Times count from the start of the file.
type Segment struct {
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
	Text  string        `json:"text"`
}

// Word is one word as it was heard.
type Word struct {
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
	Text  string        `json:"text"`
}

// previewRunes is how much of a transcript its job keeps for lists.
const previewRunes = 80

// maxTranscriptBytes bounds what is read back: a day of speech is under 2 MB.
const maxTranscriptBytes = 64 << 20

// summarise gives what a job keeps of a transcript stored at a blob key.
func (t Transcript) summarise(key string) Summary {
	preview := []rune(strings.Join(strings.Fields(t.Text), " "))
	if len(preview) > previewRunes {
		preview = append(preview[:previewRunes-1], '…')
	}

	return Summary{
		Blob:     key,
		Language: t.Language,
		Duration: t.Duration,
		Words:    len(strings.Fields(t.Text)),
		Preview:  string(preview),
	}
}

// SRT writes the transcript as SubRip subtitles, one cue for each segment.
// A transcript without segments becomes one cue; one without words, none.
func (t Transcript) SRT() ([]byte, error) {
	cues := t.Segments
	if len(cues) == 0 && t.Text != "" {
		cues = []Segment{{End: t.Duration, Text: t.Text}}
	}

	subtitles := astisub.NewSubtitles()

	for _, cue := range cues {
		line := astisub.Line{Items: []astisub.LineItem{{Text: strings.Join(strings.Fields(cue.Text), " ")}}}
		subtitles.Items = append(subtitles.Items, &astisub.Item{
			StartAt: cue.Start, EndAt: cue.End, Lines: []astisub.Line{line},
		})
	}

	if len(subtitles.Items) == 0 {
		return nil, nil
	}

	var written bytes.Buffer
	if err := subtitles.WriteToSRT(&written); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "write %d cues as SubRip", len(cues))
	}

	return written.Bytes(), nil
}

// save stores a transcript and gives its summary.
func save(ctx context.Context, to blob.Bucket, key string, result Transcript) (Summary, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return Summary{}, errs.Wrap(err, errs.Internal, "encode transcript %s", key)
	}

	if _, err := to.Put(ctx, key, bytes.NewReader(text), blob.PutOptions{ContentType: "application/json"}); err != nil {
		return Summary{}, errs.Context(err, "store transcript %s", key)
	}

	return result.summarise(key), nil
}

// load reads a stored transcript. NotFound where its time is over.
func load(ctx context.Context, from blob.Bucket, key string) (Transcript, error) {
	body, _, err := from.Get(ctx, key, blob.Range{})
	if err != nil {
		return Transcript{}, errs.Context(err, "load transcript %s", key)
	}
	defer body.Close() //nolint:errcheck // nothing was written

	var result Transcript
	if err := json.NewDecoder(io.LimitReader(body, maxTranscriptBytes)).Decode(&result); err != nil {
		return Transcript{}, errs.Wrap(err, errs.Unavailable, "read transcript %s", key)
	}

	return result, nil
}
