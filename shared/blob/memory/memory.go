// Package memory provides a bucket held in memory that behaves like S3, for
// tests and the simulation. It takes its time from a clock and its failures
// from a fault plan.
package memory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
)

// The operations under which a Bucket asks its plan. OpRead is asked for each
// read of what Get gave: a fault cuts the stream there.
const (
	OpPut    = "blob.put"
	OpGet    = "blob.get"
	OpRead   = "blob.read"
	OpHead   = "blob.head"
	OpDelete = "blob.delete"
	OpList   = "blob.list"

	OpStart    = "blob.start"
	OpPart     = "blob.part"
	OpParts    = "blob.parts"
	OpComplete = "blob.complete"
	OpAbort    = "blob.abort"
)

// defaultType is what S3 calls content of no given type.
const defaultType = "application/octet-stream"

// Bucket is a bucket in memory. It is safe for concurrent use.
type Bucket struct {
	clock clock.Clock
	plan  fault.Plan

	mu       sync.Mutex
	objects  map[string]stored
	uploads  map[string]*upload // by id
	started  int                // uploads, ever
	minBytes int64              // of a part
}

// stored is an object with its content, which nobody changes once it is there.
type stored struct {
	object  blob.Object
	content []byte
}

var _ blob.Bucket = (*Bucket)(nil)

// New makes an empty bucket.
func New(clock clock.Clock, plan fault.Plan) *Bucket {
	return &Bucket{
		clock: clock, plan: plan, objects: map[string]stored{}, uploads: map[string]*upload{}, minBytes: blob.MinPartBytes,
	}
}

// Put implements blob.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, options blob.PutOptions) (blob.Object, error) {
	if err := blob.ValidateKey(key); err != nil {
		return blob.Object{}, err
	}

	if err := options.Validate(); err != nil {
		return blob.Object{}, errs.Context(err, "put %s", key)
	}

	var object blob.Object

	_, err := fault.Around(ctx, b.plan, OpPut, func() error {
		content, err := io.ReadAll(r)
		if err != nil {
			return errs.Context(err, "put %s: read its content", key)
		}

		if err := ctx.Err(); err != nil {
			return errs.Wrap(err, errs.Unavailable, "put %s: the caller has gone", key)
		}

		object, err = b.keep(key, content, options)

		return err
	})
	if err != nil {
		return blob.Object{}, err
	}

	return object, nil
}

func (b *Bucket) keep(key string, content []byte, options blob.PutOptions) (blob.Object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if _, taken := b.objects[key]; taken && options.IfAbsent {
		return blob.Object{}, errs.New(errs.Conflict, "put %s: the key is taken", key)
	}

	return b.store(key, content, options), nil
}

// store keeps an object; the caller holds the lock.
func (b *Bucket) store(key string, content []byte, options blob.PutOptions) blob.Object {
	sum := sha256.Sum256(content)
	object := blob.Object{
		Key:         key,
		Size:        int64(len(content)),
		ContentType: options.ContentType,
		ETag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
		Modified:    b.clock.Now(),
		Metadata:    maps.Clone(options.Metadata),
	}

	if object.ContentType == "" {
		object.ContentType = defaultType
	}

	b.objects[key] = stored{object: object, content: content}
	object.Modified = time.Time{} // S3 does not tell

	return described(object)
}

// Get implements blob.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, part blob.Range) (io.ReadCloser, blob.Object, error) {
	if err := part.Validate(); err != nil {
		return nil, blob.Object{}, errs.Context(err, "get %s", key)
	}

	kept, err := b.find(ctx, OpGet, key)
	if err != nil {
		return nil, blob.Object{}, err
	}

	content := kept.content

	if part != (blob.Range{}) {
		if part.Offset >= int64(len(content)) {
			return nil, blob.Object{}, errs.New(errs.Invalid, "get %s from byte %d: it has %d", key, part.Offset, len(content))
		}

		content = content[part.Offset:]
		if part.Length > 0 && part.Length < int64(len(content)) {
			content = content[:part.Length]
		}
	}

	return &stream{ctx: ctx, plan: b.plan, key: key, rest: bytes.NewReader(content)}, described(kept.object), nil
}

// Head implements blob.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (blob.Object, error) {
	kept, err := b.find(ctx, OpHead, key)
	if err != nil {
		return blob.Object{}, err
	}

	return described(kept.object), nil
}

func (b *Bucket) find(ctx context.Context, op, key string) (stored, error) {
	if err := blob.ValidateKey(key); err != nil {
		return stored{}, err
	}

	var kept stored

	_, err := fault.Around(ctx, b.plan, op, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		found, there := b.objects[key]
		if !there {
			return errs.New(errs.NotFound, "%s %s: there is no such object", op, key)
		}

		kept = found

		return nil
	})
	if err != nil {
		return stored{}, err
	}

	return kept, nil
}

// Delete implements blob.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := blob.ValidateKey(key); err != nil {
		return err
	}

	_, err := fault.Around(ctx, b.plan, OpDelete, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		delete(b.objects, key)

		return nil
	})

	return err
}

// List implements blob.Bucket. As in S3 what it lists has neither content type
// nor metadata: Head gives them.
func (b *Bucket) List(ctx context.Context, prefix, cursor string, limit int) (blob.Page, error) {
	if err := blob.ValidateList(limit); err != nil {
		return blob.Page{}, err
	}

	last, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return blob.Page{}, errs.Wrap(err, errs.Invalid, "list %s: the cursor is not one of a page", prefix)
	}

	var page blob.Page

	_, err = fault.Around(ctx, b.plan, OpList, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		for _, key := range slices.Sorted(maps.Keys(b.objects)) {
			if !strings.HasPrefix(key, prefix) || (cursor != "" && key <= string(last)) {
				continue
			}

			if len(page.Objects) == limit {
				end := page.Objects[limit-1].Key
				page.Next = base64.RawURLEncoding.EncodeToString([]byte(end))

				return nil
			}

			object := b.objects[key].object
			object.ContentType, object.Metadata = "", nil
			page.Objects = append(page.Objects, object)
		}

		return nil
	})
	if err != nil {
		return blob.Page{}, err
	}

	return page, nil
}

// described keeps callers and the bucket from sharing a map.
func described(object blob.Object) blob.Object {
	object.Metadata = maps.Clone(object.Metadata)

	return object
}

// stream reads an object out as far as the plan lets it.
type stream struct {
	ctx    context.Context //nolint:containedctx // as in net/http, reading goes on under the context of the request
	plan   fault.Plan
	key    string
	rest   *bytes.Reader
	closed bool
}

// Read implements io.Reader.
func (s *stream) Read(into []byte) (int, error) {
	if s.closed {
		return 0, errs.New(errs.Internal, "read %s: it was closed", s.key)
	}

	if s.rest.Len() == 0 {
		return 0, io.EOF
	}

	read := 0

	_, err := fault.Around(s.ctx, s.plan, OpRead, func() error {
		read, _ = s.rest.Read(into) // it has bytes left, so it cannot fail

		return nil
	})
	if err != nil {
		return read, errs.Context(err, "read %s: the stream was cut", s.key)
	}

	return read, nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.closed = true

	return nil
}
