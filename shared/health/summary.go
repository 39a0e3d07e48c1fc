package health

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Summary is what machines and the status page are told: nothing of it names a
// store.
type Summary struct {
	At         time.Time `json:"at"` // of the last look at everything
	Components []Part    `json:"components"`
	Checks     []Part    `json:"checks"`
}

// Part is the state of a component or of all checks of one kind.
type Part struct {
	Name  string    `json:"name"`
	State State     `json:"state"`
	Since time.Time `json:"since"`
}

// staleAfter is how old a summary may be: three looks have not come by then.
const staleAfter = 16 * time.Minute

// Stale reports whether nobody has looked for too long.
func (s Summary) Stale(now time.Time) bool { return now.Sub(s.At) > staleAfter }

// State gives the worst state of the components; Critical where the summary is
// stale.
func (s Summary) State(now time.Time) State {
	if s.Stale(now) {
		return Critical
	}

	state := OK
	for _, part := range s.Components {
		state = worse(state, part.State)
	}

	return state
}

func summaryKey() table.Key { return partition().Key("summary") }

// ReadSummary reads the summary of the last look. NotFound where there was none.
func ReadSummary(ctx context.Context, from table.Table) (Summary, error) {
	found, _, err := table.Read[Summary](ctx, from, summaryKey())

	return found, err
}

// summarize stores the short of what is known of everything.
func (c *Checker) summarize(ctx context.Context, known map[string]group) error {
	before, version, err := table.Read[Summary](ctx, c.State, summaryKey())
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "sum up the health of the platform")
	}

	components, checks := map[string]*tally{}, map[string]*tally{}

	for of, one := range known {
		for _, result := range one.results() {
			count(checks, result.Name, of, result.State)

			// People are served by what nobody could look at as by what is well.
			if result.Component != Inside && result.State != Unknown {
				count(components, string(result.Component), of, result.State)
			}
		}
	}

	at := c.Clock.Now().Truncate(time.Millisecond)

	body, err := table.Encode(Summary{
		At: at, Components: parts(components, before.Components, at), Checks: parts(checks, before.Checks, at),
	})
	if err != nil {
		return err
	}

	put := table.Put(table.Row{Key: summaryKey(), Version: version, Body: body})
	if err := c.State.Write(ctx, put); err != nil && !errs.Is(err, errs.Conflict) { // Conflict: another look is as good
		return errs.Context(err, "sum up the health of the platform")
	}

	return nil
}

// tally counts the states of what a component or a kind of checks consists of.
type tally struct {
	shared State            // the worst of what all stores share
	stores map[string]State // the worst of each store's own
}

func count(into map[string]*tally, name, of string, state State) {
	if into[name] == nil {
		into[name] = &tally{shared: OK, stores: map[string]State{}}
	}

	if of == "" {
		into[name].shared = worse(into[name].shared, state)
	} else {
		into[name].stores[of] = worse(cmp.Or(into[name].stores[of], OK), state)
	}
}

// A store's own trouble, such as a token that its owner has revoked, is not the
// platform's: only where it is that of many stores they have it from the platform.
const (
	manyStores = 5 // one in so many
	mostStores = 2
)

// state gives the state of all together.
func (t tally) state() State {
	bad := 0

	for _, state := range t.stores {
		if state == Critical {
			bad++
		}
	}

	state := t.shared

	switch {
	case bad == 0:
		return state
	case mostStores*bad >= len(t.stores):
		return Critical
	case manyStores*bad >= len(t.stores):
		return worse(state, Warning)
	default:
		return state
	}
}

func parts(tallies map[string]*tally, before []Part, at time.Time) []Part {
	made := make([]Part, 0, len(tallies))

	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		part := Part{Name: name, State: tallies[name].state(), Since: at}

		place := slices.IndexFunc(before, func(p Part) bool { return p.Name == name })
		if place >= 0 && before[place].State == part.State {
			part.Since = before[place].Since
		}

		made = append(made, part)
	}

	return made
}
