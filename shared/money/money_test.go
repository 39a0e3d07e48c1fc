package money_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/money"
)

// within reports whether a number can be an amount.
func within(number *big.Int) bool { return number.CmpAbs(big.NewInt(money.Max)) <= 0 }

// TestSumsAreExactOrRefused compares with numbers that know no limit.
func TestSumsAreExactOrRefused(t *testing.T) {
	t.Parallel()

	values := rapid.Int64Range(-money.Max, money.Max)

	rapid.Check(t, func(t *rapid.T) {
		one, other, count := values.Draw(t, "one"), values.Draw(t, "other"), rapid.Int64().Draw(t, "count")

		sum, err := money.IDR(one).Plus(money.IDR(other))
		exact := new(big.Int).Add(big.NewInt(one), big.NewInt(other))
		require.Equal(t, within(exact), err == nil)
		require.True(t, err != nil || exact.Int64() == sum.Value)

		product, err := money.XTR(one).Times(count)
		exact = new(big.Int).Mul(big.NewInt(one), big.NewInt(count))
		require.Equal(t, within(exact), err == nil, "%d × %d", one, count)
		require.True(t, err != nil || (exact.Int64() == product.Value && product.Currency == money.Stars))
	})
}

func TestPercentRoundsDown(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		value, percent := rapid.Int64Range(0, money.Max).Draw(t, "value"), rapid.Int64Range(0, 100).Draw(t, "percent")
		exact := new(big.Int).Mul(big.NewInt(value), big.NewInt(percent))
		exact.Div(exact, big.NewInt(100))
		require.Equal(t, money.IDR(exact.Int64()), money.IDR(value).Percent(percent))
	})
}

func TestCurrenciesNeverMeet(t *testing.T) {
	t.Parallel()

	_, err := money.IDR(1).Plus(money.XTR(1))
	require.Equal(t, errs.Invalid, errs.CodeOf(err))

	_, err = money.IDR(math.MinInt64).Times(math.MinInt64)
	require.Equal(t, errs.Invalid, errs.CodeOf(err))

	require.Equal(t, "IDR 49000", money.IDR(49_000).String())
	require.True(t, money.XTR(0).IsZero())
}
