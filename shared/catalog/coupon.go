package catalog

import (
	"context"
	"regexp"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// codeForm is what a coupon may be called, in upper case.
var codeForm = regexp.MustCompile(`^[A-Z0-9-]{3,24}$`)

// ValidCode reports whether a coupon may be called so.
func ValidCode(code string) bool { return codeForm.MatchString(code) }

const wholePercent = 100

// Coupon reads a coupon, in whatever case its code is written, with the orders that it was
// used for. NotFound with a sentence for the person. One query.
func (s *Service) Coupon(ctx context.Context, store, code string) (Coupon, int64, error) {
	of, err := rowsOf(store)
	if err != nil {
		return Coupon{}, 0, err
	}

	code = strings.ToUpper(strings.TrimSpace(code))
	unknown := errs.New(errs.NotFound, "store %s has no coupon of that code", store).Tell("catalog.coupon_unknown", nil)

	if !codeForm.MatchString(code) {
		return Coupon{}, 0, unknown
	}

	var (
		found Coupon
		used  int64
	)

	query := table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(couponKind, code)}

	for row, err := range s.all(ctx, query) {
		if err != nil {
			return Coupon{}, 0, errs.Context(err, "read coupon %s of %s", code, store)
		}

		if _, part := partOf(row.Key); part == usedPart {
			used = row.Counters[orders]

			continue
		}

		if found, err = table.Decode[Coupon](row); err != nil {
			return Coupon{}, 0, err
		}

		found.Version = row.Version
	}

	if found.Code == "" {
		return Coupon{}, 0, unknown
	}

	return found, used, nil
}

// Coupons gives all coupons of a store by their codes, with the orders that each was
// used for.
func (s *Service) Coupons(ctx context.Context, store string) ([]Coupon, map[string]int64, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, nil, err
	}

	var found []Coupon

	used := map[string]int64{}

	for row, err := range s.all(ctx, table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(couponKind)}) {
		if err != nil {
			return nil, nil, errs.Context(err, "list the coupons of %s", store)
		}

		code, part := partOf(row.Key)
		if part == usedPart {
			used[code] = row.Counters[orders]

			continue
		}

		coupon, err := table.Decode[Coupon](row)
		if err != nil {
			return nil, nil, err
		}

		coupon.Version = row.Version
		found = append(found, coupon)
	}

	return found, used, nil
}

// SaveCoupon creates (Version 0) or changes a coupon, with its audit row. Invalid with a
// sentence where a field cannot be; Conflict where somebody else changed it meanwhile:
// nothing is overwritten, and the owner is told. Saving the same again changes nothing.
func (s *Service) SaveCoupon(ctx context.Context, store string, coupon Coupon, by Editor) error {
	of, err := rowsOf(store)
	if err != nil {
		return err
	}

	if err := coupon.validate(); err != nil {
		return errs.Context(err, "save coupon %s of %s", coupon.Code, store)
	}

	return s.save(ctx, saving{
		store: store, by: by, key: of.coupon(coupon.Code, itemPart), version: coupon.Version,
		action: "save_coupon", target: "coupon " + coupon.Code,
		decode: func(row table.Row) (any, Text, error) {
			present, err := table.Decode[Coupon](row)

			return present, Text{textLanguage: present.Code}, err
		},
	}, coupon)
}

func (c Coupon) validate() error {
	switch {
	case !codeForm.MatchString(c.Code):
		return errs.New(errs.Invalid, "a coupon's code cannot be so").Tell("catalog.coupon_code", nil)
	case (c.Percent == 0) == (c.Off == 0), outside(c.Percent, 0, wholePercent), outside(c.Off, 0, MaxPrice):
		return errs.New(errs.Invalid, "a coupon takes off 1 to 100 percent, or an amount").Tell("catalog.coupon_value", nil)
	case outside(c.Uses, 0, MaxCount), outside(c.PerBuyer, 0, MaxCount):
		return errs.New(errs.Invalid, "a coupon's limits cannot be so").Tell("catalog.count", errs.Args{"Limit": MaxCount})
	}

	return nil
}

// UseCoupon gives the operations that count one use of a coupon, by anybody and by a buyer,
// within its limits; undone takes the use back. Conflict of the write: it was used up, the
// first of the two operations by anybody, the second by this buyer.
func (s *Service) UseCoupon(store string, coupon Coupon, buyer int64, undone bool) ([]table.Op, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, err
	}

	all, own := of.coupon(coupon.Code, usedPart), of.couponOf(buyer, coupon.Code)

	// Both are counted also where there is no limit: one may be set before the
	// use is undone.
	if undone {
		return []table.Op{table.Add(all, orders, -1, 0, plenty), table.Add(own, orders, -1, 0, plenty)}, nil
	}

	return []table.Op{
		table.Add(all, orders, 1, 0, limitOf(coupon.Uses)), table.Add(own, orders, 1, 0, limitOf(coupon.PerBuyer)),
	}, nil
}

// limitOf gives a counter's upper bound for a limit whose zero means none.
func limitOf(limit int64) int64 {
	if limit == 0 {
		return plenty
	}

	return limit
}
