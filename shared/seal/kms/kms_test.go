package kms_test

import (
	"crypto/rand"
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
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/seal/kms"
	"github.com/lapak-id/lapak/shared/seal/sealtest"
	"github.com/lapak-id/lapak/shared/table/memory"
)

// service is the little of KMS that the sealer asks for. What KMS really does
// is pinned by tests/conformance.
type service struct {
	mu     sync.Mutex
	made   map[string]made // by wrapped key
	broken string          // the error of every call, if any
	calls  map[string]int
}

// made is a data key with what it may be unwrapped for.
type made struct {
	plain   []byte
	context string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	var request struct {
		KeyID   string            `json:"KeyId"`
		Context map[string]string `json:"EncryptionContext"`
		Blob    []byte            `json:"CiphertextBlob"`
	}

	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)

		return
	}

	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.calls[action]++

	known, there := s.made[string(request.Blob)]

	switch {
	case s.broken != "":
		refuse(w, s.broken)
	case request.KeyID != "alias/goods":
		refuse(w, "NotFoundException")
	case action == "GenerateDataKey":
		key := made{plain: make([]byte, seal.KeyBytes), context: fmt.Sprint(request.Context)}
		_, _ = rand.Read(key.plain)

		blob := []byte(rand.Text())
		s.made[string(blob)] = key
		answer(w, map[string][]byte{"CiphertextBlob": blob, "Plaintext": key.plain})
	case action == "Decrypt" && there && known.context == fmt.Sprint(request.Context):
		answer(w, map[string][]byte{"Plaintext": known.plain})
	default:
		refuse(w, "InvalidCiphertextException")
	}
}

func answer(w http.ResponseWriter, body map[string][]byte) {
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err) // the sealer hung up on its own test
	}
}

func refuse(w http.ResponseWriter, code string) {
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprintf(w, `{"__type":%q}`, code)
}

// count gives how often an action was called.
func (s *service) count(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.calls[action]
}

func (s *service) breakWith(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.broken = code
}

// stack is a table and a KMS, which any number of sealers share.
type stack struct {
	now    *clock.Manual
	state  *memory.Table
	remote *service
	client *awskms.Client
}

func newStack(t *testing.T) *stack {
	t.Helper()

	remote := &service{made: map[string]made{}, calls: map[string]int{}}
	server := httptest.NewServer(remote)
	t.Cleanup(server.Close)

	now := clock.NewManual(time.Date(2026, time.November, 21, 7, 0, 0, 0, time.UTC))

	return &stack{
		now: now, state: memory.New(now, fault.None{}), remote: remote,
		client: awskms.New(awskms.Options{
			Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		}),
	}
}

func (s *stack) sealer() *kms.Sealer { return kms.New(s.client, "alias/goods", s.state, s.now) }

const about = "unit P U"

func TestConformance(t *testing.T) {
	t.Parallel()

	sealtest.Run(t, func(t *testing.T) (seal.Sealer, seal.Sealer) {
		t.Helper()

		shared := newStack(t)

		return shared.sealer(), shared.sealer()
	})
}

// TestCalls counts what a thousand units cost.
func TestCalls(t *testing.T) {
	t.Parallel()

	shared := newStack(t)
	sealer := shared.sealer()

	for range 1000 {
		sealed, err := sealer.Seal(t.Context(), "demo", about, []byte("secret"))
		require.NoError(t, err)
		_, err = sealer.Open(t.Context(), "demo", about, sealed)
		require.NoError(t, err)
		_, err = sealer.Fingerprint(t.Context(), "demo", []byte("secret"))
		require.NoError(t, err)
	}

	assert.Equal(t, 2, shared.remote.count("GenerateDataKey"), "one for data, one for fingerprints")
	assert.Equal(t, 1, shared.remote.count("Decrypt"), "one for Open, which asks by number")

	// A key leaves memory in time: taking the master key away takes effect.
	shared.remote.breakWith("DisabledException")
	_, err := sealer.Seal(t.Context(), "demo", about, nil)
	require.NoError(t, err)

	shared.now.Advance(5 * time.Minute)

	_, err = sealer.Seal(t.Context(), "demo", about, nil)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)

	shared.remote.breakWith("AccessDeniedException")

	_, err = sealer.Fingerprint(t.Context(), "demo", nil)
	assert.Equal(t, errs.Unauthorized, errs.CodeOf(err), "%v", err)
}

func TestRotation(t *testing.T) {
	t.Parallel()

	shared := newStack(t)
	sealer, other := shared.sealer(), shared.sealer()

	number := func(of *kms.Sealer) uint32 {
		sealed, err := of.Seal(t.Context(), "demo", about, []byte("secret"))
		require.NoError(t, err)

		number, err := seal.NumberOf(sealed)
		require.NoError(t, err)

		return number
	}

	first, err := sealer.Seal(t.Context(), "demo", about, []byte("secret"))
	require.NoError(t, err)

	mark, err := sealer.Fingerprint(t.Context(), "demo", []byte("secret"))
	require.NoError(t, err)
	assert.Equal(t, uint32(1), number(other))

	require.NoError(t, sealer.Rotate(t.Context(), "demo"))
	assert.Equal(t, uint32(2), number(sealer))
	assert.Equal(t, uint32(1), number(other), "not yet")
	shared.now.Advance(5 * time.Minute)
	assert.Equal(t, uint32(2), number(other))

	shared.now.Advance(kms.RotateAfter)
	assert.Equal(t, uint32(3), number(other), "by its age")
	assert.Equal(t, uint32(3), number(sealer))

	for _, by := range []*kms.Sealer{sealer, other, shared.sealer()} {
		plain, err := by.Open(t.Context(), "demo", about, first)
		require.NoError(t, err)
		assert.Equal(t, "secret", string(plain))

		again, err := by.Fingerprint(t.Context(), "demo", []byte("secret"))
		require.NoError(t, err)
		assert.Equal(t, mark, again)
	}
}

// TestManyStores uses more stores than keys are kept in memory.
func TestManyStores(t *testing.T) {
	t.Parallel()

	sealer := newStack(t).sealer()

	for round := range 2 {
		for at := range 300 {
			store := fmt.Sprint("shop-", at)
			sealed, err := sealer.Seal(t.Context(), store, about, []byte(store))
			require.NoError(t, err)

			number, err := seal.NumberOf(sealed)
			require.NoError(t, err)
			assert.Equal(t, uint32(1), number, "round %d", round)
		}
	}
}
