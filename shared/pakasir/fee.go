package pakasir

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/store"
)

// method is a way of paying that Pakasir has, and the rupiah that it takes,
// from least to most.
type method struct {
	name        payment.Method
	least, most int64
}

// methods are Pakasir's, in the order in which they are offered.
func methods() []method {
	const (
		leastVA  = 10_000
		mostVA   = 50_000_000
		least    = 500
		mostQRIS = 10_000_000
		mostLink = 50_000_000
	)

	all := []method{{payment.QRIS, least, mostQRIS}}

	for _, bank := range []string{"bri", "bni", "cimb_niaga", "permata", "maybank", "bnc", "artha_graha", "sampoerna"} {
		all = append(all, method{payment.Method(bank + "_va"), leastVA, mostVA})
	}

	return append(all, method{payment.Link, least, mostLink})
}

func methodOf(name payment.Method) (method, bool) {
	for _, method := range methods() {
		if method.name == name {
			return method, true
		}
	}

	return method{}, false
}

// wireName is a method's name on Pakasir's wire.
func wireName(name payment.Method) string {
	if name == payment.Link {
		return "payment_link"
	}

	return string(name)
}

// rate is the fee that Pakasir publishes: 0.7 % and Rp310 for QRIS, rounded up,
// and Rp3,500 for a virtual account.
func rate(name payment.Method, amount int64) int64 {
	const (
		qrisPerThousand, thousand = 7, 1000
		qrisFixed                 = 310
		account                   = 3500
	)

	switch {
	case name == payment.QRIS:
		return (amount*qrisPerThousand+thousand-1)/thousand + qrisFixed
	case strings.HasSuffix(string(name), "_va"):
		return account
	default: // a payment link: chosen on its page
		return 0
	}
}

// askFor gives the amount to ask Pakasir for, so that the payer pays the price:
// the price itself where the payer bears the fee; else the largest amount that
// with its fee is not over the price. That sum is the price or, where rounding
// leaves no amount with exactly that sum, one rupiah less. It goes by the
// published rates alone, so that asking again asks for the same.
func askFor(of store.Store, name payment.Method, price int64) int64 {
	if !of.Shop.StoreBearsFee {
		return price
	}

	low, high := int64(0), price // low with its fee is at most the price, or nothing is

	for low < high {
		middle := low + (high-low+1)/2
		if middle+rate(name, middle) <= price {
			low = middle
		} else {
			high = middle - 1
		}
	}

	return low
}

const (
	feesFreshFor = time.Hour
	feesFailFor  = time.Minute     // after a failure they are not asked for
	feesPatience = 2 * time.Second // somebody looks at a list of ways to pay
	maxFees      = 512             // amounts that are remembered
)

// feeTable remembers Pakasir's fees by amount.
type feeTable struct {
	fetch func(ctx context.Context, amount int64) (map[string]int64, error)

	mu    sync.Mutex
	known map[int64]fees
	retry time.Time
}

type fees struct {
	byMethod map[string]int64
	until    time.Time
}

func newFeeTable(fetch func(context.Context, int64) (map[string]int64, error)) *feeTable {
	return &feeTable{fetch: fetch, known: map[int64]fees{}}
}

// of gives the fees on an amount by method; nothing within a minute of a
// failure, and the failure itself once.
func (t *feeTable) of(ctx context.Context, amount int64, now time.Time) (map[string]int64, error) {
	t.mu.Lock()
	found, ok := t.known[amount]
	pausing := now.Before(t.retry)
	t.mu.Unlock()

	if ok && now.Before(found.until) {
		return found.byMethod, nil
	}

	if pausing {
		return map[string]int64{}, nil
	}

	ctx, cancel := context.WithTimeout(ctx, feesPatience)
	defer cancel()

	byMethod, err := t.fetch(ctx, amount)

	t.mu.Lock()
	defer t.mu.Unlock()

	if err != nil {
		t.retry = now.Add(feesFailFor)

		return nil, err
	}

	for method, fee := range byMethod {
		if fee < 0 || fee > amount { // a fee above the amount is a mistake of whoever said it
			delete(byMethod, method)
		}
	}

	if len(t.known) >= maxFees {
		clear(t.known)
	}

	t.known[amount] = fees{byMethod: byMethod, until: now.Add(feesFreshFor)}

	return byMethod, nil
}
