// Command webhook takes Telegram's updates in.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/queue/sqs"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/webhook"
)

type settings struct {
	State   string          `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Updates string          `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Secrets string          `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Sources webhook.Sources `env:"LAPAK_TELEGRAM_SOURCES,required,notEmpty"`
}

func main() {
	boot.Run(func(base boot.Base, settings settings) (any, error) {
		state := dynamo.New(dynamodb.NewFromConfig(base.AWS), settings.State, "index1", base.Clock)

		checkout, err := webhook.NewCheckout(state, base.Clock)
		if err != nil {
			return nil, err
		}

		handler := webhook.New(webhook.Options{
			Vault:   ssm.New(awsssm.NewFromConfig(base.AWS), settings.Secrets, base.Clock, ssm.DefaultTTL),
			Updates: sqs.New(awssqs.NewFromConfig(base.AWS), settings.Updates, true),
			Urgent:  checkout.Answer,
			Sources: settings.Sources,
		})

		return handler.HTTP, nil
	})
}
