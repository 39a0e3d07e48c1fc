package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/telegram"
)

// webhookConnections is how many updates Telegram pushes at once to a bot.
const webhookConnections = 40

// secretBytes make a webhook secret of 43 characters.
const secretBytes = 32

// storeAdd registers a store or changes it. Doing it again is safe: the
// webhook secret, the speech models and the shop stay, everything else becomes as given.
func (o *operator) storeAdd(ctx context.Context, args []string) error {
	added := store.Store{}
	flags := flag.NewFlagSet("store add", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&added.ID, "id", "", "")
	flags.StringVar(&added.Name, "name", "", "")
	flags.Int64Var(&added.Owner, "owner", 0, "")
	flags.StringVar(&added.Language, "language", store.DefaultLanguage, "")
	flags.StringVar(&added.TimeZone, "time-zone", store.DefaultTimeZone, "")
	hook := flags.String("webhook-url", "", "")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	if flags.NArg() > 0 {
		return fmt.Errorf("%w: what is %q? (a name of several words needs quotes)", errUsage, flags.Arg(0))
	}

	if err := checkStore(added, *hook); err != nil {
		return err
	}

	token, err := o.secretInput("LAPAK_BOT_TOKEN", "bot token")
	if err != nil {
		return err
	}

	client, err := telegram.NewClient(o.settings.Telegram, token)
	if err != nil {
		return fmt.Errorf("store %s: %w", added.ID, err)
	}

	me, err := client.Me(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", added.ID, err)
	}

	added.BotID, added.BotUsername = me.ID, me.Username
	known, err := o.known(ctx, added)
	if err != nil {
		return err
	}

	added.CreatedAt, added.Speech, added.Shop = known.CreatedAt, known.Speech, known.Shop

	if err := o.vault.Rotate(ctx, store.TokenName(added.ID), token); err != nil {
		return fmt.Errorf("keep the token of store %s: %w", added.ID, err)
	}

	if err := o.stores.Save(ctx, added); err != nil {
		return fmt.Errorf("register store %s: %w", added.ID, err)
	}

	if err := o.connect(ctx, client, added, *hook); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s (%s) is @%s, webhook %s\n", added.ID, added.Name, added.BotUsername, *hook)

	return nil
}

// known gives the store as it was added before; one that begins now if it is
// new. A bot can serve one store only, for it has one webhook.
func (o *operator) known(ctx context.Context, added store.Store) (store.Store, error) {
	stores, err := o.stores.List(ctx)
	if err != nil {
		return store.Store{}, fmt.Errorf("look whether store %s exists: %w", added.ID, err)
	}

	found := store.Store{CreatedAt: time.Now().UTC()}

	for _, known := range stores {
		switch {
		case known.ID == added.ID:
			found = known
		case known.BotID == added.BotID:
			return found, fmt.Errorf("@%s is the bot of store %s already: take another bot", added.BotUsername, known.ID)
		}
	}

	return found, nil
}

func checkStore(added store.Store, hook string) error {
	if _, err := table.TenantOf(added.ID); err != nil {
		return fmt.Errorf("--id: %w", err)
	}

	if added.ID == store.OwnerBot {
		return fmt.Errorf("%w: --id %s is the owner's own bot (owner-bot set): take another", errUsage, added.ID)
	}

	if added.Name == "" {
		return fmt.Errorf("%w: --name is missing", errUsage)
	}

	if added.Owner <= 0 {
		return fmt.Errorf("%w: --owner is the owner's Telegram user id, a positive number (@userinfobot tells it)", errUsage)
	}

	if texts, err := chat.NewCatalog(); err != nil || !slices.Contains(texts.Languages(), added.Language) {
		return fmt.Errorf("%w: --language %q is none that the bot speaks", errUsage, added.Language)
	}

	return checkHook(hook)
}

func checkHook(hook string) error {
	if parsed, err := url.Parse(hook); err != nil || parsed.Host == "" {
		return fmt.Errorf("%w: --webhook-url %q is not an address; output WebhookUrl of the stack shows its form", errUsage, hook)
	}

	return nil
}

// connect has Telegram push the bot's updates to us, proving itself by the
// store's webhook secret, and gives the bot its menu.
func (o *operator) connect(ctx context.Context, client *telegram.Client, of store.Store, hook string) error {
	id := of.ID
	if err := o.push(ctx, client, id, hook); err != nil {
		return err
	}

	texts, err := chat.NewCatalog()
	if err != nil {
		return fmt.Errorf("read the menu's texts: %w", err)
	}

	for _, language := range append([]string{""}, texts.Languages()...) {
		if err := client.SetCommands(ctx, language, texts.Commands(language, of.Sells(), of.Has(store.Transcription))); err != nil {
			return fmt.Errorf("set the menu of store %s: %w", id, err)
		}
	}

	return nil
}

// push has Telegram push a bot's updates, proven by the bot's webhook secret,
// which is made where there is none.
func (o *operator) push(ctx context.Context, client *telegram.Client, id, hook string) error {
	known, err := o.vault.Get(ctx, store.WebhookSecretName(id))

	switch errs.CodeOf(err) {
	case "":
	case errs.NotFound:
		known.Current = newSecret()
		if err := o.vault.Rotate(ctx, store.WebhookSecretName(id), known.Current); err != nil {
			return fmt.Errorf("keep the webhook secret of store %s: %w", id, err)
		}
	default:
		return fmt.Errorf("read the webhook secret of store %s: %w", id, err)
	}

	return setWebhook(ctx, client, hook, known.Current)
}

func setWebhook(ctx context.Context, client *telegram.Client, hook string, proof secret.Value) error {
	err := client.SetWebhook(ctx, telegram.Webhook{
		URL: hook, Secret: proof, MaxConnections: webhookConnections, Updates: chat.Updates(),
	})
	if err != nil {
		return fmt.Errorf("set the webhook: %w", err)
	}

	return nil
}

func newSecret() secret.Value {
	random := make([]byte, secretBytes)
	_, _ = rand.Read(random) // it never fails: https://pkg.go.dev/crypto/rand#Read

	return secret.Value(base64.RawURLEncoding.EncodeToString(random))
}

func (o *operator) storeList(ctx context.Context, _ []string) error {
	stores, err := o.stores.List(ctx)
	if err != nil {
		return fmt.Errorf("read the register: %w", err)
	}

	out := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tNAME\tBOT\tOWNER\tSINCE")

	for _, found := range stores {
		fmt.Fprintf(out, "%s\t%s\t@%s\t%d\t%s\n",
			found.ID, found.Name, found.BotUsername, found.Owner, found.CreatedAt.Format(time.DateOnly))
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
		"speech    %s\nwebhook   %s\npending   %d\n", found.ID, found.Name, found.BotUsername, found.BotID, found.Owner,
		found.Language, found.TimeZone, speechOf(found), hook.URL, hook.Pending)

	if !hook.FailedAt.IsZero() {
		fmt.Fprintf(o.stdout, "failed    %s: %s\n", hook.FailedAt.Format(time.RFC3339), hook.LastError)
	}

	return nil
}

func (o *operator) storeRemove(ctx context.Context, args []string) error {
	found, client, err := o.storeOf(ctx, args)
	if err != nil {
		return err
	}

	// A bot whose token was revoked has no webhook any more.
	if err := client.DeleteWebhook(ctx); err != nil && !errs.Is(err, errs.Unauthorized) {
		return fmt.Errorf("store %s: %w", found.ID, err)
	}

	err = errors.Join(
		o.forgetProviders(ctx, found.ID),
		o.forgetGateways(ctx, found.ID),
		o.vault.Delete(ctx, store.WebhookSecretName(found.ID)),
		o.vault.Delete(ctx, store.TokenName(found.ID)),
		o.stores.Remove(ctx, found.ID),
	)
	if err != nil {
		return fmt.Errorf("forget store %s: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s is removed; its data stays\n", found.ID)

	return nil
}

// storeRotateSecret makes a new webhook secret in an order in which no update
// is refused, and which can be repeated after it was interrupted anywhere:
// Telegram always proves itself with one of the two secrets that count.
// Functions remember secrets for ssm.DefaultTTL, so Telegram gets the new one
// only when every function has it; --now does not wait, and updates then stay
// at Telegram for so long.
func (o *operator) storeRotateSecret(ctx context.Context, args []string) error {
	found, client, err := o.storeOf(ctx, args)
	if err != nil {
		return err
	}

	flags := flag.NewFlagSet("store rotate-secret", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	now := flags.Bool("now", false, "")

	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	hook, err := client.Webhook(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", found.ID, err)
	}

	if hook.URL == "" {
		return fmt.Errorf("store %s has no webhook to rotate the secret of: set one by store add", found.ID)
	}

	known, err := o.vault.Get(ctx, store.WebhookSecretName(found.ID))
	if err != nil {
		return fmt.Errorf("read the webhook secret of store %s: %w", found.ID, err)
	}

	// After an interrupted rotation Telegram may still have the previous one,
	// which the next step forgets.
	if err := setWebhook(ctx, client, hook.URL, known.Current); err != nil {
		return fmt.Errorf("store %s: %w", found.ID, err)
	}

	fresh := newSecret()
	if err := o.vault.Rotate(ctx, store.WebhookSecretName(found.ID), fresh); err != nil {
		return fmt.Errorf("keep the new webhook secret of store %s: %w", found.ID, err)
	}

	if !*now {
		fmt.Fprintf(o.stdout, "waiting %s until every function knows the new secret of store %s …\n", ssm.DefaultTTL, found.ID)

		if err := o.pause(ctx, ssm.DefaultTTL); err != nil {
			return fmt.Errorf("store %s goes on with its old secret; rotate again: %w", found.ID, err)
		}
	}

	if err := setWebhook(ctx, client, hook.URL, fresh); err != nil {
		return fmt.Errorf("store %s goes on with its old secret; rotate again: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s has a new webhook secret; the one before it goes on counting\n", found.ID)

	return nil
}

// pause waits, or gives why the context has ended before.
func pause(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()

	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
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
