package store_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

func TestFeaturesAreOnUnlessSwitchedOff(t *testing.T) {
	t.Parallel()

	of := kopi()
	of.Shop.Open = true
	assert.True(t, of.Sells())
	assert.Equal(t, store.Features(), of.On())

	only := func(list string) {
		off, err := store.AllBut(list)
		require.NoError(t, err)

		of.Off = off
	}

	only("transcription, depot")
	assert.Equal(t, []store.Feature{store.Depot, store.Transcription}, of.On())
	assert.False(t, of.Sells(), "the shop is open, but no feature of the store any more")

	only("shop,")
	assert.Equal(t, []store.Feature{store.Selling}, of.On())
	assert.True(t, of.Sells())

	only("")
	assert.Empty(t, of.On())

	_, err := store.AllBut("shop,casino")
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	require.ErrorContains(t, err, `"casino"`)
}

func TestLimitsTakeThePlaceOfTheStacks(t *testing.T) {
	t.Parallel()

	for _, bounds := range store.Ranges() {
		of := kopi()
		assert.Equal(t, 7, of.Or(bounds.Limit, 7))

		set := func(value string) error {
			limits, err := store.WithLimit(of.Limits, bounds, value)
			if err == nil {
				of.Limits = limits
			}

			return err
		}

		require.NoError(t, set("12"))
		assert.Equal(t, 12, of.Or(bounds.Limit, 7))

		for _, wrong := range []string{"-1", "100000", "x", ""} {
			assert.Equal(t, errs.Invalid, errs.CodeOf(set(wrong)), "%s %s", bounds.Limit, wrong)
		}

		before := of
		require.NoError(t, set("default"))
		assert.Equal(t, 7, of.Or(bounds.Limit, 7))
		assert.Empty(t, of.Limits)
		assert.Equal(t, 12, before.Or(bounds.Limit, 7), "a copy of a store keeps its limits")
	}

	of := kopi()
	for _, bounds := range store.Ranges() {
		if bounds.Min == 0 {
			limits, err := store.WithLimit(nil, bounds, "0")
			require.NoError(t, err)

			of.Limits = limits
			assert.Zero(t, of.Or(bounds.Limit, 7), "any is not the stack's")
		}
	}
}

func TestRegistryLooksUpALimit(t *testing.T) {
	t.Parallel()

	registry, _, _ := newRegistry(t)
	of := kopi()
	of.Limits = map[store.Limit]int{store.Workers: 2}
	require.NoError(t, registry.Save(t.Context(), of))

	workers := registry.Limit(store.Workers, 5)
	assert.Equal(t, 2, workers(t.Context(), "kopi"))
	assert.Equal(t, 5, workers(t.Context(), "nobody"))
	assert.Equal(t, 9, registry.Limit(store.Tasks, 9)(t.Context(), "kopi"))
}

func TestPausedTextsFitIntoAToast(t *testing.T) {
	t.Parallel()

	said, err := store.PausedTexts(map[string]string{"id": "  Sebentar ya. ", "en": " "})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"id": "Sebentar ya."}, said)

	long := strings.Repeat("é", store.MaxPausedText)
	said, err = store.PausedTexts(map[string]string{"en": long})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"en": long}, said)

	_, err = store.PausedTexts(map[string]string{"en": long + "é"})
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
}
