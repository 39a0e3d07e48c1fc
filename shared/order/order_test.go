package order_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/order"
)

func TestReferencesComeBack(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		ref := order.Ref{
			Store: kopi, User: rapid.Int64Min(1).Draw(t, "user"), ID: rapid.StringMatching(`[0-9A-Z]{17}`).Draw(t, "id"),
		}

		read, err := order.ParseReference(kopi, ref.Reference())
		require.NoError(t, err)
		require.Equal(t, ref, read)
	})
}

// FuzzParseReference: what is taken for a reference is written as it was read.
func FuzzParseReference(f *testing.F) {
	for _, seed := range []string{
		"LP-DC0M8DG884JX31E8T-1001", "LP-A-01", "LP-A--1", "LP-A-+1", "lp-A-1", "LP--1", "LP-A-1-2", "LP-A-9223372036854775808", "",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		ref, err := order.ParseReference(kopi, text)
		if err != nil {
			require.Equal(t, errs.Invalid, errs.CodeOf(err))

			return
		}

		require.Equal(t, text, ref.Reference())
		require.Equal(t, kopi, ref.Store)
		require.Positive(t, ref.User)
	})
}
