// Command webhook takes Telegram's updates in.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/queue/sqs"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/webhook"
)

type settings struct {
	State   string          `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Scratch string          `env:"LAPAK_SCRATCH_TABLE,required,notEmpty"`
	Updates string          `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Secrets string          `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Sources webhook.Sources `env:"LAPAK_TELEGRAM_SOURCES,required,notEmpty"`
	Share   int             `env:"LAPAK_STORE_UPDATES_PER_SECOND,required,notEmpty"`
}

func main() {
	boot.Run(func(base boot.Base, settings settings) (any, error) {
		tables := dynamodb.NewFromConfig(base.AWS)
		state := dynamo.New(tables, settings.State, "index1", base.Clock)
		limits := limit.New(dynamo.New(tables, settings.Scratch, "", base.Clock), base.Clock)

		checkout, err := webhook.NewCheckout(state, base.Clock)
		if err != nil {
			return nil, err
		}

		handler := webhook.New(webhook.Options{
			Vault:   ssm.New(awsssm.NewFromConfig(base.AWS), settings.Secrets, base.Clock, ssm.DefaultTTL),
			Updates: sqs.New(awssqs.NewFromConfig(base.AWS), settings.Updates, true),
			Urgent:  checkout.Answer,
			Gate:    limit.NewGate(limits, base.Clock, settings.Share),
			Sources: settings.Sources,
		})

		return handler.HTTP, nil
	})
}
