package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"

	"github.com/lapak-id/lapak/shared/errs"
)

// MaxPlain is how many bytes one Seal takes: far above any unit or submission,
// and below what fits in a row.
const MaxPlain = 64 << 10

// KeyBytes is the length of a data key: AES-256.
const KeyBytes = 32

// The sealed form, which all adapters share:
//
//	byte 0      1, the version of the form
//	byte 1–4    number of the store's data key, big endian
//	byte 5–16   nonce, random
//	byte 17–    ciphertext and tag of AES-256-GCM (NIST SP 800-38D)
//
// What is authenticated besides: bytes 0–4, then store and about, each behind
// its length as four bytes, big endian.
const (
	formVersion = 1
	numberBytes = 4
	headerBytes = 1 + numberBytes
)

// Key is a data key of a store.
type Key struct {
	Number uint32 // tells the keys of a store apart; from 1
	Secret []byte // KeyBytes random bytes
}

// Seal encrypts with the key. Invalid where plain is over MaxPlain.
func (k Key) Seal(store, about string, plain []byte) ([]byte, error) {
	if len(plain) > MaxPlain {
		return nil, errs.New(errs.Invalid, "seal %s of %s: %d bytes are over the %d of one", about, store, len(plain), MaxPlain)
	}

	aead, err := k.aead()
	if err != nil {
		return nil, err
	}

	header := make([]byte, headerBytes, headerBytes+aead.NonceSize()+len(plain)+aead.Overhead())
	header[0] = formVersion
	binary.BigEndian.PutUint32(header[1:], k.Number)

	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // it never fails: https://pkg.go.dev/crypto/rand#Read

	return aead.Seal(append(header, nonce...), nonce, plain, authenticated(header, store, about)), nil
}

// Open decrypts what Seal of the same key gave. Invalid where it was sealed
// for another store or about something else, or was changed since.
func (k Key) Open(store, about string, sealed []byte) ([]byte, error) {
	number, err := NumberOf(sealed)
	if err != nil {
		return nil, errs.Context(err, "open %s of %s", about, store)
	}

	aead, err := k.aead()
	if err != nil {
		return nil, err
	}

	if number != k.Number || len(sealed) < headerBytes+aead.NonceSize()+aead.Overhead() {
		return nil, errs.New(errs.Invalid, "open %s of %s: it is not whole, or of another key than number %d", about, store, k.Number)
	}

	header, rest := sealed[:headerBytes], sealed[headerBytes:]

	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], authenticated(header, store, about))
	if err != nil {
		return nil, errs.New(errs.Invalid, "open %s of %s: it was sealed for something else, or changed since", about, store)
	}

	return plain, nil
}

// NumberOf gives the number of the key that something was sealed with. Invalid
// where it is no sealed form of this version.
func NumberOf(sealed []byte) (uint32, error) {
	if len(sealed) < headerBytes || sealed[0] != formVersion {
		return 0, errs.New(errs.Invalid, "read the sealed form: it is not of version %d", formVersion)
	}

	return binary.BigEndian.Uint32(sealed[1:headerBytes]), nil
}

// fingerprintBytes is how much of the HMAC makes a fingerprint: 160 bits, so
// that no two contents of a store ever share one.
const fingerprintBytes = 20

// Fingerprint gives what Sealer.Fingerprint promises: HMAC-SHA-256 (RFC 2104)
// under a key of the store that never changes, shortened, as 32 letters and
// digits.
func Fingerprint(secret, plain []byte) string {
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write(plain) // a hash takes everything

	return base32.HexEncoding.EncodeToString(mac.Sum(nil)[:fingerprintBytes])
}

func (k Key) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.Secret)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "use data key %d: want %d bytes", k.Number, KeyBytes)
	}

	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "use data key %d", k.Number)
	}

	return aead, nil
}

func authenticated(header []byte, store, about string) []byte {
	data := append([]byte{}, header...)
	for _, part := range []string{store, about} {
		data = binary.BigEndian.AppendUint32(data, uint32(len(part))) //nolint:gosec // names are short
		data = append(data, part...)
	}

	return data
}
