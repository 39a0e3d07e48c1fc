package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

var errRefused = errors.New("the handler refused")

func delivery(id, group string) queue.Delivery {
	return queue.Delivery{Message: queue.Message{Body: []byte(id), Group: group}, ID: id, Attempt: 2}
}

func TestProcess(t *testing.T) {
	t.Parallel()

	batch := []queue.Delivery{
		delivery("1", "a"), delivery("2", "b"), delivery("3", "a"), delivery("4", "a"), delivery("5", "b"),
	}

	for _, ordered := range []bool{false, true} {
		var handled []string

		failed := queue.Process(t.Context(), batch, ordered, func(_ context.Context, d queue.Delivery) error {
			handled = append(handled, d.ID)

			if d.ID == "3" {
				return errs.Wrap(errRefused, errs.Limited, "refused")
			}

			return nil
		})

		require.ErrorIs(t, failed["3"], errRefused)
		assert.Equal(t, errs.Limited, errs.CodeOf(failed["3"]), "the handler's code comes through")
		assert.Contains(t, failed["3"].Error(), "message 3, attempt 2")

		if ordered {
			assert.Equal(t, []string{"1", "2", "3", "5"}, handled)
			assert.Len(t, failed, 2)
			assert.Equal(t, errs.Unavailable, errs.CodeOf(failed["4"]))
		} else {
			assert.Equal(t, []string{"1", "2", "3", "4", "5"}, handled)
			assert.Len(t, failed, 1)
		}
	}

	assert.NotNil(t, queue.Process(t.Context(), nil, true, nil))
}

func TestBatches(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.SampledFrom([]int{1, 100 << 10, 300 << 10, queue.MaxMessageBytes}), 0, 40).Draw(t, "sizes")
		messages := make([]queue.Message, 0, len(sizes))

		for _, size := range sizes {
			messages = append(messages, queue.Message{Body: make([]byte, size)})
		}

		var joined []queue.Message

		batches := queue.Batches(messages)
		for at, batch := range batches {
			total := 0
			for _, message := range batch {
				total += message.Size()
			}

			require.NotEmpty(t, batch)
			require.LessOrEqual(t, len(batch), queue.MaxBatch)
			require.LessOrEqual(t, total, queue.MaxMessageBytes)

			if at+1 < len(batches) {
				next := batches[at+1][0]
				require.True(t, len(batch) == queue.MaxBatch || total+next.Size() > queue.MaxMessageBytes,
					"a batch ends only when it is full")
			}

			joined = append(joined, batch...)
		}

		require.Len(t, joined, len(messages))

		for at := range joined {
			require.Len(t, joined[at].Body, sizes[at], "order is kept")
		}
	})
}

func TestSeconds(t *testing.T) {
	t.Parallel()

	for d, want := range map[time.Duration]int32{
		0: 0, time.Nanosecond: 1, time.Second: 1, time.Second + 1: 2, queue.MaxVisibility: 43200,
	} {
		assert.Equal(t, want, queue.Seconds(d), d)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()

	good := queue.Message{Body: []byte("a"), Group: strings.Repeat("g", 128), Dedup: "a:b/c#~"}
	require.NoError(t, queue.Validate([]queue.Message{good}, true))
	require.NoError(t, queue.Validate(nil, true))

	bad := good
	bad.Delay = time.Second
	assert.Equal(t, errs.Invalid, errs.CodeOf(queue.Validate([]queue.Message{good, bad}, true)), "one bad spoils all")

	sized := queue.Message{Body: []byte("12345"), Attrs: queue.Attrs{"name": "value"}}
	assert.Equal(t, 5+4+5+6, sized.Size())
}
