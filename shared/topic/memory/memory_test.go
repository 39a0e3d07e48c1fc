package memory_test

import (
	"testing"

	"github.com/lapak-id/lapak/shared/clock"
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
