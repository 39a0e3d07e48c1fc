package main

import (
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/speech"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Queue    string `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	SealKey  string `env:"LAPAK_SEAL_KEY,required,notEmpty"`
	Alerts   string `env:"LAPAK_ALERTS_TOPIC,required,notEmpty"`
	Runbooks string `env:"LAPAK_RUNBOOK_URL"`
	Gateways worker.Gateways
	Limits   worker.Limits
	Models   speech.Names `env:"LAPAK_SPEECH_ORDER"`
}
