// Package kms provides a sealer whose data keys are wrapped by a master key of
// the AWS Key Management Service: envelope encryption.
//
// A store has a data key for some months, then another; all of them stay, for
// what they have sealed. They are kept, wrapped, in the state table next to
// the goods, so that a backup of the table holds everything but the master
// key, and unwrapped in memory for minutes, so that a thousand units cost one
// call of KMS and not a thousand.
package kms

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// keptFor and keptUses are how long an unwrapped key stays in memory: the
	// time by which taking the master key away takes effect.
	keptFor  = 5 * time.Minute
	keptUses = 100_000

	// maxKept bounds the keys in memory.
	maxKept = 256

	// RotateAfter is the age at which a store's data key is followed by a new
	// one: long before the 2^32 uses that random nonces allow one key (NIST SP
	// 800-38D, 8.3).
	RotateAfter = 90 * 24 * time.Hour
)

// purpose keeps keys apart that are for different things: KMS unwraps a key
// only for the store and the purpose that it was made for.
type purpose string

const (
	forData         purpose = "key"
	forFingerprints purpose = "fingerprint" // one for ever: the same unit must always have the same name
)

// Sealer is a sealer over KMS. It is safe for concurrent use.
//
// Rows of the state table: store#ID#seal / key#NUMBER and fingerprint#NUMBER,
// each a wrapped key.
type Sealer struct {
	client *awskms.Client
	master string
	state  table.Table
	clock  clock.Clock

	mu   sync.Mutex
	kept map[name]*kept
}

// name names a key.
type name struct {
	store   string
	purpose purpose
	number  uint32 // 0: the newest
}

// kept is an unwrapped key in memory.
type kept struct {
	key   seal.Key
	until time.Time
	uses  int
}

// wrapped is the row of a key.
type wrapped struct {
	Key       []byte    `json:"key"` // as KMS gave it
	CreatedAt time.Time `json:"created_at"`
}

var _ seal.Sealer = (*Sealer)(nil)

// New gives the sealer whose data keys are wrapped by the master key: an id,
// ARN or alias of a symmetric KMS key.
func New(client *awskms.Client, master string, state table.Table, now clock.Clock) *Sealer {
	return &Sealer{client: client, master: master, state: state, clock: now, kept: map[name]*kept{}}
}

// Seal implements seal.Sealer.
func (s *Sealer) Seal(ctx context.Context, store, about string, plain []byte) ([]byte, error) {
	key, err := s.key(ctx, name{store, forData, 0})
	if err != nil {
		return nil, errs.Context(err, "seal %s of %s", about, store)
	}

	return key.Seal(store, about, plain)
}

// Open implements seal.Sealer.
func (s *Sealer) Open(ctx context.Context, store, about string, sealed []byte) ([]byte, error) {
	number, err := seal.NumberOf(sealed)
	if err == nil && number == 0 {
		err = errs.New(errs.Invalid, "no key has number 0")
	}

	if err != nil {
		return nil, errs.Context(err, "open %s of %s", about, store)
	}

	key, err := s.key(ctx, name{store, forData, number})
	if errs.Is(err, errs.NotFound) {
		return nil, errs.Wrap(err, errs.Invalid, "open %s of %s: the store never had key %d", about, store, number)
	}

	if err != nil {
		return nil, errs.Context(err, "open %s of %s", about, store)
	}

	return key.Open(store, about, sealed)
}

// Fingerprint implements seal.Sealer.
func (s *Sealer) Fingerprint(ctx context.Context, store string, plain []byte) (string, error) {
	key, err := s.key(ctx, name{store, forFingerprints, 0})
	if err != nil {
		return "", errs.Context(err, "take a fingerprint for %s", store)
	}

	return seal.Fingerprint(key.Secret, plain), nil
}

// Rotate gives a store a new data key, at once for this process and within
// minutes for the others. What older keys sealed still opens.
func (s *Sealer) Rotate(ctx context.Context, store string) error {
	newest, err := s.newest(ctx, name{store, forData, 0})
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "rotate the data key of %s", store)
	}

	made, err := s.make(ctx, name{store, forData, newest.number + 1})
	if err != nil {
		return errs.Context(err, "rotate the data key of %s", store)
	}

	s.keep(name{store, forData, 0}, made)

	return nil
}

// key gives a key, from memory where it was used lately.
func (s *Sealer) key(ctx context.Context, of name) (seal.Key, error) {
	if err := ctx.Err(); err != nil {
		return seal.Key{}, errs.Wrap(err, errs.Unavailable, "use the %s of %s: the caller has gone", of.purpose, of.store)
	}

	if known, ok := s.recall(of); ok {
		return known, nil
	}

	key, err := s.load(ctx, of)
	if err != nil {
		return seal.Key{}, err
	}

	s.keep(of, key)

	return key, nil
}

// load reads a key and unwraps it. The newest is made where there is none, or
// it is due for the next.
func (s *Sealer) load(ctx context.Context, of name) (seal.Key, error) {
	if of.number != 0 {
		row, err := s.row(ctx, of)
		if err != nil {
			return seal.Key{}, err
		}

		return s.unwrap(ctx, of, row)
	}

	newest, err := s.newest(ctx, of)

	switch {
	case errs.Is(err, errs.NotFound):
		return s.make(ctx, name{of.store, of.purpose, 1})
	case err != nil:
		return seal.Key{}, err
	case of.purpose == forData && s.clock.Now().Sub(newest.CreatedAt) >= RotateAfter:
		return s.make(ctx, name{of.store, of.purpose, newest.number + 1})
	default:
		return s.unwrap(ctx, name{of.store, of.purpose, newest.number}, newest.wrapped)
	}
}

// numbered is a wrapped key with its number.
type numbered struct {
	wrapped

	number uint32
}

// newest finds the newest key of a store for a purpose. NotFound where there is none.
func (s *Sealer) newest(ctx context.Context, of name) (numbered, error) {
	tenant, err := table.TenantOf(of.store)
	if err != nil {
		return numbered{}, err
	}

	query := table.Query{
		Partition: keys(tenant), Prefix: table.SortPrefix(string(of.purpose)), Descending: true, Limit: 1,
	}

	page, err := s.state.Query(ctx, query)
	if err != nil {
		return numbered{}, errs.Context(err, "look for the %s of %s", of.purpose, of.store)
	}

	if len(page.Rows) == 0 {
		return numbered{}, errs.New(errs.NotFound, "store %s has no %s yet", of.store, of.purpose)
	}

	row, err := table.Decode[wrapped](page.Rows[0])
	if err != nil {
		return numbered{}, err
	}

	digits := strings.TrimPrefix(page.Rows[0].Key.SK(), query.Prefix)

	number, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return numbered{}, errs.Wrap(err, errs.Internal, "read the number of %s", page.Rows[0].Key)
	}

	return numbered{row, uint32(number)}, nil
}

// make makes a key and stores it wrapped. Where another process was faster its
// key is taken.
func (s *Sealer) make(ctx context.Context, of name) (seal.Key, error) {
	key, err := s.keyOf(of)
	if err != nil {
		return seal.Key{}, err
	}

	answer, err := s.client.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{
		KeyId: aws.String(s.master), KeySpec: types.DataKeySpecAes256, EncryptionContext: of.context(),
	})
	if err != nil {
		return seal.Key{}, failed(err, "make %s %d of %s by master key %s", of.purpose, of.number, of.store, s.master)
	}

	body, err := table.Encode(wrapped{Key: answer.CiphertextBlob, CreatedAt: s.clock.Now()})
	if err != nil {
		return seal.Key{}, err
	}

	err = s.state.Write(ctx, table.Create(table.Row{Key: key, Body: body}))
	if errs.Is(err, errs.Conflict) {
		row, err := s.row(ctx, of)
		if err != nil {
			return seal.Key{}, err
		}

		return s.unwrap(ctx, of, row)
	}

	if err != nil {
		return seal.Key{}, errs.Context(err, "store %s %d of %s", of.purpose, of.number, of.store)
	}

	return seal.Key{Number: of.number, Secret: answer.Plaintext}, nil
}

// row reads a wrapped key.
func (s *Sealer) row(ctx context.Context, of name) (wrapped, error) {
	key, err := s.keyOf(of)
	if err != nil {
		return wrapped{}, err
	}

	row, _, err := table.Read[wrapped](ctx, s.state, key)

	return row, err
}

// unwrap has KMS decrypt a key.
func (s *Sealer) unwrap(ctx context.Context, of name, row wrapped) (seal.Key, error) {
	answer, err := s.client.Decrypt(ctx, &awskms.DecryptInput{
		KeyId: aws.String(s.master), CiphertextBlob: row.Key, EncryptionContext: of.context(),
	})
	if err != nil {
		return seal.Key{}, failed(err, "unwrap %s %d of %s by master key %s", of.purpose, of.number, of.store, s.master)
	}

	return seal.Key{Number: of.number, Secret: answer.Plaintext}, nil
}

// keyOf gives the key of a row: its number sorts as a text.
func (s *Sealer) keyOf(of name) (table.Key, error) {
	tenant, err := table.TenantOf(of.store)

	return keys(tenant).Key(string(of.purpose), fmt.Sprintf("%010d", of.number)), err
}

func keys(tenant table.Tenant) table.Partition { return tenant.Partition("seal") }

// context is what KMS must be told again to unwrap the key; it stands in its
// trail: https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html
func (n name) context() map[string]string {
	return map[string]string{"store": n.store, "purpose": string(n.purpose)}
}

// failed wraps an error of KMS: where the master key is switched off, gone or
// still being made it is Unavailable, since somebody may switch it on again.
func failed(err error, format string, args ...any) error {
	code := awserrs.Code(err)

	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "DisabledException", "KMSInvalidStateException", "NotFoundException", "KeyUnavailableException",
			"DependencyTimeoutException", "KMSInternalException":
			code = errs.Unavailable
		}
	}

	return errs.Wrap(err, code, format, args...)
}

func (s *Sealer) recall(of name) (seal.Key, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	known := s.kept[of]
	if known == nil || !s.clock.Now().Before(known.until) || known.uses >= keptUses {
		return seal.Key{}, false
	}

	known.uses++

	return known.key, true
}

// keep keeps a key and makes room for it first: whatever is over goes, and
// where all are fresh any one.
func (s *Sealer) keep(of name, key seal.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()

	now := s.clock.Now()

	for pass := range 2 {
		for other, known := range s.kept {
			if len(s.kept) < maxKept {
				break
			}

			if pass == 1 || !now.Before(known.until) {
				delete(s.kept, other)
			}
		}
	}

	s.kept[of] = &kept{key: key, until: now.Add(keptFor)}
}
