package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/mtproto"
	"github.com/lapak-id/lapak/shared/secret"
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
