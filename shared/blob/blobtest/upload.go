package blobtest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// Follow reads what a link leads to, as whoever is given it does.
type Follow func(ctx context.Context, link string) (contentType string, content []byte, err error)

// begin starts an upload into a.
func (s *subject) begin(options blob.PutOptions) blob.Upload {
	s.Helper()

	started, err := s.bucket.StartUpload(s.Context(), s.prefix+"a", options)
	require.NoError(s, err)
	assert.Equal(s, s.prefix+"a", started.Key)
	assert.NotEmpty(s, started.ID)

	s.Cleanup(func() { // of a case that ends early
		assert.NoError(s, s.bucket.AbortUpload(context.WithoutCancel(s.Context()), started))
	})

	return started
}

func (s *subject) part(to blob.Upload, number int, content []byte) blob.Part {
	s.Helper()

	part, err := s.bucket.PutPart(s.Context(), to, number, content)
	require.NoError(s, err)
	assert.Equal(s, number, part.Number)
	assert.EqualValues(s, len(content), part.Size)
	assert.NotEmpty(s, part.ETag)
	assert.Len(s, part.CRC32, 8, "four bytes in base64")

	return part
}

func (s *subject) listed(of blob.Upload) []blob.Part {
	s.Helper()

	parts, err := s.bucket.Parts(s.Context(), of)
	require.NoError(s, err)

	return parts
}

func upload(s *subject) {
	options := blob.PutOptions{ContentType: "video/mp4", Metadata: map[string]string{"name": "a"}}
	to, content := s.begin(options), drawn(several)

	var parts []blob.Part
	for number, piece := range slices.Collect(slices.Chunk(content, 8<<20)) {
		parts = append(parts, s.part(to, number+1, piece))
	}

	s.gone("a")

	stored, err := s.bucket.CompleteUpload(s.Context(), to, parts)
	require.NoError(s, err)

	got, head := s.read("a", blob.Range{})
	assert.Equal(s, content, got)
	assert.Equal(s, stored.Key, head.Key)
	assert.Equal(s, stored.Size, head.Size)
	assert.Equal(s, stored.ETag, head.ETag)
	assert.Equal(s, options.ContentType, head.ContentType)
	assert.Equal(s, options.Metadata, head.Metadata)
}

// uploadGoesOn is what uploads are for: another process knows the name of the
// upload and nothing else.
func uploadGoesOn(s *subject) {
	to, content := s.begin(blob.PutOptions{}), drawn(blob.MinPartBytes+9)

	assert.Empty(s, s.listed(to))

	sent := s.part(to, 1, content[:blob.MinPartBytes])
	kept := s.listed(blob.Upload{Key: to.Key, ID: to.ID})
	require.Len(s, kept, 1)
	assert.Equal(s, sent, kept[0])

	_, err := s.bucket.CompleteUpload(s.Context(), to, append(kept, s.part(to, 2, content[blob.MinPartBytes:])))
	require.NoError(s, err)

	got, _ := s.read("a", blob.Range{})
	assert.Equal(s, content, got)
}

func uploadInAnyOrder(s *subject) {
	to, content := s.begin(blob.PutOptions{}), drawn(2*blob.MinPartBytes+1)
	parts := make([]blob.Part, 3)

	var group errgroup.Group
	for at, piece := range slices.Collect(slices.Chunk(content, blob.MinPartBytes)) {
		group.Go(func() error {
			var err error
			parts[at], err = s.bucket.PutPart(s.Context(), to, 7*at+2, piece) // numbers may have gaps

			return err
		})
	}

	require.NoError(s, group.Wait())
	assert.Equal(s, parts, s.listed(to))

	_, err := s.bucket.CompleteUpload(s.Context(), to, []blob.Part{parts[0], parts[2], parts[1]})
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)

	_, err = s.bucket.CompleteUpload(s.Context(), to, parts)
	require.NoError(s, err)

	got, _ := s.read("a", blob.Range{})
	assert.Equal(s, content, got)
}

func uploadReplacesParts(s *subject) {
	to := s.begin(blob.PutOptions{})
	old := s.part(to, 1, []byte("old"))
	s.part(to, 2, []byte("dropped"))

	renewed := s.part(to, 1, []byte("new"))
	_, err := s.bucket.CompleteUpload(s.Context(), to, []blob.Part{old})
	require.Equal(s, errs.Conflict, errs.CodeOf(err), "part 1 is another one now: %v", err)

	_, err = s.bucket.CompleteUpload(s.Context(), to, []blob.Part{{Number: 3, ETag: renewed.ETag}})
	require.Equal(s, errs.Conflict, errs.CodeOf(err), "part 3 was never stored: %v", err)

	_, err = s.bucket.CompleteUpload(s.Context(), to, []blob.Part{renewed})
	require.NoError(s, err)

	got, _ := s.read("a", blob.Range{})
	assert.Equal(s, "new", string(got))
}

func uploadTooSmall(s *subject) {
	to := s.begin(blob.PutOptions{})
	parts := []blob.Part{s.part(to, 1, make([]byte, blob.MinPartBytes-1)), s.part(to, 2, []byte("end"))}

	_, err := s.bucket.CompleteUpload(s.Context(), to, parts)
	require.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
	s.gone("a")
	assert.Equal(s, parts, s.listed(to), "nothing is lost by it")
}

func uploadsAreApart(s *subject) {
	first, second := s.begin(blob.PutOptions{}), s.begin(blob.PutOptions{})
	require.NotEqual(s, first.ID, second.ID)

	one, two := s.part(first, 1, []byte("one")), s.part(second, 1, []byte("two"))

	_, err := s.bucket.CompleteUpload(s.Context(), first, []blob.Part{one})
	require.NoError(s, err)

	got, _ := s.read("a", blob.Range{})
	assert.Equal(s, "one", string(got))

	_, err = s.bucket.CompleteUpload(s.Context(), second, []blob.Part{two})
	require.NoError(s, err)

	got, _ = s.read("a", blob.Range{})
	assert.Equal(s, "two", string(got))
}

func uploadAborted(s *subject) {
	to := s.begin(blob.PutOptions{})
	parts := []blob.Part{s.part(to, 1, []byte("1"))}

	require.NoError(s, s.bucket.AbortUpload(s.Context(), to))
	require.NoError(s, s.bucket.AbortUpload(s.Context(), to), "aborting again is fine")
	s.ended(to, parts)
	s.gone("a")
}

// ended expects that nothing can be done with an upload any more.
func (s *subject) ended(to blob.Upload, parts []blob.Part) {
	s.Helper()

	_, put := s.bucket.PutPart(s.Context(), to, 2, []byte("2"))
	_, list := s.bucket.Parts(s.Context(), to)
	_, complete := s.bucket.CompleteUpload(s.Context(), to, parts)

	for what, err := range map[string]error{"put": put, "list": list, "complete": complete} {
		assert.Equal(s, errs.NotFound, errs.CodeOf(err), "%s: %v", what, err)
	}
}

func uploadCompleted(s *subject) {
	to := s.begin(blob.PutOptions{})
	part := s.part(to, 1, []byte("1"))

	_, err := s.bucket.CompleteUpload(s.Context(), to, []blob.Part{part})
	require.NoError(s, err)

	_, err = s.bucket.PutPart(s.Context(), to, 2, []byte("2"))
	assert.Equal(s, errs.NotFound, errs.CodeOf(err), "%v", err)

	_, err = s.bucket.Parts(s.Context(), to)
	assert.Equal(s, errs.NotFound, errs.CodeOf(err), "%v", err)

	// S3 may take a completion again for a while: it changes nothing.
	_, err = s.bucket.CompleteUpload(s.Context(), to, []blob.Part{part})
	assert.Contains(s, []errs.Code{"", errs.NotFound}, errs.CodeOf(err), "%v", err)

	require.NoError(s, s.bucket.AbortUpload(s.Context(), to))

	got, _ := s.read("a", blob.Range{})
	assert.Equal(s, "1", string(got), "aborting what is complete takes nothing away")
}

func uploadRefuses(s *subject) {
	to := s.begin(blob.PutOptions{})
	part := s.part(to, 1, []byte("1"))
	start := func(key string, options blob.PutOptions) error {
		_, err := s.bucket.StartUpload(s.Context(), key, options)

		return err
	}
	put := func(number int, content string) error {
		_, err := s.bucket.PutPart(s.Context(), to, number, []byte(content))

		return err
	}
	complete := func(parts ...blob.Part) error {
		_, err := s.bucket.CompleteUpload(s.Context(), to, parts)

		return err
	}

	for what, err := range map[string]error{
		"start without key":     start("", blob.PutOptions{}),
		"start if absent":       start(s.prefix+"a", blob.PutOptions{IfAbsent: true}),
		"start with odd type":   start(s.prefix+"a", blob.PutOptions{ContentType: "text/é"}),
		"part 0":                put(0, "a"),
		"part over the last":    put(blob.MaxParts+1, "a"),
		"part of nothing":       put(1, ""),
		"complete without part": complete(),
		"complete doubled part": complete(part, part),
	} {
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", what, err)
	}

	assert.Equal(s, []blob.Part{part}, s.listed(to))

	unknown := blob.Upload{Key: s.prefix + "b", ID: to.ID}
	_, err := s.bucket.Parts(s.Context(), unknown)
	assert.Equal(s, errs.NotFound, errs.CodeOf(err), "the upload is another key's: %v", err)
}

func uploadOfCallerGone(s *subject) {
	to := s.begin(blob.PutOptions{})
	part := s.part(to, 1, []byte("1"))

	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, start := s.bucket.StartUpload(ctx, s.prefix+"a", blob.PutOptions{})
	_, put := s.bucket.PutPart(ctx, to, 2, []byte("2"))
	_, list := s.bucket.Parts(ctx, to)
	_, complete := s.bucket.CompleteUpload(ctx, to, []blob.Part{part})

	for what, err := range map[string]error{
		"start": start, "put": put, "list": list, "complete": complete, "abort": s.bucket.AbortUpload(ctx, to),
	} {
		assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "%s: %v", what, err)
	}

	assert.Equal(s, []blob.Part{part}, s.listed(to))
}

func link(s *subject) {
	s.put("a b+é", []byte("Halo"), blob.PutOptions{ContentType: "text/plain"})

	address, err := s.bucket.Link(s.Context(), s.prefix+"a b+é", time.Minute)
	require.NoError(s, err)

	contentType, content, err := s.follow(s.Context(), address)
	require.NoError(s, err)
	assert.Equal(s, "Halo", string(content))
	assert.Equal(s, "text/plain", contentType)

	nowhere, err := s.bucket.Link(s.Context(), s.prefix+"nothing", time.Minute)
	require.NoError(s, err)

	_, _, err = s.follow(s.Context(), nowhere)
	require.Error(s, err)

	for _, odd := range []func() (string, error){
		func() (string, error) { return s.bucket.Link(s.Context(), "", time.Minute) },
		func() (string, error) { return s.bucket.Link(s.Context(), strings.Repeat("k", 2000), time.Minute) },
		func() (string, error) { return s.bucket.Link(s.Context(), "a", 0) },
		func() (string, error) { return s.bucket.Link(s.Context(), "a", blob.MaxLinkTime+time.Second) },
	} {
		_, err := odd()
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
	}
}

func linkEnds(s *subject) {
	s.put("a", []byte("Halo"), blob.PutOptions{})

	address, err := s.bucket.Link(s.Context(), s.prefix+"a", time.Second)
	require.NoError(s, err)

	assert.Eventually(s, func() bool {
		_, _, err := s.follow(s.Context(), address)

		return err != nil
	}, 10*time.Second, 100*time.Millisecond)
}
