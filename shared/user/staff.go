package user

import (
	"context"
	"slices"
	"strconv"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// Member is one of a store's staff.
type Member struct {
	User int64 `json:"user"`
	Role Role  `json:"role"`
}

// staffOf is where a store's staff stand: store#ID#staff / member#USER, written
// together with the profile.
func staffOf(tenant table.Tenant) table.Partition { return tenant.Partition("staff") }

// maxStaff is how many members one read gives: more than a stall has hands.
const maxStaff = 200

// Staff lists those of a store who have a role, in the order of their ids. The
// owner, who has none, is not among them. One read.
func (r *Repository) Staff(ctx context.Context, store string) ([]Member, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	page, err := r.state.Query(ctx, table.Query{
		Partition: staffOf(tenant), Prefix: table.SortPrefix("member"), Limit: maxStaff,
	})
	if err != nil {
		return nil, errs.Context(err, "list the staff of store %s", store)
	}

	return table.DecodeAll[Member](page.Rows)
}

// Who gives the people of a store who may do something: its owner first, then
// those of its staff whose role allows it. One read.
func (r *Repository) Who(ctx context.Context, of store.Store, may Permission) ([]int64, error) {
	members, err := r.Staff(ctx, of.ID)
	if err != nil {
		return nil, err
	}

	var people []int64
	if of.Owner != 0 && Owner.May(may) {
		people = append(people, of.Owner)
	}

	for _, member := range members {
		if member.Role.May(may) && !slices.Contains(people, member.User) {
			people = append(people, member.User)
		}
	}

	return people, nil
}

// Appoint gives a person a role, Buyer to take it away, together with other
// operations such as an audit row. Giving the role that they have writes
// nothing. NotFound where the store does not know them; Invalid for a role that
// cannot be given.
func (r *Repository) Appoint(ctx context.Context, store string, user int64, role Role, with ...table.Op) (User, error) {
	if !role.Valid() {
		return User{}, errs.New(errs.Invalid, "give user %d of store %s the role %q: it is none that can be given", user, store, role)
	}

	var err error
	for range tries {
		var appointed User

		appointed, err = r.tryAppoint(ctx, store, user, role, with)
		if !errs.Is(err, errs.Conflict) {
			return appointed, err
		}
	}

	return User{}, errs.Wrap(err, errs.Unavailable, "appoint user %d of store %s: others keep changing them", user, store)
}

func (r *Repository) tryAppoint(ctx context.Context, store string, user int64, role Role, with []table.Op) (User, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return User{}, err
	}

	found, version, err := r.read(ctx, store, user)
	if err != nil || found.Role == role {
		return found, err
	}

	found.Role = role

	profile, err := rowOf(store, found, version)
	if err != nil {
		return User{}, err
	}

	key := staffOf(tenant).Key("member", strconv.FormatInt(user, 10))

	present, err := r.state.Get(ctx, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return User{}, errs.Context(err, "look for user %d among the staff of store %s", user, store)
	}

	ops := append([]table.Op{table.Replace(profile)}, with...)

	switch {
	case role != Buyer:
		body, err := table.Encode(Member{User: user, Role: role})
		if err != nil {
			return User{}, err
		}

		ops = append(ops, table.Put(table.Row{Key: key, Version: present.Version, Body: body}))
	case present.Version > 0:
		ops = append(ops, table.Delete(key, present.Version))
	}

	if err := r.state.Write(ctx, ops...); err != nil {
		return User{}, errs.Context(err, "appoint user %d of store %s", user, store)
	}

	return found, nil
}
