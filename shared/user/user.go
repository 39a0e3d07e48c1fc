// Package user provides the people who talk to a store's bot. A person is one
// user in each store and unknown in every other.
package user

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// User is a person as a store knows them.
type User struct {
	ID        int64     `json:"id"` // Telegram's
	Name      string    `json:"name"`
	Username  string    `json:"username,omitempty"` // without the @
	Language  string    `json:"language"`           // of the texts: two letters
	Banned    bool      `json:"banned,omitempty"`   // the store does not want to serve them
	Blocked   bool      `json:"blocked,omitempty"`  // they do not want to hear from the bot
	CreatedAt time.Time `json:"created_at"`
	// Role is what they may do beside buying; the owner's stands in the store.
	Role Role `json:"role,omitempty"`
	// MutedUntil is when a mute for too many taps ends, Mutes how many there were lately.
	MutedUntil time.Time `json:"muted_until,omitzero"`
	Mutes      int       `json:"mutes,omitempty"`
	// PremiumUntil is when the premium tier ends; zero: they never had it.
	PremiumUntil time.Time `json:"premium_until,omitzero"`

	// SeenDay is the last day on which they wrote, yyyy-mm-dd in the store's
	// zone; empty: none was noted.
	SeenDay string `json:"seen_day,omitempty"`
	// NoBroadcasts: they want no broadcasts; what concerns their orders still comes.
	NoBroadcasts bool `json:"no_broadcasts,omitempty"`
	// Bought are the products that they bought, each once, the last MaxBought of them.
	Bought []string `json:"bought,omitempty"`

	Preferences Preferences `json:"preferences,omitzero"`
}

// Preferences are what a person wants of every transcription.
type Preferences struct {
	Spoken   string `json:"spoken,omitempty"` // language of recordings: two letters; empty: to be recognised
	Model    string `json:"model,omitempty"`  // "provider/model"; empty: the best
	Speakers bool   `json:"speakers,omitempty"`
	Along    string `json:"along,omitempty"` // format of the file that comes with each result; empty: none
}

// Premium reports whether the user is in the premium tier at a moment.
func (u User) Premium(now time.Time) bool { return now.Before(u.PremiumUntil) }

// Person is who wrote, as Telegram says.
type Person struct {
	ID       int64
	Name     string
	Username string
	Day      string // on which they wrote, yyyy-mm-dd in the store's zone; empty: not noted
}

// Repository keeps the users of all stores.
type Repository struct {
	state table.Table
	clock clock.Clock
}

// NewRepository makes the repository over the state table.
func NewRepository(state table.Table, now clock.Clock) *Repository {
	return &Repository{state: state, clock: now}
}

func keyOf(store string, user int64) (table.Key, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("user", strconv.FormatInt(user, 10)).Key("profile"), nil
}

// rowOf makes the row of a user, which stands in the index among the store's
// people; version is the one read, 0 for a new user.
func rowOf(store string, of User, version int64) (table.Row, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Row{}, err
	}

	id := strconv.FormatInt(of.ID, 10)
	row := table.Row{
		Key: tenant.Partition("user", id).Key("profile"), Version: version, Index: peopleOf(tenant).Key("user", id),
	}

	row.Body, err = table.Encode(of)

	return row, err
}

// Get reads a user of a store. NotFound where the store does not know them.
func (r *Repository) Get(ctx context.Context, store string, user int64) (User, error) {
	found, _, err := r.read(ctx, store, user)

	return found, err
}

// Meet gives the user that a person is in a store: with the name they have
// now and the day noted, or new, speaking language, at the first time. It writes
// where a name has changed and at the first word of a day.
func (r *Repository) Meet(ctx context.Context, store string, person Person, language string) (User, error) {
	found, err := r.Get(ctx, store, person.ID)

	switch {
	case errs.Is(err, errs.NotFound):
		return r.create(ctx, store, person, language)
	case err != nil:
		return User{}, err
	case found.Name == person.Name && found.Username == person.Username && found.SeenDay >= person.Day:
		return found, nil
	}

	return r.Change(ctx, store, person.ID, func(user *User) {
		user.Name, user.Username, user.SeenDay = person.Name, person.Username, max(user.SeenDay, person.Day)
	})
}

func (r *Repository) create(ctx context.Context, store string, person Person, language string) (User, error) {
	made := User{
		ID: person.ID, Name: person.Name, Username: person.Username, Language: language, CreatedAt: r.clock.Now(),
		SeenDay: person.Day,
	}

	row, err := rowOf(store, made, 0)
	if err != nil {
		return User{}, err
	}

	named, err := r.rename(ctx, store, made.ID, "", made.Username)
	if err != nil {
		return User{}, err
	}

	err = r.state.Write(ctx, append([]table.Op{table.Create(row)}, named...)...)
	if errs.Is(err, errs.Conflict) { // they wrote twice at once
		return r.Get(ctx, store, person.ID)
	}

	if err != nil {
		return User{}, errs.Context(err, "create user %d of store %s", person.ID, store)
	}

	return made, nil
}

// tries is how often a change that another one disturbs is begun anew.
const tries = 4

// Change reads a user, changes them and writes them back, anew when someone
// else changes them meanwhile, together with other operations where there are
// such: an audit row. A change that changes nothing writes nothing.
// NotFound where the store does not know them.
func (r *Repository) Change(
	ctx context.Context, store string, user int64, change func(*User), with ...table.Op,
) (User, error) {
	var err error
	for range tries {
		var changed User

		changed, err = r.tryChange(ctx, store, user, change, with)
		if !errs.Is(err, errs.Conflict) {
			return changed, err
		}
	}

	return User{}, errs.Wrap(err, errs.Unavailable, "change user %d of store %s: others keep changing them", user, store)
}

func (r *Repository) tryChange(
	ctx context.Context, store string, user int64, change func(*User), with []table.Op,
) (User, error) {
	found, version, err := r.read(ctx, store, user)
	if err != nil {
		return User{}, err
	}

	changed := found
	change(&changed)

	if reflect.DeepEqual(changed, found) {
		return found, nil
	}

	row, err := rowOf(store, changed, version)
	if err != nil {
		return User{}, err
	}

	named, err := r.rename(ctx, store, user, found.Username, changed.Username)
	if err != nil {
		return User{}, err
	}

	if err := r.state.Write(ctx, slices.Concat([]table.Op{table.Replace(row)}, named, with)...); err != nil {
		return User{}, errs.Context(err, "change user %d of store %s", user, store)
	}

	return changed, nil
}

func (r *Repository) read(ctx context.Context, store string, user int64) (User, int64, error) {
	key, err := keyOf(store, user)
	if err != nil {
		return User{}, 0, err
	}

	found, version, err := table.Read[User](ctx, r.state, key)
	if err != nil {
		return User{}, 0, errs.Context(err, "get user %d of store %s", user, store)
	}

	return found, version, nil
}
