// Package memory provides a topic held in memory, for tests and the
// simulation. It takes its failures from a fault plan.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/topic"
)

// OpPublish is the operation under which a Topic asks its plan. Duplicate
// delivers the note twice.
const OpPublish = "topic.publish"

// Topic is a topic in memory. It is safe for concurrent use.
type Topic struct {
	plan fault.Plan

	mu    sync.Mutex
	notes []topic.Note
}

var _ topic.Publisher = (*Topic)(nil)

// New makes a topic to which nothing was published. It has no use for the
// time: the clock is taken so that all memory adapters are made alike.
func New(_ clock.Clock, plan fault.Plan) *Topic { return &Topic{plan: plan} }

// Publish implements topic.Publisher.
func (t *Topic) Publish(ctx context.Context, note topic.Note) error {
	if err := topic.Validate(note); err != nil {
		return err
	}

	kind, err := fault.Around(ctx, t.plan, OpPublish, func() error {
		t.keep(note)

		return nil
	})
	if kind == fault.Duplicate {
		t.keep(note)
	}

	return err
}

func (t *Topic) keep(note topic.Note) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.notes = append(t.notes, cloned(note))
}

// Take gives the notes that were delivered since the last Take, in order.
func (t *Topic) Take() []topic.Note {
	t.mu.Lock()
	defer t.mu.Unlock()

	taken := t.notes
	t.notes = nil

	return taken
}

// cloned keeps the topic and its callers from sharing bytes or maps.
func cloned(note topic.Note) topic.Note {
	note.Body = slices.Clone(note.Body)
	note.Attrs = maps.Clone(note.Attrs)

	return note
}
