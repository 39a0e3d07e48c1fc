// Command transcribe turns stored files into transcripts.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/limit"
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
		state := worker.State(base, settings.State)

		stores := store.NewRegistry(state, base.Clock)

		speech, err := settings.Providers.speech(base, vault, stores)
		if err != nil {
			return nil, err
		}

		scratch := worker.Scratch(base, settings.Scratch)
		jobs := transcript.NewService(state, base.Clock).Counting(base.Metrics)
		transcriber, err := transcript.NewTranscriber(transcript.TranscriberOptions{
			Jobs:         jobs,
			Preparer:     ffmpeg.NewPreparer(settings.Ffmpeg),
			Speech:       speech,
			Bucket:       bucket,
			Cache:        transcript.NewCache(scratch, bucket, base.Clock, base.Metrics),
			Flights:      transcript.NewFlights(scratch, jobs),
			Messenger:    worker.Bots(base, vault, settings.Telegram, stores, scratch),
			Texts:        texts,
			Metrics:      base.Metrics,
			PartsAtOnce:  settings.PartsAtOnce,
			Longest:      settings.Longest,
			Slots:        limit.NewSlots(scratch, base.Clock),
			StoreWorkers: settings.StoreWorkers,
			OwnWorkers:   stores.Limit(store.Workers, settings.StoreWorkers),
		})
		if err != nil {
			return nil, err
		}

		return worker.Function(base, transcriber.Handle, settings.Standard, settings.Priority), nil
	})
}
