package chat

import (
	"context"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Shop is what the stores sell: catalog.Service.
type Shop interface {
	Categories(ctx context.Context, store string) ([]catalog.Category, error)
	Shelf(ctx context.Context, store, category string, at catalog.Place) ([]catalog.Offer, bool, error)
	Offer(ctx context.Context, store, product string) (catalog.Offer, error)
	Search(ctx context.Context, store, words string, limit int) ([]catalog.Offer, error)
	Popular(ctx context.Context, store string, limit int) ([]catalog.Offer, error)
}

// Orders are what people buy: order.Service.
type Orders interface {
	Quote(ctx context.Context, request order.Request) (order.Quote, error)
	Place(ctx context.Context, request order.Request) (order.Order, error)
	Get(ctx context.Context, which order.Ref) (order.Order, error)
	Turn(ctx context.Context, store string, user int64, at catalog.Place) ([]order.Order, bool, error)
	Check(ctx context.Context, which order.Ref, cause string) error
	Report(ctx context.Context, which order.Ref, task order.Task, paid order.Receipt) error
	Prove(ctx context.Context, which order.Ref, picture string) (order.Order, error)
	Cancel(ctx context.Context, which order.Ref, reason string) (order.Order, error)
	Resend(ctx context.Context, which order.Ref, cause string) error
	Resume(ctx context.Context, store string, user int64, cause string) error
}

// Wallets are people's balances: wallet.Ledger.
type Wallets interface {
	Balance(ctx context.Context, store string, user int64) (money.Amount, error)
	Statement(ctx context.Context, store string, user int64, after string, limit int) ([]wallet.Posting, bool, error)
}

// Till tells how an amount can be paid: payment.Gateways.
type Till interface {
	Options(ctx context.Context, of store.Store, amount money.Amount) ([]payment.Option, error)
}

// trades reports whether orders can be looked after here, also those of a shop
// that has closed since.
func (c *Chat) trades() bool { return c.Orders != nil }

// selling reports whether the store sells now.
func (c *Chat) selling(r *request) bool { return c.trades() && r.store.Shop.Open }
