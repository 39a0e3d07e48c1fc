package chat

import (
	"context"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Backroom is what staff work with: all of it, or no shop is managed in chat.
type Backroom struct {
	Goods  Goods
	Cases  Cases
	Ledger Adjuster
	Audit  AuditLog
	Files  Files
	// Papers sends what is made here, such as a report.
	Papers Papers
}

// Goods are what a store sells, to those who fill its shelves: catalog.Service.
type Goods interface {
	AllCategories(ctx context.Context, store string) ([]catalog.Category, error)
	Category(ctx context.Context, store, category string) (catalog.Category, error)
	SaveCategory(ctx context.Context, store string, category catalog.Category, by catalog.Editor) error
	Products(ctx context.Context, store string, place catalog.Place) ([]catalog.Offer, bool, error)
	Offer(ctx context.Context, store, product string) (catalog.Offer, error)
	SaveProduct(ctx context.Context, store string, product catalog.Product, by catalog.Editor) error
	Stock(ctx context.Context, store, product string, contents [][]byte, by catalog.Editor) (catalog.Stocked, error)
	Coupon(ctx context.Context, store, code string) (catalog.Coupon, int64, error)
	Coupons(ctx context.Context, store string) ([]catalog.Coupon, map[string]int64, error)
	SaveCoupon(ctx context.Context, store string, coupon catalog.Coupon, by catalog.Editor) error
}

// Cases are the orders of all people, to those who look after them: order.Service.
type Cases interface {
	Find(ctx context.Context, store, label string) ([]order.Order, error)
	Get(ctx context.Context, which order.Ref) (order.Order, error)
	Turn(ctx context.Context, store string, user int64, at catalog.Place) ([]order.Order, bool, error)
	Report(ctx context.Context, which order.Ref, task order.Task, paid order.Receipt) error
	Refuse(ctx context.Context, which order.Ref, reason string, by catalog.Editor) (order.Order, error)
	Refund(ctx context.Context, which order.Ref, refunding order.Refunding) (order.Order, error)
	Replace(ctx context.Context, which order.Ref, unit string, by catalog.Editor) (order.Order, error)
	Fulfil(ctx context.Context, which order.Ref, note string, by catalog.Editor) (order.Order, error)
	Sales(ctx context.Context, store string, from, until time.Time, zone *time.Location) ([]order.Sales, error)
}

// Adjuster corrects balances: wallet.Ledger.
type Adjuster interface {
	Adjust(ctx context.Context, change wallet.Adjustment) error
}

// AuditLog tells who changed what: audit.Log.
type AuditLog interface {
	Page(ctx context.Context, store, after string, limit int) ([]audit.Entry, bool, error)
}

// Files are those that people have sent: telegram.Bots.
type Files interface {
	Open(ctx context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error)
}
