package user

import (
	"context"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// usernames is the partition of the index in which those stand who had a
// username when they wrote last; usernames do not tell small letters from capitals.
func usernames(tenant table.Tenant, username string) table.Partition {
	return tenant.Partition("username", strings.ToLower(username))
}

// namesakes is how many people are looked at who had the same username one
// after the other.
const namesakes = 8

// Find gives the people of a store that a text can mean: a numeric id or a
// username, with or without the @. Usernames change hands: several may have had
// one when they wrote last, so whoever acts on it must be shown whom it means.
// None is no error.
func (r *Repository) Find(ctx context.Context, store, text string) ([]User, error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "@")

	if id, err := strconv.ParseInt(text, 10, 64); err == nil && id > 0 {
		return r.known(ctx, store, id)
	}

	if text == "" {
		return nil, nil
	}

	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	page, err := r.state.Query(ctx, table.Query{Partition: usernames(tenant, text), Index: true, Limit: namesakes})
	if err != nil {
		return nil, errs.Context(err, "find a user of store %s by username", store)
	}

	var found []User

	for _, row := range page.Rows {
		indexed, err := table.Decode[User](row)
		if err != nil {
			return nil, err
		}

		users, err := r.known(ctx, store, indexed.ID)
		if err != nil {
			return nil, err
		}

		for _, user := range users {
			if strings.EqualFold(user.Username, text) { // the index may lag behind
				found = append(found, user)
			}
		}
	}

	return found, nil
}

// known gives a user, or none where the store does not know them.
func (r *Repository) known(ctx context.Context, store string, id int64) ([]User, error) {
	found, err := r.Get(ctx, store, id)
	if errs.Is(err, errs.NotFound) {
		return nil, nil
	}

	if err != nil {
		return nil, err
	}

	return []User{found}, nil
}
