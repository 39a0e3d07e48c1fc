package user

import (
	"context"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// peopleOf is the partition of the index in which all people of a store stand,
// in the order of their ids as texts.
func peopleOf(tenant table.Tenant) table.Partition { return tenant.Partition("people") }

// MaxBought is how many products are remembered that a person bought: of more,
// the ones bought first are forgotten.
const MaxBought = 100

// dayForm is how SeenDay is written.
const dayForm = "2006-01-02"

// Day writes the day of a moment in a store's zone as User.SeenDay has it.
func Day(of store.Store, at time.Time) string {
	zone, err := time.LoadLocation(of.TimeZone)
	if err != nil { // Registry.Save lets no such store in
		zone = time.UTC
	}

	return at.In(zone).Format(dayForm)
}

// Buy remembers the products that a person bought, each once however often it
// is told. A person whom the store does not know is no error: nothing is written.
func (r *Repository) Buy(ctx context.Context, store string, user int64, products ...string) error {
	_, err := r.Change(ctx, store, user, func(buyer *User) {
		bought := slices.Clone(buyer.Bought)

		for _, product := range products {
			if product != "" && !slices.Contains(bought, product) {
				bought = append(bought, product)
			}
		}

		buyer.Bought = bought[max(0, len(bought)-MaxBought):]
	})
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "remember what user %d of store %s bought", user, store)
	}

	return nil
}

// Page reads some of a store's people, at most limit, and the cursor of the
// next page: empty at the end. A page is read from the index, which may lag
// behind a change by a moment. Half a read unit for each 4 KB.
func (r *Repository) Page(ctx context.Context, store, cursor string, limit int) ([]User, string, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, "", err
	}

	page, err := r.state.Query(ctx, table.Query{
		Partition: peopleOf(tenant), Index: true, Prefix: table.SortPrefix("user"), Limit: limit, Cursor: cursor,
	})
	if err != nil {
		return nil, "", errs.Context(err, "list the people of store %s", store)
	}

	people := make([]User, 0, len(page.Rows))

	for _, row := range page.Rows {
		found, err := table.Decode[User](row)
		if err != nil {
			return nil, "", err
		}

		people = append(people, found)
	}

	return people, page.Next, nil
}
