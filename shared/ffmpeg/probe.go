package ffmpeg

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// report is what ffmpeg says about a file that it opens.
type report struct {
	format    string        // container, such as "mov,mp4,m4a,3gp,3g2,mj2"; empty: it understands nothing
	duration  time.Duration // of the whole; 0: not said
	estimated bool          // the duration is made up from the bitrate
	sound     bool          // there is an audio track
	track     time.Duration // of the first audio track; 0: not said
}

const (
	inputLine    = "Input #0, "
	durationLine = "  Duration: "
	streamLine   = "  Stream #0:"
	soundMark    = ": Audio: "
	trackTag     = "DURATION"
	guessMark    = "Estimating duration from bitrate"
	// maxReport is how much of a report is read: a file may hold a thousand
	// tracks and any number of tags.
	maxReport = 256 << 10
)

// readReport reads what ffmpeg writes about its first input at loglevel info.
// Tags are the file's own words, so that nothing here may be trusted more than
// the file itself.
func readReport(from io.Reader) (report, error) {
	var (
		found   report
		inTrack bool // the tags that follow are those of the first audio track
	)

	lines := bufio.NewScanner(io.LimitReader(from, maxReport))
	lines.Buffer(nil, maxReport+1)

	for lines.Scan() {
		line := lines.Text()

		switch {
		case strings.Contains(line, guessMark) && strings.HasPrefix(line, "["):
			found.estimated = true
		case strings.HasPrefix(line, inputLine) && found.format == "":
			found.format, _, _ = strings.Cut(strings.TrimPrefix(line, inputLine), ", from '")
		case strings.HasPrefix(line, durationLine) && found.format != "" && found.duration == 0:
			said, _, _ := strings.Cut(strings.TrimPrefix(line, durationLine), ",")
			found.duration = readClock(said)
		case strings.HasPrefix(line, streamLine):
			inTrack = !found.sound && strings.Contains(line, soundMark)
			found.sound = found.sound || inTrack
		case inTrack && found.track == 0:
			name, value, tagged := strings.Cut(strings.TrimSpace(line), ":")
			if tagged && strings.TrimSpace(name) == trackTag {
				found.track = readClock(strings.TrimSpace(value))
			}
		}
	}

	return found, lines.Err() //nolint:wrapcheck // of the caller's reader
}

// readClock reads "01:02:03.45", 0 where it is none.
func readClock(text string) time.Duration {
	const (
		fields  = 3
		tooMany = 100_000 // hours
	)

	parts := strings.Split(text, ":")
	if len(parts) != fields {
		return 0
	}

	hours, err := strconv.ParseUint(parts[0], 10, 32)
	if err != nil || hours > tooMany {
		return 0
	}

	minutes, err := strconv.ParseUint(parts[1], 10, 8)
	if err != nil || minutes > 59 {
		return 0
	}

	seconds, err := strconv.ParseFloat(parts[2], 64)
	if err != nil || !(seconds >= 0 && seconds < 60) {
		return 0
	}

	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds*float64(time.Second))
}
