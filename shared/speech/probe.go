package speech

import (
	"context"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
)

// Probed is a provider that can be asked something that costs nothing.
type Probed interface {
	Name() string
	// Probe asks whether it answers and takes the key. Errors are as Hear's.
	Probe(ctx context.Context, key secret.Value) error
}

// Prober asks providers with the environment's keys.
type Prober struct {
	vault     secret.Vault
	providers []Probed
}

// NewProber makes a prober of providers whose keys are in vault.
func NewProber(vault secret.Vault, providers ...Probed) *Prober {
	return &Prober{vault: vault, providers: providers}
}

// Names gives the providers that there are.
func (p *Prober) Names() []string {
	names := make([]string, 0, len(p.providers))
	for _, provider := range p.providers {
		names = append(names, provider.Name())
	}

	return names
}

// Probe asks a provider with the current key, and with the one before it where
// that is refused: either will do for recognition. NotFound where there is no
// such provider or key; else as Probed says.
func (p *Prober) Probe(ctx context.Context, name string) error {
	for _, provider := range p.providers {
		if provider.Name() != name {
			continue
		}

		keys, err := p.vault.Get(ctx, KeyName(name))
		if err != nil {
			return errs.Context(err, "get the key of speech provider %s", name)
		}

		err = provider.Probe(ctx, keys.Current)
		if errs.Is(err, errs.Unauthorized) && keys.Previous != "" {
			err = provider.Probe(ctx, keys.Previous)
		}

		if err != nil {
			return errs.Context(err, "probe speech provider %s", name)
		}

		return nil
	}

	return errs.New(errs.NotFound, "probe speech provider %s: there is none of that name", name)
}
