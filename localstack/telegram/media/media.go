// Package media reads what a messenger must know of a file before it sends
// it: how long a sound or video lasts and how large a picture is. It reads
// headers only and answers zero where it cannot tell.
package media

import (
	"bytes"
	"encoding/binary"
	"image"
	_ "image/gif"  // A picture format that Telegram takes.
	_ "image/jpeg" // Another.
	_ "image/png"  // And another.
	"io"
	"time"
)

// Info is what was found out about a file.
type Info struct {
	Duration      time.Duration
	Width, Height int
}

// headSize is how much of a file is searched for headers: enough for pictures
// inside the tags of an MP3.
const headSize = 1 << 20

// Probe reads what a file of the given size is.
func Probe(file io.ReaderAt, size int64) Info {
	head := make([]byte, min(size, headSize))

	n, err := file.ReadAt(head, 0)
	if err != nil && n == 0 {
		return Info{}
	}

	head = head[:n]

	switch {
	case bytes.HasPrefix(head, []byte("OggS")):
		return Info{Duration: oggDuration(file, size, head)}
	case bytes.HasPrefix(head, []byte("RIFF")) && len(head) >= 12 && string(head[8:12]) == "WAVE":
		return Info{Duration: wavDuration(head, size)}
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		return mp4Info(file, size)
	case bytes.HasPrefix(head, []byte("ID3")) || len(head) > 1 && head[0] == 0xFF && head[1]&0xE0 == 0xE0:
		return Info{Duration: mp3Duration(head, size)}
	}

	config, _, err := image.DecodeConfig(bytes.NewReader(head))
	if err != nil {
		return Info{}
	}

	return Info{Width: config.Width, Height: config.Height}
}

// seconds divides without overflow and rounds to milliseconds.
func seconds(units, rate float64) time.Duration {
	const tooLong = 1e9
	if rate <= 0 || units < 0 || units/rate > tooLong {
		return 0
	}

	return time.Duration(units/rate*1000) * time.Millisecond
}

// oggDuration takes the position of the last page, which counts samples.
func oggDuration(file io.ReaderAt, size int64, head []byte) time.Duration {
	const opusRate = 48000

	rate := 0.0

	if bytes.Contains(head, []byte("OpusHead")) {
		rate = opusRate
	} else if at := bytes.Index(head, []byte("\x01vorbis")); at >= 0 && at+16 <= len(head) {
		rate = float64(binary.LittleEndian.Uint32(head[at+12:]))
	}

	tail := make([]byte, min(size, 1<<17))

	n, err := file.ReadAt(tail, size-int64(len(tail)))
	if err != nil && n < len(tail) {
		return 0
	}

	at := bytes.LastIndex(tail, []byte("OggS"))
	if at < 0 || at+14 > len(tail) {
		return 0
	}

	return seconds(float64(int64(binary.LittleEndian.Uint64(tail[at+6:]))), rate) //nolint:gosec // Bits as they are in the file.
}

func wavDuration(head []byte, size int64) time.Duration {
	for at := 12; at+8 <= len(head); {
		length := int(binary.LittleEndian.Uint32(head[at+4:]))
		if string(head[at:at+4]) == "fmt " && at+20 <= len(head) {
			return seconds(float64(size-44), float64(binary.LittleEndian.Uint32(head[at+16:])))
		}

		at += 8 + length + length%2
	}

	return 0
}

// mp4Info walks the boxes to moov/mvhd for the time scale and the duration,
// and to the largest track header for the size.
func mp4Info(file io.ReaderAt, size int64) Info {
	var info Info

	walkBoxes(file, 0, size, 0, func(kind string, body []byte) {
		switch {
		case kind == "mvhd" && len(body) >= 20 && body[0] == 0:
			info.Duration = seconds(float64(binary.BigEndian.Uint32(body[16:])), float64(binary.BigEndian.Uint32(body[12:])))
		case kind == "mvhd" && len(body) >= 32:
			info.Duration = seconds(float64(binary.BigEndian.Uint64(body[24:])), float64(binary.BigEndian.Uint32(body[20:])))
		case kind == "tkhd" && len(body) >= 84:
			end := len(body)
			if width := int(binary.BigEndian.Uint16(body[end-8:])); width > info.Width {
				info.Width, info.Height = width, int(binary.BigEndian.Uint16(body[end-4:]))
			}
		}
	})

	return info
}

func walkBoxes(file io.ReaderAt, at, end int64, depth int, visit func(kind string, body []byte)) {
	const maxDepth, maxHeader = 3, 256

	header := make([]byte, 16)

	for at+8 <= end && depth < maxDepth {
		if n, err := file.ReadAt(header, at); err != nil && n < 8 {
			return
		}

		length, start := int64(binary.BigEndian.Uint32(header)), at+8
		if length == 1 {
			length, start = int64(binary.BigEndian.Uint64(header[8:])), at+16 //nolint:gosec // Checked below.
		}

		if length == 0 {
			length = end - at
		}

		if length < start-at || length > end-at {
			return
		}

		switch kind := string(header[4:8]); kind {
		case "moov", "trak":
			walkBoxes(file, start, at+length, depth+1, visit)
		case "mvhd", "tkhd":
			body := make([]byte, min(at+length-start, maxHeader))
			if n, err := file.ReadAt(body, start); err != nil && n < len(body) {
				return
			}

			visit(kind, body)
		}

		at += length
	}
}

// mp3Duration reads the frame count of a Xing or Info header, or else takes
// the bit rate of the first frame for the whole.
func mp3Duration(head []byte, size int64) time.Duration {
	start := 0
	if bytes.HasPrefix(head, []byte("ID3")) && len(head) >= 10 {
		start = 10 + int(head[6]&0x7F)<<21 + int(head[7]&0x7F)<<14 + int(head[8]&0x7F)<<7 + int(head[9]&0x7F)
	}

	for start+4 <= len(head) && (head[start] != 0xFF || head[start+1]&0xE0 != 0xE0) {
		start++
	}

	if start+4 > len(head) {
		return 0
	}

	header := binary.BigEndian.Uint32(head[start:])
	bitRates := [...]float64{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0}
	lowBitRates := [...]float64{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0}
	rates := [...]float64{44100, 48000, 32000, 0}

	version := header >> 19 & 3 // 3 is MPEG 1, 2 is MPEG 2, 0 is MPEG 2.5.
	bitRate, rate, samples := bitRates[header>>12&15], rates[header>>10&3], 1152.0

	if version != 3 {
		bitRate, rate, samples = lowBitRates[header>>12&15], rate/2, 576
	}

	if version == 0 {
		rate /= 2
	}

	frame := head[start:min(len(head), start+200)]
	for _, mark := range []string{"Xing", "Info"} {
		if at := bytes.Index(frame, []byte(mark)); at >= 0 && at+12 <= len(frame) && frame[at+7]&1 == 1 {
			return seconds(float64(binary.BigEndian.Uint32(frame[at+8:]))*samples, rate)
		}
	}

	return seconds(float64(size-int64(start))*8, bitRate*1000)
}
