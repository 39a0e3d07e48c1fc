package catalog

import (
	"context"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/table"
)

// MaxClaim is how many units one order line takes: they are bound in one write
// with everything else that settles the order.
const MaxClaim = 50

// Reserve gives the operations that take count units of a product out of what is
// available, or none where it has no units. The write fails with Conflict where fewer are
// left. Invalid where count is not 1 to MaxClaim.
func (s *Service) Reserve(store, product string, policy Policy, count int64) ([]table.Op, error) {
	return s.move(store, product, policy, count, -1)
}

// Release gives the operations that put them back.
func (s *Service) Release(store, product string, policy Policy, count int64) ([]table.Op, error) {
	return s.move(store, product, policy, count, 1)
}

// move gives the operations that move what is available by count in a direction.
func (s *Service) move(store, product string, policy Policy, count, direction int64) ([]table.Op, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, err
	}

	if outside(count, 1, MaxClaim) {
		return nil, errs.New(errs.Invalid, "move %d of the stock of %s of %s: use 1 to %d units", count, product, store, MaxClaim).
			Tell("catalog.claim_count", errs.Args{"Limit": MaxClaim})
	}

	if policy != Units {
		return nil, nil
	}

	return []table.Op{table.Add(of.product(product, stockPart), available, direction*count, 0, plenty)}, nil
}

// ClaimOf says what is claimed for which order.
type ClaimOf struct {
	Store, Product, Order, Salt string
	Policy                      Policy
	Buyer                       int64
	Count                       int64
}

// slack is how many more free units a page of the index has than Claim needs:
// those that rivals took in the moment by which the index lags.
const slack = 10

// Claim chooses count free units for an order whose reservation holds them and gives the
// operations that bind them to it and count them sold: one for each unit, and one for the
// counter, on a row that Reserve and Release do not touch. Conflict of the write: another
// order was faster with one of them; claim again with another salt. Conflict of Claim:
// there are not so many free units now. Without units it counts only. salt spreads rivals
// over the free units.
func (s *Service) Claim(ctx context.Context, claim ClaimOf) ([]Unit, []table.Op, error) {
	of, err := rowsOf(claim.Store)
	if err != nil {
		return nil, nil, err
	}

	if outside(claim.Count, 1, MaxClaim) || claim.Order == "" {
		return nil, nil, errs.New(errs.Invalid, "claim %d of %s for order %q: name the order and use 1 to %d",
			claim.Count, claim.Product, claim.Order, MaxClaim)
	}

	ops := []table.Op{table.Add(of.product(claim.Product, soldPart), sold, claim.Count, 0, plenty)}
	if claim.Policy != Units {
		return nil, ops, nil
	}

	chosen, err := s.choose(ctx, of, claim)
	if err != nil {
		return nil, nil, errs.Context(err, "claim %d of %s of %s for order %s", claim.Count, claim.Product, claim.Store, claim.Order)
	}

	for at := range chosen {
		chosen[at].Order, chosen[at].Buyer = claim.Order, claim.Buyer

		row, err := unitRow(of, chosen[at])
		if err != nil {
			return nil, nil, err
		}

		ops = append(ops, table.Replace(row))
	}

	return chosen, ops, nil
}

// choose takes the first units that are free in truth, from a place in the
// index that the salt gives, around its end. It gives up only when it has seen
// all that the index names: in a rush, rivals take whole pages between the
// reading of a page and of its rows, and the unit that a reservation stands for
// is behind those.
func (s *Service) choose(ctx context.Context, of rows, claim ClaimOf) ([]Unit, error) {
	start, err := placeOf(of, claim.Product, id.Derive(claim.Order, claim.Salt))
	if err != nil {
		return nil, err
	}

	count := int(claim.Count)
	query := table.Query{
		Partition: of.free(claim.Product), Index: true, Prefix: table.SortPrefix(unitKind), Limit: count + slack, Cursor: start,
	}

	around := true // there is a part of the index before the place
	seen := map[table.Key]bool{}

	var chosen []Unit

	for {
		page, err := s.state.Query(ctx, query)
		if err != nil {
			return nil, err
		}

		free, err := s.freeOf(ctx, page, seen, count-len(chosen))
		if err != nil {
			return nil, err
		}

		chosen = append(chosen, free...)
		query.Cursor = page.Next

		switch {
		case len(chosen) == count:
			return chosen, nil
		case page.Next == "" && !around:
			return nil, errs.New(errs.Conflict, "only %d are free", len(chosen))
		case page.Next == "":
			around = false // the index from its beginning
		}
	}
}

// placeOf gives the cursor of a place among the free units of a product.
func placeOf(of rows, product, from string) (string, error) {
	row, place := of.unit(product, from), of.free(product).Key(unitKind, from)

	return table.Position{PK: row.PK(), SK: row.SK(), GPK: place.PK(), GSK: place.SK()}.Cursor()
}

// freeOf gives up to count units of a page that are free, and were not seen yet.
// The index lags: only the row itself says so.
func (s *Service) freeOf(ctx context.Context, page table.Page, seen map[table.Key]bool, count int) ([]Unit, error) {
	var free []Unit

	for _, row := range page.Rows {
		if seen[row.Key] {
			continue
		}

		seen[row.Key] = true

		unit, version, err := table.Read[Unit](ctx, s.state, row.Key)

		switch {
		case errs.Is(err, errs.NotFound):
			continue
		case err != nil:
			return nil, err
		case unit.Order != "":
			continue
		}

		unit.Version = version
		if free = append(free, unit); len(free) == count {
			break
		}
	}

	return free, nil
}

// Return gives the operations that make units of an order free again, available, and not
// sold: those that were never sent to anybody. Without units it only takes back that
// count were sold. Unauthorized where a unit is not of that order.
//
// The write fails with Conflict where the stock of the product moved meanwhile: return again.
func (s *Service) Return(ctx context.Context, claim ClaimOf, units []string) ([]table.Op, error) {
	of, err := rowsOf(claim.Store)
	if err != nil {
		return nil, err
	}

	ops := []table.Op{table.Add(of.product(claim.Product, soldPart), sold, -claim.Count, 0, plenty)}
	if claim.Policy != Units {
		return ops, nil
	}

	if int64(len(units)) != claim.Count {
		return nil, errs.New(errs.Invalid, "return %d units of %s: %d are named", claim.Count, claim.Product, len(units))
	}

	for _, name := range units {
		unit, err := s.unitOf(ctx, of, claim.Product, claim.Order, name)
		if err != nil {
			return nil, errs.Context(err, "return units of %s of %s from order %s", claim.Product, claim.Store, claim.Order)
		}

		unit.Order, unit.Buyer = "", 0

		row, err := unitRow(of, unit)
		if err != nil {
			return nil, err
		}

		ops = append(ops, table.Replace(row))
	}

	return append(ops, table.Add(of.product(claim.Product, stockPart), available, claim.Count, 0, plenty)), nil
}

// Open gives the contents of units of an order, in the order asked. Unauthorized where a
// unit was not sold with that order.
func (s *Service) Open(ctx context.Context, store, product, order string, units []string) ([][]byte, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, err
	}

	contents := make([][]byte, 0, len(units))

	for _, name := range units {
		unit, err := s.unitOf(ctx, of, product, order, name)
		if err != nil {
			return nil, errs.Context(err, "open units of %s of %s for order %s", product, store, order)
		}

		plain, err := s.sealer.Open(ctx, store, sealedAs(product, unit.ID), unit.Sealed)
		if err != nil {
			return nil, errs.Context(err, "open a unit of %s of %s for order %s", product, store, order)
		}

		contents = append(contents, plain)
	}

	return contents, nil
}

// unitOf reads a unit that was sold with an order.
func (s *Service) unitOf(ctx context.Context, of rows, product, order, name string) (Unit, error) {
	unit, version, err := table.Read[Unit](ctx, s.state, of.unit(product, name))
	if err != nil {
		return Unit{}, err
	}

	if order == "" || unit.Order != order {
		return Unit{}, errs.New(errs.Unauthorized, "unit %s of %s was not sold with order %q", name, product, order)
	}

	unit.Version = version

	return unit, nil
}
