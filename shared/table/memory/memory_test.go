package memory_test

import (
	"testing"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/table/tabletest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	tabletest.Run(t, func(_ *testing.T, clock clock.Clock) table.Table {
		return memory.New(clock, fault.None{})
	}, tabletest.Options{Index: true})
}
