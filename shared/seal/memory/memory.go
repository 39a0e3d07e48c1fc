// Package memory provides a sealer whose keys come from a secret given to it,
// for tests and the simulation: the form of what it seals is that of kms.
package memory

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/seal"
	"github.com/lapak-id/lapak/shared/table"
)

// The operations under which a Sealer asks its plan.
const (
	OpSeal        = "seal.seal"
	OpOpen        = "seal.open"
	OpFingerprint = "seal.fingerprint"
)

// Sealer is a sealer in memory. It is safe for concurrent use.
type Sealer struct {
	secret []byte
	plan   fault.Plan
}

var _ seal.Sealer = (*Sealer)(nil)

// New makes a sealer; two of the same secret open what the other has sealed.
func New(secret string, plan fault.Plan) *Sealer {
	return &Sealer{secret: []byte(secret), plan: plan}
}

// Seal implements seal.Sealer.
func (s *Sealer) Seal(ctx context.Context, store, about string, plain []byte) ([]byte, error) {
	return s.around(ctx, OpSeal, store, func() ([]byte, error) {
		return s.key(store).Seal(store, about, plain)
	})
}

// Open implements seal.Sealer.
func (s *Sealer) Open(ctx context.Context, store, about string, sealed []byte) ([]byte, error) {
	return s.around(ctx, OpOpen, store, func() ([]byte, error) {
		return s.key(store).Open(store, about, sealed)
	})
}

// Fingerprint implements seal.Sealer.
func (s *Sealer) Fingerprint(ctx context.Context, store string, plain []byte) (string, error) {
	name, err := s.around(ctx, OpFingerprint, store, func() ([]byte, error) {
		return []byte(seal.Fingerprint(s.derive("fingerprint", store), plain)), nil
	})

	return string(name), err
}

func (s *Sealer) around(ctx context.Context, op, store string, call func() ([]byte, error)) ([]byte, error) {
	if _, err := table.TenantOf(store); err != nil {
		return nil, errs.Context(err, "%s for a store", op)
	}

	var made []byte

	_, err := fault.Around(ctx, s.plan, op, func() error {
		var err error
		made, err = call()

		return err
	})
	if err != nil {
		return nil, err
	}

	return made, nil
}

func (s *Sealer) key(store string) seal.Key {
	return seal.Key{Number: 1, Secret: s.derive("data key", store)}
}

func (s *Sealer) derive(purpose, store string) []byte {
	mac := hmac.New(sha256.New, s.secret)
	_, _ = mac.Write([]byte(purpose + " " + store)) // a hash takes everything

	return mac.Sum(nil)
}
