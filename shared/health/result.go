package health

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Rows of the state table: platform#health / result#STORE holds what is known
// of all checks of a store, result# of those of the platform, so that a look
// costs one write for each; summary what is known of everything in short.

func partition() table.Partition { return table.Platform().Partition("health") }

const resultKind = "result"

func keyOf(of string) table.Key { return partition().Key(resultKind, of) }

// stored is the body of a row.
type stored struct {
	Store   string   `json:"store"`
	Results []Result `json:"results"`
}

// group is what is known of the checks of one store, or of the platform.
type group struct {
	entries []entry
	version int64
}

type entry struct {
	result Result
	news   bool
}

// of gives what is known of a check; the zero Result where nothing is.
func (g group) of(check Check) Result {
	for _, found := range g.entries {
		if found.result.Name == check.Name && found.result.Of == check.Of {
			return found.result
		}
	}

	return Result{}
}

func (g group) results() []Result {
	results := make([]Result, 0, len(g.entries))
	for _, found := range g.entries {
		results = append(results, found.result)
	}

	return results
}

func (g group) sort() {
	slices.SortFunc(g.entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.result.Name, b.result.Name), cmp.Compare(a.result.Of, b.result.Of))
	})
}

// write stores what is known. Another look that has stored something newer
// wins: what it has found is as good.
func (g group) write(ctx context.Context, into table.Table, of string, version int64) error {
	body, err := table.Encode(stored{Store: of, Results: g.results()})
	if err != nil {
		return err
	}

	put := table.Put(table.Row{Key: keyOf(of), Version: version, Body: body})
	if err := into.Write(ctx, put); err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "remember the health of %s", cmp.Or(of, "the platform"))
	}

	return nil
}

// same reports whether both are of one check.
func (r Result) same(as Result) bool {
	return r.Name == as.Name && r.Of == as.Of && r.Store == as.Store
}

// lasting gives results without the moment of a look that has found nothing
// new: what was always so is not written again.
func lasting(results []Result) []Result {
	kept := make([]Result, 0, len(results))

	for _, result := range results {
		if !costly(result.Name) {
			result.Seen = time.Time{}
		}

		result.Words.Args = nil // the value says the same; numbers change their type on the way through a row
		kept = append(kept, result)
	}

	return kept
}

// costly names the checks that are not looked at each time: of those it
// matters when that was.
func costly(name string) bool {
	return slices.Contains([]string{"parameters", "memory", "log", "concurrency", "queue-age"}, name)
}

// readAll reads what is known of everything, by store.
func readAll(ctx context.Context, from table.Table) (map[string]group, error) {
	known := map[string]group{}
	query := table.Query{Partition: partition(), Prefix: table.SortPrefix(resultKind), Limit: table.MaxPageRows}

	for {
		page, err := from.Query(ctx, query)
		if err != nil {
			return nil, errs.Context(err, "read what is known of the platform's health")
		}

		for _, row := range page.Rows {
			body, err := table.Decode[stored](row)
			if err != nil {
				return nil, err
			}

			known[body.Store] = body.group(row.Version)
		}

		if page.Next == "" {
			return known, nil
		}

		query.Cursor = page.Next
	}
}

// readGroups reads what is known of some stores.
func readGroups(ctx context.Context, from table.Table, stores ...string) (map[string]group, error) {
	known := map[string]group{}

	for _, of := range stores {
		body, version, err := table.Read[stored](ctx, from, keyOf(of))
		if err != nil && !errs.Is(err, errs.NotFound) {
			return nil, err
		}

		known[of] = body.group(version)
	}

	return known, nil
}

func (s stored) group(version int64) group {
	made := group{version: version}
	for _, result := range s.Results {
		made.entries = append(made.entries, entry{result: result})
	}

	return made
}
