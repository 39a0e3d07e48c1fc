package memory_test

import (
	"testing"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/queue/queuetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	queuetest.Run(t, func(_ *testing.T, fifo bool) queuetest.Subject {
		time := clock.NewManual(time.Now())
		dead := memory.New(time, fault.None{}, memory.Options{Name: "dead", FIFO: fifo})

		return queuetest.Subject{
			Queue: memory.New(time, fault.None{}, memory.Options{
				Name: "test", FIFO: fifo,
				Visibility: queuetest.Visibility, MaxReceives: queuetest.MaxReceives, Dead: dead,
			}),
			Dead:   dead,
			Elapse: time.Advance,
		}
	}, queuetest.Options{})
}
