package memory_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/topic"
	"github.com/lapak-id/lapak/shared/topic/memory"
	"github.com/lapak-id/lapak/shared/topic/topictest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	topictest.Run(t, func(*testing.T) topictest.Subject {
		made := memory.New(clock.System{}, fault.None{})

		return topictest.Subject{
			Publisher: made,
			Take:      func(*testing.T, int) []topic.Note { return made.Take() },
		}
	})
}

// plan gives every call one fate.
type plan struct{ kind fault.Kind }

func (p plan) Next(string) fault.Kind { return p.kind }

func (plan) Wait(string) time.Duration { return 0 }

func TestFaults(t *testing.T) {
	t.Parallel()

	for kind, test := range map[fault.Kind]struct {
		delivered int
		code      errs.Code
	}{
		fault.FailBefore: {0, errs.Unavailable},
		fault.FailAfter:  {1, errs.Unavailable},
		fault.Throttle:   {0, errs.Limited},
		fault.Duplicate:  {2, ""},
	} {
		made := memory.New(clock.System{}, plan{kind})
		err := made.Publish(t.Context(), topic.Note{Body: []byte("a")})
		assert.Equal(t, test.code, errs.CodeOf(err))
		assert.Len(t, made.Take(), test.delivered)
		assert.Empty(t, made.Take())
	}
}
