package failover

import (
	"context"
	"log/slog"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
)

// Telegram is told how the updates of stores are to come.
type Telegram interface {
	Webhook(ctx context.Context, of string) (health.Webhook, error)
	// Push sets the webhook, StopPushing deletes it. Waiting updates stay.
	Push(ctx context.Context, of, address string, proof secret.Value, kinds []string) error
	StopPushing(ctx context.Context, of string) error
}

// Intake has Telegram do as the register of stores says. Whoever calls it for a
// store is the only one who fetches its updates at that time.
type Intake struct {
	Stores   *store.Registry
	Telegram Telegram
	Vault    secret.Vault // of the webhooks' secrets
	Kinds    []string     // of updates that the bots understand
}

// settlings is how often a store may be turned while Telegram is told of it.
const settlings = 4

// Settle has Telegram push the updates of a store, or not push them, where the
// register says that this is still to be done. Telegram is called before that is
// written down, since calling twice does no harm. NotFound where there is no
// such store.
func (i *Intake) Settle(ctx context.Context, id string) error {
	for range settlings {
		of, err := i.Stores.Latest(ctx, id)
		if err != nil {
			return errs.Context(err, "settle how updates come")
		}

		if !of.Turning {
			return nil
		}

		if err := i.tell(ctx, of); err != nil {
			return err
		}

		slog.InfoContext(ctx, "Telegram knows how updates are to come", "polling", of.Polling)

		// Turned again meanwhile, it stays to be done.
		_, err = i.Stores.Change(ctx, id, func(now *store.Store) {
			now.Turning = now.Turning && (now.Polling != of.Polling || !now.TurnedAt.Equal(of.TurnedAt))
		})
		if err != nil {
			return errs.Context(err, "settle how updates come")
		}
	}

	return errs.New(errs.Unavailable, "settle how the updates of store %s come: others keep turning it", id)
}

func (i *Intake) tell(ctx context.Context, of store.Store) error {
	if of.Polling {
		return i.stopPushing(ctx, of)
	}

	if of.Hook == "" {
		return errs.New(errs.Invalid, "set the webhook of store %s: its address is not known, give it by infra/ctl store add", of.ID)
	}

	proof, err := i.Vault.Get(ctx, store.WebhookSecretName(of.ID))
	if err != nil {
		return errs.Context(err, "set the webhook of store %s: read its secret", of.ID)
	}

	if err := i.Telegram.Push(ctx, of.ID, of.Hook, proof.Current, i.Kinds); err != nil {
		return errs.Context(err, "set the webhook of store %s", of.ID)
	}

	return nil
}

// stopPushing writes the webhook's address down before Telegram forgets it.
func (i *Intake) stopPushing(ctx context.Context, of store.Store) error {
	if of.Hook == "" {
		hook, err := i.Telegram.Webhook(ctx, of.ID)
		if err != nil {
			return errs.Context(err, "stop the webhook of store %s", of.ID)
		}

		if _, err := i.Stores.Change(ctx, of.ID, func(now *store.Store) { now.Hook = hook.URL }); err != nil {
			return errs.Context(err, "stop the webhook of store %s: write down its address", of.ID)
		}
	}

	if err := i.Telegram.StopPushing(ctx, of.ID); err != nil {
		return errs.Context(err, "stop the webhook of store %s", of.ID)
	}

	return nil
}

// Reclaim takes the webhook of a store away that is set although the register
// says that updates are fetched: an earlier step got lost, or somebody has set
// it meanwhile. It gives false where none is set.
func (i *Intake) Reclaim(ctx context.Context, id string) (bool, error) {
	hook, err := i.Telegram.Webhook(ctx, id)
	if err != nil || hook.URL == "" {
		return false, err
	}

	if _, err := i.Stores.Change(ctx, id, func(now *store.Store) { now.Turning = true }); err != nil {
		return false, errs.Context(err, "take the webhook of store %s away", id)
	}

	return true, i.Settle(ctx, id)
}
