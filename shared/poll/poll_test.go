package poll_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/failover/failovertest"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/poll"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/webhook"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

const hook = "https://lapak.test/telegram/kopi"

// world is a poller with what is around it, in a bubble with a clock of its own.
type world struct {
	poll.Options

	telegram *failovertest.Telegram
	updates  *queues.Queue
	plan     *faulty
}

// faulty fails the calls whose name begins so.
type faulty struct {
	mu     sync.Mutex
	prefix string
	left   int
}

func (f *faulty) Next(op string) fault.Kind {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.left == 0 || f.prefix == "" || !strings.HasPrefix(op, f.prefix) {
		return fault.Pass
	}

	f.left--

	return fault.FailBefore
}

func (f *faulty) Wait(string) time.Duration { return 0 }

func (f *faulty) fail(prefix string, times int) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.prefix, f.left = prefix, times
}

func newWorld(t *testing.T) *world {
	t.Helper()

	now, plan := clock.System{}, &faulty{}
	state, scratch := tables.New(now, fault.None{}), tables.New(now, fault.None{})
	stores := store.NewRegistry(state, now)
	vault := secrets.New(now, fault.None{})
	telegram := failovertest.New(plan)
	updates := queues.New(now, plan, queues.Options{Name: queue.Updates, FIFO: true})

	require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), "secret"))

	w := &world{telegram: telegram, updates: updates, plan: plan, Options: poll.Options{
		Stores: stores, Bots: telegram, Intake: &failover.Intake{Stores: stores, Telegram: telegram, Vault: vault},
		Slots: limit.NewSlots(scratch, now).Lasting(poll.Lease), Updates: updates,
		Urgent: func(context.Context, string, string, []byte) (any, bool) { return nil, false },
		Clock:  now, For: time.Minute,
	}}
	w.add(t, store.Store{ID: "kopi", Polling: true, Hook: hook})

	return w
}

func (w *world) add(t *testing.T, of store.Store) {
	t.Helper()

	of.TimeZone = store.DefaultTimeZone
	require.NoError(t, w.Stores.Save(t.Context(), of))
}

// poll runs a poller to its end.
func (w *world) poll(t *testing.T) {
	t.Helper()
	require.NoError(t, poll.New(w.Options).Poll(t.Context()))
}

// queued gives the updates that are in the queue, in their order.
func (w *world) queued(t *testing.T) []int64 {
	t.Helper()

	var found []int64

	for _, delivery := range w.updates.All() {
		number, err := strconv.ParseInt(delivery.Attrs[queue.AttrCause], 10, 64)
		require.NoError(t, err)

		found = append(found, number)
	}

	return found
}

// The same update makes the same message, by webhook and by polling.
func TestMessagesAreThoseOfTheWebhook(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.telegram.Happen("kopi", 42, "callback_query", `{"id":"7","from":{"id":43},"message":{"chat":{"id":42}},"data":"ü"}`)

		pushed := queues.New(w.Clock, fault.None{}, queues.Options{Name: queue.Updates, FIFO: true})
		waiting, err := w.telegram.Updates(t.Context(), "kopi", 0, 0, nil)
		require.NoError(t, err)

		vault := secrets.New(w.Clock, fault.None{})
		require.NoError(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), "secret"))
		webhook.New(webhook.Options{Vault: vault, Updates: pushed, Urgent: w.Urgent}).
			Serve(t.Context(), webhook.Request{Store: "kopi", Secret: "secret", Body: waiting[0]})

		w.poll(t)

		require.Len(t, w.updates.All(), 1)
		require.Equal(t, pushed.All()[0].Message, w.updates.All()[0].Message)
	})
}

// Updates that come while a poller waits are there at once; Poll ends in its time.
func TestUpdatesComeAtOnceAndInOrder(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()

		go func() {
			for at := range 120 { // more than one call gives
				w.telegram.Say("kopi", int64(at%3))
			}

			time.Sleep(33 * time.Second)
			w.telegram.Say("kopi", 1)
		}()

		go func() {
			time.Sleep(33*time.Second + time.Millisecond)
			assert.Len(t, w.updates.All(), 121)
		}()

		w.poll(t)

		require.InDelta(t, time.Minute.Seconds(), time.Since(began).Seconds(), 1)
		require.Zero(t, w.telegram.Waiting("kopi"), "the last ones are confirmed too")
		requireInOrder(t, w, 121)
	})
}

// requireInOrder requires all updates once, in order within each chat.
func requireInOrder(t *testing.T, w *world, count int) {
	t.Helper()

	found := w.queued(t)
	require.Len(t, found, count)

	last := map[string]int64{}

	for at, delivery := range w.updates.All() {
		require.Greater(t, found[at], last[delivery.Group], "in order within a chat")
		last[delivery.Group] = found[at]
	}
}

// Telegram forgets nothing that the queue does not have.
func TestNothingIsConfirmedThatIsNotQueued(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.plan.fail("queue.send", -1)

		for at := range 25 {
			w.telegram.Say("kopi", int64(at%2))
		}

		w.poll(t)
		require.Equal(t, 25, w.telegram.Waiting("kopi"))
		require.Empty(t, w.updates.All())

		w.plan.fail("queue.send", 3) // the first calls of the batch, so that a part is sent twice
		w.poll(t)
		requireInOrder(t, w, 25)
	})
}

func TestPaymentsAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Urgent = func(_ context.Context, of, kind string, content []byte) (any, bool) {
			return map[string]string{"of": of, "content": string(content)}, kind == "pre_checkout_query"
		}

		w.telegram.Happen("kopi", 42, "pre_checkout_query", `{"id":"q"}`)
		w.telegram.Say("kopi", 42)
		w.poll(t)

		require.Equal(t, []int64{2}, w.queued(t))
		require.Equal(t, []string{`{"content":"{\"id\":\"q\"}","of":"kopi"}`}, w.telegram.Replies("kopi"))
	})
}

// gate lets in some, and then some more after each wait.
type gate struct{ most, left int }

func (g *gate) Enter(context.Context, string) time.Duration {
	if g.left--; g.left < 0 {
		g.left = g.most

		return 1500 * time.Millisecond
	}

	return 0
}

// A store over its share is slowed down, as it is by the webhook; payments that
// stand behind the others are answered at once, and once.
func TestShareOfAStore(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Gate = &gate{10, 10}
		w.Urgent = func(_ context.Context, _, kind string, _ []byte) (any, bool) {
			return "yes", kind == "pre_checkout_query"
		}

		for at := range 40 {
			w.telegram.Say("kopi", int64(at%3))
		}

		w.telegram.Happen("kopi", 42, "pre_checkout_query", `{"id":"q"}`)

		go func() {
			time.Sleep(2 * time.Second)
			assert.Len(t, w.updates.All(), 20)
			assert.Len(t, w.telegram.Replies("kopi"), 1)
		}()

		w.poll(t)
		requireInOrder(t, w, 40)
		require.Zero(t, w.telegram.Waiting("kopi"))
		require.Len(t, w.telegram.Replies("kopi"), 1)
	})
}

// partial is a queue that takes every other message of a sending that has
// several, as SQS may, and says so.
type partial struct {
	*queues.Queue

	failures int
}

func (p *partial) Send(ctx context.Context, messages ...queue.Message) error {
	if p.failures == 0 || len(messages) < 2 {
		return p.Queue.Send(ctx, messages...)
	}

	p.failures--

	for at, message := range messages {
		if at%2 == 1 {
			if err := p.Queue.Send(ctx, message); err != nil {
				return err
			}
		}
	}

	return errs.New(errs.Unavailable, "some of the batch were refused")
}

// A queue that takes a part of a sending does not bring a chat out of order.
func TestOrderHoldsWhereAPartIsTaken(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Updates = &partial{w.updates, 4}

		for at := range 30 {
			w.telegram.Say("kopi", int64(at/2%5)) // each chat has two in a row
		}

		w.poll(t)
		requireInOrder(t, w, 30)
	})
}

// What is no update, and what the queue never takes, does not hold up what follows.
func TestWhatCannotBeHandledIsDropped(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.telegram.Happen("kopi", 42, "message", `"halo"`)
		w.telegram.Happen("kopi", 42, "message", `{"text":"`+strings.Repeat("x", queue.MaxMessageBytes)+`"}`)
		w.telegram.Say("kopi", 42)
		w.poll(t)

		require.Equal(t, []int64{3}, w.queued(t))
		require.Zero(t, w.telegram.Waiting("kopi"))
	})
}

// A store that is turned back gets its webhook within the time of one call, and
// only once all that was fetched is confirmed: nothing is pushed again.
func TestTurningBack(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)

		ctx, cancel := context.WithCancel(t.Context())

		var running sync.WaitGroup

		w.telegram.Deliver = func(_ context.Context, _ string, body []byte) error {
			assert.Contains(t, string(body), `"update_id":2`, "the first was fetched")

			return nil
		}

		running.Go(func() { w.telegram.Run(ctx) })
		running.Go(func() {
			time.Sleep(5 * time.Second)
			w.telegram.Say("kopi", 42)

			_, err := w.Stores.Change(t.Context(), "kopi", func(now *store.Store) { *now = now.Turned(false, time.Now()) })
			assert.NoError(t, err) //nolint:testifylint // require may not end a goroutine
			time.Sleep(21 * time.Second)
			w.telegram.Say("kopi", 42)
		})

		w.poll(t)
		time.Sleep(time.Minute)
		cancel()
		running.Wait()

		require.Equal(t, []string{"push to " + hook}, w.telegram.Calls("kopi"))
		require.Equal(t, []int64{1}, w.queued(t))
		require.Zero(t, w.telegram.Waiting("kopi"), "the second was pushed")
	})
}

// A webhook that stands in the way, because a step got lost, is taken away.
func TestWebhookInTheWayIsTakenAway(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.telegram.Push(t.Context(), "kopi", hook, "secret", nil))
		w.telegram.Say("kopi", 42)
		w.poll(t)

		require.Equal(t, []string{"push to " + hook, "stop pushing"}, w.telegram.Calls("kopi"))
		require.Equal(t, []int64{1}, w.queued(t))
	})
}

// Somebody else who fetches for the same bot is left to it.
func TestAnotherPollerIsLeftToIt(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		began := time.Now()

		var foreign sync.WaitGroup

		foreign.Go(func() {
			time.Sleep(time.Second)

			_, err := w.telegram.Updates(t.Context(), "kopi", 0, 50*time.Second, nil)
			assert.NoError(t, err, "it is not driven away")
		})

		w.poll(t)
		require.InDelta(t, 1, time.Since(began).Seconds(), 0.1, "it gives up for this minute")
		foreign.Wait()
	})
}

// Two pollers at once share no store; where one dies the other takes over.
func TestOnePollerForEachStore(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)

		dying, kill := context.WithCancel(t.Context())

		var first sync.WaitGroup

		first.Go(func() {
			assert.NoError(t, poll.New(w.Options).Poll(dying))
		})

		time.Sleep(10 * time.Second)

		go func() {
			time.Sleep(5 * time.Second)
			kill()
			time.Sleep(3 * time.Second)
			w.telegram.Say("kopi", 42)
			time.Sleep(time.Millisecond)
			assert.Len(t, w.updates.All(), 1, "the second has taken over")
		}()

		w.poll(t)
		first.Wait()
	})
}

// A bot that hangs, one that is refused and one whose store is broken leave the
// others alone.
func TestOneBadStoreDoesNotSlowTheOthers(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.Bots = &moody{Telegram: w.telegram}

		for at := range 20 {
			w.add(t, store.Store{ID: fmt.Sprintf("good-%d", at), Polling: true})
		}

		for _, id := range []string{"hangs", "refused", "fails", "limited"} {
			w.add(t, store.Store{ID: id, Polling: true})
		}

		w.add(t, store.Store{ID: "homeless", Turning: true}) // it has no webhook to turn back to

		go func() {
			time.Sleep(30 * time.Second)

			for at := range 20 {
				w.telegram.Say(fmt.Sprintf("good-%d", at), 42)
			}

			time.Sleep(time.Millisecond)
			assert.Len(t, w.updates.All(), 20)
		}()

		w.poll(t)
		require.Len(t, w.updates.All(), 20)
	})
}

// moody is a Telegram in which some bots do not work.
type moody struct{ *failovertest.Telegram }

func (m *moody) Updates(
	ctx context.Context, of string, offset int64, wait time.Duration, kinds []string,
) ([]json.RawMessage, error) {
	switch of {
	case "hangs":
		time.Sleep(wait)

		return nil, errs.New(errs.Unavailable, "no answer")
	case "refused":
		return nil, errs.New(errs.Unauthorized, "the token is not valid")
	case "fails":
		return nil, errs.New(errs.Unavailable, "no connection")
	case "limited":
		return nil, errs.New(errs.Limited, "too fast").After(40 * time.Second)
	default:
		return m.Telegram.Updates(ctx, of, offset, wait, kinds)
	}
}

// Where nobody polls nothing is asked and nothing is waited for.
func TestNobodyPolls(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.add(t, store.Store{ID: "kopi"})

		began := time.Now()
		w.poll(t)
		require.Zero(t, time.Since(began))
		require.False(t, slices.Contains(w.telegram.Calls("kopi"), "stop pushing"))
	})
}
