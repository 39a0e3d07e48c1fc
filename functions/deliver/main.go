// Command deliver brings transcripts, apologies and files to people.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Bucket   string `env:"LAPAK_MEDIA_BUCKET,required,notEmpty"`
	Queue    string `env:"LAPAK_QUEUE_DELIVERIES,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		deliverer := transcript.NewDeliverer(
			transcript.NewService(worker.State(base, settings.State), base.Clock).Counting(base.Metrics),
			worker.Bucket(base, settings.Bucket),
			worker.Scratch(base, settings.Scratch),
			base.Clock,
			telegram.NewBots(worker.Vault(base, settings.Secrets), settings.Telegram), texts, base.Metrics,
		)

		return lambda.Handler(worker.Queue(base, settings.Queue, false), false, deliverer.Handle), nil
	})
}
