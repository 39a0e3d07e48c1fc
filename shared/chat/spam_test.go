package chat_test

import (
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/user"
)

// spammed makes a world whose store's limit is not what holds people back.
func spammed(t *testing.T) *world {
	t.Helper()

	return newWorld(t, func(options *chat.Options) { options.StoreRate = limit.Rate{Burst: 10_000, Every: time.Millisecond} })
}

// flood sends so many messages of a person's at once.
func (w *world) flood(by int64, count int) {
	for range count {
		sent := w.text("halo")
		sent.Message.From = from(by, "id")
		w.do(sent)
	}
}

func TestTheSameButtonTwiceInASecondIsAnsweredOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))
	w.do(w.tap(2, "open:help"))
	changes := len(w.phone.log)

	w.now.Advance(900 * time.Millisecond)
	w.do(w.tap(2, "open:help"))
	require.Equal(t, []string{"toast: "}, w.phone.log[changes:], "the tap is ended, nothing else")

	w.now.Advance(100 * time.Millisecond)
	w.do(w.tap(2, "open:settings"))
	require.Contains(t, w.phone.message(2).HTML, "Pengaturan", "another button is another wish")

	w.now.Advance(time.Second)
	w.do(w.tap(2, "open:settings"))
	require.Len(t, w.phone.log, changes+5, "after a second it is meant")
}

func TestFloodsEndInMutesThatGrow(t *testing.T) {
	t.Parallel()

	w := spammed(t)

	for _, length := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour, 24 * time.Hour} {
		w.flood(ani, 20+15)

		said := w.phone.said()
		require.Contains(t, w.phone.log[len(w.phone.log)-1], "istirahat dulu darimu")

		found, err := w.users.Get(t.Context(), demo, ani)
		require.NoError(t, err)
		require.Equal(t, length, found.MutedUntil.Sub(w.now.Now()))

		w.flood(ani, 50)
		w.do(w.tap(1, "open:help"))
		require.Equal(t, said, w.phone.said(), "told once")
		require.Contains(t, w.phone.toast(), "istirahat darimu sampai")

		w.now.Advance(length)
		w.do(w.text("/help"))
		require.Contains(t, w.phone.message(0).HTML, "Bantuan", "it is over")
		w.now.Advance(2 * time.Minute) // the bucket is full again
	}
}

// Taps flood as messages do.
func TestTapsCountAsFlood(t *testing.T) {
	t.Parallel()

	w := spammed(t)
	w.do(w.text("/start"))

	for number := range 19 + 15 {
		w.do(w.tap(2, "open:"+[]string{"help", "settings"}[number%2]))
	}

	require.Contains(t, w.phone.message(0).HTML, "istirahat dulu darimu")
}

func TestOwnersAndStaffAreNeverMuted(t *testing.T) {
	t.Parallel()

	w := spammed(t)
	w.flood(owner, 100)

	_, err := w.users.Meet(t.Context(), demo, user.Person{ID: ani, Name: "Ani"}, "id")
	require.NoError(t, err)
	_, err = w.users.Appoint(t.Context(), demo, ani, user.Support)
	require.NoError(t, err)
	w.flood(ani, 100)

	for _, line := range w.phone.log {
		require.NotContains(t, line, "istirahat")
	}
}

// A crowd in the store is not the fault of any person.
func TestACrowdMutesNobody(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) { options.StoreRate = limit.Rate{Burst: 1, Every: time.Minute} })
	w.flood(ani, 19)

	for _, line := range w.phone.log {
		require.NotContains(t, line, "istirahat")
	}
}

// Money that Telegram tells of is never held back: not by a ban, not by a
// mute, not by a limit.
func TestPaymentsPassEverything(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	made := boss.placed(netflix, "stars")

	_, err := m.users.Change(t.Context(), demo, ani, func(user *user.User) {
		user.Banned, user.MutedUntil = true, m.now.Now().Add(time.Hour)
	})
	require.NoError(t, err)

	for range 30 {
		m.do(m.text("halo"))
	}

	paid := m.text("")
	paid.Message.SuccessfulPayment = &telego.SuccessfulPayment{
		Currency: "XTR", TotalAmount: int(made.Total.Value), InvoicePayload: made.Ref().Reference(), TelegramPaymentChargeID: "charge",
	}
	m.do(paid)
	m.work()
	require.Equal(t, order.Delivered, m.order().State)
}
