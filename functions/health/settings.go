package main

import (
	"net/http"
	"time"

	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/deepgram"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/trace"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Bucket   string `env:"LAPAK_MEDIA_BUCKET,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Alerts   string `env:"LAPAK_ALERTS_TOPIC,required,notEmpty"`

	Updates   string   `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Dead      []string `env:"LAPAK_QUEUES_DEAD,required,notEmpty"`
	Queues    worker.Queues
	Functions []string `env:"LAPAK_FUNCTIONS,required,notEmpty"`

	GroqURL     string `env:"LAPAK_SPEECH_URL,required,notEmpty"`
	DeepgramURL string `env:"LAPAK_DEEPGRAM_URL,required,notEmpty"`
	OpenAIURL   string `env:"LAPAK_OPENAI_URL"` // empty: there is none
	OpenAIModel string `env:"LAPAK_OPENAI_MODEL"`

	Thresholds health.Thresholds `env:"LAPAK_HEALTH_THRESHOLDS"`

	Mode            store.Mode `env:"LAPAK_TELEGRAM_MODE,required,notEmpty"`
	CooldownMinutes int        `env:"LAPAK_FAILOVER_COOLDOWN_MINUTES,required"`
}

// providers are those of speech that are asked whether they are well.
func (s settings) providers() []speech.Probed {
	client := trace.Client(&http.Client{}) // the context of each call bounds it

	providers := []speech.Probed{groq.New(client, s.GroqURL), deepgram.New(client, s.DeepgramURL)}
	if s.OpenAIURL != "" {
		providers = append(providers, groq.NewCompatible(client, s.OpenAIURL, s.OpenAIModel))
	}

	return providers
}

// cooldown is the shortest polling.
func (s settings) cooldown() time.Duration { return time.Duration(s.CooldownMinutes) * time.Minute }

// waiting are the queues that must not grow.
func (s settings) waiting() []string {
	return []string{
		s.Updates, s.Queues.Downloads, s.Queues.Transcriptions, s.Queues.Priority, s.Queues.Deliveries, s.Queues.Payments,
		s.Queues.Broadcasts,
		s.Queues.Checks,
	}
}
