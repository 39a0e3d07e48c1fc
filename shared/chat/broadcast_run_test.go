package chat_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/user"
)

// station is a store with a crowd, its chat and who sends its broadcasts, on the
// clock of a bubble.
type station struct {
	t      *testing.T
	state  *memory.Table
	users  *user.Repository
	phone  *phone
	got    map[int64][]broadcast.Content
	chat   *chat.Chat
	runner *broadcast.Runner
	last   int
}

func newStation(t *testing.T) *station {
	t.Helper()

	now := clock.System{}
	state, scratch := memory.New(now, fault.None{}), memory.New(now, fault.None{})
	stores := store.NewRegistry(state, now)
	s := &station{
		t: t, state: state, users: user.NewRepository(state, now), got: map[int64][]broadcast.Content{},
		phone: &phone{t: t, shown: map[int]message.Text{}, carried: map[int]string{}},
	}
	service := broadcast.NewService(state, stores, s.users, now)
	s.chat = chat.New(chat.Options{
		Scratch: scratch, Stores: stores, Users: s.users, Messenger: s.phone, Catalog: newCatalog(t), Clock: now,
		Campaigns: service, Previewer: s.phone,
	})
	s.runner = broadcast.NewRunner(broadcast.Options{
		Service: service, Messenger: mast{s.phone, s}, Texts: chat.BroadcastTexts{Catalog: newCatalog(t)},
		Pace: limit.NewPace(scratch, now), Scratch: scratch, Queue: held{}, Metrics: metric.New(io.Discard, now), RunFor: time.Minute,
	})

	require.NoError(t, stores.Save(t.Context(), store.Store{
		ID: demo, Name: "Toko Kopi", BotUsername: "kopi_bot", Owner: owner, Language: "id", TimeZone: store.DefaultTimeZone,
	}))

	return s
}

// mast sends broadcasts, and remembers who got them.
type mast struct {
	*phone

	of *station
}

func (m mast) Broadcast(_ context.Context, to message.Address, content broadcast.Content, _ bool) (int, error) {
	m.of.phone.mu.Lock()
	defer m.of.phone.mu.Unlock()

	m.of.got[to.Chat] = append(m.of.got[to.Chat], content)
	m.of.phone.last++

	return m.of.phone.last, nil
}

func (mast) Exists(context.Context, message.Address, []int, int64) (bool, error) {
	return false, errs.New(errs.Internal, "nobody died")
}

func (mast) Quote(context.Context, message.Address, int64) (string, bool, error) {
	return "", false, errs.New(errs.Internal, "nobody died")
}

// held is a queue that never takes a message back.
type held struct{ queue.Receiver }

func (held) Extend(context.Context, queue.Delivery, time.Duration) error { return nil }

// does hands an update of somebody to the bot.
func (s *station) does(id int64, text, tap string) {
	s.t.Helper()

	by, at := telego.User{ID: id, FirstName: "P", LanguageCode: "id"}, telego.Chat{ID: id, Type: telego.ChatTypePrivate}
	s.last++
	update := telego.Update{UpdateID: s.last}

	if tap == "" {
		update.Message = &telego.Message{MessageID: 1_000_000 + s.last, Date: time.Now().Unix(), From: &by, Chat: at, Text: text}
	} else {
		update.CallbackQuery = &telego.CallbackQuery{
			ID: "query", From: by, Data: s.button(tap), Message: &telego.Message{MessageID: s.phone.last, Date: 1, Chat: at},
		}
	}

	require.NoError(s.t, s.chat.Handle(s.t.Context(), demo, update, text+tap+time.Now().String(), 1))
	time.Sleep(10 * time.Second) // nobody is faster
}

// button gives the whole of what a button of the newest message says, or what
// was asked for where none begins so.
func (s *station) button(start string) string {
	for _, row := range s.phone.message(0).Buttons {
		for _, button := range row {
			if strings.HasPrefix(button.Data, start) {
				return button.Data
			}
		}
	}

	return start
}

// sends does everything that is to be done about broadcasts.
func (s *station) sends() {
	s.t.Helper()

	for again := true; again; {
		again = false

		for _, row := range s.state.All() {
			if !strings.HasPrefix(row.Key.SK(), "outbox#") {
				continue
			}

			entry, err := table.Decode[outbox.Entry](row)
			require.NoError(s.t, err)
			require.Equal(s.t, queue.Broadcasts, entry.Queue)
			time.Sleep(entry.Delay)
			require.NoError(s.t, s.runner.Handle(s.t.Context(), queue.Delivery{Message: queue.Message{
				Body: entry.Body, Attrs: queue.Attrs{queue.AttrStore: entry.Store, queue.AttrCause: entry.ID},
			}, Attempt: 1}))
			require.NoError(s.t, s.state.Write(s.t.Context(), table.Delete(row.Key, row.Version)))

			again = true
		}
	}
}

// From the first word to the report: what is composed in the chat reaches those
// whom it is for, once, with the button by which one of them refuses the next.
func TestABroadcastReachesThoseWhomItIsFor(t *testing.T) {
	t.Parallel()

	synctest.Test(t, func(t *testing.T) {
		const siti, budi, wati, away = 101, 102, 103, 104

		s := newStation(t)
		s.does(away, "/start", "")
		time.Sleep(40 * 24 * time.Hour)

		for _, id := range []int64{owner, siti, budi, wati} {
			s.does(id, "/start", "")
		}

		_, err := s.users.Change(t.Context(), demo, wati, func(of *user.User) { of.Blocked = true })
		require.NoError(t, err)

		send := func(text string) {
			s.does(owner, "", "staff:compose")
			s.does(owner, text, "")
			s.does(owner, "", "form:last")
			s.does(owner, "", "form:save")
			s.does(owner, "", "staff:launch")
			s.sends()
		}

		send("Menu baru")
		require.Contains(t, s.phone.message(0).HTML, "Terkirim <b>4</b> dari 4", "the report, with everybody but who has blocked the bot")

		for _, id := range []int64{owner, siti, budi, away} {
			require.Len(t, s.got[id], 1, "user %d", id)
			require.Equal(t, "Menu baru", s.got[id][0].HTML)
			require.Equal(t, [][]message.Button{{{Text: "🔕 Tanpa promo", Data: "promo:off"}}}, s.got[id][0].Buttons)
		}

		s.does(siti, "", "promo:off")
		send("Besok libur")
		require.Contains(t, s.phone.message(0).HTML, "Terkirim <b>3</b> dari 3")
		require.Len(t, s.got[siti], 1)
		require.Len(t, s.got[budi], 2)

		s.does(owner, "", "staff:compose")
		s.does(owner, "Kangen nih", "")
		s.does(owner, "", "form:last")
		s.does(owner, "", "form:change:6:4")
		s.does(owner, "", "form:pick:4:30")
		s.does(owner, "", "form:save")
		require.Contains(t, s.phone.message(0).HTML, "Akan dikirim ke <b>1 orang</b>")
		s.does(owner, "", "staff:launch")
		s.sends()
		require.Len(t, s.got[away], 3, "who has been away for 30 days")
		require.Len(t, s.got[budi], 2)
		require.Empty(t, s.got[wati])
	})
}
