package chat_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
)

func began() time.Time { return time.Date(2026, 11, 21, 7, 2, 0, 0, time.UTC) }

// failedGateway is a trouble as the desk tells it.
func failedGateway() alert.Trouble {
	return alert.Trouble{
		ID: "T", Round: 99, Store: demo, Name: "Toko <Kopi>", Language: "id", TimeZone: store.DefaultTimeZone,
		Since: began(), Last: began(), Count: 1, Guide: "https://example.com/gateway-down.md",
		Alert: alert.Alert{
			Severity: alert.Critical, Title: "Payment gateway fails", Detail: "3 & more", Advice: "Look <there>",
			Keys: alert.Keys{
				Title: "trouble.gateway_title", Detail: "trouble.gateway_only", Advice: "trouble.gateway_only_advice",
				Args: errs.Args{"Gateway": "pakasir", "Count": 3.0},
			},
		},
	}
}

func TestOwnersAreToldOfTrouble(t *testing.T) {
	t.Parallel()

	catalog, now := newCatalog(t), began().Add(time.Minute)
	rules := &phone{t: t}
	say := func(language string, of alert.Trouble) string {
		text := catalog.Trouble(language, of, now)
		rules.check(message.Address{Store: demo, Chat: owner}, text)

		return picture(text)
	}

	of := failedGateway()
	require.Equal(t, `  | 🔴 [Toko &lt;Kopi&gt;] Kritis: <b>Pembayaran pakasir gagal</b> sejak 21 Nov 14.02
  | Akibat: 3 panggilan gagal berturut-turut, dan toko tidak punya gateway lain: pembeli belum bisa bayar dengan cara ini. `+
		`Pesanan yang menunggu pembayaran aman.
  | Cek halaman status gateway dan kuncinya, atau tambah gateway lain: ctl gateway set
  [👌 Diterima = alert:ack:T:2r] [🔕 1 jam = alert:mute:T:2r]
  [📖 Panduan = https://example.com/gateway-down.md]`, say("", of))

	of.Count, of.AckedBy, of.AckedAt, of.Muted = 3, "Dewi <3", began().Add(time.Minute), began().Add(time.Hour)
	acked := say("", of)
	require.Contains(t, acked, "Dilaporkan 3×.")
	require.Contains(t, acked, "👌 Diterima oleh Dewi &lt;3, 21 Nov 14.03")
	require.Contains(t, acked, "🔕 Bisu sampai 21 Nov 15.02")
	require.Contains(t, acked, "  [🔔 Bunyikan lagi = alert:unmute:T:2r]")
	require.NotContains(t, acked, "alert:ack")

	require.Contains(t, say("en", failedGateway()), "Critical: <b>Payment gateway pakasir fails</b>", "in the language of who reads it")

	of = failedGateway()
	of.Alert.Keys.Args["Gateway"] = 1000012.0
	require.Contains(t, say("", of), "Pembayaran 1000012 gagal", "a number that has been through JSON")

	of = failedGateway()
	of.Alert.Keys, of.Alert.Severity, of.Guide = alert.Keys{}, "", ""
	require.Equal(t, `  | 🟠 [Toko &lt;Kopi&gt;] Peringatan: <b>Payment gateway fails</b> sejak 21 Nov 14.02
  | Akibat: 3 &amp; more
  | Look &lt;there&gt;
  [👌 Diterima = alert:ack:T:2r] [🔕 1 jam = alert:mute:T:2r]`, say("", of), "where the catalogs have no words")

	of.Alert.Severity = alert.Info
	require.NotContains(t, say("", of), "alert:", "there is nothing to decide")

	of.Over, of.Last = true, began().Add(4*time.Minute)
	require.Equal(t, "  | 🟢 [Toko &lt;Kopi&gt;] <b>Payment gateway fails</b> pulih setelah 4 menit", say("", of))
}

func TestOwnersAreToldOfAStorm(t *testing.T) {
	t.Parallel()

	storm := alert.Storm{ID: 99, Guide: "https://example.com/alerts.md"}

	for at := range 23 {
		one := failedGateway()
		one.Count, one.Over = at+1, at < 2
		one.Name = fmt.Sprintf("Toko %d", at%3)
		storm.Troubles = append(storm.Troubles, one)
	}

	text := newCatalog(t).Storm("", storm, began())
	(&phone{t: t}).check(message.Address{Store: demo, Chat: owner}, text)

	drawn := picture(text)
	require.Contains(t, drawn, "🔴 [Toko 0 +2] Kritis: <b>23 gangguan sekaligus</b> sejak 21 Nov 14.02")
	require.Contains(t, drawn, "🔴 [Toko 2] Pembayaran pakasir gagal · 3×")
	require.Contains(t, drawn, "… dan 3 lagi")
	require.Contains(t, drawn, "[👌 Diterima = alert:ack:storm:2r] [🔕 1 jam = alert:mute:storm:2r]")
	require.NotContains(t, drawn, "🟢", "what goes on is listed first")

	storm.Troubles = storm.Troubles[:2]
	for at := range storm.Troubles {
		storm.Troubles[at].Last = began().Add(6 * time.Minute)
	}

	require.Equal(t, `  | 🟢 [Toko 0 +1] <b>2 gangguan</b> semuanya pulih setelah 6 menit
  | 🟢 [Toko 0] Pembayaran pakasir gagal · pulih
  | 🟢 [Toko 1] Pembayaran pakasir gagal · pulih`, picture(newCatalog(t).Storm("", storm, began())))
}

// withDesk gives a world in which owners are told of trouble.
func (w *world) withDesk() *alert.Desk {
	desk := alert.NewDesk(alert.Options{
		State: w.state, Stores: w.stores, Users: w.users, Messenger: w.phone, Texts: w.catalog, Clock: w.now,
		Runbooks: "https://example.com",
	})
	w.options.Alerts = desk
	w.chat = chat.New(w.options)

	return desk
}

func (w *world) trouble(desk *alert.Desk, recovered bool) {
	reported := failedGateway().Alert
	reported.Store, reported.Key, reported.At, reported.Recovered = demo, "gateway-pakasir", w.now.Now(), recovered

	note, err := reported.Note()
	require.NoError(w.t, err)
	require.NoError(w.t, desk.Handle(w.t.Context(), note.Body))
}

// The owner decides in the chat with the shop's own bot; staff of every role and
// buyers are told nothing, and the owner's buttons do nothing for them.
func TestOnlyTheOwnerHearsOfTrouble(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	desk := w.withDesk()

	for person, role := range map[int64]user.Role{ani: user.Buyer, 8: user.Seller, 9: user.Admin} {
		_, err := w.users.Meet(t.Context(), demo, user.Person{ID: person}, "id")
		require.NoError(t, err)
		_, err = w.users.Change(t.Context(), demo, person, func(of *user.User) { of.Role = role })
		require.NoError(t, err)
	}

	w.trouble(desk, false)
	require.Equal(t, 1, w.phone.said())
	require.Contains(t, w.phone.log[len(w.phone.log)-1], fmt.Sprintf(" to %d\n", owner))

	number := w.phone.last
	ack, mute := w.phone.message(number).Buttons[0][0].Data, w.phone.message(number).Buttons[0][1].Data

	press := func(who int64, data string) string {
		tapped := w.tap(number, data)
		tapped.CallbackQuery.From.ID, tapped.CallbackQuery.From.FirstName = who, "Dewi"
		w.do(tapped)

		return w.phone.toast()
	}

	before := w.phone.message(number)

	for _, other := range []int64{ani, 8, 9} {
		require.Contains(t, press(other, ack), "Gangguan ini sudah selesai")
		require.Contains(t, press(other, mute), "Gangguan ini sudah selesai")
	}

	require.Equal(t, before, w.phone.message(number))

	require.Equal(t, "Oke, kucatat kamu sudah tahu.", press(owner, ack))
	require.Contains(t, w.phone.message(number).HTML, "👌 Diterima oleh Dewi, 21 Nov 14.05")
	require.Equal(t, "Oke, sunyi selama sejam.", press(owner, mute))
	require.Contains(t, w.phone.message(number).HTML, "🔕 Bisu sampai 21 Nov 15.05")
	require.Equal(t, "Oke, kubunyikan lagi.", press(owner, w.phone.message(number).Buttons[0][0].Data))

	w.now.Advance(time.Minute)
	w.trouble(desk, true)
	require.Contains(t, w.phone.message(number).HTML, "pulih setelah 1 menit")
	require.Empty(t, w.phone.message(number).Buttons)
	require.Contains(t, press(owner, ack), "Gangguan ini sudah selesai", "an old button explains")
	require.Equal(t, 1, w.phone.said())
}

// In the owner's own bot owners also list what they have muted.
func TestMutedTroublesAreListed(t *testing.T) {
	t.Parallel()

	w := newOffice(t)
	desk := w.withDesk()

	_, err := w.stores.Change(t.Context(), demo, func(of *store.Store) { of.Owner = ani })
	require.NoError(t, err)

	w.says(ani, "id", "/mute")
	require.Contains(t, w.phone.message(0).HTML, "Tidak ada gangguan yang dibisukan")

	w.trouble(desk, false)

	trouble := w.phone.message(0)
	require.Contains(t, trouble.HTML, "🔴 [Toko Kopi &lt;Digital&gt;] Kritis")
	w.says(ani, "id", "tap "+trouble.Buttons[0][1].Data)
	w.says(ani, "id", "/mute")

	list := w.phone.message(0)
	require.Contains(t, list.HTML, "• [Toko Kopi &lt;Digital&gt;] Pembayaran pakasir gagal · sampai 21 Nov 15.06")
	w.says(ani, "id", "tap "+list.Buttons[0][0].Data)
	require.Equal(t, "Oke, kubunyikan lagi.", w.phone.toast())
	require.Contains(t, w.phone.message(0).HTML, "Tidak ada gangguan yang dibisukan")

	w.says(3003, "id", "tap "+trouble.Buttons[0][0].Data)
	require.Contains(t, w.phone.toast(), "Gangguan ini sudah selesai", "others' buttons do nothing")
}
