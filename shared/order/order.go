// Package order provides orders: what a person buys or pays in, from the tap
// to the goods. An order moves through its states by versioned writes, each
// one transaction with the stock, the ledger and the outbox rows that belong
// to it:
//
//	Awaiting --Settle--> Paid --deliver--> Delivering --deliver--> Delivered
//	   |                  |                                            |
//	   |                  +--- Refund ---> Refunded <----- Refund -----+
//	   +-- Cancel --> Cancelled --+                                    |
//	   +-- Expire --> Expired  ---+-- Settle: Paid where stock allows, else the
//	                                  money is in the wallet and it stays closed
//	   a payment of another amount --> Disputed (Awaiting only) and suspense
package order

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
)

// State is how far an order has come.
type State string

// The states.
const (
	Awaiting   State = "awaiting"   // a payment; stock is reserved
	Paid       State = "paid"       // units are bound; the goods are to be sent
	Delivering State = "delivering" // they are being sent
	Delivered  State = "delivered"  // the buyer has them
	Expired    State = "expired"    // the deadline passed; stock is back
	Cancelled  State = "cancelled"  // the buyer or the store did not want it any more; stock is back
	Refunded   State = "refunded"   // the money is back in the wallet or at the gateway
	Disputed   State = "disputed"   // a payment came that does not fit; the owner decides
)

// Open reports whether money is still expected or goods still owed.
func (s State) Open() bool { return s == Awaiting || s == Paid || s == Delivering }

// closed reports whether the order was given up before it was paid: its stock
// is back, and what is paid all the same comes late.
func (s State) closed() bool { return s == Expired || s == Cancelled || s == Disputed }

// Kind says what money buys.
type Kind string

// The kinds.
const (
	Purchase Kind = "purchase" // of products
	Deposit  Kind = "deposit"  // into the buyer's wallet
)

// Line is one product of an order, as it was when it was ordered.
type Line struct {
	Product  string         `json:"product"`
	Name     catalog.Text   `json:"name"`
	Price    int64          `json:"price"` // for one, in the order's currency
	Count    int64          `json:"count"`
	Policy   catalog.Policy `json:"policy"`
	PerBuyer int64          `json:"per_buyer,omitempty"`
	Warranty int            `json:"warranty_days,omitempty"`
	Terms    bool           `json:"terms,omitempty"`   // the buyer answers terms after payment
	Units    []string       `json:"units,omitempty"`   // bound at settlement
	Claimed  []string       `json:"claimed,omitempty"` // units that were replaced under warranty
}

// Bill is one request to pay at one gateway. An order has several where the
// first gateway failed or the buyer changed the way of paying.
type Bill struct {
	Gateway     string       `json:"gateway"`
	Method      string       `json:"method"`                // "qris", "bri_va", "link", "stars", "wallet", "manual", "card"
	Transaction string       `json:"transaction,omitempty"` // the gateway's id; empty until it has answered
	Amount      money.Amount `json:"amount"`                // what the gateway's status must say
	Fee         int64        `json:"fee"`                   // that the buyer pays on top, in the same currency
	Cost        int64        `json:"cost"`                  // fee that the store bears
	QR          string       `json:"qr,omitempty"`          // QRIS text
	Account     string       `json:"account,omitempty"`     // virtual account number
	URL         string       `json:"url,omitempty"`         // page to pay at
	Until       time.Time    `json:"until,omitzero"`        // when the gateway ends it
	Closed      bool         `json:"closed,omitempty"`      // cancelled at the gateway
}

// Total is what the buyer pays.
func (b Bill) Total() money.Amount {
	return money.Amount{Value: b.Amount.Value + b.Fee, Currency: b.Amount.Currency}
}

// Order is one order of one person.
type Order struct {
	ID       string       `json:"id"`
	Store    string       `json:"store"`
	User     int64        `json:"user"`
	Chat     int64        `json:"chat"`
	Language string       `json:"language"` // of the texts
	Kind     Kind         `json:"kind"`
	Lines    []Line       `json:"lines,omitempty"`
	Coupon   string       `json:"coupon,omitempty"`
	Discount int64        `json:"discount,omitempty"`
	Total    money.Amount `json:"total"`  // without fees: what the store asks
	Method   string       `json:"method"` // the way of paying that the buyer chose
	Bills    []Bill       `json:"bills,omitempty"`
	State    State        `json:"state"`
	Message  int          `json:"message,omitempty"`  // the living message in the chat: QR, then outcome
	Shown    int          `json:"shown,omitempty"`    // bills that the living message has told of
	Photo    bool         `json:"photo,omitempty"`    // that message is a photo with a caption
	Deadline time.Time    `json:"deadline"`           // of the payment and so of the reservation
	Receipt  *Receipt     `json:"receipt,omitempty"`  // of the payment that settled it
	Credits  []Credit     `json:"credits,omitempty"`  // payments that did not settle it
	Proof    string       `json:"proof,omitempty"`    // Telegram file_id that the buyer sent for a manual payment
	Held     bool         `json:"held,omitempty"`     // Telegram refused the goods: they wait for the buyer
	Reason   string       `json:"reason,omitempty"`   // why it was cancelled or refunded
	Cause    string       `json:"cause,omitempty"`    // of what staff did last: the same is done once
	Checks   int          `json:"checks,omitempty"`   // how often the clock has looked after it in its state
	Due      time.Time    `json:"due,omitzero"`       // when the clock looks after it next; zero: never
	Asked    time.Time    `json:"asked,omitzero"`     // when the buyer last had the gateway asked
	Lease    time.Time    `json:"lease,omitzero"`     // until when one delivery has the sending of the goods to itself
	Parts    int          `json:"parts,omitempty"`    // messages of the goods that were sent
	Reported bool         `json:"reported,omitempty"` // it stands in the sales report
	PaidAt   time.Time    `json:"paid_at,omitzero"`
	SentAt   time.Time    `json:"sent_at,omitzero"` // when the goods were delivered
	// FulfilledAt is when somebody of the store noted that what is done by hand is done.
	FulfilledAt time.Time `json:"fulfilled_at,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`

	Version int64 `json:"-"` // of the row that was read
}

// Label is what people call the order: "LP-8F3K2".
func (o Order) Label() string {
	const shown = 5

	return "LP-" + o.ID[max(0, len(o.ID)-shown):]
}

// Bill gives the newest bill; false where there is none yet.
func (o Order) Bill() (Bill, bool) {
	if len(o.Bills) == 0 {
		return Bill{}, false
	}

	return o.Bills[len(o.Bills)-1], true
}

// Counted reports whether a payment is known to have been counted. Where it is
// not, the charge's own row decides.
func (o Order) Counted(gateway, transaction string) bool {
	same := func(receipt Receipt) bool { return receipt.Gateway == gateway && receipt.Transaction == transaction }

	return o.Receipt != nil && same(*o.Receipt) ||
		slices.ContainsFunc(o.Credits, func(credit Credit) bool { return same(credit.Receipt) })
}

// Ref names an order of a store.
type Ref struct {
	Store string `json:"store"`
	User  int64  `json:"user"`
	ID    string `json:"order"`
}

// Ref names the order.
func (o Order) Ref() Ref { return Ref{Store: o.Store, User: o.User, ID: o.ID} }

// referencePrefix begins the names by which gateways know orders.
const referencePrefix = "LP"

// Reference is the name by which gateways know the order: "LP-ORDER-USER",
// letters, digits and hyphens.
func (r Ref) Reference() string {
	return referencePrefix + "-" + r.ID + "-" + strconv.FormatInt(r.User, 10)
}

// ParseReference reads a Reference that a gateway has sent to a store. Invalid
// where it is none.
func ParseReference(store, text string) (Ref, error) {
	parts := strings.Split(text, "-")
	if len(parts) != 3 || parts[0] != referencePrefix || parts[1] == "" {
		return Ref{}, errs.New(errs.Invalid, "read the order reference %q: want LP-ORDER-USER", text)
	}

	user, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil || user <= 0 {
		return Ref{}, errs.Wrap(err, errs.Invalid, "read the order reference %q: its person", text)
	}

	ref := Ref{Store: store, User: user, ID: parts[1]}
	if ref.Reference() != text {
		return Ref{}, errs.New(errs.Invalid, "read the order reference %q: not as it was written", text)
	}

	return ref, nil
}

// Gateways that are none outside: their names in bills and receipts.
const (
	StarsGateway  = "stars"  // Telegram; the transaction is its charge id
	WalletGateway = "wallet" // the buyer's own balance; the transaction is the order
	ManualGateway = "manual" // an admin; the transaction is the order
)

// Credit is a payment of an order that did not settle it.
type Credit struct {
	Receipt

	Outcome Outcome `json:"outcome"`
}

// Receipt is a payment that its gateway has confirmed, or that an admin has.
type Receipt struct {
	Gateway     string       `json:"gateway"`
	Transaction string       `json:"transaction"` // counted once for each gateway of a store
	Amount      money.Amount `json:"amount"`
	At          time.Time    `json:"at"`             // when it was paid, as the gateway says
	By          int64        `json:"by,omitempty"`   // the admin who confirmed a manual payment
	Role        string       `json:"role,omitempty"` // in which By confirmed it
}
