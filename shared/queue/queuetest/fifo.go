package queuetest

import (
	"context"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

func roundTripInOrder(s *subject) {
	sent := inGroup("demo:1001", "a")
	sent.Attrs = queue.Attrs{queue.AttrStore: "demo"}
	s.send(sent)

	got := s.one()
	assert.Equal(s, sent, got.Message)
	assert.Equal(s, 1, got.Attempt)
}

// drain handles every message and gives the bodies of each group in order.
func (s *subject) drain(count int) map[string][]string {
	s.Helper()

	order := map[string][]string{}

	for handled := 0; handled < count; {
		batch := s.receive(s.Queue, 1)
		for _, delivery := range batch {
			order[delivery.Group] = append(order[delivery.Group], string(delivery.Body))
		}

		s.done(batch...)

		handled += len(batch)
	}

	s.none(s.Queue)

	return order
}

func orderInGroup(s *subject) {
	s.send(inGroup("a", "1"), inGroup("b", "1"), inGroup("a", "2"))
	s.send(inGroup("b", "2"), inGroup("a", "3"))

	assert.Equal(s, map[string][]string{"a": {"1", "2", "3"}, "b": {"1", "2"}}, s.drain(5))
}

func groupIsLocked(s *subject) {
	s.send(inGroup("a", "1"), inGroup("a", "2"), inGroup("b", "1"))

	first := s.one()
	require.Equal(s, "a1", first.Group+string(first.Body))

	other := s.one()
	assert.Equal(s, "b1", other.Group+string(other.Body), "a group waits for its message in flight, others do not")
	s.done(other)
	s.none(s.Queue)

	s.done(first)

	second := s.one()
	assert.Equal(s, "a2", second.Group+string(second.Body))
	s.done(second)
}

func comesAgainInOrder(s *subject) {
	s.send(inGroup("a", "1"), inGroup("a", "2"))

	first := s.one()
	s.elapse(Visibility)

	again := s.one()
	assert.Equal(s, first.ID, again.ID, "what was not answered comes again before what follows")
	assert.Equal(s, 2, again.Attempt)
	s.done(again)
	assert.Equal(s, "2", string(s.one().Body))
}

func dedup(s *subject) {
	s.send(inGroup("a", "1"))
	s.send(inGroup("a", "1"), inGroup("a", "2"))

	twin := inGroup("a", "1")
	twin.Body = []byte("other")
	s.send(twin)

	assert.Equal(s, map[string][]string{"a": {"1", "2"}}, s.drain(2))
}

func dedupAfterDelete(s *subject) {
	s.send(inGroup("a", "1"))
	s.done(s.one())
	s.send(inGroup("a", "1"))
	s.none(s.Queue)

	if s.Elapse == nil {
		return // five minutes are too long to wait
	}

	s.Elapse(5*time.Minute - time.Second)
	s.send(inGroup("a", "1"))
	s.none(s.Queue)
	s.Elapse(time.Second)
	s.send(inGroup("a", "1"))
	assert.Equal(s, "1", string(s.one().Body))
}

func deadLetterFreesGroup(s *subject) {
	s.send(inGroup("a", "bad"), inGroup("a", "good"))

	for range MaxReceives {
		assert.Equal(s, "bad", string(s.one().Body))
		s.elapse(Visibility)
	}

	assert.Equal(s, "good", string(s.one().Body))

	dead := s.receive(s.Dead, 1)[0]
	assert.Equal(s, "bad", string(dead.Body))
	assert.Equal(s, "a", dead.Group)
}

func partialFailureInOrder(s *subject) {
	s.send(inGroup("a", "1"), inGroup("a", "bad"), inGroup("a", "3"), inGroup("b", "1"))

	batch := s.receive(s.Queue, 4)

	var handled []string

	failed := queue.Process(s.Context(), batch, true, func(_ context.Context, delivery queue.Delivery) error {
		handled = append(handled, delivery.Group+string(delivery.Body))

		if string(delivery.Body) == "bad" {
			return errRefused
		}

		return nil
	})

	assert.ElementsMatch(s, []string{"a1", "abad", "b1"}, handled, "nothing behind a failure is handled")
	assert.Len(s, failed, 2)
	s.settle(batch, failed)
	s.elapse(Visibility)
	assert.Equal(s, map[string][]string{"a": {"bad", "3"}}, s.drain(2))
}

func deleteTooLate(s *subject) {
	s.send(inGroup("a", "1"))

	late := s.one()
	s.wait(Visibility + time.Second)

	err := s.Queue.Delete(s.Context(), late)
	assert.Equal(s, errs.Conflict, errs.CodeOf(err), "delete after the visibility has run out: %v", err)
	assert.Equal(s, late.ID, s.one().ID)
}

func refusesFIFO(s *subject) {
	bad := badForAll(inGroup("a", "1"))
	bad["no group"] = queue.Message{Body: []byte("a"), Dedup: "d"}
	bad["no dedup"] = queue.Message{Body: []byte("a"), Group: "g"}
	bad["delay"] = queue.Message{Body: []byte("a"), Group: "g", Dedup: "d", Delay: time.Second}
	bad["dedup has space"] = queue.Message{Body: []byte("a"), Group: "g", Dedup: "a b"}
	s.refuses(bad)
}
