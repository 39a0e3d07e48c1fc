package health_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/topic"
)

func start() time.Time { return time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC) }

// bots are webhooks as Telegram tells of them.
type bots map[string]struct {
	hook health.Webhook
	err  error
}

func (b bots) Webhook(_ context.Context, of string) (health.Webhook, error) {
	return b[of].hook, b[of].err
}

// waiting is a queue with so many messages, or one that cannot be counted.
type waiting struct {
	depth int
	err   error
}

func (w *waiting) Depth(context.Context) (int, error) { return w.depth, w.err }

// paper keeps what is published.
type paper struct {
	notes []alert.Alert
	err   error
}

func (p *paper) Publish(_ context.Context, note topic.Note) error {
	if p.err != nil {
		return p.err
	}

	var told alert.Alert
	if err := json.Unmarshal(note.Body, &told); err != nil {
		return err
	}

	p.notes = append(p.notes, told)

	return nil
}

// taken gives what was published since.
func (p *paper) taken() []alert.Alert {
	notes := p.notes
	p.notes = nil

	return notes
}

type ward struct {
	*health.Checker

	bots    bots
	queue   *waiting
	dead    *waiting
	paper   *paper
	metrics bytes.Buffer
}

func newWard(t *testing.T) *ward {
	t.Helper()

	now := clock.NewManual(start())
	state := memory.New(now, fault.None{})
	stores := store.NewRegistry(state, now)

	for _, of := range []string{"demo", "other"} {
		require.NoError(t, stores.Save(t.Context(), store.Store{ID: of, TimeZone: store.DefaultTimeZone}))
	}

	w := &ward{bots: bots{}, queue: &waiting{depth: 3}, dead: &waiting{}, paper: &paper{}}
	w.set("demo", health.Webhook{URL: "https://x"}, nil)
	w.set("other", health.Webhook{URL: "https://x"}, nil)
	w.Checker = health.New(health.Options{
		State: state, Stores: stores, Bots: w.bots, Alerts: w.paper, Metrics: metric.New(&w.metrics, now), Clock: now,
		Queues: map[string]health.Queue{"updates": w.queue}, Dead: map[string]health.Queue{"updates": w.dead},
	})

	return w
}

func (w *ward) set(of string, hook health.Webhook, err error) {
	w.bots[of] = struct {
		hook health.Webhook
		err  error
	}{hook, err}
}

func TestGoodHealthIsQuiet(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken())
	require.Contains(t, w.metrics.String(), `"QueueDepth":3`)
	require.Contains(t, w.metrics.String(), `"DeadLetters":0`)
}

func TestTroubleIsToldOnceAndSoIsItsEnd(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.dead.depth = 2

	require.NoError(t, w.Check(t.Context()))

	told := w.paper.taken()
	require.Len(t, told, 1)
	require.Equal(t, "dead-letters-updates", told[0].Key)
	require.Contains(t, told[0].Detail, "2 messages could not be handled")
	require.Contains(t, told[0].Detail, "ctl redrive updates")
	require.Equal(t, start(), told[0].At)
	require.False(t, told[0].Recovered)

	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken(), "it is no news")

	w.dead.depth = 0

	require.NoError(t, w.Check(t.Context()))

	told = w.paper.taken()
	require.Len(t, told, 1)
	require.True(t, told[0].Recovered)
}

func TestWebhooksThatDoNotWork(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		hook health.Webhook
		err  error
		want string
	}{
		"revoked":     {err: errs.New(errs.Unauthorized, "no"), want: "Was it revoked?"},
		"unreachable": {err: errs.New(errs.Unavailable, "timeout"), want: "Telegram does not answer: timeout"},
		"unset":       {want: "No webhook is set"},
		"jam": {
			hook: health.Webhook{URL: "https://x", Pending: 51, LastError: "503"},
			want: "51 updates wait at Telegram. Last error: 503",
		},
		"failing": {
			hook: health.Webhook{URL: "https://x", Pending: 1, LastError: "refused", FailedAt: start().Add(-time.Minute)},
			want: "Telegram cannot deliver updates: refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWard(t)
			w.set("demo", test.hook, test.err)
			require.NoError(t, w.Check(t.Context()))

			told := w.paper.taken()
			require.Len(t, told, 1, "the other store is well")
			require.Equal(t, "demo", told[0].Store)
			require.Equal(t, "webhook", told[0].Key)
			require.Contains(t, told[0].Detail, test.want)
		})
	}
}

func TestAnOldFailureIsNone(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.set("demo", health.Webhook{URL: "https://x", Pending: 1, LastError: "refused", FailedAt: start().Add(-time.Hour)}, nil)
	w.set("other", health.Webhook{URL: "https://x", LastError: "refused", FailedAt: start()}, nil)
	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken(), "it was long ago, or everything has come since")
}

// One thing that cannot be looked at keeps nothing else from being told.
func TestALookThatFailsKeepsTheRest(t *testing.T) {
	t.Parallel()

	broken := errors.New("no counting today")
	w := newWard(t)
	w.queue.err = broken
	w.dead.err = broken
	w.set("demo", health.Webhook{}, nil)

	require.ErrorIs(t, w.Check(t.Context()), broken)
	require.Len(t, w.paper.taken(), 1)
	require.NotContains(t, w.metrics.String(), "QueueDepth", "a number that nobody has counted")
}

// What could not be published is published at the next look.
func TestTroubleIsNotForgottenBeforeItIsTold(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.dead.depth, w.paper.err = 1, errors.New("the topic is down")
	require.ErrorIs(t, w.Check(t.Context()), w.paper.err)

	w.paper.err = nil

	require.NoError(t, w.Check(t.Context()))
	require.Len(t, w.paper.taken(), 1)
}

func TestNothingIsKnownWithoutTheTable(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, errs.Unavailable, errs.CodeOf(newWard(t).Check(ctx)))
}
