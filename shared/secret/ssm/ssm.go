// Package ssm provides a vault of SecureString parameters of the SSM parameter
// store.
package ssm

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/secret"
)

const (
	// DefaultTTL is how long a secret is answered from memory: a rotation is
	// known everywhere after it, and until then the previous value counts too.
	DefaultTTL = 5 * time.Minute

	// absentTTL is how long it is remembered that a secret does not exist, so
	// that calls for made-up stores do not each ask SSM.
	absentTTL = 30 * time.Second

	// maxCached bounds the memory that made-up names can take.
	maxCached = 1000
)

// Vault is a vault in SSM. It is safe for concurrent use.
type Vault struct {
	client *awsssm.Client
	prefix string
	clock  clock.Clock
	ttl    time.Duration

	mu    sync.Mutex
	cache map[string]cached
}

// cached is a secret in memory, or that there is none.
type cached struct {
	secret secret.Secret
	absent bool
	until  time.Time
}

var _ secret.Vault = (*Vault)(nil)

// New gives the vault of the parameters below prefix, such as "/lapak/prod".
// Get answers from memory for ttl; zero means DefaultTTL.
func New(client *awsssm.Client, prefix string, clock clock.Clock, ttl time.Duration) *Vault {
	if ttl <= 0 {
		ttl = DefaultTTL
	}

	return &Vault{client: client, prefix: prefix, clock: clock, ttl: ttl, cache: map[string]cached{}}
}

func (v *Vault) path(name string) string { return v.prefix + "/" + name }

// Get implements secret.Vault.
func (v *Vault) Get(ctx context.Context, name string) (secret.Secret, error) {
	if known, ok := v.recall(name); ok {
		if known.absent {
			return secret.Secret{}, errs.New(errs.NotFound, "get secret %s: it was not set a moment ago", name)
		}

		return known.secret, nil
	}

	return v.Fresh(ctx, name)
}

// Fresh implements secret.Vault.
func (v *Vault) Fresh(ctx context.Context, name string) (secret.Secret, error) {
	if err := secret.ValidateName(name); err != nil {
		return secret.Secret{}, err
	}

	found, err := v.read(ctx, name)

	switch {
	case err == nil:
		v.remember(name, cached{secret: found, until: v.clock.Now().Add(v.ttl)})
	case errs.Is(err, errs.NotFound):
		v.remember(name, cached{absent: true, until: v.clock.Now().Add(absentTTL)})
	}

	return found, err
}

// read asks SSM.
func (v *Vault) read(ctx context.Context, name string) (secret.Secret, error) {
	answer, err := v.client.GetParameter(ctx, &awsssm.GetParameterInput{
		Name: aws.String(v.path(name)), WithDecryption: aws.Bool(true),
	})
	if err != nil {
		return secret.Secret{}, awserrs.Wrap(err, "get secret %s", v.path(name))
	}

	found, err := secret.Unmarshal(aws.ToString(answer.Parameter.Value))
	if err != nil {
		return secret.Secret{}, errs.Context(err, "get secret %s", v.path(name))
	}

	return found, nil
}

// Rotate implements secret.Vault. It reads the present value from SSM, not from
// memory. Two rotations of one secret at the same moment are not kept apart:
// SSM has no condition for that; an operator rotates, one at a time.
func (v *Vault) Rotate(ctx context.Context, name string, value secret.Value) error {
	if err := secret.ValidateName(name); err != nil {
		return err
	}

	present, err := v.read(ctx, name)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return errs.Context(err, "rotate secret %s", v.path(name))
	}

	defer v.forget(name)

	rotated := present.Rotated(value)
	if err := rotated.Validate(); err != nil {
		return errs.Context(err, "rotate secret %s", v.path(name))
	}

	if rotated == present {
		return nil
	}

	text, err := rotated.Marshal()
	if err != nil {
		return errs.Context(err, "rotate secret %s", v.path(name))
	}

	_, err = v.client.PutParameter(ctx, &awsssm.PutParameterInput{
		Name: aws.String(v.path(name)), Value: aws.String(text),
		Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
	})
	if err != nil {
		// The cause is left out: it may quote the request, and so the value.
		return errs.New(awserrs.Code(err), "rotate secret %s: SSM refused to store it (%s)", v.path(name), awserrs.Name(err))
	}

	return nil
}

// Delete implements secret.Vault.
func (v *Vault) Delete(ctx context.Context, name string) error {
	if err := secret.ValidateName(name); err != nil {
		return err
	}

	defer v.forget(name)

	_, err := v.client.DeleteParameter(ctx, &awsssm.DeleteParameterInput{Name: aws.String(v.path(name))})
	if err != nil && awserrs.Code(err) != errs.NotFound {
		return awserrs.Wrap(err, "delete secret %s", v.path(name))
	}

	return nil
}

func (v *Vault) recall(name string) (cached, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()

	known, ok := v.cache[name]

	return known, ok && v.clock.Now().Before(known.until)
}

// remember keeps an entry and makes room for it first: whatever is over goes,
// and where all are fresh any one.
func (v *Vault) remember(name string, entry cached) {
	v.mu.Lock()
	defer v.mu.Unlock()

	if len(v.cache) >= maxCached {
		now := v.clock.Now()

		for other, known := range v.cache {
			if !now.Before(known.until) {
				delete(v.cache, other)
			}
		}
	}

	for other := range v.cache {
		if len(v.cache) < maxCached {
			break
		}

		delete(v.cache, other)
	}

	v.cache[name] = entry
}

func (v *Vault) forget(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()

	delete(v.cache, name)
}
