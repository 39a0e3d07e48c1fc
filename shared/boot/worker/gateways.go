package worker

import (
	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/pakasir"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
)

// Gateways are the payment gateways that stores may have accounts at.
type Gateways struct {
	Pakasir string `env:"LAPAK_PAKASIR_URL,required,notEmpty"`
}

// Till opens the gateways, with what is known of their health in scratch.
func (g Gateways) Till(
	base boot.Base, vault secret.Vault, scratch table.Table, alerts topic.Publisher,
) *payment.Gateways {
	return payment.NewGateways(scratch, alerts, base.Clock, pakasir.New(vault, g.Pakasir))
}
