package memory_test

import (
	"testing"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/blobtest"
	"github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	blobtest.Run(t, func(*testing.T) blob.Bucket { return memory.New(clock.System{}, fault.None{}) },
		blobtest.Options{})
}
