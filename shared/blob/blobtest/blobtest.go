// Package blobtest provides the conformance suite of the port blob: what S3
// promises and Lapak relies on. Every adapter must pass it.
package blobtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// several is a size that an adapter cannot put in one piece.
const several = 20<<20 + 7

// Make gives the bucket to be held to the suite. It may be the same one each
// time and hold other objects: each case keeps to a prefix of its own.
type Make func(t *testing.T) blob.Bucket

// Options say what is known of the bucket.
type Options struct {
	// Follow reads what the bucket's links lead to.
	Follow Follow
	// Except names the cases that the bucket cannot pass, each with the reason.
	// It is for stand-ins of S3.
	Except map[string]string
}

// Run holds a bucket to the suite.
func Run(t *testing.T, create Make, options Options) {
	t.Helper()

	for name, run := range map[string]func(*subject){
		"RoundTrip":         roundTrip,
		"Empty":             empty,
		"Large":             large,
		"Overwrite":         overwrite,
		"Keys":              keys,
		"Ranges":            ranges,
		"RangesOfEmpty":     rangesOfEmpty,
		"Absent":            absent,
		"FailingReader":     failingReader,
		"CutReader":         cutReader,
		"FailingLateReader": failingLateReader,
		"OldStaysOnFailure": oldStaysOnFailure,
		"CallerGoes":        callerGoes,
		"CallerHasGone":     callerHasGone,
		"IfAbsent":          ifAbsent,
		"IfAbsentLarge":     ifAbsentLarge,
		"IfAbsentRace":      ifAbsentRace,
		"List":              list,
		"ListPages":         listPages,
		"CursorIsChecked":   cursorIsChecked,
		"Refuses":           refuses,

		"Upload":              upload,
		"UploadGoesOn":        uploadGoesOn,
		"UploadInAnyOrder":    uploadInAnyOrder,
		"UploadReplacesParts": uploadReplacesParts,
		"UploadTooSmall":      uploadTooSmall,
		"UploadsAreApart":     uploadsAreApart,
		"UploadAborted":       uploadAborted,
		"UploadCompleted":     uploadCompleted,
		"UploadRefuses":       uploadRefuses,
		"UploadOfCallerGone":  uploadOfCallerGone,
		"Link":                link,
		"LinkEnds":            linkEnds,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if reason := options.Except[name]; reason != "" {
				t.Skip(reason)
			}

			run(&subject{T: t, bucket: create(t), prefix: "test/" + rand.Text() + "/", follow: options.Follow})
		})
	}
}

// subject is a bucket under test.
type subject struct {
	*testing.T

	bucket blob.Bucket
	prefix string
	follow Follow
}

func (s *subject) put(name string, content []byte, options blob.PutOptions) blob.Object {
	s.Helper()

	object, err := s.bucket.Put(s.Context(), s.prefix+name, bytes.NewReader(content), options)
	require.NoError(s, err)

	return object
}

func (s *subject) read(name string, part blob.Range) ([]byte, blob.Object) {
	s.Helper()

	r, object, err := s.bucket.Get(s.Context(), s.prefix+name, part)
	require.NoError(s, err)

	content, err := io.ReadAll(r)
	require.NoError(s, err)
	require.NoError(s, r.Close())

	return content, object
}

// gone expects that no object of the name is to be seen in any way.
func (s *subject) gone(name string) {
	s.Helper()

	_, err := s.bucket.Head(s.Context(), s.prefix+name)
	require.Equal(s, errs.NotFound, errs.CodeOf(err), "head: %v", err)

	_, _, err = s.bucket.Get(s.Context(), s.prefix+name, blob.Range{})
	require.Equal(s, errs.NotFound, errs.CodeOf(err), "get: %v", err)

	page, err := s.bucket.List(s.Context(), s.prefix+name, "", 1)
	require.NoError(s, err)
	require.Empty(s, page.Objects)
}

func roundTrip(s *subject) {
	options := blob.PutOptions{
		ContentType: "text/plain; charset=utf-8",
		Metadata:    map[string]string{"sha256": "abc", "name": "rapat senin.mp4"},
	}
	put := s.put("a", []byte("Halo"), options)
	assert.Equal(s, s.prefix+"a", put.Key)
	assert.EqualValues(s, 4, put.Size)
	assert.NotEmpty(s, put.ETag)

	head, err := s.bucket.Head(s.Context(), s.prefix+"a")
	require.NoError(s, err)
	assert.WithinDuration(s, time.Now(), head.Modified, time.Hour)

	content, got := s.read("a", blob.Range{})
	assert.Equal(s, "Halo", string(content))
	assert.Equal(s, head, got)

	head.Modified = time.Time{}
	assert.Equal(s, put, head)
	assert.Equal(s, options.ContentType, head.ContentType)
	assert.Equal(s, options.Metadata, head.Metadata)
}

func empty(s *subject) {
	put := s.put("a", nil, blob.PutOptions{})
	assert.Zero(s, put.Size)

	content, got := s.read("a", blob.Range{})
	assert.Empty(s, content)
	assert.Zero(s, got.Size)
	assert.Equal(s, "application/octet-stream", got.ContentType)
	assert.Nil(s, got.Metadata)
}

// drawn gives size bytes that repeat nowhere.
func drawn(size int) []byte {
	content := make([]byte, size)
	_, _ = rand.Read(content) // never fails, says its documentation

	return content
}

func large(s *subject) {
	content := drawn(several)

	for _, size := range []int{8<<20 - 1, 8 << 20, 8<<20 + 1, 16 << 20, several} {
		// A reader that gives little at a time, as a connection does.
		object, err := s.bucket.Put(s.Context(), s.prefix+"a", io.MultiReader(
			iotest.HalfReader(bytes.NewReader(content[:size/2])), bytes.NewReader(content[size/2:size])),
			blob.PutOptions{ContentType: "video/mp4", Metadata: map[string]string{"name": "a"}})
		require.NoError(s, err, "%d bytes", size)
		assert.EqualValues(s, size, object.Size)

		got, head := s.read("a", blob.Range{})
		assert.Equal(s, sha256.Sum256(content[:size]), sha256.Sum256(got), "%d bytes", size)

		head.Modified = time.Time{}
		assert.Equal(s, object, head)
	}
}

func overwrite(s *subject) {
	first := s.put("a", []byte("first"), blob.PutOptions{Metadata: map[string]string{"n": "1"}})
	second := s.put("a", []byte("the second"), blob.PutOptions{})
	assert.NotEqual(s, first.ETag, second.ETag)

	content, got := s.read("a", blob.Range{})
	assert.Equal(s, "the second", string(content))
	assert.Nil(s, got.Metadata, "nothing of the old one is left")

	require.NoError(s, s.bucket.Delete(s.Context(), s.prefix+"a"))
	s.gone("a")
	require.NoError(s, s.bucket.Delete(s.Context(), s.prefix+"a"), "deleting again is fine")
}

func keys(s *subject) {
	for _, name := range []string{
		"a b", "a+b", "a%20b", "é/界/😀", "a//b", "a/../b", "?q=1&r#s", "'\"<>\\", "~", strings.Repeat("k", 900),
	} {
		s.put(name, []byte(name), blob.PutOptions{})

		content, object := s.read(name, blob.Range{})
		assert.Equal(s, name, string(content))
		assert.Equal(s, s.prefix+name, object.Key)

		page, err := s.bucket.List(s.Context(), s.prefix+name, "", 1)
		require.NoError(s, err)

		if assert.Len(s, page.Objects, 1, name) {
			assert.Equal(s, s.prefix+name, page.Objects[0].Key)
		}

		require.NoError(s, s.bucket.Delete(s.Context(), s.prefix+name))
		s.gone(name)
	}
}

func ranges(s *subject) {
	s.put("a", []byte("0123456789"), blob.PutOptions{Metadata: map[string]string{"n": "1"}})

	for part, want := range map[blob.Range]string{
		{}:                       "0123456789",
		{Length: 1}:              "0",
		{Length: 10}:             "0123456789",
		{Offset: 3}:              "3456789",
		{Offset: 3, Length: 4}:   "3456",
		{Offset: 9}:              "9",
		{Offset: 9, Length: 1}:   "9",
		{Offset: 8, Length: 100}: "89",
	} {
		content, object := s.read("a", part)
		assert.Equal(s, want, string(content), "%+v", part)
		assert.EqualValues(s, 10, object.Size, "the size is that of the whole object")
		assert.Equal(s, map[string]string{"n": "1"}, object.Metadata)
	}

	for _, part := range []blob.Range{
		{Offset: 10}, {Offset: 10, Length: 1}, {Offset: 99}, {Offset: -1}, {Length: -1},
	} {
		_, _, err := s.bucket.Get(s.Context(), s.prefix+"a", part)
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%+v: %v", part, err)
	}
}

func rangesOfEmpty(s *subject) {
	s.put("a", nil, blob.PutOptions{})

	_, _, err := s.bucket.Get(s.Context(), s.prefix+"a", blob.Range{Length: 1})
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "an empty object has no first byte: %v", err)
}

func absent(s *subject) {
	s.gone("a")

	_, _, err := s.bucket.Get(s.Context(), s.prefix+"a", blob.Range{Offset: 1})
	assert.Equal(s, errs.NotFound, errs.CodeOf(err), "%v", err)
}

var errReading = errors.New("the source broke")

// broken gives size bytes and then an error.
func broken(size int) io.Reader {
	return io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(errReading))
}

func failingReader(s *subject) {
	for _, size := range []int{0, 5} {
		_, err := s.bucket.Put(s.Context(), s.prefix+"a", broken(size), blob.PutOptions{})
		require.ErrorIs(s, err, errReading)
		s.gone("a")
	}

	coded := iotest.ErrReader(errs.New(errs.Limited, "slowly").After(time.Minute))
	_, err := s.bucket.Put(s.Context(), s.prefix+"a", coded, blob.PutOptions{})
	assert.Equal(s, errs.Limited, errs.CodeOf(err), "the reader's code comes through: %v", err)
	assert.Equal(s, time.Minute, errs.RetryAfter(err))
}

// cutReader gives a source whose connection ends too early, which net/http and
// whoever wraps it say by io.ErrUnexpectedEOF: that is not the end.
func cutReader(s *subject) {
	for _, cut := range []error{io.ErrUnexpectedEOF, errs.Wrap(io.ErrUnexpectedEOF, errs.Unavailable, "read a file")} {
		for _, size := range []int{5, several} {
			source := io.MultiReader(bytes.NewReader(make([]byte, size)), iotest.ErrReader(cut))
			_, err := s.bucket.Put(s.Context(), s.prefix+"a", source, blob.PutOptions{})
			require.ErrorIs(s, err, io.ErrUnexpectedEOF, "of a source that was cut")
			s.gone("a")
		}
	}
}

func failingLateReader(s *subject) {
	for _, size := range []int{8 << 20, several} {
		_, err := s.bucket.Put(s.Context(), s.prefix+"a", broken(size), blob.PutOptions{})
		require.ErrorIs(s, err, errReading)
		s.gone("a")
	}

	coded := io.MultiReader(bytes.NewReader(make([]byte, several)),
		iotest.ErrReader(errs.New(errs.Limited, "slowly").After(time.Minute)))
	_, err := s.bucket.Put(s.Context(), s.prefix+"a", coded, blob.PutOptions{})
	assert.Equal(s, errs.Limited, errs.CodeOf(err), "the reader's code comes through: %v", err)
}

func oldStaysOnFailure(s *subject) {
	s.put("a", []byte("old"), blob.PutOptions{})

	for _, size := range []int{5, several} {
		_, err := s.bucket.Put(s.Context(), s.prefix+"a", broken(size), blob.PutOptions{})
		require.ErrorIs(s, err, errReading)

		content, _ := s.read("a", blob.Range{})
		assert.Equal(s, "old", string(content))
	}
}

// goer is a reader whose caller goes away after some bytes.
type goer struct {
	rest int
	gone context.CancelFunc
}

func (g *goer) Read(into []byte) (int, error) {
	if g.rest <= 0 {
		g.gone()

		return 0, io.EOF // the context alone has to stop what follows
	}

	count := min(len(into), g.rest)
	g.rest -= count

	return count, nil
}

func callerGoes(s *subject) {
	for _, size := range []int{5, several} {
		ctx, cancel := context.WithCancel(s.Context())

		_, err := s.bucket.Put(ctx, s.prefix+"a", &goer{rest: size, gone: cancel}, blob.PutOptions{})
		assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "put of %d bytes: %v", size, err)
		s.gone("a")
	}
}

func callerHasGone(s *subject) {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()

	_, put := s.bucket.Put(ctx, s.prefix+"a", strings.NewReader("a"), blob.PutOptions{})
	_, _, get := s.bucket.Get(ctx, s.prefix+"a", blob.Range{})
	_, head := s.bucket.Head(ctx, s.prefix+"a")
	_, list := s.bucket.List(ctx, s.prefix, "", 1)

	for name, err := range map[string]error{
		"put": put, "get": get, "head": head, "list": list, "delete": s.bucket.Delete(ctx, s.prefix+"a"),
	} {
		assert.Equal(s, errs.Unavailable, errs.CodeOf(err), "%s: %v", name, err)
	}
}

func ifAbsent(s *subject) {
	once := blob.PutOptions{IfAbsent: true}
	s.put("a", []byte("first"), once)

	_, err := s.bucket.Put(s.Context(), s.prefix+"a", strings.NewReader("second"), once)
	assert.Equal(s, errs.Conflict, errs.CodeOf(err), "%v", err)

	content, _ := s.read("a", blob.Range{})
	assert.Equal(s, "first", string(content))

	require.NoError(s, s.bucket.Delete(s.Context(), s.prefix+"a"))
	s.put("a", []byte("third"), once)
}

func ifAbsentLarge(s *subject) {
	once := blob.PutOptions{IfAbsent: true}
	s.put("a", make([]byte, several), once)

	_, err := s.bucket.Put(s.Context(), s.prefix+"a", bytes.NewReader(drawn(several)), once)
	assert.Equal(s, errs.Conflict, errs.CodeOf(err), "%v", err)

	content, _ := s.read("a", blob.Range{Length: 10})
	assert.Equal(s, make([]byte, 10), content)
}

// ifAbsentRace lets several put one key at once: one of them wins, and its
// content stays.
func ifAbsentRace(s *subject) {
	const racers = 6

	won := make(chan string, racers)

	var group errgroup.Group

	for racer := range racers {
		group.Go(func() error {
			text := fmt.Sprint("racer ", racer)

			_, err := s.bucket.Put(s.Context(), s.prefix+"a", strings.NewReader(text), blob.PutOptions{IfAbsent: true})
			switch errs.CodeOf(err) {
			case "":
				won <- text

				return nil
			case errs.Conflict, errs.Unavailable:
				return nil
			default:
				return err
			}
		})
	}

	require.NoError(s, group.Wait())
	require.Len(s, won, 1)

	content, _ := s.read("a", blob.Range{})
	assert.Equal(s, <-won, string(content))
}

func list(s *subject) {
	for _, name := range []string{"b/2", "a", "b/1", "c", "b"} {
		s.put(name, []byte(name), blob.PutOptions{ContentType: "text/plain", Metadata: map[string]string{"n": "1"}})
	}

	listed := func(prefix string) []string {
		page, err := s.bucket.List(s.Context(), s.prefix+prefix, "", 10)
		require.NoError(s, err)
		assert.Empty(s, page.Next)

		names := []string{}

		for _, object := range page.Objects {
			name := strings.TrimPrefix(object.Key, s.prefix)
			assert.EqualValues(s, len(name), object.Size)
			assert.NotEmpty(s, object.ETag)
			assert.WithinDuration(s, time.Now(), object.Modified, time.Hour)
			assert.Empty(s, object.ContentType)
			assert.Nil(s, object.Metadata)

			names = append(names, name)
		}

		return names
	}

	assert.Equal(s, []string{"a", "b", "b/1", "b/2", "c"}, listed(""))
	assert.Equal(s, []string{"b", "b/1", "b/2"}, listed("b"))
	assert.Equal(s, []string{"b/1", "b/2"}, listed("b/"))
	assert.Empty(s, listed("d"))
}

func listPages(s *subject) {
	const count = 7

	want := make([]string, 0, count)

	for at := range count {
		name := fmt.Sprint(at)
		s.put(name, nil, blob.PutOptions{})

		want = append(want, s.prefix+name)
	}

	for limit := 1; limit <= count+1; limit++ {
		var got []string

		cursor := ""

		for pages := 0; ; pages++ {
			page, err := s.bucket.List(s.Context(), s.prefix, cursor, limit)
			require.NoError(s, err)
			require.LessOrEqual(s, len(page.Objects), limit)

			for _, object := range page.Objects {
				got = append(got, object.Key)
			}

			if page.Next == "" {
				break
			}

			require.Less(s, pages, count, "the pages do not end")
			cursor = page.Next
		}

		assert.Equal(s, want, got, "limit %d", limit)
	}

	page, err := s.bucket.List(s.Context(), s.prefix, "", 3)
	require.NoError(s, err)
	require.NoError(s, s.bucket.Delete(s.Context(), s.prefix+"2"))

	page, err = s.bucket.List(s.Context(), s.prefix, page.Next, 3)
	require.NoError(s, err)
	require.NotEmpty(s, page.Objects)
	assert.Equal(s, s.prefix+"3", page.Objects[0].Key, "the cursor's own object may have gone")
}

func cursorIsChecked(s *subject) {
	_, err := s.bucket.List(s.Context(), s.prefix, "no cursor!", 1)
	assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%v", err)
}

func refuses(s *subject) {
	put := func(key string, options blob.PutOptions) error {
		_, err := s.bucket.Put(s.Context(), key, strings.NewReader("a"), options)

		return err
	}
	metadata := func(name, value string) blob.PutOptions {
		return blob.PutOptions{Metadata: map[string]string{name: value}}
	}
	name := s.prefix + "a"

	_, head := s.bucket.Head(s.Context(), "")
	_, _, get := s.bucket.Get(s.Context(), "", blob.Range{})
	_, none := s.bucket.List(s.Context(), s.prefix, "", 0)
	_, many := s.bucket.List(s.Context(), s.prefix, "", blob.MaxPageKeys+1)

	for what, err := range map[string]error{
		"put without key":      put("", blob.PutOptions{}),
		"put with long key":    put(strings.Repeat("k", blob.MaxKeyBytes+1), blob.PutOptions{}),
		"put with binary key":  put("\xff", blob.PutOptions{}),
		"capital in metadata":  put(name, metadata("Name", "a")),
		"metadata not ASCII":   put(name, metadata("name", "é")),
		"metadata with spaces": put(name, metadata("name", " a ")),
		"metadata too large":   put(name, metadata("name", strings.Repeat("v", blob.MaxMetadataBytes))),
		"content type":         put(name, blob.PutOptions{ContentType: "text/é"}),
		"head without key":     head,
		"get without key":      get,
		"delete without key":   s.bucket.Delete(s.Context(), ""),
		"list of none":         none,
		"list of too many":     many,
	} {
		assert.Equal(s, errs.Invalid, errs.CodeOf(err), "%s: %v", what, err)
	}

	s.gone("a")
}
