package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

const ownerHook = "https://api.example.com/telegram/owner"

func (d *desk) setOwnerBot(t *testing.T, args ...string) error {
	t.Helper()

	d.stdin = strings.NewReader(token)

	return d.ownerBotSet(t.Context(), append([]string{"--operator", "1001", "--webhook-url", ownerHook}, args...))
}

func TestTheOwnersBotIsSetUpAndTakenDown(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.setOwnerBot(t))
	require.NoError(t, d.setOwnerBot(t, "--name", "Lapak Jaya"), "it can be repeated")
	require.NotContains(t, d.out.String(), token)

	office, err := d.stores.Get(t.Context(), store.OwnerBot)
	require.NoError(t, err)
	require.True(t, office.Office)
	require.Equal(t, "Lapak Jaya", office.Name)
	require.Equal(t, int64(1001), office.Owner)
	require.Equal(t, "kopi_bot", office.BotUsername)

	kept, err := d.vault.Get(t.Context(), store.TokenName(store.OwnerBot))
	require.NoError(t, err)
	require.Equal(t, token, kept.Current.Reveal())
	require.Equal(t, ownerHook, d.api.hook["url"])
	require.NotEmpty(t, d.api.hook["secret_token"])
	require.Len(t, d.api.menus, 3)

	require.ErrorContains(t, d.add(t), "is the bot of store owner already", "a bot is a shop's or the owner's, not both")

	require.NoError(t, d.ownerBotRemove(t.Context(), nil))
	require.Nil(t, d.api.hook)

	_, err = d.stores.Get(t.Context(), store.OwnerBot)
	require.Equal(t, errs.NotFound, errs.CodeOf(err))
	_, err = d.vault.Get(t.Context(), store.TokenName(store.OwnerBot))
	require.Equal(t, errs.NotFound, errs.CodeOf(err))

	require.ErrorContains(t, d.ownerBotRemove(t.Context(), nil), "there is no owner's own bot?")
}

func TestTheOwnersBotRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()

	d := newDesk(t)

	for _, wrong := range [][]string{
		{"--operator", "0"}, {"--webhook-url", "example"}, {"--unknown"}, {"more"},
	} {
		require.ErrorIs(t, d.setOwnerBot(t, wrong...), errUsage, "%v", wrong)
	}

	require.ErrorIs(t, d.ownerBotRemove(t.Context(), []string{"x"}), errUsage)
	require.ErrorIs(t, d.add(t, "--id", store.OwnerBot), errUsage, "no store may be the owner's own bot")

	d.api.refuse["getMe"] = "Unauthorized"
	require.ErrorContains(t, d.setOwnerBot(t), "bot token")

	_, err := d.stores.Get(t.Context(), store.OwnerBot)
	require.Equal(t, errs.NotFound, errs.CodeOf(err), "nothing is kept of a wrong token")
}
