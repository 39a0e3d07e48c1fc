package payment

import (
	"context"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/topic"
)

// Refunder is a way of money back: a gateway that offers it, or Telegram for Stars.
type Refunder interface {
	// Refund gives back what a receipt says, once however often it is called.
	Refund(ctx context.Context, of store.Store, receipt order.Receipt, user int64) error
}

// DeskOptions are what a Desk needs. All are required.
type DeskOptions struct {
	Orders  *order.Service
	Stores  *store.Registry
	Till    Till
	Stars   Refunder // of payments whose gateway is order.StarsGateway
	Alerts  topic.Publisher
	Clock   clock.Clock
	Metrics *metric.Emitter
}

// Desk does the work of the payments queue.
type Desk struct{ options DeskOptions }

// NewDesk makes the desk.
func NewDesk(options DeskOptions) *Desk { return &Desk{options: options} }

// Handle does one task of an order. A gateway's lie, a stranger's or another
// store's transaction, a wrong amount: nothing settles that its Status has not
// confirmed in full.
func (d *Desk) Handle(_ context.Context, _ queue.Delivery) error { panic("core") }
