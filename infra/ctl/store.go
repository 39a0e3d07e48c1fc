package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

// storeAdd registers a store or changes it. Doing it again is safe: what is not
// given by it stays as it is, the webhook secret too.
func (o *operator) storeAdd(ctx context.Context, args []string) error {
	added := store.Store{}
	flags := flag.NewFlagSet("store add", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&added.ID, "id", "", "")
	flags.StringVar(&added.Name, "name", "", "")
	flags.Int64Var(&added.Owner, "owner", 0, "")
	flags.StringVar(&added.Language, "language", store.DefaultLanguage, "")
	flags.StringVar(&added.TimeZone, "time-zone", store.DefaultTimeZone, "")
	flags.Func("mode", "", func(mode string) error { return added.Mode.UnmarshalText([]byte(mode)) })
	hook := flags.String("webhook-url", "", "")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	if flags.NArg() > 0 {
		return fmt.Errorf("%w: what is %q? (a name of several words needs quotes)", errUsage, flags.Arg(0))
	}

	// Before a person is asked for the token.
	if err := o.opening.CheckNew(added, *hook); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	token, err := o.secretInput("LAPAK_BOT_TOKEN", "bot token")
	if err != nil {
		return err
	}

	added, err = o.opening.Open(ctx, added, token, *hook)
	if err != nil {
		return fmt.Errorf("store %s: %w", added.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s (%s) is @%s, webhook %s\n",
		added.ID, added.Name, added.BotUsername, o.opening.HookOf(added.ID, *hook))

	return nil
}

func (o *operator) storeList(ctx context.Context, _ []string) error {
	stores, err := o.stores.List(ctx)
	if err != nil {
		return fmt.Errorf("read the register: %w", err)
	}

	out := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tNAME\tBOT\tOWNER\tSTATE\tFEATURES\tSINCE")

	for _, found := range stores {
		fmt.Fprintf(out, "%s\t%s\t@%s\t%d\t%s\t%s\t%s\n", found.ID, found.Name, found.BotUsername, found.Owner,
			stateOf(found), featuresOf(found), found.CreatedAt.Format(time.DateOnly))
	}

	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}

	return nil
}

func (o *operator) storeShow(ctx context.Context, args []string) error {
	found, client, err := o.storeOf(ctx, args)
	if err != nil {
		return err
	}

	hook, err := client.Webhook(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "id        %s\nname      %s\nbot       @%s (%d)\nowner     %d\nlanguage  %s\nzone      %s\n"+
		"state     %s\nfeatures  %s\nlimits    %s\nspeech    %s\nupdates   %s\nwebhook   %s\npending   %d\n", found.ID, found.Name,
		found.BotUsername, found.BotID, found.Owner,
		found.Language, found.TimeZone, stateOf(found), featuresOf(found), limitsOf(found), speechOf(found), updatesOf(found),
		hook.URL, hook.Pending)

	if !hook.FailedAt.IsZero() {
		fmt.Fprintf(o.stdout, "failed    %s: %s\n", hook.FailedAt.Format(time.RFC3339), hook.LastError)
	}

	return nil
}

// storeRotateSecret makes a new webhook secret in an order in which no update
// is refused, and which can be repeated after it was interrupted anywhere:
// Telegram always proves itself with one of the two secrets that count.
// Functions remember secrets for ssm.DefaultTTL, so Telegram gets the new one
// only when every function has it; --now does not wait, and updates then stay
// at Telegram for so long.
func (o *operator) storeRotateSecret(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: which store?", errUsage)
	}

	found, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return fmt.Errorf("no such store? %w", err)
	}

	flags := flag.NewFlagSet("store rotate-secret", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	now := flags.Bool("now", false, "")

	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	wait := func(ctx context.Context) error {
		if *now {
			return nil
		}

		fmt.Fprintf(o.stdout, "waiting %s until every function knows the new secret of store %s …\n", ssm.DefaultTTL, found.ID)

		return o.pause(ctx, ssm.DefaultTTL)
	}

	if err := o.opening.RotateSecret(ctx, found.ID, wait); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s has a new webhook secret; the one before it goes on counting\n", found.ID)

	return nil
}

// storeRotateToken gives a store's bot the token that BotFather has just made.
func (o *operator) storeRotateToken(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("store rotate-token", flag.ContinueOnError)
	hook := flags.String("webhook-url", "", "")

	of, err := o.settingOf(ctx, args, flags)
	if err != nil {
		return err
	}

	token, err := o.secretInput("LAPAK_BOT_TOKEN", "new bot token")
	if err != nil {
		return err
	}

	of, err = o.opening.RotateToken(ctx, of, token, *hook)
	if err != nil {
		return err
	}

	recorded, err := record(of, "store bot", "", "")
	if err != nil {
		return err
	}

	if err := o.stores.Save(ctx, of, recorded); err != nil {
		return fmt.Errorf("record the new token of store %s: %w", of.ID, err)
	}

	fmt.Fprintf(o.stdout, "@%s of store %s has its new token; functions that have the old one read it when it is refused\n",
		of.BotUsername, of.ID)

	return nil
}

// pause waits, or gives why the context has ended before.
func pause(ctx context.Context, wait time.Duration) error {
	if !clock.Pause(ctx, wait) {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}

	return nil
}

// storeOf reads the store that the first argument names, and its bot.
func (o *operator) storeOf(ctx context.Context, args []string) (store.Store, *telegram.Client, error) {
	if len(args) == 0 {
		return store.Store{}, nil, fmt.Errorf("%w: which store?", errUsage)
	}

	found, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return store.Store{}, nil, fmt.Errorf("no such store? %w", err)
	}

	client, err := telegram.NewBots(o.vault, o.settings.Telegram).Client(ctx, found.ID)
	if err != nil {
		return store.Store{}, nil, fmt.Errorf("store %s: %w", found.ID, err)
	}

	return found, client, nil
}
