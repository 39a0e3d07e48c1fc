package failover_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/failover/failovertest"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const (
	address  = "https://lapak.test/telegram/kopi"
	cooldown = 10 * time.Minute
)

// door is our webhook as we see it ourselves.
type door struct{ shut bool }

func (d *door) Knock(context.Context, store.Store) error {
	if d.shut {
		return errors.New("connection refused")
	}

	return nil
}

// desk is a switch with a store and what it looks at.
type desk struct {
	*failover.Switch

	t    *testing.T
	now  *clock.Manual
	door *door
	hook health.Webhook
}

func newDesk(t *testing.T, mode store.Mode, of store.Store) *desk {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	state := tables.New(now, fault.None{})
	d := &desk{t: t, now: now, door: &door{}, hook: health.Webhook{URL: address}}
	d.Switch = failover.New(failover.Options{
		State: state, Stores: store.NewRegistry(state, now), Door: d.door, Clock: now, Mode: mode, Cooldown: cooldown,
	})

	of.ID, of.TimeZone = "kopi", store.DefaultTimeZone
	require.NoError(t, d.Stores.Save(t.Context(), of))

	return d
}

// look looks at the webhook some minutes after the last time. Telegram has just
// failed where it fails at all.
func (d *desk) look(minutes int, failing bool) store.Store {
	d.t.Helper()
	d.now.Advance(time.Duration(minutes) * time.Minute)

	if failing {
		d.hook.FailedAt = d.now.Now().Add(-time.Second)
	}

	of, err := d.Stores.Latest(d.t.Context(), "kopi")
	require.NoError(d.t, err)
	after, err := d.Look(d.t.Context(), of, d.hook, failing)
	require.NoError(d.t, err)

	return after
}

func TestFailingWebhookIsLeftAtOnceWhereWeSeeItToo(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{})
	require.False(t, d.look(5, false).Polling)

	d.door.shut = true
	require.False(t, d.look(5, false).Polling, "nobody is kept waiting")

	turned := d.look(5, true)
	require.True(t, turned.Polling)
	require.True(t, turned.Turning)
	require.Equal(t, d.now.Now(), turned.TurnedAt)
	require.Equal(t, address, turned.Hook, "Telegram forgets it")
}

func TestFailingWebhookThatWeReachIsLeftWhenItGoesOn(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{})
	require.False(t, d.look(5, true).Polling, "it may have been a hiccup")
	require.True(t, d.look(5, true).Polling)
}

func TestHiccupsAreNoFailure(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{})
	for range 5 {
		require.False(t, d.look(5, true).Polling)
		require.False(t, d.look(5, false).Polling)
	}

	require.False(t, d.look(5, true).Polling)
	require.False(t, d.look(60, true).Polling, "too long ago to go on")

	failed := d.hook.FailedAt
	d.now.Advance(5 * time.Minute)

	of, err := d.Look(t.Context(), store.Store{ID: "kopi"}, health.Webhook{URL: address, FailedAt: failed, Pending: 3}, true)
	require.NoError(t, err)
	require.True(t, of.Polling, "more wait than before")
}

func TestTurningBack(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{})
	d.door.shut = true
	require.True(t, d.look(5, true).Polling)

	d.hook = health.Webhook{}
	require.True(t, d.look(15, false).Polling, "it is still broken")

	d.door.shut = false
	turned := d.look(5, false)
	require.False(t, turned.Polling)
	require.True(t, turned.Turning)
}

// A webhook that Telegram does not reach, and we do, is tried less and less often.
func TestRelapses(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{})
	d.door.shut = true

	var lasted []int

	for range 7 {
		d.hook.URL = address
		require.True(t, d.look(1, true).Polling)

		d.door.shut, d.hook.URL = false, ""

		minutes := 0
		for polling := true; polling; minutes += 5 {
			polling = d.look(5, false).Polling
		}

		lasted = append(lasted, minutes)
		d.door.shut = true
	}

	require.Equal(t, []int{10, 20, 40, 80, 160, 320, 320}, lasted)

	d.hook.URL = address
	require.False(t, d.look(90, false).Polling)
	require.True(t, d.look(1, true).Polling)

	d.door.shut, d.hook.URL = false, ""
	require.False(t, d.look(10, false).Polling, "long enough without a failure")
}

func TestModes(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		stack   store.Mode
		of      store.Store
		failing bool
		polling bool
	}{
		"polling":                         {store.Polling, store.Store{}, false, true},
		"a store's own":                   {store.Webhook, store.Store{Mode: store.Polling}, false, true},
		"webhook":                         {store.Webhook, store.Store{}, true, false},
		"webhook, once polling":           {store.Webhook, store.Store{Polling: true, Hook: address}, true, false},
		"webhook, of unknown address":     {store.Webhook, store.Store{Polling: true}, false, true},
		"auto again, without any webhook": {store.Auto, store.Store{Polling: true}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDesk(t, c.stack, c.of)
			d.door.shut = true

			if c.of.Polling {
				d.hook.URL = ""
			}

			d.look(60, c.failing)
			require.Equal(t, c.polling, d.look(5, c.failing).Polling)
		})
	}
}

// Somebody who has decided meanwhile has decided.
func TestAnotherDecisionCounts(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{Mode: store.Webhook})
	d.door.shut = true
	before := store.Store{ID: "kopi"} // as it was before the operator changed its mode

	after, err := d.Look(t.Context(), before, d.hook, true)
	require.NoError(t, err)
	require.False(t, after.Polling)
}

// A webhook that is gone is set again, where its address is known.
func TestMissingWebhookIsSetAgain(t *testing.T) {
	t.Parallel()

	d := newDesk(t, store.Auto, store.Store{Hook: address})
	d.hook = health.Webhook{}
	require.True(t, d.look(5, false).Turning)

	unknown := newDesk(t, store.Auto, store.Store{})
	unknown.hook = health.Webhook{}
	require.False(t, unknown.look(5, false).Turning)
}

func TestUnreadableState(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Now())
	state := tables.New(now, fault.NewSeeded(1, 1, 0, fault.FailBefore))
	s := failover.New(failover.Options{State: state, Stores: store.NewRegistry(state, now), Clock: now, Mode: store.Auto})

	for _, of := range []store.Store{{ID: "kopi"}, {ID: "kopi", Polling: true}, {ID: "kopi", Mode: store.Polling}} {
		_, err := s.Look(t.Context(), of, health.Webhook{URL: address}, true)
		require.True(t, errs.Is(err, errs.Unavailable), err)
	}
}

// intake is what has Telegram follow.
func intake(t *testing.T, of store.Store) (*failover.Intake, *failovertest.Telegram) {
	t.Helper()

	now := clock.NewManual(time.Now())
	stores := store.NewRegistry(tables.New(now, fault.None{}), now)
	vault := secrets.New(now, fault.None{})
	telegram := failovertest.New(fault.None{})

	of.ID, of.TimeZone = "kopi", store.DefaultTimeZone
	require.NoError(t, stores.Save(t.Context(), of))
	require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), "right"))

	return &failover.Intake{Stores: stores, Telegram: telegram, Vault: vault}, telegram
}

func TestSettle(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		of    store.Store
		calls []string
	}{
		"nothing to do": {store.Store{Polling: true, Hook: address}, nil},
		"to polling":    {store.Store{Polling: true, Turning: true, Hook: address}, []string{"stop pushing"}},
		"to webhook":    {store.Store{Turning: true, Hook: address}, []string{"push to " + address}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			i, telegram := intake(t, c.of)
			require.NoError(t, i.Settle(t.Context(), "kopi"))
			require.NoError(t, i.Settle(t.Context(), "kopi"), "once more is fine")
			require.Equal(t, c.calls, telegram.Calls("kopi"))

			after, err := i.Stores.Latest(t.Context(), "kopi")
			require.NoError(t, err)
			require.False(t, after.Turning)
		})
	}

	i, _ := intake(t, store.Store{Turning: true})
	require.True(t, errs.Is(i.Settle(t.Context(), "kopi"), errs.Invalid), "no address is known")
	require.True(t, errs.Is(i.Settle(t.Context(), "nobody"), errs.NotFound))
}

// The address of the webhook is known before Telegram forgets it.
func TestAddressIsWrittenDownFirst(t *testing.T) {
	t.Parallel()

	i, telegram := intake(t, store.Store{Polling: true, Turning: true})
	require.NoError(t, telegram.Push(t.Context(), "kopi", address, "right", nil))
	require.NoError(t, i.Settle(t.Context(), "kopi"))

	after, err := i.Stores.Latest(t.Context(), "kopi")
	require.NoError(t, err)
	require.Equal(t, address, after.Hook)
}

func TestReclaim(t *testing.T) {
	t.Parallel()

	i, telegram := intake(t, store.Store{Polling: true, Hook: address})

	taken, err := i.Reclaim(t.Context(), "kopi")
	require.NoError(t, err)
	require.False(t, taken, "there is none")

	require.NoError(t, telegram.Push(t.Context(), "kopi", address, "right", nil))
	taken, err = i.Reclaim(t.Context(), "kopi")
	require.NoError(t, err)
	require.True(t, taken)
	require.Equal(t, []string{"push to " + address, "stop pushing"}, telegram.Calls("kopi"))
}

// turning is a Telegram that takes long enough for another turn.
type turning struct {
	*failovertest.Telegram

	meanwhile func()
}

func (s *turning) StopPushing(ctx context.Context, of string) error {
	if s.meanwhile != nil {
		s.meanwhile()
		s.meanwhile = nil
	}

	return s.Telegram.StopPushing(ctx, of)
}

// What is turned back while Telegram is told is told anew.
func TestTurnedBackMeanwhile(t *testing.T) {
	t.Parallel()

	i, telegram := intake(t, store.Store{Polling: true, Turning: true, Hook: address})
	i.Telegram = &turning{telegram, func() {
		_, err := i.Stores.Change(t.Context(), "kopi", func(now *store.Store) { *now = now.Turned(false, time.Now()) })
		require.NoError(t, err)
	}}

	require.NoError(t, i.Settle(t.Context(), "kopi"))
	require.Equal(t, []string{"stop pushing", "push to " + address}, telegram.Calls("kopi"))
}
