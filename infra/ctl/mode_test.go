package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/store"
)

func TestStoreMode(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	d.out.Reset()

	for _, step := range []struct {
		mode             string
		kept             store.Mode
		polling, turning bool
		says             string
	}{
		{"polling", store.Polling, true, true, "store demo is in mode polling; its updates are fetched from Telegram\n"},
		{"polling", store.Polling, true, true, "store demo is in mode polling; its updates are fetched from Telegram\n"},
		{"auto", store.Auto, true, true, "store demo is in mode auto; its updates are fetched from Telegram\n"},
		{"webhook", store.Webhook, false, true, "store demo is in mode webhook; its updates are pushed by Telegram\n"},
		{"default", "", false, true, "store demo is in mode default; its updates are pushed by Telegram\n"},
	} {
		require.NoError(t, d.storeMode(t.Context(), []string{"demo", step.mode}))
		require.Equal(t, step.says, d.out.String())
		d.out.Reset()

		found, err := d.stores.Latest(t.Context(), "demo")
		require.NoError(t, err)
		require.Equal(t, step.kept, found.Mode)
		require.Equal(t, step.polling, found.Polling)
		require.Equal(t, step.turning, found.Turning)
		require.Equal(t, hook, found.Hook)
	}

	require.ErrorIs(t, d.storeMode(t.Context(), []string{"demo", "sometimes"}), errUsage)
	require.ErrorIs(t, d.storeMode(t.Context(), []string{"demo"}), errUsage)
	require.Error(t, d.storeMode(t.Context(), []string{"nobody", "auto"}))
}

// A bot without a webhook cannot be put into mode webhook by its name alone.
func TestStoreModeNeedsAnAddress(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	_, err := d.stores.Change(t.Context(), "demo", func(now *store.Store) { now.Hook = "" })
	require.NoError(t, err)

	d.api.hook = nil
	require.ErrorContains(t, d.storeMode(t.Context(), []string{"demo", "webhook"}), "store add")
}

// A store that polls from the start gets no webhook, but all else.
func TestStoreAddForPolling(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t, "--mode", "polling"))
	require.Nil(t, d.api.hook)
	require.NotEmpty(t, d.api.menus)

	found, err := d.stores.Latest(t.Context(), "demo")
	require.NoError(t, err)
	require.True(t, found.Polling && found.Turning)

	proof, err := d.vault.Get(t.Context(), store.WebhookSecretName("demo"))
	require.NoError(t, err)
	require.NotEmpty(t, proof.Current)

	// Its secret is changed without Telegram.
	d.pause = nil
	require.NoError(t, d.storeRotateSecret(t.Context(), []string{"demo"}))

	fresh, err := d.vault.Get(t.Context(), store.WebhookSecretName("demo"))
	require.NoError(t, err)
	require.NotEqual(t, proof.Current, fresh.Current)
	require.Nil(t, d.api.hook)

	require.ErrorIs(t, d.add(t, "--mode", "sometimes"), errUsage)
}
