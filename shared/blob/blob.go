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

// Bucket keeps files.
type Bucket interface {
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

// ValidateList checks what every adapter must refuse before it lists.
func ValidateList(limit int) error {
	if limit < 1 || limit > MaxPageKeys {
		return errs.New(errs.Invalid, "list %d blobs: use 1 to %d", limit, MaxPageKeys)
	}

	return nil
}
