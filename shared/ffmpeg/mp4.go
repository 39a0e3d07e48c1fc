package ffmpeg

import (
	"encoding/binary"
	"io"
	"time"
)

const (
	// maxBoxes are walked in one box; files in use have dozens.
	maxBoxes = 4096
	boxHead  = 8
)

// mp4 is what the boxes of ISO/IEC 14496-12 say about a file.
type mp4 struct {
	late  bool          // the index stands behind the sound: a reader has to jump
	sound time.Duration // of the first audio track, edits counted; 0: not said
}

// readMP4 walks the boxes of a file; false where it does not begin like MP4 or
// QuickTime. Boxes that make no sense end the walk: ffmpeg is the judge of
// them. Errors are those of reading.
func readMP4(file io.ReaderAt, size int64) (mp4, bool, error) {
	var found mp4

	begun, sound := false, false

	err := walk(file, 0, size, func(kind string, from, to int64) (bool, error) {
		switch kind {
		case "ftyp", "wide", "free", "skip", "pnot", "moof", "styp", "sidx":
		case "mdat":
			sound = true
		case "moov":
			found.late = sound

			var err error
			found.sound, err = soundOf(file, from, min(to, size))

			return false, err
		default:
			if !begun {
				return false, nil
			}
		}

		begun = true

		return to <= size, nil
	})

	return found, begun || found.late || found.sound > 0, err
}

// walk gives the boxes between two bytes of a file to visit, with where their
// content begins and where it says that it ends, until visit has enough.
func walk(file io.ReaderAt, from, end int64, visit func(kind string, from, to int64) (bool, error)) error {
	for range maxBoxes {
		if end-from < boxHead {
			return nil
		}

		var head [2 * boxHead]byte

		count, err := file.ReadAt(head[:min(int64(len(head)), end-from)], from)
		if err != nil {
			return err //nolint:wrapcheck // the media's own
		}

		size, content := int64(binary.BigEndian.Uint32(head[:])), from+boxHead

		switch {
		case size == 0: // to the end
			size = end - from
		case size == 1 && count == len(head): // a large box
			size, content = int64(binary.BigEndian.Uint64(head[boxHead:])), from+2*boxHead //nolint:gosec // checked below
		}

		if size < content-from || size > 1<<62 {
			return nil
		}

		more, err := visit(string(head[4:boxHead]), content, from+size)
		if err != nil || !more {
			return err
		}

		from += size
	}

	return nil
}

// soundOf finds how long the first audio track of a moov is.
func soundOf(file io.ReaderAt, from, to int64) (time.Duration, error) {
	var (
		scale  uint32 // ticks a second of the whole file
		length time.Duration
	)

	err := walk(file, from, to, func(kind string, from, end int64) (bool, error) {
		if end = min(end, to); kind == "mvhd" {
			_, value, err := timing(file, from, end, 12, 20)
			scale = uint32(value) //nolint:gosec // 32 bits of it are the scale

			return err == nil, err
		}

		if kind != "trak" {
			return true, nil
		}

		ticks, audio, err := track(file, from, end)
		if err != nil || !audio {
			return err == nil, err
		}

		if scale > 0 && ticks>>32 == 0 && ticks != 1<<32-1 {
			length = time.Duration(ticks) * time.Second / time.Duration(scale)
		}

		return false, nil
	})

	return length, err
}

// track gives how long a track is, in ticks of the whole file, and whether it
// is sound.
func track(file io.ReaderAt, from, to int64) (uint64, bool, error) {
	var (
		ticks uint64
		audio bool
	)

	err := walk(file, from, to, func(kind string, from, end int64) (bool, error) {
		var err error

		switch end = min(end, to); kind {
		case "tkhd":
			ticks, _, err = timing(file, from, end, 20, 28)
		case "mdia":
			err = walk(file, from, end, func(kind string, from, end int64) (bool, error) {
				var head [12]byte
				if kind != "hdlr" || end-from < int64(len(head)) {
					return true, nil
				}

				_, err := file.ReadAt(head[:], from)
				audio = string(head[8:]) == "soun"

				return false, err //nolint:wrapcheck // the media's own
			})
		}

		return err == nil, err
	})

	return ticks, audio, err
}

// timing reads a number out of a full box, whose place and size depend on its
// version: 32 bits at short in version 0, at long in version 1, where it is
// given as 64 bits first.
func timing(file io.ReaderAt, from, to int64, short, long int) (uint64, uint64, error) {
	head := make([]byte, min(int64(long)+8, max(0, to-from)))
	if len(head) < short+4 {
		return 0, 0, nil
	}

	if _, err := file.ReadAt(head, from); err != nil {
		return 0, 0, err //nolint:wrapcheck // the media's own
	}

	if head[0] == 0 {
		value := uint64(binary.BigEndian.Uint32(head[short:]))

		return value, value, nil
	}

	if len(head) < long+8 {
		return 0, 0, nil
	}

	return binary.BigEndian.Uint64(head[long:]), uint64(binary.BigEndian.Uint32(head[long:])), nil
}
