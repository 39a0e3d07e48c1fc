package main

import (
	"net/http"
	"time"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/deepgram"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/trace"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Bucket   string `env:"LAPAK_MEDIA_BUCKET,required,notEmpty"`
	Standard string `env:"LAPAK_QUEUE_TRANSCRIPTIONS,required,notEmpty"`
	Priority string `env:"LAPAK_QUEUE_TRANSCRIPTIONS_PRIORITY,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Ffmpeg   string `env:"LAPAK_FFMPEG,required,notEmpty"`

	PartsAtOnce int           `env:"LAPAK_PARTS_AT_ONCE,required,notEmpty"`
	Longest     time.Duration `env:"LAPAK_LONGEST_RECORDING,required,notEmpty"`

	StoreWorkers int `env:"LAPAK_STORE_WORKERS,required,notEmpty"`
	Providers    providers
}

// providers are the settings of those that hear.
type providers struct {
	GroqURL         string        `env:"LAPAK_SPEECH_URL,required,notEmpty"`
	DeepgramURL     string        `env:"LAPAK_DEEPGRAM_URL,required,notEmpty"`
	OpenAIURL       string        `env:"LAPAK_OPENAI_URL"` // empty: there is none
	OpenAIModel     string        `env:"LAPAK_OPENAI_MODEL"`
	Order           speech.Names  `env:"LAPAK_SPEECH_ORDER"`
	Prices          speech.Prices `env:"LAPAK_SPEECH_PRICES"`
	RupiahPerDollar float64       `env:"LAPAK_RUPIAH_PER_DOLLAR,required,notEmpty"`
	LongestPart     time.Duration `env:"LAPAK_SPEECH_LONGEST_PART,required,notEmpty"`
	Timeout         time.Duration `env:"LAPAK_SPEECH_TIMEOUT,required,notEmpty"`
}

// speech makes the recognition of speech out of the providers.
func (s providers) speech(base boot.Base, vault secret.Vault, stores speech.Stores) (*speech.Speech, error) {
	client := trace.Client(&http.Client{}) // the context of each call bounds it
	all := []speech.Provider{groq.New(client, s.GroqURL), deepgram.New(client, s.DeepgramURL)}

	if s.OpenAIURL != "" {
		all = append(all, groq.NewCompatible(client, s.OpenAIURL, s.OpenAIModel))
	}

	return speech.New(all, vault, stores, speech.Settings{
		Order: s.Order, Prices: s.Prices, RupiahPerDollar: s.RupiahPerDollar, Longest: s.LongestPart, Timeout: s.Timeout,
	}, base.Clock, base.Metrics)
}
