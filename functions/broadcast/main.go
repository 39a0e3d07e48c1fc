// Command broadcast plans campaigns and sends them, at the rate that Telegram
// allows a bot.
package main

import (
	"time"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/user"
)

// runFor is how long one message is worked on: four fifths of the timeout, where
// an alarm rings, are further than it can take to end what was begun.
const runFor = 200 * time.Second

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Queue    string `env:"LAPAK_QUEUE_BROADCASTS,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		state, scratch := worker.State(base, settings.State), worker.Scratch(base, settings.Scratch)
		own := worker.Queue(base, settings.Queue, false)
		runner := broadcast.NewRunner(broadcast.Options{
			Service: broadcast.NewService(
				state, store.NewRegistry(state, base.Clock), user.NewRepository(state, base.Clock), base.Clock),
			// Not counted: what a campaign says is its own.
			Messenger: telegram.NewBots(worker.Vault(base, settings.Secrets), settings.Telegram),
			Texts:     chat.BroadcastTexts{Catalog: texts},
			Pace:      limit.NewPace(scratch, base.Clock),
			Scratch:   scratch,
			Queue:     own,
			Metrics:   base.Metrics,
			RunFor:    runFor,
		})

		return lambda.Handler(own, false, runner.Handle), nil
	})
}
