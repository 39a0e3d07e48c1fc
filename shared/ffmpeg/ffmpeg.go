// Package ffmpeg provides the preparation of any audio or video for speech
// providers: what they can hear as it is goes as it is, all else becomes small
// speech audio by the ffmpeg program, from the bucket to memory, cut where it
// is long. The files are strangers' and may be made to do harm; run.go says
// what ffmpeg may do.
package ffmpeg

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Preparer implements transcript.Preparer by the ffmpeg program.
type Preparer struct{ program string }

// NewPreparer makes a preparer that runs the program at a path.
func NewPreparer(program string) *Preparer { return &Preparer{program: program} }

// Prepare looks at the media and begins; see transcript.Preparer. Whatever is
// copied was read to its end before: nothing in it is taken on trust.
func (p *Preparer) Prepare(
	ctx context.Context, media transcript.Media, bounds transcript.Bounds, longest time.Duration,
) (transcript.Prepared, error) {
	if media.Size <= 0 {
		return nil, notMedia("the media is empty")
	}

	reader := newChunks(ctx, media)

	prepared, err := p.prepare(ctx, reader, bounds, longest)
	if err != nil {
		reader.close()

		return nil, err
	}

	return prepared, nil
}

func (p *Preparer) prepare(
	ctx context.Context, media *chunks, bounds transcript.Bounds, longest time.Duration,
) (transcript.Prepared, error) {
	if seen, ok, err := inspect(media, bounds); err != nil || ok {
		if err == nil {
			err = withinLimit(seen.length, longest)
		}

		if err != nil {
			return nil, err
		}

		if fits(seen, media.media.Size, bounds) {
			return &copied{media: media, seen: seen}, nil
		}
	}

	found, err := p.probe(ctx, media)
	if err != nil {
		return nil, err
	}

	boxes, isMP4, err := readMP4(media, media.media.Size)
	if err != nil {
		return nil, err
	}

	if isMP4 && boxes.sound > 0 {
		found.track = boxes.sound
	}

	claimed := found.claim()

	if share, err := shareOfRIFF(media, media.media.Size); err != nil {
		return nil, err
	} else if share > 1 { // ffmpeg goes by what is there
		claimed, found.estimated = time.Duration(float64(claimed)*share), false
	}

	likely := claimed
	if found.estimated {
		likely /= 2 // a bitrate that varies is easily off by as much; the work itself finds out
	}

	if err := withinLimit(likely, longest); err != nil {
		return nil, err
	}

	return p.convert(ctx, media, &conversion{
		report: found, claimed: claimed, longest: longest, jumps: isMP4 && boxes.late,
	}, bounds)
}

// withinLimit refuses what is too long.
func withinLimit(length, longest time.Duration) error {
	if length <= longest {
		return nil
	}

	return errs.New(errs.Invalid, "the media lasts %s, more than %s", length, longest).
		Tell("error.over_limit", errs.Args{"Length": clock(length), "Limit": clock(longest)})
}

// clock writes a length as "1:02:03", which needs no language.
func clock(length time.Duration) string {
	return strings.TrimPrefix(time.Time{}.Add(length.Round(time.Second)%(24*time.Hour)).Format("15:04:05"), "0")
}

// claim is how long the file says that its sound is.
func (r report) claim() time.Duration {
	if r.track > 0 && (r.duration == 0 || r.track < r.duration) {
		return r.track
	}

	return r.duration
}

// shareOfRIFF is how many times larger a RIFF file, WAV or AVI, says it is
// than it is; 0 where it says nothing, as those do that were written to a pipe.
func shareOfRIFF(media io.ReaderAt, size int64) (float64, error) {
	const (
		head    = 8
		largest = 1<<31 - 1<<16
	)

	var begin [head]byte
	if size < head {
		return 0, nil
	}

	if _, err := media.ReadAt(begin[:], 0); err != nil {
		return 0, err //nolint:wrapcheck // the media's own
	}

	said := int64(binary.LittleEndian.Uint32(begin[4:])) + head
	if string(begin[:4]) != "RIFF" || said > largest {
		return 0, nil
	}

	return float64(said) / float64(size), nil
}

// probe asks ffmpeg what the media is.
func (p *Preparer) probe(ctx context.Context, media *chunks) (report, error) {
	told := &head{limit: maxReport}

	run, err := start(ctx, launch{program: p.program, arguments: probeArguments, stderr: told, media: media})
	if err != nil {
		return report{}, err
	}

	ended := run.wait() // it always complains, about having nothing to do
	run.cancel()

	if run.reading != nil || errs.Retryable(ended) {
		return report{}, ended
	}

	found, err := readReport(strings.NewReader(told.text.String()))
	if err != nil || found.format == "" {
		return report{}, notMedia("ffmpeg does not understand the media: %s", run.complaint)
	}

	if !found.sound {
		return report{}, errs.New(errs.Invalid, "the media, %s, has no sound", found.format).Tell("error.no_sound", nil)
	}

	return found, nil
}

// seen is what was read of a media from its beginning to its end.
type seen struct {
	format, name, mime string
	channels           int
	length             time.Duration
}

const (
	// speechRate is up to which bitrate sound is speech, or as good as: more
	// is worth making smaller.
	speechRate  = 64_000
	maxChannels = 2
	// sniffed is how much of a media is looked at to see what it may be.
	sniffed = 64
)

// inspect reads a media of a kind that may go as it is, to its end. Not ok:
// it is of another kind, too large, or damaged, and ffmpeg is to say more.
func inspect(media *chunks, bounds transcript.Bounds) (seen, bool, error) {
	size, most := media.media.Size, bounds.Bytes
	if media.media.Link != nil {
		most = max(most, bounds.LinkBytes)
	}

	if bounds.Bytes > 0 && size > most {
		return seen{}, false, nil
	}

	begin := make([]byte, min(sniffed, size))
	if _, err := media.ReadAt(begin, 0); err != nil {
		return seen{}, false, err
	}

	file := bufio.NewReaderSize(io.NewSectionReader(media, 0, size), blockBytes)

	var (
		found seen
		err   error
	)

	switch {
	case strings.HasPrefix(string(begin), capture) && strings.Contains(string(begin), headMagic):
		found = seen{format: "ogg", name: "audio.ogg", mime: "audio/ogg", channels: 0}
		found.length, found.channels, err = walkOpus(file)
	case strings.HasPrefix(string(begin), "ID3") || (len(begin) >= frameHead && begin[0] == 0xff && begin[1]&0xe0 == 0xe0):
		found = seen{format: "mp3", name: "audio.mp3", mime: "audio/mpeg", channels: 1}
		found.length, err = walkMP3(file)
	default:
		return seen{}, false, nil
	}

	if errors.Is(err, errOgg) || errors.Is(err, errMPEG) || (err == nil && found.length <= 0) {
		return seen{}, false, nil
	}

	return found, err == nil, err
}

// fits reports whether a media that is whole can be heard as it is.
func fits(of seen, size int64, bounds transcript.Bounds) bool {
	return slices.Contains(bounds.Formats, of.format) && of.channels <= maxChannels &&
		(bounds.Duration == 0 || of.length <= bounds.Duration) &&
		float64(size)*8 <= speechRate*of.length.Seconds()
}

// copied is a media that goes as it is.
type copied struct {
	media *chunks
	seen  seen
	given bool
}

func (c *copied) About() transcript.About {
	return transcript.About{
		Format: c.seen.format, Duration: c.seen.length, Copied: true,
		Bitrate: int(float64(c.media.media.Size) * 8 / c.seen.length.Seconds()), Bytes: c.media.media.Size, Parts: 1,
	}
}

func (c *copied) Next(context.Context) (transcript.Part, error) {
	if c.given {
		return transcript.Part{}, io.EOF
	}

	c.given = true
	media := c.media.media

	return transcript.Part{
		Number: 1, Length: c.seen.length, Name: c.seen.name, Type: c.seen.mime, Size: media.Size, Link: media.Link,
		Open: func(ctx context.Context) (io.ReadCloser, error) { return media.Open(ctx, blob.Range{}) },
	}, nil
}

func (c *copied) Done() time.Duration    { return c.seen.length }
func (c *copied) Missing() time.Duration { return 0 } // else it would not have been copied

func (c *copied) Close() error {
	c.media.close()

	return nil
}
