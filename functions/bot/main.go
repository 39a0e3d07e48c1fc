// Command bot answers updates, one at a time of each chat.
package main

import (
	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		state, scratch := worker.State(base, settings.State), worker.Scratch(base, settings.Scratch)
		vault := worker.Vault(base, settings.Secrets)
		shop := worker.NewShop(base, state, worker.Sealer(base, settings.SealKey, state))
		stores, users := store.NewRegistry(state, base.Clock), user.NewRepository(state, base.Clock)
		bots := worker.Bots(base, vault, settings.Telegram, stores, scratch)
		bot := chat.New(chat.Options{
			Scratch:     scratch,
			Stores:      stores,
			Users:       users,
			Transcripts: transcript.NewService(state, base.Clock).Counting(base.Metrics),
			Messenger:   bots,
			Shop:        shop.Catalog,
			Orders:      shop.Orders,
			Wallets:     shop.Ledger,
			Terms:       shop.Terms,
			Till:        settings.Gateways.Till(base, vault, scratch, worker.Topic(base, settings.Alerts)),
			Backroom: &chat.Backroom{
				Goods: shop.Catalog, Cases: shop.Orders, Ledger: shop.Ledger, Audit: audit.NewLog(state, base.Clock),
				Files: bots, Papers: bots,
			},
			Health:    health.NewService(state, base.Clock),
			Campaigns: broadcast.NewService(state, stores, users, base.Clock),
			Previewer: bots,
			Alerts:    worker.Desk(base, state, stores, users, bots, texts, settings.Runbooks),
			Opening:   worker.Opening(base, stores, vault, texts, settings.Telegram),
			Catalog:   texts,
			Clock:     base.Clock,
			Metrics:   base.Metrics,
			Models:    settings.Models,
			Tiers:     settings.Limits.Tiers(),
			UserRate:  settings.Limits.UserRate(),
			StoreRate: settings.Limits.StoreRate(),
		})

		return lambda.Handler(worker.Queue(base, settings.Queue, true), true, bot.Deliver), nil
	})
}
