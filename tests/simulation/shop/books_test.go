package shop_test

import (
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
)

// moneyKey names a payment.
type moneyKey struct{ store, gateway, transaction string }

// payment is money that was truly taken.
type taken struct {
	order.Receipt

	reference string
	right     bool // it is what was asked for
}

// unitKey names a unit of a product.
type unitKey struct{ store, product, unit string }

// books are what happened outside, in truth: what the rows are compared with.
type books struct {
	taken map[moneyKey]taken
	units map[string]unitKey // by content
}

func newBooks() books {
	return books{taken: map[moneyKey]taken{}, units: map[string]unitKey{}}
}

// take notes money that was truly paid.
func (b books) take(of string, receipt order.Receipt, reference string, right bool) {
	b.taken[moneyKey{of, receipt.Gateway, receipt.Transaction}] = taken{receipt, reference, right}
}

// of gives what a gateway has truly taken for a store.
func (b books) of(store, gateway string) map[money.Currency]int64 {
	sums := map[money.Currency]int64{}

	for key, paid := range b.taken {
		if key.store == store && key.gateway == gateway {
			sums[paid.Amount.Currency] += paid.Amount.Value
		}
	}

	return sums
}
