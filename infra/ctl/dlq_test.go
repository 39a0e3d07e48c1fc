package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
)

// bury puts letters into a dead-letter queue, and gives their ids.
func (d *desk) bury(t *testing.T, name string, letters ...queue.Message) []string {
	t.Helper()

	of, err := d.deadQueue(name)
	require.NoError(t, err)
	require.NoError(t, d.open(of.url).Send(t.Context(), letters...))

	found, err := peek(t.Context(), d.open(of.url), maxPeek)
	require.NoError(t, err)
	require.Len(t, found, len(letters))

	ids := make([]string, 0, len(found))
	for _, letter := range found {
		ids = append(ids, letter.ID)
	}

	return ids
}

// inside gives what waits in a queue, dead or alive.
func (d *desk) inside(t *testing.T, url string) []queue.Delivery {
	t.Helper()

	found, err := peek(t.Context(), d.open(url), maxPeek)
	require.NoError(t, err)

	return found
}

// told gives what the audit log of a store says, the newest first.
func (d *desk) told(t *testing.T, of string) []audit.Entry {
	t.Helper()

	entries, _, err := audit.NewLog(d.state, clock.System{}).Page(t.Context(), of, "", maxPeek)
	require.NoError(t, err)

	return entries
}

func letter(number int) queue.Message {
	return queue.Message{
		Body:  fmt.Appendf(nil, `{"store":"demo","job":"J%d","text":"rahasia"}`, number),
		Attrs: queue.Attrs{queue.AttrStore: "demo", queue.AttrCause: fmt.Sprint("cause-", number)},
	}
}

func update(number int) queue.Message {
	return queue.Message{
		Body:  fmt.Appendf(nil, `{"update_id":%d,"message":{"message_id":1,"from":{"id":7,"first_name":"Ani"},"text":"rahasia"}}`, number),
		Attrs: queue.Attrs{queue.AttrStore: "demo"}, Group: "demo:7", Dedup: fmt.Sprint(number),
	}
}

func TestDeadLettersAreCounted(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	d.bury(t, "downloads", letter(1))
	d.clock.Advance(time.Hour)
	d.bury(t, "updates", update(1), update(2))

	require.NoError(t, d.dlqList(t.Context(), nil))
	require.Equal(t, ""+
		"QUEUE          LETTERS  OLDEST\n"+
		"app-downloads  1        2026-11-21T07:00:00Z\n"+
		"app-updates    2        2026-11-21T08:00:00Z\n"+
		"app-relay      0        –\n", d.out.String())

	require.ErrorIs(t, d.dlqList(t.Context(), []string{"all"}), errUsage)

	d.settings.Dead = ""
	require.ErrorContains(t, d.dlqList(t.Context(), nil), "LAPAK_QUEUES_DEAD")

	d.settings.Dead = "http://sqs/1/app-downloads"
	require.ErrorContains(t, d.dlqList(t.Context(), nil), "is no dead-letter queue")
}

func TestADeadLetterIsShownWithoutWhatPeopleWrote(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	ids := d.bury(t, "downloads", letter(1))
	d.bury(t, "updates", update(9))

	require.NoError(t, d.dlqShow(t.Context(), []string{"downloads"}))
	require.Contains(t, d.out.String(), ids[0]+"\n  store demo · cause cause-1 · sent 2026-11-21T07:00:00Z\n"+
		`  {"job":"J1","store":"demo"}`+"\n")

	require.NoError(t, d.dlqShow(t.Context(), []string{"app-updates", "--max", "1"}))
	require.Contains(t, d.out.String(), `{"message":{"from":{"id":7},"message_id":1},"update_id":9}`)
	require.NotContains(t, d.out.String(), "rahasia")
	require.NotContains(t, d.out.String(), "Ani")

	require.Len(t, d.inside(t, "http://sqs/1/app-downloads-dead"), 1, "it stays")
	require.ErrorIs(t, d.dlqShow(t.Context(), []string{"other"}), errUsage)
	require.ErrorIs(t, d.dlqShow(t.Context(), nil), errUsage)
	require.ErrorIs(t, d.dlqShow(t.Context(), []string{"downloads", "--max", "0"}), errUsage)
}

func TestRedriveBringsDeadLettersBackInTheirOrder(t *testing.T) {
	t.Parallel()

	d := newDesk(t)

	for _, name := range []string{"updates", "downloads"} {
		of, err := d.deadQueue(name)
		require.NoError(t, err)

		const many = 12

		for number := range many {
			one := letter(number)
			if name == "updates" {
				one = update(number)
			}

			require.NoError(t, d.open(of.url).Send(t.Context(), one))
		}

		d.out.Reset()
		require.NoError(t, d.dlqRedrive(t.Context(), []string{name, "--reason", "the bug is mended"}))
		require.Contains(t, d.out.String(), "12 messages are back in app-"+name)
		require.Empty(t, d.inside(t, of.url))

		for want := 0; want < many; {
			batch, err := d.open(of.live).Receive(t.Context(), queue.MaxBatch, 0)
			require.NoError(t, err)
			require.NotEmpty(t, batch)

			for _, back := range batch {
				sent := letter(want)
				if name == "updates" {
					sent = update(want)
				}

				require.Equal(t, string(sent.Body), string(back.Body))
				require.Equal(t, sent.Attrs, back.Attrs)
				require.NoError(t, d.open(of.live).Delete(t.Context(), back))

				want++
			}
		}
	}

	entries := d.told(t, "demo")
	require.Len(t, entries, 24)

	for _, entry := range entries {
		require.Equal(t, "dlq redrive", entry.Action)
		require.Equal(t, "the bug is mended", entry.Reason)
		require.Equal(t, "by arn:aws:iam::1:user/dewi", entry.After)
	}

	require.ErrorContains(t, d.dlqRedrive(t.Context(), []string{"relay"}), "cannot be brought back")
}

func TestOnlyTheLettersThatAreNamedComeBack(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	ids := d.bury(t, "downloads", letter(1), letter(2), letter(3))

	require.NoError(t, d.dlqRedrive(t.Context(), []string{"downloads", "--id", ids[2], "--id", ids[0]}))
	require.Len(t, d.inside(t, "http://sqs/1/app-downloads"), 2)

	left := d.inside(t, "http://sqs/1/app-downloads-dead")
	require.Len(t, left, 1)
	require.Equal(t, ids[1], left[0].ID, "and it is not hidden any more")

	require.ErrorContains(t, d.dlqRedrive(t.Context(), []string{"downloads", "--id", "nobody"}), "no such letters")
}

func TestDiscardWantsToKnowWhichAndWhy(t *testing.T) {
	t.Parallel()

	d := newDesk(t)
	strange := queue.Message{Body: []byte(`{"requestContext":{"condition":"RetriesExhausted"}}`)}
	ids := d.bury(t, "relay", strange, strange)

	for _, args := range [][]string{{"relay"}, {"relay", "--id", ids[0]}, {"relay", "--reason", "old"}} {
		require.ErrorIs(t, d.dlqDiscard(t.Context(), args), errUsage)
	}

	require.NoError(t, d.dlqDiscard(t.Context(), []string{"relay", "--id", ids[0], "--reason", "swept long ago"}))
	require.Len(t, d.inside(t, "http://sqs/1/app-relay-dead"), 1)

	entries := d.told(t, "")
	require.Len(t, entries, 1, "of no store: of the platform")
	require.Equal(t, "dlq discard", entries[0].Action)
	require.Equal(t, "swept long ago", entries[0].Reason)
	require.Equal(t, "letter "+ids[0], entries[0].Target)
}

// A ctl that dies anywhere leaves each letter in one queue at least, and in a
// FIFO queue the second try makes no second message.
func TestADyingRedriveLosesNothing(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"updates", "downloads"} {
		for _, op := range []string{queues.OpSend, queues.OpDelete} {
			for _, kind := range []fault.Kind{fault.FailBefore, fault.FailAfter, fault.KillBefore, fault.KillAfter} {
				d, plan := newDesk(t), &once{}
				d.plan = plan

				of, err := d.deadQueue(name)
				require.NoError(t, err)

				d.bury(t, name, map[string]queue.Message{"updates": update(1), "downloads": letter(1)}[name])

				dead := d.queues[of.url]
				live, ok := d.open(of.live).(*queues.Queue)
				require.True(t, ok)

				*plan = once{op, kind}
				ctx, cancel := fault.Invocation(t.Context())

				require.Error(t, d.dlqRedrive(ctx, []string{name}), "%s, %s by %d", name, op, kind)
				cancel()

				copies := len(live.All()) + len(dead.All())
				require.Positive(t, copies, "%s, %s by %d: the letter is lost", name, op, kind)

				d.clock.Advance(time.Minute)
				require.NoError(t, d.dlqRedrive(t.Context(), []string{name}))
				require.Empty(t, dead.All())

				if name == "updates" {
					require.Len(t, live.All(), 1, "%s by %d", op, kind)
				} else {
					require.NotEmpty(t, live.All(), "%s by %d", op, kind)
				}
			}
		}
	}
}

// once fails one call of a kind.
type once struct {
	op   string
	kind fault.Kind
}

func (o *once) Next(op string) fault.Kind {
	if o.op == "" || !strings.HasPrefix(op, o.op) {
		return fault.Pass
	}

	o.op = ""

	return o.kind
}

func (*once) Wait(string) time.Duration { return 0 }

// A letter that dies again and again keeps an id that SQS takes.
func TestARevivedLetterCanDieAgain(t *testing.T) {
	t.Parallel()

	dead := queue.Delivery{ID: "4d3b2a1f-0000-4000-8000-000000000001", Message: update(1)}
	first := revived(dead)

	dead.Message, dead.ID = first, "4d3b2a1f-0000-4000-8000-000000000002"
	second := revived(dead)

	require.NotEqual(t, first.Dedup, second.Dedup)
	require.Len(t, second.Dedup, len(first.Dedup))
	require.NoError(t, queue.Validate([]queue.Message{second}, true))
}

// Whatever is in a letter, only names and numbers of things are shown.
func TestAboutTellsNoText(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		hidden := "rahasia " + rapid.StringN(0, 20, -1).Draw(t, "hidden")
		field := rapid.SampledFrom([]string{"text", "data", "goods", "job", "id", "payload", "args"}).Draw(t, "field")

		body, err := json.Marshal(map[string]any{field: hidden, "message": map[string]any{field: []string{hidden}}})
		require.NoError(t, err)
		require.NotContains(t, about(body), "rahasia")
	})
}

func FuzzAbout(f *testing.F) {
	f.Add([]byte(`{"id":1}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if about(body) == "" {
			t.Errorf("nothing is said of %q", body)
		}
	})
}
