package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/s3"
	"github.com/lapak-id/lapak/shared/errs"
)

// What S3 really does is pinned by tests/conformance. Here a server answers as
// it is told, for the failures that nothing makes on demand.

const part = 8 << 20

// script answers each call by its name, and notes the names.
type script struct {
	mu      sync.Mutex
	calls   []string
	answers map[string]http.HandlerFunc
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	call := name(r)

	s.mu.Lock()
	s.calls = append(s.calls, call)
	answer := s.answers[call]
	s.mu.Unlock()

	_, _ = io.Copy(io.Discard, r.Body) // what cannot be read the client finds out itself

	switch {
	case answer != nil:
		answer(w, r)
	case call == "CreateMultipartUpload":
		_, _ = fmt.Fprint(w, `<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
	case call == "CompleteMultipartUpload":
		_, _ = fmt.Fprint(w, `<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>`)
	case call == "AbortMultipartUpload":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("ETag", `"e"`)
	}
}

func name(r *http.Request) string {
	query := r.URL.Query()

	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPut && query.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodPost && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		return "AbortMultipartUpload"
	case r.Method == http.MethodGet && query.Has("uploadId"):
		return "ListParts"
	default:
		return r.Method
	}
}

func (s *script) called(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(slices.DeleteFunc(slices.Clone(s.calls), func(other string) bool { return other != call }))
}

func serve(t *testing.T, answers map[string]http.HandlerFunc) (*s3.Bucket, *script) {
	t.Helper()

	played := &script{answers: answers}
	server := httptest.NewServer(played)
	t.Cleanup(server.Close)

	return s3.New(awss3.New(awss3.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}), "media"), played
}

func fails(status int, code string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<Error><Code>%s</Code><Message>because</Message></Error>`, code)
	}
}

func put(ctx context.Context, to *s3.Bucket, size int) error {
	_, err := to.Put(ctx, "a", bytes.NewReader(make([]byte, size)), blob.PutOptions{IfAbsent: true})

	return err
}

func TestPutFailures(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		size   int
		call   string
		answer http.HandlerFunc
		code   errs.Code
		aborts int
	}{
		"whole: slow down":     {1, "PUT", fails(503, "SlowDown"), errs.Limited, 0},
		"whole: taken":         {1, "PUT", fails(412, "PreconditionFailed"), errs.Conflict, 0},
		"whole: met another":   {1, "PUT", fails(409, "ConditionalRequestConflict"), errs.Unavailable, 0},
		"whole: forbidden":     {1, "PUT", fails(403, "AccessDenied"), errs.Unauthorized, 0},
		"parts: start fails":   {2 * part, "CreateMultipartUpload", fails(500, "InternalError"), errs.Unavailable, 0},
		"parts: one fails":     {3 * part, "UploadPart", fails(500, "InternalError"), errs.Unavailable, 1},
		"parts: upload gone":   {3 * part, "UploadPart", fails(404, "NoSuchUpload"), errs.Unavailable, 1},
		"parts: taken":         {2 * part, "CompleteMultipartUpload", fails(412, "PreconditionFailed"), errs.Conflict, 1},
		"parts: late failure":  {2 * part, "CompleteMultipartUpload", fails(200, "InternalError"), errs.Unavailable, 1},
		"parts: never arrives": {2 * part, "CompleteMultipartUpload", fails(503, "SlowDown"), errs.Limited, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, played := serve(t, map[string]http.HandlerFunc{test.call: test.answer})
			err := put(t.Context(), made, test.size)
			assert.Equal(t, test.code, errs.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, "bucket media")
			assert.Equal(t, test.aborts, played.called("AbortMultipartUpload"))
		})
	}
}

// TestUploadFailures holds what the codes of uploads that others go on with are.
func TestUploadFailures(t *testing.T) {
	t.Parallel()

	upload := blob.Upload{Key: "a", ID: "u1"}
	parts := []blob.Part{{Number: 1, Size: 1, ETag: `"e"`}}

	for name, test := range map[string]struct {
		call   string
		answer http.HandlerFunc
		code   errs.Code
	}{
		"upload gone": {"CompleteMultipartUpload", fails(404, "NoSuchUpload"), errs.NotFound},
		"other part":  {"CompleteMultipartUpload", fails(400, "InvalidPart"), errs.Conflict},
		"small part":  {"CompleteMultipartUpload", fails(400, "EntityTooSmall"), errs.Invalid},
		"bad order":   {"CompleteMultipartUpload", fails(400, "InvalidPartOrder"), errs.Invalid},
		"late gone":   {"CompleteMultipartUpload", fails(200, "NoSuchUpload"), errs.NotFound},
		"damaged":     {"UploadPart", fails(400, "BadDigest"), errs.Unavailable},
		"slow down":   {"UploadPart", fails(503, "SlowDown"), errs.Limited},
		"part gone":   {"UploadPart", fails(404, "NoSuchUpload"), errs.NotFound},
		"list gone":   {"ListParts", fails(404, "NoSuchUpload"), errs.NotFound},
		"list fails":  {"ListParts", fails(500, "InternalError"), errs.Unavailable},
		"abort gone":  {"AbortMultipartUpload", fails(404, "NoSuchUpload"), ""},
		"abort fails": {"AbortMultipartUpload", fails(503, "SlowDown"), errs.Limited},
		"start fails": {"CreateMultipartUpload", fails(403, "AccessDenied"), errs.Unauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, _ := serve(t, map[string]http.HandlerFunc{test.call: test.answer})
			err := map[string]func() error{
				"CreateMultipartUpload": func() error {
					_, err := made.StartUpload(t.Context(), "a", blob.PutOptions{})

					return err
				},
				"UploadPart": func() error {
					_, err := made.PutPart(t.Context(), upload, 1, []byte("a"))

					return err
				},
				"ListParts": func() error {
					_, err := made.Parts(t.Context(), upload)

					return err
				},
				"CompleteMultipartUpload": func() error {
					_, err := made.CompleteUpload(t.Context(), upload, parts)

					return err
				},
				"AbortMultipartUpload": func() error { return made.AbortUpload(t.Context(), upload) },
			}[test.call]()
			assert.Equal(t, test.code, errs.CodeOf(err), "%v", err)
		})
	}
}

// TestPartsArePaged lists more parts than one answer of S3 holds.
func TestPartsArePaged(t *testing.T) {
	t.Parallel()

	page := func(number int, more bool) string {
		return fmt.Sprintf(`<ListPartsResult><IsTruncated>%t</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker>`+
			`<Part><PartNumber>%d</PartNumber><Size>5</Size><ETag>"e"</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>`+
			`</ListPartsResult>`, more, number, number)
	}
	made, played := serve(t, map[string]http.HandlerFunc{
		"ListParts": func(w http.ResponseWriter, r *http.Request) {
			after := 0
			_, _ = fmt.Sscan(r.URL.Query().Get("part-number-marker"), &after) // none: the first page
			_, _ = fmt.Fprint(w, page(after+1, after < 2))
		},
	})

	parts, err := made.Parts(t.Context(), blob.Upload{Key: "a", ID: "u1"})
	require.NoError(t, err)
	require.Len(t, parts, 3)
	assert.Equal(t, blob.Part{Number: 3, Size: 5, ETag: `"e"`, CRC32: "AAAAAA=="}, parts[2])
	assert.Equal(t, 3, played.called("ListParts"))
}

// TestTheChecksumTravels pins that S3 is given what it checks a part against:
// the CRC-32 of "123456789" is the check value of its definition.
func TestTheChecksumTravels(t *testing.T) {
	t.Parallel()

	var sent string

	made, _ := serve(t, map[string]http.HandlerFunc{
		"UploadPart": func(w http.ResponseWriter, r *http.Request) {
			sent = r.Header.Get("X-Amz-Checksum-Crc32")
			w.Header().Set("ETag", `"e"`)
		},
	})

	part, err := made.PutPart(t.Context(), blob.Upload{Key: "a", ID: "u1"}, 1, []byte("123456789"))
	require.NoError(t, err)
	assert.Equal(t, "y/Q5Jg==", part.CRC32)
	assert.Equal(t, part.CRC32, sent)
}

func TestAbortFails(t *testing.T) {
	t.Parallel()

	made, _ := serve(t, map[string]http.HandlerFunc{
		"UploadPart": fails(403, "AccessDenied"), "AbortMultipartUpload": fails(500, "InternalError"),
	})
	err := put(t.Context(), made, 2*part)
	assert.Equal(t, errs.Unauthorized, errs.CodeOf(err), "what made the abort necessary comes first")
	assert.ErrorContains(t, err, "abort the upload of a")
}

// TestAbortAfterTheCallerHasGone pins why the SDK's own manager is not used.
func TestAbortAfterTheCallerHasGone(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	made, played := serve(t, map[string]http.HandlerFunc{
		"UploadPart": func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		},
	})

	err := put(ctx, made, 2*part)
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
	assert.Equal(t, 1, played.called("AbortMultipartUpload"))
}

// counter counts what is read of it.
type counter struct {
	io.Reader

	read atomic.Int64
}

func (c *counter) Read(into []byte) (int, error) {
	count, err := c.Reader.Read(into)
	c.read.Add(int64(count))

	return count, err
}

// TestPutHoldsTwoParts stops every part on its way: no more than two are read
// ahead, however long the source.
func TestPutHoldsTwoParts(t *testing.T) {
	t.Parallel()

	arrived, release := make(chan struct{}, 10), make(chan struct{})
	made, played := serve(t, map[string]http.HandlerFunc{
		"UploadPart": func(w http.ResponseWriter, _ *http.Request) {
			arrived <- struct{}{}
			<-release
			w.Header().Set("ETag", `"e"`)
		},
	})
	source := &counter{Reader: io.LimitReader(zeros{}, 5*part+1)}
	done := make(chan error, 1)

	go func() {
		object, err := made.Put(t.Context(), "a", source, blob.PutOptions{})
		if err == nil && object.Size != 5*part+1 {
			err = errs.New(errs.Internal, "stored %d bytes", object.Size)
		}

		done <- err
	}()

	<-arrived
	<-arrived
	assert.EqualValues(t, 2*part, source.read.Load())
	close(release)
	require.NoError(t, <-done)
	assert.Equal(t, 6, played.called("UploadPart"))
	assert.Zero(t, played.called("AbortMultipartUpload"))
}

// zeros is an endless source.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

func TestReadFailures(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		answer http.HandlerFunc
		code   errs.Code
	}{
		"forbidden": {fails(403, "AccessDenied"), errs.Unauthorized},
		"absent":    {fails(404, "NoSuchKey"), errs.NotFound},
		"slow down": {fails(503, "SlowDown"), errs.Limited},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, errs.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			made, _ := serve(t, map[string]http.HandlerFunc{"GET": test.answer, "DELETE": test.answer})
			_, _, err := made.Get(t.Context(), "a", blob.Range{})
			assert.Equal(t, test.code, errs.CodeOf(err), "get: %v", err)
			_, err = made.List(t.Context(), "a", "", 1)
			assert.Equal(t, test.code, errs.CodeOf(err), "list: %v", err)
			err = made.Delete(t.Context(), "a")
			assert.Equal(t, test.code, errs.CodeOf(err), "delete: %v", err)
		})
	}

	// An answer to HEAD has no body: its status alone tells.
	for status, code := range map[int]errs.Code{
		403: errs.Unauthorized, 404: errs.NotFound, 500: errs.Unavailable, 429: errs.Limited,
	} {
		made, _ := serve(t, map[string]http.HandlerFunc{
			"HEAD": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) },
		})
		_, err := made.Head(t.Context(), "a")
		assert.Equal(t, code, errs.CodeOf(err), "%d: %v", status, err)
	}
}

func TestStreamIsCut(t *testing.T) {
	t.Parallel()

	made, _ := serve(t, map[string]http.HandlerFunc{
		"GET": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = fmt.Fprint(w, "01234")
		},
	})

	r, object, err := made.Get(t.Context(), "a", blob.Range{})
	require.NoError(t, err)
	assert.EqualValues(t, 10, object.Size)

	content, err := io.ReadAll(r)
	assert.Equal(t, "01234", string(content))
	assert.Equal(t, errs.Unavailable, errs.CodeOf(err), "%v", err)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NoError(t, r.Close())
}

func TestOddRange(t *testing.T) {
	t.Parallel()

	for _, odd := range []string{"bytes 0-1", "bytes 0-1/*", "bytes 0-1/-5", "x"} {
		made, _ := serve(t, map[string]http.HandlerFunc{
			"GET": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Range", odd)
				w.WriteHeader(http.StatusPartialContent)
				_, _ = fmt.Fprint(w, "01")
			},
		})

		_, _, err := made.Get(t.Context(), "a", blob.Range{Length: 2})
		assert.Equal(t, errs.Internal, errs.CodeOf(err), "%s: %v", odd, err)
	}
}

func TestMetadataNamesAreLowered(t *testing.T) {
	t.Parallel()

	made, _ := serve(t, map[string]http.HandlerFunc{
		"HEAD": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Amz-Meta-Sha256", "abc") },
	})

	object, err := made.Head(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"sha256": "abc"}, object.Metadata)
}
