package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

// storeMode says how the updates of a store come. Polling and webhook are begun
// at once; auto and default leave what is until health looks next.
func (o *operator) storeMode(ctx context.Context, args []string) error {
	const words = 2
	if len(args) != words {
		return fmt.Errorf("%w: which store, and auto, webhook, polling or default?", errUsage)
	}

	var mode store.Mode // default: none of its own
	if args[1] != "default" {
		if err := mode.UnmarshalText([]byte(args[1])); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}

	found, client, err := o.storeOf(ctx, args)
	if err != nil {
		return err
	}

	hook, err := client.Webhook(ctx)
	if err != nil {
		return fmt.Errorf("store %s: %w", found.ID, err)
	}

	if mode == store.Webhook && found.Hook == "" && hook.URL == "" {
		return errs.New(errs.Invalid, "store %s has never had a webhook: give its address by store add", found.ID)
	}

	changed, err := o.stores.Change(ctx, found.ID, func(now *store.Store) {
		*now = now.In(mode, time.Now().UTC())

		if now.Hook == "" {
			now.Hook = hook.URL
		}
	})
	if err != nil {
		return fmt.Errorf("change the mode of store %s: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s is in mode %s; its updates are %s\n", changed.ID, args[1], updatesOf(changed))

	return nil
}

// updatesOf says how the updates of a store come.
func updatesOf(of store.Store) string {
	if of.Polling {
		return "fetched from Telegram"
	}

	return "pushed by Telegram"
}
