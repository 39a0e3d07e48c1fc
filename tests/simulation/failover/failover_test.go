// Package failover_test runs the ways of updates in one process, in a bubble
// of its own time: Telegram pushes and is asked, the webhook breaks in several
// manners, and every call of poll and health fails or kills its caller at times.
// Each update must be handled once, in the order of its chat, and all must be
// as before in the end. A run is its seed, as far as goroutines let it be:
//
//	SEED=42 go test ./tests/simulation/failover -v
package failover_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/failover/failovertest"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/poll"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/webhook"
	"github.com/lapak-id/lapak/tests/simulation/seeds"
)

const (
	defaultSeeds = 100
	busy         = 45 * time.Minute // with faults and outages
	rest         = time.Hour        // afterwards, until all is as before
	chats        = 5
	remembered   = 64 // updates that the bot knows again, as in package chat
	cooldown     = 4 * time.Minute
	maxPending   = 50
	maxRate      = 0.08
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.NewTextHandler(seeds.Logs(), nil)))
	os.Exit(m.Run())
}

// figures are of all runs together.
type figures struct{ updates, pushed, polled, again, turns, kills atomic.Int64 }

func TestFailover(t *testing.T) {
	t.Parallel()

	var all figures

	count := seeds.Run(t, "FAILOVER_SEEDS", defaultSeeds, "go test ./tests/simulation/failover -v",
		func(t *testing.T, seed uint64) {
			t.Helper()
			synctest.Test(t, func(t *testing.T) { newWorld(t, seed, &all).run() })
		})

	t.Logf("%d runs of %s: %d updates, %d pushed and %d fetched, %d of them known again; %d turns, %d processes killed",
		count, busy+rest, all.updates.Load(), all.pushed.Load(), all.polled.Load(), all.again.Load(), all.turns.Load(), all.kills.Load())

	if count > 1 && (all.again.Load() == 0 || all.turns.Load() == 0 || all.kills.Load() == 0) {
		t.Error("the runs do not try what they are for")
	}
}

// outage is a way in which the webhook is broken.
type outage int32

const (
	none    outage = iota
	refuses        // nothing gets in
	mute           // updates get in, and Telegram does not learn it
	slow           // they get in long after Telegram has given up
	fenced         // Telegram does not reach it, we do
	outages
)

var errBroken = errors.New("Connection refused") //nolint:staticcheck // as Telegram says it

// world is one run.
type world struct {
	t      *testing.T
	random *rand.Rand
	plan   *counted
	all    *figures
	broken map[string]*atomic.Int32

	telegram *failovertest.Telegram
	stores   *store.Registry
	door     *webhook.Handler
	updates  *queues.Queue
	poller   *poll.Poller
	decider  *failover.Switch
	done     chan struct{} // closed when faults are over
	said     map[string][]int64
	handled  map[string][]int64
}

// counted counts the kills of a plan.
type counted struct {
	*fault.Seeded

	kills *atomic.Int64
}

func (c counted) Next(op string) fault.Kind {
	kind := c.Seeded.Next(op)
	if kind == fault.KillBefore || kind == fault.KillAfter {
		c.kills.Add(1)
	}

	return kind
}

func newWorld(t *testing.T, seed uint64, all *figures) *world {
	t.Helper()

	now := clock.System{}
	rate := float64(seed%4) / 3 * maxRate // every fourth run has no faults but outages
	plan := &counted{kills: &all.kills, Seeded: fault.NewSeeded(seed, rate, 0,
		fault.FailBefore, fault.FailAfter, fault.Throttle, fault.KillBefore, fault.KillAfter)}
	plan.Pause(true)

	state, scratch := tables.New(now, plan), tables.New(now, plan)
	vault := secrets.New(now, plan)
	register := store.NewRegistry(state, now)
	telegram := failovertest.New(plan)
	updates := queues.New(now, plan, queues.Options{Name: queue.Updates, FIFO: true})

	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), plan: plan, all: all,
		telegram: telegram, stores: register, updates: updates, done: make(chan struct{}),
		said: map[string][]int64{}, handled: map[string][]int64{}, broken: map[string]*atomic.Int32{},
	}

	pushing, polling := &counting{Sender: updates, count: &all.pushed}, &counting{Sender: updates, count: &all.polled}
	w.door = webhook.New(webhook.Options{Vault: vault, Updates: pushing, Urgent: nothingUrgent, Sources: webhook.AnySource})
	w.poller = poll.New(poll.Options{
		Stores: register, Bots: telegram, Intake: &failover.Intake{Stores: register, Telegram: telegram, Vault: vault},
		Slots: limit.NewSlots(scratch, now).Lasting(poll.Lease), Updates: polling, Urgent: nothingUrgent,
		Clock: now, For: time.Minute,
	})
	w.decider = failover.New(failover.Options{
		State: state, Stores: register, Door: w, Clock: now, Mode: store.Auto, Cooldown: cooldown,
	})
	telegram.Deliver = w.deliver

	for _, id := range stores() {
		w.broken[id] = &atomic.Int32{}

		for _, err := range []error{
			vault.Rotate(t.Context(), store.WebhookSecretName(id), "secret"),
			register.Save(t.Context(), store.Store{ID: id, TimeZone: store.DefaultTimeZone}),
			telegram.Push(t.Context(), id, "https://lapak.test/telegram/"+id, "secret", nil),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}

	return w
}

func stores() []string { return []string{"kopi", "buku"} }

func nothingUrgent(context.Context, string, string, []byte) (any, bool) { return nil, false }

// counting counts what is put into a queue.
type counting struct {
	queue.Sender

	count *atomic.Int64
}

func (c *counting) Send(ctx context.Context, messages ...queue.Message) error {
	c.count.Add(int64(len(messages)))

	return c.Sender.Send(ctx, messages...)
}

// run lets everything happen, then has the faults end and looks at what is left.
func (w *world) run() {
	ctx, stop := context.WithCancel(w.t.Context())

	var everything sync.WaitGroup

	w.plan.Pause(false)
	everything.Go(func() { w.telegram.Run(ctx) })
	everything.Go(func() { w.handle(ctx) })
	everything.Go(func() {
		w.every(ctx, time.Minute, 90*time.Second, func(ctx context.Context) { w.ignore(w.poller.Poll(ctx)) })
	})
	everything.Go(func() { w.every(ctx, 5*time.Minute, time.Minute, w.look) })

	for _, id := range stores() {
		random := rand.New(rand.NewPCG(w.random.Uint64(), 2))

		everything.Go(func() { w.breakAndMend(id, random) })
	}

	w.talk()
	close(w.done)

	for _, broken := range w.broken {
		broken.Store(int32(none))
	}

	w.plan.Pause(true)
	time.Sleep(rest)
	stop()
	everything.Wait()
	w.check()
}

// talk has people write until the busy time is over.
func (w *world) talk() {
	for until := time.Now().Add(busy); time.Now().Before(until); {
		time.Sleep(time.Duration(w.random.Int64N(int64(4 * time.Second))))

		of := stores()[w.random.IntN(len(stores()))]
		chat := int64(1 + w.random.IntN(chats))
		key := of + ":" + strconv.FormatInt(chat, 10)

		w.said[key] = append(w.said[key], w.telegram.Say(of, chat))
		w.all.updates.Add(1)
	}
}

// breakAndMend breaks a store's webhook now and then.
func (w *world) breakAndMend(of string, random *rand.Rand) {
	for {
		for _, next := range []outage{none, outage(1 + random.Int32N(int32(outages)-1))} {
			w.broken[of].Store(int32(next))

			select {
			case <-time.After(time.Minute + time.Duration(random.Int64N(int64(14*time.Minute)))):
			case <-w.done:
				w.broken[of].Store(int32(none))

				return
			}
		}
	}
}

// every starts an invocation in each interval, as a schedule does, whether the
// one before has ended or not.
func (w *world) every(ctx context.Context, interval, timeout time.Duration, do func(context.Context)) {
	var running sync.WaitGroup
	defer running.Wait()

	tick := time.NewTicker(interval)
	defer tick.Stop()

	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}

		running.Go(func() {
			invocation, end := fault.Invocation(ctx)
			defer end()

			invocation, cancel := context.WithTimeout(invocation, timeout)
			defer cancel()

			do(invocation)
		})
	}
}

// look is what health does with webhooks.
func (w *world) look(ctx context.Context) {
	all, err := w.stores.List(ctx)
	w.ignore(err)

	for _, of := range all {
		hook, err := w.telegram.Webhook(ctx, of.ID)
		if err != nil {
			continue
		}

		after, err := w.decider.Look(ctx, of, hook, failing(hook))
		w.ignore(err)

		if err == nil && after.Polling != of.Polling {
			w.all.turns.Add(1)
		}
	}
}

func failing(hook health.Webhook) bool {
	return hook.Pending > maxPending || hook.Pending > 0 && time.Since(hook.FailedAt) < 10*time.Minute
}

// ignore takes an error that a schedule would log.
func (w *world) ignore(err error) {
	if err != nil {
		slog.Warn("invocation failed", "error", err)
	}
}

// deliver is a push of Telegram's.
func (w *world) deliver(ctx context.Context, of string, body []byte) error {
	const gaveUp = 40 * time.Second

	broken := outage(w.broken[of].Load())
	if broken == refuses || broken == fenced {
		return errBroken
	}

	if broken == slow {
		time.Sleep(gaveUp)
	}

	answer := w.door.Serve(ctx, webhook.Request{Store: of, Secret: "secret", Body: body})

	if broken != none || answer.Status != 200 {
		return fmt.Errorf("%w: %d", errBroken, answer.Status)
	}

	return nil
}

// Knock is our own call of the webhook.
func (w *world) Knock(ctx context.Context, of store.Store) error {
	switch outage(w.broken[of.ID].Load()) {
	case refuses, mute, slow:
		return errBroken
	case none, fenced, outages:
	}

	if of.Hook == "" {
		return errors.New("no address to knock at")
	}

	answer := w.door.Serve(ctx, webhook.Request{Store: of.ID, Secret: "secret", Body: []byte(webhook.Probe)})
	if answer.Status != 200 {
		return errBroken
	}

	return nil
}

// handle is the bot: one at a time, each update once as long as it remembers.
func (w *world) handle(ctx context.Context) {
	done := map[string][]string{}

	for ctx.Err() == nil {
		batch, err := w.updates.Receive(ctx, 1, queue.MaxWait)
		if err != nil || len(batch) == 0 {
			continue
		}

		update, chat := batch[0].Attrs[queue.AttrCause], batch[0].Group

		if slices.Contains(done[chat], update) {
			w.all.again.Add(1)
		} else {
			number, err := strconv.ParseInt(update, 10, 64)
			if err != nil {
				w.t.Errorf("update %q: %v", update, err)
			}

			w.handled[chat] = append(w.handled[chat], number)
			done[chat] = append(done[chat], update)
			done[chat] = done[chat][max(0, len(done[chat])-remembered):]
		}

		w.ignore(w.updates.Delete(context.WithoutCancel(ctx), batch[0]))
	}
}

// check looks whether all is well in the end.
func (w *world) check() {
	for chat, said := range w.said {
		if !slices.Equal(said, w.handled[chat]) {
			w.t.Errorf("chat %s: %d updates were sent, and handled were %d: %v, then %v",
				chat, len(said), len(w.handled[chat]), said, w.handled[chat])
		}
	}

	for id := range w.broken {
		of, err := w.stores.Latest(w.t.Context(), id)
		if err != nil || of.Polling || of.Turning {
			w.t.Errorf("store %s is left turned: %+v (%v)", id, of, err)
		}

		hook, err := w.telegram.Webhook(w.t.Context(), id)
		if err != nil || hook.URL == "" || hook.Pending > 0 {
			w.t.Errorf("store %s is left with webhook %+v (%v)", id, hook, err)
		}
	}
}
