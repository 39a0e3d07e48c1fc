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

	require.NoError(t, of.Only("transcription, depot"))
	assert.Equal(t, []store.Feature{store.Depot, store.Transcription}, of.On())
	assert.False(t, of.Sells(), "the shop is open, but no feature of the store any more")

	require.NoError(t, of.Only("shop,"))
	assert.Equal(t, []store.Feature{store.Selling}, of.On())
	assert.True(t, of.Sells())

	require.NoError(t, of.Only(""))
	assert.Empty(t, of.On())

	err := of.Only("shop,casino")
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	assert.ErrorContains(t, err, `"casino"`)
	assert.Empty(t, of.On(), "nothing changes by a list that is wrong")
}

func TestLimitsTakeThePlaceOfTheStacks(t *testing.T) {
	t.Parallel()

	for _, bounds := range store.Ranges() {
		of := kopi()
		assert.Equal(t, 7, of.Or(bounds.Limit, 7))

		require.NoError(t, of.SetLimit(bounds, "12"))
		assert.Equal(t, 12, of.Or(bounds.Limit, 7))

		for _, wrong := range []string{"-1", "100000", "x", ""} {
			assert.Equal(t, errs.Invalid, errs.CodeOf(of.SetLimit(bounds, wrong)), "%s %s", bounds.Limit, wrong)
		}

		before := of
		require.NoError(t, of.SetLimit(bounds, "default"))
		assert.Equal(t, 7, of.Or(bounds.Limit, 7))
		assert.Equal(t, kopi(), of)
		assert.Equal(t, 12, before.Or(bounds.Limit, 7), "a copy of a store keeps its limits")
	}

	of := kopi()
	for _, bounds := range store.Ranges() {
		if bounds.Min == 0 {
			require.NoError(t, of.SetLimit(bounds, "0"))
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

func TestPauseSaysWhatFitsIntoAToast(t *testing.T) {
	t.Parallel()

	of := kopi()
	require.NoError(t, of.Pause(map[string]string{"id": "  Sebentar ya. ", "en": " "}))
	assert.True(t, of.Paused)
	assert.Equal(t, map[string]string{"id": "Sebentar ya."}, of.PausedText)

	long := strings.Repeat("é", store.MaxPausedText)
	require.NoError(t, of.Pause(map[string]string{"en": long}))
	assert.Equal(t, errs.Invalid, errs.CodeOf(of.Pause(map[string]string{"en": long + "é"})))
	assert.Equal(t, map[string]string{"en": long}, of.PausedText)

	of.Resume()
	assert.Equal(t, kopi(), of)
}
