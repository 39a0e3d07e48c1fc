package memory_test

import (
	"testing"

	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/seal/sealtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	sealtest.Run(t, func(*testing.T) (seal.Sealer, seal.Sealer) {
		return memory.New("master", fault.None{}), memory.New("master", fault.None{})
	})
}
