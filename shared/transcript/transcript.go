package transcript

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

// srtSafe keeps what was said from being read as a time line or as a tag.
var srtSafe = strings.NewReplacer("-->", "→", "<", "‹")

// byteOrderMark tells players that subtitles are UTF-8.
const byteOrderMark = "\ufeff"

// SRT writes the transcript as SubRip subtitles, one cue for each segment that
// has words. A transcript without segments becomes one cue; one without words,
// nothing.
func (t Transcript) SRT() []byte {
	cues := t.Segments
	if len(cues) == 0 {
		cues = []Segment{{End: t.Duration, Text: t.Text}}
	}

	var written bytes.Buffer

	number := 0

	for _, cue := range cues {
		said := strings.Join(strings.Fields(srtSafe.Replace(cue.Text)), " ")
		if said == "" {
			continue
		}

		if number == 0 {
			written.WriteString(byteOrderMark)
		}

		number++
		fmt.Fprintf(&written, "%d\n%s --> %s\n%s\n\n", number, srtTime(cue.Start), srtTime(cue.End), said)
	}

	return written.Bytes()
}

// srtTime writes a time as SubRip does: 01:02:03,456.
func srtTime(at time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%02d,%03d",
		at/time.Hour, at%time.Hour/time.Minute, at%time.Minute/time.Second, at%time.Second/time.Millisecond)
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
