package order_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/wallet"
)

// books are all rows of a store, sorted by what they are.
type books struct {
	orders    []order.Order
	units     []catalog.Unit
	entries   []wallet.Entry
	charges   int
	balances  map[int64]int64
	bought    map[int64]int64 // of keys, by person
	used      map[int64]int64 // of the coupon, by person
	usedByAll int64
	available int64
	sold      int64
	reported  map[string]int64 // sums of the report: "orders", "revenue#IDR", "product#keys"
}

func (w *world) read() books {
	w.Helper()

	found := books{
		balances: map[int64]int64{}, bought: map[int64]int64{}, used: map[int64]int64{}, reported: map[string]int64{},
	}

	for _, row := range w.state.All() {
		person, _ := strconv.ParseInt(row.Key.PK()[strings.LastIndex(row.Key.PK(), "#")+1:], 10, 64)

		switch sk := row.Key.SK(); {
		case strings.HasPrefix(sk, "order#"):
			found.orders = append(found.orders, decode[order.Order](w, row))
		case strings.HasPrefix(sk, "unit#"):
			found.units = append(found.units, decode[catalog.Unit](w, row))
		case strings.HasPrefix(row.Key.PK(), "store#"+kopi+"#ledger"):
			found.entries = append(found.entries, decode[wallet.Entry](w, row))
		case strings.HasPrefix(sk, "charge#"):
			found.charges++
		case sk == "wallet":
			found.balances[person] = row.Counters["balance"]
		case sk == "bought#"+keys:
			found.bought[person] = row.Counters["count"]
		case sk == "coupon#"+coupon && person != 0:
			found.used[person] = row.Counters["orders"]
		case sk == "coupon#"+coupon+"#used":
			found.usedByAll = row.Counters["orders"]
		case sk == "product#"+keys+"#stock":
			found.available = row.Counters["available"]
		case sk == "product#"+keys+"#sold":
			found.sold = row.Counters["sold"]
		case strings.HasPrefix(sk, "hour#"):
			found.reported[strings.Join(strings.Split(sk, "#")[2:], "#")] += row.Counters["sum"]
		}
	}

	return found
}

func decode[T any](w *world, row table.Row) T {
	w.Helper()

	value, err := table.Decode[T](row)
	require.NoError(w, err)

	return value
}

// live are the states in which an order counts towards limits and coupons.
func live(state order.State) bool {
	return slices.Contains([]order.State{order.Awaiting, order.Paid, order.Delivering, order.Delivered}, state)
}

// balanced checks everything that must hold at any moment.
func (w *world) balanced() {
	w.Helper()

	found := w.read()
	w.ledgerBalanced(found)
	w.stockBalanced(found)
	w.countersExact(found)
}

func (w *world) ledgerBalanced(found books) {
	w.Helper()

	sums := map[wallet.Account]int64{}
	received := 0

	for _, entry := range found.entries {
		total := map[money.Currency]int64{}

		for _, line := range entry.Lines {
			total[line.Amount.Currency] += line.Amount.Value
			sums[line.Account] += line.Amount.Value

			if strings.HasPrefix(string(line.Account), "gateway-") && line.Amount.Value < 0 {
				received++
			}
		}

		for currency, sum := range total {
			require.Zero(w, sum, "entry %s of %s", entry.ID, currency)
		}
	}

	for person, holds := range found.balances {
		require.GreaterOrEqual(w, holds, int64(0), "wallet of %d", person)
		require.Equal(w, sums[wallet.Of(person)], holds, "wallet of %d", person)
	}

	fromWallet := 0

	for _, of := range found.orders {
		if of.Receipt != nil && of.Receipt.Gateway == order.WalletGateway {
			fromWallet++
		}
	}

	require.Equal(w, found.charges, received+fromWallet, "each payment is one charge and one entry")
}

func (w *world) stockBalanced(found books) {
	w.Helper()

	owner := map[string]string{}

	var reserved, bound, sold int64

	for _, of := range found.orders {
		for _, line := range of.Lines {
			if line.Product != keys {
				continue
			}

			if of.State == order.Awaiting {
				reserved += line.Count
			}

			if returned := of.State == order.Refunded && !of.Reported; returned || of.PaidAt.IsZero() {
				require.Empty(w, line.Units)

				continue
			}

			for _, unit := range line.Units {
				require.Empty(w, owner[unit], "unit %s is in two orders", unit)

				owner[unit] = of.ID
			}

			require.Len(w, line.Units, int(line.Count)+len(line.Claimed))
		}
	}

	for _, unit := range found.units {
		if unit.Order == "" {
			continue
		}

		bound++
		sold++

		require.Equal(w, owner[unit.ID], unit.Order, "unit %s", unit.ID)
	}

	require.EqualValues(w, len(found.units), found.available+reserved+bound,
		"available %d + reserved %d + bound %d", found.available, reserved, bound)
	require.Equal(w, sold, found.sold)
}

func (w *world) countersExact(found books) {
	w.Helper()

	bought, used, usedByAll := map[int64]int64{}, map[int64]int64{}, int64(0)
	reported := map[string]int64{}

	for _, of := range found.orders {
		if of.Reported {
			reported["orders"]++
			reported["revenue#"+string(of.Total.Currency)] += of.Total.Value

			if of.State == order.Refunded {
				reported["refunds#"+string(of.Total.Currency)] += of.Total.Value
			}
		}

		for _, line := range of.Lines {
			if of.Reported {
				reported["product#"+line.Product] += line.Count
			}

			if live(of.State) && line.Product == keys {
				bought[of.User] += line.Count
			}
		}

		if live(of.State) && of.Coupon != "" {
			used[of.User]++
			usedByAll++
		}
	}

	for person, count := range found.bought {
		require.Equal(w, bought[person], count, "bought by %d", person)
		require.LessOrEqual(w, count, int64(perBuyer))
	}

	for person, count := range found.used {
		require.Equal(w, used[person], count, "coupon used by %d", person)
	}

	require.Equal(w, usedByAll, found.usedByAll, "coupon used")
	require.LessOrEqual(w, usedByAll, int64(couponUses))

	for name, sum := range reported {
		require.Equal(w, sum, found.reported[name], "report of %s", name)
	}
}
