package subtitle

import (
	"bytes"
	"strings"

	"github.com/asticode/go-astisub"

	"github.com/lapak-id/lapak/shared/errs"
)

// srtSafe keeps text from being read as a time line, a tag or a style of SSA,
// which many players obey in SubRip too.
var srtSafe = strings.NewReplacer("-->", "→", "<", "‹", "{\\", "(\\")

// SRT writes cues as SubRip; nothing where there are none.
func SRT(cues []Cue) ([]byte, error) {
	if len(cues) == 0 {
		return nil, nil
	}

	var written bytes.Buffer
	if err := subtitles(cues, srtSafe, nil).WriteToSRT(&written); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "write %d cues as SubRip", len(cues))
	}

	// SubRip knows no entities, though the library writes them: players show
	// "R&amp;B" as it stands there.
	return bytes.ReplaceAll(written.Bytes(), []byte("&amp;"), []byte("&")), nil
}

// vttSafe keeps text from being read as a time line.
var vttSafe = strings.NewReplacer("-->", "→")

// VTT writes cues as WebVTT (https://www.w3.org/TR/webvtt1), with voices where
// speakers are known and name names them. Without cues it is still a file.
func VTT(cues []Cue, name func(speaker int) string) ([]byte, error) {
	if len(cues) == 0 {
		return []byte("WEBVTT\n"), nil
	}

	var written bytes.Buffer
	if err := subtitles(cues, vttSafe, name).WriteToWebVTT(&written); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "write %d cues as WebVTT", len(cues))
	}

	return written.Bytes(), nil
}

// voice makes a name fit to stand in a tag.
var voice = strings.NewReplacer("&", "+", "<", "‹", ">", "›", "\n", " ", "\r", " ", "-->", "→")

func subtitles(cues []Cue, safe *strings.Replacer, name func(int) string) *astisub.Subtitles {
	made := astisub.NewSubtitles()

	for _, cue := range cues {
		item := &astisub.Item{StartAt: cue.Start, EndAt: cue.End}

		for _, line := range cue.Lines {
			spoken := astisub.Line{Items: []astisub.LineItem{{Text: safe.Replace(line)}}}
			if cue.Speaker != 0 && name != nil {
				spoken.VoiceName = voice.Replace(name(cue.Speaker))
			}

			item.Lines = append(item.Lines, spoken)
		}

		made.Items = append(made.Items, item)
	}

	return made
}
