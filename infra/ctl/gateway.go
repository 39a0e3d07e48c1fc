package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/paypal"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/stripe"
)

// gatewayNeeds says what an account at a gateway is made of.
type gatewayNeeds struct {
	name                       string
	project, hook, key, secret bool
}

// gateways are those that a store may have an account at.
func gateways() []gatewayNeeds {
	return []gatewayNeeds{
		{name: pakasir.Name, project: true, key: true, secret: true},
		{name: stripe.Name, key: true, secret: true},
		{name: paypal.Name, project: true, hook: true, key: true},
		{name: order.StarsGateway},
	}
}

// gatewaySet gives a store an account at a payment gateway, or changes it. The
// keys are kept before the account is: an account without keys would fail.
func (o *operator) gatewaySet(ctx context.Context, args []string) error {
	of, needs, args, err := o.gatewayArgs(ctx, args)
	if err != nil {
		return err
	}

	account, _ := of.Shop.At(needs.name)
	account.Gateway = needs.name

	flags := flag.NewFlagSet("gateway set", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&account.Project, "project", account.Project, "")
	flags.StringVar(&account.Hook, "hook", account.Hook, "")
	flags.BoolVar(&account.Sandbox, "sandbox", account.Sandbox, "")
	place := flags.Int("order", 0, "")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	if err := needs.check(account, flags.Args(), *place); err != nil {
		return err
	}

	if err := o.keepGatewayKeys(ctx, of.ID, needs); err != nil {
		return err
	}

	before := accountsOf(of)
	of.Shop.Gateways = placed(of.Shop.Gateways, account, *place)

	if err := o.saveShop(ctx, of, "gateway set", before); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s takes payments by %s; functions know within 5 minutes\n", of.ID, accountsOf(of))

	return nil
}

// gatewayArgs reads the store and the gateway that a command begins with.
func (o *operator) gatewayArgs(ctx context.Context, args []string) (store.Store, gatewayNeeds, []string, error) {
	const names = 2
	if len(args) < names {
		return store.Store{}, gatewayNeeds{}, nil, fmt.Errorf("%w: name a store and a gateway", errUsage)
	}

	known := gateways()

	i := slices.IndexFunc(known, func(g gatewayNeeds) bool { return g.name == args[1] })
	if i < 0 {
		return store.Store{}, gatewayNeeds{}, nil, fmt.Errorf("%w: no gateway %q", errUsage, args[1])
	}

	of, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return store.Store{}, gatewayNeeds{}, nil, fmt.Errorf("no such store? %w", err)
	}

	return of, known[i], args[names:], nil
}

func (g gatewayNeeds) check(account store.Account, rest []string, place int) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%w: what is %q?", errUsage, rest[0])
	case g.project && account.Project == "":
		return fmt.Errorf("%w: --project is missing: the gateway's name for the account", errUsage)
	case g.hook && account.Hook == "":
		return fmt.Errorf("%w: --hook is missing: the gateway's id of the webhook", errUsage)
	case place < 0:
		return fmt.Errorf("%w: --order begins at 1", errUsage)
	default:
		return nil
	}
}

// keepGatewayKeys reads and keeps the secrets that a gateway needs.
func (o *operator) keepGatewayKeys(ctx context.Context, of string, needs gatewayNeeds) error {
	for _, one := range []struct {
		needed               bool
		name, variable, what string
	}{
		{needs.key, store.GatewayKeyName(of, needs.name), "LAPAK_GATEWAY_KEY", "key of " + needs.name},
		{needs.secret, store.GatewayHookName(of, needs.name), "LAPAK_GATEWAY_SECRET", "webhook secret of " + needs.name},
	} {
		if !one.needed {
			continue
		}

		value, err := o.secretInput(one.variable, one.what)
		if err != nil {
			return err
		}

		if err := o.vault.Rotate(ctx, one.name, value); err != nil {
			return fmt.Errorf("keep the %s: %w", one.what, err)
		}
	}

	return nil
}

// placed puts an account into its place among the others, counted from 1; 0
// leaves it where it is, or puts a new one last.
func placed(accounts []store.Account, account store.Account, place int) []store.Account {
	at := slices.IndexFunc(accounts, func(a store.Account) bool { return a.Gateway == account.Gateway })
	others := slices.DeleteFunc(slices.Clone(accounts), func(a store.Account) bool { return a.Gateway == account.Gateway })

	switch {
	case place > 0:
		at = min(place-1, len(others))
	case at < 0:
		at = len(others)
	}

	return slices.Insert(others, at, account)
}

// gatewayRemove takes an account from a store and forgets its keys.
func (o *operator) gatewayRemove(ctx context.Context, args []string) error {
	of, needs, rest, err := o.gatewayArgs(ctx, args)
	if err != nil {
		return err
	}

	if len(rest) > 0 {
		return fmt.Errorf("%w: what is %q?", errUsage, rest[0])
	}

	if _, ok := of.Shop.At(needs.name); !ok {
		return fmt.Errorf("store %s has no account at %s", of.ID, needs.name)
	}

	before := accountsOf(of)
	of.Shop.Gateways = slices.DeleteFunc(of.Shop.Gateways, func(a store.Account) bool { return a.Gateway == needs.name })

	if err := o.saveShop(ctx, of, "gateway remove", before); err != nil {
		return err
	}

	if err := o.forgetGatewayKeys(ctx, of.ID, needs.name); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s takes payments by %s; functions know within 5 minutes\n", of.ID, accountsOf(of))

	return nil
}

// forgetGateways forgets all keys of a store's payment gateways.
func (o *operator) forgetGateways(ctx context.Context, of string) error {
	var all []error
	for _, gateway := range gateways() {
		all = append(all, o.forgetGatewayKeys(ctx, of, gateway.name))
	}

	return errors.Join(all...)
}

func (o *operator) forgetGatewayKeys(ctx context.Context, of, gateway string) error {
	err := errors.Join(
		o.vault.Delete(ctx, store.GatewayKeyName(of, gateway)),
		o.vault.Delete(ctx, store.GatewayHookName(of, gateway)),
	)
	if err != nil {
		return fmt.Errorf("forget the keys of %s: %w", gateway, err)
	}

	return nil
}

// gatewayList tells which accounts a store has, in the order in which they are
// tried, and which keys are set, never what they are.
func (o *operator) gatewayList(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: which store?", errUsage)
	}

	of, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return fmt.Errorf("no such store? %w", err)
	}

	out := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "GATEWAY\tPROJECT\tMODE\tKEY\tWEBHOOK SECRET")

	for _, account := range of.Shop.Gateways {
		key, err := o.keyState(ctx, store.GatewayKeyName(of.ID, account.Gateway))
		if err != nil {
			return err
		}

		hook, err := o.keyState(ctx, store.GatewayHookName(of.ID, account.Gateway))
		if err != nil {
			return err
		}

		mode := "live"
		if account.Sandbox {
			mode = "sandbox"
		}

		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", account.Gateway, orDash(account.Project), mode, key, hook)
	}

	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}

	return nil
}

// keyState tells whether a secret is set.
func (o *operator) keyState(ctx context.Context, name string) (string, error) {
	kept, err := o.vault.Get(ctx, name)

	switch {
	case errs.Is(err, errs.NotFound):
		return "-", nil
	case err != nil:
		return "", fmt.Errorf("look for the secret %s: %w", name, err)
	case kept.Previous != secret.Value(""):
		return "set, and the one before it", nil
	default:
		return "set", nil
	}
}

// storeShop opens or closes a store's shop and sets what it sells by.
func (o *operator) storeShop(ctx context.Context, args []string) error {
	const names = 2
	if len(args) < names || args[1] != "open" && args[1] != "close" {
		return fmt.Errorf("%w: store shop ID open|close", errUsage)
	}

	of, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return fmt.Errorf("no such store? %w", err)
	}

	before := shopOf(of.Shop)
	of.Shop.Open = args[1] == "open"

	flags := flag.NewFlagSet("store shop", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	minutes := flags.Int("pay-minutes", int(of.Shop.PayIn().Minutes()), "")
	fee := flags.String("fee", "", "")

	if err := flags.Parse(args[names:]); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	// A gateway ends what is not paid after a day.
	const least, most = 5, 24 * 60

	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%w: what is %q?", errUsage, flags.Arg(0))
	case *minutes < least || *minutes > most:
		return fmt.Errorf("%w: --pay-minutes takes %d to %d", errUsage, least, most)
	case *fee != "" && *fee != "buyer" && *fee != "store":
		return fmt.Errorf("%w: --fee is borne by the buyer or the store", errUsage)
	}

	of.Shop.PayMinutes = *minutes
	if *fee != "" {
		of.Shop.StoreBearsFee = *fee == "store"
	}

	if err := o.saveShop(ctx, of, "store shop", before); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "the shop of store %s is %s; functions know within a minute\n", of.ID, shopOf(of.Shop))

	return nil
}

// saveShop saves a store together with the audit row of what was done.
func (o *operator) saveShop(ctx context.Context, of store.Store, action, before string) error {
	after := shopOf(of.Shop)
	if strings.HasPrefix(action, "gateway") {
		after = accountsOf(of)
	}

	recorded, err := record(of, action, before, after)
	if err != nil {
		return err
	}

	if err := o.stores.Save(ctx, of, recorded); err != nil {
		return fmt.Errorf("save store %s: %w", of.ID, err)
	}

	return nil
}

// accountsOf lists a store's gateways in the order in which they are tried.
func accountsOf(of store.Store) string {
	var names []string

	for _, account := range of.Shop.Gateways {
		name := account.Gateway
		if account.Project != "" {
			name += " (" + account.Project + ")"
		}

		if account.Sandbox {
			name += " in its sandbox"
		}

		names = append(names, name)
	}

	if len(names) == 0 {
		return "no gateway"
	}

	return strings.Join(names, ", then ")
}

// shopOf says how a shop sells.
func shopOf(shop store.Shop) string {
	state, bearer := "closed", "the buyer"
	if shop.Open {
		state = "open"
	}

	if shop.StoreBearsFee {
		bearer = "the store"
	}

	return state + ", " + strconv.Itoa(int(shop.PayIn().Minutes())) + " minutes to pay, fees borne by " + bearer
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}
