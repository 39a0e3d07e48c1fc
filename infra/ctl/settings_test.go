package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/store"
)

// recorded gives the last entry of an action in the audit log of demo.
func (d *desk) recorded(t *testing.T, action string) audit.Entry {
	t.Helper()

	page, _, err := audit.NewLog(d.state, clock.System{}).Page(t.Context(), "demo", "", 10)
	require.NoError(t, err)

	at := slices.IndexFunc(page, func(entry audit.Entry) bool { return entry.Action == action })
	require.GreaterOrEqual(t, at, 0, "%v", page)

	return page[at]
}

func TestStoreSetChangesWhatIsGivenOnly(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	before, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)

	require.NoError(t, d.storeSet(t.Context(), []string{"demo", "--free-minutes", "30", "--workers", "2", "--name", "Toko Teh"}))

	after, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)

	before.Name, before.Limits = "Toko Teh", map[store.Limit]int{store.FreeMinutes: 30, store.Workers: 2}
	require.Equal(t, before, after)

	entry := d.recorded(t, "store set")
	require.Contains(t, entry.Before, `"Toko Kopi", owner 1001, id, Asia/Jakarta, open, features shop,depot,transcription`)
	require.Contains(t, entry.After, `"Toko Teh"`)
	require.Contains(t, entry.After, "workers 2, free-minutes 30")

	require.NoError(t, d.storeSet(t.Context(), []string{
		"demo", "--workers", "default", "--owner", "1002", "--language", "en",
		"--time-zone", "Asia/Jayapura",
	}))

	after, err = d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, map[store.Limit]int{store.FreeMinutes: 30}, after.Limits)
	require.EqualValues(t, 1002, after.Owner)
	require.Equal(t, "en", after.Language)

	// What ctl store add does not name stays too.
	require.NoError(t, d.add(t))

	again, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, after.Limits, again.Limits)
}

func TestStoreSetRefreshesTheMenuOfOtherFeatures(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.NoError(t, d.storeShop(t.Context(), []string{"demo", "open"}))
	require.NoError(t, d.storeSet(t.Context(), []string{"demo", "--features", "shop"}))

	menu := menuOf(t, d)
	require.Contains(t, menu, "shop")
	require.NotContains(t, menu, "history")

	require.NoError(t, d.storeSet(t.Context(), []string{"demo", "--features", "transcription"}))

	menu = menuOf(t, d)
	require.NotContains(t, menu, "shop")
	require.Contains(t, menu, "history")
}

func menuOf(t *testing.T, d *desk) []string {
	t.Helper()

	offered, ok := d.api.menus["en"].([]any)
	require.True(t, ok)

	var names []string

	for _, one := range offered {
		command, ok := one.(map[string]any)
		require.True(t, ok)

		name, ok := command["command"].(string)
		require.True(t, ok)

		names = append(names, name)
	}

	return names
}

func TestStoreSetSaysWhatIsWrong(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	for want, args := range map[string][]string{
		"what is to be set?":              {"demo"},
		"which store?":                    nil,
		"no such store?":                  {"other", "--workers", "1"},
		`workers "0": use 1 to 1000`:      {"demo", "--workers", "0"},
		`free-hours "x": use 0 to 24`:     {"demo", "--free-hours", "x"},
		`feature "casino"`:                {"demo", "--features", "shop,casino"},
		`time zone "Mars"`:                {"demo", "--time-zone", "Mars"},
		`language "de"`:                   {"demo", "--language", "de"},
		"owner -1: give the owner's":      {"demo", "--owner", "-1"},
		"not defined: -what":              {"demo", "--what", "1"},
		`what is "Kopi"?`:                 {"demo", "--name", "Toko", "Kopi"},
		`name " ": give the store one of`: {"demo", "--name", " "},
	} {
		require.ErrorContains(t, d.storeSet(t.Context(), args), want)
	}

	found, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.Equal(t, "Toko Kopi", found.Name)
	require.Empty(t, found.Limits)
}

func TestStorePauseAndResume(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.NoError(t, d.storePause(t.Context(), []string{"demo", "--text-id", "Kembali jam 15."}))

	found, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.True(t, found.Paused)
	require.Equal(t, map[string]string{"id": "Kembali jam 15."}, found.PausedText)
	d.recorded(t, "store pause")

	d.out.Reset()
	require.NoError(t, d.storeShow(t.Context(), []string{"demo"}))
	require.Contains(t, d.out.String(), "state     paused\n")

	require.NoError(t, d.storeResume(t.Context(), []string{"demo"}))

	found, err = d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)
	require.False(t, found.Paused)
	require.Empty(t, found.PausedText)
	d.recorded(t, "store resume")

	require.ErrorIs(t, d.storePause(t.Context(), []string{"demo", "--text-en", strings.Repeat("x", 181)}), errUsage)
	require.ErrorIs(t, d.storePause(t.Context(), nil), errUsage)
	require.ErrorIs(t, d.storeResume(t.Context(), nil), errUsage)
	require.ErrorContains(t, d.storeResume(t.Context(), []string{"other"}), "no such store?")
}

const newToken = "1234567:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"

func TestStoreRotateTokenKeepsItBeforeTheWebhookIsSet(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	proof := d.api.hook["secret_token"]

	rotate := func(args ...string) error {
		d.stdin = strings.NewReader(newToken + "\n")

		return d.storeRotateToken(t.Context(), append([]string{"demo"}, args...))
	}

	// It dies on the way: the token is kept by then, and doing it again mends the rest.
	d.api.refuse["setWebhook"] = "Unauthorized"
	require.Error(t, rotate())

	kept, err := d.vault.Get(t.Context(), store.TokenName("demo"))
	require.NoError(t, err)
	require.Equal(t, newToken, kept.Current.Reveal())

	// Telegram has forgotten the webhook with the token before.
	delete(d.api.refuse, "setWebhook")

	d.api.hook = nil
	require.NoError(t, rotate())
	require.Equal(t, hook, d.api.hook["url"], "by the setting")
	require.Equal(t, proof, d.api.hook["secret_token"], "functions know it, so no update is refused")
	require.Contains(t, d.api.paths, "/bot"+newToken+"/setWebhook")

	kept, err = d.vault.Get(t.Context(), store.TokenName("demo"))
	require.NoError(t, err)
	require.Equal(t, token, kept.Previous.Reveal())
	require.WithinDuration(t, time.Now(), d.recorded(t, "store bot").At, time.Minute)

	// An address of the operator's own stays.
	require.NoError(t, rotate("--webhook-url", "https://own.example.com/x"))
	require.NoError(t, rotate())
	require.Equal(t, "https://own.example.com/x", d.api.hook["url"])

	require.ErrorIs(t, d.storeRotateToken(t.Context(), nil), errUsage)
	require.NotContains(t, d.out.String(), newToken[8:])
}

func TestStoreRotateTokenTakesNoOtherBot(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	d.api.me = 7654321
	d.stdin = strings.NewReader(newToken)
	require.ErrorContains(t, d.storeRotateToken(t.Context(), []string{"demo"}), "this is the token of @kopi_bot")

	d.api.refuse["getMe"] = "Unauthorized"
	d.stdin = strings.NewReader(newToken)
	err := d.storeRotateToken(t.Context(), []string{"demo"})
	require.ErrorContains(t, err, "the bot token is not valid")
	require.NotContains(t, err.Error(), newToken[8:])

	kept, err := d.vault.Get(t.Context(), store.TokenName("demo"))
	require.NoError(t, err)
	require.Equal(t, token, kept.Current.Reveal(), "nothing has changed")
}
