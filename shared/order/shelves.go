package order

import (
	"context"

	"github.com/lapak-id/lapak/shared/catalog"
)

// shelves tells what an order has changed there: few units are left of what it
// bought, or, where it is closed, units are back that somebody waits for.
func (d *Deliverer) shelves(ctx context.Context, order Order) error {
	tell := d.Catalog.TellLow

	switch order.State {
	case Expired, Cancelled, Refunded:
		tell = d.Catalog.Restocked
	case Awaiting, Paid, Delivering, Delivered, Disputed:
	}

	for _, line := range order.Lines {
		if line.Policy != catalog.Units {
			continue
		}

		if err := tell(ctx, order.Store, line.Product); err != nil {
			return err
		}
	}

	return nil
}
