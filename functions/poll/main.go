// Command poll fetches the updates of stores whose webhook is away.
package main

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/poll"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/webhook"
)

type settings struct {
	State    string        `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string        `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Updates  string        `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Secrets  string        `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string        `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Share    int           `env:"LAPAK_STORE_UPDATES_PER_SECOND,required,notEmpty"`
	For      time.Duration `env:"LAPAK_POLL_FOR,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		state, scratch := worker.State(base, settings.State), worker.Scratch(base, settings.Scratch)
		vault := worker.Vault(base, settings.Secrets)
		bots := telegram.NewBots(vault, settings.Telegram)
		stores := store.NewRegistry(state, base.Clock)

		checkout, err := webhook.NewCheckout(state, base.Clock)
		if err != nil {
			return nil, err
		}

		poller := poll.New(poll.Options{
			Stores:  stores,
			Bots:    bots,
			Intake:  &failover.Intake{Stores: stores, Telegram: bots, Vault: vault, Kinds: chat.Updates()},
			Slots:   limit.NewSlots(scratch, base.Clock).Lasting(poll.Lease),
			Updates: worker.Queue(base, settings.Updates, true),
			Urgent:  checkout.Answer,
			Gate:    limit.NewGate(limit.New(scratch, base.Clock), base.Clock, settings.Share),
			Kinds:   chat.Updates(),
			Clock:   base.Clock,
			For:     settings.For,
		})

		return func(ctx context.Context) error { return poller.Poll(ctx) }, nil
	})
}
