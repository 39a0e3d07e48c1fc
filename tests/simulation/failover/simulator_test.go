package failover_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	simulator "github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/failover"
	"github.com/lapak-id/lapak/shared/failover/knock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/poll"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/secret"
	secrets "github.com/lapak-id/lapak/shared/secret/memory"
	"github.com/lapak-id/lapak/shared/store"
	tables "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/webhook"
)

const answerWithin = 20 * time.Second

// TestWithTheSimulatorOfTelegram goes there and back by HTTP, with the clients
// that the functions have: what the Telegram of the simulation promises, the
// one of the local cloud holds, and it knows every parameter.
//
// It goes by real time and so runs alone: the other takes the whole processor.
func TestWithTheSimulatorOfTelegram(t *testing.T) {
	s := openStall(t)

	s.say(t, 3)
	s.await(t, "three are pushed", func() bool { return len(s.updates.All()) == 3 })

	s.shut.Store(true)
	s.say(t, 5)
	s.await(t, "Telegram fails", func() bool { return s.bot(t).Webhook.Failed > 0 })

	if of := s.look(t); !of.Polling {
		t.Fatalf("a webhook that nobody reaches is not left: %+v", of)
	}

	s.await(t, "what waited is fetched", func() bool { return len(s.updates.All()) == 8 })
	s.say(t, 60) // more than one call gives
	s.await(t, "they are fetched", func() bool { return len(s.updates.All()) == 68 })

	if of := s.look(t); !of.Polling {
		t.Fatal("back at a webhook that is broken still")
	}

	s.shut.Store(false)
	s.await(t, "the webhook is set again", func() bool { return !s.look(t).Polling && s.bot(t).Webhook.URL == s.address })
	s.say(t, 4)
	s.await(t, "four are pushed", func() bool { return len(s.updates.All()) == 72 })

	s.await(t, "Telegram knows it", func() bool { return s.bot(t).Webhook.Pending == 0 })

	if bot := s.bot(t); bot.Webhook.Delivered != 4 {
		t.Errorf("what was fetched was pushed too: %+v", bot.Webhook)
	}

	s.checkOrder(t)
}

// stall is a store with a webhook, and a person who writes to it.
type stall struct {
	address  string // of the webhook
	shut     *atomic.Bool
	control  *control.Client
	person   control.Person
	telegram *telegram.Bots
	stores   *store.Registry
	decider  *failover.Switch
	updates  *queues.Queue
	wrote    int
}

func openStall(t *testing.T) *stall {
	t.Helper()

	now := clock.System{}
	state, scratch, vault := tables.New(now, fault.None{}), tables.New(now, fault.None{}), secrets.New(now, fault.None{})
	s := &stall{
		shut: &atomic.Bool{}, stores: store.NewRegistry(state, now),
		updates: queues.New(now, fault.None{}, queues.Options{Name: queue.Updates, FIFO: true}),
	}

	api := s.startTelegram(t)
	s.address = s.startWebhook(t, webhook.New(webhook.Options{Vault: vault, Updates: s.updates, Urgent: nothingUrgent}))
	s.telegram = telegram.NewBots(vault, api)

	must(t, s.stores.Save(t.Context(), store.Store{ID: "kopi", TimeZone: store.DefaultTimeZone}))
	must(t, vault.Rotate(t.Context(), store.TokenName("kopi"), secret.Value(s.bot(t).Token)))
	must(t, vault.Rotate(t.Context(), store.WebhookSecretName("kopi"), "a-secret"))
	must(t, s.telegram.Push(t.Context(), "kopi", s.address, "a-secret", chat.Updates()))

	s.decider = failover.New(failover.Options{
		State: state, Stores: s.stores, Door: knock.New(vault), Clock: now, Mode: store.Auto, Cooldown: time.Second,
	})
	s.startPolling(t, poll.New(poll.Options{
		Stores: s.stores, Bots: s.telegram, Updates: s.updates, Urgent: nothingUrgent, Kinds: chat.Updates(), Clock: now,
		Intake: &failover.Intake{Stores: s.stores, Telegram: s.telegram, Vault: vault, Kinds: chat.Updates()},
		Slots:  limit.NewSlots(scratch, now).Lasting(poll.Lease), For: 3 * time.Second,
	}))

	return s
}

func must(t *testing.T, err error) {
	t.Helper()

	if err != nil {
		t.Fatal(err)
	}
}

// startTelegram gives the address of a Telegram that refuses what it does not know.
func (s *stall) startTelegram(t *testing.T) string {
	t.Helper()

	api, err := simulator.New(simulator.Options{Strict: true, Limits: &control.Limits{}, WebhookRetryMax: time.Second})
	must(t, err)

	server := httptest.NewServer(api)

	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()

		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})

	s.control = control.New(server.URL)
	bot, err := s.control.CreateBot(t.Context(), control.Bot{FirstName: "Kopi", Username: "kopi_bot"})
	must(t, err)
	_, err = s.control.CreateUser(t.Context(), control.User{ID: 1001, FirstName: "Ayu", LanguageCode: "id"})
	must(t, err)

	s.person = s.control.As(1001, bot.ID)

	return server.URL
}

// startWebhook gives the address of a webhook that can be shut.
func (s *stall) startWebhook(t *testing.T, handler *webhook.Handler) string {
	t.Helper()

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || s.shut.Load() {
			panic(http.ErrAbortHandler)
		}

		answer, err := handler.HTTP(r.Context(), events.APIGatewayV2HTTPRequest{
			PathParameters: map[string]string{"store": "kopi"}, Body: string(body),
			Headers: map[string]string{webhook.SecretHeader: r.Header.Get(webhook.SecretHeader)},
		})
		if err != nil {
			t.Error(err)
		}

		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.StatusCode)
		_, _ = io.WriteString(w, answer.Body)
	}))
	t.Cleanup(server.Close)

	return server.URL
}

// startPolling polls without a break until the test ends.
func (s *stall) startPolling(t *testing.T, poller *poll.Poller) {
	t.Helper()

	ctx, stop := context.WithCancel(t.Context())

	var polling sync.WaitGroup

	t.Cleanup(func() {
		stop()
		polling.Wait()
	})
	polling.Go(func() {
		beat := time.NewTicker(100 * time.Millisecond)
		defer beat.Stop()

		for {
			if err := poller.Poll(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}

			select {
			case <-beat.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

func (s *stall) say(t *testing.T, messages int) {
	t.Helper()

	for range messages {
		s.wrote++
		_, err := s.person.Text(t.Context(), fmt.Sprintf("pesan %d.", s.wrote))
		must(t, err)
	}
}

// look is what health does every few minutes.
func (s *stall) look(t *testing.T) store.Store {
	t.Helper()

	hook, err := s.telegram.Webhook(t.Context(), "kopi")
	must(t, err)
	of, err := s.stores.Latest(t.Context(), "kopi")
	must(t, err)
	of, err = s.decider.Look(t.Context(), of, hook, failing(hook))
	must(t, err)

	return of
}

func (s *stall) bot(t *testing.T) control.Bot {
	t.Helper()

	state, err := s.control.State(t.Context())
	must(t, err)

	at := slices.IndexFunc(state.Bots, func(bot control.Bot) bool { return bot.Username == "kopi_bot" })
	if at < 0 {
		t.Fatal("the bot is gone")
	}

	return state.Bots[at]
}

func (s *stall) await(t *testing.T, what string, fits func() bool) {
	t.Helper()

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()

	for until := time.Now().Add(answerWithin); time.Now().Before(until); <-tick.C {
		if fits() {
			return
		}
	}

	t.Fatalf("not within %s: %s; %d updates are queued", answerWithin, what, len(s.updates.All()))
}

// checkOrder looks whether the queue has each message once, as it was written.
func (s *stall) checkOrder(t *testing.T) {
	t.Helper()

	queued := s.updates.All()
	if len(queued) != s.wrote {
		t.Errorf("%d messages are in the queue, %d were written", len(queued), s.wrote)
	}

	for at, delivery := range queued {
		if !strings.Contains(string(delivery.Body), fmt.Sprintf("pesan %d.", at+1)) {
			t.Errorf("place %d holds %s", at+1, delivery.Body)
		}
	}
}
