// Package knock provides the look at our own webhook from outside, by HTTPS.
package knock

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/webhook"
)

// Doors are the webhooks of stores. It is safe for concurrent use.
type Doors struct {
	vault secret.Vault
	http  *http.Client
}

const (
	// patience is longer than the webhook takes for an answer, and shorter than
	// health has for a look.
	patience = 6 * time.Second
	mostRead = 1 << 10 // bytes of an answer
)

// New makes the doors of stores whose webhook secrets are in the vault.
func New(vault secret.Vault) *Doors {
	return &Doors{vault: vault, http: &http.Client{
		Timeout: patience,
		// The secret goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Knock calls the webhook of a store at its address, Hook, and gives an error
// where it does not say that it is ready. One that takes calls from Telegram's
// networks only has said enough by refusing ours.
func (d *Doors) Knock(ctx context.Context, of store.Store) error {
	proof, err := d.vault.Get(ctx, store.WebhookSecretName(of.ID))
	if err != nil {
		return errs.Context(err, "knock at the webhook of store %s: read its secret", of.ID)
	}

	request, err := http.NewRequestWithContext(ctx, http.MethodPost, of.Hook, strings.NewReader(webhook.Probe))
	if err != nil {
		return errs.Wrap(err, errs.Invalid, "knock at the webhook of store %s", of.ID)
	}

	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(webhook.SecretHeader, proof.Current.Reveal())

	response, err := d.http.Do(request)
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "knock at the webhook of store %s", of.ID)
	}
	defer response.Body.Close()

	text, err := io.ReadAll(io.LimitReader(response.Body, mostRead))
	if err != nil {
		return errs.Wrap(err, errs.Unavailable, "knock at the webhook of store %s: read its answer", of.ID)
	}

	var answer struct {
		Description string `json:"description"`
	}

	err = json.Unmarshal(text, &answer)
	open := response.StatusCode == http.StatusOK && answer.Description == webhook.Ready ||
		response.StatusCode == http.StatusForbidden && answer.Description == webhook.NotTelegram

	if err != nil || !open {
		return errs.Wrap(err, errs.Unavailable, "knock at the webhook of store %s: it answers %s", of.ID, response.Status)
	}

	return nil
}
