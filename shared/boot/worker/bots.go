package worker

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/telegram"
)

// Bots opens the bots of all stores on the Bot API server at url. What they say
// is counted while a broadcast of theirs runs, which gives way to it.
func Bots(
	base boot.Base, vault secret.Vault, url string, stores *store.Registry, scratch table.Table,
) *telegram.Bots {
	return telegram.NewBots(vault, url).Counted(broadcast.NewMeter(stores, limit.NewPace(scratch, base.Clock), base.Clock))
}
