package catalog

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Categories gives the shelves of a store that hold something on sale, in the
// order of their names. One query.
func (s *Service) Categories(ctx context.Context, store string) ([]Category, error) {
	all, filled, err := s.categories(ctx, store)
	if err != nil {
		return nil, err
	}

	return slices.DeleteFunc(all, func(c Category) bool { return !filled[c.ID] }), nil
}

// AllCategories gives every shelf of a store, also empty ones, for those who
// fill them. One query.
func (s *Service) AllCategories(ctx context.Context, store string) ([]Category, error) {
	all, _, err := s.categories(ctx, store)

	return all, err
}

// Category gives one. NotFound where there is none.
func (s *Service) Category(ctx context.Context, store, category string) (Category, error) {
	of, err := rowsOf(store)
	if err != nil {
		return Category{}, err
	}

	found, version, err := table.Read[Category](ctx, s.state, of.category(category, itemPart))
	if err != nil {
		return Category{}, noSuch(err, "catalog.category_gone", "find category %s of %s", category, store)
	}

	found.Version = version

	return found, nil
}

func (s *Service) categories(ctx context.Context, store string) ([]Category, map[string]bool, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, nil, err
	}

	var found []Category

	filled := map[string]bool{}
	query := table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(categoryKind)}

	for row, err := range s.all(ctx, query) {
		if err != nil {
			return nil, nil, errs.Context(err, "list the categories of %s", store)
		}

		of, part := partOf(row.Key)
		if part == shelfPart {
			filled[of] = row.Counters[onSale] > 0

			continue
		}

		category, err := table.Decode[Category](row)
		if err != nil {
			return nil, nil, err
		}

		category.Version = row.Version
		found = append(found, category)
	}

	slices.SortFunc(found, func(a, b Category) int {
		return cmp.Or(cmp.Compare(fold(a.Name.In(textLanguage)), fold(b.Name.In(textLanguage))), cmp.Compare(a.ID, b.ID))
	})

	return found, filled, nil
}

// Shelf gives a page of a category's offers, the oldest first, hidden ones left out, and
// whether there are more in the same direction. One query; up to moments old.
func (s *Service) Shelf(ctx context.Context, store, category string, place Place) ([]Offer, bool, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, false, err
	}

	query := table.Query{Partition: of.shelf(category), Index: true, Prefix: table.SortPrefix(productKind)}

	if place.From != "" {
		// Buttons hold 64 bytes, too few for a cursor: it is made of the product's
		// name, behind the last of its rows or before the first.
		part := stockPart
		if place.Back {
			part = itemPart
		}

		row, beside := of.product(place.From, part), query.Partition.Key(productKind, place.From, part)
		query.Cursor, err = table.Position{PK: row.PK(), SK: row.SK(), GPK: beside.PK(), GSK: beside.SK()}.Cursor()
	}

	if err != nil {
		return nil, false, err
	}

	offers, more, err := s.page(ctx, query, place)

	return offers, more, errsContext(err, "turn the pages of category %s of %s", category, store)
}

// Products gives a page of all of a store's products, the oldest first, hidden
// ones too, and whether there are more in the same direction: for those who
// manage them. One query, as last written.
func (s *Service) Products(ctx context.Context, store string, place Place) ([]Offer, bool, error) {
	of, err := rowsOf(store)
	if err != nil {
		return nil, false, err
	}

	query := table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(productKind)}

	if place.From != "" {
		part := stockPart
		if place.Back {
			part = itemPart
		}

		beside := of.product(place.From, part)
		query.Cursor, err = table.Position{PK: beside.PK(), SK: beside.SK()}.Cursor()
	}

	if err != nil {
		return nil, false, err
	}

	offers, more, err := s.page(ctx, query, place)

	return offers, more, errsContext(err, "turn the pages of the products of %s", store)
}

// parts is how many rows a product has at most where pages are read.
const parts = 4

// page reads offers until there are enough, and one more to know of. Where
// place.Back it reads backwards and gives them in their usual order.
func (s *Service) page(ctx context.Context, query table.Query, place Place) ([]Offer, bool, error) {
	if place.Limit < 1 {
		return nil, false, errs.New(errs.Invalid, "a page of %d: use 1 or more", place.Limit)
	}

	query.Descending = place.Back
	query.Limit = min(parts*(place.Limit+1), table.MaxPageRows)

	var found shelf

	for {
		page, err := s.state.Query(ctx, query)
		if err != nil {
			return nil, false, err
		}

		for _, row := range page.Rows {
			if err := found.put(row); err != nil {
				return nil, false, err
			}
		}

		// Where a page ends within the rows of an offer, it is one too many: not shown yet.
		if query.Cursor = page.Next; query.Cursor == "" || len(found.offers()) > place.Limit {
			break
		}
	}

	offers := found.offers()
	more := len(offers) > place.Limit
	offers = offers[:min(len(offers), place.Limit)]

	if place.Back {
		slices.Reverse(offers)
	}

	return offers, more, nil
}

// Offer gives one product with its stock, also a hidden one. NotFound where
// there is none. One query, as last written.
func (s *Service) Offer(ctx context.Context, store, product string) (Offer, error) {
	offer, _, err := s.offer(ctx, store, product)

	return offer, err
}

// offer reads all rows of a product, by their parts too.
func (s *Service) offer(ctx context.Context, store, product string) (Offer, map[string]table.Row, error) {
	of, err := rowsOf(store)
	if err != nil {
		return Offer{}, nil, err
	}

	var found shelf

	byPart := map[string]table.Row{}
	query := table.Query{Partition: of.catalog(), Prefix: table.SortPrefix(productKind, product)}

	for row, err := range s.all(ctx, query) {
		if err == nil {
			err = found.put(row)
		}

		if err != nil {
			return Offer{}, nil, errs.Context(err, "read product %s of %s", product, store)
		}

		_, part := partOf(row.Key)
		byPart[part] = row
	}

	offers := found.offers()
	if len(offers) == 0 {
		err := errs.New(errs.NotFound, "there is no such product")

		return Offer{}, nil, noSuch(err, "catalog.product_gone", "read product %s of %s", product, store)
	}

	return offers[0], byPart, nil
}

// all reads a query to its end.
func (s *Service) all(ctx context.Context, query table.Query) iter.Seq2[table.Row, error] {
	query.Limit = table.MaxPageRows

	return func(yield func(table.Row, error) bool) {
		for {
			page, err := s.state.Query(ctx, query)
			if err != nil {
				yield(table.Row{}, err)

				return
			}

			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}

			if query.Cursor = page.Next; query.Cursor == "" {
				return
			}
		}
	}
}

// shelf puts offers together from their rows, in the order of their coming.
type shelf struct {
	order []string
	found map[string]*Offer
}

func (s *shelf) put(row table.Row) error {
	product, part := partOf(row.Key)
	if s.found == nil {
		s.found = map[string]*Offer{}
	}

	offer := s.found[product]
	if offer == nil {
		offer = &Offer{}
		s.found[product] = offer
		s.order = append(s.order, product)
	}

	switch part {
	case stockPart:
		offer.Available = row.Counters[available]
	case soldPart:
		offer.Sold = row.Counters[sold]
	case itemPart:
		decoded, err := table.Decode[Product](row)
		if err != nil {
			return err
		}

		offer.Product = decoded
		offer.Version = row.Version
	}

	return nil
}

// offers gives those whose product is known: the index may show a counter first.
func (s *shelf) offers() []Offer {
	var offers []Offer

	for _, product := range s.order {
		if offer := s.found[product]; offer.ID != "" {
			offers = append(offers, *offer)
		}
	}

	return offers
}

// partOf gives whose row it is, and which: keys here are KIND#ID#PART, and ids
// hold nothing that is escaped.
func partOf(key table.Key) (string, string) {
	_, rest, _ := strings.Cut(key.SK(), "#")
	of, part, _ := strings.Cut(rest, "#")

	return of, part
}

// errsContext is errs.Context that leaves no error alone.
func errsContext(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}

	return errs.Context(err, format, args...)
}
