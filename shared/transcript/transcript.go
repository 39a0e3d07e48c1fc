package transcript

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// Transcript is what was said in a file, and when.
type Transcript struct {
	Text     string        `json:"text"`
	Language string        `json:"language"` // as the provider names it: "en", "indonesian", …
	Duration time.Duration `json:"duration"`
	Model    string        `json:"model,omitempty"` // what has heard it: "provider/model"
	Segments []Segment     `json:"segments"`
	Words    []Word        `json:"words,omitempty"`
}

// Segment is a stretch of speech. Times count from the start of the file.
type Segment struct {
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
	Text  string        `json:"text"`
	// Speaker tells who speaks: 1, 2, …; 0 where nobody asked or it is not known.
	Speaker int `json:"speaker,omitempty"`
}

// Word is one word as it was heard.
type Word struct {
	Start time.Duration `json:"start"`
	End   time.Duration `json:"end"`
	Text  string        `json:"text"`
	// Speaker tells who speaks: 1, 2, …; 0 where nobody asked or it is not known.
	Speaker int `json:"speaker,omitempty"`
}

// previewRunes is how much of a transcript its job keeps for lists.
const previewRunes = 80

// KeptFor is how long a transcript can be had again at least: the parameter
// TranscriptDays of template.yaml takes no less.
const KeptFor = 14 * 24 * time.Hour

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

// loadText reads a stored transcript as it is stored. NotFound where its time
// is over.
func loadText(ctx context.Context, from blob.Bucket, key string) ([]byte, error) {
	body, _, err := from.Get(ctx, key, blob.Range{})
	if err != nil {
		return nil, errs.Context(err, "load transcript %s", key)
	}
	defer body.Close() // nothing was written

	text, err := io.ReadAll(io.LimitReader(body, maxTranscriptBytes))
	if err != nil {
		return nil, errs.Wrap(err, errs.Unavailable, "read transcript %s", key)
	}

	return text, nil
}

// load reads a stored transcript. NotFound where its time is over.
func load(ctx context.Context, from blob.Bucket, key string) (Transcript, error) {
	text, err := loadText(ctx, from, key)
	if err != nil {
		return Transcript{}, err
	}

	var result Transcript
	if err := json.Unmarshal(text, &result); err != nil {
		return Transcript{}, errs.Wrap(err, errs.Invalid, "decode transcript %s", key)
	}

	return result, nil
}
