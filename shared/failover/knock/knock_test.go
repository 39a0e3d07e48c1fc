package knock_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/failover/knock"
	"github.com/lapak-id/lapak/shared/fault"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/webhook"
)

// serve gives the address of a webhook that takes calls from some sources, in
// front of which something may answer first.
func serve(t *testing.T, sources webhook.Sources, first func(w http.ResponseWriter, r *http.Request) bool) (string, *knock.Doors) {
	t.Helper()

	vault := secrets.New(clock.System{}, fault.None{})
	require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), "right"))

	updates := queues.New(clock.System{}, fault.None{}, queues.Options{FIFO: true})
	handler := webhook.New(webhook.Options{Vault: vault, Updates: updates, Sources: sources})

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if first != nil && first(w, r) {
			return
		}

		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)

		call := events.APIGatewayV2HTTPRequest{
			PathParameters: map[string]string{"store": "kopi"}, Body: string(body),
			Headers: map[string]string{webhook.SecretHeader: r.Header.Get(webhook.SecretHeader)},
		}
		call.RequestContext.HTTP.SourceIP = "127.0.0.1"

		answer, err := handler.HTTP(r.Context(), call)
		assert.NoError(t, err)

		w.WriteHeader(answer.StatusCode)
		_, _ = io.WriteString(w, answer.Body)
		assert.Empty(t, updates.All(), "it is no update")
	}))
	t.Cleanup(server.Close)

	return server.URL, knock.New(vault)
}

func TestOpenDoors(t *testing.T) {
	t.Parallel()

	for _, sources := range []webhook.Sources{webhook.AnySource, webhook.FromTelegram} {
		t.Run(string(sources), func(t *testing.T) {
			t.Parallel()

			address, doors := serve(t, sources, nil)
			require.NoError(t, doors.Knock(t.Context(), store.Store{ID: "kopi", Hook: address}))
		})
	}
}

func TestClosedDoors(t *testing.T) {
	t.Parallel()

	says := func(status int, body string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)

			return true
		}
	}

	for name, first := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"broken":                says(500, `{"message":"Internal Server Error"}`),
		"moved":                 says(301, ``),
		"somebody else's":       says(200, `<html>`),
		"an answer of no use":   says(200, `{}`),
		"forbidden by another":  says(403, `{"message":"Forbidden"}`),
		"ready in words only":   says(500, `{"description":"ready"}`),
		"cut":                   func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"with the wrong secret": func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del(webhook.SecretHeader); return false },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			address, doors := serve(t, webhook.AnySource, first)
			err := doors.Knock(t.Context(), store.Store{ID: "kopi", Hook: address})
			require.True(t, errs.Is(err, errs.Unavailable), err)
			require.NotContains(t, err.Error(), "right", "no secret in errors")
		})
	}

	_, doors := serve(t, webhook.AnySource, nil)
	require.True(t, errs.Is(doors.Knock(t.Context(), store.Store{ID: "kopi", Hook: "http://127.0.0.1:1"}), errs.Unavailable))
	require.True(t, errs.Is(doors.Knock(t.Context(), store.Store{ID: "kopi", Hook: "\x00"}), errs.Invalid))
	require.Error(t, doors.Knock(t.Context(), store.Store{ID: "nobody", Hook: "http://127.0.0.1:1"}))
}
