package chat

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/table"
)

// session is what the bot remembers for a day of its talk with a person. It
// lies in one row of the scratch table, so that an update costs one read and
// one write for idempotency and limits together; infra/decisions says more.
type session struct {
	Bucket limit.Bucket `json:"bucket"`
	Done   handled      `json:"done"`
	Pause  *pause       `json:"pause,omitempty"`
	Told   bool         `json:"told,omitempty"` // that the store has closed its access
	// Paused is when the person was told last that the store is paused.
	Paused time.Time `json:"paused,omitzero"`
	Await  *await    `json:"await,omitempty"`
	Tap    *tapped   `json:"tap,omitempty"`
	Flood  int       `json:"flood,omitempty"` // updates held back since the last that was not
	// Ordered is the stamp of the checkout that was ordered last.
	Ordered string `json:"ordered,omitempty"`

	version int64
}

// pause is a time in which the person was asked to wait.
type pause struct {
	Until   time.Time `json:"until"`
	Message int       `json:"message,omitempty"` // the one that asked; 0: a toast did
	Skipped int       `json:"skipped"`           // messages that were not handled
}

// sessionFor is also as long as Telegram keeps an update that may come again.
const sessionFor = 24 * time.Hour

func sessionKey(store string, user int64) (table.Key, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("chat", strconv.FormatInt(user, 10)).Key("session"), nil
}

// loadSession reads what the bot remembers: nothing at the first time.
func (c *Chat) loadSession(ctx context.Context, store string, user int64) (session, error) {
	key, err := sessionKey(store, user)
	if err != nil {
		return session{}, err
	}

	found, version, err := table.Read[session](ctx, c.Scratch, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return session{}, errs.Context(err, "read the session of user %d", user)
	}

	found.version = version

	return found, nil
}

// saveSession writes what the bot remembers, the update among what is done.
// The work is done by now, so a failure is only logged: doing it again for
// sure would be worse than perhaps doing it twice.
func (c *Chat) saveSession(ctx context.Context, r *request) {
	const tries = 3

	var err error
	for range tries {
		err = c.trySaveSession(ctx, r)
		if !errs.Is(err, errs.Conflict) {
			break
		}

		// Another delivery was at work for the same person: what it has done
		// stays done.
		var other session
		if other, err = c.loadSession(ctx, r.storeID, r.from.ID); err != nil {
			break
		}

		r.session.version = other.version
		r.session.Done = other.Done.with(r.session.Done...)

		if other.Bucket.Full.After(r.session.Bucket.Full) {
			r.session.Bucket = other.Bucket
		}
	}

	if err != nil {
		slog.WarnContext(ctx, "session not saved, the update may be handled twice", "error", err)
	}
}

func (c *Chat) trySaveSession(ctx context.Context, r *request) error {
	key, err := sessionKey(r.storeID, r.from.ID)
	if err != nil {
		return err
	}

	r.session.Done = r.session.Done.with(int64(r.update))

	body, err := table.Encode(r.session)
	if err != nil {
		return err
	}

	put := table.Put(table.Row{
		Key: key, Version: r.session.version, Body: body, Expires: c.Clock.Now().Add(sessionFor),
	})
	if err := c.Scratch.Write(ctx, put); err != nil {
		return errs.Context(err, "save the session of user %d", r.from.ID)
	}

	return nil
}
