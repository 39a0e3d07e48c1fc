package worker

import (
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"github.com/lapak-id/lapak/shared/boot"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/seal/kms"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/terms"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Sealer opens the sealer of goods, whose data keys are wrapped by a KMS key.
func Sealer(base boot.Base, key string, state table.Table) seal.Sealer {
	return kms.New(awskms.NewFromConfig(base.AWS), key, state, base.Clock)
}

// Shop is what the stores sell, and the money and the orders that follow.
type Shop struct {
	Catalog *catalog.Service
	Ledger  *wallet.Ledger
	Orders  *order.Service
	Terms   *terms.Service
}

// NewShop opens the shop over the state table. Functions that neither store nor
// read goods give no sealer.
func NewShop(base boot.Base, state table.Table, sealer seal.Sealer) Shop {
	goods := catalog.NewService(state, sealer, base.Clock)
	ledger := wallet.NewLedger(state, base.Clock)

	return Shop{
		Catalog: goods, Ledger: ledger, Orders: order.NewService(state, goods, ledger, base.Clock),
		Terms: terms.NewService(state, sealer, base.Clock),
	}
}
