package queuetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

var errRefused = errors.New("the handler refused")

func roundTrip(s *subject) {
	sent := queue.Message{
		Body:  []byte(`{"text":"Halo 😀"}`),
		Attrs: queue.Attrs{queue.AttrStore: "demo", queue.AttrCause: "42"},
	}
	s.send(sent)

	got := s.one()
	assert.Equal(s, sent, got.Message)
	assert.NotEmpty(s, got.ID)
	assert.NotEmpty(s, got.Receipt)
	assert.Equal(s, 1, got.Attempt)
	assert.WithinDuration(s, time.Now(), got.SentAt, time.Hour)

	fair := message("in a group")
	fair.Group = "demo"
	s.send(fair)
	assert.Equal(s, fair, s.one().Message, "a standard queue takes a group: it is fair among them")
}

func traceTravels(s *subject) {
	sent := message("a")
	sent.Trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	s.send(sent)
	assert.Equal(s, sent, s.one().Message)
}

func manyGoInBatches(s *subject) {
	const count = 25

	messages := make([]queue.Message, 0, count)
	want := make([]string, 0, count)

	for at := range count {
		text := fmt.Sprint("message ", at)
		messages = append(messages, message(text))
		want = append(want, text)
	}

	s.send(messages...)
	s.send()

	got := s.receive(s.Queue, count)
	assert.ElementsMatch(s, want, bodies(got))

	ids := map[string]bool{}
	for _, delivery := range got {
		ids[delivery.ID] = true
	}

	assert.Len(s, ids, count, "every message has its own id")
}

func largeGoInBatches(s *subject) {
	large := message(strings.Repeat("x", 600<<10))
	s.send(large, large, large)
	assert.Len(s, s.receive(s.Queue, 3), 3)
}

// takesTheLargest shows that what passes the port's limit passes the queue's.
func takesTheLargest(s *subject) {
	largest := message("")
	largest.Attrs = queue.Attrs{"name": "value"}
	largest.Body = []byte(strings.Repeat("x", queue.MaxMessageBytes-largest.Size()))
	require.Equal(s, queue.MaxMessageBytes, largest.Size())
	s.send(largest)
	assert.Equal(s, largest, s.one().Message)
}

func takesAnyText(s *subject) {
	text := "tab\tline\nreturn\r<&>\"'\\ é 界 😀 \u202e\u0085\ufffd"
	sent := message(text)
	sent.Attrs = queue.Attrs{"name": text}
	s.send(sent)
	assert.Equal(s, sent, s.one().Message)
}

func hiddenWhileInFlight(s *subject) {
	s.send(message("a"))
	s.one()
	s.none(s.Queue)
}

func comesAgain(s *subject) {
	s.send(message("a"))

	first := s.one()
	s.elapse(Visibility)

	second := s.one()
	assert.Equal(s, first.ID, second.ID)
	assert.Equal(s, first.Message, second.Message)
	assert.Equal(s, first.SentAt, second.SentAt)
	assert.NotEqual(s, first.Receipt, second.Receipt, "the receipt proves one delivery")
	assert.Equal(s, 2, second.Attempt)

	s.done(second)
	s.wait(Visibility)
	s.none(s.Queue)
	s.none(s.Dead)
}

func deleteAgain(s *subject) {
	s.send(message("a"))

	got := s.one()
	s.done(got, got)
	s.wait(Visibility)
	s.none(s.Queue)
}

func shownAtOnce(s *subject) {
	s.send(message("a"))

	first := s.one()
	require.NoError(s, s.Queue.Extend(s.Context(), first, 0))

	began := time.Now()
	assert.Equal(s, first.ID, s.one().ID)
	assert.Less(s, time.Since(began), Visibility)
}

func hiddenForLonger(s *subject) {
	s.send(message("a"))

	first := s.one()
	require.NoError(s, s.Queue.Extend(s.Context(), first, 3*Visibility))
	s.wait(2 * Visibility)
	s.none(s.Queue)
	s.elapse(Visibility)
	assert.Equal(s, first.ID, s.one().ID)
}

func extendTooLate(s *subject) {
	s.send(message("a"))

	got := s.one()
	require.NoError(s, s.Queue.Extend(s.Context(), got, 0))

	err := s.Queue.Extend(s.Context(), got, Visibility)
	assert.Equal(s, errs.Conflict, errs.CodeOf(err), "extend what is no longer in flight: %v", err)

	err = s.Queue.Extend(s.Context(), got, queue.MaxVisibility+time.Second)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "extend by too long: %v", err)
	err = s.Queue.Extend(s.Context(), got, -time.Second)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "extend by less than nothing: %v", err)
}

func delayed(s *subject) {
	late := message("late")
	late.Delay = 2*time.Second + time.Millisecond // counts as three
	s.send(late, message("now"))

	got := s.receive(s.Queue, 1)
	assert.Equal(s, []string{"now"}, bodies(got))
	s.done(got...)
	s.none(s.Queue)
	s.elapse(2 * time.Second)

	if s.Elapse != nil {
		s.none(s.Queue)
	}

	s.elapse(time.Second)
	assert.Equal(s, "late", string(s.one().Body))
}

func deadLetter(s *subject) {
	sent := message("a")
	sent.Attrs = queue.Attrs{queue.AttrStore: "demo"}
	s.send(sent)

	first := s.one()

	for range MaxReceives - 1 {
		s.elapse(Visibility)
		s.one()
	}

	s.none(s.Dead)
	s.wait(Visibility)
	s.none(s.Queue)

	dead := s.receive(s.Dead, 1)[0]
	assert.Equal(s, sent, dead.Message)
	assert.Equal(s, first.ID, dead.ID)
	assert.Equal(s, first.SentAt, dead.SentAt)
	require.NoError(s, s.Dead.Delete(s.Context(), dead))
}

func depth(s *subject) {
	s.counts(0)
	s.send(message("a"), message("b"), message("c"))
	s.counts(3)
	s.receive(s.Queue, 1)
	s.counts(2)
}

// counts expects a depth, which SQS tells with some delay.
func (s *subject) counts(want int) {
	s.Helper()

	require.EventuallyWithT(s, func(c *assert.CollectT) {
		depth, err := s.Queue.Depth(s.Context())
		if assert.NoError(c, err) {
			assert.Equal(c, want, depth)
		}
	}, patience, 20*time.Millisecond)
}

// partialFailure handles a batch as Lambda does: what failed stays.
func partialFailure(s *subject) {
	s.send(message("a"), message("bad 1"), message("b"), message("bad 2"), message("c"))

	batch := s.receive(s.Queue, 5)
	failed := queue.Process(s.Context(), batch, false, func(_ context.Context, delivery queue.Delivery) error {
		if strings.HasPrefix(string(delivery.Body), "bad") {
			return errRefused
		}

		return nil
	})

	s.settle(batch, failed)
	s.elapse(Visibility)

	again := s.receive(s.Queue, 2)
	assert.ElementsMatch(s, []string{"bad 1", "bad 2"}, bodies(again))
	s.none(s.Queue)
}

// settle deletes what did not fail, as Lambda does after a batch.
func (s *subject) settle(batch []queue.Delivery, failed map[string]error) {
	s.Helper()

	for _, delivery := range batch {
		if failed[delivery.ID] == nil {
			s.done(delivery)
		}
	}
}

// nothingIsLost lets several consumers empty a queue together, each of which
// sometimes fails to answer.
func nothingIsLost(s *subject) {
	const (
		consumers = 4
		count     = 40
	)

	for at := range count {
		s.send(message(fmt.Sprint(at)))
	}

	var (
		mu      sync.Mutex
		seen    int
		handled = map[string]bool{}
	)

	// answers is false for some first deliveries, as of a consumer that dies.
	answers := func(delivery queue.Delivery) bool {
		mu.Lock()
		defer mu.Unlock()

		seen++
		if delivery.Attempt == 1 && seen%3 == 0 {
			return false
		}

		handled[string(delivery.Body)] = true

		return true
	}

	finished := func() bool {
		mu.Lock()
		defer mu.Unlock()

		return len(handled) == count
	}

	var group errgroup.Group

	for range consumers {
		group.Go(func() error { return s.consume(answers, finished) })
	}

	require.NoError(s, group.Wait())
	assert.Len(s, handled, count)
}

// consume handles messages until all are finished; those that are not answered
// stay.
func (s *subject) consume(answers func(queue.Delivery) bool, finished func() bool) error {
	for deadline := time.Now().Add(3 * patience); !finished() && time.Now().Before(deadline); {
		batch, err := s.Queue.Receive(s.Context(), 3, briefly)
		if err != nil {
			return err
		}

		for _, delivery := range batch {
			if !answers(delivery) {
				continue
			}

			if err := s.Queue.Delete(s.Context(), delivery); err != nil {
				return err
			}
		}

		if len(batch) == 0 {
			s.elapse(Visibility)
		}
	}

	return nil
}

func refusesStandard(s *subject) {
	bad := badForAll(message("good"))
	bad["dedup"] = queue.Message{Body: []byte("a"), Dedup: "d"}
	bad["delay too long"] = queue.Message{Body: []byte("a"), Delay: queue.MaxDelay + time.Second}
	s.refuses(bad)

	err := s.Queue.Send(s.Context(), message("good"), message(""))
	assert.Equal(s, errs.Invalid, errs.CodeOf(err))
	s.none(s.Queue)

	for _, most := range []int{0, queue.MaxBatch + 1} {
		_, err := s.Queue.Receive(s.Context(), most, 0)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "receive %d: %v", most, err)
	}

	for _, wait := range []time.Duration{-time.Second, queue.MaxWait + time.Second} {
		_, err := s.Queue.Receive(s.Context(), 1, wait)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "receive within %s: %v", wait, err)
	}
}

func callerHasGone(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, receive := s.Queue.Receive(ctx, 1, 0)
	_, depth := s.Queue.Depth(ctx)

	for name, err := range map[string]error{
		"send":    s.Queue.Send(ctx, message("a")),
		"receive": receive,
		"depth":   depth,
		"delete":  s.Queue.Delete(ctx, queue.Delivery{ID: "a", Receipt: "a"}),
		"extend":  s.Queue.Extend(ctx, queue.Delivery{ID: "a", Receipt: "a"}, 0),
	} {
		assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "%s: %v", name, err)
	}
}
