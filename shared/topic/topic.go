// Package topic provides the port through which alerts are published.
//
// sns holds the AWS adapter, memory the one for tests and the simulation,
// topictest the conformance suite that both must pass.
package topic

import (
	"context"

	"github.com/lapak-id/lapak/shared/errs"
)

// MaxNoteBytes is how much SNS carries in one note.
const MaxNoteBytes = 256 << 10

// Note is what is published.
type Note struct {
	Subject string // one line of at most 100 ASCII characters; may be empty
	Body    []byte // UTF-8 text
	Attrs   map[string]string
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

	if len(note.Body) == 0 || len(note.Body) > MaxNoteBytes || len(note.Subject) > longestSubject {
		return errs.New(errs.Invalid, "publish %d bytes under a subject of %d: use 1 to %d and at most %d",
			len(note.Body), len(note.Subject), MaxNoteBytes, longestSubject)
	}

	return nil
}
