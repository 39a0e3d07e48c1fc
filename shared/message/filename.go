package message

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxNameBytes is how long a file name may be on the systems that people have.
const maxNameBytes = 120

// unnamed is what a file is called that has no usable name.
const unnamed = "file"

// FileName makes a name that came from outside safe to send, to save and to
// show: one line of valid UTF-8 without folders, without characters that file
// systems refuse or that hide the true ending, at most 120 bytes with the
// ending kept. It is never empty, and safe names stay as they are.
func FileName(name string) string {
	safe := strings.Map(safeRune, strings.ToValidUTF8(name, ""))
	safe = strings.Trim(strings.Join(strings.Fields(safe), " "), ". ")

	if safe == "" {
		return unnamed
	}

	if len(safe) <= maxNameBytes {
		return safe
	}

	return shorten(safe)
}

// safeRune drops what cannot be seen and replaces what separates folders or is
// refused by Windows.
func safeRune(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Zl, r),
		unicode.Is(unicode.Zp, r):
		return -1 // among them U+202E, which shows "exe.gpj" for "jpg.exe"
	case strings.ContainsRune(`/\:*?"<>|`, r):
		return '_'
	default:
		return r
	}
}

// shorten cuts a name in the middle of its stem, between whole characters.
func shorten(name string) string {
	const maxEnding = 16

	ending := path.Ext(name)
	if len(ending) > maxEnding {
		ending = ""
	}

	stem := name[:maxNameBytes-len(ending)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}

	return strings.TrimRight(stem, ". ") + ending
}
