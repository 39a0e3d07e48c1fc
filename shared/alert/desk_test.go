package alert_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	dewi     = 1001 // owns kopi
	operator = 2002
)

// desk is a desk with what its owners see.
type desk struct {
	*alert.Desk

	t      *testing.T
	clock  *clock.Manual
	state  *meddled
	stores *store.Registry
	users  *user.Repository

	mu     sync.Mutex
	shown  map[message.Address]string
	sent   int
	edited int
	fail   func(to message.Address) error
	press  map[string]string // the buttons of what was shown last, by their action
}

// meddled is a table that fails or is changed by others where a test says so.
type meddled struct {
	*tablememory.Table

	mu     sync.Mutex
	before func(ops []table.Op) error // each write
}

func (m *meddled) Write(ctx context.Context, ops ...table.Op) error {
	m.mu.Lock()
	before := m.before
	m.mu.Unlock()

	if before != nil {
		if err := before(ops); err != nil {
			return err
		}
	}

	return m.Table.Write(ctx, ops...)
}

func (m *meddled) meddle(before func(ops []table.Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.before = before
}

// newDesk makes a desk of stores, each with an owner.
func newDesk(t *testing.T, owners map[string]int64) *desk {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	d := &desk{
		t: t, clock: now, state: &meddled{Table: tablememory.New(now, fault.None{})},
		shown: map[message.Address]string{}, press: map[string]string{},
	}
	d.stores, d.users = store.NewRegistry(d.state, now), user.NewRepository(d.state, now)

	for id, owner := range owners {
		require.NoError(t, d.stores.Save(t.Context(), store.Store{ID: id, Name: id, Owner: owner, TimeZone: "Asia/Jakarta"}))
	}

	d.Desk = d.another()

	return d
}

// another gives a desk of another process.
func (d *desk) another() *alert.Desk {
	return alert.NewDesk(alert.Options{
		State: d.state, Stores: store.NewRegistry(d.state, d.clock), Users: d.users, Messenger: d, Texts: d, Clock: d.clock,
		Runbooks: "https://example.com/runbooks/",
	})
}

// withOffice sets the owner's own bot up; some have pressed Start there.
func (d *desk) withOffice(started ...int64) *desk {
	d.t.Helper()
	require.NoError(d.t, d.stores.Save(d.t.Context(), store.Store{
		ID: store.OwnerBot, Name: "Lapak", Owner: operator, Office: true, TimeZone: "Asia/Jakarta",
	}))

	for _, person := range started {
		_, err := d.users.Meet(d.t.Context(), store.OwnerBot, user.Person{ID: person}, "en")
		require.NoError(d.t, err)
	}

	return d
}

func (d *desk) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.fail != nil {
		if err := d.fail(to); err != nil {
			return 0, err
		}
	}

	d.sent++
	to.Message = d.sent
	d.show(to, text)

	return d.sent, nil
}

func (d *desk) Edit(_ context.Context, to message.Address, text message.Text) error {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.fail != nil {
		if err := d.fail(to); err != nil {
			return err
		}
	}

	if _, there := d.shown[to]; !there {
		return errs.New(errs.NotFound, "no message %d", to.Message)
	}

	d.edited++
	d.show(to, text)

	return nil
}

func (d *desk) show(to message.Address, text message.Text) {
	d.shown[to] = text.HTML

	for _, button := range slices.Concat(text.Buttons...) {
		d.press[button.Text] = button.Data
	}
}

// Trouble and Storm are the texts of the desk, short enough to compare.
func (d *desk) Trouble(language string, of alert.Trouble, now time.Time) message.Text {
	text := fmt.Sprintf("[%s] %s since %s, %d times", of.Name, of.Alert.Title, of.Since.Format("15:04:05"), of.Count)
	if of.Over {
		text = fmt.Sprintf("[%s] %s over after %s", of.Name, of.Alert.Title, of.Last.Sub(of.Since))
	}

	if of.AckedBy != "" {
		text += ", known to " + of.AckedBy
	}

	if of.Silent(now) {
		text += ", muted"
	}

	if language != "" {
		text += " in " + language
	}

	return message.Text{HTML: text, Buttons: d.buttons(of.Button)}
}

func (d *desk) buttons(of func(alert.Action) string) [][]message.Button {
	var row []message.Button
	for _, action := range []alert.Action{alert.Acknowledge, alert.Mute, alert.Unmute} {
		row = append(row, message.Button{Text: string(action), Data: of(action)})
	}

	return [][]message.Button{row}
}

func (d *desk) Storm(_ string, of alert.Storm, _ time.Time) message.Text {
	var lines []string

	for _, one := range of.Troubles {
		line := fmt.Sprintf("%s/%s %d", one.Store, one.Alert.Key, one.Count)
		if one.Over {
			line += " over"
		}

		if one.AckedBy != "" {
			line += " known"
		}

		lines = append(lines, line)
	}

	return message.Text{
		HTML:    fmt.Sprintf("storm of %d, %s: %s", len(lines), of.Severity(), strings.Join(lines, "; ")),
		Buttons: d.buttons(of.Button),
	}
}

// report tells the desk of a trouble, now.
func (d *desk) report(of string, recovered bool) error {
	return d.at(of, recovered, d.clock.Now())
}

func (d *desk) at(of string, recovered bool, at time.Time) error {
	return d.reportOf(d.Desk, alert.Alert{Store: of, Key: "qris", Title: "QRIS fails", At: at, Recovered: recovered})
}

func (d *desk) reportOf(by *alert.Desk, reported alert.Alert) error {
	note, err := reported.Note()
	require.NoError(d.t, err)

	return by.Handle(d.t.Context(), note.Body) // it is what is tested
}

// pass lets time go by, and the schedule run.
func (d *desk) pass(took time.Duration) {
	d.t.Helper()
	d.clock.Advance(took)
	require.NoError(d.t, d.Flush(d.t.Context()))
}

// texts gives what is shown, by its text.
func (d *desk) texts() []string { return slices.Sorted(maps.Values(d.shown)) }

var (
	first  = message.Address{Store: "kopi", Chat: dewi, Message: 1}
	second = message.Address{Store: "kopi", Chat: dewi, Message: 2}
)

func TestOneTroubleIsOneMessage(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002})

	for range 30 {
		require.NoError(t, d.report("kopi", false))
		d.clock.Advance(time.Second)
	}

	d.pass(editWait)
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails since 07:00:00, 30 times"}, d.shown)
	assert.LessOrEqual(t, d.edited, 4, "the count is not edited each time")

	require.NoError(t, d.at("kopi", true, time.Date(2026, 11, 21, 7, 0, 30, 0, time.UTC)))
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails over after 30s"}, d.shown, "at once")

	d.clock.Advance(time.Hour)
	require.NoError(t, d.report("kopi", true), "over again")
	require.NoError(t, d.report("kopi", true), "and again")
	d.clock.Advance(time.Second)
	require.NoError(t, d.report("kopi", false))
	assert.Contains(t, d.shown[second], ", 1 times", "a new trouble is a new message, counted anew")
	assert.Equal(t, "[kopi] QRIS fails over after 30s", d.shown[first])
}

// editWait is more than a count waits to be shown.
const editWait = 11 * time.Second

// Many processes report the same trouble at once, a thousand times: all is
// counted, nothing told twice, and the chat is left in peace.
func TestAFloodOfReportsIsCounted(t *testing.T) {
	t.Parallel()

	const (
		processes = 8
		each      = 125
	)

	d := newDesk(t, map[string]int64{"kopi": dewi})
	began := d.clock.Now()

	var all sync.WaitGroup
	for process := range processes {
		by := d.another()

		all.Go(func() {
			for at := range each {
				reported := alert.Alert{
					Store: "kopi", Key: "qris", Title: "QRIS fails",
					At: began.Add(time.Duration(at*processes+process) * time.Millisecond),
				}

				err := d.reportOf(by, reported)
				for errs.Retryable(err) { // as Lambda does
					err = d.reportOf(by, reported)
				}

				assert.NoError(t, err)
			}
		})
	}

	all.Wait()
	d.pass(editWait)
	assert.Equal(t, 1, d.sent)
	assert.LessOrEqual(t, d.edited, 2)
	require.Len(t, d.shown, 1)
	assert.Contains(t, d.shown[first], ", 1000 times")
	t.Logf("1,000 reports by %d processes: %d message, %d edits", processes, d.sent, d.edited)
}

func TestRecoveryWithoutTroubleIsSilent(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.report("kopi", true))
	d.pass(time.Minute)
	assert.Empty(t, d.shown)
}

// SNS delivers twice, late and in any order.
func TestReportsThatAreDoubledOrLate(t *testing.T) {
	t.Parallel()

	begun := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	over := begun.Add(time.Minute)

	d := newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.at("kopi", false, begun))
	require.NoError(t, d.at("kopi", false, begun))
	d.pass(editWait)
	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 1 times", d.shown[first])
	require.NoError(t, d.at("kopi", true, over))
	require.NoError(t, d.at("kopi", false, begun), "late")
	require.NoError(t, d.at("kopi", true, over))
	d.pass(editWait)
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails over after 1m0s"}, d.shown)

	d = newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.at("kopi", true, over))
	require.NoError(t, d.at("kopi", false, begun), "overtaken: it is over")
	assert.Empty(t, d.shown)
	require.NoError(t, d.at("kopi", false, over.Add(time.Minute)))
	assert.Len(t, d.shown, 1)

	d = newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.at("kopi", false, over))
	require.NoError(t, d.at("kopi", false, begun), "the second report came first")
	d.clock.Advance(time.Second)
	require.NoError(t, d.at("kopi", false, over.Add(time.Second)))
	d.pass(editWait)
	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 3 times", d.shown[first])
}

func TestPlatformAlertsReachEachOwnerOnceWhereThereIsNoOperator(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi, "roti": dewi, "teh": 1002, "gula": 0})
	require.NoError(t, d.report("", false))
	d.clock.Advance(time.Second)
	require.NoError(t, d.report("", false))
	d.pass(editWait)

	chats := map[int64]string{}
	for to, html := range d.shown {
		chats[to.Chat] = html
	}

	assert.Len(t, d.shown, 2)
	assert.Equal(t, map[int64]string{
		dewi: "[kopi] QRIS fails since 07:00:00, 2 times", 1002: "[teh] QRIS fails since 07:00:00, 2 times",
	}, chats)
}

// The owner's own bot is taken where it is set up and was started, and the
// operator alone hears of the platform.
func TestTheOwnersBotIsPreferred(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002}).withOffice(dewi)
	require.NoError(t, d.report("kopi", false))
	require.NoError(t, d.report("teh", false))
	assert.Equal(t, map[message.Address]string{
		{Store: store.OwnerBot, Chat: dewi, Message: 1}: "[kopi] QRIS fails since 07:00:00, 1 times in en",
		{Store: "teh", Chat: 1002, Message: 2}:          "[teh] QRIS fails since 07:00:00, 1 times",
	}, d.shown, "who never pressed Start there hears of it by the shop's bot")

	d = newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002}).withOffice(dewi)
	require.NoError(t, d.report("", false))
	assert.Len(t, d.shown, 2, "the operator has not pressed Start: all owners hear of the platform, as without the bot")

	d = newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002, "gula": 0}).withOffice(dewi, operator)
	require.NoError(t, d.report("", false))
	require.NoError(t, d.report("gula", false))
	assert.Equal(t, map[message.Address]string{
		{Store: store.OwnerBot, Chat: operator, Message: 1}: "[Lapak] QRIS fails since 07:00:00, 1 times in en",
		{Store: store.OwnerBot, Chat: operator, Message: 2}: "[gula] QRIS fails since 07:00:00, 1 times in en",
	}, d.shown, "of a store that nobody owns too")
}

// An owner's own bot that is blocked, or whose token is gone, keeps no alert.
func TestTheShopsBotStandsInForTheOwners(t *testing.T) {
	t.Parallel()

	for name, refusal := range map[string]error{
		"it is blocked":     errs.New(errs.Unauthorized, "403: blocked"),
		"its token is gone": errs.New(errs.Internal, "the vault has no token"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDesk(t, map[string]int64{"kopi": dewi}).withOffice(dewi)
			d.fail = func(to message.Address) error {
				if to.Store == store.OwnerBot {
					return refusal
				}

				return nil
			}

			require.NoError(t, d.report("kopi", false))
			assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails since 07:00:00, 1 times"}, d.shown)

			d.clock.Advance(time.Minute)
			require.NoError(t, d.report("kopi", true))
			assert.Equal(t, "[kopi] QRIS fails over after 1m0s", d.shown[first], "the bot that has told it edits it")
		})
	}
}

// What an owner's own bot has told that was removed meanwhile goes on in the shop's.
func TestAnOwnersBotIsRemoved(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi}).withOffice(dewi)
	require.NoError(t, d.report("kopi", false))
	require.Contains(t, d.shown, message.Address{Store: store.OwnerBot, Chat: dewi, Message: 1})

	d.fail = func(to message.Address) error {
		if to.Store == store.OwnerBot {
			return errs.New(errs.Internal, "the vault has no token")
		}

		return nil
	}

	d.clock.Advance(time.Minute)
	require.NoError(t, d.report("kopi", true))
	assert.Equal(t, "[kopi] QRIS fails over after 1m0s", d.shown[second])
}

func TestNobodyToTell(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": 0})
	require.NoError(t, d.report("kopi", false))
	require.NoError(t, d.report("", false))
	assert.Empty(t, d.shown)
	assert.Equal(t, errs.NotFound, errs.CodeOf(d.report("nobody", false)))
	assert.Equal(t, errs.Invalid, errs.CodeOf(d.report("../kopi", false)))
}

func TestADeletedMessageIsSentAnew(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.report("kopi", false))
	delete(d.shown, first)
	d.clock.Advance(time.Second)
	require.NoError(t, d.report("kopi", false))
	d.pass(editWait)
	assert.Equal(t, map[message.Address]string{second: "[kopi] QRIS fails since 07:00:00, 2 times"}, d.shown)
}

// One owner who cannot be reached keeps nobody else from being told, and the
// second try tells nobody twice.
func TestOneFailureLeavesTheOthers(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002})
	down := errs.New(errs.Unavailable, "Telegram is down")
	d.fail = func(to message.Address) error {
		if to.Chat == dewi {
			return down
		}

		return nil
	}

	require.ErrorIs(t, d.report("", false), down)
	assert.Len(t, d.shown, 1)

	d.fail = nil
	require.NoError(t, d.report("", false))
	assert.Len(t, d.shown, 2)

	for _, html := range d.shown {
		assert.Contains(t, html, "1 times")
	}
}

// While Telegram is down for long, nothing is lost: the schedule tells it.
func TestWhatCouldNotBeToldIsToldByTheSchedule(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	down := errs.New(errs.Unavailable, "Telegram is down")
	d.fail = func(message.Address) error { return down }
	require.ErrorIs(t, d.report("kopi", false), down)

	d.clock.Advance(time.Minute)
	require.ErrorIs(t, d.Flush(t.Context()), down)

	d.fail = nil
	d.pass(time.Hour)
	assert.Equal(t, map[message.Address]string{first: "[kopi] QRIS fails since 07:00:00, 1 times"}, d.shown)

	// A recovery that could not be told and was none is nothing at all.
	d.fail = func(message.Address) error { return down }
	require.ErrorIs(t, d.report("kopi", true), down)
	d.clock.Advance(time.Minute)
	require.ErrorIs(t, d.Flush(t.Context()), down)

	again := d.clock.Now()
	d.fail = nil
	require.NoError(t, d.at("kopi", false, again))
	d.pass(editWait)
	assert.Len(t, d.shown, 1, "it went on: one message")
	assert.Contains(t, d.shown[first], ", 2 times")
}

func TestAnOwnerWhoCannotBeReached(t *testing.T) {
	t.Parallel()

	for name, refusal := range map[string]error{
		"has blocked the bot": errs.New(errs.Unauthorized, "403: blocked"),
		"never pressed Start": errs.New(errs.NotFound, "400: chat not found"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newDesk(t, map[string]int64{"kopi": dewi})
			tried := 0
			d.fail = func(message.Address) error {
				tried++

				return refusal
			}
			require.NoError(t, d.report("kopi", false), "trying again would help nobody")
			d.pass(time.Minute)
			d.pass(time.Minute)
			assert.Equal(t, 1, tried, "nor does the schedule")

			d.fail = nil
			require.NoError(t, d.report("kopi", false))
			assert.Len(t, d.shown, 1, "heard from again")
		})
	}
}

// A process that dies between the message and its note leaves the pen behind:
// nobody writes for as long as it may live, then the message is sent again. Told
// twice is better than not at all.
func TestACrashBehindTheMessage(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	d.state.meddle(func([]table.Op) error {
		if d.sent == 0 {
			return nil
		}

		return errs.New(errs.Unavailable, "the process has died")
	})
	assert.Equal(t, errs.Unavailable, errs.CodeOf(d.report("kopi", false)))
	d.state.meddle(nil)

	d.pass(30 * time.Second)
	assert.Len(t, d.shown, 1, "whoever has the pen may still live")

	d.pass(30 * time.Second)
	assert.Len(t, d.shown, 2)

	require.NoError(t, d.report("kopi", true))
	assert.Equal(t, "[kopi] QRIS fails over after 1m0s", d.shown[second])
}

// Two processes at once: the pen is with one of them, which also tells what the
// other has brought.
func TestTwoProcessesSendOneMessage(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	other := d.another()
	began := d.clock.Now()
	once := sync.OnceFunc(func() { // while the first writes to Telegram
		require.NoError(t, d.reportOf(other, alert.Alert{Store: "kopi", Key: "qris", Title: "QRIS fails", At: began.Add(time.Second)}))
		require.NoError(t, d.reportOf(other, alert.Alert{Store: "kopi", Key: "other", Title: "Another", At: began.Add(time.Second)}))
	})
	inside := false
	d.fail = func(message.Address) error {
		if !inside {
			inside = true

			d.mu.Unlock()
			once()
			d.mu.Lock()
		}

		return nil
	}

	require.NoError(t, d.report("kopi", false))
	assert.Equal(t, 2, d.sent, "one message for each trouble")
	d.pass(editWait)
	assert.Equal(t, []string{"[kopi] Another since 07:00:01, 1 times", "[kopi] QRIS fails since 07:00:00, 2 times"}, d.texts())
}

func TestAStormIsOneMessage(t *testing.T) {
	t.Parallel()

	const count = 40

	owners := map[string]int64{}
	for at := range count {
		owners[fmt.Sprintf("toko-%02d", at)] = dewi
	}

	d := newDesk(t, owners)

	for id := range owners {
		require.NoError(t, d.report(id, false))
		d.clock.Advance(time.Second)
	}

	d.pass(editWait)

	storms := slices.DeleteFunc(d.texts(), func(text string) bool { return !strings.HasPrefix(text, "storm of") })
	require.Len(t, storms, 1)
	assert.Len(t, d.shown, 6, "a handful have their own messages")
	assert.Contains(t, storms[0], "storm of 35, warning: ")
	assert.LessOrEqual(t, d.edited, 5, "and it is not edited for each of them")

	// One button knows them all.
	action, err := d.Press(t.Context(), alert.Press{Person: dewi, Name: "Dewi", Button: d.press["ack"]})
	require.NoError(t, err)
	assert.Equal(t, alert.Acknowledge, action)
	storms = slices.DeleteFunc(d.texts(), func(text string) bool { return !strings.HasPrefix(text, "storm of") })
	assert.Equal(t, 35, strings.Count(storms[0], " known"))

	for id := range owners {
		require.NoError(t, d.report(id, true))
	}

	d.pass(editWait)
	storms = slices.DeleteFunc(d.texts(), func(text string) bool { return !strings.HasPrefix(text, "storm of") })
	assert.Equal(t, 35, strings.Count(storms[0], " over"))
	assert.Len(t, d.shown, 6)

	// In peace again, a trouble has its own message.
	d.clock.Advance(time.Hour)
	require.NoError(t, d.report("toko-07", false))
	assert.Len(t, d.shown, 7)
	t.Logf("a storm of %d: %d messages, %d edits", count, d.sent, d.edited)
}

// Should the process die in the middle of a storm, the storm stays one.
func TestACrashInAStorm(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	down := errs.New(errs.Unavailable, "Telegram is down")
	d.fail = func(message.Address) error { return down }

	for at := range 20 {
		require.Error(t, d.reportOf(d.Desk, alert.Alert{Store: "kopi", Key: fmt.Sprint("k", at), Title: "T", At: d.clock.Now()}))
	}

	d.fail = nil
	d.pass(time.Minute)
	assert.LessOrEqual(t, d.sent, 6)
	assert.Equal(t, 20, strings.Count(strings.Join(d.texts(), " "), "kopi/k")+d.sent-1)
}

func TestAcknowledgedTroublesAreNotCountedInTheChat(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.report("kopi", false))

	for range 2 { // pressed twice
		action, err := d.Press(t.Context(), alert.Press{Person: dewi, Name: "Dewi", Button: d.press["ack"]})
		require.NoError(t, err)
		assert.Equal(t, alert.Acknowledge, action)
	}

	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 1 times, known to Dewi", d.shown[first])
	assert.Equal(t, 1, d.edited)

	for range 5 {
		d.pass(time.Minute)
		require.NoError(t, d.report("kopi", false))
	}

	assert.Equal(t, 1, d.edited)

	require.NoError(t, d.at("kopi", true, d.clock.Now().Add(time.Minute)))
	assert.Equal(t, "[kopi] QRIS fails over after 6m0s, known to Dewi", d.shown[first])
}

// Who has acknowledged a warning hears when it becomes critical.
func TestWorseThanAcknowledged(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	report := func(severity alert.Severity) {
		t.Helper()
		d.clock.Advance(time.Minute)
		require.NoError(t, d.reportOf(d.Desk, alert.Alert{
			Store: "kopi", Key: "k", Title: string(severity), Severity: severity, At: d.clock.Now(),
		}))
		d.pass(editWait)
	}

	report(alert.Warning)

	_, err := d.Press(t.Context(), alert.Press{Person: dewi, Name: "Dewi", Button: d.press["ack"]})
	require.NoError(t, err)
	report(alert.Warning)
	assert.Contains(t, d.shown[first], "warning since 07:01:00, 1 times, known to Dewi")
	report(alert.Critical)
	assert.Contains(t, d.shown[first], "critical since 07:01:00, 3 times")
	assert.NotContains(t, d.shown[first], "known")
}

func TestMutedTroublesAreSilentForAnHour(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	require.NoError(t, d.report("kopi", false))

	action, err := d.Press(t.Context(), alert.Press{Person: dewi, Button: d.press["mute"]})
	require.NoError(t, err)
	assert.Equal(t, alert.Mute, action)
	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 1 times, muted", d.shown[first])

	muted, err := d.Muted(t.Context(), dewi)
	require.NoError(t, err)
	require.Len(t, muted, 1)
	assert.Equal(t, "kopi", muted[0].Store)

	for range 5 {
		d.pass(10 * time.Minute)
		require.NoError(t, d.report("kopi", false))
	}

	assert.Equal(t, 1, d.edited)

	d.pass(11 * time.Minute)
	assert.Equal(t, "[kopi] QRIS fails since 07:00:00, 6 times", d.shown[first], "all was counted")

	muted, err = d.Muted(t.Context(), dewi)
	require.NoError(t, err)
	assert.Empty(t, muted)

	// Its recovery is told also while it is muted; what begins then is not.
	_, err = d.Press(t.Context(), alert.Press{Person: dewi, Button: d.press["mute"]})
	require.NoError(t, err)
	d.clock.Advance(time.Minute)
	require.NoError(t, d.report("kopi", true))
	assert.Contains(t, d.shown[first], "over after")
	d.clock.Advance(time.Minute)
	require.NoError(t, d.report("kopi", false))
	d.pass(time.Minute)
	assert.Len(t, d.shown, 1)
	d.pass(time.Hour)
	assert.Len(t, d.shown, 2, "it still goes on when the hour is over")

	// A mute can be taken back.
	_, err = d.Press(t.Context(), alert.Press{Person: dewi, Button: d.press["mute"]})
	require.NoError(t, err)
	assert.Contains(t, d.shown[second], "muted")
	_, err = d.Press(t.Context(), alert.Press{Person: dewi, Button: d.press["unmute"]})
	require.NoError(t, err)
	assert.NotContains(t, d.shown[second], "muted")
}

// Buttons of others, of what is over and of nothing at all do nothing.
func TestWhoMayPress(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi, "teh": 1002}).withOffice()
	require.NoError(t, d.report("kopi", false))

	ack := d.press["ack"]
	pressed := func(person int64, button string) errs.Code {
		_, err := d.Press(t.Context(), alert.Press{Person: person, Name: "X", Button: button})

		return errs.CodeOf(err)
	}

	for _, button := range []string{"", "ack", "ack:x", "ack:x:y", "ack:x:!", "drop" + ack[3:], ack + "1", "ack:storm:1", "mute:storm:0"} {
		assert.Equal(t, errs.NotFound, pressed(dewi, button), button)
	}

	for _, person := range []int64{1002, 3003, operator} {
		assert.Equal(t, errs.NotFound, pressed(person, ack), "who was not told: %d", person)
	}

	_, err := d.stores.Change(t.Context(), "kopi", func(of *store.Store) { of.Owner = 1002 })
	require.NoError(t, err)
	d.Desk = d.another()
	assert.Equal(t, errs.NotFound, pressed(dewi, ack), "who has sold the store")

	_, err = d.stores.Change(t.Context(), "kopi", func(of *store.Store) { of.Owner = dewi })
	require.NoError(t, err)
	d.Desk = d.another()
	d.clock.Advance(time.Second)
	require.NoError(t, d.report("kopi", true))
	assert.Equal(t, errs.NotFound, pressed(dewi, ack), "what is over")
	d.clock.Advance(time.Second)
	require.NoError(t, d.report("kopi", false))
	assert.Equal(t, errs.NotFound, pressed(dewi, ack), "what is over, while it is back")
	assert.Empty(t, pressed(dewi, d.press["ack"]))
	assert.NotContains(t, strings.Join(d.texts(), " "), "known to X, known")
}

func TestWhileTheTableIsDown(t *testing.T) {
	t.Parallel()

	d := newDesk(t, map[string]int64{"kopi": dewi})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	for _, of := range []string{"", "kopi"} {
		note, err := alert.Alert{Store: of, Key: "k"}.Note()
		require.NoError(t, err)
		assert.Equal(t, errs.Unavailable, errs.CodeOf(d.Handle(ctx, note.Body)), of)
	}

	assert.Equal(t, errs.Unavailable, errs.CodeOf(d.Flush(ctx)))
	assert.Empty(t, d.shown)
}
