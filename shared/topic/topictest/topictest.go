// Package topictest provides the conformance suite of the port topic: what SNS
// promises and Lapak relies on. Every adapter must pass it.
package topictest

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/topic"
)

// Subject is a new topic under test with a subscriber.
type Subject struct {
	Publisher topic.Publisher

	// Take gives the notes that the subscriber got, waiting for count of them.
	Take func(t *testing.T, count int) []topic.Note
}

// Make gives a topic to be held to the suite.
type Make func(t *testing.T) Subject

// Run holds a topic to the suite.
func Run(t *testing.T, create Make) {
	t.Helper()

	for name, run := range map[string]func(*testing.T, Subject){
		"Publish":         publish,
		"TakesTheLargest": takesTheLargest,
		"Refuses":         refuses,
		"CallerHasGone":   callerHasGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			run(t, create(t))
		})
	}
}

func publish(t *testing.T, s Subject) {
	t.Helper()

	notes := []topic.Note{
		{Body: []byte(`{"text":"Halo 😀"}`), Subject: "Alarm: queue [updates] > 50", Attrs: map[string]string{"store": "demo"}},
		{Body: []byte("plain")},
	}

	for _, note := range notes {
		require.NoError(t, s.Publisher.Publish(t.Context(), note))
	}

	assert.ElementsMatch(t, notes, s.Take(t, len(notes)))
}

// takesTheLargest shows that what passes the port's limit passes the topic's.
func takesTheLargest(t *testing.T, s Subject) {
	t.Helper()

	note := topic.Note{Body: []byte(strings.Repeat("x", topic.MaxNoteBytes)), Subject: strings.Repeat("s", 100)}
	require.NoError(t, s.Publisher.Publish(t.Context(), note))
	assert.Equal(t, []topic.Note{note}, s.Take(t, 1))
}

func refuses(t *testing.T, s Subject) {
	t.Helper()

	body := []byte("a")

	for name, note := range map[string]topic.Note{
		"empty":              {},
		"too large":          {Body: []byte(strings.Repeat("x", topic.MaxNoteBytes+1))},
		"not UTF-8":          {Body: []byte{0xff}},
		"long subject":       {Body: body, Subject: strings.Repeat("s", 101)},
		"subject not ASCII":  {Body: body, Subject: "é"},
		"subject of 2 lines": {Body: body, Subject: "a\nb"},
		"subject of a space": {Body: body, Subject: " a"},
		"empty attribute":    {Body: body, Attrs: map[string]string{"a": ""}},
	} {
		err := s.Publisher.Publish(t.Context(), note)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	last := topic.Note{Body: []byte("only this")}
	require.NoError(t, s.Publisher.Publish(t.Context(), last))
	assert.Equal(t, []topic.Note{last}, s.Take(t, 1), "nothing that was refused arrives")
}

func callerHasGone(t *testing.T, s Subject) {
	t.Helper()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	err := s.Publisher.Publish(ctx, topic.Note{Body: []byte("a")})
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
}
