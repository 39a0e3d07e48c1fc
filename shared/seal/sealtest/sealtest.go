// Package sealtest provides the conformance suite of the port seal. Every
// adapter must pass it.
package sealtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/seal"
)

// Make gives two sealers of the same keys, as two functions of one stack have
// them. They may be the same each time: each case keeps to stores of its own.
type Make func(t *testing.T) (one, other seal.Sealer)

// Run holds an adapter to the suite.
func Run(t *testing.T, create Make) {
	t.Helper()

	for name, run := range map[string]func(*subject){
		"RoundTrip":       roundTrip,
		"KeptApart":       keptApart,
		"Changed":         changed,
		"NeverAlike":      neverAlike,
		"Fingerprint":     fingerprint,
		"FirstAtOnce":     firstAtOnce,
		"Refuses":         refuses,
		"NothingInErrors": nothingInErrors,
		"CallerHasGone":   callerHasGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			one, other := create(t)
			store := "s" + strings.ToLower(rand.Text())[:20]
			run(&subject{T: t, one: one, other: other, store: store})
		})
	}
}

// subject is an adapter under test.
type subject struct {
	*testing.T

	one, other seal.Sealer
	store      string
}

const about = "unit P U"

func (s *subject) seal(plain string) []byte {
	s.Helper()

	sealed, err := s.one.Seal(s.Context(), s.store, about, []byte(plain))
	require.NoError(s, err)

	return sealed
}

func roundTrip(s *subject) {
	for _, plain := range []string{"", "a", "user: a\npass: b", strings.Repeat("x", seal.MaxPlain)} {
		sealed := s.seal(plain)

		for _, by := range []seal.Sealer{s.one, s.other} {
			opened, err := by.Open(s.Context(), s.store, about, sealed)
			require.NoError(s, err)
			assert.Equal(s, plain, string(opened))
		}
	}
}

func keptApart(s *subject) {
	sealed := s.seal("secret")
	_ = s.seal("another")

	_, err := s.one.Open(s.Context(), s.store, "unit P V", sealed)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

	elsewhere := s.store + "-2"
	_, err = s.one.Seal(s.Context(), elsewhere, about, nil) // the other store has keys too
	require.NoError(s, err)

	_, err = s.one.Open(s.Context(), elsewhere, about, sealed)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

	_, err = s.one.Open(s.Context(), s.store, about+" ", sealed)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
}

// changed flips each byte and cuts at each place: nothing opens any more.
func changed(s *subject) {
	sealed := s.seal("secret")

	for at := range sealed {
		broken := bytes.Clone(sealed)
		broken[at] ^= 1

		_, err := s.one.Open(s.Context(), s.store, about, broken)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "byte %d: %v", at, err)

		_, err = s.one.Open(s.Context(), s.store, about, sealed[:at])
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%d bytes: %v", at, err)
	}
}

func neverAlike(s *subject) {
	first, second := s.seal("secret"), s.seal("secret")
	assert.NotEqual(s, first, second)
	assert.NotContains(s, string(first), "secret")
}

func fingerprint(s *subject) {
	ask := func(by seal.Sealer, store, plain string) string {
		found, err := by.Fingerprint(s.Context(), store, []byte(plain))
		require.NoError(s, err)

		return found
	}

	mine := ask(s.one, s.store, "secret")
	assert.Regexp(s, `^[0-9A-V]{32}$`, mine)
	assert.Equal(s, mine, ask(s.one, s.store, "secret"))
	assert.Equal(s, mine, ask(s.other, s.store, "secret"))
	assert.NotEqual(s, mine, ask(s.one, s.store, "secret "))
	assert.NotEqual(s, mine, ask(s.one, s.store+"-2", "secret"))
}

// firstAtOnce lets many use a store's keys for the first time at one moment:
// all must come to the same keys.
func firstAtOnce(s *subject) {
	const many = 8

	var running sync.WaitGroup

	sealed := make([][]byte, many)
	prints := make([]string, many)

	for at := range many {
		by := s.one
		if at%2 == 1 {
			by = s.other
		}

		running.Go(func() {
			var err error

			sealed[at], err = by.Seal(s.Context(), s.store, about, fmt.Append(nil, at))
			if err != nil {
				s.Errorf("seal: %v", err)

				return
			}

			prints[at], err = by.Fingerprint(s.Context(), s.store, []byte("same"))
			assert.NoError(s, err)
		})
	}

	running.Wait()

	for at := range many {
		opened, err := s.other.Open(s.Context(), s.store, about, sealed[at])
		require.NoError(s, err)
		assert.Equal(s, fmt.Sprint(at), string(opened))
		assert.Equal(s, prints[0], prints[at])
	}
}

func refuses(s *subject) {
	_, err := s.one.Seal(s.Context(), s.store, about, make([]byte, seal.MaxPlain+1))
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

	for _, store := range []string{"", "No Store", "platform#outbox"} {
		_, err = s.one.Seal(s.Context(), store, about, nil)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

		_, err = s.one.Open(s.Context(), store, about, s.seal(""))
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

		_, err = s.one.Fingerprint(s.Context(), store, nil)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
	}

	// A key that the store never had.
	unknown := s.seal("secret")
	unknown[1] = 0xff

	_, err = s.one.Open(s.Context(), s.store, about, unknown)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
}

func nothingInErrors(s *subject) {
	const secret = "tok-123"

	_, err := s.one.Seal(s.Context(), s.store, about, []byte(strings.Repeat(secret, seal.MaxPlain)))
	require.Error(s, err)
	assert.NotContains(s, fmt.Sprintf("%v %+v %#v", err, err, err), secret)

	_, err = s.one.Open(s.Context(), s.store, about, []byte(secret))
	require.Error(s, err)
	assert.NotContains(s, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
}

func callerHasGone(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, err := s.one.Seal(ctx, s.store, about, nil)
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "%v", err)

	_, err = s.one.Fingerprint(ctx, s.store, nil)
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "%v", err)
}
