// Package queue provides the port through which messages travel between
// functions: at least once, in order only inside a group of a FIFO queue.
//
// sqs holds the AWS adapter, memory the one for tests and the simulation,
// queuetest the conformance suite that both must pass.
package queue

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// Limits that SQS sets and every adapter enforces.
const (
	MaxBatch        = 10               // messages of one Receive
	MaxMessageBytes = 1 << 20          // body and attributes of one message
	MaxDelay        = 15 * time.Minute // Delay of one message
	MaxWait         = 20 * time.Second // of one Receive
	MaxVisibility   = 12 * time.Hour   // of one Extend
)

// Message is what a sender gives.
type Message struct {
	Body  []byte        // UTF-8 text
	Group string        // FIFO queues: messages of a group stay in order; standard ones: no group holds up the others
	Dedup string        // FIFO queues: a second one within 5 minutes is dropped
	Delay time.Duration // standard queues: invisible for so long, whole seconds
	Attrs Attrs         // travel beside the body
	Trace string        // X-Ray trace header, if any
}

// Attrs are names and values that travel beside a message's body.
type Attrs map[string]string

// The attributes that Lapak's own messages carry.
const (
	AttrStore = "store" // the store it belongs to
	AttrCause = "cause" // what it follows from: an update id or an outbox id
)

// Delivery is a message as a consumer gets it.
type Delivery struct {
	Message

	ID      string // the queue's own id: the same at each delivery
	Receipt string // proves this delivery; changes at each one
	Attempt int    // 1 at the first delivery
	SentAt  time.Time
}

// Sender puts messages into one queue.
type Sender interface {
	// Send puts all messages or returns an error that says how many it put;
	// sending those again makes duplicates, which consumers must bear.
	// Invalid: a message over a limit; Unavailable: try again.
	Send(ctx context.Context, messages ...Message) error
}

// Receiver takes messages out of one queue. Lambda does this by itself; local
// tools, operators and tests use it.
type Receiver interface {
	// Receive gives up to most messages, waiting up to wait for the first.
	// They stay hidden for the queue's visibility timeout.
	Receive(ctx context.Context, most int, wait time.Duration) ([]Delivery, error)
	// Delete ends a delivery. Deleting again is fine. A delivery whose
	// visibility has run out may be left in place, and come again: a FIFO
	// queue says so with Conflict.
	Delete(ctx context.Context, delivery Delivery) error
	// Extend hides a delivery for so long from now, whole seconds; zero shows
	// it at once. Conflict where it is no longer in flight.
	Extend(ctx context.Context, delivery Delivery, visibility time.Duration) error
	// Depth counts the messages that wait, those in flight not included; it
	// may lag behind.
	Depth(ctx context.Context) (int, error)
}

// Handler does the work of one delivery. An error puts the message back.
type Handler func(ctx context.Context, delivery Delivery) error

// Process hands each delivery of a batch to the handler and gives the ids of
// those that failed, each with its error. In a FIFO batch (ordered) everything
// behind a failure of the same group fails too, so that order is kept.
func Process(ctx context.Context, batch []Delivery, ordered bool, handle Handler) map[string]error {
	failed := map[string]error{}
	blocked := map[string]bool{}

	for _, delivery := range batch {
		if ordered && blocked[delivery.Group] {
			failed[delivery.ID] = errs.New(errs.Unavailable, "message %s waits for one before it", delivery.ID)

			continue
		}

		if err := handle(ctx, delivery); err != nil {
			failed[delivery.ID] = fmt.Errorf("message %s, attempt %d: %w", delivery.ID, delivery.Attempt, err)
			blocked[delivery.Group] = true
		}
	}

	return failed
}

// Name names a queue in outbox rows, configuration and logs.
type Name string

// The queues.
const (
	Updates        Name = "updates"
	Downloads      Name = "downloads"
	Transcriptions Name = "transcriptions"
	// TranscriptionsPriority has workers of its own, so that what is in it never
	// waits behind Transcriptions, nor the other way about.
	TranscriptionsPriority Name = "transcriptions-priority"
	Deliveries             Name = "deliveries"
	Payments               Name = "payments"
	Broadcasts             Name = "broadcasts"
	Checks                 Name = "checks" // looks at the health of the platform that somebody has asked for
)

// Validate checks what every adapter must refuse before it sends. ordered
// says whether the queue is FIFO.
func Validate(messages []Message, ordered bool) error {
	for _, message := range messages {
		switch {
		case len(message.Body) == 0:
			return errs.New(errs.Invalid, "send a message: its body is empty")
		case message.Size() > MaxMessageBytes:
			return errs.New(errs.Invalid, "send a message of %d bytes: at most %d go", message.Size(), MaxMessageBytes)
		case message.Delay < 0 || message.Delay > MaxDelay:
			return errs.New(errs.Invalid, "send a message with delay %s: use 0 to %s", message.Delay, MaxDelay)
		case ordered && (message.Group == "" || message.Dedup == "" || message.Delay != 0):
			return errs.New(errs.Invalid, "send to a FIFO queue: group and dedup are needed, delay is not possible")
		case !ordered && message.Dedup != "":
			return errs.New(errs.Invalid, "send to a standard queue: it does not know dedup")
		case !carried(string(message.Body)):
			return errs.New(errs.Invalid, "send a message: SQS does not carry a character of the body, or it is not UTF-8")
		case !label(message.Group) || !label(message.Dedup):
			return errs.New(errs.Invalid, "send a message of group %q and dedup %q: use at most %d letters, digits and marks",
				message.Group, message.Dedup, maxLabel)
		}

		if err := message.Attrs.validate(); err != nil {
			return err
		}
	}

	return nil
}

const (
	maxAttrs = 10  // attributes of one message
	maxLabel = 128 // characters of a group or a dedup id
)

func (a Attrs) validate() error {
	if len(a) > maxAttrs {
		return errs.New(errs.Invalid, "send a message with %d attributes: at most %d go", len(a), maxAttrs)
	}

	for name, value := range a {
		if name == "" || value == "" || !carried(value) {
			return errs.New(errs.Invalid, "send a message with attribute %q: SQS carries neither an empty name or value "+
				"nor every character", name)
		}
	}

	return nil
}

// carried reports whether SQS takes the text: UTF-8 of the characters of XML.
func carried(text string) bool {
	for _, r := range text {
		control := r < ' ' && r != '\t' && r != '\n' && r != '\r'
		if control || r == 0xFFFE || r == 0xFFFF {
			return false
		}
	}

	return utf8.ValidString(text)
}

// label reports whether the text can be a group or a dedup id: at most 128
// visible ASCII characters.
func label(text string) bool {
	visible := func(r rune) bool { return r > ' ' && r <= '~' }

	return len(text) <= maxLabel && strings.IndexFunc(text, func(r rune) bool { return !visible(r) }) < 0
}

// Size counts the bytes that the limits count: the body and the attributes.
func (m Message) Size() int {
	size := len(m.Body)
	for name, value := range m.Attrs {
		size += len(name) + len(value) + len("String")
	}

	return size
}

// Seconds gives a duration in the whole seconds that SQS takes, rounded up so
// that nothing is shown early.
func Seconds(d time.Duration) int32 {
	return int32((d + time.Second - 1) / time.Second) //nolint:gosec // at most MaxVisibility, checked before
}

// Batches cuts messages, in their order, into batches that go in one call: at
// most MaxBatch messages and MaxMessageBytes together.
func Batches(messages []Message) [][]Message {
	var batches [][]Message

	start, size := 0, 0

	for at, message := range messages {
		if at > start && (at-start == MaxBatch || size+message.Size() > MaxMessageBytes) {
			batches = append(batches, messages[start:at])
			start, size = at, 0
		}

		size += message.Size()
	}

	if start < len(messages) {
		batches = append(batches, messages[start:])
	}

	return batches
}
