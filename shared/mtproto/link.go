package mtproto

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
	gotdsession "github.com/gotd/td/session"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/tg"

	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// connectTimeout is of one TCP connection.
	connectTimeout = 10 * time.Second
	// redialAfter is the least time between a failed connection and the next:
	// gotd's pools would try again at once, without end.
	redialAfter = 300 * time.Millisecond
	// restarts is how often gotd may replace its main connection: once for a
	// bot that lives in another data centre than the first.
	restarts = 2
	// resendAfter is when a request that was not answered is sent again.
	resendAfter = 5 * time.Second
	// leaveWithin is how long calls may take to be taken back.
	leaveWithin = time.Second
	// stalledAfter is how long a call may go without an answer.
	stalledAfter = 30 * time.Second
)

// link is a client that is logged in, with connections to one data centre. It
// does not mend itself: a stream whose link has ended makes another.
type link struct {
	dc    int
	home  bool // dc is the bot's own
	main  *tg.Client
	files *tg.Client
	pool  telegram.CloseInvoker

	calls context.Context //nolint:containedctx // of all calls for chunks: ends before the link does
	leave context.CancelFunc
	busy  sync.RWMutex // held by each call

	end   context.CancelFunc
	ready chan struct{} // closed when it is connected; calls before that may wait for ever
	ended chan struct{} // closed when nothing of it runs any more
	err   error         // why; read it behind ended
}

// dial makes a link to a data centre under a leased session, which is logged
// in where it has to be. ctx bounds the making, not the link.
func (f *Files) dial(ctx context.Context, as identity, leased *lease, dc int) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, stalledAfter)
	defer cancel()

	storage := newStorage(ctx, leased.current())
	client := telegram.NewClient(f.config.APIID, as.hash.Reveal(), telegram.Options{
		PublicKeys:     f.keys,
		DCList:         f.list,
		DC:             firstDC,
		NoUpdates:      true,
		SessionStorage: storage,
		Resolver:       dcs.Plain(dcs.PlainOptions{Dial: dial}),
		ReconnectionBackoff: func() backoff.BackOff {
			return backoff.WithMaxRetries(backoff.NewConstantBackOff(redialAfter), restarts)
		},
		RetryInterval:   resendAfter,
		MaxRetries:      int(stalledAfter / resendAfter),
		DialTimeout:     connectTimeout,
		ExchangeTimeout: connectTimeout,
		Device:          telegram.DeviceConfig{DeviceModel: "Lapak", SystemVersion: "Linux", AppVersion: "1"},
	})

	made := run(ctx, client)
	made.dc = dc

	err := made.prepare(ctx, client, storage, f.config.APIID, as, leased)
	if err != nil {
		made.close()

		return nil, err
	}

	return made, nil
}

// dial connects by TCP.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: connectTimeout}

	conn, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		return conn, nil
	}

	pause := time.NewTimer(redialAfter)
	defer pause.Stop()

	select {
	case <-pause.C:
	case <-ctx.Done():
	}

	return nil, err //nolint:wrapcheck // it names the address
}

// run starts the client. It ends with close, or by itself.
func run(ctx context.Context, client *telegram.Client) *link {
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	made := &link{main: client.API(), end: end, ready: make(chan struct{}), ended: make(chan struct{})}
	made.calls, made.leave = context.WithCancel(ctx)

	go func() {
		defer close(made.ended)
		defer end()

		made.err = client.Run(ctx, func(ctx context.Context) error {
			close(made.ready)
			<-ctx.Done()

			return nil
		})
	}()

	return made
}

// prepare logs in where there is no session and opens the connections.
func (l *link) prepare(
	ctx context.Context, client *telegram.Client, storage *storage, appID int, as identity, leased *lease,
) error {
	select {
	case <-l.ready:
	case <-l.ended:
		return explain(l.failure(), "connect to Telegram")
	case <-ctx.Done():
		return explain(ctx.Err(), "connect to Telegram")
	}

	if leased.current() == nil {
		if err := l.login(ctx, storage, appID, as, leased); err != nil {
			return err
		}
	}

	const connections = window

	return l.await(ctx, func(ctx context.Context) error {
		var err error

		if l.home = client.Config().ThisDC == l.dc; l.home {
			l.pool, err = client.Pool(connections)
		} else {
			l.pool, err = client.DC(ctx, l.dc, connections)
		}

		if err != nil {
			return explain(err, "connect to data centre %d of Telegram", l.dc)
		}

		l.files = tg.NewClient(l.pool)

		return nil
	})
}

// login makes the session that the bot has from now on. Telegram limits how
// often a bot may do so, which is why it is kept.
func (l *link) login(ctx context.Context, storage *storage, appID int, as identity, leased *lease) error {
	err := l.await(ctx, func(ctx context.Context) error {
		_, err := l.main.AuthImportBotAuthorization(ctx, &tg.AuthImportBotAuthorizationRequest{
			APIID: appID, APIHash: as.hash.Reveal(), BotAuthToken: as.token.Reveal(),
		})

		return err //nolint:wrapcheck // explained below
	})
	if err != nil {
		return explain(err, "log the bot in")
	}

	fresh, err := storage.of(ctx, l.main)
	if err != nil {
		return err
	}

	slog.InfoContext(ctx, "MTProto session made", "session", leased.key.String(), "dc", fresh.DC)

	if err := leased.save(ctx, fresh); err != nil {
		return errs.Context(err, "keep a new MTProto session")
	}

	return nil
}

// await does something with the link that ends when the link does: gotd's
// calls wait for a client that has ended.
func (l *link) await(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	watched := make(chan struct{})

	go func() {
		defer close(watched)

		select {
		case <-l.ended:
			cancel(errConnection)
		case <-ctx.Done():
		}
	}()

	err := do(ctx)
	cancel(nil)
	<-watched

	if err != nil && errors.Is(context.Cause(ctx), errConnection) {
		return l.failure()
	}

	return err
}

// failure gives why a link has ended.
func (l *link) failure() error {
	if l.err != nil {
		return l.err
	}

	return errConnection
}

// chunk fetches a part of a file. An answer that takes longer than
// stalledAfter ends the link.
func (l *link) chunk(of location, offset int64) ([]byte, error) {
	l.busy.RLock()
	defer l.busy.RUnlock()

	if l.calls.Err() != nil {
		return nil, explain(l.calls.Err(), "fetch a file at byte %d", offset)
	}

	watchdog := time.AfterFunc(stalledAfter, l.end)
	defer watchdog.Stop()

	file := of.file

	answer, err := l.files.UploadGetFile(l.calls, &tg.UploadGetFileRequest{
		Location: &file, Offset: offset, Limit: chunkBytes,
	})

	switch answer := answer.(type) {
	case nil:
		return nil, explain(err, "fetch a file at byte %d", offset)
	case *tg.UploadFile:
		return answer.Bytes, nil
	default: // of a CDN, which is used for public channels with many readers
		return nil, errs.New(errs.Unavailable, "fetch a file at byte %d: %s came, which a bot is never sent", offset, answer.TypeName())
	}
}

// close ends the link and waits until nothing of it runs any more. Calls are
// ended first: gotd does not bear one that begins while its connection ends.
func (l *link) close() {
	l.leave()

	idle := make(chan struct{})

	go func() {
		defer close(idle)

		l.busy.Lock()
		defer l.busy.Unlock()
	}()

	// A server that answers lets calls go at once; another is not waited for.
	patience := time.NewTimer(leaveWithin)
	defer patience.Stop()

	select {
	case <-idle:
	case <-patience.C:
	}

	l.end()
	<-idle

	if l.pool != nil {
		_ = l.pool.Close() // it ends with the client; there is nothing to lose
	}

	<-l.ended
}

// storage shows gotd the session that there is, and keeps the one it makes.
type storage struct {
	gotdsession.StorageMemory

	mu     sync.Mutex
	stored chan struct{} // closed and replaced with each session stored
}

func newStorage(ctx context.Context, known *session) *storage {
	made := &storage{stored: make(chan struct{})}
	if known == nil {
		return made
	}

	loader := gotdsession.Loader{Storage: &made.StorageMemory}
	data := gotdsession.Data{DC: known.DC, AuthKey: known.Key, AuthKeyID: known.KeyID, Salt: known.Salt}

	if err := loader.Save(ctx, &data); err != nil {
		return &storage{stored: made.stored} // memory does not fail; without a session the bot logs in
	}

	return made
}

// StoreSession takes a session of gotd's.
func (s *storage) StoreSession(ctx context.Context, data []byte) error {
	err := s.StorageMemory.StoreSession(ctx, data)

	s.mu.Lock()
	close(s.stored)
	s.stored = make(chan struct{})
	s.mu.Unlock()

	return err //nolint:wrapcheck // gotd tells
}

// of waits for the session of the data centre in which the bot has logged in:
// gotd hands it over a moment after it is in use.
func (s *storage) of(ctx context.Context, client *tg.Client) (*session, error) {
	config, err := client.HelpGetConfig(ctx)
	if err != nil {
		return nil, explain(err, "ask in which data centre the bot is")
	}

	loader := gotdsession.Loader{Storage: &s.StorageMemory}

	for {
		s.mu.Lock()
		next := s.stored
		s.mu.Unlock()

		if data, err := loader.Load(ctx); err == nil && data.DC == config.ThisDC {
			return &session{DC: data.DC, Key: data.AuthKey, KeyID: data.AuthKeyID, Salt: data.Salt}, nil
		}

		select {
		case <-next:
		case <-ctx.Done():
			return nil, errs.Wrap(ctx.Err(), errs.Unavailable, "wait for the session of data centre %d", config.ThisDC)
		}
	}
}
