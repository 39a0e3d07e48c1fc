package id_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/id"
)

func TestDerive(t *testing.T) {
	t.Parallel()

	parts := rapid.SliceOf(rapid.String())

	rapid.Check(t, func(t *rapid.T) {
		one, other := parts.Draw(t, "one"), parts.Draw(t, "other")
		require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{24}$`, id.Derive(one...))
		require.Equal(t, slices.Equal(one, other), id.Derive(one...) == id.Derive(other...))
		require.Equal(t, id.Derive(one...)[:6], id.Reference(one...))
	})
}

// TestDerivePartsStayApart pins that where one part ends and the next begins
// counts, also for parts that hold what could be taken for a border.
func TestDerivePartsStayApart(t *testing.T) {
	t.Parallel()

	different := [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"a", "b", ""}, {"", "ab"}, {"a/b"}, {"a/", "b"}, {"ab", ""}}
	seen := map[string][]string{}

	for _, parts := range different {
		derived := id.Derive(parts...)
		assert.Empty(t, seen[derived], "%q and %q have one id", parts, seen[derived])
		seen[derived] = parts
	}
}

// TestDeriveStays pins the value: ids are stored, so they may never change.
func TestDeriveStays(t *testing.T) {
	t.Parallel()

	assert.Equal(t, "J4D7YJN5MGZ6SPGMA9AVHASY", id.Derive("demo", "42"))
}

func TestDatedSortsByTimeAndIsTheSameForACause(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		seconds := rapid.Int64Range(0, 1<<32-1)
		one, other := seconds.Draw(t, "one"), seconds.Draw(t, "other")
		first, second := id.Dated(time.Unix(one, 999), "a"), id.Dated(time.Unix(other, 0), "b")

		require.Regexp(t, `^[0-9A-HJKMNP-TV-Z]{17}$`, first)
		require.Equal(t, first, id.Dated(time.Unix(one, 0), "a"))
		require.Equal(t, one < other, first[:7] < second[:7])
		require.NotEqual(t, first, id.Dated(time.Unix(one, 0), "b"))
	})
}
