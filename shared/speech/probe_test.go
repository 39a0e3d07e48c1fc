package speech_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/deepgram"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/secret"
	vaults "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/speech"
)

func TestProvidersAreProbedByWhatCostsNothing(t *testing.T) {
	t.Parallel()

	var paths []string

	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))

		if r.Header.Get("Authorization") == "Bearer new" && status == http.StatusOK {
			w.WriteHeader(http.StatusUnauthorized)

			return
		}

		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"data":[]}`))
	}))
	defer server.Close()

	vault := vaults.New(clock.NewManual(time.Now()), fault.None{})
	prober := speech.NewProber(vault, groq.New(server.Client(), server.URL+"/groq"), deepgram.New(server.Client(), server.URL+"/dg"))
	require.Equal(t, []string{"groq", "deepgram"}, prober.Names())

	require.Equal(t, errs.NotFound, errs.CodeOf(prober.Probe(t.Context(), "groq")), "no key")
	require.Equal(t, errs.NotFound, errs.CodeOf(prober.Probe(t.Context(), "nobody")))
	require.Empty(t, paths)

	for name, key := range map[string]string{"groq": "old", "deepgram": "dg"} {
		require.NoError(t, vault.Rotate(t.Context(), speech.KeyName(name), secret.Value(key)))
	}

	require.NoError(t, vault.Rotate(t.Context(), speech.KeyName("groq"), "new"))
	require.NoError(t, prober.Probe(t.Context(), "groq"), "the key before it counts too")
	require.NoError(t, prober.Probe(t.Context(), "deepgram"))
	require.Equal(t, []string{
		"GET /groq/models Bearer new", "GET /groq/models Bearer old", "GET /dg/auth/token Token dg",
	}, paths)

	for answer, want := range map[int]errs.Code{
		http.StatusUnauthorized: errs.Unauthorized, http.StatusTooManyRequests: errs.Limited,
		http.StatusServiceUnavailable: errs.Unavailable,
	} {
		status = answer
		err := prober.Probe(t.Context(), "deepgram")
		require.Equal(t, want, errs.CodeOf(err))
		require.NotContains(t, err.Error(), "Token dg")
	}
}
