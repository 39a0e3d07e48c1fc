package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/telegram"
)

const (
	devState = ".local-dev"
	devStore = "dev"
)

// dev runs a bot of Telegram's own on the local cloud until the context is
// done. Its updates are fetched, so that nothing of this machine is reached
// from outside. The token comes by the environment, where other users of the
// machine do not see it.
func dev(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	options := stack.Options{Sayf: sayf, Parameters: map[string]string{"TelegramMode": "polling"}}
	takeOver := flags.Bool("take-over", false, "take the bot's webhook away, should it have one")

	flags.StringVar(&options.State, "state", devState, "`folder` of what is kept between runs")
	flags.StringVar(&options.BotAPI, "bot-api", "https://api.telegram.org", "`address` of the Bot API")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}

	store, err := devStoreOf(os.Getenv("LAPAK_BOT_TOKEN"), os.Getenv("OWNER"))
	if err != nil {
		return err
	}

	if store, err = meet(ctx, options.BotAPI, store, *takeOver); err != nil {
		return err
	}

	options.OnEvent = stack.NewPrinter(os.Stdout, coloured()).Print

	running, err := stack.Start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before it was up")
		}

		return fmt.Errorf("start the local cloud: %w", err)
	}

	err = serveDev(ctx, running, store)

	sayf("Stopping, and saving for the next run …")

	if closeErr := running.Close(); closeErr != nil {
		return errors.Join(err, fmt.Errorf("stop the local cloud: %w", closeErr))
	}

	return err
}

// devStoreOf reads what a person gave.
func devStoreOf(token, owner string) (stack.Store, error) {
	token = strings.TrimSpace(token)
	if token == "" {
		return stack.Store{}, errors.New("no bot token: get one from @BotFather, then: make dev TOKEN=… OWNER=your-user-id " +
			"(or export TOKEN first, so that it is in no history)")
	}

	id, err := strconv.ParseInt(strings.TrimSpace(owner), 10, 64)
	if err != nil || id <= 0 {
		return stack.Store{}, fmt.Errorf("OWNER is %q: give your Telegram user id, a positive number (@userinfobot tells it)", owner)
	}

	return stack.Store{ID: devStore, Name: "Toko Coba", Owner: id, Token: token}, nil
}

// meet asks Telegram whose token it is, before anything is started. A bot with
// a webhook may be a shop at work, from which polling would take its updates.
func meet(ctx context.Context, api string, store stack.Store, takeOver bool) (stack.Store, error) {
	client, err := telegram.NewClient(api, secret.Value(store.Token))
	if err != nil {
		return store, fmt.Errorf("the token does not look like one of BotFather's, such as 123456789:AA…: %w", err)
	}

	me, err := client.Me(ctx)
	if errs.Is(err, errs.Unauthorized) {
		return store, fmt.Errorf("telegram does not know this token: was it revoked, or cut on the way here? %w", err)
	}

	if err != nil {
		return store, fmt.Errorf("telegram is not reached at %s: %w", api, err)
	}

	store.Username = me.Username

	hook, err := client.Webhook(ctx)
	if err != nil {
		return store, fmt.Errorf("ask Telegram for the webhook of @%s: %w", me.Username, err)
	}

	if hook.URL != "" && !takeOver {
		return store, fmt.Errorf("@%s has a webhook, %s: a shop may be at work there. Make a bot of its own for trying, "+
			`or take this one away from it: make dev DEV=-take-over`, me.Username, hook.URL)
	}

	return store, nil
}

func serveDev(ctx context.Context, running *stack.Stack, store stack.Store) error {
	if err := running.AddDev(ctx, store); err != nil {
		return fmt.Errorf("add the store: %w", err)
	}

	fmt.Printf(`
  Bot         https://t.me/%s
  Pay page    %s
  AWS         AWS_ENDPOINT_URL=%s (any key, region ap-southeast-3)

Updates are fetched from Telegram; the first within a minute. Ctrl-C stops it; what is there is kept for the next run.
Logs of all functions follow.

`, store.Username, running.Pakasir, running.Endpoint)

	if err := running.Wait(ctx); err != nil {
		return fmt.Errorf("run the local cloud: %w", err)
	}

	return nil
}
