package ffmpeg

import (
	"bufio"
	"errors"
	"io"
	"time"
)

// errMPEG says that something is not MP3 from its first byte to its last.
var errMPEG = errors.New("not whole MP3 frames")

const (
	frameHead = 4
	id3Head   = 10
	id3Tail   = 128 // of version 1, at the end
	// maxID3 is larger than the covers that people put into their files.
	maxID3 = 8 << 20
)

// walkMP3 reads MP3 (MPEG audio layer III, ISO/IEC 11172-3 and 13818-3) frame
// by frame and gives how long it is; errMPEG where anything else is in it than
// ID3 tags, or a frame is cut.
func walkMP3(file *bufio.Reader) (time.Duration, error) {
	var length time.Duration

	frames := 0

	for {
		head, err := file.Peek(frameHead)
		if len(head) == 0 {
			if err != nil && !errors.Is(err, io.EOF) {
				return 0, err //nolint:wrapcheck // the media's own
			}

			break
		}

		var (
			size     int
			duration time.Duration
		)

		switch {
		case len(head) < frameHead:
			return 0, errMPEG
		case string(head[:3]) == "TAG":
			size = id3Tail
		case string(head[:3]) == "ID3":
			size, err = id3Size(file)
		default:
			size, duration = mp3Frame(head)
			frames++
		}

		if size == 0 || err != nil {
			return 0, errMPEG
		}

		if _, err := file.Discard(size); err != nil {
			return 0, errMPEGOr(err)
		}

		length += duration
	}

	if frames == 0 {
		return 0, errMPEG
	}

	return length, nil
}

func errMPEGOr(err error) error {
	if errors.Is(err, io.EOF) {
		return errMPEG
	}

	return err
}

// id3Size is how many bytes a tag of version 2 has.
func id3Size(file *bufio.Reader) (int, error) {
	head, err := file.Peek(id3Head)
	if err != nil {
		return 0, errMPEG
	}

	size := id3Head
	for at, value := range head[6:] {
		if value > 127 {
			return 0, errMPEG
		}

		size += int(value) << (7 * (3 - at))
	}

	if head[5]&0x10 != 0 { // a foot
		size += id3Head
	}

	if size > maxID3 {
		return 0, errMPEG
	}

	return size, nil
}

// mp3Frame reads the head of a frame of layer III: how many bytes it has and
// how much sound; 0 where it is none.
func mp3Frame(head []byte) (int, time.Duration) {
	if head[0] != 0xff || head[1]&0xe0 != 0xe0 || head[1]>>1&3 != 1 {
		return 0, 0
	}

	version := head[1] >> 3 & 3 // 0: MPEG 2.5, 2: MPEG 2, 3: MPEG 1
	if version == 1 {
		return 0, 0
	}

	kilobits := [...]int{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	samples := 576

	if version == 3 {
		kilobits = [...]int{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
		samples = 1152
	}

	rate := [...]int{44_100, 48_000, 32_000, 0}[head[2]>>2&3]
	switch version {
	case 2:
		rate /= 2
	case 0:
		rate /= 4
	}

	bitrate := kilobits[head[2]>>4] * 1000
	if rate == 0 || bitrate == 0 {
		return 0, 0
	}

	return samples/8*bitrate/rate + int(head[2]>>1&1), time.Duration(samples) * time.Second / time.Duration(rate)
}
