// Package secrettest provides the conformance suite of the port secret: what
// the SSM parameter store promises and Lapak relies on. Every adapter must
// pass it.
package secrettest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
)

// Make gives the vault to be held to the suite. It may be the same one each
// time and hold other secrets: each case keeps to a path of its own.
type Make func(t *testing.T) secret.Vault

// Run holds a vault to the suite.
func Run(t *testing.T, create Make) {
	t.Helper()

	for name, run := range map[string]func(*subject){
		"Rotation":        rotation,
		"SameValue":       sameValue,
		"Delete":          remove,
		"KeptApart":       keptApart,
		"TakesAnyText":    takesAnyText,
		"TakesTheLargest": takesTheLargest,
		"Refuses":         refuses,
		"NoValueInErrors": noValueInErrors,
		"CallerHasGone":   callerHasGone,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			run(&subject{T: t, vault: create(t), path: "test/" + rand.Text()})
		})
	}
}

// subject is a vault under test.
type subject struct {
	*testing.T

	vault secret.Vault
	path  string
}

func (s *subject) rotate(name string, value secret.Value) {
	s.Helper()
	require.NoError(s, s.vault.Rotate(s.Context(), s.path+name, value))
	s.Cleanup(func() {
		assert.NoError(s, s.vault.Delete(context.WithoutCancel(s.Context()), s.path+name))
	})
}

func (s *subject) holds(name string, current, previous secret.Value) {
	s.Helper()

	got, err := s.vault.Get(s.Context(), s.path+name)
	require.NoError(s, err)
	assert.Equal(s, current.Reveal(), got.Current.Reveal())
	assert.Equal(s, previous.Reveal(), got.Previous.Reveal())

	fresh, err := s.vault.Fresh(s.Context(), s.path+name)
	require.NoError(s, err)
	assert.Equal(s, got.Current.Reveal(), fresh.Current.Reveal(), "what is in memory is as it is kept")
}

func (s *subject) absent(name string) {
	s.Helper()

	_, err := s.vault.Get(s.Context(), s.path+name)
	require.Equal(s, errs.NotFound, errs.CodeOf(err), "%v", err)

	_, err = s.vault.Fresh(s.Context(), s.path+name)
	require.Equal(s, errs.NotFound, errs.CodeOf(err), "%v", err)
}

func rotation(s *subject) {
	s.absent("/a")
	s.rotate("/a", "first")
	s.holds("/a", "first", "")
	s.rotate("/a", "second")
	s.holds("/a", "second", "first")
	s.rotate("/a", "third")
	s.holds("/a", "third", "second")
}

func sameValue(s *subject) {
	s.rotate("/a", "first")
	s.rotate("/a", "first")
	s.holds("/a", "first", "")
	s.rotate("/a", "second")
	s.rotate("/a", "second")
	s.holds("/a", "second", "first")
}

func remove(s *subject) {
	require.NoError(s, s.vault.Delete(s.Context(), s.path+"/a"))
	s.rotate("/a", "first")
	s.holds("/a", "first", "")
	require.NoError(s, s.vault.Delete(s.Context(), s.path+"/a"))
	s.absent("/a")
	s.rotate("/a", "second")
	s.holds("/a", "second", "")
}

func keptApart(s *subject) {
	s.rotate("/a", "1")
	s.rotate("/a/b", "2")
	s.rotate("/A", "3")
	s.holds("/a", "1", "")
	s.holds("/a/b", "2", "")
	s.holds("/A", "3", "")
	s.absent("/a/c")
}

func takesAnyText(s *subject) {
	for at, value := range []secret.Value{`"quoted" \ 'x'`, "123456:ABC-DEF_ghi", "é 界 😀", " a\nb\t", "<&>", "{a}"} {
		name := fmt.Sprint("/", at)
		s.rotate(name, value)
		s.holds(name, value, "")
	}
}

// takesTheLargest shows that what passes the port's limit passes the vault's.
func takesTheLargest(s *subject) {
	const half = 2000

	first := secret.Value(strings.Repeat("x", half))
	second := secret.Value(strings.Repeat("y", half))
	s.rotate("/a", first)
	s.rotate("/a", second)
	s.holds("/a", second, first)
}

func refuses(s *subject) {
	for name, value := range map[string]secret.Value{
		"empty": "", "too large": secret.Value(strings.Repeat("x", 5000)), "not UTF-8": "\xff", "reference": "a{{b",
	} {
		err := s.vault.Rotate(s.Context(), s.path+"/a", value)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", name, err)
	}

	s.absent("/a")

	for _, name := range []string{
		"", "/", "a/", "/a", "a//b", "a b", "a*", "é", "..%2f", strings.Repeat("a", 600), strings.Repeat("a/", 12) + "a",
	} {
		_, err := s.vault.Get(s.Context(), name)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "get %q: %v", name, err)
		err = s.vault.Rotate(s.Context(), name, "value")
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "rotate %q: %v", name, err)
		err = s.vault.Delete(s.Context(), name)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "delete %q: %v", name, err)
	}
}

func noValueInErrors(s *subject) {
	hidden := secret.Value("hidden-" + strings.Repeat("x", 5000))
	err := s.vault.Rotate(s.Context(), s.path+"/a", hidden)
	require.Error(s, err)
	assert.NotContains(s, fmt.Sprintf("%v %+v", err, err), "hidden-")
}

func callerHasGone(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, err := s.vault.Get(ctx, s.path)
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "get: %v", err)
	err = s.vault.Rotate(ctx, s.path, "a")
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "rotate: %v", err)
	err = s.vault.Delete(ctx, s.path)
	assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "delete: %v", err)
}
