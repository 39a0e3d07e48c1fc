// Command deliver brings transcripts, goods, bills and notices to people.
package main

import (
	"context"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Bucket   string `env:"LAPAK_MEDIA_BUCKET,required,notEmpty"`
	Queue    string `env:"LAPAK_QUEUE_DELIVERIES,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	SealKey  string `env:"LAPAK_SEAL_KEY,required,notEmpty"`
	Alerts   string `env:"LAPAK_ALERTS_TOPIC,required,notEmpty"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		state, scratch := worker.State(base, settings.State), worker.Scratch(base, settings.Scratch)
		stores := store.NewRegistry(state, base.Clock)
		bots := worker.Bots(base, worker.Vault(base, settings.Secrets), settings.Telegram, stores, scratch)
		jobs := transcript.NewService(state, base.Clock).Counting(base.Metrics)
		transcripts := transcript.NewDeliverer(
			jobs, worker.Bucket(base, settings.Bucket), scratch, base.Clock, bots, texts, base.Metrics)
		users := user.NewRepository(state, base.Clock)
		shop := worker.NewShop(base, state, worker.Sealer(base, settings.SealKey, state))
		orders := order.NewDeliverer(order.DelivererOptions{
			Orders: shop.Orders, Catalog: shop.Catalog, Stores: stores,
			Users: users, Staff: users, Scratch: scratch, Alerts: worker.Topic(base, settings.Alerts),
			Messenger: bots, Texts: texts, Clock: base.Clock, Metrics: base.Metrics,
		})

		return lambda.Handler(worker.Queue(base, settings.Queue, false), false,
			func(ctx context.Context, delivery queue.Delivery) error {
				if order.Asks(delivery) {
					return orders.Handle(ctx, delivery)
				}

				return transcripts.Handle(ctx, delivery)
			}), nil
	})
}
