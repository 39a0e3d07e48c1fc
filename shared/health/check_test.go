package health_test

import (
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/store"
)

const day = 24 * time.Hour

// Each check finds its trouble, says how bad it is and which page helps, and
// tells its end.
func TestEveryTroubleIsFoundAndItsEnd(t *testing.T) {
	t.Parallel()

	minutes := func(count int) time.Time { return start().Add(-time.Duration(count) * time.Minute) }

	for name, test := range map[string]struct {
		broken   func(w *ward)
		mend     func(w *ward)
		check    string
		key      string
		severity alert.Severity
		runbook  string
		detail   string
		looks    int // until it counts; 0: one
	}{
		"backups are off": {
			broken: func(w *ward) { w.cloud.restorable = time.Time{} }, mend: func(w *ward) { w.cloud.restorable = start() },
			check: "backup", key: "backup", severity: alert.Critical, runbook: "region-lost", detail: "check.backup_off",
		},
		"backups have stopped": {
			broken: func(w *ward) { w.cloud.restorable = minutes(61) }, mend: func(w *ward) { w.cloud.restorable = start() },
			check: "backup", key: "backup", severity: alert.Critical, runbook: "region-lost", detail: "check.backup",
		},
		"parameters run out": {
			broken: func(w *ward) { w.cloud.parameters = 8_100 }, mend: func(w *ward) { w.cloud.parameters = 8_000 },
			check: "parameters", key: "parameters", severity: alert.Warning, runbook: "quota-near", detail: "check.parameters",
		},
		"concurrency runs out": {
			broken: func(w *ward) { w.cloud.set("ConcurrentExecutions", 900) },
			mend:   func(w *ward) { w.cloud.set("ConcurrentExecutions", 10) },
			check:  "concurrency", key: "concurrency", severity: alert.Warning, runbook: "quota-near", detail: "check.concurrency",
		},
		"memory runs out": {
			broken: func(w *ward) { w.cloud.set("MemoryUsedPercent", 90) }, mend: func(w *ward) { w.cloud.set("MemoryUsedPercent", 50) },
			check: "memory", key: "app-bot-memory", severity: alert.Warning, runbook: "function-failing", detail: "check.memory",
		},
		"a log grows": {
			broken: func(w *ward) { w.cloud.set("IncomingBytes", 600<<20) }, mend: func(w *ward) { w.cloud.set("IncomingBytes", 1) },
			check: "log", key: "log-app-bot", severity: alert.Warning, runbook: "function-failing", detail: "check.log",
		},
		"a queue is late": {
			broken: func(w *ward) { w.cloud.set("ApproximateAgeOfOldestMessage", 121) },
			mend:   func(w *ward) { w.cloud.set("ApproximateAgeOfOldestMessage", 1) },
			check:  "queue-age", key: "app-updates.fifo-age", severity: alert.Warning, runbook: "queue-growing", detail: "check.age",
		},
		"a queue grows": {
			broken: func(w *ward) { w.queue.depth = 51 }, mend: func(w *ward) { w.queue.depth = 0 }, looks: 2,
			check: "queue-depth", key: "app-updates.fifo-depth", severity: alert.Warning, runbook: "queue-growing", detail: "check.depth",
		},
		"a provider is silent": {
			broken: func(w *ward) { w.speech.err = errs.New(errs.Unavailable, "503") }, mend: func(w *ward) { w.speech.err = nil },
			looks: 2,
			check: "speech", key: "speech-groq", severity: alert.Warning, runbook: "provider-down", detail: "check.speech",
		},
		"a provider refuses the key": {
			broken: func(w *ward) { w.speech.err = errs.New(errs.Unauthorized, "401") }, mend: func(w *ward) { w.speech.err = nil },
			check: "speech", key: "speech-groq", severity: alert.Critical, runbook: "provider-down", detail: "check.speech_refused",
		},
		"a certificate runs out": {
			broken: func(w *ward) { w.shows(13*day, nil) }, mend: func(w *ward) { w.shows(90*day, nil) },
			check: "certificate", key: "certificate-shop.example:443", severity: alert.Warning, runbook: "webhook-down",
			detail: "check.certificate",
		},
		"a certificate is about to end": {
			broken: func(w *ward) { w.shows(2*day, nil) }, mend: func(w *ward) { w.shows(90*day, nil) },
			check: "certificate", key: "certificate-shop.example:443", severity: alert.Critical, runbook: "webhook-down",
			detail: "check.certificate",
		},
		"a certificate is bad": {
			broken: func(w *ward) { w.shows(0, errs.New(errs.Invalid, "expired")) }, mend: func(w *ward) { w.shows(90*day, nil) },
			check: "certificate", key: "certificate-shop.example:443", severity: alert.Critical, runbook: "webhook-down",
			detail: "check.certificate_bad",
		},
		"a host is away": {
			broken: func(w *ward) { w.shows(0, errs.New(errs.Unavailable, "refused")) }, mend: func(w *ward) { w.shows(90*day, nil) },
			looks: 2, check: "certificate", key: "certificate-shop.example:443", severity: alert.Warning, runbook: "webhook-down",
			detail: "check.unreachable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWard(t)
			w.set("demo", health.Webhook{URL: "https://shop.example/telegram/demo"}, nil)
			require.NoError(t, w.Check(t.Context()))
			require.Empty(t, w.paper.taken(), "all was well")

			test.broken(w)

			for look := 1; look < test.looks; look++ {
				w.now.Advance(time.Second)
				require.NoError(t, w.CheckNow(t.Context(), "demo"))
				require.Empty(t, w.paper.taken(), "one look says little")
			}

			w.now.Advance(time.Second)
			require.NoError(t, w.CheckNow(t.Context(), "demo"))

			told := w.paper.taken()
			require.Len(t, told, 1)
			require.Equal(t, test.key, told[0].Key)
			require.Equal(t, test.severity, told[0].Severity)
			require.Equal(t, test.runbook, told[0].Runbook)
			require.Equal(t, test.detail, told[0].Keys.Detail)
			require.NotEmpty(t, told[0].Keys.Title)
			require.NotEmpty(t, told[0].Keys.Advice)
			require.NotEmpty(t, told[0].Detail)

			began := w.result(t, "demo", test.check)
			require.True(t, began.State.Trouble())

			w.now.Advance(time.Minute)
			require.NoError(t, w.CheckNow(t.Context(), "demo"))
			require.Empty(t, w.paper.taken(), "it is no news")
			require.Equal(t, began.Since, w.result(t, "demo", test.check).Since)

			test.mend(w)
			w.cloud.restorable = w.now.Now()
			require.NoError(t, w.CheckNow(t.Context(), "demo"))

			told = w.paper.taken()
			require.Len(t, told, 1)
			require.Equal(t, test.key, told[0].Key)
			require.True(t, told[0].Recovered)
			require.Equal(t, health.OK, w.result(t, "demo", test.check).State)
		})
	}
}

// set makes CloudWatch say something of every series of a name.
func (b *books) set(name string, value float64) {
	b.mu.Lock()
	defer b.mu.Unlock()

	for _, one := range b.asked {
		if one.Name == name {
			b.values[one] = value
		}
	}
}

// shows makes the host of demo's webhook show a certificate.
func (w *ward) shows(goodFor time.Duration, err error) {
	w.certs["shop.example:443"] = func() (time.Time, error) { return start().Add(goodFor), err }
}

// What CloudWatch does not count is no trouble, and what it counts is asked for
// no more often than it is worth.
func TestMetricsAreAskedForSparingly(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	require.NoError(t, w.Check(t.Context()))
	require.Equal(t, health.Unknown, w.result(t, "", "memory").State)
	require.Empty(t, w.paper.taken())

	w.cloud.asked = nil

	for range 12 { // an hour
		w.now.Advance(5 * time.Minute)
		w.cloud.restorable = w.now.Now()
		require.NoError(t, w.Check(t.Context()))
	}

	count := map[string]int{}
	for _, one := range w.cloud.asked {
		count[one.Name]++
	}

	require.Equal(t, map[string]int{
		"MemoryUsedPercent": 4, "ConcurrentExecutions": 4, "ApproximateAgeOfOldestMessage": 4, "IncomingBytes": 1,
	}, count)
}

// What was told is not over because nobody could look.
func TestNotToKnowIsNoRecovery(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.dead.depth = 1
	require.NoError(t, w.Check(t.Context()))
	require.Len(t, w.paper.taken(), 1)

	w.dead.err = errs.New(errs.Unavailable, "no answer")
	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken())
	require.Equal(t, health.Unknown, w.result(t, "", "dead-letters").State)

	w.dead.err = nil

	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken(), "it was told")

	w.dead.depth = 0

	require.NoError(t, w.Check(t.Context()))
	require.Len(t, w.paper.taken(), 1)
}

// A gateway's trouble is told by whoever meets it; here it is shown.
func TestAGatewaysTroubleIsShownNotTold(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	_, err := w.Stores.Change(t.Context(), "demo", func(of *store.Store) {
		of.Shop.Gateways = []store.Account{{Gateway: "stars"}, {Gateway: "pakasir"}}
	})
	require.NoError(t, err)

	w.tills["demo pakasir"] = health.Gateway{Failures: 3, Since: start(), Down: true}

	require.NoError(t, w.Check(t.Context()))
	require.Empty(t, w.paper.taken())
	require.Equal(t, health.Critical, w.result(t, "demo", "gateway").State)
	require.Equal(t, "pakasir", w.result(t, "demo", "gateway").Of)
}

// A check that hangs, or is broken, keeps no other from being looked at.
func TestAHangingCheckKeepsNobody(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release) // the bubble sees to it that nothing is left then

		w := newWard(t)
		w.dead.depth = 1
		w.set("demo", health.Webhook{URL: "https://shop.example/telegram/demo"}, nil)
		w.set("other", health.Webhook{URL: "https://other.example/telegram/other"}, nil)
		w.certs["shop.example:443"] = func() (time.Time, error) { panic("a defect") }
		w.certs["other.example:443"] = func() (time.Time, error) {
			<-release // it heeds no context

			return time.Time{}, nil
		}

		began := time.Now()

		for range 2 {
			require.NoError(t, w.Check(t.Context()))
		}

		require.LessOrEqual(t, time.Since(began), time.Minute, "the function has a minute for one look")
		require.Equal(t, health.OK, w.result(t, "demo", "webhook").State)

		keys := map[string]bool{}
		for _, told := range w.paper.taken() {
			keys[told.Key] = true
		}

		require.Equal(t, map[string]bool{
			"app-updates-dead.fifo-not-empty": true, "certificate-shop.example:443": true, "certificate-other.example:443": true,
		}, keys)
	})
}

// What is not looked at any more is over, and the results of a store that is
// gone are forgotten.
func TestWhatIsGoneIsForgotten(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.set("demo", health.Webhook{URL: "https://shop.example/telegram/demo"}, nil)
	w.shows(time.Hour, nil)
	w.set("other", health.Webhook{}, nil)
	require.NoError(t, w.Check(t.Context()))
	require.Len(t, w.paper.taken(), 2)

	w.set("demo", health.Webhook{URL: "https://new.example/telegram/demo"}, nil)
	require.NoError(t, w.Stores.Remove(t.Context(), "other"))
	require.NoError(t, w.Check(t.Context()))

	told := w.paper.taken()
	require.Len(t, told, 1, "of the store that is gone nobody wants to hear")
	require.Equal(t, "certificate-shop.example:443", told[0].Key)
	require.True(t, told[0].Recovered)

	status, err := health.NewService(w.State, w.now).Status(t.Context(), "other")
	require.NoError(t, err)
	require.Empty(t, status.Store)
}

// A certificate is watched also while Telegram does not say where its webhook is.
func TestACertificateIsWatchedWhileTelegramIsSilent(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	w.set("demo", health.Webhook{URL: "https://shop.example/telegram/demo"}, nil)
	require.NoError(t, w.Check(t.Context()))

	w.set("demo", health.Webhook{}, errs.New(errs.Unavailable, "timeout"))
	w.shows(time.Hour, nil)
	require.NoError(t, w.Check(t.Context()))
	require.Equal(t, health.Critical, w.result(t, "", "certificate").State)
}

func TestThresholds(t *testing.T) {
	t.Parallel()

	set, err := health.ParseThresholds("webhook-pending=100, queue-age-seconds-payments=60\nlatency-ms=0.5")
	require.NoError(t, err)
	require.InDelta(t, 100, set["webhook-pending"], 0)
	require.InDelta(t, 60, set["queue-age-seconds-payments"], 0)
	require.InDelta(t, 0.5, set["latency-ms"], 0)
	require.InDelta(t, 14, set["certificate-days"], 0, "what is not given is as it was")

	for text, want := range map[string]string{
		"pending=1": "there is no \"pending\"; use backup-age-minutes", "webhook-pending": "is not name=value",
		"webhook-pending=-1": "is no number from 0 on", "webhook-pending=NaN": "is no number from 0 on",
		"webhook-pending=x": "is no number from 0 on", "latency-ms=1 latency-ms=2": "is given twice",
	} {
		_, err := health.ParseThresholds(text)
		require.Equal(t, errs.Invalid, errs.CodeOf(err), text)
		require.ErrorContains(t, err, want)
	}

	var setting health.Thresholds
	require.NoError(t, setting.UnmarshalText(nil))
	require.Equal(t, health.DefaultThresholds(), setting)
	require.Error(t, setting.UnmarshalText([]byte("x")))
}

func FuzzThresholds(f *testing.F) {
	f.Add("webhook-pending=100,latency-ms=5")
	f.Add("=,=")
	f.Fuzz(func(t *testing.T, text string) {
		set, err := health.ParseThresholds(text)
		if err != nil {
			return
		}

		for name, value := range set {
			if value < 0 || math.IsNaN(value) {
				t.Errorf("%q gives %s=%f", text, name, value)
			}
		}

		if len(set) < len(health.DefaultThresholds()) {
			t.Errorf("%q forgets defaults", text)
		}
	})
}

// Whatever a queue does, what was told last is what is so: a trouble is told
// once when it begins and once when it ends.
func TestTroubleAndItsEndAlternate(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(r *rapid.T) {
		w := newWard(t)
		open := false

		for look := range rapid.IntRange(1, 12).Draw(r, "looks") {
			w.now.Advance(5 * time.Minute)
			w.cloud.restorable = w.now.Now()
			w.queue.depth = rapid.SampledFrom([]int{0, 60}).Draw(r, fmt.Sprint("depth ", look))
			w.queue.err = rapid.SampledFrom([]error{nil, nil, errs.New(errs.Unavailable, "no")}).Draw(r, fmt.Sprint("error ", look))

			if err := w.Check(t.Context()); err != nil {
				r.Fatal(err)
			}

			for _, told := range w.paper.taken() {
				if told.Recovered == !open {
					r.Fatalf("look %d: told recovered=%v while open=%v", look, told.Recovered, open)
				}

				open = !told.Recovered
			}
		}

		w.queue.depth, w.queue.err = 0, nil

		if err := w.Check(t.Context()); err != nil {
			r.Fatal(err)
		}

		for _, told := range w.paper.taken() {
			open = !told.Recovered
		}

		if open {
			r.Fatal("the end was not told")
		}
	})
}
