package main

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

func (d *desk) types(lines string) { d.stdin = bufio.NewReader(strings.NewReader(lines)) }

func (d *desk) shop(t *testing.T) store.Shop {
	t.Helper()

	found, err := d.stores.Get(t.Context(), "demo")
	require.NoError(t, err)

	return found.Shop
}

func TestGatewayAccounts(t *testing.T) {
	d := newDesk(t)
	require.NoError(t, d.add(t))

	d.types("pk_key\npk_hook\n")
	require.NoError(t, d.gatewaySet(t.Context(), []string{"demo", "pakasir", "--project", "toko-kopi"}))
	require.Equal(t, []store.Account{{Gateway: "pakasir", Project: "toko-kopi"}}, d.shop(t).Gateways)

	for name, want := range map[string]string{
		store.GatewayKeyName("demo", "pakasir"): "pk_key", store.GatewayHookName("demo", "pakasir"): "pk_hook",
	} {
		kept, err := d.vault.Get(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, want, kept.Current.Reveal())
	}

	require.NoError(t, d.gatewaySet(t.Context(), []string{"demo", "stars"}), "Stars need no key")
	d.types("sk_live\nwhsec\n")
	require.NoError(t, d.gatewaySet(t.Context(), []string{"demo", "stripe", "--order", "1"}))

	// Changing the keys keeps the account as it is, and the keys before count on.
	t.Setenv("LAPAK_GATEWAY_KEY", "pk_new")
	t.Setenv("LAPAK_GATEWAY_SECRET", "pk_hook_new")
	require.NoError(t, d.gatewaySet(t.Context(), []string{"demo", "pakasir", "--sandbox"}))
	require.Equal(t, []store.Account{
		{Gateway: "stripe"}, {Gateway: "pakasir", Project: "toko-kopi", Sandbox: true}, {Gateway: "stars"},
	}, d.shop(t).Gateways)

	kept, err := d.vault.Get(t.Context(), store.GatewayHookName("demo", "pakasir"))
	require.NoError(t, err)
	require.True(t, kept.Accepts("pk_hook"))
	require.True(t, kept.Accepts("pk_hook_new"))

	d.out.Reset()
	require.NoError(t, d.gatewayList(t.Context(), []string{"demo"}))
	//nolint:dupword // two columns
	require.Equal(t, `GATEWAY  PROJECT    MODE     KEY                         WEBHOOK SECRET
stripe   -          live     set                         set
pakasir  toko-kopi  sandbox  set, and the one before it  set, and the one before it
stars    -          live     -                           -
`, d.out.String())

	// A store that is added again keeps its shop; one that is removed leaves no key.
	require.NoError(t, d.add(t))
	require.Len(t, d.shop(t).Gateways, 3)

	require.NoError(t, d.gatewayRemove(t.Context(), []string{"demo", "pakasir"}))
	require.Len(t, d.shop(t).Gateways, 2)
	require.ErrorContains(t, d.gatewayRemove(t.Context(), []string{"demo", "pakasir"}), "no account")
	require.NoError(t, d.storeRemove(t.Context(), []string{"demo", "--no-export"}))

	for _, name := range []string{store.GatewayKeyName("demo", "pakasir"), store.GatewayKeyName("demo", "stripe")} {
		_, err := d.vault.Get(t.Context(), name)
		require.Equal(t, errs.NotFound, errs.CodeOf(err), name)
	}
}

func TestGatewayAccountsAreRefusedWhereTheyCannotWork(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))

	for _, args := range [][]string{
		{},
		{"demo"},
		{"demo", "tripay"},
		{"demo", "pakasir"},
		{"demo", "paypal", "--project", "client"},
		{"demo", "pakasir", "--project", "p", "sk_key_on_the_command_line"},
		{"demo", "stars", "--order", "-1"},
	} {
		require.ErrorIs(t, d.gatewaySet(t.Context(), args), errUsage, args)
	}

	d.types("\n")
	require.ErrorContains(t, d.gatewaySet(t.Context(), []string{"demo", "pakasir", "--project", "p"}), "no key of pakasir")
	d.types("only-the-key\n")
	require.ErrorContains(t, d.gatewaySet(t.Context(), []string{"demo", "pakasir", "--project", "p"}), "no webhook secret of pakasir")
	require.Empty(t, d.shop(t).Gateways, "an account without its keys would only fail")
	require.ErrorContains(t, d.gatewaySet(t.Context(), []string{"nobody", "stars"}), "no such store")
	require.ErrorIs(t, d.gatewayList(t.Context(), nil), errUsage)
}

func TestStoreShop(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	require.NoError(t, d.add(t))
	require.False(t, d.shop(t).Open)

	require.NoError(t, d.storeShop(t.Context(), []string{"demo", "open", "--pay-minutes", "30", "--fee", "store"}))
	require.Equal(t, store.Shop{Open: true, PayMinutes: 30, StoreBearsFee: true}, d.shop(t))

	require.NoError(t, d.storeShop(t.Context(), []string{"demo", "close"}))
	require.Equal(t, store.Shop{PayMinutes: 30, StoreBearsFee: true}, d.shop(t), "the rest stays")
	require.Contains(t, d.out.String(), "closed, 30 minutes to pay, fees borne by the store")

	for _, args := range [][]string{
		{"demo"}, {"demo", "ajar"}, {"demo", "open", "--pay-minutes", "1"}, {"demo", "open", "--fee", "nobody"}, {"demo", "open", "now"},
	} {
		require.ErrorIs(t, d.storeShop(t.Context(), args), errUsage, args)
	}
}
