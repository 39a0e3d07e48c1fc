package telegram

import (
	"context"

	"github.com/lapak-id/lapak/shared/health"
)

// Webhook asks Telegram how pushing goes for a store's bot.
func (b *Bots) Webhook(ctx context.Context, of string) (health.Webhook, error) {
	client, err := b.Client(ctx, of)
	if err != nil {
		return health.Webhook{}, err
	}

	told, err := client.WebhookHealth(ctx)
	if err != nil {
		return health.Webhook{}, err
	}

	return health.Webhook{URL: told.URL, Pending: told.Pending, LastError: told.LastError, FailedAt: told.FailedAt}, nil
}
