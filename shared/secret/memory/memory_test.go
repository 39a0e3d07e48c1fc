package memory_test

import (
	"testing"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/secret/secrettest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	secrettest.Run(t, func(*testing.T) secret.Vault { return memory.New(clock.System{}, fault.None{}) })
}
