package queue_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lapak-id/lapak/shared/queue"
)

func TestTrace(t *testing.T) {
	t.Parallel()

	assert.Empty(t, queue.TraceOf(t.Context()))
	assert.Equal(t, "Root=1", queue.TraceOf(queue.WithTrace(t.Context(), "Root=1")))
}
