package health_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	blobs "github.com/lapak-id/lapak/shared/blob/memory"
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

// books are what AWS says.
type books struct {
	mu         sync.Mutex
	restorable time.Time
	limit      int
	parameters int
	values     map[health.Metric]float64
	asked      []health.Metric
	err        error
}

func (b *books) Restorable(context.Context) (time.Time, error) { return b.restorable, b.err }

func (b *books) Concurrency(context.Context) (int, error) { return b.limit, b.err }

func (b *books) Parameters(context.Context) (int, int, error) { return b.parameters, 10_000, b.err }

func (b *books) Metrics(_ context.Context, series []health.Metric) (map[health.Metric]float64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.asked = append(b.asked, series...)

	return b.values, b.err
}

// providers are one that hears, or does not.
type providers struct{ err error }

func (*providers) Names() []string { return []string{"groq"} }

func (p *providers) Probe(context.Context, string) error { return p.err }

// certificates are by host.
type certificates map[string]func() (time.Time, error)

func (c certificates) Expires(_ context.Context, address string) (time.Time, error) {
	if shown := c[address]; shown != nil {
		return shown()
	}

	return start().Add(90 * 24 * time.Hour), nil
}

// tills are how gateways do.
type tills map[string]health.Gateway

func (t tills) Condition(_ context.Context, of store.Store, gateway string) (health.Gateway, error) {
	return t[of.ID+" "+gateway], nil
}

// taken gives what was published since.
func (p *paper) taken() []alert.Alert {
	notes := p.notes
	p.notes = nil

	return notes
}

type ward struct {
	*health.Checker

	now     *clock.Manual
	cloud   *books
	speech  *providers
	certs   certificates
	tills   tills
	objects *blobs.Bucket
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
	limits, err := health.ParseThresholds("")
	require.NoError(t, err)

	stores := store.NewRegistry(state, now)

	for _, of := range []string{"demo", "other"} {
		require.NoError(t, stores.Save(t.Context(), store.Store{ID: of, TimeZone: store.DefaultTimeZone}))
	}

	w := &ward{
		now: now, bots: bots{}, queue: &waiting{depth: 3}, dead: &waiting{}, paper: &paper{},
		cloud: &books{restorable: start(), limit: 1000, values: map[health.Metric]float64{}}, speech: &providers{},
		certs: certificates{}, tills: tills{}, objects: blobs.New(now, fault.None{}),
	}
	w.set("demo", health.Webhook{URL: "https://x"}, nil)
	w.set("other", health.Webhook{URL: "https://x"}, nil)
	w.Checker = health.New(health.Options{
		State: state, Stores: stores, Bots: w.bots, Alerts: w.paper, Metrics: metric.New(&w.metrics, now), Clock: now,
		Queues: map[string]health.Queue{"app-updates.fifo": w.queue}, Dead: map[string]health.Queue{"app-updates-dead.fifo": w.dead},
		Scratch: memory.New(now, fault.None{}), Bucket: w.objects, Gateways: w.tills, Speech: w.speech, Certificates: w.certs,
		Cloud: w.cloud, Functions: []string{"app-bot"}, Namespace: "Lapak/test", Thresholds: limits,
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
	require.Equal(t, "app-updates-dead.fifo-not-empty", told[0].Key, "as the alarm that watches it: both are one trouble")
	require.Equal(t, alert.Warning, told[0].Severity)
	require.Equal(t, "queue-growing", told[0].Runbook)
	require.Contains(t, told[0].Detail, "2 messages could not be handled")
	require.Contains(t, told[0].Detail, "ctl dlq redrive updates")
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
		"unreachable": {err: errs.New(errs.Unavailable, "timeout"), want: "Telegram does not answer: ask Telegram"},
		"unset":       {want: "No webhook is set"},
		"jam": {
			hook: health.Webhook{URL: "https://x", Pending: 51, LastError: "503"},
			want: "51 updates wait at Telegram. Last error: 503",
		},
		"busy": {
			hook: health.Webhook{
				URL: "https://x", Pending: 51, LastError: "Wrong response from the webhook: 429 Too Many Requests", FailedAt: start(),
			},
			want: "51 updates wait at Telegram: the store is over its share",
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

			if name == "unreachable" {
				require.Empty(t, w.paper.taken(), "one call that fails says little")
				require.NoError(t, w.Check(t.Context()))
			}

			told := w.paper.taken()
			require.Len(t, told, 1, "the other store is well")
			require.Equal(t, "demo", told[0].Store)
			require.Equal(t, "webhook", told[0].Key)
			require.Contains(t, told[0].Detail, test.want)
		})
	}
}

// What is over a store's share is kept by Telegram on purpose.
func TestABusyStoreIsNoTrouble(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.set("demo", health.Webhook{
		URL: "https://x", Pending: 5, LastError: "Wrong response from the webhook: 429 Too Many Requests", FailedAt: start(),
	}, nil)
	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken())
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

	require.NoError(t, w.Check(t.Context()))
	require.Len(t, w.paper.taken(), 1, "not to know is no trouble, but it is shown")
	require.Equal(t, health.Unknown, w.result(t, "", "queue-depth").State)
	require.Contains(t, w.result(t, "", "queue-depth").Detail, "no counting today")
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

// result gives what is known of a check.
func (w *ward) result(t *testing.T, of, name string) health.Result {
	t.Helper()

	status, err := health.NewService(w.State, w.now).Status(t.Context(), of)
	require.NoError(t, err)

	for _, result := range append(status.Store, status.Platform...) {
		if result.Name == name {
			return result
		}
	}

	t.Fatalf("nothing is known of %s %s", of, name)

	return health.Result{}
}

// turning is a failover that has decided.
type turning struct {
	mode    store.Mode
	polling bool
	since   time.Duration
	failing bool // as it was told
	err     error
}

func (f *turning) Look(_ context.Context, of store.Store, hook health.Webhook, failing bool) (store.Store, error) {
	f.failing = failing
	of.Polling, of.TurnedAt = f.polling, start().Add(-f.since)

	if of.Hook == "" {
		of.Hook = hook.URL
	}

	return of, f.err
}

func (f *turning) ModeOf(store.Store) store.Mode { return f.mode }

// A webhook that fails is told by what was decided of it: once for the turn to
// polling, once for the turn back, and nothing in between.
func TestFailoverIsToldTwice(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	decided := &turning{mode: store.Auto}
	w.Failover = decided
	failing := health.Webhook{URL: "https://x", Pending: 70, LastError: "Connection refused", FailedAt: start()}

	w.set("demo", failing, nil)
	require.NoError(t, w.CheckNow(t.Context(), "demo"))
	require.True(t, decided.failing)
	require.Empty(t, w.paper.taken(), "it is not decided yet")

	decided.polling = true
	require.NoError(t, w.CheckNow(t.Context(), "demo"))

	told := w.paper.taken()
	require.Len(t, told, 1)
	require.Equal(t, "trouble.polling", told[0].Keys.Detail)
	require.Equal(t, alert.Warning, told[0].Severity)

	w.set("demo", health.Webhook{}, nil)
	require.NoError(t, w.CheckNow(t.Context(), "demo"))
	require.Empty(t, w.paper.taken())

	decided.polling = false
	w.set("demo", health.Webhook{URL: "https://x"}, nil)
	require.NoError(t, w.CheckNow(t.Context(), "demo"))

	told = w.paper.taken()
	require.Len(t, told, 1)
	require.True(t, told[0].Recovered)
}

func TestModesOfUpdates(t *testing.T) {
	t.Parallel()

	failing := health.Webhook{URL: "https://x", Pending: 3, FailedAt: start()}

	for name, c := range map[string]struct {
		decided turning
		hook    health.Webhook
		key     string
	}{
		"polling as was asked": {turning{mode: store.Polling, polling: true}, health.Webhook{}, ""},
		"fetched, but not really": {
			turning{mode: store.Polling, polling: true, since: time.Hour}, health.Webhook{Pending: 51}, "trouble.unfetched",
		},
		"fetched since a moment": {turning{mode: store.Polling, polling: true}, health.Webhook{Pending: 51}, ""},
		"failed over, and not fetched": {
			turning{mode: store.Auto, polling: true, since: time.Hour}, health.Webhook{Pending: 51}, "trouble.unfetched",
		},
		"webhook, whatever it costs":  {turning{mode: store.Webhook}, failing, "trouble.failing"},
		"no webhook, and none before": {turning{mode: store.Auto}, health.Webhook{}, "trouble.unset"},
		"over its share": {
			turning{mode: store.Auto}, health.Webhook{
				URL: "https://x", Pending: 51, LastError: "Wrong response from the webhook: 429 Too Many Requests", FailedAt: start(),
			}, "trouble.held",
		},
		"over its share for a moment": {
			turning{mode: store.Webhook}, health.Webhook{
				URL: "https://x", Pending: 3, LastError: "Wrong response from the webhook: 429 Too Many Requests", FailedAt: start(),
			}, "",
		},
		"decided nothing, for an error": {turning{mode: store.Auto, err: errors.New("no table")}, failing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWard(t)
			w.Failover = &c.decided
			w.set("demo", c.hook, nil)
			require.NoError(t, w.CheckNow(t.Context(), "demo"))
			require.Equal(t, c.hook.LastError == "" && c.hook.Pending > 0, c.decided.failing, "what may be mended by fetching")

			told := w.paper.taken()
			if c.key == "" {
				require.Empty(t, told)

				return
			}

			require.Len(t, told, 1)
			require.Equal(t, c.key, told[0].Keys.Detail)
		})
	}
}

// A setting that is empty is not read at all: the thresholds are the defaults
// then, not zeros by which everything is a trouble.
func TestWithoutThresholdsTheDefaultsCount(t *testing.T) {
	t.Parallel()

	checker := health.New(health.Options{})
	require.Equal(t, health.DefaultThresholds(), checker.Thresholds)
}
