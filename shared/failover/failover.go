// Package failover provides the turn of a store's updates from webhook to
// polling and back: Switch decides it, and Intake has Telegram follow. The
// register of stores says how updates are to come, and is written first;
// whoever fetches a store's updates makes Telegram do as it says. So each step
// can be repeated, and a death between two of them is made good by the next.
package failover

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// suspicion is how long a look that found trouble counts for the next one.
	suspicion = 15 * time.Minute
	// relapse is how soon after a turn back another failure makes the next
	// polling twice as long, at most 2^longestRelapses times.
	relapse         = time.Hour
	longestRelapses = 5
)

// Door is our own webhook, seen from outside.
type Door interface {
	// Knock calls the webhook of a store as Telegram would, with its secret, and
	// gives an error where it does not answer as designed.
	Knock(ctx context.Context, of store.Store) error
}

// Options say what a switch decides by.
type Options struct {
	State    table.Table
	Stores   *store.Registry
	Door     Door
	Clock    clock.Clock
	Mode     store.Mode    // of stores that have none of their own
	Cooldown time.Duration // shortest polling
}

// Switch decides how the updates of stores come.
type Switch struct{ Options }

// New makes a switch.
func New(options Options) *Switch { return &Switch{options} }

// ModeOf gives the mode that a store is in.
func (s *Switch) ModeOf(of store.Store) store.Mode {
	if of.Mode != "" {
		return of.Mode
	}

	return s.Mode
}

// Look decides how the updates of a store are to come, by what Telegram says of
// its webhook and whether that seems to fail, and gives the store as it then
// is. It only writes it down; poll has Telegram follow within a minute.
func (s *Switch) Look(ctx context.Context, of store.Store, hook health.Webhook, failing bool) (store.Store, error) {
	if of.Hook == "" {
		of.Hook = hook.URL
	}

	var err error

	switch mode := s.ModeOf(of); {
	case mode == store.Polling:
		of, err = s.turn(ctx, of, true)
	case mode == store.Webhook && of.Polling:
		of, err = s.turn(ctx, of, false)
	case of.Polling:
		of, err = s.back(ctx, of)
	case hook.URL == "":
		of, err = s.mend(ctx, of)
	case mode == store.Auto:
		of, err = s.away(ctx, of, hook, failing)
	}

	if err != nil {
		return of, errs.Context(err, "look how the updates of store %s come", of.ID)
	}

	return of, nil
}

// watch is what is remembered of a store's webhook.
type watch struct {
	At       time.Time `json:"at,omitzero"`        // of the last look that found trouble; zero: it was well
	FailedAt time.Time `json:"failed_at,omitzero"` // of the last failed push that it knew of
	Pending  int       `json:"pending,omitempty"`
	Back     time.Time `json:"back,omitzero"` // of the last turn back
	Relapses int       `json:"relapses,omitempty"`
}

// away turns to polling where pushing fails and the webhook does not answer us
// either, or where it goes on failing from one look to the next: Telegram may
// not reach what we reach.
func (s *Switch) away(
	ctx context.Context, of store.Store, hook health.Webhook, failing bool,
) (store.Store, error) {
	before, row, err := s.watched(ctx, of.ID)
	if err != nil {
		return of, err
	}

	now := s.Clock.Now()
	seen := watch{Back: before.Back, Relapses: before.Relapses}

	if !failing {
		return of, s.remember(ctx, row, before, seen)
	}

	seen.At, seen.FailedAt, seen.Pending = now, hook.FailedAt, hook.Pending
	goesOn := now.Sub(before.At) < suspicion && (hook.FailedAt.After(before.FailedAt) || hook.Pending > before.Pending)

	knocked := s.Door.Knock(ctx, of)
	if knocked == nil && !goesOn {
		slog.WarnContext(ctx, "webhook may be failing, the next look decides", "pending", hook.Pending, "error", hook.LastError)

		return of, s.remember(ctx, row, before, seen)
	}

	slog.WarnContext(ctx, "webhook fails, turning to polling",
		"pending", hook.Pending, "error", hook.LastError, "knock", knocked, "goes_on", goesOn)

	relapses := 0
	if now.Sub(before.Back) < relapse {
		relapses = min(before.Relapses+1, longestRelapses)
	}

	return s.turnRemembering(ctx, of, true, row, watch{Back: before.Back, Relapses: relapses})
}

// back turns to the webhook where polling has lasted long enough and the
// webhook answers. One that we reach and Telegram does not is found out by
// trying, less often with each failure.
func (s *Switch) back(ctx context.Context, of store.Store) (store.Store, error) {
	before, row, err := s.watched(ctx, of.ID)
	if err != nil {
		return of, err
	}

	now := s.Clock.Now()
	if now.Sub(of.TurnedAt) < s.Cooldown<<before.Relapses || of.Hook == "" {
		return of, nil
	}

	if err := s.Door.Knock(ctx, of); err != nil {
		slog.InfoContext(ctx, "webhook still fails, polling goes on", "error", err)

		return of, nil
	}

	slog.InfoContext(ctx, "webhook answers, turning back to it", "polled", now.Sub(of.TurnedAt).String())

	return s.turnRemembering(ctx, of, false, row, watch{Back: now, Relapses: before.Relapses})
}

// mend has the webhook set again where Telegram has none: whoever was to set it
// died in between, or somebody took it away.
func (s *Switch) mend(ctx context.Context, of store.Store) (store.Store, error) {
	if of.Hook == "" || of.Turning {
		return of, nil
	}

	slog.WarnContext(ctx, "webhook is gone, it will be set again", "webhook", of.Hook)

	return s.Stores.Change(ctx, of.ID, func(now *store.Store) { now.Turning = !now.Polling })
}

func (s *Switch) turnRemembering(
	ctx context.Context, of store.Store, polling bool, row table.Row, seen watch,
) (store.Store, error) {
	body, err := table.Encode(seen)
	if err != nil {
		return of, err
	}

	row.Body = body

	return s.turn(ctx, of, polling, table.Put(row))
}

// turn writes down how updates are to come, unless somebody else has decided
// since the store was read.
func (s *Switch) turn(ctx context.Context, of store.Store, polling bool, with ...table.Op) (store.Store, error) {
	if of.Polling == polling || !polling && of.Hook == "" {
		return of, nil
	}

	return s.Stores.Change(ctx, of.ID, func(now *store.Store) {
		if now.Mode != of.Mode || now.Polling != of.Polling {
			return
		}

		if now.Hook == "" {
			now.Hook = of.Hook // Telegram forgets it with the next step
		}

		*now = now.Turned(polling, s.Clock.Now())
	}, with...)
}

// watched gives what is remembered of a store's webhook, and its row.
func (s *Switch) watched(ctx context.Context, of string) (watch, table.Row, error) {
	tenant, err := table.TenantOf(of)
	if err != nil {
		return watch{}, table.Row{}, err
	}

	key := tenant.Partition("intake").Key("watch")

	seen, version, err := table.Read[watch](ctx, s.State, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return watch{}, table.Row{}, errs.Context(err, "read what was seen of the webhook")
	}

	return seen, table.Row{Key: key, Version: version}, nil
}

// remember writes down what was seen, where it is something new.
func (s *Switch) remember(ctx context.Context, row table.Row, before, seen watch) error {
	if seen == before {
		return nil
	}

	body, err := table.Encode(seen)
	if err != nil {
		return err
	}

	row.Body = body
	if err := s.State.Write(ctx, table.Put(row)); err != nil {
		return errs.Context(err, "write down what was seen of the webhook")
	}

	return nil
}
