package health_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	queues "github.com/lapak-id/lapak/shared/queue/memory"
	"github.com/lapak-id/lapak/shared/store"
)

// screen is a chat that remembers what it shows.
type screen struct {
	edited []message.Address
	sent   []message.Address
	text   string
	fails  error
}

func (s *screen) Edit(_ context.Context, to message.Address, text message.Text) error {
	if s.fails != nil {
		return s.fails
	}

	s.edited, s.text = append(s.edited, to), text.HTML

	return nil
}

func (s *screen) Send(_ context.Context, to message.Address, text message.Text) (int, error) {
	s.sent, s.text = append(s.sent, to), text.HTML

	return 9, nil
}

// Status writes how the store does in a word.
func (s *screen) Status(language string, of store.Store, status health.Status) message.Text {
	state := health.OK
	for range status.Trouble() {
		state = health.Critical
	}

	return message.Text{HTML: language + " " + of.ID + " " + string(state)}
}

// ask has the wish go its way: outbox, queue, attendant.
func (w *ward) ask(t *testing.T, on *screen, wish health.Wish) error {
	t.Helper()

	service := health.NewService(w.State, w.now)
	require.NoError(t, service.Ask(t.Context(), wish))
	require.NoError(t, service.Ask(t.Context(), wish), "a wish that was asked already is fine")

	waiting := queues.New(w.now, fault.None{}, queues.Options{Name: queue.Checks})
	relay := outbox.NewRelay(w.State, map[queue.Name]queue.Sender{queue.Checks: waiting}, w.now)

	w.now.Advance(2 * time.Minute)

	forwarded, err := relay.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, forwarded)

	batch, err := waiting.Receive(t.Context(), queue.MaxBatch, 0)
	require.NoError(t, err)
	require.Len(t, batch, 1)

	return health.NewAttendant(w.Checker, service, on, on).Handle(t.Context(), batch[0])
}

func TestAWishIsCarriedOutOnItsScreen(t *testing.T) {
	t.Parallel()

	w, on := newWard(t), &screen{}
	wish := health.Wish{Cause: "owner-7", Store: "demo", Bot: "owner", Chat: 1001, Message: 5, Language: "en"}

	require.NoError(t, w.ask(t, on, wish))
	require.Equal(t, []message.Address{{Store: "owner", Chat: 1001, Message: 5}}, on.edited)
	require.Equal(t, "en demo ok", on.text)

	w.set("demo", health.Webhook{}, errs.New(errs.Unauthorized, "no"))

	wish.Cause = "owner-8"
	require.NoError(t, w.ask(t, on, wish))
	require.Equal(t, "en demo critical", on.text)
	require.Len(t, w.paper.taken(), 1, "who asks is not the only one who hears of it")

	// The screen is gone: a new one answers.
	wish.Cause, on.fails = "owner-9", errs.New(errs.NotFound, "deleted")
	require.NoError(t, w.ask(t, on, wish))
	require.Equal(t, []message.Address{{Store: "owner", Chat: 1001}}, on.sent)

	// Who has blocked the bot hears nothing; who cannot be reached, later.
	wish.Cause, on.fails = "owner-10", errs.New(errs.Unauthorized, "blocked")
	require.NoError(t, w.ask(t, on, wish))

	wish.Cause, on.fails = "owner-11", errs.New(errs.Unavailable, "timeout")
	require.Equal(t, errs.Unavailable, errs.CodeOf(w.ask(t, on, wish)))

	wish.Cause, wish.Store, on.fails = "owner-12", "", nil
	require.NoError(t, w.ask(t, on, wish))
	require.Equal(t, "en  ok", on.text, "the platform alone")
}

func TestAWishThatCannotBe(t *testing.T) {
	t.Parallel()

	w, on := newWard(t), &screen{}
	service := health.NewService(w.State, w.now)

	require.Equal(t, errs.Invalid, errs.CodeOf(service.Ask(t.Context(), health.Wish{Store: "demo"})))

	attendant := health.NewAttendant(w.Checker, service, on, on)
	require.Equal(t, errs.Invalid, errs.CodeOf(attendant.Handle(t.Context(), queue.Delivery{Message: queue.Message{Body: []byte("x")}})))

	body, err := json.Marshal(health.Wish{Cause: "1", Store: "gone", Bot: "owner", Chat: 1})
	require.NoError(t, err)
	require.Equal(t, errs.NotFound, errs.CodeOf(attendant.Handle(t.Context(), queue.Delivery{Message: queue.Message{Body: body}})))
}

// One store's own trouble is not the platform's; that of most stores is.
func TestTheSummaryWeighsStores(t *testing.T) {
	t.Parallel()

	w := newWard(t)
	ids := []string{"demo", "other"}

	for _, of := range []string{"toko-a", "toko-b", "toko-c", "toko-d", "toko-e", "toko-f", "toko-g", "toko-h"} {
		require.NoError(t, w.Stores.Save(t.Context(), store.Store{ID: of, TimeZone: store.DefaultTimeZone}))
		w.set(of, health.Webhook{URL: "https://x"}, nil)

		ids = append(ids, of)
	}

	for bad, want := range map[int]health.State{0: health.OK, 1: health.OK, 2: health.Warning, 5: health.Critical} {
		for at, of := range ids {
			w.set(of, health.Webhook{URL: "https://x"}, nil)

			if at < bad {
				w.set(of, health.Webhook{}, errs.New(errs.Unauthorized, "revoked"))
			}
		}

		require.NoError(t, w.Check(t.Context()))

		summary, err := health.ReadSummary(t.Context(), w.State)
		require.NoError(t, err)
		require.Equal(t, want, summary.State(w.now.Now()), "%d of %d stores", bad, len(ids))

		text, err := json.Marshal(summary)
		require.NoError(t, err)
		require.NotContains(t, string(text), "toko", "it is public")
	}
}
