// Package mtproto provides the files that are too large for Telegram's Bot API:
// it fetches them by MTProto, as the store's bot, up to 2 GB and beyond.
//
// One stream is one connection, under one session of the store that nobody
// else uses meanwhile: nothing stays open between invocations of a function,
// where it would die in the freezer. infra/decisions/mtproto.md says why.
package mtproto

import (
	"context"
	"errors"
	"io"

	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/transcript"
)

// AppName names the secret with the api_hash of the application at Telegram.
// It belongs to Config.APIID.
const AppName = "providers/telegram-app"

// Config says as which application, and to whom, to speak.
type Config struct {
	APIID     int    // of the application, from https://my.telegram.org/apps
	Server    string // host:port of a server of one's own; empty: Telegram
	PublicKey string // RSA key of that server, as PEM; empty: Telegram's keys
}

// Files opens files by MTProto. It is safe for concurrent use.
type Files struct {
	config   Config
	keys     []telegram.PublicKey
	list     dcs.List
	vault    secret.Vault
	sessions sessions
}

// NewFiles makes the files of all stores. Their sessions are kept in scratch,
// encrypted. Invalid where config cannot be right.
func NewFiles(config Config, vault secret.Vault, scratch table.Table, now clock.Clock) (*Files, error) {
	if config.APIID <= 0 {
		return nil, errs.New(errs.Invalid, "api_id %d is none: take that of the application at https://my.telegram.org/apps",
			config.APIID)
	}

	files := &Files{config: config, vault: vault, sessions: sessions{scratch: scratch, clock: now}, list: dcs.Prod()}

	if config.Server != "" {
		var err error
		if files.list, err = ownServer(config.Server); err != nil {
			return nil, err
		}
	}

	if config.PublicKey != "" {
		key, err := parsePublicKey(config.PublicKey)
		if err != nil {
			return nil, err
		}

		files.keys = []telegram.PublicKey{key}
	}

	return files, nil
}

// Open streams a file from an offset and gives its size as of says it, -1 where
// it does not. Invalid, with a sentence for the person, where Telegram will
// never give it; Limited, with the wait, where the store downloads too much at
// once or too often; Unavailable where Telegram cannot be reached; Internal
// where the bot or the application is not set up. Errors of reading have the
// same codes. The caller closes the stream, which ends its connection.
func (f *Files) Open(ctx context.Context, of transcript.FileRef, offset int64) (io.ReadCloser, int64, error) {
	from, err := locate(of.FileID)
	if err != nil {
		return nil, 0, err
	}

	if offset < 0 || of.Size > 0 && offset > of.Size {
		return nil, 0, errs.New(errs.Invalid, "open a file of %d bytes at byte %d", of.Size, offset)
	}

	as, err := f.identify(ctx, of.Store)
	if err != nil {
		return nil, 0, err
	}

	leased, err := f.sessions.lease(ctx, of.Store, as.token)
	if err != nil {
		return nil, 0, err
	}

	opened := newStream(ctx, f, as, leased, of, from, offset)
	if err := opened.start(ctx); err != nil {
		return nil, 0, errors.Join(err, opened.Close()) //nolint:contextcheck // a stream has the context that it was opened with
	}

	if of.Size <= 0 {
		return opened, -1, nil
	}

	return opened, of.Size, nil
}

// identity is what a bot logs in with.
type identity struct{ token, hash secret.Value }

func (f *Files) identify(ctx context.Context, of string) (identity, error) {
	token, err := f.vault.Get(ctx, store.TokenName(of))
	if err != nil {
		return identity{}, errs.Wrap(err, vaultCode(err), "find the bot of store %s (was it added by infra/ctl store add?)", of)
	}

	hash, err := f.vault.Get(ctx, AppName)
	if err != nil {
		return identity{}, errs.Wrap(err, vaultCode(err), "find the api_hash of api_id %d (set it by infra/ctl provider set telegram-app)",
			f.config.APIID)
	}

	return identity{token: token.Current, hash: hash.Current}, nil
}

// vaultCode judges a vault that does not give a secret. That it has none is the
// operator's trouble, not the person's.
func vaultCode(err error) errs.Code {
	if code := errs.CodeOf(err); code == errs.Unavailable || code == errs.Limited {
		return code
	}

	return errs.Internal
}
