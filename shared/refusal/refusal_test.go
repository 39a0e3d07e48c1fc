package refusal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/refusal"
	"github.com/lapak-id/lapak/shared/secret"
)

func TestWordsHoldNoKey(t *testing.T) {
	t.Parallel()

	said := refusal.Words(strings.NewReader("bad\n\tkey k-1, not\xff k-2"), 100, "k-1", "", secret.Value("k-2"))
	require.Equal(t, "bad key [secret], not [secret]", said)
	require.Equal(t, "four", refusal.Words(strings.NewReader("four and more"), 4))
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "-3": 0, "NaN": 0, "2": 2 * time.Second, "0.5": time.Second / 2, "1e12": time.Hour,
		"Sun, 06 Nov 1994 08:49:37 GMT": 0, "Fri, 06 Nov 2099 08:49:37 GMT": time.Hour,
	} {
		require.Equal(t, want, refusal.RetryAfter(http.Header{"Retry-After": {text}}), "%q", text)
	}
}
