// Package topic provides the port through which alerts are published.
//
// sns holds the AWS adapter, memory the one for tests and the simulation,
// topictest the conformance suite that both must pass.
package topic

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// MaxNoteBytes is how much SNS carries in one note.
const MaxNoteBytes = 256 << 10

// Note is what is published.
type Note struct {
	Subject string // one line of at most 100 ASCII characters; may be empty
	Body    []byte // UTF-8 text, for programs
	// Text is what people read who have subscribed by e-mail, and its first line
	// what those by SMS read. Empty: they get the Body.
	Text  string
	Attrs map[string]string
}

// Publisher publishes to one topic.
type Publisher interface {
	// Publish hands a note to every subscriber, at least once. Invalid: empty
	// or too large; Unavailable: try again.
	Publish(ctx context.Context, note Note) error
}

// Validate checks what every adapter must refuse.
func Validate(note Note) error {
	const longestSubject = 100

	size := len(note.Body) + len(note.Text)
	for name, value := range note.Attrs {
		size += len(name) + len(value) + len("String")

		if name == "" || value == "" {
			return errs.New(errs.Invalid, "publish a note with attribute %q: neither name nor value may be empty", name)
		}
	}

	outside := func(r rune) bool { return r < ' ' || r > '~' }

	switch {
	case len(note.Body) == 0 || size > MaxNoteBytes:
		return errs.New(errs.Invalid, "publish a note of %d bytes: use 1 to %d", size, MaxNoteBytes)
	case !utf8.Valid(note.Body) || !utf8.ValidString(note.Text):
		return errs.New(errs.Invalid, "publish a note: its body is not UTF-8 text")
	case len(note.Subject) > longestSubject || strings.IndexFunc(note.Subject, outside) >= 0 ||
		strings.HasPrefix(note.Subject, " "):
		return errs.New(errs.Invalid, "publish under subject %q: use a line of at most %d ASCII characters",
			note.Subject, longestSubject)
	}

	return nil
}
