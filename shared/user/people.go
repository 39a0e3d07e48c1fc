package user

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/broadcast"
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

// Audience gives, from a cursor on ("" at first), the people of a store who are
// in an audience, in the order of their ids as texts, and the cursor of the next
// ones: "" at the end. It looks at limit people, so it may give fewer, even
// none, before the end. They are read from the index, which may lag behind a
// change by a moment. Half a read unit for each 4 KB of profiles.
func (r *Repository) Audience(
	ctx context.Context, of store.Store, audience broadcast.Audience, cursor string, limit int,
) ([]int64, string, error) {
	tenant, err := table.TenantOf(of.ID)
	if err != nil {
		return nil, "", err
	}

	page, err := r.state.Query(ctx, table.Query{
		Partition: peopleOf(tenant), Index: true, Prefix: table.SortPrefix("user"), Limit: limit, Cursor: cursor,
	})
	if err != nil {
		return nil, "", errs.Context(err, "list the people of store %s", of.ID)
	}

	var people []int64

	for _, row := range page.Rows {
		found, err := table.Decode[User](row)
		if err != nil {
			return nil, "", err
		}

		if found.in(audience, of, r.clock.Now()) {
			people = append(people, found.ID)
		}
	}

	return people, page.Next, nil
}

// in reports whether a broadcast to an audience is for the person.
func (u User) in(audience broadcast.Audience, of store.Store, now time.Time) bool {
	const day = 24 * time.Hour

	switch {
	case u.Banned || u.Blocked || u.NoBroadcasts,
		audience.Tier == broadcast.Premium && !u.Premium(now),
		audience.Tier == broadcast.Free && u.Premium(now),
		audience.Language != "" && audience.Language != u.Language,
		audience.Bought != "" && !slices.Contains(u.Bought, audience.Bought):
		return false
	}

	seen := cmp.Or(u.SeenDay, Day(of, u.CreatedAt)) // of some no day was noted yet

	return audience.InactiveDays <= 0 || seen <= Day(of, now.Add(-time.Duration(audience.InactiveDays)*day))
}

// Block notes that a person has blocked the store's bot; a person whom the
// store does not know is no error.
func (r *Repository) Block(ctx context.Context, store string, user int64) error {
	_, err := r.Change(ctx, store, user, func(of *User) { of.Blocked = true })
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "note that user %d of store %s has blocked the bot", user, store)
	}

	return nil
}
