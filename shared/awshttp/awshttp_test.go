package awshttp_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/awshttp"
)

// closed is a body as smithy-go makes it, at the worst moment: it can be read,
// and is closed by the time that net/http asks for more.
type closed struct{ io.Reader }

func (closed) WriteTo(io.Writer) (int64, error) { return 0, io.EOF }

func (closed) Close() error { return nil }

// send posts such a body of a size and gives what the service answered.
func send(t *testing.T, client awshttp.Client, size int) (string, error) {
	t.Helper()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if assert.NoError(t, err) && assert.Len(t, content, size) {
			_, _ = io.WriteString(w, "done")
		}
	}))
	defer server.Close()

	body := closed{strings.NewReader(strings.Repeat("x", size))}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
	require.NoError(t, err)

	request.ContentLength = int64(size)

	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()

	answer, err := io.ReadAll(response.Body)

	return string(answer), err
}

func TestBodyMayBeClosedEarly(t *testing.T) {
	t.Parallel()

	for _, size := range []int{1, 500, 4096, 1 << 20} {
		answer, err := send(t, awshttp.Mend(nil), size)
		require.NoError(t, err, "%d bytes", size)
		assert.Equal(t, "done", answer)
	}
}

// TestMendIsNeeded fails when smithy-go has mended its bodies: then this
// package has no more use.
func TestMendIsNeeded(t *testing.T) {
	t.Parallel()

	made, ok := smithyhttp.NewStackRequest().(*smithyhttp.Request)
	require.True(t, ok)

	made, err := made.SetStream(strings.NewReader("x"))
	require.NoError(t, err)

	body := made.Build(t.Context()).Body
	require.NoError(t, body.Close())

	_, err = io.Copy(io.Discard, body)
	require.ErrorIs(t, err, io.EOF)
}

func TestNoBody(t *testing.T) {
	t.Parallel()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Zero(t, r.ContentLength)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)

	for _, body := range []io.Reader{nil, http.NoBody} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, server.URL, body)
		require.NoError(t, err)

		response, err := awshttp.Mend(nil).Do(request)
		require.NoError(t, err)
		assert.NoError(t, response.Body.Close())
	}
}

// A loaded configuration has no client unless the environment asks for one.
func TestMendOfNoClient(t *testing.T) {
	t.Parallel()

	answer, err := send(t, awshttp.Mend(nil), 1)
	require.NoError(t, err)
	assert.Equal(t, "done", answer)
}
