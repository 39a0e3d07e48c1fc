// Package payment provides the way of money in: gateways behind one interface,
// the desk that makes bills and settles orders after asking the gateway, and
// the notifications that only ever say "ask".
package payment

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/store"
)

// Method is a way of paying as a buyer chooses it.
type Method string

// The methods. Virtual accounts are named after their bank: "bri_va".
const (
	QRIS   Method = "qris"
	Link   Method = "link"
	Card   Method = "card"
	Stars  Method = "stars"
	Wallet Method = "wallet"
	Manual Method = "manual"
)

// Invoice asks a gateway for a bill.
type Invoice struct {
	Store     store.Store
	Reference string // the gateway's name for the order; the same reference and method is the same bill
	Method    Method
	Amount    money.Amount // without the fee that the gateway adds
	Title     string       // for the payer
	Until     time.Time    // when the store wants it to end
}

// Status is what a gateway says of a transaction. Only it counts.
type Status struct {
	State       StatusState
	Reference   string
	Transaction string
	Amount      money.Amount
	Sandbox     bool
	At          time.Time // when it was paid
}

// StatusState is how far a transaction has come.
type StatusState string

// The states of a transaction.
const (
	Pending   StatusState = "pending"
	Completed StatusState = "completed"
	Ended     StatusState = "ended" // cancelled, expired or refused: it cannot be paid any more
)

// Gateway is one outside way of paying. Adapters: shared/pakasir, shared/stripe,
// shared/paypal. All calls keep to the context's deadline. Unavailable and
// Limited: the breaker counts the first, the second says how long to wait.
type Gateway interface {
	// Name is the gateway's in settings, rows and addresses: "pakasir".
	Name() string
	// Methods lists what the gateway offers for an amount; empty where it is
	// out of its limits. No call.
	Methods(of store.Store, amount money.Amount) []Method
	// Fee gives what a payer pays on top of an amount. It may answer from memory.
	Fee(ctx context.Context, of store.Store, method Method, amount money.Amount) (int64, error)
	// Bill makes or finds the bill of an invoice.
	Bill(ctx context.Context, invoice Invoice) (order.Bill, error)
	// Status asks for a transaction. NotFound where the gateway knows none such.
	Status(ctx context.Context, of store.Store, transaction string) (Status, error)
	// Cancel ends a transaction that was not paid. Cancelling again is fine;
	// Conflict where it was paid.
	Cancel(ctx context.Context, of store.Store, transaction string) error
}

// Notice is what a notification names. None of it counts before Status agrees.
type Notice struct {
	Reference   string
	Transaction string
}

// Notification is a call of a gateway as it came.
type Notification struct {
	Gateway string            `json:"gateway"`
	Headers map[string]string `json:"headers"` // names in lower case; only those that prove its origin
	Body    []byte            `json:"body"`
}

// Notifier is a gateway that sends notifications.
type Notifier interface {
	Gateway
	// Authenticate proves that a notification comes from the gateway and reads
	// what it names. Unauthorized where it does not prove it; Invalid where it
	// is none; Unavailable where that cannot be known now.
	Authenticate(ctx context.Context, of store.Store, notification Notification) (Notice, error)
}

// Option is a way of paying as it is offered to a buyer.
type Option struct {
	Method Method
	Fee    int64 // that the buyer pays on top, in the currency of the amount
}

// Till chooses among the gateways of a store. *Gateways is the one of the product.
type Till interface {
	// Options lists the ways of paying an amount at a store, the store's
	// preferred gateway first, without those whose gateways are all down.
	Options(ctx context.Context, of store.Store, amount money.Amount) ([]Option, error)
	// Choose gives the gateways of a store that offer a method for an amount, in
	// the store's order, those that are down last.
	Choose(ctx context.Context, of store.Store, method Method, amount money.Amount) []Gateway
	// By gives a gateway by its name; false where there is none such.
	By(name string) (Gateway, bool)
	// Report tells how a call of a gateway went: the third failure in a row
	// alerts the owner and takes the gateway out for a while; the next success
	// tells of its recovery.
	Report(ctx context.Context, of store.Store, gateway string, failure error)
}
