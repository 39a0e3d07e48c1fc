// Package load_test puts load on a local cloud of its own and measures what
// people notice of it. A machine's absolute times say nothing about AWS; what
// is compared here are times of one run.
package load_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

const (
	stores  = 50
	crowd   = 300 // people of the noisy store
	flood   = 200 // messages a second that they write
	rounds  = 3   // without and with the flood, in turn
	allowed = 1.2 // of the median without it
)

// Fifty stores on one stack, and hundreds of people who write to one of them at
// once: people of the others are answered as fast as ever.
func TestLongNoisyStore(t *testing.T) { //nolint:paralleltest // it measures times
	if testing.Short() {
		t.Skip("three minutes: make long")
	}

	const (
		startWithin = 15 * time.Minute
		settle      = 5 * time.Second // of the flood, before times count
	)

	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()

	world := open(ctx, t)
	quiet, loud := []time.Duration{}, []time.Duration{}

	world.ask(t) // every store has answered once: caches are warm

	for range rounds {
		quiet = append(quiet, world.ask(t)...)

		stop := world.flood(t)

		pause(t, settle)

		loud = append(loud, world.ask(t)...)

		stop()
		world.hush(t)
	}

	before, after := spread(quiet), spread(loud)
	t.Logf("others are answered in %s without the flood, in %s with it; %d messages were written to the noisy store",
		before, after, world.written.Load())

	if growth := float64(after.median) / float64(before.median); growth >= allowed {
		t.Errorf("the median grows by %.0f %%", 100*(growth-1))
	}
}

// world is a stack with its stores, the first of which is the noisy one.
type world struct {
	cloud   *stack.Stack
	people  *control.Client
	stores  []stack.Store
	guests  []control.Person // one of each quiet store
	crowd   []control.Person
	written atomic.Int64
}

func open(ctx context.Context, t *testing.T) *world {
	t.Helper()

	cloud, err := stack.Start(ctx, stack.Options{
		// The share is to the capacity of this machine what the default is to that
		// of AWS: about a twentieth.
		Parameters: map[string]string{"StoreUpdatesPerSecond": "2"},
		Sayf:       t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := cloud.Close(); err != nil {
			t.Error(err)
		}
	})

	w := &world{cloud: cloud, people: control.New(cloud.Telegram), stores: make([]stack.Store, stores)}
	w.guests, w.crowd = make([]control.Person, stores-1), make([]control.Person, crowd)

	const firstBot, atOnce = 7_000_002_000, 4

	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)

	for at := range w.stores {
		w.stores[at] = stack.Store{
			ID: fmt.Sprintf("store-%02d", at), Name: fmt.Sprintf("Toko %d", at), Owner: 1,
			Token: fmt.Sprintf("%d:simulated-token-of-store-%010d", firstBot+at, at), Username: fmt.Sprintf("store_%02d_bot", at),
		}

		group.Go(func() error { return cloud.AddStore(ctx, w.stores[at]) })
	}

	for at := range w.guests {
		group.Go(func() error { return w.person(ctx, w.stores[at+1], &w.guests[at]) })
	}

	for at := range w.crowd {
		group.Go(func() error { return w.person(ctx, w.stores[0], &w.crowd[at]) })
	}

	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	return w
}

// person makes one who writes to a store.
func (w *world) person(ctx context.Context, of stack.Store, into *control.Person) error {
	user, err := w.people.CreateUser(ctx, control.User{FirstName: "Wati", LanguageCode: "id"})
	if err != nil {
		return fmt.Errorf("make a person: %w", err)
	}

	*into = w.people.As(user.ID, of.BotID())

	return nil
}

// ask has a person of each quiet store ask something, one after the other, and
// gives how long the answers took.
func (w *world) ask(t *testing.T) []time.Duration {
	t.Helper()

	const within = time.Minute

	var took []time.Duration

	for at, guest := range w.guests {
		began := time.Now()

		asked, err := guest.Text(t.Context(), "/start")
		if err != nil {
			t.Fatal(err)
		}

		if _, err := guest.Wait(t.Context(), control.Condition{After: asked.Seq, Timeout: within}); err != nil {
			t.Fatalf("%s: %v", w.stores[at+1].ID, err)
		}

		took = append(took, time.Since(began))
	}

	return took
}

// flood has the crowd write to the noisy store until the function that it gives
// is called.
func (w *world) flood(t *testing.T) func() {
	t.Helper()

	const writers = 8

	ctx, cancel := context.WithCancel(t.Context())
	pace := time.NewTicker(time.Second / flood)
	began, before := time.Now(), w.written.Load()

	var (
		group errgroup.Group
		next  atomic.Int64
	)

	for range writers {
		group.Go(func() error {
			for {
				select {
				case <-pace.C:
				case <-ctx.Done():
					return nil
				}

				writer := w.crowd[int(next.Add(1))%len(w.crowd)]
				if _, err := writer.Text(ctx, "halo"); err != nil && ctx.Err() == nil {
					return fmt.Errorf("write to the noisy store: %w", err)
				}

				w.written.Add(1)
			}
		})
	}

	return func() {
		cancel()
		pace.Stop()

		if err := group.Wait(); err != nil {
			t.Error(err)
		}

		perSecond := float64(w.written.Load()-before) / time.Since(began).Seconds()
		t.Logf("flooded with %.0f messages a second for %s", perSecond, time.Since(began).Round(time.Second))

		const least = 0.8 // of what was meant
		if perSecond < least*flood {
			t.Errorf("only %.0f messages a second were written: that is no flood", perSecond)
		}
	}
}

// hush takes from Telegram what waits for the noisy store, so that the next
// round begins without it, and fails where nothing waited: then the flood went
// through.
func (w *world) hush(t *testing.T) {
	t.Helper()

	state, err := w.people.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	for _, bot := range state.Bots {
		if bot.ID == w.stores[0].BotID() {
			t.Logf("of the noisy store %d updates came in, %d were refused, %d wait at Telegram",
				bot.Webhook.Delivered, bot.Webhook.Failed, bot.Webhook.Pending)
		}
	}

	call := w.cloud.Telegram + "/bot" + w.stores[0].Token + "/deleteWebhook"

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, call, strings.NewReader(`{"drop_pending_updates":true}`))
	if err != nil {
		t.Fatal(err)
	}

	request.Header.Set("Content-Type", "application/json")

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}

	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("drop what waits: status %d, %v", response.StatusCode, err)
	}

	if err := w.cloud.AddStore(t.Context(), w.stores[0]); err != nil {
		t.Fatal(err)
	}
}

func pause(t *testing.T, wait time.Duration) {
	t.Helper()

	select {
	case <-time.After(wait):
	case <-t.Context().Done():
	}
}

// times sum up how long people waited.
type times struct{ median, p95 time.Duration }

func (s times) String() string { return fmt.Sprintf("%s (median) and %s (95 %%)", s.median, s.p95) }

func spread(took []time.Duration) times {
	slices.Sort(took)

	const half, most = 0.5, 0.95

	at := func(part float64) time.Duration {
		return took[int(part*float64(len(took)-1))].Round(time.Millisecond)
	}

	return times{median: at(half), p95: at(most)}
}
