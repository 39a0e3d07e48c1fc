package catalog

import (
	"context"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/table"
)

// Editor is who changes something, for the audit log.
type Editor struct {
	User  int64
	Role  string
	Cause string // the update or command that asked: doing it again changes nothing
}

// Service reads and changes what the stores sell.
//
// Rows of the state table: store#ID#catalog / category#CATEGORY,
// product#PRODUCT, stock#PRODUCT (counters available and sold) and
// coupon#CODE (counter used); product and stock rows stand in the index
// store#ID#shelf#CATEGORY, so that one query reads a page of offers.
// store#ID#units#PRODUCT / unit#UNIT is a unit; free ones stand in the index
// store#ID#free#PRODUCT.
type Service struct {
	state  table.Table
	sealer seal.Sealer
	clock  clock.Clock
}

// NewService makes the service over the state table.
func NewService(state table.Table, sealer seal.Sealer, now clock.Clock) *Service {
	return &Service{state: state, sealer: sealer, clock: now}
}

// Place is a page of a list next to one of its members.
type Place struct {
	From  string // the member that the page lies next to; it need not be there any more; empty: the first page
	Back  bool   // the page before it, instead of the one behind
	Limit int
}

// Categories gives the shelves of a store that hold something, in the order of their names.
func (s *Service) Categories(_ context.Context, _ string) ([]Category, error) { panic("catalog") }

// Shelf gives a page of a category's offers, the oldest first, hidden ones left out, and
// whether there are more in the same direction. One query.
func (s *Service) Shelf(_ context.Context, _, _ string, _ Place) ([]Offer, bool, error) {
	panic("catalog")
}

// Offer gives one product with its stock, also a hidden one. NotFound where there is none.
// Two reads at most.
func (s *Service) Offer(_ context.Context, _, _ string) (Offer, error) { panic("catalog") }

// Search gives the offers whose names or descriptions hold all words of a text, the best
// first, at most limit; up to five minutes old.
func (s *Service) Search(_ context.Context, _, _ string, _ int) ([]Offer, error) { panic("catalog") }

// Popular gives what sells best, at most limit; up to five minutes old.
func (s *Service) Popular(_ context.Context, _ string, _ int) ([]Offer, error) { panic("catalog") }

// SaveCategory creates (Version 0) or changes a category, with its audit row. Conflict
// where somebody else changed it meanwhile.
func (s *Service) SaveCategory(_ context.Context, _ string, _ Category, _ Editor) error {
	panic("catalog")
}

// SaveProduct creates (Version 0) or changes a product, with its audit row. Invalid with a
// sentence for the person where a field cannot be; Conflict where somebody else changed
// it meanwhile: nothing is overwritten.
func (s *Service) SaveProduct(_ context.Context, _ string, _ Product, _ Editor) error {
	panic("catalog")
}

// Stocked says what became of an import.
type Stocked struct {
	Added      int
	Duplicates int   // of units that are or were in stock, or stand twice in the import
	Refused    []int // lines that are no unit, from 1
}

// Stock adds units to a product; contents are sealed before they are stored. Doing it
// again adds nothing.
func (s *Service) Stock(_ context.Context, _, _ string, _ [][]byte, _ Editor) (Stocked, error) {
	panic("catalog")
}

// Reserve gives the operations that take count units of a product out of what is
// available, or none where it has no units. The write fails with Conflict where fewer are left.
func (s *Service) Reserve(_, _ string, _ Policy, _ int64) ([]table.Op, error) { panic("catalog") }

// Release gives the operations that put them back.
func (s *Service) Release(_, _ string, _ Policy, _ int64) ([]table.Op, error) { panic("catalog") }

// Claim chooses count free units for an order whose reservation holds them and gives the
// operations that bind them to it and count them sold. Conflict of the write: another
// order was faster with one of them; claim again. Conflict of Claim: there are not so
// many free units now. salt spreads rivals over the free units.
func (s *Service) Claim(_ context.Context, _ ClaimOf) ([]Unit, []table.Op, error) { panic("catalog") }

// ClaimOf says what is claimed for which order.
type ClaimOf struct {
	Store, Product, Order, Salt string
	Policy                      Policy
	Buyer                       int64
	Count                       int64
}

// Open gives the contents of units of an order, in the order asked. Unauthorized where a
// unit was not sold with that order.
func (s *Service) Open(_ context.Context, _, _, _ string, _ []string) ([][]byte, error) {
	panic("catalog")
}

// Coupon reads a coupon with how often it was used. NotFound with a sentence for the person.
func (s *Service) Coupon(_ context.Context, _, _ string) (Coupon, int64, error) { panic("catalog") }

// SaveCoupon creates or changes a coupon, with its audit row.
func (s *Service) SaveCoupon(_ context.Context, _ string, _ Coupon, _ Editor) error { panic("catalog") }

// UseCoupon gives the operations that count one use of a coupon, by anybody and by a buyer,
// within its limits; unused undoes them.
func (s *Service) UseCoupon(_ string, _ Coupon, _ int64, _ bool) ([]table.Op, error) {
	panic("catalog")
}
