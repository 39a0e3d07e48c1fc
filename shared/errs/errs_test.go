package errs_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/lapak-id/lapak/shared/errs"
)

var errCause = errors.New("the disk is full")

func TestError(t *testing.T) {
	t.Parallel()

	assert.Equal(t, "put a into b", errs.New(errs.Invalid, "put %s into %s", "a", "b").Error())

	wrapped := errs.Wrap(errCause, errs.Unavailable, "write row %d", 7)
	assert.Equal(t, "write row 7: the disk is full", wrapped.Error())
	assert.ErrorIs(t, wrapped, errCause)
}

func TestCodeOf(t *testing.T) {
	t.Parallel()

	limited := errs.New(errs.Limited, "slowly")

	for name, test := range map[string]struct {
		err  error
		code errs.Code
	}{
		"none":              {nil, ""},
		"own":               {limited, errs.Limited},
		"wrapped by fmt":    {fmt.Errorf("send: %w", limited), errs.Limited},
		"the outermost":     {errs.Wrap(limited, errs.Internal, "send"), errs.Internal},
		"kept by Context":   {errs.Context(limited, "send"), errs.Limited},
		"joined":            {errors.Join(errCause, limited), errs.Limited},
		"deadline":          {context.DeadlineExceeded, errs.Unavailable},
		"canceled, wrapped": {fmt.Errorf("send: %w", context.Canceled), errs.Unavailable},
		"unknown":           {errCause, errs.Internal},
		"Context, unknown":  {errs.Context(errCause, "send"), errs.Internal},
	} {
		assert.Equal(t, test.code, errs.CodeOf(test.err), name)
		assert.True(t, errs.Is(test.err, test.code), name)
	}
}

func TestRetryable(t *testing.T) {
	t.Parallel()

	for code, retryable := range map[errs.Code]bool{
		errs.Invalid: false, errs.Unauthorized: false, errs.NotFound: false, errs.Conflict: false,
		errs.Limited: true, errs.Unavailable: true, errs.Internal: true,
	} {
		assert.Equal(t, retryable, errs.Retryable(errs.New(code, "a")), code)
	}

	assert.False(t, errs.Retryable(nil))
}

func TestWhatThePersonIsTold(t *testing.T) {
	t.Parallel()

	args := errs.Args{"Seconds": 12}
	told := errs.New(errs.Limited, "bucket is empty").Tell("too_fast", args).After(12 * time.Second)

	for name, err := range map[string]error{
		"itself":             told,
		"wrapped":            errs.Wrap(told, errs.Internal, "handle"),
		"wrapped by fmt":     fmt.Errorf("handle: %w", told),
		"wrapped twice over": errs.Context(fmt.Errorf("handle: %w", told), "update"),
	} {
		key, got, ok := errs.Sentence(err)
		assert.True(t, ok, name)
		assert.Equal(t, "too_fast", key, name)
		assert.Equal(t, args, got, name)
		assert.Equal(t, 12*time.Second, errs.RetryAfter(err), name)
	}

	for name, err := range map[string]error{"none": nil, "unknown": errCause, "nothing to tell": errs.New(errs.Invalid, "a")} {
		_, _, ok := errs.Sentence(err)
		assert.False(t, ok, name)
		assert.Zero(t, errs.RetryAfter(err), name)
	}
}
