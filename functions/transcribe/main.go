// Command transcribe turns stored files into transcripts.
package main

import (
	"net/http"
	"time"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/trace"
	"github.com/lapak-id/lapak/shared/transcript"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Bucket   string `env:"LAPAK_MEDIA_BUCKET,required,notEmpty"`
	Standard string `env:"LAPAK_QUEUE_TRANSCRIPTIONS,required,notEmpty"`
	Priority string `env:"LAPAK_QUEUE_TRANSCRIPTIONS_PRIORITY,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Speech   string `env:"LAPAK_SPEECH_URL,required,notEmpty"`
	Model    string `env:"LAPAK_SPEECH_MODEL,required,notEmpty"`
	Ffmpeg   string `env:"LAPAK_FFMPEG,required,notEmpty"`

	PartsAtOnce int           `env:"LAPAK_PARTS_AT_ONCE,required,notEmpty"`
	Longest     time.Duration `env:"LAPAK_LONGEST_RECORDING,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		bucket := worker.Bucket(base, settings.Bucket)
		vault := worker.Vault(base, settings.Secrets)
		transcriber, err := transcript.NewTranscriber(transcript.TranscriberOptions{
			Jobs:        transcript.NewService(worker.State(base, settings.State), base.Clock),
			Preparer:    ffmpeg.NewPreparer(settings.Ffmpeg),
			Speech:      provider{groq.New(trace.Client(&http.Client{}), settings.Speech, settings.Model, vault)}, // contexts bound it
			Bucket:      bucket,
			Cache:       transcript.NewCache(worker.Scratch(base, settings.Scratch), bucket, base.Clock, base.Metrics),
			Messenger:   telegram.NewBots(vault, settings.Telegram),
			Texts:       texts,
			Metrics:     base.Metrics,
			PartsAtOnce: settings.PartsAtOnce,
			Longest:     settings.Longest,
		})
		if err != nil {
			return nil, err
		}

		return worker.Function(base, transcriber.Handle, settings.Standard, settings.Priority), nil
	})
}
