// Package money provides amounts: whole rupiah or whole Telegram Stars, never
// fractions, never floating point, never two currencies in one sum.
package money

import (
	"math/bits"
	"strconv"

	"github.com/lapak-id/lapak/shared/errs"
)

// Currency is an ISO 4217 code, or XTR for Telegram Stars.
type Currency string

// The currencies that stores take.
const (
	Rupiah Currency = "IDR"
	Stars  Currency = "XTR"
)

// Max is the largest amount that is taken anywhere: far above any price, far
// below what a sum of amounts could overflow.
const Max = 1_000_000_000_000

// Amount is so many whole units of a currency. The zero Amount is no money of
// no currency.
type Amount struct {
	Value    int64    `json:"value"`
	Currency Currency `json:"currency"`
}

// IDR gives an amount of rupiah.
func IDR(value int64) Amount { return Amount{Value: value, Currency: Rupiah} }

// XTR gives an amount of Stars.
func XTR(value int64) Amount { return Amount{Value: value, Currency: Stars} }

// IsZero reports whether it is no money, of whatever currency.
func (a Amount) IsZero() bool { return a.Value == 0 }

// String gives the amount for logs: "IDR 49000".
func (a Amount) String() string { return string(a.Currency) + " " + strconv.FormatInt(a.Value, 10) }

// Plus adds. Invalid where the currencies differ or the sum is over Max.
func (a Amount) Plus(other Amount) (Amount, error) {
	if a.Currency != other.Currency {
		return Amount{}, errs.New(errs.Invalid, "add %s to %s: their currencies differ", other, a)
	}

	return checked(Amount{a.Value + other.Value, a.Currency})
}

// Times multiplies. Invalid where the product is over Max.
func (a Amount) Times(count int64) (Amount, error) {
	high, low := bits.Mul64(abs(a.Value), abs(count))
	if high != 0 || low > Max {
		return Amount{}, errs.New(errs.Invalid, "%s times %d is over the largest amount", a, count)
	}

	return checked(Amount{a.Value * count, a.Currency})
}

// Percent gives so many hundredths of the amount, rounded down: what a coupon
// takes off.
func (a Amount) Percent(percent int64) Amount {
	return Amount{a.Value/100*percent + a.Value%100*percent/100, a.Currency}
}

func checked(amount Amount) (Amount, error) {
	if amount.Value > Max || amount.Value < -Max {
		return Amount{}, errs.New(errs.Invalid, "%s is over the largest amount", amount)
	}

	return amount, nil
}

func abs(value int64) uint64 {
	if value < 0 {
		return uint64(-(value + 1)) + 1 //nolint:gosec // made positive, also for the smallest value
	}

	return uint64(value)
}
