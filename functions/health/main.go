// Command health looks at everything that can fail unseen, every five minutes
// and when somebody asks, and reports what has changed.
package main

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/failover/knock"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/health/cloud"
	"github.com/lapak-id/lapak/shared/health/tlscert"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue/sqs/lambda"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
)

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		state, scratch := worker.State(base, settings.State), worker.Scratch(base, settings.Scratch)
		vault, topic := worker.Vault(base, settings.Secrets), worker.Topic(base, settings.Alerts)
		bots := telegram.NewBots(vault, settings.Telegram)
		stores := store.NewRegistry(state, base.Clock)
		checker := health.New(health.Options{
			State: state, Scratch: scratch, Bucket: worker.Bucket(base, settings.Bucket),
			Stores: stores,
			Bots:   bots,
			Failover: failover.New(failover.Options{
				State: state, Stores: stores, Door: knock.New(vault), Clock: base.Clock, Mode: settings.Mode, Cooldown: settings.cooldown(),
			}),
			Queues:       worker.Depths(base, settings.waiting()),
			Dead:         worker.Depths(base, settings.Dead),
			Gateways:     payment.NewGateways(scratch, topic, base.Clock),
			Speech:       speech.NewProber(vault, settings.providers()...),
			Certificates: tlscert.Dialer{},
			Cloud:        cloud.New(base.AWS, settings.State, base.Clock),
			Functions:    settings.Functions, Namespace: metric.Namespace + "/" + base.Env,
			Thresholds: settings.Thresholds, Alerts: topic, Metrics: base.Metrics, Clock: base.Clock,
		})
		attendant := health.NewAttendant(checker, health.NewService(state, base.Clock), bots, texts)
		wishes := lambda.Handler(worker.Queue(base, settings.Queues.Checks, false), false, attendant.Handle)

		return lambda.OnSchedule(checker.Check, wishes), nil
	})
}
