package loopback_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/loopback"
)

func TestListen(t *testing.T) {
	t.Parallel()

	for _, addr := range []string{"", "127.0.0.1", "0.0.0.0:0", ":0", "192.0.2.1:0", "example.org:0"} {
		_, err := loopback.Listen(t.Context(), addr)
		require.ErrorContains(t, err, "the address", addr)
	}

	taken, err := loopback.Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)

	defer func() { require.NoError(t, taken.Close()) }()

	_, err = loopback.Listen(t.Context(), taken.Addr().String())
	require.ErrorContains(t, err, "-addr")
}
