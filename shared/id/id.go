// Package id provides identifiers: derived from a cause, so that doing a thing
// again gives the same name, and short references that people can read out.
package id

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"
)

// crockford is Douglas Crockford's base 32: no I, L, O or U to misread.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

const (
	derivedBytes    = 15 // 24 characters, 120 bits
	referenceLength = 6  // 30 bits: enough to find one log line in a month
)

// Derive names the effect of a cause: 24 characters, the same for the same
// parts, and different for different ones (SHA-256 over length-prefixed parts).
func Derive(parts ...string) string {
	sum := digest(parts)

	return crockford.EncodeToString(sum[:derivedBytes])
}

// Reference gives the short code that a person is shown for a failure, such as
// "7KQ2M4", derived from the cause so that the log and the chat agree.
func Reference(parts ...string) string {
	return Derive(parts...)[:referenceLength]
}

func digest(parts []string) [sha256.Size]byte {
	var text strings.Builder
	for _, part := range parts {
		text.WriteString(crockford.EncodeToString([]byte(part)))
		text.WriteByte('/')
	}

	return sha256.Sum256([]byte(text.String()))
}

// datedSuffix is how much of the derived name tells ids of one second apart:
// 50 bits.
const datedSuffix = 10

// Dated names the effect of a cause that came at a moment: 17 characters, the
// same for the same parts, that sort by the moment, to the second.
func Dated(at time.Time, parts ...string) string {
	var seconds [4]byte

	binary.BigEndian.PutUint32(seconds[:], uint32(at.Unix())) //nolint:gosec // wraps in 2106

	return crockford.EncodeToString(seconds[:]) + Derive(parts...)[:datedSuffix]
}
