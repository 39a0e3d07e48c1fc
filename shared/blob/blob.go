// Package blob provides the port through which files are kept: streamed in and
// out, whole or not at all.
//
// s3 holds the AWS adapter, memory the one for tests and the simulation,
// blobtest the conformance suite that both must pass.
package blob

import (
	"context"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// Limits that S3 sets and every adapter enforces.
const (
	MaxKeyBytes = 1024
	MaxPageKeys = 1000

	MaxMetadataBytes = 2 << 10 // names and values together

	MinPartBytes = 5 << 20 // of every part of an upload but the last
	MaxPartBytes = 5 << 30
	MaxParts     = 10_000

	MaxLinkTime = 7 * 24 * time.Hour // validity of a link
)

// Object describes a stored file.
type Object struct {
	Key         string
	Size        int64  // bytes of the whole object
	ContentType string // empty in what List gives
	ETag        string
	Modified    time.Time         // zero in what Put gives: S3 does not say
	Metadata    map[string]string // lower-case names; nil in what List gives
}

// PutOptions describe what is stored.
type PutOptions struct {
	ContentType string
	Metadata    map[string]string // lower-case names, printable ASCII values
	IfAbsent    bool              // Conflict where the key is taken
}

// Range is a part of an object: Length bytes from Offset. The zero Range is
// the whole object; a Length of zero goes to the end.
type Range struct {
	Offset int64
	Length int64
}

// Page is some objects in the order of their keys, and where the next page
// starts: empty at the end.
type Page struct {
	Objects []Object
	Next    string
}

// Upload names an upload in parts that is under way.
type Upload struct {
	Key string
	ID  string
}

// Part is a stored part of an upload.
type Part struct {
	Number int   // from 1, the order of the object's content
	Size   int64 // bytes
	ETag   string
	CRC32  string // of the content, as S3 writes it: base64 of four bytes; empty where the bucket does not tell
}

// Bucket keeps files.
type Bucket interface {
	Uploads

	// Put streams r into key in bounded memory and gives what was stored. The
	// object appears whole when r has ended, and not at all when r or the
	// store fails; r's own error comes back wrapped. Conflict under IfAbsent
	// may come from an earlier try of the same call whose answer was lost.
	Put(ctx context.Context, key string, r io.Reader, options PutOptions) (Object, error)
	// Get streams an object out. The caller closes it. NotFound where there is
	// none, Invalid for a range that starts behind its end.
	Get(ctx context.Context, key string, part Range) (io.ReadCloser, Object, error)
	// Head describes an object. NotFound where there is none.
	Head(ctx context.Context, key string) (Object, error)
	// Delete removes an object. Removing what is not there is fine.
	Delete(ctx context.Context, key string) error
	// List gives up to limit objects whose keys begin with prefix, after the
	// cursor of the page before.
	List(ctx context.Context, prefix, cursor string, limit int) (Page, error)
	// Link gives an address at which anyone may read the object until validFor
	// is over, at most MaxLinkTime. Whether the object exists is not looked at.
	Link(ctx context.Context, key string, validFor time.Duration) (string, error)
}

// Uploads keeps files that come part by part and outlive who began them: any
// process that knows the Upload goes on with it. The parts take room until the
// upload is completed or aborted; a bucket needs a lifecycle rule for those
// that nobody ends.
type Uploads interface {
	// StartUpload begins an upload into key. IfAbsent is Put's alone: Invalid.
	StartUpload(ctx context.Context, key string, options PutOptions) (Upload, error)
	// PutPart stores part number, 1 to MaxParts, in any order, also several at
	// once; one of the same number is replaced. The content is checked on its
	// way by its CRC-32. NotFound where the upload was ended.
	PutPart(ctx context.Context, to Upload, number int, content []byte) (Part, error)
	// Parts lists what is stored, by number. NotFound where the upload was ended.
	Parts(ctx context.Context, of Upload) ([]Part, error)
	// CompleteUpload makes the object of these parts; others are dropped. Invalid
	// where they are not in order or one but the last is below MinPartBytes,
	// Conflict where one was replaced meanwhile, NotFound where the upload was
	// ended, which an earlier try whose answer was lost may have done.
	CompleteUpload(ctx context.Context, of Upload, parts []Part) (Object, error)
	// AbortUpload removes an upload. Removing what is not there is fine.
	AbortUpload(ctx context.Context, of Upload) error
}

// ValidateKey checks what every adapter must refuse before it asks for a key.
func ValidateKey(key string) error {
	if key == "" || len(key) > MaxKeyBytes || !utf8.ValidString(key) || strings.ContainsRune(key, 0) {
		return errs.New(errs.Invalid, "blob key %q: use 1 to %d bytes of UTF-8", key, MaxKeyBytes)
	}

	return nil
}

// Validate checks what every adapter must refuse before it stores.
func (o PutOptions) Validate() error {
	size := 0

	for name, value := range o.Metadata {
		size += len(name) + len(value)

		if name == "" || strings.ToLower(name) != name || !printable(name) || !printable(value) {
			return errs.New(errs.Invalid, "blob metadata %q: use a lower-case name and printable ASCII", name)
		}
	}

	if size > MaxMetadataBytes {
		return errs.New(errs.Invalid, "blob metadata of %d bytes: at most %d go", size, MaxMetadataBytes)
	}

	if !printable(o.ContentType) {
		return errs.New(errs.Invalid, "blob content type %q: use printable ASCII", o.ContentType)
	}

	return nil
}

// printable reports whether text can travel in an HTTP header as it is.
func printable(text string) bool {
	outside := func(r rune) bool { return r < ' ' || r > '~' }

	return strings.IndexFunc(text, outside) < 0 && strings.TrimSpace(text) == text
}

// Validate checks what every adapter must refuse before it asks.
func (r Range) Validate() error {
	if r.Offset < 0 || r.Length < 0 {
		return errs.New(errs.Invalid, "blob range of %d bytes from %d: neither may be negative", r.Length, r.Offset)
	}

	return nil
}

// ValidateUpload checks what every adapter must refuse before it starts an
// upload.
func ValidateUpload(key string, options PutOptions) error {
	if options.IfAbsent {
		return errs.New(errs.Invalid, "start an upload of %s if absent: only Put looks", key)
	}

	if err := ValidateKey(key); err != nil {
		return err
	}

	if err := options.Validate(); err != nil {
		return errs.Context(err, "start an upload of %s", key)
	}

	return nil
}

// ValidatePart checks what every adapter must refuse before it stores a part.
func ValidatePart(number int, content []byte) error {
	if number < 1 || number > MaxParts || len(content) == 0 || len(content) > MaxPartBytes {
		return errs.New(errs.Invalid, "part %d of %d bytes: use numbers 1 to %d and 1 to %d bytes",
			number, len(content), MaxParts, int64(MaxPartBytes))
	}

	return nil
}

// ValidateParts checks what every adapter must refuse before it completes.
func ValidateParts(parts []Part) error {
	if len(parts) == 0 {
		return errs.New(errs.Invalid, "complete an upload of no parts")
	}

	last := 0
	for _, part := range parts {
		if part.Number <= last || part.Number > MaxParts {
			return errs.New(errs.Invalid, "complete an upload: part %d comes behind part %d", part.Number, last)
		}

		last = part.Number
	}

	return nil
}

// ValidateLink checks what every adapter must refuse before it makes a link.
func ValidateLink(key string, validFor time.Duration) error {
	if validFor < time.Second || validFor > MaxLinkTime {
		return errs.New(errs.Invalid, "link to %s for %s: use 1s to %s", key, validFor, MaxLinkTime)
	}

	return ValidateKey(key)
}

// ValidateList checks what every adapter must refuse before it lists.
func ValidateList(limit int) error {
	if limit < 1 || limit > MaxPageKeys {
		return errs.New(errs.Invalid, "list %d blobs: use 1 to %d", limit, MaxPageKeys)
	}

	return nil
}
