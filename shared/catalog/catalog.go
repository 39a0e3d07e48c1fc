// Package catalog provides what a store sells: categories, products, their
// stock, and coupons. Orders take stock through the operations that this
// package gives, in transactions of their own.
package catalog

import (
	"time"

	"github.com/lapak-id/lapak/shared/money"
)

// Text is a text in the languages that a store wrote it in, by two-letter code.
type Text map[string]string

// In gives the text in a language, else in any other that there is, the
// smallest code first.
func (t Text) In(language string) string {
	if text := t[language]; text != "" {
		return text
	}

	first := ""
	for code, text := range t {
		if text != "" && (first == "" || code < first) {
			first = code
		}
	}

	return t[first]
}

// Policy says what a buyer of a product gets.
type Policy string

// The policies.
const (
	Units  Policy = "units"  // a unit of its own for each one bought: a key, an account
	File   Policy = "file"   // the same file, any number of times
	Manual Policy = "manual" // somebody of the store does something by hand
)

// Product is something that is sold.
type Product struct {
	ID          string       `json:"id"`
	Category    string       `json:"category"`
	Name        Text         `json:"name"`
	Description Text         `json:"description,omitempty"`
	Photo       string       `json:"photo,omitempty"`     // Telegram file_id of the store's bot
	Price       money.Amount `json:"price"`               // rupiah, for one
	Stars       int64        `json:"stars,omitempty"`     // Stars for one; 0: not sold for Stars
	Terms       Text         `json:"terms,omitempty"`     // that a buyer answers after payment; empty: none
	PerBuyer    int64        `json:"per_buyer,omitempty"` // that one person may buy, ever; 0: any number
	Policy      Policy       `json:"policy"`
	File        *Download    `json:"file,omitempty"`          // Policy File
	Warranty    int          `json:"warranty_days,omitempty"` // days in which a buyer may claim a replacement; 0: none
	LowStock    int64        `json:"low_stock,omitempty"`     // units at which the owner is told; 0: never
	Hidden      bool         `json:"hidden,omitempty"`        // not on sale
	UpdatedBy   int64        `json:"updated_by"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`

	// Version is the version of the row that was read; a change of another
	// version is refused with Conflict.
	Version int64 `json:"-"`
}

// Download is the file of a product, kept at Telegram.
type Download struct {
	FileID string `json:"file_id"`
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
}

// Offer is a product as it stands on the shelf.
type Offer struct {
	Product

	// Available is how many units may be ordered now; for products without
	// units it means nothing.
	Available int64
	Sold      int64
}

// SoldOut reports whether nobody can order it for now.
func (o Offer) SoldOut() bool { return o.Policy == Units && o.Available <= 0 }

// Category is a shelf.
type Category struct {
	ID      string `json:"id"`
	Name    Text   `json:"name"`
	Version int64  `json:"-"`
}

// Unit is one piece of stock. Its content is sealed and never logged.
type Unit struct {
	ID      string    `json:"id"` // its fingerprint: the same content is the same unit
	Product string    `json:"product"`
	Sealed  []byte    `json:"sealed"`          // about "unit PRODUCT UNIT"
	Order   string    `json:"order,omitempty"` // the order that it was sold with; empty: free
	Buyer   int64     `json:"buyer,omitempty"` // of that order
	At      time.Time `json:"at"`              // when it was stocked

	Version int64 `json:"-"`
}

// Coupon takes something off an order.
type Coupon struct {
	Code     string    `json:"code"`                // upper case
	Percent  int64     `json:"percent,omitempty"`   // 1 to 100, of the whole order; or
	Off      int64     `json:"off,omitempty"`       // rupiah off the whole order
	Uses     int64     `json:"uses,omitempty"`      // orders that it may be used for; 0: any number
	PerBuyer int64     `json:"per_buyer,omitempty"` // orders of one person; 0: any number
	Until    time.Time `json:"until,omitzero"`      // when it ends; zero: never

	Version int64 `json:"-"`
}
