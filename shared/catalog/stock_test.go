package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/catalog"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	sealed "github.com/lapak-id/lapak/shared/seal/memory"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
)

// sale is the little of an order that stock moves with.
type sale struct {
	State string   `json:"state"`
	Count int64    `json:"count"`
	Units []string `json:"units,omitempty"`
}

func orderKey(t require.TestingT, id string) table.Key {
	tenant, err := table.TenantOf(shop)
	require.NoError(t, err)

	return tenant.Partition("test-orders").Key("order", id)
}

// put writes an order together with what moves with it.
func (w *world) put(id string, version int64, state sale, ops []table.Op) error {
	w.Helper()

	body, err := table.Encode(state)
	require.NoError(w, err)

	row := table.Put(table.Row{Key: orderKey(w, id), Version: version, Body: body})

	return w.state.Write(ctx, append([]table.Op{row}, ops...)...)
}

// check holds what is stored to what must be true at all times.
func (w *world) check() {
	w.Helper()

	var free, bound, reserved, sold, available, inStock int64

	owner := map[string]string{} // by unit
	orders := map[string]sale{}

	for _, row := range w.state.All() {
		switch sk := row.Key.SK(); {
		case strings.HasPrefix(sk, "unit#"):
			unit, err := table.Decode[catalog.Unit](row)
			require.NoError(w, err)

			if unit.Order == "" {
				free++

				require.False(w, row.Index.IsZero(), "a free unit stands in the index")
			} else {
				bound++
				owner[unit.ID] = unit.Order

				require.True(w, row.Index.IsZero(), "a sold unit does not")
			}
		case strings.HasPrefix(sk, "order#"):
			of, err := table.Decode[sale](row)
			require.NoError(w, err)

			orders[strings.TrimPrefix(sk, "order#")] = of

			switch of.State {
			case "reserved":
				reserved += of.Count
			case "paid":
				sold += of.Count
			}
		case sk == "product#p#stock":
			available = row.Counters["available"]
		case sk == "product#p#sold":
			inStock = row.Counters["sold"]
		}
	}

	require.Equal(w, free, available+reserved, "free units are available or reserved")
	require.Equal(w, sold, inStock, "sold is what paid orders have")
	require.Equal(w, sold, bound, "each sold unit is bound")
	require.GreaterOrEqual(w, available, int64(0))

	for id, of := range orders {
		if of.State != "paid" {
			require.Empty(w, of.Units)
		}

		for _, unit := range of.Units {
			require.Equal(w, id, owner[unit], "one unit, one order")
		}
	}
}

// lateIndex is a plan whose index lags behind by another.
type lateIndex struct{ calls, index fault.Plan }

func (l lateIndex) Next(op string) fault.Kind {
	if op == memory.OpIndex {
		return l.index.Next(op)
	}

	return l.calls.Next(op)
}

func (l lateIndex) Wait(op string) time.Duration { return l.index.Wait(op) }

// till is a till whose calls fail, and whose orders are a few.
type till struct {
	*world

	plan  *fault.Seeded
	tries int
}

// read gives an order as it is stored, past all faults.
func (u *till) read(id string) (sale, int64) {
	u.plan.Pause(true)
	defer u.plan.Pause(false)

	of, version, err := table.Read[sale](ctx, u.state, orderKey(u, id))
	if !errs.Is(err, errs.NotFound) {
		require.NoError(u, err)
	}

	return of, version
}

func (u *till) claimOf(id string, of sale) catalog.ClaimOf {
	u.tries++

	return catalog.ClaimOf{
		Store: shop, Product: "p", Order: id, Policy: catalog.Units, Buyer: 1, Count: of.Count, Salt: fmt.Sprint(u.tries),
	}
}

// claim settles a reserved order.
func (u *till) claim(id string) error {
	of, version := u.read(id)
	if of.State != "reserved" {
		return nil
	}

	units, ops, err := u.goods.Claim(ctx, u.claimOf(id, of))
	if err != nil {
		return err
	}

	of.State = "paid"
	for _, unit := range units {
		of.Units = append(of.Units, unit.ID)
	}

	return u.put(id, version, of, ops)
}

// giveBack returns the units of a paid order.
func (u *till) giveBack(id string) error {
	of, version := u.read(id)
	if of.State != "paid" {
		return nil
	}

	ops, err := u.goods.Return(ctx, u.claimOf(id, of), of.Units)
	if err != nil {
		return err
	}

	return u.put(id, version, sale{State: "refunded"}, ops)
}

// release closes a reserved order.
func (u *till) release(id string) error {
	of, version := u.read(id)
	if of.State != "reserved" {
		return nil
	}

	ops, err := u.goods.Release(shop, "p", catalog.Units, of.Count)
	require.NoError(u, err)

	return u.put(id, version, sale{State: "expired"}, ops)
}

// reserve opens an order where there is none, or a closed one.
func (u *till) reserve(id string, count int64) error {
	of, version := u.read(id)
	if of.State == "reserved" || of.State == "paid" {
		return nil
	}

	ops, err := u.goods.Reserve(shop, "p", catalog.Units, count)
	require.NoError(u, err)

	return u.put(id, version, sale{State: "reserved", Count: count}, ops)
}

// TestStockMoves lets orders take stock and give it back, imports come twice
// and calls fail before or after their effect, and checks after each step.
func TestStockMoves(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		plan := fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.2, 0, fault.FailBefore, fault.FailAfter, fault.Throttle)
		plan.Pause(true)

		late := fault.NewSeeded(rapid.Uint64().Draw(t, "late"), 0.5, 2*time.Second, fault.Delay)
		u := &till{world: newWorld(t, lateIndex{plan, late}), plan: plan}
		u.category("c", "Akun")
		u.product("p")
		plan.Pause(false)

		all := []string{"a", "b", "c", "d"}

		// What fails may have taken effect or not: the checks bear both.
		some := func(do func(id string) error) func(*rapid.T) {
			return func(t *rapid.T) { _ = do(rapid.SampledFrom(all).Draw(t, "order")) }
		}

		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) { u.check() },
			"claim":   some(u.claim),
			"return":  some(u.giveBack),
			"release": some(u.release),
			"reserve": func(t *rapid.T) {
				_ = u.reserve(rapid.SampledFrom(all).Draw(t, "order"), rapid.Int64Range(1, 3).Draw(t, "count"))
			},
			"stock": func(t *rapid.T) {
				contents := rapid.SliceOfN(rapid.StringMatching(`[a-e][a-e]`), 1, 6).Draw(t, "units")
				cause := rapid.StringMatching(`import [12]`).Draw(t, "cause")
				_, _ = u.goods.Stock(ctx, shop, "p", bytesOf(contents), catalog.Editor{User: 7, Cause: cause})
			},
			"later": func(*rapid.T) { u.clock.Advance(time.Second) },
		})

		// When the faults end and the index has caught up, whoever has reserved
		// can claim.
		plan.Pause(true)
		u.plan = fault.NewSeeded(0, 0, 0) // so that nothing lets them go on
		u.clock.Advance(3 * time.Second)

		for _, id := range all {
			require.NoError(t, u.claim(id))
		}

		u.check()
	})
}

// TestImportUnderFaults repeats an import until it answers: each unit is in
// stock once, and the answer is what the first time gave.
func TestImportUnderFaults(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		plan := fault.NewSeeded(rapid.Uint64().Draw(t, "seed"), 0.3, 0, fault.FailBefore, fault.FailAfter, fault.Throttle)
		plan.Pause(true)

		w := newWorld(t, plan)
		w.category("c", "Akun")
		w.product("p")
		w.stock("p", numbered("old", 40)...)
		plan.Pause(false)

		count := rapid.IntRange(1, 250).Draw(t, "count")
		contents := append(numbered("old", 20), numbered("new", count)...)
		by := catalog.Editor{User: 7, Role: "seller", Cause: "the import"}
		want := catalog.Stocked{Added: count, Duplicates: 20}

		for try := 0; ; try++ {
			require.Less(t, try, 1000, "it never answers")

			made, err := w.goods.Stock(ctx, shop, "p", bytesOf(contents), by)
			if err == nil {
				require.Equal(t, want, made)

				break
			}
		}

		plan.Pause(true)

		made, err := w.goods.Stock(ctx, shop, "p", bytesOf(contents), by)
		require.NoError(t, err)
		require.Equal(t, want, made)
		require.Equal(t, int64(40+count), w.available())
		w.check()
	})
}

// rivals is a table in which others take all free units but one between a page
// of the index and the reading of its rows.
type rivals struct {
	table.Table

	take func()
}

func (r *rivals) Query(ctx context.Context, query table.Query) (table.Page, error) {
	page, err := r.Table.Query(ctx, query)

	if take := r.take; query.Index && take != nil {
		r.take = nil
		take()
	}

	return page, err
}

// TestAReservationFindsItsUnit claims the last free one, wherever it is.
func TestAReservationFindsItsUnit(t *testing.T) {
	t.Parallel()

	for salt := range 20 { // each starts at another place of the index
		w := newWorld(t, fault.None{})
		w.category("c", "Akun")
		w.product("p")
		w.stock("p", numbered("unit", catalog.MaxClaim+1)...)

		claim := catalog.ClaimOf{
			Store: shop, Product: "p", Order: "rival", Salt: fmt.Sprint(salt), Policy: catalog.Units, Count: catalog.MaxClaim,
		}
		slower := catalog.NewService(&rivals{w.state, func() {
			_, ops, err := w.goods.Claim(ctx, claim)
			require.NoError(t, w.write(ops, err))
		}}, sealed.New("master", fault.None{}), w.clock)

		units, ops, err := slower.Claim(ctx, catalog.ClaimOf{
			Store: shop, Product: "p", Order: "o", Salt: fmt.Sprint(salt), Policy: catalog.Units, Count: 1,
		})
		require.NoError(t, w.write(ops, err), "salt %d", salt)
		require.Len(t, units, 1)

		_, _, err = w.goods.Claim(ctx, catalog.ClaimOf{Store: shop, Product: "p", Order: "late", Policy: catalog.Units, Count: 1})
		require.Equal(t, errs.Conflict, errs.CodeOf(err), "%v", err)
	}
}

// TestRush lets 200 buyers reserve and claim 50 units at once.
func TestRush(t *testing.T) {
	t.Parallel()

	const units, buyers = 50, 200

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")
	w.stock("p", numbered("unit", units)...)

	var (
		running sync.WaitGroup
		mu      sync.Mutex
		tries   int
		served  []string
	)

	for buyer := range buyers {
		running.Go(func() {
			id := fmt.Sprint("order ", buyer)

			ops, err := w.goods.Reserve(shop, "p", catalog.Units, 1)
			if err != nil {
				t.Errorf("reserve: %v", err)

				return
			}

			if err := w.state.Write(ctx, ops...); err != nil {
				assert.True(t, errs.Is(err, errs.Conflict), "%v", err)

				return
			}

			for try := 0; ; try++ {
				claimed, ops, err := w.goods.Claim(ctx, catalog.ClaimOf{
					Store: shop, Product: "p", Order: id, Policy: catalog.Units, Count: 1, Salt: fmt.Sprint(try),
				})
				if err != nil {
					t.Errorf("who has reserved finds a unit: %v", err)

					return
				}

				if err := w.state.Write(ctx, ops...); err != nil {
					assert.True(t, errs.Is(err, errs.Conflict), "%v", err)

					continue
				}

				mu.Lock()
				defer mu.Unlock()

				tries = max(tries, try)
				served = append(served, claimed[0].ID)

				return
			}
		})
	}

	running.Wait()

	slices.Sort(served)
	assert.Len(t, slices.Compact(served), units)
	assert.Len(t, served, units)
	assert.Zero(t, w.available())
	assert.Less(t, tries, 20, "the salt spreads rivals")

	_, _, err := w.goods.Claim(ctx, catalog.ClaimOf{
		Store: shop, Product: "p", Order: "one too many", Policy: catalog.Units, Count: 1,
	})
	assert.Equal(t, errs.Conflict, errs.CodeOf(err), "%v", err)
}

func TestStockRefuses(t *testing.T) {
	t.Parallel()

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")

	manual := w.product("m")
	manual.Policy = catalog.Manual
	require.NoError(t, w.goods.SaveProduct(ctx, shop, manual, w.editor()))

	for name, refused := range map[string]struct {
		product  string
		contents [][]byte
		code     errs.Code
		key      string
	}{
		"too many": {"p", make([][]byte, catalog.MaxUnits+1), errs.Invalid, "catalog.import_units"},
		"no units": {"m", nil, errs.Invalid, "catalog.no_units"},
		"unknown":  {"x", nil, errs.NotFound, "catalog.product_gone"},
	} {
		_, err := w.goods.Stock(ctx, shop, refused.product, refused.contents, w.editor())
		assert.Equal(t, refused.code, errs.CodeOf(err), name)

		key, _, _ := errs.Sentence(err)
		assert.Equal(t, refused.key, key, name)
	}

	made, err := w.goods.Stock(ctx, shop, "p", [][]byte{
		[]byte(strings.Repeat("a", catalog.MaxUnitBytes+1)), {0xff}, {}, []byte("fine"),
	}, w.editor())
	require.NoError(t, err)
	assert.Equal(t, catalog.Stocked{Added: 1, Refused: []int{1, 2, 3}}, made)

	for _, count := range []int64{0, -1, catalog.MaxClaim + 1} {
		_, err := w.goods.Reserve(shop, "p", catalog.Units, count)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
		_, _, err = w.goods.Claim(ctx, catalog.ClaimOf{Store: shop, Product: "p", Order: "o", Policy: catalog.Units, Count: count})
		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	}

	ops, err := w.goods.Reserve(shop, "m", catalog.Manual, 2)
	require.NoError(t, err)
	assert.Empty(t, ops, "without units there is nothing to reserve")
}

// TestGoodsStaySealed looks for a unit's content wherever it could show.
func TestGoodsStaySealed(t *testing.T) {
	t.Parallel()

	const secret = "hunter2-hunter2"

	w := newWorld(t, fault.None{})
	w.category("c", "Akun")
	w.product("p")
	w.stock("p", secret)

	for _, row := range w.state.All() {
		assert.NotContains(t, string(row.Body), secret)
		assert.NotContains(t, row.Key.String(), secret)
	}

	units, ops, err := w.goods.Claim(ctx, catalog.ClaimOf{
		Store: shop, Product: "p", Order: "o", Policy: catalog.Units, Count: 1,
	})
	require.NoError(t, err)
	require.NoError(t, w.write(ops, nil))

	// A sealed unit that was put in another's place does not open.
	w.product("q")
	w.stock("q", "another")

	for _, row := range w.state.All() {
		if strings.HasPrefix(row.Key.SK(), "unit#") && strings.HasSuffix(row.Key.PK(), "#q") {
			swapped := units[0]
			swapped.Order = "o"

			row.Body, err = table.Encode(swapped)
			require.NoError(t, err)
			require.NoError(t, w.state.Write(ctx, table.Replace(row)))

			name := strings.TrimPrefix(row.Key.SK(), "unit#")
			_, err = w.goods.Open(ctx, shop, "q", "o", []string{name})
			assert.Equal(t, errs.Invalid, errs.CodeOf(err), "%v", err)

			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
		}
	}
}
