package catalog

import (
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
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
// Rows of the state table: store#ID#catalog / category#CATEGORY#item and
// category#CATEGORY#shelf (counter products: those on sale); product#PRODUCT#item,
// product#PRODUCT#stock (counter available), product#PRODUCT#sold (counter sold)
// and product#PRODUCT#low (the owner was told that few are left);
// coupon#CODE#item and coupon#CODE#used (counter orders). The first three of a
// product on sale stand side by side in the index store#ID#shelf#CATEGORY, so
// that one query reads a page of offers. store#ID#units#PRODUCT / unit#UNIT is
// a unit; free ones stand in the index store#ID#free#PRODUCT;
// import#CAUSE is what a chunk of an import added. store#ID#wishes#PRODUCT /
// user#USER waits for the product. Counters have
// rows of their own, so that orders never make a form that is being filled in
// look changed, nor an order at the till wait for one at the shelf.
type Service struct {
	state     table.Table
	sealer    seal.Sealer
	clock     clock.Clock
	snapshots *snapshots
}

// NewService makes the service over the state table.
func NewService(state table.Table, sealer seal.Sealer, now clock.Clock) *Service {
	return &Service{state: state, sealer: sealer, clock: now, snapshots: newSnapshots(now)}
}

// Place is a page of a list next to one of its members.
type Place struct {
	From  string // the member that the page lies next to; it need not be there any more; empty: the first page
	Back  bool   // the page before it, instead of the one behind
	Limit int
}

// idEncoding keeps the order of what it encodes and needs no escaping.
var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// idSuffix is how much of the derived name tells things of one second apart.
const idSuffix = 6

// NewID names a product or a category after what asked for it and when: it
// sorts by that time and is the same however often the update arrives. 13
// letters and digits.
func NewID(store, cause string, sentAt time.Time) string {
	var seconds [4]byte

	binary.BigEndian.PutUint32(seconds[:], uint32(sentAt.Unix())) //nolint:gosec // wraps in 2106

	return idEncoding.EncodeToString(seconds[:]) + id.Derive(store, cause)[:idSuffix]
}

// Kinds of rows, their parts and their counters.
const (
	categoryKind = "category"
	productKind  = "product"
	couponKind   = "coupon"
	unitKind     = "unit"

	itemPart  = "item"
	shelfPart = "shelf"
	stockPart = "stock"
	soldPart  = "sold"
	lowPart   = "low"
	usedPart  = "used"

	onSale    = "products"
	available = "available"
	sold      = "sold"
	orders    = "orders"
)

// plenty is above any counter.
const plenty = 1_000_000_000_000

// rows builds the keys of one store.
type rows struct{ tenant table.Tenant }

func rowsOf(store string) (rows, error) {
	tenant, err := table.TenantOf(store)

	return rows{tenant}, err
}

func (r rows) catalog() table.Partition { return r.tenant.Partition("catalog") }

func (r rows) category(category, part string) table.Key {
	return r.catalog().Key(categoryKind, category, part)
}

func (r rows) product(product, part string) table.Key {
	return r.catalog().Key(productKind, product, part)
}

func (r rows) coupon(code, part string) table.Key { return r.catalog().Key(couponKind, code, part) }

func (r rows) couponOf(user int64, code string) table.Key {
	return r.tenant.Partition("user", strconv.FormatInt(user, 10)).Key(couponKind, code)
}

func (r rows) shelf(category string) table.Partition { return r.tenant.Partition("shelf", category) }

func (r rows) units(product string) table.Partition { return r.tenant.Partition("units", product) }

func (r rows) unit(product, unit string) table.Key { return r.units(product).Key(unitKind, unit) }

func (r rows) free(product string) table.Partition { return r.tenant.Partition("free", product) }

// onShelf is a product's place in the index of its shelf; none while it is hidden.
func (r rows) onShelf(product Product, part string) table.Key {
	if product.Hidden {
		return table.Key{}
	}

	return r.shelf(product.Category).Key(productKind, product.ID, part)
}

// onceMore bounds how often something is tried again because somebody else was
// in the way: the rows concerned change a few times a second at most.
const onceMore = 10

// pastRivals tries until no other writer is in the way any more.
func pastRivals(try func(attempt int) (again bool, err error)) error {
	for attempt := 1; ; attempt++ {
		again, err := try(attempt)
		if !again || attempt == onceMore {
			return err
		}
	}
}

// sealedAs names what a unit is sealed about.
func sealedAs(product, unit string) string { return "unit " + product + " " + unit }

// noSuch gives the error for something that is not there, with its sentence.
func noSuch(err error, key, format string, args ...any) error {
	return errs.Context(err, format, args...).Tell(key, nil)
}
