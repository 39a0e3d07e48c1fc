package telegram

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Bots speaks for every store: it finds the client of a store's bot by the
// token in the vault. It is safe for concurrent use.
type Bots struct {
	vault   secret.Vault
	refused *secret.Refused
	http    *http.Client
	apiURL  string
	meter   Meter // may be nil

	mu      sync.Mutex
	clients map[string]known
}

// known is a client with the token it was made for.
type known struct {
	token  secret.Value
	client *Client
}

// NewBots makes the bots of all stores on the Bot API server at apiURL.
func NewBots(vault secret.Vault, apiURL string) *Bots {
	return &Bots{
		vault: vault, refused: secret.NewRefused(vault), http: newHTTPClient(), apiURL: apiURL, clients: map[string]known{},
	}
}

// Client gives the client of a store's bot. A token that was rotated counts as
// soon as the vault gives it. Internal where the store has no token, or its token may not be read.
func (b *Bots) Client(ctx context.Context, of string) (*Client, error) {
	token, err := b.vault.Get(ctx, store.TokenName(of))
	if err != nil {
		return nil, errs.Wrap(err, vaultCode(err), "find the bot of store %s (was it added by infra/ctl store add?)", of)
	}

	b.mu.Lock()
	defer b.mu.Unlock()

	if found, ok := b.clients[of]; ok && found.token == token.Current {
		return found.client, nil
	}

	client, err := newClient(caller{http: b.http, renewed: b.renew(of, token.Current)}, b.apiURL, token.Current)
	if err != nil {
		return nil, errs.Context(err, "make the bot of store %s", of)
	}

	b.clients[of] = known{token: token.Current, client: client}

	return client, nil
}

// renew replaces a store's token in an address by the one that the vault holds
// now. Functions remember tokens for minutes, in which nothing may be lost.
func (b *Bots) renew(of string, used secret.Value) func(context.Context, string) (string, bool) {
	return func(ctx context.Context, address string) (string, bool) {
		now, err := b.refused.Get(ctx, store.TokenName(of))
		if err != nil {
			slog.ErrorContext(ctx, "token refused, and no other to be had", "error", err)

			return "", false
		}

		if now.Current == used {
			return "", false
		}

		slog.InfoContext(ctx, "token refused: it has been replaced, going on with the new one")

		return strings.Replace(address, used.Reveal(), now.Current.Reveal(), 1), true
	}
}

// vaultCode judges a vault that does not give a token. That it has none, or may
// not be read, is the operator's trouble: passed on as it is, it would say that
// a message is gone or that a person has blocked the bot.
func vaultCode(err error) errs.Code {
	if code := errs.CodeOf(err); code == errs.Unavailable || code == errs.Limited {
		return code
	}

	return errs.Internal
}

// Send says something new and gives the message's number.
func (b *Bots) Send(ctx context.Context, to message.Address, text message.Text) (int, error) {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return 0, err
	}

	number, err := client.Send(ctx, to.Chat, text)
	b.count(ctx, to.Store, err)

	return number, err
}

// Edit changes a message; it is fine when the message says so already.
func (b *Bots) Edit(ctx context.Context, to message.Address, text message.Text) error {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return err
	}

	err = client.Edit(ctx, to.Chat, to.Message, text)
	b.count(ctx, to.Store, err)

	return err
}

// Delete removes a message; it is fine when it is gone already.
func (b *Bots) Delete(ctx context.Context, which message.Address) error {
	client, err := b.Client(ctx, which.Store)
	if err != nil {
		return err
	}

	return client.Delete(ctx, which.Chat, which.Message)
}

// Answer ends the waiting of a tapped button of a store's bot.
func (b *Bots) Answer(ctx context.Context, of, query, toast string) error {
	client, err := b.Client(ctx, of)
	if err != nil {
		return err
	}

	return client.Answer(ctx, query, toast)
}

// SendDocument sends a file under a name. Telegram tells the type from the
// name, so the MIME type that a messenger is given has no place here.
func (b *Bots) SendDocument(
	ctx context.Context, to message.Address, name, _ string, content io.Reader, caption message.Text,
) error {
	client, err := b.Client(ctx, to.Store)
	if err != nil {
		return err
	}

	err = client.SendDocument(ctx, to.Chat, name, content, caption)
	b.count(ctx, to.Store, err)

	return err
}

// Webhook asks Telegram how its pushing to a store's bot goes.
func (b *Bots) Webhook(ctx context.Context, of string) (health.Webhook, error) {
	client, err := b.Client(ctx, of)
	if err != nil {
		return health.Webhook{}, err
	}

	return client.Webhook(ctx)
}

// Open streams a file that a person has sent to a store's bot, from an offset.
func (b *Bots) Open(ctx context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	client, err := b.Client(ctx, of.Store)
	if err != nil {
		return nil, 0, err
	}

	return client.Open(ctx, of.FileID, offset)
}
