// Package memory provides a vault held in memory, for tests and the
// simulation. It takes its failures from a fault plan.
package memory

import (
	"context"
	"sync"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/secret"
)

// The operations under which a Vault asks its plan.
const (
	OpGet    = "secret.get"
	OpRotate = "secret.rotate"
	OpDelete = "secret.delete"
)

// Vault is a vault in memory. It is safe for concurrent use.
type Vault struct {
	plan fault.Plan

	mu   sync.Mutex
	kept map[string]secret.Secret
}

var _ secret.Vault = (*Vault)(nil)

// New makes an empty vault. It has no use for the time: the clock is taken so
// that all memory adapters are made alike.
func New(_ clock.Clock, plan fault.Plan) *Vault {
	return &Vault{plan: plan, kept: map[string]secret.Secret{}}
}

// Get implements secret.Vault.
func (v *Vault) Get(ctx context.Context, name string) (secret.Secret, error) {
	if err := secret.ValidateName(name); err != nil {
		return secret.Secret{}, err
	}

	var found secret.Secret

	_, err := fault.Around(ctx, v.plan, OpGet, func() error {
		v.mu.Lock()
		defer v.mu.Unlock()

		kept, there := v.kept[name]
		if !there {
			return errs.New(errs.NotFound, "get secret %s: it is not set", name)
		}

		found = kept

		return nil
	})
	if err != nil {
		return secret.Secret{}, err
	}

	return found, nil
}

// Fresh implements secret.Vault: nothing here is older than it is.
func (v *Vault) Fresh(ctx context.Context, name string) (secret.Secret, error) {
	return v.Get(ctx, name)
}

// Rotate implements secret.Vault.
func (v *Vault) Rotate(ctx context.Context, name string, value secret.Value) error {
	if err := secret.ValidateName(name); err != nil {
		return err
	}

	_, err := fault.Around(ctx, v.plan, OpRotate, func() error {
		v.mu.Lock()
		defer v.mu.Unlock()

		rotated := v.kept[name].Rotated(value)
		if err := rotated.Validate(); err != nil {
			return errs.Context(err, "rotate secret %s", name)
		}

		v.kept[name] = rotated

		return nil
	})

	return err
}

// Delete implements secret.Vault.
func (v *Vault) Delete(ctx context.Context, name string) error {
	if err := secret.ValidateName(name); err != nil {
		return err
	}

	_, err := fault.Around(ctx, v.plan, OpDelete, func() error {
		v.mu.Lock()
		defer v.mu.Unlock()

		delete(v.kept, name)

		return nil
	})

	return err
}
