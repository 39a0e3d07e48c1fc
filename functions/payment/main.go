// Command payment makes bills at payment gateways, and settles orders once the
// gateways themselves confirm that they are paid.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Queue    string `env:"LAPAK_QUEUE_PAYMENTS,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Alerts   string `env:"LAPAK_ALERTS_TOPIC,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Gateways worker.Gateways
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		state := worker.State(base, settings.State)
		vault := worker.Vault(base, settings.Secrets)
		alerts := worker.Topic(base, settings.Alerts)
		desk := payment.NewDesk(payment.DeskOptions{
			Orders:  worker.NewShop(base, state, nil).Orders,
			Stores:  store.NewRegistry(state, base.Clock),
			Till:    settings.Gateways.Till(base, vault, worker.Scratch(base, settings.Scratch), alerts),
			Stars:   telegram.NewBots(vault, settings.Telegram),
			Clock:   base.Clock,
			Metrics: base.Metrics,
		})

		return lambda.Handler(worker.Queue(base, settings.Queue, false), false, desk.Handle), nil
	})
}
