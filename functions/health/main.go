// Command health looks at webhooks and queues and reports what has changed.
package main

import (
	"context"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

type settings struct {
	State    string   `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Secrets  string   `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string   `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Alerts   string   `env:"LAPAK_ALERTS_TOPIC,required,notEmpty"`
	Updates  string   `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Dead     []string `env:"LAPAK_QUEUES_DEAD,required,notEmpty"`
	Queues   worker.Queues
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		state := worker.State(base, settings.State)
		queues := []string{
			settings.Updates, settings.Queues.Downloads, settings.Queues.Transcriptions,
			settings.Queues.Priority, settings.Queues.Deliveries, settings.Queues.Payments,
		}
		checker := health.New(health.Options{
			State:   state,
			Stores:  store.NewRegistry(state, base.Clock),
			Bots:    telegram.NewBots(worker.Vault(base, settings.Secrets), settings.Telegram),
			Queues:  worker.Depths(base, queues),
			Dead:    worker.Depths(base, settings.Dead),
			Alerts:  worker.Topic(base, settings.Alerts),
			Metrics: base.Metrics,
			Clock:   base.Clock,
		})

		return func(ctx context.Context) error { return checker.Check(ctx) }, nil
	})
}
