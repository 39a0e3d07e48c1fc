package shop_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/wallet"
)

// atRest checks what must be so once everything has come to rest.
func (w *watch) atRest() {
	w.world.t.Helper()
	w.look()
	w.mustAccount()
	w.mustIndex()

	contents := map[unitKey]string{}
	for content, name := range w.world.books.units {
		contents[name] = content
	}

	bound := map[unitKey]order.Ref{}

	for _, ref := range w.refs {
		w.mustEnd(w.orders[ref], contents, bound)
	}

	for name, unit := range w.units {
		if ref, ok := bound[name]; unit.Order != "" && (!ok || ref.ID != unit.Order) && w.world.broken == "" {
			w.world.wrongf("unit %v is bound to order %s, which does not have it", name, unit.Order)
		}
	}

	w.mustReport()
	w.look()
}

// mustAccount checks that all money that was truly taken stands in the books.
func (w *watch) mustAccount() {
	for key, paid := range w.world.books.taken {
		if _, counted := w.charges[key]; !counted {
			w.world.wrongf("payment %+v of %s for %s was never counted", key, paid.Amount, paid.reference)
		}
	}

	for _, of := range stores() {
		for _, name := range []string{"pakasir", "cadangan", order.ManualGateway, order.StarsGateway} {
			for currency, sum := range w.world.books.of(of, name) {
				if name == order.StarsGateway {
					sum -= w.refundedStars(of)
				}

				if has := w.purses[purse{of, wallet.Gateway(name), currency}]; has != -sum {
					w.world.wrongf("gateway %s of %s: the ledger says %d, in truth it took %s %d", name, of, has, currency, sum)
				}
			}
		}
	}

	sums := map[purse]int64{}
	for of, value := range w.purses {
		sums[purse{store: of.store, currency: of.currency}] += value
	}

	for of, sum := range sums {
		if sum != 0 {
			w.world.wrongf("the ledger of %s sums to %s %d", of.store, of.currency, sum)
		}
	}
}

func (w *watch) refundedStars(of string) int64 {
	var sum int64

	for key, paid := range w.world.books.taken {
		if key.store == of && w.world.people.refunded[of+" "+key.transaction] {
			sum += paid.Amount.Value
		}
	}

	return sum
}

// mustEnd checks how an order has ended.
func (w *watch) mustEnd(of order.Order, contents map[unitKey]string, bound map[unitKey]order.Ref) {
	key := chatKey{of.Store, of.Chat}

	for _, line := range of.Lines {
		for _, unit := range line.Units {
			name := unitKey{of.Store, line.Product, unit}

			if other, taken := bound[name]; taken && w.units[name].Order == of.ID {
				w.world.wrongf("unit %v is in orders %s and %s", name, of.ID, other.ID)
			}

			if w.units[name].Order == of.ID {
				bound[name] = of.Ref()
			}

			replaced := slices.Contains(line.Claimed, unit) // perhaps before it was sent
			if of.State == order.Delivered && !replaced && !w.seen[fmt.Sprint(key, contents[name])] {
				w.world.wrongf("order %s is delivered, unit %v was never shown", of.ID, name)
			}
		}

		if of.State == order.Delivered && line.Policy == catalog.Units &&
			int64(len(line.Units)-len(line.Claimed)) != line.Count {
			w.world.wrongf("order %s has %d units for %d of %s", of.ID, len(line.Units), line.Count, line.Product)
		}
	}

	switch of.State {
	case order.Delivered, order.Refunded:
		if of.Receipt == nil && of.State == order.Delivered {
			w.world.wrongf("order %s is delivered and was never paid", of.ID)
		}
	case order.Cancelled, order.Expired, order.Disputed:
		w.mustShow(of, "bill")
	case order.Awaiting, order.Paid, order.Delivering:
		w.world.wrongf("order %s is %s at rest", of.ID, of.State)
	default:
		w.world.wrongf("order %s is %q", of.ID, of.State)
	}
}

// mustShow checks that the living message of an order is not what it must not be any more.
func (w *watch) mustShow(of order.Order, notAnyMore string) {
	texts := w.world.people.chats[chatKey{of.Store, of.Chat}]
	if of.Message < 1 || of.Message > len(texts) || w.world.people.refused[of.Ref()] {
		return
	}

	if text := texts[of.Message-1]; strings.HasPrefix(text, notAnyMore+" of ") {
		w.world.wrongf("order %s is %s, its message says %q", of.ID, of.State, text)
	}
}

// mustIndex checks that the index of free units names those that are free.
func (w *watch) mustIndex() {
	w.world.clock.Advance(longestWait) // the index lags behind by so much at most

	for of := range w.stocks {
		tenant, err := table.TenantOf(of.store)
		w.world.must(err)

		page, err := w.world.state.Query(w.world.t.Context(), table.Query{
			Partition: tenant.Partition("free", of.product), Index: true, Limit: table.MaxPageRows,
		})
		w.world.must(err)

		var named, free []string

		for _, row := range page.Rows {
			named = append(named, row.Key.SK())
		}

		for name, unit := range w.units {
			if name.store == of.store && name.product == of.product && unit.Order == "" {
				free = append(free, table.SortPrefix("unit")+name.unit)
			}
		}

		slices.Sort(free)
		slices.Sort(named)

		if !slices.Equal(named, free) {
			w.world.wrongf("%v: the index names %v, free are %v", of, named, free)
		}
	}
}

// mustReport checks the owner's report against the orders.
func (w *watch) mustReport() {
	for _, of := range stores() {
		var (
			orders           int64
			revenue, refunds = map[money.Currency]int64{}, map[money.Currency]int64{}
		)

		for _, ref := range w.refs {
			sold := w.orders[ref]
			if sold.Store != of || !sold.Reported || sold.Kind != order.Purchase {
				continue
			}

			orders++
			revenue[sold.Total.Currency] += sold.Total.Value

			if sold.State == order.Refunded {
				refunds[sold.Total.Currency] += sold.Total.Value
			}
		}

		from := w.world.clock.Now().AddDate(0, 0, -7)

		days, err := w.world.bot.orders.Sales(w.world.t.Context(), of, from, from.AddDate(0, 0, 14), from.Location())
		w.world.must(err)

		for _, day := range days {
			orders -= day.Orders

			for currency, value := range day.Revenue {
				revenue[currency] -= value
			}

			for currency, value := range day.Refunds {
				refunds[currency] -= value
			}
		}

		for _, currency := range []money.Currency{money.Rupiah, money.Stars} {
			if orders != 0 || revenue[currency] != 0 || refunds[currency] != 0 {
				w.world.wrongf("the report of %s is off by %d orders, %v and %v back", of, orders, revenue, refunds)
			}
		}
	}
}
