package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/opening"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

// ownerBotSet sets up the owner's own bot, or changes it. It is safe to repeat.
func (o *operator) ownerBotSet(ctx context.Context, args []string) error {
	office := store.Store{ID: store.OwnerBot, Office: true}
	flags := flag.NewFlagSet("owner-bot set", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Int64Var(&office.Owner, "operator", 0, "")
	flags.StringVar(&office.Name, "name", "Lapak", "")
	flags.StringVar(&office.Language, "language", store.DefaultLanguage, "")
	flags.StringVar(&office.TimeZone, "time-zone", store.DefaultTimeZone, "")
	hook := flags.String("webhook-url", "", "")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	if flags.NArg() > 0 {
		return fmt.Errorf("%w: what is %q? (a name of several words needs quotes)", errUsage, flags.Arg(0))
	}

	if office.Owner <= 0 {
		return fmt.Errorf("%w: --operator is your Telegram user id, a positive number (@userinfobot tells it)", errUsage)
	}

	office.Hook = o.opening.HookOf(office.ID, *hook)
	if err := opening.CheckHook(office.Hook); err != nil {
		return fmt.Errorf("%w: --webhook-url: %w", errUsage, err)
	}

	token, err := o.secretInput("OWNER_BOT_TOKEN", "token of the owner's own bot")
	if err != nil {
		return err
	}

	client, err := telegram.NewClient(o.settings.Telegram, token)
	if err != nil {
		return fmt.Errorf("the owner's own bot: %w", err)
	}

	me, err := o.opening.Check(ctx, token, office.ID)
	if err != nil {
		return fmt.Errorf("the owner's own bot: %w", err)
	}

	office.BotID, office.BotUsername, office.CreatedAt = me.ID, me.Username, time.Now().UTC()

	if known, err := o.stores.Get(ctx, office.ID); err == nil {
		office.CreatedAt = known.CreatedAt
	}

	if err := o.vault.Rotate(ctx, store.TokenName(office.ID), token); err != nil {
		return fmt.Errorf("keep the token of the owner's own bot: %w", err)
	}

	if err := o.stores.Save(ctx, office); err != nil {
		return fmt.Errorf("register the owner's own bot: %w", err)
	}

	if err := o.opening.Connect(ctx, office, token); err != nil {
		return fmt.Errorf("connect the owner's own bot: %w", err)
	}

	if err := setOfficeMenu(ctx, client); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "the owner's own bot is @%s, webhook %s\n"+
		"Have each owner press Start there: until then their alerts come by their stores' own bots.\n",
		office.BotUsername, office.Hook)

	return nil
}

// setOfficeMenu shows what owners may do. The operator's commands stand in
// /help only: a menu is the same for everybody.
func setOfficeMenu(ctx context.Context, client *telegram.Client) error {
	texts, err := chat.NewCatalog()
	if err != nil {
		return fmt.Errorf("read the menu's texts: %w", err)
	}

	for _, language := range append([]string{""}, texts.Languages()...) {
		if err := client.SetCommands(ctx, language, texts.OfficeCommands(language, false)); err != nil {
			return fmt.Errorf("set the menu of the owner's own bot: %w", err)
		}
	}

	return nil
}

// ownerBotRemove takes the owner's own bot down.
func (o *operator) ownerBotRemove(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: what is %q?", errUsage, args[0])
	}

	_, client, err := o.storeOf(ctx, []string{store.OwnerBot})
	if err != nil {
		return fmt.Errorf("there is no owner's own bot? %w", err)
	}

	// A bot whose token was revoked has no webhook any more.
	if err := client.DeleteWebhook(ctx); err != nil && !errs.Is(err, errs.Unauthorized) {
		return fmt.Errorf("the owner's own bot: %w", err)
	}

	// The register first: without its row nobody is told by this bot.
	err = errors.Join(
		o.stores.Remove(ctx, store.OwnerBot),
		o.vault.Delete(ctx, store.WebhookSecretName(store.OwnerBot)),
		o.vault.Delete(ctx, store.TokenName(store.OwnerBot)),
	)
	if err != nil {
		return fmt.Errorf("forget the owner's own bot: %w", err)
	}

	fmt.Fprintln(o.stdout, "the owner's own bot is removed; alerts come by the stores' own bots again")

	return nil
}
