// Command download brings files from Telegram into the bucket.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

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
