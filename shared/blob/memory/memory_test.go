package memory_test

import (
	"context"
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

	made := memory.New(clock.System{}, fault.None{})
	blobtest.Run(t, func(*testing.T) blob.Bucket { return made }, blobtest.Options{
		Follow: func(ctx context.Context, link string) (string, []byte, error) {
			object, content, err := made.Follow(ctx, link)

			return object.ContentType, content, err
		},
	})
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
		memory.OpStart: func(made *memory.Bucket) error {
			_, err := made.StartUpload(t.Context(), "b", blob.PutOptions{})

			return err
		},
		memory.OpPart: func(made *memory.Bucket) error {
			_, err := made.PutPart(t.Context(), made.Uploads()[0], 1, []byte("a"))

			return err
		},
		memory.OpParts: func(made *memory.Bucket) error {
			_, err := made.Parts(t.Context(), made.Uploads()[0])

			return err
		},
		memory.OpComplete: func(made *memory.Bucket) error {
			upload := made.Uploads()[0]

			parts, err := made.Parts(t.Context(), upload)
			require.NoError(t, err)

			_, err = made.CompleteUpload(t.Context(), upload, parts)

			return err
		},
		memory.OpAbort: func(made *memory.Bucket) error { return made.AbortUpload(t.Context(), made.Uploads()[0]) },
	} {
		plan := &scripted{op: op}
		made := memory.New(clock.System{}, plan)
		_, err := made.Put(t.Context(), "a", strings.NewReader("a"), blob.PutOptions{})
		require.NoError(t, err)
		upload, err := made.StartUpload(t.Context(), "u", blob.PutOptions{})
		require.NoError(t, err)
		_, err = made.PutPart(t.Context(), upload, 1, []byte("a"))
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

func TestAnUploadMayBeCompleteAndFail(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.System{}, &scripted{op: memory.OpComplete, kinds: []fault.Kind{fault.FailAfter}})
	upload, err := made.StartUpload(t.Context(), "a", blob.PutOptions{})
	require.NoError(t, err)
	part, err := made.PutPart(t.Context(), upload, 1, []byte("a"))
	require.NoError(t, err)

	_, err = made.CompleteUpload(t.Context(), upload, []blob.Part{part})
	require.ErrorIs(t, err, fault.ErrInjected)
	assert.Empty(t, made.Uploads())

	_, err = made.Head(t.Context(), "a")
	assert.NoError(t, err)
}

func TestSmallParts(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.System{}, fault.None{})
	made.SetMinPartBytes(2)

	upload, err := made.StartUpload(t.Context(), "a", blob.PutOptions{})
	require.NoError(t, err)

	first, err := made.PutPart(t.Context(), upload, 1, []byte("ab"))
	require.NoError(t, err)
	second, err := made.PutPart(t.Context(), upload, 2, []byte("c"))
	require.NoError(t, err)

	_, err = made.CompleteUpload(t.Context(), upload, []blob.Part{first, second})
	require.NoError(t, err)
}

func TestLinksAreChecked(t *testing.T) {
	t.Parallel()

	made := memory.New(clock.System{}, fault.None{})

	for _, odd := range []string{"", "memory:", "memory:x:a", "https://example.com/", "memory:99999999999999999:%zz"} {
		_, _, err := made.Follow(t.Context(), odd)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), odd)
	}
}
