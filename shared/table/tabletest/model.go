package tabletest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// model is a table at its simplest: a list of rows, no concurrency, no limits
// of size. It is there to be compared with.
type model struct {
	clock clock.Clock
	rows  []table.Row // every row stored, expired ones too
}

func (m *model) find(key table.Key) *table.Row {
	for at := range m.rows {
		if m.rows[at].Key == key && !m.rows[at].Expired(m.clock.Now()) {
			return &m.rows[at]
		}
	}

	return nil
}

// Get implements table.Table.
func (m *model) Get(_ context.Context, key table.Key) (table.Row, error) {
	if row := m.find(key); row != nil {
		return *row, nil
	}

	return table.Row{}, errs.New(errs.NotFound, "absent")
}

// Write implements table.Table.
func (m *model) Write(_ context.Context, ops ...table.Op) error {
	reasons := make([]table.Reason, len(ops))
	results := make([]*table.Row, len(ops))

	for at, op := range ops {
		result, ok := m.result(op)
		results[at] = result

		if !ok {
			reasons[at] = table.ReasonCondition
		}
	}

	if slices.Contains(reasons, table.ReasonCondition) {
		return table.Failed(reasons)
	}

	for at, op := range ops {
		if op.Kind == table.OpCheck {
			continue
		}

		m.rows = slices.DeleteFunc(m.rows, func(row table.Row) bool { return row.Key == op.Row.Key })
		if results[at] != nil {
			m.rows = append(m.rows, *results[at])
		}
	}

	return nil
}

// result gives the row that an operation leaves behind, and false where its
// condition does not hold.
func (m *model) result(op table.Op) (*table.Row, bool) {
	present := m.find(op.Row.Key)
	version := int64(0)

	var counters map[string]int64

	if present != nil {
		version, counters = present.Version, present.Counters
	}

	after := op.Row
	after.Version = version + 1

	switch op.Kind {
	case table.OpCreate:
		return &after, present == nil
	case table.OpReplace:
		return &after, present != nil && version == op.Row.Version
	case table.OpDelete:
		return nil, present != nil && version == op.Row.Version
	case table.OpCheck:
		return nil, version == op.Row.Version
	case table.OpAdd:
		if present != nil {
			after = *present
			after.Version++
		}

		if !op.Row.Expires.IsZero() {
			after.Expires = op.Row.Expires
		}

		sum := new(big.Int).Add(big.NewInt(counters[op.Counter]), big.NewInt(op.Delta))
		after.Counters = map[string]int64{op.Counter: sum.Int64()}

		for name, value := range counters {
			if name != op.Counter {
				after.Counters[name] = value
			}
		}

		return &after, sum.Cmp(big.NewInt(op.Min)) >= 0 && sum.Cmp(big.NewInt(op.Max)) <= 0
	default:
		return nil, false
	}
}

// Query implements table.Table.
func (m *model) Query(_ context.Context, query table.Query) (table.Page, error) {
	start, resumed, err := query.Start()
	if err != nil {
		return table.Page{}, fmt.Errorf("model: %w", err)
	}

	sorted := slices.Clone(m.rows)
	slices.SortFunc(sorted, func(a, b table.Row) int { return strings.Compare(a.Key.SK(), b.Key.SK()) })

	if query.Descending {
		slices.Reverse(sorted)
	}

	var page table.Page

	seen := 0

	for _, row := range sorted {
		behind := row.Key.SK() > start.SK != query.Descending && row.Key.SK() != start.SK
		if row.Key.PK() != query.Partition.PK() || !query.Covers(row.Key.SK()) || resumed && !behind {
			continue
		}

		if !row.Expired(m.clock.Now()) {
			page.Rows = append(page.Rows, row)
		}

		seen++

		if seen == query.Limit {
			page.Next, err = table.Position{PK: row.Key.PK(), SK: row.Key.SK()}.Cursor()

			return page, err
		}
	}

	return page, nil
}

func sameAsTheModel(s *subject) {
	Compare(s.T, s.clock, s.table, &model{clock: s.clock})
}

// Compare carries out the same drawn operations on two tables that go by the
// same clock, and fails where an answer differs: an error's code, the reasons
// of a canceled Write, a row, a page or its cursor.
func Compare(t *testing.T, clock *clock.Manual, one, other table.Table) {
	t.Helper()

	rapid.Check(t, func(rt *rapid.T) {
		pair := &pair{one: one, other: other, clock: clock, tenant: newTenant(rt)}
		rt.Repeat(map[string]func(*rapid.T){
			"write":   pair.write,
			"get":     pair.get,
			"query":   pair.query,
			"advance": pair.advance,
		})
	})
}

// pair is two tables that are held against each other.
type pair struct {
	one, other table.Table
	clock      *clock.Manual
	tenant     table.Tenant
}

func (p *pair) advance(t *rapid.T) {
	p.clock.Advance(time.Duration(rapid.IntRange(0, 3).Draw(t, "seconds")) * time.Second)
}

func (p *pair) key(t *rapid.T) table.Key {
	partition := p.tenant.Partition(rapid.SampledFrom([]string{"p", "q"}).Draw(t, "partition"))

	return partition.Key(rapid.SampledFrom([]string{"k", "l"}).Draw(t, "kind"),
		rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id"))
}

func (p *pair) row(t *rapid.T) table.Row {
	row := table.Row{
		Key:     p.key(t),
		Version: int64(rapid.IntRange(0, 3).Draw(t, "version")),
		Body:    quoted(rapid.StringMatching(`[a-zé😀]{0,3}`).Draw(t, "body")),
	}

	if rapid.Bool().Draw(t, "counted") {
		row.Counters = map[string]int64{"n": int64(rapid.IntRange(-2, 2).Draw(t, "n"))}
	}

	if rapid.Bool().Draw(t, "expires") {
		row.Expires = p.clock.Now().Add(time.Duration(rapid.IntRange(-1, 4).Draw(t, "seconds")) * time.Second)
	}

	return row
}

func quoted(text string) []byte { return fmt.Appendf(nil, "%q", text) }

func (p *pair) op(t *rapid.T) table.Op {
	row := p.row(t)

	switch rapid.SampledFrom([]table.OpKind{
		table.OpCreate, table.OpReplace, table.OpDelete, table.OpAdd, table.OpCheck,
	}).Draw(t, "operation") {
	case table.OpCreate:
		return table.Create(row)
	case table.OpReplace:
		return table.Replace(row)
	case table.OpDelete:
		return table.Delete(row.Key, row.Version)
	case table.OpAdd:
		low := int64(rapid.IntRange(-3, 1).Draw(t, "low"))

		return table.Add(row.Key, rapid.SampledFrom([]string{"n", "m"}).Draw(t, "counter"),
			int64(rapid.IntRange(-2, 2).Draw(t, "delta")), low, low+int64(rapid.IntRange(0, 4).Draw(t, "span"))).
			Until(row.Expires)
	case table.OpCheck:
		return table.Check(row.Key, row.Version)
	default:
		t.Fatal("no such operation")

		return table.Op{}
	}
}

func (p *pair) write(t *rapid.T) {
	ops := rapid.SliceOfNDistinct(rapid.Custom(p.op), 1, 4,
		func(op table.Op) table.Key { return op.Row.Key }).Draw(t, "operations")

	one, other := p.one.Write(t.Context(), ops...), p.other.Write(t.Context(), ops...)
	same(t, one, other)

	var a, b *table.Canceled
	if errors.As(one, &a) && errors.As(other, &b) {
		require.Equal(t, b.Reasons, a.Reasons)
	}
}

func (p *pair) get(t *rapid.T) {
	key := p.key(t)
	one, oneErr := p.one.Get(t.Context(), key)
	other, otherErr := p.other.Get(t.Context(), key)
	same(t, oneErr, otherErr)
	require.Equal(t, other, one)
}

func (p *pair) query(t *rapid.T) {
	query := table.Query{
		Partition:  p.key(t).Partition(),
		Descending: rapid.Bool().Draw(t, "descending"),
		Limit:      rapid.IntRange(1, 4).Draw(t, "limit"),
	}

	switch rapid.SampledFrom([]string{"all", "prefix", "before"}).Draw(t, "bounds") {
	case "prefix":
		query.Prefix = table.SortPrefix(rapid.SampledFrom([]string{"k", "l", "m"}).Draw(t, "prefix"))
	case "before":
		query.Before = p.key(t).SK()
	}

	for {
		one, oneErr := p.one.Query(t.Context(), query)
		other, otherErr := p.other.Query(t.Context(), query)
		same(t, oneErr, otherErr)
		require.Equal(t, other, one)

		if one.Next == "" {
			return
		}

		query.Cursor = one.Next
	}
}

func same(t *rapid.T, one, other error) {
	t.Helper()

	if errs.CodeOf(one) != errs.CodeOf(other) {
		t.Fatalf("one table answered %q (%v), the other %q (%v)", errs.CodeOf(one), one, errs.CodeOf(other), other)
	}
}
