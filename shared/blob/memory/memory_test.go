package memory_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/blobtest"
	"github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	blobtest.Run(t, func(*testing.T) blob.Bucket { return memory.New(clock.System{}, fault.None{}) },
		blobtest.Options{})
}

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

func (*scripted) Wait(string) time.Duration { return 0 }

func TestFaultsOfCalls(t *testing.T) {
	t.Parallel()

	for op, call := range map[string]func(*memory.Bucket) error{
		memory.OpPut: func(made *memory.Bucket) error {
			_, err := made.Put(t.Context(), "b", strings.NewReader("b"), blob.PutOptions{})

			return err
		},
		memory.OpGet: func(made *memory.Bucket) error {
			_, _, err := made.Get(t.Context(), "a", blob.Range{})

			return err
		},
		memory.OpHead: func(made *memory.Bucket) error {
			_, err := made.Head(t.Context(), "a")

			return err
		},
		memory.OpDelete: func(made *memory.Bucket) error { return made.Delete(t.Context(), "b") },
		memory.OpList: func(made *memory.Bucket) error {
			_, err := made.List(t.Context(), "", "", 1)

			return err
		},
	} {
		plan := &scripted{op: op}
		made := memory.New(clock.System{}, plan)
		_, err := made.Put(t.Context(), "a", strings.NewReader("a"), blob.PutOptions{})
		require.NoError(t, err)

		plan.kinds = []fault.Kind{fault.FailBefore, fault.Throttle}
		assert.Equal(t, errs.Unavailable, errs.CodeOf(call(made)), op)
		assert.Equal(t, errs.Limited, errs.CodeOf(call(made)), op)
		assert.NoError(t, call(made), op)
	}
}

func TestPutMayTakeEffectAndFail(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.System{}, &scripted{op: memory.OpPut, kinds: []fault.Kind{fault.FailAfter}})
	_, err := made.Put(t.Context(), "a", strings.NewReader("a"), blob.PutOptions{})
	require.ErrorIs(t, err, fault.ErrInjected)

	_, err = made.Head(t.Context(), "a")
	assert.NoError(t, err)
}

func TestStreamIsCut(t *testing.T) {
	t.Parallel()

	plan := &scripted{op: memory.OpRead, kinds: []fault.Kind{fault.Pass, fault.FailBefore}}
	made := memory.New(clock.System{}, plan)
	_, err := made.Put(t.Context(), "a", strings.NewReader("0123456789"), blob.PutOptions{})
	require.NoError(t, err)

	r, _, err := made.Get(t.Context(), "a", blob.Range{})
	require.NoError(t, err)

	content, err := io.ReadAll(iotest.OneByteReader(r))
	assert.Equal(t, "0", string(content))
	require.ErrorIs(t, err, fault.ErrInjected)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err))

	require.NoError(t, r.Close())

	_, err = r.Read(make([]byte, 1))
	assert.Equal(t, errs.Internal, errs.CodeOf(err), "reading on after Close is a defect")
}
