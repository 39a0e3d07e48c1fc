package ssm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/secrettest"
	"github.com/lapak-id/lapak/shared/secret/ssm"
)

// store is the little of SSM that the vault asks for. What SSM really does is
// pinned by tests/conformance.
type store struct {
	mu     sync.Mutex
	kept   map[string]string
	broken string // the error of every call, if any
	calls  map[string]int
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var request struct {
		Name  string `json:"Name"`
		Value string `json:"Value"`
		Type  string `json:"Type"`
	}

	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)

		return
	}

	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.calls[action]++

	value, there := s.kept[request.Name]

	switch {
	case s.broken != "":
		fail(w, s.broken, request.Value)
	case action == "PutParameter" && request.Type == "SecureString":
		s.kept[request.Name] = request.Value
		_, _ = fmt.Fprint(w, `{"Version":1}`)
	case !there:
		fail(w, "ParameterNotFound", "")
	case action == "DeleteParameter":
		delete(s.kept, request.Name)
		_, _ = fmt.Fprint(w, `{}`)
	case action == "GetParameter":
		_, _ = fmt.Fprintf(w, `{"Parameter":{"Value":%q}}`, value)
	default:
		fail(w, "ValidationException", "")
	}
}

// fail answers with an error that quotes the request, as services do.
func fail(w http.ResponseWriter, code, quoted string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, "refused: "+quoted)
}

// set puts the text of secret a.
func (s *store) set(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.kept["/lapak/test/a"] = text
}

// asked counts the reads.
func (s *store) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.calls["GetParameter"]
}

func serve(t *testing.T, now clock.Clock, ttl time.Duration) (*ssm.Vault, *store) {
	t.Helper()

	kept := &store{kept: map[string]string{}, calls: map[string]int{}}
	server := httptest.NewServer(kept)
	t.Cleanup(server.Close)

	client := awsssm.New(awsssm.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})

	return ssm.New(client, "/lapak/test", now, ttl), kept
}

func TestConformance(t *testing.T) {
	t.Parallel()

	secrettest.Run(t, func(t *testing.T) secret.Vault {
		t.Helper()

		vault, _ := serve(t, clock.System{}, 0)

		return vault
	})
}

func TestCache(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC))
	vault, kept := serve(t, now, 0)
	kept.set(`{"current":"first"}`)

	current := func() string {
		got, err := vault.Get(t.Context(), "a")
		require.NoError(t, err)

		return got.Current.Reveal()
	}

	assert.Equal(t, "first", current())
	kept.set(`{"current":"second","previous":"first"}`)
	now.Advance(ssm.DefaultTTL - time.Second)
	assert.Equal(t, "first", current())
	assert.Equal(t, 1, kept.asked())
	now.Advance(time.Second)
	assert.Equal(t, "second", current())

	require.NoError(t, vault.Rotate(t.Context(), "a", "third"))
	assert.Equal(t, "third", current(), "its own rotation is known at once")
	require.NoError(t, vault.Delete(t.Context(), "a"))

	_, err := vault.Get(t.Context(), "a")
	assert.Equal(t, errs.NotFound, errs.CodeOf(err))
}

func TestAbsenceIsRememberedBriefly(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC))
	vault, kept := serve(t, now, time.Hour)

	absent := func() {
		_, err := vault.Get(t.Context(), "a")
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	}

	absent()
	now.Advance(29 * time.Second)
	absent()
	assert.Equal(t, 1, kept.asked())

	kept.set(`{"current":"a"}`)
	now.Advance(time.Second)

	_, err := vault.Get(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, 2, kept.asked())
}

// TestCacheIsBounded asks for more made-up names than are remembered: each is
// still answered, and the latest are still known.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()

	const names = 1100

	now := clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC))
	vault, kept := serve(t, now, 0)

	ask := func(name string) {
		_, err := vault.Get(t.Context(), name)
		require.Equal(t, errs.NotFound, errs.CodeOf(err))
	}

	for at := range names {
		ask(fmt.Sprint("made-up-", at))
	}

	ask(fmt.Sprint("made-up-", names-1))
	assert.Equal(t, names, kept.asked(), "the last one is remembered")

	for at := range names {
		ask(fmt.Sprint("made-up-", at))
	}

	assert.GreaterOrEqual(t, kept.asked(), names+100, "at most a thousand were remembered")

	now.Advance(time.Minute)
	ask("after-a-while")
	ask("after-a-while")
}

func TestFailures(t *testing.T) {
	t.Parallel()

	for broken, code := range map[string]errs.Code{
		"AccessDeniedException": errs.Unauthorized, "ThrottlingException": errs.Limited, "InternalServerError": errs.Unavailable,
	} {
		vault, kept := serve(t, clock.System{}, 0)
		kept.broken = broken

		_, err := vault.Get(t.Context(), "a")
		assert.Equal(t, code, errs.CodeOf(err), "get: %v", err)
		err = vault.Rotate(t.Context(), "a", "tok-123")
		assert.Equal(t, code, errs.CodeOf(err), "rotate: %v", err)
		err = vault.Delete(t.Context(), "a")
		assert.Equal(t, code, errs.CodeOf(err), "delete: %v", err)
	}
}

func TestNoValueInErrors(t *testing.T) {
	t.Parallel()

	vault, kept := serve(t, clock.System{}, 0)
	kept.set(`tok-123 is not JSON`)

	_, err := vault.Get(t.Context(), "a")
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
	assert.NotContains(t, err.Error(), "tok-123")
	require.Error(t, vault.Rotate(t.Context(), "a", "tok-456"), "what cannot be read is not overwritten unseen")

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "GetParameter") {
			fail(w, "ParameterNotFound", "")

			return
		}

		var request struct {
			Value string `json:"Value"`
		}

		assert.NoError(t, json.NewDecoder(r.Body).Decode(&request))
		fail(w, "ValidationException", request.Value)
	}))
	t.Cleanup(server.Close)

	refusing := ssm.New(awsssm.New(awsssm.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}), "/lapak/test", clock.System{}, 0)

	err = refusing.Rotate(t.Context(), "a", "tok-456")
	assert.Equal(t, errs.Invalid, errs.CodeOf(err))
	assert.Contains(t, err.Error(), "ValidationException")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "tok-456")
}
