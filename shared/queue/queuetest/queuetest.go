// Package queuetest provides the conformance suite of the port queue: what SQS
// promises and Lapak relies on. Every adapter must pass it.
package queuetest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// What the queues under test have to be made with.
const (
	Visibility  = 2 * time.Second
	MaxReceives = 2 // then a message goes to the dead-letter queue
)

// Queue is both ends of a queue.
type Queue interface {
	queue.Sender
	queue.Receiver
}

// Subject is a queue under test with its dead-letter queue, both new and empty.
type Subject struct {
	Queue Queue
	Dead  Queue

	// Elapse lets time pass for the queue. nil: its time passes by itself, and
	// Receive waits for it.
	Elapse func(time.Duration)
}

// Make gives a queue to be held to the suite, with Visibility and MaxReceives.
type Make func(t *testing.T, fifo bool) Subject

// Options say what is known of the queues.
type Options struct {
	// Except names the cases that the queues cannot pass, such as
	// "Standard/Depth", each with the reason. It is for stand-ins of SQS.
	Except map[string]string
}

// Run holds queues to the suite.
func Run(t *testing.T, create Make, options Options) {
	t.Helper()

	standard := map[string]func(*subject){
		"RoundTrip":           roundTrip,
		"TraceTravels":        traceTravels,
		"ManyGoInBatches":     manyGoInBatches,
		"LargeGoInBatches":    largeGoInBatches,
		"TakesTheLargest":     takesTheLargest,
		"TakesAnyText":        takesAnyText,
		"HiddenWhileInFlight": hiddenWhileInFlight,
		"ComesAgain":          comesAgain,
		"DeleteAgain":         deleteAgain,
		"ShownAtOnce":         shownAtOnce,
		"HiddenForLonger":     hiddenForLonger,
		"ExtendTooLate":       extendTooLate,
		"Delayed":             delayed,
		"DeadLetter":          deadLetter,
		"Depth":               depth,
		"PartialFailure":      partialFailure,
		"NothingIsLost":       nothingIsLost,
		"RefusesStandard":     refusesStandard,
		"CallerHasGone":       callerHasGone,
	}
	fifo := map[string]func(*subject){
		"RoundTrip":            roundTripInOrder,
		"OrderInGroup":         orderInGroup,
		"GroupIsLocked":        groupIsLocked,
		"ComesAgainInOrder":    comesAgainInOrder,
		"Dedup":                dedup,
		"DedupAfterDelete":     dedupAfterDelete,
		"DeadLetterFreesGroup": deadLetterFreesGroup,
		"PartialFailure":       partialFailureInOrder,
		"DeleteTooLate":        deleteTooLate,
		"RefusesFIFO":          refusesFIFO,
	}

	for kind, cases := range map[string]map[string]func(*subject){"Standard": standard, "FIFO": fifo} {
		for name, run := range cases {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()

				if reason := options.Except[kind+"/"+name]; reason != "" {
					t.Skip(reason)
				}

				run(&subject{T: t, Subject: create(t, kind == "FIFO")})
			})
		}
	}
}

// subject is a queue under test.
type subject struct {
	*testing.T
	Subject
}

// patience is how long a queue whose time passes by itself may take to show
// what is due; briefly, how long one looks for what should not be there.
const (
	patience = 10 * time.Second
	briefly  = time.Second
)

func (s *subject) send(messages ...queue.Message) {
	s.Helper()
	require.NoError(s, s.Queue.Send(s.Context(), messages...))
}

// receive takes messages until it has as many as it wants.
func (s *subject) receive(from queue.Receiver, want int) []queue.Delivery {
	s.Helper()

	var got []queue.Delivery

	for deadline := time.Now().Add(patience); len(got) < want && time.Now().Before(deadline); {
		batch, err := from.Receive(s.Context(), min(want-len(got), queue.MaxBatch), 2*time.Second)
		require.NoError(s, err)

		got = append(got, batch...)

		if len(batch) == 0 && s.Elapse != nil {
			break // time stands still: nothing more will come
		}
	}

	require.Len(s, got, want)

	return got
}

// one takes the one message that is to come next.
func (s *subject) one() queue.Delivery {
	s.Helper()

	return s.receive(s.Queue, 1)[0]
}

// none expects that nothing is to be had.
func (s *subject) none(from queue.Receiver) {
	s.Helper()

	batch, err := from.Receive(s.Context(), queue.MaxBatch, briefly)
	require.NoError(s, err)
	require.Empty(s, batch)
}

func (s *subject) done(deliveries ...queue.Delivery) {
	s.Helper()

	for _, delivery := range deliveries {
		require.NoError(s, s.Queue.Delete(s.Context(), delivery))
	}
}

// elapse lets time pass; where it passes by itself, receive waits for it.
func (s *subject) elapse(d time.Duration) {
	if s.Elapse != nil {
		s.Elapse(d)
	}
}

// wait lets time pass also where it passes by itself.
func (s *subject) wait(d time.Duration) {
	if s.Elapse != nil {
		s.Elapse(d)

		return
	}

	select {
	case <-time.After(d):
	case <-s.Context().Done():
	}
}

func message(body string) queue.Message { return queue.Message{Body: []byte(body)} }

func inGroup(group, body string) queue.Message {
	return queue.Message{Body: []byte(body), Group: group, Dedup: group + "-" + body}
}

func bodies(deliveries []queue.Delivery) []string {
	texts := []string{}
	for _, delivery := range deliveries {
		texts = append(texts, string(delivery.Body))
	}

	return texts
}

func (s *subject) refuses(bad map[string]queue.Message) {
	s.Helper()

	for name, message := range bad {
		err := s.Queue.Send(s.Context(), message)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	s.none(s.Queue)
}

// badForAll are messages that no queue takes.
func badForAll(good queue.Message) map[string]queue.Message {
	with := func(change func(*queue.Message)) queue.Message {
		bad := good
		change(&bad)

		return bad
	}
	manyAttrs := queue.Attrs{}

	for at := range 11 {
		manyAttrs["n"+strings.Repeat("x", at)] = "v"
	}

	return map[string]queue.Message{
		"empty":           with(func(m *queue.Message) { m.Body = nil }),
		"too large":       with(func(m *queue.Message) { m.Body = []byte(strings.Repeat("x", queue.MaxMessageBytes+1)) }),
		"not UTF-8":       with(func(m *queue.Message) { m.Body = []byte{0xff} }),
		"NUL":             with(func(m *queue.Message) { m.Body = []byte("a\x00b") }),
		"control":         with(func(m *queue.Message) { m.Body = []byte("a\x1fb") }),
		"no character":    with(func(m *queue.Message) { m.Body = []byte("a\uffff") }),
		"eleven attrs":    with(func(m *queue.Message) { m.Attrs = manyAttrs }),
		"empty attr":      with(func(m *queue.Message) { m.Attrs = queue.Attrs{"a": ""} }),
		"group too long":  with(func(m *queue.Message) { m.Group = strings.Repeat("g", 129) }),
		"group has space": with(func(m *queue.Message) { m.Group = "a b" }),
		"negative delay":  with(func(m *queue.Message) { m.Delay = -time.Second }),
	}
}
