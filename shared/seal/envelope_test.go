package seal_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/seal"
)

// once is "Lapak", sealed with testKey about "unit P U" of store demo, its nonce zero.
const once = "010000000700000000000000000000000094c052dbc225d32c9a72753d34f73a5dea9b47ec6d"

func testKey() seal.Key {
	return seal.Key{Number: 7, Secret: bytes.Repeat([]byte{0x2a}, seal.KeyBytes)}
}

// TestFormStays holds the form: goods that were sealed once must open for ever.
func TestFormStays(t *testing.T) {
	t.Parallel()

	sealed, err := hex.DecodeString(once)
	require.NoError(t, err)

	plain, err := testKey().Open("demo", "unit P U", sealed)
	require.NoError(t, err)
	assert.Equal(t, "Lapak", string(plain))
}

func FuzzOpen(f *testing.F) {
	whole, err := hex.DecodeString(once)
	require.NoError(f, err)

	f.Add(whole, "demo", "unit P U")
	f.Add([]byte{}, "", "")
	f.Add([]byte{1, 0, 0, 0, 7}, "demo", "unit P U")

	f.Fuzz(func(t *testing.T, sealed []byte, store, about string) {
		plain, err := testKey().Open(store, about, sealed)
		if err == nil {
			// Only what was sealed opens, and only as what it was sealed for.
			assert.Equal(t, whole, sealed)
			assert.Equal(t, "demo unit P U", store+" "+about)
			assert.Equal(t, "Lapak", string(plain))

			return
		}

		assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	})
}
