// Command download brings files from Telegram into the bucket.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/mtproto"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
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

	APIID     int    `env:"LAPAK_TELEGRAM_API_ID"` // 0: files over 20 MB cannot be fetched
	MTProto   string `env:"LAPAK_MTPROTO_SERVER"`
	PublicKey string `env:"LAPAK_MTPROTO_PUBLIC_KEY"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		bucket := worker.Bucket(base, settings.Bucket)
		vault := worker.Vault(base, settings.Secrets)
		scratch := worker.Scratch(base, settings.Scratch)
		state := worker.State(base, settings.State)
		bots := worker.Bots(base, vault, settings.Telegram, store.NewRegistry(state, base.Clock), scratch)

		files, err := settings.files(base, bots, vault, scratch)
		if err != nil {
			return nil, err
		}

		downloader := transcript.NewDownloader(
			transcript.NewService(state, base.Clock).Counting(base.Metrics),
			files,
			bucket,
			transcript.NewCache(scratch, bucket, base.Clock, base.Metrics),
			bots, texts, base.Metrics,
		)

		return lambda.Handler(worker.Queue(base, settings.Queue, false), false, downloader.Handle), nil
	})
}

// files are those of the Bot API and, where an application is set up, those that
// are too large for it.
func (s settings) files(base boot.Base, bots *telegram.Bots, vault secret.Vault, scratch table.Table) (transcript.Files, error) {
	if s.APIID == 0 {
		return bots, nil
	}

	large, err := mtproto.NewFiles(
		mtproto.Config{APIID: s.APIID, Server: s.MTProto, PublicKey: s.PublicKey}, vault, scratch, base.Clock,
	)
	if err != nil {
		return nil, err
	}

	return mtproto.Above(bots, large), nil
}
