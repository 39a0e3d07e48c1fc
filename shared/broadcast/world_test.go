package broadcast_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	shop   = "kopi"
	author = int64(7)
)

// phone is Telegram as a test wants it. Its answers come at once.
type phone struct {
	record

	mu     sync.Mutex
	serial int
	fail   func(chat int64, try int) error // what a broadcast to a chat meets; nil: nothing
	chats  map[int64]map[int]string
	blind  error // what Exists and Quote meet
}

// record is what has come to a phone.
type record struct {
	tries   map[int64]int
	shown   []string // edits
	told    []string // new messages that are no broadcast
	deleted int
	sentAt  []time.Time
}

// seen gives what has come so far.
func (p *phone) seen() record {
	p.mu.Lock()
	defer p.mu.Unlock()

	so := p.record
	so.tries = maps.Clone(so.tries)

	return so
}

func (p *phone) Broadcast(_ context.Context, to message.Address, content broadcast.Content, _ bool) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.tries[to.Chat]++

	var err error
	if p.fail != nil {
		err = p.fail(to.Chat, p.tries[to.Chat])
	}

	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it is sent, and the answer is lost
		return 0, err
	}

	number := p.post(to.Chat, content.HTML)
	p.sentAt = append(p.sentAt, time.Now())

	if err != nil {
		return 0, errs.New(errs.Unavailable, "the answer is lost")
	}

	return number, nil
}

func (p *phone) post(chat int64, text string) int {
	p.serial++

	if p.chats[chat] == nil {
		p.chats[chat] = map[int]string{}
	}

	p.chats[chat][p.serial] = text

	return p.serial
}

func (p *phone) Exists(_ context.Context, in message.Address, numbers []int, _ int64) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, number := range numbers {
		if p.chats[in.Chat][number] != "" {
			return true, p.blind
		}
	}

	return false, p.blind
}

func (p *phone) Quote(_ context.Context, which message.Address, _ int64) (string, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	if text := p.chats[which.Chat][which.Message]; text != "" {
		return text, true, p.blind
	}

	return "", false, errs.New(errs.NotFound, "message to forward not found")
}

func (p *phone) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.told = append(p.told, text.HTML)

	return p.post(to.Chat, text.HTML), nil
}

func (p *phone) Edit(_ context.Context, _ message.Address, text message.Text) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.shown = append(p.shown, text.HTML)

	return nil
}

func (p *phone) Delete(context.Context, message.Address) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.deleted++

	return nil
}

// got counts the broadcasts in each chat.
func (p *phone) got() map[int64]int {
	p.mu.Lock()
	defer p.mu.Unlock()

	counts := map[int64]int{}
	for chat, messages := range p.chats {
		if chat != author {
			counts[chat] = len(messages)
		}
	}

	return counts
}

type texts struct{}

func (texts) Progress(_ store.Store, c broadcast.Campaign) message.Text {
	return message.Text{HTML: fmt.Sprintf("%s %s %d/%d", c.State, c.Stopped, c.Counts.Seen(), c.Counts.Planned)}
}

func (texts) Report(_ store.Store, c broadcast.Campaign) message.Text {
	return message.Text{HTML: fmt.Sprintf("%s %+v", c.State, c.Counts)}
}

// world is the domain over memory adapters, on the time of a bubble.
type world struct {
	*testing.T

	state   *tables.Table
	scratch *tables.Table
	queue   *queues.Queue
	phone   *phone
	stores  *store.Registry
	users   *user.Repository
	service *broadcast.Service
	runner  *broadcast.Runner
	pace    *limit.Pace
	relay   *outbox.Relay
}

// inWorld runs a test in a bubble with a world that knows some people, whose
// workers go on until it ends.
func inWorld(t *testing.T, people int, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		now := clock.System{}
		w := &world{
			T: t, state: tables.New(now, fault.None{}), scratch: tables.New(now, fault.None{}),
			queue: queues.New(now, fault.None{}, queues.Options{Name: queue.Broadcasts, Visibility: 30 * time.Minute}),
			phone: &phone{record: record{tries: map[int64]int{}}, chats: map[int64]map[int]string{}, serial: 100},
		}
		w.stores, w.users = store.NewRegistry(w.state, now), user.NewRepository(w.state, now)
		w.service = broadcast.NewService(w.state, w.stores, w.users, now)
		w.pace = limit.NewPace(w.scratch, now)
		w.relay = outbox.NewRelay(w.state, map[queue.Name]queue.Sender{queue.Broadcasts: w.queue}, now)
		w.runner = broadcast.NewRunner(broadcast.Options{
			Service: w.service, Messenger: w.phone, Texts: texts{}, Pace: w.pace, Scratch: w.scratch,
			Queue: w.queue, Metrics: metric.New(io.Discard, now), RunFor: 40 * time.Second,
		})

		require.NoError(t, w.stores.Save(t.Context(), store.Store{ID: shop, TimeZone: store.DefaultTimeZone}))

		for id := range people {
			_, err := w.users.Meet(t.Context(), shop, user.Person{ID: person(id), Name: "P"}, "id")
			require.NoError(t, err)
		}

		ctx, end := context.WithCancel(t.Context())

		var all sync.WaitGroup

		all.Go(func() { w.relays(ctx) })
		all.Go(func() { w.sweeps(ctx) })

		for range 4 {
			all.Go(func() { w.works(ctx) })
		}

		test(w)
		end()
		all.Wait()
	})
}

func person(number int) int64 { return int64(1000 + number) }

func (w *world) relays(ctx context.Context) {
	for after := ""; ctx.Err() == nil; sleep(ctx, 100*time.Millisecond) {
		changes, err := w.state.Changes(after)
		if err != nil {
			w.Error(err)

			return
		}

		for _, change := range changes {
			after = change.ID

			if change.Inserted() && strings.HasPrefix(change.New.Key.SK(), outbox.SortPrefix) {
				if err := w.relay.Forward(ctx, *change.New); err != nil && ctx.Err() == nil {
					w.Error(err)
				}
			}
		}
	}
}

func (w *world) sweeps(ctx context.Context) {
	for sleep(ctx, time.Minute); ctx.Err() == nil; sleep(ctx, time.Minute) {
		if _, err := w.service.Look(ctx); err != nil && ctx.Err() == nil {
			w.Error(err)
		}
	}
}

func (w *world) works(ctx context.Context) {
	for {
		batch, err := w.queue.Receive(ctx, 1, queue.MaxWait)
		if err != nil {
			return
		}

		for _, delivery := range batch {
			if err := w.runner.Handle(ctx, delivery); err != nil {
				_ = w.queue.Extend(ctx, delivery, max(2*time.Second, errs.RetryAfter(err)))
			} else if err := w.queue.Delete(ctx, delivery); err != nil && ctx.Err() == nil {
				w.Error(err)
			}
		}
	}
}

func sleep(ctx context.Context, wait time.Duration) {
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
}

// schedule schedules a campaign to everybody.
func (w *world) schedule(change func(*broadcast.Campaign)) broadcast.Campaign {
	asked := broadcast.Campaign{
		ID: "c1", Store: shop, Author: author, Content: broadcast.Content{HTML: "Promo"},
		Notice: message.Address{Store: shop, Chat: author, Message: 5},
	}
	if change != nil {
		change(&asked)
	}

	made, err := w.service.Schedule(w.Context(), asked)
	require.NoError(w, err)

	return made
}

// until waits until a campaign is in a state.
func (w *world) until(state broadcast.State, within time.Duration) broadcast.Campaign {
	w.Helper()

	for end := time.Now().Add(within); ; sleep(w.Context(), 500*time.Millisecond) {
		found, err := w.service.Get(w.Context(), shop, "c1")
		require.NoError(w, err)

		if found.State == state {
			return found
		}

		require.True(w, time.Now().Before(end), "it is %s with %+v, want %s", found.State, found.Counts, state)
	}
}

func body(asked broadcast.Message) queue.Message {
	encoded, _ := json.Marshal(asked) //nolint:errchkjson // texts and numbers only

	return queue.Message{Body: encoded}
}
