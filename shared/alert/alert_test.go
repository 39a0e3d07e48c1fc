package alert_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// desk is a desk with what its owners see.
type desk struct {
	*alert.Desk

	clock  *clock.Manual
	stores *store.Registry
	plan   *plan
	shown  map[message.Address]string
	sent   int
	fail   func(to message.Address) error
}

// plan fails the writes that follow, as often as said.
type plan struct{ writes int }

func (p *plan) Next(op string) fault.Kind {
	if op != tablememory.OpWrite || p.writes == 0 {
		return fault.Pass
	}

	p.writes--

	return fault.FailBefore
}

func (*plan) Wait(string) time.Duration { return 0 }

// newDesk makes a desk of stores, each with an owner.
func newDesk(t *testing.T, owners map[string]int64) *desk {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	d := &desk{clock: now, plan: &plan{}, shown: map[message.Address]string{}}
	state := tablememory.New(now, d.plan)
	d.stores = store.NewRegistry(state, now)

	for id, owner := range owners {
		require.NoError(t, d.stores.Save(t.Context(), store.Store{ID: id, Name: id, Owner: owner, TimeZone: "Asia/Jakarta"}))
	}

	d.Desk = alert.NewDesk(state, d.stores, d, texts{}, now)

	return d
}

func (d *desk) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	if d.fail != nil {
		if err := d.fail(to); err != nil {
			return 0, err
		}
	}

	d.sent++
	to.Message = d.sent
	d.shown[to] = text.HTML

	return d.sent, nil
}

func (d *desk) Edit(_ context.Context, to message.Address, text message.Text) error {
	if d.fail != nil {
		if err := d.fail(to); err != nil {
			return err
		}
	}

	if _, there := d.shown[to]; !there {
		return errs.New(errs.NotFound, "no message %d", to.Message)
	}

	d.shown[to] = text.HTML

	return nil
}

type texts struct{}

func (texts) Firing(of store.Store, a alert.Alert, since time.Time, count int) message.Text {
	return message.Text{HTML: fmt.Sprintf("[%s] %s since %s, %d times", of.Name, a.Title, since.Format("15:04:05"), count)}
}

func (texts) Recovered(of store.Store, a alert.Alert, since time.Time) message.Text {
	return message.Text{HTML: fmt.Sprintf("[%s] %s over after %s", of.Name, a.Title, a.At.Sub(since))}
}

// report tells the desk of a trouble, now.
func (d *desk) report(t *testing.T, of string, recovered bool) error {
	t.Helper()

	return d.at(t, of, recovered, d.clock.Now())
}

func (d *desk) at(t *testing.T, of string, recovered bool, at time.Time) error {
	t.Helper()

	note, err := alert.Alert{Store: of, Key: "qris", Title: "QRIS fails", At: at, Recovered: recovered}.Note()
	require.NoError(t, err)

	return d.Handle(t.Context(), note.Body) // it is what is tested
}

var (
	first  = message.Address{Store: "kopi", Chat: 1001, Message: 1}
	second = message.Address{Store: "kopi", Chat: 1001, Message: 2}
)

func TestAStormIsOneMessage(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001, "teh": 1002})

	for range 30 {
		require.NoError(t, d.report(t, "kopi", false))
		d.clock.Advance(time.Second)
	}

	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails since 07:00:00, 30 times"}, d.shown)

	require.NoError(t, d.report(t, "kopi", true))
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails over after 30s"}, d.shown)

	d.clock.Advance(time.Hour)
	require.NoError(t, d.report(t, "kopi", true), "over again")
	require.NoError(t, d.report(t, "kopi", false))
	assert.Equal(t, "[kopi] QRIS fails since 08:00:30, 1 times", d.shown[second], "a new trouble is a new message")
	assert.Equal(t, "[kopi] QRIS fails over after 30s", d.shown[first])
}

func TestRecoveryWithoutTroubleIsSilent(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001})
	require.NoError(t, d.report(t, "kopi", true))
	assert.Empty(t, d.shown)
}

// SNS delivers twice, late and in any order.
func TestReportsThatAreDoubledOrLate(t *testing.T) {
	t.Parallel()

	begun := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	over := begun.Add(time.Minute)

	d := newDesk(t, map[string]int64{"kopi": 1001})
	require.NoError(t, d.at(t, "kopi", false, begun))
	require.NoError(t, d.at(t, "kopi", false, begun))
	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 1 times", d.shown[first])
	require.NoError(t, d.at(t, "kopi", true, over))
	require.NoError(t, d.at(t, "kopi", false, begun), "late")
	require.NoError(t, d.at(t, "kopi", true, over))
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails over after 1m0s"}, d.shown)

	d = newDesk(t, map[string]int64{"kopi": 1001})
	require.NoError(t, d.at(t, "kopi", true, over))
	require.NoError(t, d.at(t, "kopi", false, begun), "overtaken: it is over")
	assert.Empty(t, d.shown)
	require.NoError(t, d.at(t, "kopi", false, over.Add(time.Minute)))
	assert.Len(t, d.shown, 1)
}

func TestPlatformAlertsReachEachOwnerOnce(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001, "roti": 1001, "teh": 1002, "gula": 0})
	require.NoError(t, d.report(t, "", false))
	d.clock.Advance(time.Second)
	require.NoError(t, d.report(t, "", false))

	chats := map[int64]string{}
	for to, html := range d.shown {
		chats[to.Chat] = html
	}

	assert.Len(t, d.shown, 2)
	assert.Equal(t, map[int64]string{
		1001: "[kopi] QRIS fails since 07:00:00, 2 times", 1002: "[teh] QRIS fails since 07:00:00, 2 times",
	}, chats)
}

func TestNobodyToTell(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 0})
	require.NoError(t, d.report(t, "kopi", false))
	require.NoError(t, d.report(t, "", false))
	assert.Empty(t, d.shown)
	assert.Equal(t, errs.NotFound, errs.CodeOf(d.report(t, "nobody", false)))
	assert.Equal(t, errs.Invalid, errs.CodeOf(d.report(t, "../kopi", false)))
}

func TestADeletedMessageIsSentAnew(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001})
	require.NoError(t, d.report(t, "kopi", false))
	delete(d.shown, first)
	d.clock.Advance(time.Second)
	require.NoError(t, d.report(t, "kopi", false))
	assert.Equal(t, map[message.Address]string{second: "[kopi] QRIS fails since 07:00:00, 2 times"}, d.shown)
}

// One owner who cannot be reached keeps nobody else from being told, and the
// second try tells nobody twice.
func TestOneFailureLeavesTheOthers(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001, "teh": 1002})
	down := errs.New(errs.Unavailable, "Telegram is down")
	d.fail = func(to message.Address) error {
		if to.Chat == 1001 {
			return down
		}

		return nil
	}

	require.ErrorIs(t, d.report(t, "", false), down)
	assert.Len(t, d.shown, 1)

	d.fail = nil
	require.NoError(t, d.report(t, "", false))
	assert.Len(t, d.shown, 2)

	for _, html := range d.shown {
		assert.Contains(t, html, "1 times")
	}
}

func TestAnOwnerWhoCannotBeReached(t *testing.T) {
	t.Parallel()

	for name, refusal := range map[string]error{
		"has blocked the bot": errs.New(errs.Unauthorized, "403: blocked"),
		"never pressed Start": errs.New(errs.NotFound, "400: chat not found"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDesk(t, map[string]int64{"kopi": 1001})
			d.fail = func(message.Address) error { return refusal }
			require.NoError(t, d.report(t, "kopi", false), "trying again would help nobody")

			d.fail = nil
			d.clock.Advance(time.Minute)
			require.NoError(t, d.report(t, "kopi", false))
			assert.Len(t, d.shown, 1, "heard from again")
		})
	}
}

// Told twice is better than not at all.
func TestACrashBehindTheMessage(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001})
	d.plan.writes = 1
	assert.Equal(t, errs.Unavailable, errs.CodeOf(d.report(t, "kopi", false)))
	require.NoError(t, d.report(t, "kopi", false))
	assert.Len(t, d.shown, 2)
	d.clock.Advance(time.Second)
	require.NoError(t, d.report(t, "kopi", true))
	assert.Equal(t, "[kopi] QRIS fails over after 1s", d.shown[second])
}

func TestCloudWatchSample(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../events/alert.json")
	require.NoError(t, err)

	var sample events.SNSEvent

	require.NoError(t, json.Unmarshal(text, &sample))
	require.NotEmpty(t, sample.Records)

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	parsed, err := alert.Parse([]byte(sample.Records[0].SNS.Message), now)
	require.NoError(t, err)
	assert.Equal(t, "lapak-downloads-dead", parsed.Key)
	assert.Equal(t, time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC), parsed.At)
	assert.False(t, parsed.Recovered)
	assert.Empty(t, parsed.Store)
	assert.Contains(t, parsed.Detail, "ctl redrive downloads")
	assert.Contains(t, parsed.Detail, "Threshold Crossed")
}

func TestParse(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

	for body, want := range map[string]alert.Alert{
		`{"AlarmName":"a","NewStateValue":"OK","StateChangeTime":"2026-11-21T14:00:00.000+0700"}`: {
			Key: "a", Title: "a", Detail: "\n", At: now.Add(-time.Hour), Recovered: true,
		},
		`{"AlarmName":"a","NewStateValue":"INSUFFICIENT_DATA","StateChangeTime":"soon"}`: {
			Key: "a", Title: "a", Detail: "\n", At: now, Recovered: true,
		},
		`{"AlarmName":"a","NewStateValue":"ALARM"}`: {Key: "a", Title: "a", Detail: "\n", At: now},
		`{"store":"kopi","key":"k","title":"t"}`:    {Store: "kopi", Key: "k", Title: "t", At: now},
	} {
		parsed, err := alert.Parse([]byte(body), now)
		require.NoError(t, err, body)
		assert.Equal(t, want, parsed, body)
	}

	for _, body := range []string{
		"", "null", "[]", "7", "{}", "text", `{"key":""}`, `{"key":5}`,
		`{"AlarmName":""}`, `{"key":"k","at":"x"}`,
	} {
		_, err := alert.Parse([]byte(body), now)
		assert.Equal(t, errs.Invalid, errs.CodeOf(err), body)
		assert.Equal(t, errs.Invalid, errs.CodeOf(newDesk(t, nil).Handle(t.Context(), []byte(body))), body)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"AlarmName":"a","NewStateValue":"ALARM","StateChangeTime":"2026-11-21T14:00:00.000+0700"}`))
	f.Add([]byte(`{"key":"k","at":"2026-11-21T14:00:00Z","recovered":true}`))
	f.Add([]byte(`{"KEY":"k"}`))

	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

	f.Fuzz(func(t *testing.T, body []byte) {
		parsed, err := alert.Parse(body, now)
		if err != nil {
			if errs.CodeOf(err) != errs.Invalid {
				t.Fatal(err)
			}

			return
		}

		if parsed.Key == "" || parsed.At.IsZero() {
			t.Fatalf("%q is %+v", body, parsed)
		}
	})
}

func TestWhileTheTableIsDown(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 1001})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	for _, of := range []string{"", "kopi"} {
		note, err := alert.Alert{Store: of, Key: "k"}.Note()
		require.NoError(t, err)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(d.Handle(ctx, note.Body)), of)
	}

	assert.Empty(t, d.shown)
}

func TestAlarmsAreToldInTheCatalogsWords(t *testing.T) {
	t.Parallel()

	told, err := alert.Parse([]byte(`{"AlarmName":"lapak-prod-transcriptions-depth","AlarmDescription":"Messages pile up.",
		"NewStateValue":"ALARM",
		"NewStateReason":"Threshold Crossed: 1 datapoint [51.4 (21/11/26 07:00:00)] was greater than the threshold (50.0)."}`),
		time.Now())
	require.NoError(t, err)
	assert.Equal(t, alert.Keys{
		Title: "trouble.depth_title", Detail: "trouble.depth", Advice: "trouble.depth_advice",
		Args: errs.Args{"Name": "lapak-prod-transcriptions", "Value": "51", "Limit": "50"},
	}, told.Keys)
	assert.Equal(t, alert.Warning, told.Severity)
	assert.Equal(t, "queue-growing", told.Runbook)

	told, err = alert.Parse([]byte(`{"AlarmName":"lapak-prod-bot-memory","NewStateValue":"OK","NewStateReason":"who knows"}`), time.Now())
	require.NoError(t, err)
	assert.Equal(t, errs.Args{"Name": "lapak-prod-bot", "Value": "?", "Limit": "?"}, told.Keys.Args)

	told, err = alert.Parse([]byte(`{"AlarmName":"the owner's own","AlarmDescription":"words","NewStateValue":"ALARM"}`), time.Now())
	require.NoError(t, err)
	assert.Empty(t, told.Keys)
	assert.Contains(t, told.Detail, "words")
}
