package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/table"
)

// What one import takes.
const (
	MaxUnits     = 5000    // units
	MaxUnitBytes = 4 << 10 // bytes of one
)

// chunkUnits is how many units one write takes: with the counter, the chunk's
// own row and the audit row they are at most table.MaxOps.
const chunkUnits = table.MaxOps - 3

// importKept is how long it is remembered what a chunk has added: far longer
// than an update is ever delivered again.
const importKept = 7 * 24 * time.Hour

// Stocked says what became of an import.
type Stocked struct {
	Added      int
	Duplicates int   // of units that are or were in stock, or stand twice in the import
	Refused    []int // lines that are no unit, from 1
}

// chunk is the row of a chunk of an import that is done: doing it again gives
// what it gave.
type chunk struct {
	Added      int `json:"added"`
	Duplicates int `json:"duplicates"`
}

// stocking is a unit on its way into stock.
type stocking struct {
	id    string
	plain []byte
}

// Stock adds units to a product; contents are sealed before they are stored. Doing it
// again adds nothing and gives what the first time gave. Invalid where there are over
// MaxUnits, or the product has no units; NotFound where it is not there. Units that are
// added are in chunks of one write each, which holds or does not: after an error some may
// be in stock, and stocking again adds the others. Who waits for the product is told.
func (s *Service) Stock(ctx context.Context, store, product string, contents [][]byte, by Editor) (Stocked, error) {
	if len(contents) > MaxUnits {
		return Stocked{}, errs.New(errs.Invalid, "stock %d units of %s: at most %d at once", len(contents), product, MaxUnits).
			Tell("catalog.import_units", errs.Args{"Limit": MaxUnits})
	}

	offer, err := s.Offer(ctx, store, product)
	if err != nil {
		return Stocked{}, err
	}

	if offer.Policy != Units {
		return Stocked{}, errs.New(errs.Invalid, "stock product %s of %s: it is sold without units", product, store).
			Tell("catalog.no_units", nil)
	}

	made, units, err := s.identify(ctx, store, contents)
	if err != nil {
		return Stocked{}, errs.Context(err, "stock product %s of %s", product, store)
	}

	for first := 0; first < len(units); first += chunkUnits {
		some := units[first:min(first+chunkUnits, len(units))]

		done, err := s.stockChunk(ctx, store, product, some, by)
		if err != nil {
			return made, errs.Context(err, "stock units %d to %d of product %s of %s", first+1, first+len(some), product, store)
		}

		made.Added += done.Added
		made.Duplicates += done.Duplicates
	}

	if made.Added > 0 {
		s.snapshots.drop(store)
	}

	if err := s.rearm(ctx, store, product); err != nil {
		return made, err
	}

	return made, s.Restocked(ctx, store, product)
}

// identify names the units after what they hold, and sorts out what is none
// and what stands twice.
func (s *Service) identify(ctx context.Context, store string, contents [][]byte) (Stocked, []stocking, error) {
	var (
		made  Stocked
		units []stocking
	)

	seen := map[string]bool{}

	for at, plain := range contents {
		if len(plain) == 0 || len(plain) > MaxUnitBytes || !utf8.Valid(plain) {
			made.Refused = append(made.Refused, at+1)

			continue
		}

		name, err := s.sealer.Fingerprint(ctx, store, plain)
		if err != nil {
			return Stocked{}, nil, err
		}

		if seen[name] {
			made.Duplicates++

			continue
		}

		seen[name] = true
		units = append(units, stocking{name, plain})
	}

	return made, units, nil
}

// stockChunk adds those of some units that are new, in one write with the counter.
func (s *Service) stockChunk(ctx context.Context, store, product string, units []stocking, by Editor) (chunk, error) {
	of, err := rowsOf(store)
	if err != nil {
		return chunk{}, err
	}

	names := make([]string, 0, len(units))
	for _, unit := range units {
		names = append(names, unit.id)
	}

	// The chunk is named after its cause and its units: another import under
	// the same cause is no repetition.
	name := id.Derive(store, product, by.Cause, strings.Join(names, " "))
	key := of.units(product).Key("import", name)

	done, version, err := table.Read[chunk](ctx, s.state, key)
	if version > 0 || (err != nil && !errs.Is(err, errs.NotFound)) {
		return done, err
	}

	creates, err := s.creates(ctx, of, store, product, units)
	if err != nil {
		return chunk{}, err
	}

	known := make([]bool, len(units))

	err = pastRivals(func(int) (bool, error) {
		done = chunk{}

		var ops []table.Op

		places := make([]int, 0, len(units)) // of the creates among the units

		for at, create := range creates {
			if known[at] {
				done.Duplicates++

				continue
			}

			done.Added++
			ops = append(ops, create)
			places = append(places, at)
		}

		rest, err := s.chunkRows(of, store, product, key, name, done, by)
		if err != nil {
			return false, err
		}

		err = s.state.Write(ctx, append(ops, rest...)...)

		return learn(err, places, known), err
	})
	if errs.Is(err, errs.Conflict) {
		// The only condition that is left is the chunk's own row: the same
		// import, running twice, was faster.
		again, _, reading := table.Read[chunk](ctx, s.state, key)
		if !errs.Is(reading, errs.NotFound) {
			return again, reading
		}
	}

	return done, err
}

// learn notes which units are in stock already, and reports whether that was news.
func learn(err error, places []int, known []bool) bool {
	canceled, ok := errors.AsType[*table.Canceled](err)
	if !ok {
		return false
	}

	news := false

	for op, at := range places {
		if canceled.Reasons[op] == table.ReasonCondition {
			known[at], news = true, true
		}
	}

	return news
}

// creates gives the operations that put units into stock.
func (s *Service) creates(ctx context.Context, of rows, store, product string, units []stocking) ([]table.Op, error) {
	var ops []table.Op

	now := s.clock.Now()

	for _, unit := range units {
		sealed, err := s.sealer.Seal(ctx, store, sealedAs(product, unit.id), unit.plain)
		if err != nil {
			return nil, err
		}

		row, err := unitRow(of, Unit{ID: unit.id, Product: product, Sealed: sealed, At: now})
		if err != nil {
			return nil, err
		}

		ops = append(ops, table.Create(row))
	}

	return ops, nil
}

// chunkRows gives what goes with the units of a chunk: its own row, and, where
// it adds any, the counter and the audit row.
func (s *Service) chunkRows(
	of rows, store, product string, key table.Key, name string, done chunk, by Editor,
) ([]table.Op, error) {
	body, err := table.Encode(done)
	if err != nil {
		return nil, err
	}

	ops := []table.Op{table.Create(table.Row{Key: key, Body: body, Expires: s.clock.Now().Add(importKept)})}
	if done.Added == 0 {
		return ops, nil
	}

	record, err := audit.Op(audit.Entry{
		ID: name, Store: store, By: by.User, Role: by.Role, Action: "stock", Target: "product " + product,
		After: fmt.Sprintf("+%d", done.Added), At: s.clock.Now(),
	})
	if err != nil {
		return nil, err
	}

	count := table.Add(of.product(product, stockPart), available, int64(done.Added), 0, plenty)

	return append(ops, record, count), nil
}

// unitRow makes the row of a unit: free ones stand in the index.
func unitRow(of rows, unit Unit) (table.Row, error) {
	body, err := table.Encode(unit)
	if err != nil {
		return table.Row{}, err
	}

	row := table.Row{Key: of.unit(unit.Product, unit.ID), Version: unit.Version, Body: body}
	if unit.Order == "" {
		row.Index = of.free(unit.Product).Key(unitKind, unit.ID)
	}

	return row, nil
}
