package transcript

import (
	"bytes"
	"strings"

	"github.com/gabriel-vasile/mimetype"

	"github.com/lapak-id/lapak/shared/errs"
)

// mediaTypeBytes is how much of a file's beginning tells its type.
const mediaTypeBytes = 3 << 10

// mediaType tells by a file's first bytes whether it is audio or video, and
// which; its name and what Telegram says of it count for nothing. Invalid, with
// a sentence for the person, where it is anything else. What a file of the
// right type really holds is for package ffmpeg to find out.
func mediaType(head []byte) (string, error) {
	if found, ok := unusualMedia(head); ok {
		return found, nil
	}

	found := mimetype.Detect(head)

	name, _, _ := strings.Cut(found.String(), ";")
	if isMedia(name) {
		return name, nil
	}

	refused := errs.New(errs.Invalid, "the file is %s by its first bytes, neither audio nor video", name)

	ending := strings.ToUpper(strings.TrimPrefix(found.Extension(), "."))
	if ending == "" || len(head) == 0 {
		return "", refused.Tell("error.not_media", nil)
	}

	return "", refused.Tell("error.other_type", errs.Args{"Type": ending})
}

// isMedia lists what goes on. A list, since not every audio/ and video/ is
// sound: MIDI is notes, and pictures hide behind the type of MP4.
func isMedia(name string) bool {
	switch name {
	case "application/ogg", "audio/aac", "audio/aiff", "audio/amr", "audio/ape", "audio/basic", "audio/flac", "audio/mp4",
		"audio/mpeg", "audio/ogg", "audio/wav", "audio/x-m4a",
		"video/3gpp", "video/3gpp2", "video/matroska", "video/mp4", "video/mpeg", "video/ogg", "video/quicktime",
		"video/webm", "video/x-flv", "video/x-m4v", "video/x-ms-asf", "video/x-msvideo":
		return true
	default:
		return false
	}
}

// unusualMedia knows what mimetype 1.4.16 does not, or only in its usual form.
func unusualMedia(head []byte) (string, bool) {
	at := func(offset int, magic string) bool {
		return len(head) >= offset+len(magic) && string(head[offset:offset+len(magic)]) == magic
	}

	switch {
	case at(0, "RF64") && at(8, "WAVE"): // of 4 GB and more, and what some recorders always write
		return "audio/wav", true
	case at(0, "FORM") && at(8, "AIFC"):
		return "audio/aiff", true
	case at(0, "fLaC"): // mimetype wants the usual size of its first block
		return "audio/flac", true
	case at(0, "caff\x00\x01\x00\x00"): // iPhone's recorder
		return "audio/x-caf", true
	case at(0, "\x1A\x45\xDF\xA3") && !bytes.Contains(head[:min(len(head), ebmlHead)], []byte("\x42\x82")):
		return "video/matroska", true // which is the type where none is said
	case transportStream(head, 0, tsPacket), transportStream(head, tsTime, tsPacket+tsTime):
		return "video/mp2t", true
	default:
		return "", false
	}
}

const (
	ebmlHead = 64 // holds the head of Matroska, where its type is said
	tsPacket = 188
	tsTime   = 4 // bytes before each packet, on Blu-ray and of cameras (M2TS)
)

// transportStream reports whether MPEG-TS packets stand one after the other:
// each begins with 0x47, is not marked as broken, and carries something. Its
// tables are filled up with 0xFF, which no text has.
// ISO/IEC 13818-1, 2.4.3.2 and 2.4.4.
func transportStream(head []byte, offset, every int) bool {
	const enough = 3

	packets := 0

	for ; offset+tsTime <= len(head); offset += every {
		if head[offset] != 0x47 || head[offset+1]&0x80 != 0 || head[offset+3]&0x30 == 0 {
			return false
		}

		packets++
	}

	return packets >= enough && bytes.IndexByte(head, 0xFF) >= 0
}
