package secret

import (
	"context"
	"sync"
	"time"
)

// askAgainAfter is how soon the vault is asked anew for a secret that was
// refused: until somebody sets the right one, every call is refused.
const askAgainAfter = 5 * time.Second

// mostRefused bounds the memory that made-up names can take.
const mostRefused = 1000

// Refused reads secrets anew that were refused: vaults answer from memory for
// minutes, in which a secret that was replaced meanwhile would refuse everybody.
// It is safe for concurrent use.
type Refused struct {
	vault Vault

	mu    sync.Mutex
	asked map[string]time.Time
}

// NewRefused makes the reading of secrets of a vault that were refused.
func NewRefused(vault Vault) *Refused {
	return &Refused{vault: vault, asked: map[string]time.Time{}}
}

// Get reads a secret past the vault's memory, at most every few seconds; between,
// it is what the memory holds. NotFound where there is none.
func (r *Refused) Get(ctx context.Context, name string) (Secret, error) {
	if r.mayAsk(name) {
		return r.vault.Fresh(ctx, name)
	}

	return r.vault.Get(ctx, name)
}

func (r *Refused) mayAsk(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()

	if time.Since(r.asked[name]) < askAgainAfter {
		return false
	}

	if len(r.asked) >= mostRefused {
		clear(r.asked)
	}

	r.asked[name] = time.Now()

	return true
}
