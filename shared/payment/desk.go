package payment

import (
	"context"

	"github.com/lapak-id/lapak/shared/queue"
)

// Desk does the work of the payments queue.
type Desk struct{}

// Handle does one task of an order. A gateway's lie, a stranger's or another
// store's transaction, a wrong amount: nothing settles that its Status has not
// confirmed in full.
func (d *Desk) Handle(_ context.Context, _ queue.Delivery) error { panic("core") }
