package wallet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/money"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/wallet"
)

const (
	kopi = "kopi"
	ani  = int64(1001)
	budi = int64(1002)
)

var (
	ctx   = context.Background()
	start = time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC)
)

func newLedger() (*wallet.Ledger, *memory.Table, *clock.Manual) {
	now := clock.NewManual(start)
	state := memory.New(now, fault.None{})

	return wallet.NewLedger(state, now), state, now
}

// entry moves rupiah from one account to another.
func entry(id string, from, to wallet.Account, value int64) wallet.Entry {
	return wallet.Entry{ID: id, Store: kopi, Kind: "test", At: start, Lines: []wallet.Line{
		{Account: from, Amount: money.IDR(-value)}, {Account: to, Amount: money.IDR(value)},
	}}
}

func TestWhatIsNoEntry(t *testing.T) {
	t.Parallel()

	sound := entry("e", wallet.Sales, wallet.Of(ani), 5)
	one := func(account wallet.Account, amount money.Amount) wallet.Line {
		return wallet.Line{Account: account, Amount: amount}
	}

	for name, change := range map[string]func(*wallet.Entry){
		"without an id":       func(e *wallet.Entry) { e.ID = "" },
		"without a kind":      func(e *wallet.Entry) { e.Kind = "" },
		"without a time":      func(e *wallet.Entry) { e.At = time.Time{} },
		"of one line":         func(e *wallet.Entry) { e.Lines = e.Lines[:1] },
		"that does not sum":   func(e *wallet.Entry) { e.Lines = []wallet.Line{one("a", money.IDR(5)), one("b", money.IDR(-4))} },
		"of two currencies":   func(e *wallet.Entry) { e.Lines = []wallet.Line{one("a", money.IDR(5)), one("b", money.XTR(-5))} },
		"of nothing":          func(e *wallet.Entry) { e.Lines = []wallet.Line{one("a", money.IDR(0)), one("b", money.IDR(0))} },
		"with one name twice": func(e *wallet.Entry) { e.Lines = []wallet.Line{one("a", money.IDR(5)), one("a", money.IDR(-5))} },
		"without an account":  func(e *wallet.Entry) { e.Lines = []wallet.Line{one("", money.IDR(5)), one("b", money.IDR(-5))} },
		"of Stars in a wallet": func(e *wallet.Entry) {
			e.Lines = []wallet.Line{one(wallet.Of(ani), money.XTR(5)), one("b", money.XTR(-5))}
		},
		"of a store that cannot be": func(e *wallet.Entry) { e.Store = "x" },
	} {
		ledger, _, _ := newLedger()
		wrong := sound
		change(&wrong)

		_, err := ledger.Move(wrong)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), name)
	}

	ledger, _, _ := newLedger()
	_, err := ledger.Move(sound)
	require.NoError(t, err)
}

// TestBalancesFollowTheLedger moves money about at random, entries doubled, and
// compares wallets and statements with what the entries say.
func TestBalancesFollowTheLedger(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		ledger, state, now := newLedger()
		want := map[int64]int64{}
		lines := map[int64]int{}
		done := map[string]bool{}

		move := func(id string, from, to wallet.Account, value int64) bool {
			moved := entry(id, from, to, value)
			moved.At = now.Now()

			ops, err := ledger.Move(moved)
			require.NoError(t, err)

			return state.Write(ctx, ops...) == nil
		}

		t.Repeat(map[string]func(*rapid.T){
			"pay in": func(t *rapid.T) {
				id, value := fmt.Sprint("in", rapid.IntRange(1, 20).Draw(t, "id")), rapid.Int64Range(1, 100).Draw(t, "value")

				require.Equal(t, !done[id], move(id, wallet.Gateway("pakasir"), wallet.Of(ani), value))

				if !done[id] {
					want[ani] += value
					lines[ani]++
				}

				done[id] = true
			},
			"give": func(t *rapid.T) {
				id, value := fmt.Sprint("give", len(done)), rapid.Int64Range(1, 100).Draw(t, "value")
				possible := want[ani] >= value && !done[id]

				require.Equal(t, possible, move(id, wallet.Of(ani), wallet.Of(budi), value), "no wallet falls below zero")

				if possible {
					want[ani] -= value
					want[budi] += value
					lines[ani]++
					lines[budi]++
					done[id] = true
				}
			},
			"later": func(*rapid.T) { now.Advance(time.Minute) },
			"": func(t *rapid.T) {
				for _, person := range []int64{ani, budi} {
					holds, err := ledger.Balance(ctx, kopi, person)
					require.NoError(t, err)
					require.Equal(t, money.IDR(want[person]), holds)

					sum, count := statement(t, ledger, person)
					require.Equal(t, want[person], sum)
					require.Equal(t, lines[person], count)
				}
			},
		})
	})
}

// statement reads all pages of a statement: the sum and the number of its lines.
func statement(t *rapid.T, ledger *wallet.Ledger, person int64) (int64, int) {
	sum, count, after := int64(0), 0, ""

	var last time.Time

	for more := true; more; {
		var (
			page []wallet.Posting
			err  error
		)

		page, more, err = ledger.Statement(ctx, kopi, person, after, 3)
		require.NoError(t, err)
		require.True(t, len(page) > 0 || !more)

		for _, posting := range page {
			require.True(t, last.IsZero() || !posting.At.After(last), "the newest first")

			last, after = posting.At, posting.ID
			sum += posting.Amount.Value
			count++
		}
	}

	return sum, count
}

func TestAdjusting(t *testing.T) {
	t.Parallel()

	ledger, _, now := newLedger()
	adjust := func(value int64, reason, cause string) error {
		return ledger.Adjust(ctx, wallet.Adjustment{
			Store: kopi, User: ani, Amount: money.IDR(value), Reason: reason, By: 7, Role: "owner", Cause: cause,
		})
	}

	require.NoError(t, adjust(100, "gift", "one"))
	now.Advance(48 * time.Hour)
	require.NoError(t, adjust(100, "gift", "one"), "again, days later")

	holds, err := ledger.Balance(ctx, kopi, ani)
	require.NoError(t, err)
	require.Equal(t, money.IDR(100), holds)

	err = adjust(-101, "mistake", "two")
	require.Equal(t, errs.Conflict, errs.CodeOf(err))

	key, _, _ := errs.Sentence(err)
	require.Equal(t, "ordering.balance_below_zero", key)

	require.Equal(t, errs.Invalid, errs.CodeOf(adjust(5, " ", "three")))
	require.NoError(t, adjust(-100, "mistake", "two"))
}

func TestAStoreSeesNothingOfAnother(t *testing.T) {
	t.Parallel()

	ledger, state, _ := newLedger()
	ops, err := ledger.Move(entry("e", wallet.Sales, wallet.Of(ani), 5))
	require.NoError(t, err)
	require.NoError(t, state.Write(ctx, ops...))

	holds, err := ledger.Balance(ctx, "teh", ani)
	require.NoError(t, err)
	require.True(t, holds.IsZero())
}
