package message_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/message"
)

func TestFileName(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]string{
		"rapat senin.mp3":                 "rapat senin.mp3",
		"laporan – 2026 (final).txt":      "laporan – 2026 (final).txt",
		"../../etc/hosts":                 "_.._etc_hosts",
		`C:\temp\a:b*c?.mp4`:              "C__temp_a_b_c_.mp4",
		"a\x00b\x1b[31m\nc.ogg":           "ab[31m c.ogg",
		"photo_\u202egpj.exe":             "photo_gpj.exe",
		"\u200b\u200d":                    "file",
		"":                                "file",
		" . . ":                           "file",
		".hidden":                         "hidden",
		"name. ":                          "name",
		"bad\xff\xfeutf8.wav":             "badutf8.wav",
		strings.Repeat("a", 300) + ".mp3": strings.Repeat("a", 116) + ".mp3",
		strings.Repeat("é", 100) + ".srt": strings.Repeat("é", 58) + ".srt",
		strings.Repeat("x", 200):          strings.Repeat("x", 120),
		"suara 🎙.ogg":                     "suara 🎙.ogg",
	} {
		require.Equal(t, want, message.FileName(name), "%q", name)
	}
}

func FuzzFileName(f *testing.F) {
	for _, seed := range []string{
		"a.mp3", "../x", "\u202egpj.exe", "", "...", strings.Repeat("é. ", 90) + ".tar", "a\r\nContent-Type: x", `q"uote.txt`,
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, name string) {
		safe := message.FileName(name)

		switch {
		case safe == "" || len(safe) > 120 || !utf8.ValidString(safe):
			t.Fatalf("%q became %q: empty, too long or no text", name, safe)
		case strings.ContainsAny(safe, `/\:*?"<>|`) || strings.HasPrefix(safe, ".") || strings.HasSuffix(safe, "."):
			t.Fatalf("%q became %q, which a file system reads as something else", name, safe)
		case strings.ContainsFunc(safe, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
			t.Fatalf("%q became %q, which hides something", name, safe)
		case message.FileName(safe) != safe:
			t.Fatalf("%q became %q, and that %q", name, safe, message.FileName(safe))
		}
	})
}
