// Command download brings files from Telegram into the bucket.
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
	Queue    string `env:"LAPAK_QUEUE_DOWNLOADS,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		bucket := worker.Bucket(base, settings.Bucket)
		bots := telegram.NewBots(worker.Vault(base, settings.Secrets), settings.Telegram)
		downloader := transcript.NewDownloader(
			transcript.NewService(worker.State(base, settings.State), base.Clock),
			bots,
			bucket,
			transcript.NewCache(worker.Scratch(base, settings.Scratch), bucket, base.Clock, base.Metrics),
			bots, texts, base.Metrics,
		)

		return lambda.Handler(worker.Queue(base, settings.Queue, false), false, downloader.Handle), nil
	})
}
