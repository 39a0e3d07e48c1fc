package mtproto

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// maxSessions is how many files a store downloads at once at most.
	maxSessions = 32
	// leaseFor is how long a worker that says nothing keeps its session.
	leaseFor = time.Minute
	// heartbeat is how often a worker says that it is still at it.
	heartbeat = leaseFor / 3
	// keepFor is how long a session that nobody uses is kept.
	keepFor = 30 * 24 * time.Hour
	// busyFor is when to come back while all sessions of a store are in use.
	busyFor = 20 * time.Second
)

// sessions are those of all stores, in the scratch table: each row is a
// session, sealed, and who has it to itself. Telegram ends a session that is
// used from two places at once.
type sessions struct {
	scratch table.Table
	clock   clock.Clock
}

// session is what Telegram knows a client by.
type session struct {
	DC    int    `json:"dc"`
	Key   []byte `json:"key"`
	KeyID []byte `json:"key_id"`
	Salt  int64  `json:"salt"`
}

// kept is the body of a row.
type kept struct {
	Sealed []byte    `json:"sealed,omitempty"` // a session under AES-256-GCM; empty: to be logged in
	Until  time.Time `json:"until,omitzero"`   // a worker has it to itself until then
}

// lease is a session that is this worker's alone.
type lease struct {
	of   sessions
	key  table.Key
	seal cipher.AEAD
	name []byte // of the row, bound to what is sealed

	mu      sync.Mutex
	row     table.Row
	kept    kept
	session *session // nil: to be logged in
}

// lease takes a session that nobody uses, rather one that is logged in.
// Limited while all are in use.
func (s sessions) lease(ctx context.Context, store string, token secret.Value) (*lease, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	partition := tenant.Partition("mtproto")

	page, err := s.scratch.Query(ctx, table.Query{Partition: partition, Prefix: table.SortPrefix("session"), Limit: maxSessions})
	if err != nil {
		return nil, errs.Context(err, "look for the MTProto sessions of store %s", store)
	}

	seal, err := sealOf(token)
	if err != nil {
		return nil, err
	}

	for _, row := range s.candidates(partition, page.Rows) {
		leased, err := s.take(ctx, row, seal)
		if err == nil || !errs.Is(err, errs.Conflict) {
			return leased, err
		}
	}

	return nil, errs.New(errs.Limited, "all %d MTProto sessions of store %s are in use", maxSessions, store).After(busyFor)
}

// candidates gives the rows that may be taken, those with a session first, and
// then rows that are yet to be made.
func (s sessions) candidates(partition table.Partition, rows []table.Row) []table.Row {
	now := s.clock.Now()
	seen := map[table.Key]bool{}

	var free []table.Row

	for _, row := range rows {
		seen[row.Key] = true

		if found, err := table.Decode[kept](row); err != nil || !found.Until.After(now) {
			free = append(free, row)
		}
	}

	slices.SortStableFunc(free, func(a, b table.Row) int { return -cmp.Compare(len(a.Body), len(b.Body)) })

	for number := range maxSessions {
		if key := partition.Key("session", strconv.Itoa(number)); !seen[key] {
			free = append(free, table.Row{Key: key})
		}
	}

	return free
}

// take makes a row this worker's. Conflict where another was faster.
func (s sessions) take(ctx context.Context, row table.Row, seal cipher.AEAD) (*lease, error) {
	taken := &lease{of: s, key: row.Key, seal: seal, name: []byte(row.Key.String()), row: row}

	if row.Version > 0 {
		// What cannot be read was sealed with a token that is not the bot's any
		// more, or is damaged: it is logged in anew either way.
		if found, err := table.Decode[kept](row); err == nil {
			taken.kept.Sealed = found.Sealed
			taken.session = taken.unseal(found.Sealed)
		}
	}

	if err := taken.extend(ctx); err != nil {
		return nil, err
	}

	return taken, nil
}

// sealOf derives the key that sessions are sealed with from the bot's token:
// who has the token can log in as the bot anyway, and a new token ends the
// sessions of the old one. HKDF is RFC 5869.
func sealOf(token secret.Value) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token.Reveal()), nil, "lapak mtproto session", 32)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "derive the key of MTProto sessions")
	}

	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "make the cipher of MTProto sessions")
	}

	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "make the cipher of MTProto sessions")
	}

	return seal, nil
}

func (l *lease) unseal(sealed []byte) *session {
	opened, err := l.seal.Open(nil, nil, sealed, l.name)
	if err != nil {
		return nil
	}

	var found session
	if err := json.Unmarshal(opened, &found); err != nil {
		return nil
	}

	return &found
}

// current gives the session; nil where the bot has to log in.
func (l *lease) current() *session {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.session
}

// save keeps a new session; nil forgets the one there was.
func (l *lease) save(ctx context.Context, fresh *session) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.session, l.kept.Sealed = fresh, nil

	if fresh != nil {
		text, err := json.Marshal(fresh)
		if err != nil {
			return errs.Wrap(err, errs.Internal, "encode an MTProto session")
		}

		l.kept.Sealed = l.seal.Seal(nil, nil, text, l.name) //nolint:gosec // this AEAD makes its own nonce
	}

	return l.write(ctx)
}

// extend keeps the session for leaseFor more. Conflict where it is lost.
func (l *lease) extend(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.kept.Until = l.of.clock.Now().Add(leaseFor)

	return l.write(ctx)
}

// release gives the session back.
func (l *lease) release(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.kept.Until = time.Time{}

	return l.write(ctx)
}

// write puts the row in the place of the one that this worker wrote before.
func (l *lease) write(ctx context.Context) error {
	body, err := table.Encode(l.kept)
	if err != nil {
		return err
	}

	row := table.Row{Key: l.key, Version: l.row.Version, Body: body, Expires: l.of.clock.Now().Add(keepFor)}
	if err := l.of.scratch.Write(ctx, table.Put(row)); err != nil {
		return errs.Context(err, "write MTProto session %s", l.key)
	}

	row.Version++
	l.row = row

	return nil
}

// beat keeps the session until ctx ends. Where it is lost to another worker,
// lost is called with the reason.
func (l *lease) beat(ctx context.Context, lost func(error)) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		err := l.extend(ctx)

		switch {
		case errs.Is(err, errs.Conflict):
			lost(errs.Wrap(err, errs.Unavailable, "keep MTProto session %s: another worker has it", l.key))

			return
		case err != nil && ctx.Err() == nil:
			slog.WarnContext(ctx, "MTProto session not kept, next try soon", "error", err)
		}
	}
}
