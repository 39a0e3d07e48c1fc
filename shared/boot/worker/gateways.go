package worker

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/paypal"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/stripe"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
)

// Gateways are the payment gateways that stores may have accounts at.
type Gateways struct {
	Pakasir string `env:"LAPAK_PAKASIR_URL,required,notEmpty"`
	Stripe  string `env:"LAPAK_STRIPE_URL,required,notEmpty"`
	Paypal  string `env:"LAPAK_PAYPAL_URL,required,notEmpty"`
	Rate    int64  `env:"LAPAK_RUPIAH_PER_DOLLAR,required,notEmpty"` // of what PayPal is paid in
}

// Till opens the gateways, with what is known of their health in scratch.
func (g Gateways) Till(
	base boot.Base, vault secret.Vault, scratch table.Table, alerts topic.Publisher,
) *payment.Gateways {
	return payment.NewGateways(scratch, alerts, base.Clock,
		pakasir.New(vault, g.Pakasir), stripe.New(vault, g.Stripe), paypal.New(vault, g.Paypal, g.Rate))
}
