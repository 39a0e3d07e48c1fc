// Package secret provides the port to tokens and keys, each with the value
// before it, so that one can be rotated while both still count.
//
// ssm holds the AWS adapter, memory the one for tests and the simulation,
// secrettest the conformance suite that both must pass.
package secret

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// hidden is what a secret shows of itself in logs and errors.
const hidden = "[secret]"

// Value is a secret text. It prints as [secret]; Reveal gives the text.
type Value string

// Reveal gives the text, for the call that needs it and nothing else.
func (v Value) Reveal() string { return string(v) }

// String hides the value.
func (v Value) String() string { return hidden }

// GoString hides the value from %#v.
func (v Value) GoString() string { return hidden }

// MarshalText hides the value from JSON, also inside of what is logged.
func (v Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the value from structured logs.
func (v Value) LogValue() slog.Value { return slog.StringValue(hidden) }

// Secret is a value and the one before it; Previous is empty before the first
// rotation and after the last one was finished.
type Secret struct {
	Current  Value
	Previous Value
}

// Accepts reports in constant time whether candidate is the current or the
// previous value. An empty value accepts nothing.
func (s Secret) Accepts(candidate string) bool {
	given := sha256.Sum256([]byte(candidate))
	accepted := 0

	for _, value := range []Value{s.Current, s.Previous} {
		known := sha256.Sum256([]byte(value))
		same := subtle.ConstantTimeCompare(given[:], known[:])
		accepted |= same & subtle.ConstantTimeEq(int32(min(len(value), 1)), 1)
	}

	return accepted == 1
}

// Vault keeps secrets. Names are paths such as "stores/demo/token", below the
// prefix that the adapter was made with.
type Vault interface {
	// Get reads a secret. NotFound where there is none. Adapters may answer
	// from memory for a few minutes.
	Get(ctx context.Context, name string) (Secret, error)
	// Fresh reads a secret as it is now, past what is in memory, for callers
	// whom the one that they had was refused for. NotFound where there is none.
	Fresh(ctx context.Context, name string) (Secret, error)
	// Rotate makes value the current one and keeps the one that was current
	// as previous. Rotating to the current value changes nothing.
	Rotate(ctx context.Context, name string, value Value) error
	// Delete forgets a secret. Forgetting what is not there is fine.
	Delete(ctx context.Context, name string) error
}

// stored is the form in which a secret is kept: one JSON text.
type stored struct {
	Current  string `json:"current"`
	Previous string `json:"previous,omitempty"`
}

// Marshal gives the text that an adapter keeps.
func (s Secret) Marshal() (string, error) {
	text, err := json.Marshal(stored{Current: s.Current.Reveal(), Previous: s.Previous.Reveal()})
	if err != nil {
		return "", errs.Wrap(err, errs.Internal, "encode a secret")
	}

	return string(text), nil
}

// Unmarshal reads the text that an adapter has kept. The error never holds it.
func Unmarshal(text string) (Secret, error) {
	var kept stored
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&kept); err != nil || kept.Current == "" {
		return Secret{}, errs.New(errs.Internal, `a secret is not of the form {"current":"…","previous":"…"}: set it again`)
	}

	return Secret{Current: Value(kept.Current), Previous: Value(kept.Previous)}, nil
}

// Rotated gives the secret after a rotation to value.
func (s Secret) Rotated(value Value) Secret {
	if s.Current == value {
		return s
	}

	return Secret{Current: value, Previous: s.Current}
}

// maxStoredBytes is what a standard parameter of SSM holds.
const maxStoredBytes = 4 << 10

// name is what both a vault and SSM take as a path.
var name = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){0,9}$`)

// ValidateName checks what every adapter must refuse before it asks: a path of
// 1 to 10 steps of letters, digits, dots, hyphens and underscores.
func ValidateName(path string) error {
	const longest = 512

	if len(path) > longest || !name.MatchString(path) {
		return errs.New(errs.Invalid, "secret %q: use up to 10 steps of letters, digits, '.', '-' and '_'", path)
	}

	return nil
}

// Validate checks what every adapter must refuse to store. The error never
// holds the value.
func (s Secret) Validate() error {
	text, err := s.Marshal()
	if err != nil {
		return err
	}

	switch {
	case s.Current == "":
		return errs.New(errs.Invalid, "a secret may not be empty")
	case !utf8.ValidString(s.Current.Reveal()):
		return errs.New(errs.Invalid, "a secret must be UTF-8 text")
	case len(text) > maxStoredBytes:
		return errs.New(errs.Invalid, "a secret with the one before it takes %d bytes: at most %d go",
			len(text), maxStoredBytes)
	case strings.Contains(text, "{{"):
		return errs.New(errs.Invalid, `a secret may not hold "{{": SSM takes it for a reference`)
	}

	return nil
}
