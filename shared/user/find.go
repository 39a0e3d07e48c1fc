package user

import (
	"context"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// usernames is the partition of those who had a username when they wrote last:
// store#ID#username#NAME / user#USER. Usernames do not tell small letters from
// capitals.
func usernames(tenant table.Tenant, username string) table.Partition {
	return tenant.Partition("username", strings.ToLower(username))
}

// named is the row that says who had a username.
type named struct {
	User int64 `json:"user"`
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

	page, err := r.state.Query(ctx, table.Query{Partition: usernames(tenant, text), Limit: namesakes})
	if err != nil {
		return nil, errs.Context(err, "find a user of store %s by username", store)
	}

	var found []User

	for _, row := range page.Rows {
		holder, err := table.Decode[named](row)
		if err != nil {
			return nil, err
		}

		users, err := r.known(ctx, store, holder.User)
		if err != nil {
			return nil, err
		}

		for _, user := range users {
			if strings.EqualFold(user.Username, text) { // they may have changed it since the rows were read
				found = append(found, user)
			}
		}
	}

	return found, nil
}

// rename gives the operations by which a person is found by a username and no
// more by the one that they had; an empty one is none.
func (r *Repository) rename(ctx context.Context, store string, user int64, from, to string) ([]table.Op, error) {
	if strings.EqualFold(from, to) {
		return nil, nil
	}

	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	body, err := table.Encode(named{User: user})
	if err != nil {
		return nil, err
	}

	var ops []table.Op

	for _, username := range []string{from, to} {
		if username == "" {
			continue
		}

		key := usernames(tenant, username).Key("user", strconv.FormatInt(user, 10))

		present, err := r.state.Get(ctx, key)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return nil, errs.Context(err, "look for user %d of store %s by username", user, store)
		}

		switch {
		case username == to:
			ops = append(ops, table.Put(table.Row{Key: key, Version: present.Version, Body: body}))
		case present.Version > 0:
			ops = append(ops, table.Delete(key, present.Version))
		}
	}

	return ops, nil
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
