package memory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
)

// upload is an upload under way.
type upload struct {
	key     string
	options blob.PutOptions
	parts   map[int]storedPart
}

type storedPart struct {
	blob.Part

	content []byte
}

// SetMinPartBytes lets parts be smaller than S3 does, so that tests of many
// parts stay small.
func (b *Bucket) SetMinPartBytes(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.minBytes = size
}

// StartUpload implements blob.Uploads.
func (b *Bucket) StartUpload(ctx context.Context, key string, options blob.PutOptions) (blob.Upload, error) {
	if err := blob.ValidateUpload(key, options); err != nil {
		return blob.Upload{}, err
	}

	var started blob.Upload

	_, err := fault.Around(ctx, b.plan, OpStart, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		b.started++
		started = blob.Upload{Key: key, ID: "upload-" + strconv.Itoa(b.started)}
		options.Metadata = maps.Clone(options.Metadata)
		b.uploads[started.ID] = &upload{key: key, options: options, parts: map[int]storedPart{}}

		return nil
	})
	if err != nil {
		return blob.Upload{}, err
	}

	return started, nil
}

// PutPart implements blob.Uploads.
func (b *Bucket) PutPart(ctx context.Context, to blob.Upload, number int, content []byte) (blob.Part, error) {
	if err := blob.ValidatePart(number, content); err != nil {
		return blob.Part{}, errs.Context(err, "upload a part of %s", to.Key)
	}

	sum := sha256.Sum256(content)
	part := blob.Part{
		Number: number, Size: int64(len(content)), ETag: `"` + hex.EncodeToString(sum[:16]) + `"`,
		CRC32: base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(content))),
	}

	err := b.within(ctx, OpPart, to, func(open *upload) error {
		open.parts[number] = storedPart{Part: part, content: slices.Clone(content)}

		return nil
	})
	if err != nil {
		return blob.Part{}, err
	}

	return part, nil
}

// Parts implements blob.Uploads.
func (b *Bucket) Parts(ctx context.Context, of blob.Upload) ([]blob.Part, error) {
	var parts []blob.Part

	err := b.within(ctx, OpParts, of, func(open *upload) error {
		for _, number := range slices.Sorted(maps.Keys(open.parts)) {
			parts = append(parts, open.parts[number].Part)
		}

		return nil
	})
	if err != nil {
		return nil, err
	}

	return parts, nil
}

// CompleteUpload implements blob.Uploads.
func (b *Bucket) CompleteUpload(ctx context.Context, of blob.Upload, parts []blob.Part) (blob.Object, error) {
	if err := blob.ValidateParts(parts); err != nil {
		return blob.Object{}, errs.Context(err, "complete the upload of %s", of.Key)
	}

	var object blob.Object

	err := b.within(ctx, OpComplete, of, func(open *upload) error {
		content, err := open.join(parts, b.minBytes)
		if err != nil {
			return err
		}

		object = b.store(of.Key, content, open.options)
		delete(b.uploads, of.ID)

		return nil
	})
	if err != nil {
		return blob.Object{}, err
	}

	return blob.Object{Key: object.Key, Size: object.Size, ETag: object.ETag}, nil
}

func (u *upload) join(parts []blob.Part, minBytes int64) ([]byte, error) {
	var content []byte

	for at, part := range parts {
		kept, there := u.parts[part.Number]

		switch {
		case !there || kept.ETag != part.ETag || part.CRC32 != "" && kept.CRC32 != part.CRC32:
			return nil, errs.New(errs.Conflict, "complete the upload of %s: part %d is not the one stored", u.key, part.Number)
		case at < len(parts)-1 && kept.Size < minBytes:
			return nil, errs.New(errs.Invalid, "complete the upload of %s: part %d has %d bytes, at least %d are needed",
				u.key, part.Number, kept.Size, minBytes)
		}

		content = append(content, kept.content...)
	}

	return content, nil
}

// within does something with an upload that is under way.
func (b *Bucket) within(ctx context.Context, op string, of blob.Upload, do func(*upload) error) error {
	_, err := fault.Around(ctx, b.plan, op, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		open, there := b.uploads[of.ID]
		if !there || open.key != of.Key {
			return errs.New(errs.NotFound, "%s of %s: there is no upload %s", op, of.Key, of.ID)
		}

		return do(open)
	})

	return err
}

// AbortUpload implements blob.Uploads.
func (b *Bucket) AbortUpload(ctx context.Context, of blob.Upload) error {
	_, err := fault.Around(ctx, b.plan, OpAbort, func() error {
		b.mu.Lock()
		defer b.mu.Unlock()

		if open, there := b.uploads[of.ID]; there && open.key == of.Key {
			delete(b.uploads, of.ID)
		}

		return nil
	})

	return err
}

// Uploads lists the uploads under way, by id.
func (b *Bucket) Uploads() []blob.Upload {
	b.mu.Lock()
	defer b.mu.Unlock()

	var open []blob.Upload
	for _, id := range slices.Sorted(maps.Keys(b.uploads)) {
		open = append(open, blob.Upload{Key: b.uploads[id].key, ID: id})
	}

	return open
}

// linkScheme begins the addresses that Link gives and Follow takes.
const linkScheme = "memory:"

// Link implements blob.Bucket: an address that Follow of this bucket takes.
func (b *Bucket) Link(_ context.Context, key string, validFor time.Duration) (string, error) {
	if err := blob.ValidateLink(key, validFor); err != nil {
		return "", err
	}

	until := strconv.FormatInt(b.clock.Now().Add(validFor).UnixNano(), 10)

	return linkScheme + until + ":" + url.PathEscape(key), nil
}

// Follow reads what a link leads to. Unauthorized where its time is over.
func (b *Bucket) Follow(ctx context.Context, link string) (blob.Object, []byte, error) {
	until, escaped, _ := strings.Cut(strings.TrimPrefix(link, linkScheme), ":")

	nanoseconds, err := strconv.ParseInt(until, 10, 64)
	if err != nil || !strings.HasPrefix(link, linkScheme) {
		return blob.Object{}, nil, errs.New(errs.Invalid, "follow %s: it is no link", link)
	}

	key, err := url.PathUnescape(escaped)
	if err != nil {
		return blob.Object{}, nil, errs.Wrap(err, errs.Invalid, "follow %s: it is no link", link)
	}

	if b.clock.Now().UnixNano() >= nanoseconds {
		return blob.Object{}, nil, errs.New(errs.Unauthorized, "follow %s: its time is over", link)
	}

	kept, err := b.find(ctx, OpGet, key)
	if err != nil {
		return blob.Object{}, nil, err
	}

	return described(kept.object), slices.Clone(kept.content), nil
}
