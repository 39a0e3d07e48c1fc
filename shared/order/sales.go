package order

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table"
)

// Sales are what a store has sold on one day.
type Sales struct {
	Day      string // "2026-11-21", in the zone that was asked for
	Orders   int64
	Revenue  map[money.Currency]int64
	Refunds  map[money.Currency]int64 // given back on that day
	Products []ProductSales           // the most sold first
}

// ProductSales are those of one product.
type ProductSales struct {
	Product string
	Units   int64
}

// Counters of the report stand by the hour in UTC, so that days can be told in
// any zone: store#ID#report#MONTH / hour#HOUR#WHAT(#WHICH).
const (
	hourKind   = "hour"
	hourForm   = "20060102T15"
	monthForm  = "200601"
	dayForm    = "2006-01-02"
	ordersPart = "orders"
	moneyPart  = "revenue"
	backPart   = "refunds"
	goodsPart  = "product"
	sum        = "sum" // the counter of each row
)

// countSale gives the operations that count a paid order into the report.
func countSale(order Order) ([]table.Op, error) {
	tenant, err := table.TenantOf(order.Store)
	if err != nil {
		return nil, err
	}

	ops := []table.Op{count(tenant, order.PaidAt, 1, ordersPart)}
	if !order.Total.IsZero() {
		ops = append(ops, count(tenant, order.PaidAt, order.Total.Value, moneyPart, string(order.Total.Currency)))
	}

	for _, line := range order.Lines {
		ops = append(ops, count(tenant, order.PaidAt, line.Count, goodsPart, line.Product))
	}

	return ops, nil
}

// countRefund gives the operation that counts what is given back.
func countRefund(order Order, now time.Time) ([]table.Op, error) {
	tenant, err := table.TenantOf(order.Store)
	if err != nil || order.Total.IsZero() {
		return nil, err
	}

	return []table.Op{count(tenant, now, order.Total.Value, backPart, string(order.Total.Currency))}, nil
}

func count(tenant table.Tenant, at time.Time, by int64, what ...string) table.Op {
	at = at.UTC()
	key := tenant.Partition("report", at.Format(monthForm)).Key(hourKind, append([]string{at.Format(hourForm)}, what...)...)

	return table.Add(key, sum, by, 0, math.MaxInt64)
}

// Sales gives what a store has sold on each day from one moment up to before
// another, the oldest first, days without any left out. Orders count from when
// their goods are first sent.
func (s *Service) Sales(
	ctx context.Context, store string, from, until time.Time, zone *time.Location,
) ([]Sales, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	days := map[string]*Sales{}

	from, until = from.UTC(), until.UTC()
	for month := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC); month.Before(until); month = month.AddDate(0, 1, 0) {
		query := table.Query{
			Partition: tenant.Partition("report", month.Format(monthForm)),
			Prefix:    table.SortPrefix(hourKind), Limit: table.MaxPageRows,
		}

		for {
			page, err := s.state.Query(ctx, query)
			if err != nil {
				return nil, errs.Context(err, "read the sales of store %s", store)
			}

			for _, row := range page.Rows {
				if err := tally(days, row, from, until, zone); err != nil {
					return nil, err
				}
			}

			if query.Cursor = page.Next; query.Cursor == "" {
				break
			}
		}
	}

	return sorted(days), nil
}

// tally adds a counter to its day.
func tally(days map[string]*Sales, row table.Row, from, until time.Time, zone *time.Location) error {
	parts := strings.Split(row.Key.SK(), "#")

	at, err := time.Parse(hourForm, parts[1])
	if err != nil {
		return errs.Wrap(err, errs.Internal, "read the sales in row %s: its hour", row.Key)
	}

	if at.Before(from.Truncate(time.Hour)) || !at.Before(until) {
		return nil
	}

	name := at.In(zone).Format(dayForm)

	of := days[name]
	if of == nil {
		of = &Sales{Day: name, Revenue: map[money.Currency]int64{}, Refunds: map[money.Currency]int64{}}
		days[name] = of
	}

	value := row.Counters[sum]

	switch which := parts[len(parts)-1]; parts[2] {
	case ordersPart:
		of.Orders += value
	case moneyPart:
		of.Revenue[money.Currency(which)] += value
	case backPart:
		of.Refunds[money.Currency(which)] += value
	case goodsPart:
		of.add(which, value)
	}

	return nil
}

func (s *Sales) add(product string, units int64) {
	for at := range s.Products {
		if s.Products[at].Product == product {
			s.Products[at].Units += units

			return
		}
	}

	s.Products = append(s.Products, ProductSales{product, units})
}

func sorted(days map[string]*Sales) []Sales {
	all := make([]Sales, 0, len(days))

	for _, of := range days {
		slices.SortFunc(of.Products, func(a, b ProductSales) int {
			return cmp.Or(cmp.Compare(b.Units, a.Units), cmp.Compare(a.Product, b.Product))
		})

		all = append(all, *of)
	}

	slices.SortFunc(all, func(a, b Sales) int { return cmp.Compare(a.Day, b.Day) })

	return all
}
