package secrettest

import (
	"context"

	"github.com/lapak-id/lapak/shared/secret"
)

// Remembering is a vault that answers from memory what it was first asked for,
// as that of SSM does for minutes.
type Remembering struct {
	secret.Vault

	known map[string]secret.Secret
	Asked int // how often it was read past its memory
}

// NewRemembering puts a memory before a vault.
func NewRemembering(vault secret.Vault) *Remembering {
	return &Remembering{Vault: vault, known: map[string]secret.Secret{}}
}

// Get implements secret.Vault.
func (r *Remembering) Get(ctx context.Context, name string) (secret.Secret, error) {
	if known, ok := r.known[name]; ok {
		return known, nil
	}

	found, err := r.Vault.Get(ctx, name)
	if err == nil {
		r.known[name] = found
	}

	return found, err
}

// Fresh implements secret.Vault.
func (r *Remembering) Fresh(ctx context.Context, name string) (secret.Secret, error) {
	r.Asked++

	return r.Vault.Fresh(ctx, name)
}

// Forget ends what it remembers.
func (r *Remembering) Forget() { clear(r.known) }
