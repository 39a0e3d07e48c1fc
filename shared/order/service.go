package order

import (
	"context"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/wallet"
)

// Service moves orders.
//
// Rows of the state table: store#ID#user#USER / order#ORDER, which stands in
// the index store#ID#open-orders / due#TIME#ORDER while the clock has to look
// after it; store#ID#user#USER / bought#PRODUCT (counter count) for limits per
// buyer; store#ID#charge#GATEWAY / charge#TRANSACTION, created when a payment
// is counted, so that none is counted twice; store#ID#report#DAY / total and
// product#PRODUCT (counters) for the owner's report.
type Service struct {
	state   table.Table
	catalog *catalog.Service
	ledger  *wallet.Ledger
	clock   clock.Clock
}

// NewService makes the service over the state table.
func NewService(state table.Table, goods *catalog.Service, ledger *wallet.Ledger, now clock.Clock) *Service {
	return &Service{state: state, catalog: goods, ledger: ledger, clock: now}
}

// Request asks for an order.
type Request struct {
	Store    string
	User     int64
	Chat     int64
	Language string
	Kind     Kind
	Items    []Item // Purchase
	Amount   int64  // Deposit: rupiah
	Coupon   string
	Method   string
	Message  int           // the message that becomes the order's living one; 0: none yet
	Photo    bool          // it is a photo
	PayIn    time.Duration // how long the buyer has
	Cause    string        // the update that asked: the same cause is the same order
	SentAt   time.Time     // of that update's message, for the order of ids
}

// Item asks for so many of a product.
type Item struct {
	Product string `json:"product"`
	Count   int64  `json:"count"`
}

// Quote says what an order would cost, before anybody commits to anything.
type Quote struct {
	Lines    []Line
	Subtotal money.Amount
	Discount int64
	Total    money.Amount
}

// Quote prices a request. Its errors are those of Place.
func (s *Service) Quote(_ context.Context, _ Request) (Quote, error) { panic("core") }

// Place takes an order: it reserves stock, counts the buyer's limits and the
// coupon, and has a bill made, in one transaction. The same request again
// gives the same order. Errors carry a sentence for the buyer: NotFound (the
// product is gone), Invalid (a count or coupon that cannot be, over the limit
// per buyer), Conflict (not enough stock).
func (s *Service) Place(_ context.Context, _ Request) (Order, error) { panic("core") }

// Get reads an order. NotFound where there is none.
func (s *Service) Get(_ context.Context, _ Ref) (Order, error) { panic("core") }

// Turn gives a page of a person's orders, the newest first, and whether there are more.
func (s *Service) Turn(_ context.Context, _ string, _ int64, _ catalog.Place) ([]Order, bool, error) {
	panic("core")
}

// Check has the payments worker ask the gateway now: what "check payment" does. It
// is Limited, with how long to wait, within 4 seconds of the last one.
func (s *Service) Check(_ context.Context, _ Ref, _ string) error { panic("core") }

// Report hands a payment that Telegram or an admin vouches for to the payments
// worker, which settles it: task is TakeStars or TakeManual.
func (s *Service) Report(_ context.Context, _ Ref, _ Task, _ Receipt) error { panic("core") }

// Prove notes the picture with which a buyer shows a manual payment, and has
// those told who may confirm it.
func (s *Service) Prove(_ context.Context, _ Ref, _ string) (Order, error) { panic("core") }

// Cancel gives up an order that awaits its payment, puts its stock back and
// has the gateway told. Conflict where it is past that.
func (s *Service) Cancel(_ context.Context, _ Ref, _ string) (Order, error) { panic("core") }

// Billed records a bill that a gateway has made and has it shown.
func (s *Service) Billed(_ context.Context, _ Ref, _ Bill) (Order, error) { panic("core") }

// Outcome says what a receipt has done.
type Outcome string

// The outcomes.
const (
	Settled Outcome = "settled" // the order is paid
	Counted Outcome = "counted" // this payment was counted before: nothing changed
	Late    Outcome = "late"    // the order was closed and its stock gone: the money is in the wallet
	Twice   Outcome = "twice"   // the order was paid before: the money is in the wallet
	Misfit  Outcome = "misfit"  // the amount is not what was asked: held in suspense, the owner is told
)

// Settle counts a confirmed payment of an order, once, in one transaction with
// everything that follows from it.
func (s *Service) Settle(_ context.Context, _ Ref, _ Receipt) (Outcome, error) { panic("core") }

// Expire closes an order whose deadline has passed and puts its stock back.
// The caller has asked the gateway first.
func (s *Service) Expire(_ context.Context, _ Ref) error { panic("core") }

// Refund gives the money of a paid order back: to the wallet, or, where the
// payment came by Stars and toGateway is set, through the gateway. Bound units
// that were never sent are free again. Conflict where it was not paid.
func (s *Service) Refund(_ context.Context, _ Ref, _ Refunding) (Order, error) { panic("core") }

// Refunding says who gives money back, and why.
type Refunding struct {
	By        int64
	Role      string
	Reason    string
	ToGateway bool
	Cause     string
}

// Replace gives one more unit for one that does not work, within its warranty:
// the new one is bound and sent, with an audit row.
func (s *Service) Replace(_ context.Context, _ Ref, _ string, _ catalog.Editor) (Order, error) {
	panic("core")
}

// Resend has the goods of an order sent again: the same units, no others.
func (s *Service) Resend(_ context.Context, _ Ref, _ string) error { panic("core") }

// Resume has everything sent that waited for a person who had blocked the bot.
func (s *Service) Resume(_ context.Context, _ string, _ int64, _ string) error { panic("core") }
