package memory_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)

// scripted gives the calls of one operation their fates in turn, then Pass.
type scripted struct {
	op    string
	kinds []fault.Kind
}

func (s *scripted) Next(op string) fault.Kind {
	if op != s.op || len(s.kinds) == 0 {
		return fault.Pass
	}

	next := s.kinds[0]
	s.kinds = s.kinds[1:]

	return next
}

func (*scripted) Wait(string) time.Duration { return time.Minute }

const name = "test"

func send(t *testing.T, to *memory.Queue, bodies ...string) {
	t.Helper()

	for _, body := range bodies {
		require.NoError(t, to.Send(t.Context(), queue.Message{Body: []byte(body)}))
	}
}

func bodies(t *testing.T, from *memory.Queue) []string {
	t.Helper()

	batch, err := from.Receive(t.Context(), queue.MaxBatch, 0)
	require.NoError(t, err)

	var texts []string
	for _, delivery := range batch {
		texts = append(texts, string(delivery.Body))
	}

	return texts
}

func TestFaultsOfCalls(t *testing.T) {
	t.Parallel()

	for op, call := range map[string]func(*memory.Queue) error{
		memory.OpSend: func(made *memory.Queue) error {
			return made.Send(t.Context(), queue.Message{Body: []byte("b")})
		},
		memory.OpReceive: func(made *memory.Queue) error {
			_, err := made.Receive(t.Context(), 1, 0)

			return err
		},
		memory.OpDelete: func(made *memory.Queue) error { return made.Delete(t.Context(), queue.Delivery{}) },
		memory.OpExtend: func(made *memory.Queue) error {
			return made.Extend(t.Context(), queue.Delivery{}, 0)
		},
		memory.OpDepth: func(made *memory.Queue) error {
			_, err := made.Depth(t.Context())

			return err
		},
	} {
		plan := &scripted{op: op + ":" + name, kinds: []fault.Kind{fault.FailBefore, fault.Throttle}}
		made := memory.New(clock.NewManual(start), plan, memory.Options{Name: name})

		assert.Equal(t, errs.Unavailable, errs.CodeOf(call(made)), op)
		assert.Equal(t, errs.Limited, errs.CodeOf(call(made)), op)
		assert.NotErrorIs(t, call(made), fault.ErrInjected, op)
	}
}

func TestSendTellsHowFarItCame(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.NewManual(start), &scripted{
		op: memory.OpSend + ":" + name, kinds: []fault.Kind{fault.Pass, fault.FailBefore},
	}, memory.Options{Name: name})

	err := made.Send(t.Context(), slices.Repeat([]queue.Message{{Body: []byte("a")}}, 25)...)
	require.ErrorIs(t, err, fault.ErrInjected)
	assert.Contains(t, err.Error(), "sent 10 of 25 messages to test")
	assert.Len(t, made.All(), 10)
}

func TestFaultsOfMessages(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start)
	plan := &scripted{op: memory.OpSend + ":" + name}
	made := memory.New(now, plan, memory.Options{Name: name, Visibility: time.Hour})

	plan.kinds = []fault.Kind{fault.Duplicate}
	send(t, made, "twice")

	twins := made.All()
	require.Len(t, twins, 2)
	assert.Equal(t, twins[0].ID, twins[1].ID)
	assert.Equal(t, []string{"twice", "twice"}, bodies(t, made))

	plan.kinds = []fault.Kind{fault.Delay}
	send(t, made, "late", "next")
	assert.Equal(t, []string{"next"}, bodies(t, made))

	due, waits := made.Next()
	require.True(t, waits)
	assert.Equal(t, start.Add(time.Minute), due)
	now.Advance(time.Minute)
	assert.Equal(t, []string{"late"}, bodies(t, made))

	plan.kinds = []fault.Kind{fault.Pass, fault.Reorder}
	send(t, made, "first", "overtakes")
	assert.Equal(t, []string{"overtakes", "first"}, bodies(t, made))
}

func TestFIFOKeepsItsPromises(t *testing.T) {
	t.Parallel()

	plan := &scripted{
		op:    memory.OpSend + ":" + name,
		kinds: []fault.Kind{fault.Duplicate, fault.Delay, fault.Reorder, fault.FailAfter},
	}
	made := memory.New(clock.NewManual(start), plan, memory.Options{Name: name, FIFO: true})

	for _, body := range []string{"1", "2", "3"} {
		require.NoError(t, made.Send(t.Context(), queue.Message{Body: []byte(body), Group: "a", Dedup: body}))
	}

	last := queue.Message{Body: []byte("4"), Group: "a", Dedup: "4"}
	require.ErrorIs(t, made.Send(t.Context(), last), fault.ErrInjected)
	require.NoError(t, made.Send(t.Context(), last), "sent again after a lost answer")
	assert.Equal(t, []string{"1", "2", "3", "4"}, bodies(t, made))
}

func TestDeliveredTwice(t *testing.T) {
	t.Parallel()

	for _, fifo := range []bool{false, true} {
		made := memory.New(clock.NewManual(start), &scripted{
			op: memory.OpReceive + ":" + name, kinds: []fault.Kind{fault.Duplicate},
		}, memory.Options{Name: name, FIFO: fifo})

		message := queue.Message{Body: []byte("a")}
		if fifo {
			message.Group, message.Dedup = "g", "a"
		}

		require.NoError(t, made.Send(t.Context(), message))
		assert.Equal(t, []string{"a"}, bodies(t, made))
		assert.Equal(t, []string{"a"}, bodies(t, made))
		assert.Empty(t, bodies(t, made))
		assert.Equal(t, 2, made.All()[0].Attempt)

		_, waits := made.Next()
		assert.True(t, waits)
	}
}

// TestReceiveWaits runs on the system's clock, which synctest moves.
func TestReceiveWaits(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		made := memory.New(clock.System{}, fault.None{}, memory.Options{Visibility: 3 * time.Second})
		began := time.Now()

		batch, err := made.Receive(t.Context(), 1, 5*time.Second)
		require.NoError(t, err)
		assert.Empty(t, batch)
		assert.Equal(t, 5*time.Second, time.Since(began))

		go func() {
			time.Sleep(2 * time.Second)
			assert.NoError(t, made.Send(t.Context(), queue.Message{Body: []byte("a")}))
		}()

		began = time.Now()
		batch, err = made.Receive(t.Context(), 1, 5*time.Second)
		require.NoError(t, err)
		assert.Len(t, batch, 1)
		assert.Equal(t, 2*time.Second, time.Since(began), "it wakes when a message is sent")

		began = time.Now()
		batch, err = made.Receive(t.Context(), 1, 5*time.Second)
		require.NoError(t, err)
		require.Len(t, batch, 1)
		assert.Equal(t, 3*time.Second, time.Since(began), "it wakes when one becomes visible again")
		require.NoError(t, made.Delete(t.Context(), batch[0]))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_, err = made.Receive(ctx, 1, 5*time.Second)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(err))
	})
}
