// Command alert tells owners what came through the alerts topic, and each minute
// what had to wait.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/boot/worker"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/user"
)

type settings struct {
	State    string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Telegram string `env:"LAPAK_TELEGRAM_URL,required,notEmpty"`
	Runbooks string `env:"LAPAK_RUNBOOK_URL"`
}

func main() {
	worker.Run(func(base boot.Base, settings settings) (any, error) {
		texts, err := chat.NewCatalog()
		if err != nil {
			return nil, err
		}

		state := worker.State(base, settings.State)
		stores, users := store.NewRegistry(state, base.Clock), user.NewRepository(state, base.Clock)
		bots := telegram.NewBots(worker.Vault(base, settings.Secrets), settings.Telegram)
		desk := worker.Desk(base, state, stores, users, bots, texts, settings.Runbooks)

		return func(ctx context.Context, event events.SNSEvent) error {
			if len(event.Records) == 0 { // the schedule
				return desk.Flush(ctx)
			}

			var failures []error

			for _, record := range event.Records {
				if err := desk.Handle(ctx, []byte(record.SNS.Message)); err != nil {
					failures = append(failures, fmt.Errorf("note %s: %w", record.SNS.MessageID, err))
				}
			}

			return errors.Join(failures...)
		}, nil
	})
}
