// Command callback takes the notifications of payment gateways in.
package main

import (
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/callback"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/paypal"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/stripe"
	"github.com/lapak-id/lapak/shared/table/dynamo"
)

type settings struct {
	State   string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Secrets string `env:"LAPAK_SECRETS_PREFIX,required,notEmpty"`
	Pakasir string `env:"LAPAK_PAKASIR_URL,required,notEmpty"`
	Stripe  string `env:"LAPAK_STRIPE_URL,required,notEmpty"`
	Paypal  string `env:"LAPAK_PAYPAL_URL,required,notEmpty"`
	Rate    int64  `env:"LAPAK_RUPIAH_PER_DOLLAR,required,notEmpty"`
}

func main() {
	boot.Run(func(base boot.Base, settings settings) (any, error) {
		state := dynamo.New(dynamodb.NewFromConfig(base.AWS), settings.State, "index1", base.Clock)
		vault := ssm.New(awsssm.NewFromConfig(base.AWS), settings.Secrets, base.Clock, ssm.DefaultTTL)

		handler := callback.New(callback.Options{
			Stores: store.NewRegistry(state, base.Clock),
			Gateways: []payment.Notifier{
				pakasir.New(vault, settings.Pakasir),
				stripe.New(vault, settings.Stripe),
				paypal.New(vault, settings.Paypal, settings.Rate),
			},
			State: state,
			Clock: base.Clock,
		})

		return handler.HTTP, nil
	})
}
