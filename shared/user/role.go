package user

import "slices"

// Role is what a person may do in a store. The owner is not a role of a row:
// the store names its owner.
type Role string

// The roles, each with more to do than the one before.
const (
	Buyer   Role = ""
	Support Role = "support"
	Seller  Role = "seller"
	Admin   Role = "admin"
	Owner   Role = "owner"
)

// Permission is something that not everybody may do.
type Permission string

// The permissions.
const (
	SeeOrders      Permission = "see_orders"      // of other people
	Replace        Permission = "replace"         // a unit under warranty
	ConfirmPayment Permission = "confirm_payment" // a manual one
	Refund         Permission = "refund"
	Stock          Permission = "stock"    // add units
	Edit           Permission = "edit"     // categories, products, terms
	Price          Permission = "price"    // prices and coupons
	Ban            Permission = "ban"      // and lift it
	SeeReport      Permission = "report"   // revenue
	Staff          Permission = "staff"    // give roles below one's own
	Settings       Permission = "settings" // of the shop: gateways, fees, deadlines
	Adjust         Permission = "adjust"   // balances
	SeeAudit       Permission = "audit"
	Broadcast      Permission = "broadcast" // write to all people at once
	SeePlatform    Permission = "platform"  // servers, backups, alerts: owners only
)

// permissions is the table of who may do what.
func permissions() map[Role][]Permission {
	support := []Permission{SeeOrders, Replace}
	seller := append(slices.Clone(support), Stock, ConfirmPayment)
	admin := append(slices.Clone(seller), Refund, Edit, Price, Ban, SeeReport, Staff, SeeAudit, Broadcast)
	owner := append(slices.Clone(admin), Settings, Adjust, SeePlatform)

	return map[Role][]Permission{Support: support, Seller: seller, Admin: admin, Owner: owner}
}

// May reports whether a role has a permission.
func (r Role) May(do Permission) bool { return slices.Contains(permissions()[r], do) }

// Roles are those that can be given, the least first.
func Roles() []Role { return []Role{Support, Seller, Admin} }

// MayAppoint reports whether a role may change somebody's role from one to
// another: both must lie below its own.
func (r Role) MayAppoint(from, to Role) bool {
	return r.May(Staff) && to.Valid() && from.rank() < r.rank() && to.rank() < r.rank()
}

func (r Role) rank() int { return slices.Index([]Role{Buyer, Support, Seller, Admin, Owner}, r) }

// Valid reports whether a role can be given to a person.
func (r Role) Valid() bool { return r == Buyer || r == Support || r == Seller || r == Admin }
