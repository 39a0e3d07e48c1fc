// Command sweep brings forward what was left behind: outbox rows that relay
// has missed, jobs that stand still, and orders and broadcasts that are due.
package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

type settings struct {
	State  string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Queues worker.Queues
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		state := worker.State(base, settings.State)
		relay := outbox.NewRelay(state, settings.Queues.Senders(base), base.Clock)
		jobs := transcript.NewService(state, base.Clock).Counting(base.Metrics)
		stores := store.NewRegistry(state, base.Clock)
		rescuer := transcript.NewRescuer(jobs, stores, base.Metrics)
		broadcasts := broadcast.NewService(state, stores, user.NewRepository(state, base.Clock), base.Clock)
		reconciler := order.NewReconciler(worker.NewShop(base, state, nil).Orders, stores, base.Metrics)

		return func(ctx context.Context) error {
			forwarded, sweepErr := relay.Sweep(ctx)
			rescued, rescueErr := rescuer.Rescue(ctx)
			reconciled, reconcileErr := reconciler.Reconcile(ctx)
			visited, broadcastErr := broadcasts.Look(ctx)

			if forwarded+rescued > 0 {
				slog.WarnContext(ctx, "brought forward what was left behind", "messages", forwarded, "jobs", rescued)
			}

			if reconciled > 0 {
				slog.InfoContext(ctx, "looked after orders that were due", "orders", reconciled)
			}

			if visited > 0 {
				slog.InfoContext(ctx, "looked after broadcasts that were due", "broadcasts", visited)
			}

			return errors.Join(sweepErr, rescueErr, reconcileErr, broadcastErr)
		}, nil
	})
}
