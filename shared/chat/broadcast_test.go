package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/user"
)

// What the author of a broadcast sees lies in testdata, one file for each
// language.
func TestBroadcasts(t *testing.T) {
	t.Parallel()

	for _, language := range []string{"id", "en"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()

			m := newMarket(t)
			m.phone.log = nil

			boss := &person{m, owner, "Budi", language}
			boss.composes()
			boss.steers()
			boss.schedules()
			boss.pays()
			m.refuses(language)

			matches(t, "broadcast."+language+".txt", m.phone.log)
		})
	}
}

// composes goes through every question, with wrong answers between.
func (p *person) composes() {
	(&person{p.market, ani, "Ani", p.language}).says("/start")
	p.says("/admin")
	p.taps("staff:broadcasts")
	p.taps("staff:compose")
	p.says(strings.Repeat("x", 4097))
	p.sendsAlbum()

	bold := p.text("Promo <akhir> pekan: kopi 50%")
	bold.Message.Entities = []telego.MessageEntity{{Type: telego.EntityTypeBold, Offset: 0, Length: 5}}
	p.does(bold)
	p.says("Belanja")
	p.says("Belanja | javascript:alert(1)")
	p.says("🛍 Belanja | /shop\nLihat | kopi.example.com/katalog?a=1")
	p.taps("form:pick:2:free")
	p.taps("form:pick:3:en")
	p.taps("form:pick:4:netflix")
	p.says("sudah lama")
	p.says("14")
	p.says("kemarin")
	p.taps("form:pick:6:now")
	p.taps("form:save") // nobody fits
	p.taps("staff:recompose")
	p.taps("form:change:7:2")
	p.taps("form:pick:2:all")
	p.taps("form:change:7:3")
	p.taps("form:pick:3:all")
	p.taps("form:change:7:4")
	p.taps("form:pick:4:all")
	p.taps("form:change:7:5")
	p.taps("form:pick:5:all")
	p.taps("form:save")
}

func (p *person) sendsAlbum() {
	sent := p.text("")
	sent.Message.MediaGroupID, sent.Message.Photo = "album", []telego.PhotoSize{{FileID: "one", Width: 9, Height: 9}}
	p.does(sent)
}

// steers sends it off, pauses it, resumes it and cancels it.
func (p *person) steers() {
	p.tapsBlind("promo:try") // the button below the preview, which refuses nothing

	send := p.press("staff:launch")
	p.does(send)
	p.taps("staff:bpause")
	p.taps("staff:bresume")
	p.tapsBlind(send.CallbackQuery.Data) // once more, from a copy of the button
	p.taps("staff:bcancel")
	p.tapsBlind("staff:bpause:" + strings.TrimPrefix(send.CallbackQuery.Data, "staff:launch:"))
	p.taps("staff:broadcasts")
	p.tapsBlind("staff:broadcast:nothing")
	p.says("/audit")
}

// schedules sends a picture tomorrow, and gives it up.
func (p *person) schedules() {
	p.says("/siaran")
	p.taps("staff:compose")

	photo := p.text("")
	photo.Message.Caption = "Menu baru"
	photo.Message.Photo = []telego.PhotoSize{{FileID: "small", Width: 90, Height: 90}, {FileID: "menu", Width: 900, Height: 900}}
	p.does(photo)
	p.taps("form:last")
	p.taps("form:change:7:6")
	p.taps("form:pick:6:2026")
	p.taps("form:save")
	p.taps("staff:launch")
	p.says("/siaran")
	p.taps("staff:broadcast:")
	p.taps("staff:bcancel")
}

// pays looks at the price of a fast one.
func (p *person) pays() {
	p.crowd(2_000)
	p.says("/broadcast")
	p.taps("staff:compose")

	film := p.text("")
	film.Message.Video = &telego.Video{FileID: "film"}
	p.does(film)
	p.taps("form:last")
	p.taps("form:save")
	p.taps("staff:faster")
	p.taps("staff:unhurried")
	p.taps("staff:faster")
	p.taps("staff:launchpaid")
	p.says("/audit")
}

// crowd has many people in the store.
func (p *person) crowd(count int64) {
	for id := range count {
		_, err := p.users.Meet(p.t.Context(), demo, user.Person{ID: 5_000 + id, Name: "P"}, "id")
		require.NoError(p.t, err)
	}
}

// refuses has Ani want no more of them, and then again.
func (m *market) refuses(language string) {
	other := &person{m, ani, "Ani", language}
	other.tapsBlind("promo:off")

	found, err := m.users.Get(m.t.Context(), demo, ani)
	require.NoError(m.t, err)
	require.True(m.t, found.NoBroadcasts)

	other.says("/settings")
	other.taps("broadcasts:on")
	other.taps("broadcasts:off")
	other.taps("broadcasts:on")

	found, err = m.users.Get(m.t.Context(), demo, ani)
	require.NoError(m.t, err)
	require.False(m.t, found.NoBroadcasts)
}

// What the living message says in each state, as people read it.
func TestABroadcastIsToldAsItIs(t *testing.T) {
	t.Parallel()

	texts := chat.BroadcastTexts{Catalog: newCatalog(t)}
	begun := time.Date(2026, 11, 21, 7, 5, 0, 0, time.UTC)
	of := store.Store{ID: demo, Name: "Toko Kopi Digital", Language: "id", TimeZone: "Asia/Jakarta"}
	running := broadcast.Campaign{
		ID: "B", Store: demo, State: broadcast.Running, BegunAt: begun, Content: broadcast.Content{HTML: "<b>Promo</b> &amp; kabar"},
		Counts: broadcast.Counts{Planned: 100_000, Sent: 30_000, Failed: 80, Blocked: 1_160, All: true},
	}

	require.Equal(t, `  | 📣 <b>Promo &amp; kabar</b>
  | ▰▰▰▱▱▱▱▱▱▱ 31 % · 31.240 dari 100.000
  | Sisa sekitar 39 menit
  [⏸ Jeda = staff:bpause:B] [✖️ Batalkan = staff:bcancel:B]`, picture(texts.Progress(of, running)))

	planning := running
	planning.Counts = broadcast.Counts{Planned: 12_000, Sent: 300}
	require.Contains(t, picture(texts.Progress(of, planning)), "▱▱▱▱▱▱▱▱▱▱ 300 terkirim, 12.000 penerima sejauh ini")

	stopped := running
	stopped.State, stopped.Stopped = broadcast.Paused, broadcast.StopToken
	require.Equal(t, `  | 📣 <b>Promo &amp; kabar</b>
  | ⏸ <b>Berhenti sendiri</b>: Telegram tidak mengenal token bot ini lagi. Yang belum dikirimi aman menunggu.
  | Terkirim <b>30.000</b> dari 100.000
  | Memblokir bot: 1.160, lain kali dilewati
  | Tidak bisa dikirimi: 80
  [▶️ Lanjutkan = staff:bresume:B] [✖️ Batalkan = staff:bcancel:B]`, picture(texts.Progress(of, stopped)))

	done := running
	done.State, done.EndedAt = broadcast.Done, begun.Add(55*time.Minute+40*time.Second)
	done.Counts = broadcast.Counts{Planned: 100_000, Sent: 98_119, Blocked: 1_800, Failed: 80, Unsure: 1, All: true}
	require.Equal(t, `  | 📣 <b>Promo &amp; kabar</b>
  | ✅ <b>Selesai</b>
  | Terkirim <b>98.119</b> dari 100.000
  | Memblokir bot: 1.800, lain kali dilewati
  | Tidak bisa dikirimi: 80
  | Tidak pasti terkirim: 1, tidak diulang supaya tak ada yang dapat dua kali
  | Mulai 21 Nov 2026 14.05 WIB, 56 menit, rata-rata 29 pesan sedetik
  [« Kembali = staff:broadcasts]`, picture(texts.Report(of, done)))

	done.Paid, done.Language = true, "en"
	require.Contains(t, picture(texts.Report(of, done)), "Costs 9,812 Stars at most")
}

// composed has somebody write a broadcast up to the question whether it is to be sent.
func (p *person) composed(text string) {
	p.t.Helper()
	p.tapsBlind("staff:compose")
	p.says(text)
	p.taps("form:last")
	p.taps("form:save")
}

func (m *market) campaigns() []broadcast.Campaign {
	m.t.Helper()

	found, err := broadcast.NewService(m.state, m.stores, m.users, m.now).List(m.t.Context(), demo)
	require.NoError(m.t, err)

	return found
}

// The button that sends it off makes one broadcast, however often it is tapped
// or its tap delivered, and whatever fails between.
func TestABroadcastIsSentOffOnce(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.composed("Halo")

	send := m.press("staff:launch")
	send.CallbackQuery.From, send.UpdateID = *from(owner, "id"), 999
	send.CallbackQuery.Message = &telego.Message{
		MessageID: m.phone.last, Date: 1, Chat: telego.Chat{ID: owner, Type: telego.ChatTypePrivate},
	}

	m.phone.fail(errs.New(errs.Unavailable, "Telegram is down"))
	require.Error(t, m.try(send, 1))
	require.Empty(t, m.campaigns(), "what cannot be shown is not begun")

	require.NoError(t, m.try(send, 2))
	require.NoError(t, m.try(send, 3))

	send.UpdateID = 1000 // another tap
	require.NoError(t, m.try(send, 1))
	m.work()

	made := m.campaigns()
	require.Len(t, made, 1)
	require.Equal(t, message.Address{Store: demo, Chat: owner, Message: m.phone.last}, made[0].Notice)
	require.Equal(t, int64(owner), made[0].Author)
	require.Equal(t, [][]message.Button{{{Text: "🔕 Tanpa promo", Data: "promo:off"}}}, made[0].Content.Buttons)
	require.NotEmpty(t, m.broadcasts, "those who send it were told")
}

// Who changes a broadcast after its preview makes another one: the first stays
// what it was.
func TestAChangedBroadcastIsAnother(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.composed("Satu")

	first := m.press("staff:launch").CallbackQuery.Data

	boss.taps("staff:recompose")
	boss.taps("form:change:7:0")
	boss.says("Dua")
	boss.taps("form:save")
	boss.tapsBlind(first)
	require.Empty(t, m.campaigns())
	require.Equal(t, "Siaran itu sudah tidak ada.", m.phone.toast())

	boss.says("/siaran")
	require.Empty(t, m.campaigns())
}

// A content that Telegram refuses comes back to its author, who can change it.
func TestARefusedPreviewIsTold(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.tapsBlind("staff:compose")
	boss.says("Halo")
	boss.taps("form:last")

	save := m.press("form:save")
	m.phone.fail(nil, errs.New(errs.Invalid, "Bad Request: BUTTON_URL_INVALID")) // the counting is shown, the preview is not
	boss.does(save)
	require.Contains(t, m.phone.message(0).HTML, "Telegram menolak pesan ini")
	require.Contains(t, m.phone.message(0).HTML, "Sudah benar?")

	boss.taps("form:save")
	boss.taps("staff:launch")
	require.Len(t, m.campaigns(), 1)
}

// Only the owner begins to pay; what an admin may use is then theirs too.
func TestTheOwnerSwitchesPaidBroadcastsOn(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss, admin := &person{m, owner, "Budi", "id"}, &person{m, citra, "Citra", "id"}
	admin.says("/start")
	_, err := m.users.Appoint(t.Context(), demo, citra, user.Admin)
	require.NoError(t, err)
	boss.crowd(2_000)

	admin.composed("Halo")
	require.NotContains(t, picture(m.phone.message(0)), "staff:faster")

	paid := strings.Replace(m.press("staff:launch").CallbackQuery.Data, "launch", "launchpaid", 1)
	admin.tapsBlind(paid)
	require.Contains(t, m.phone.message(0).HTML, "belum dinyalakan pemilik toko")
	require.Empty(t, m.campaigns())

	boss.composed("Halo")
	boss.taps("staff:faster")
	boss.taps("staff:launchpaid")
	require.Len(t, m.campaigns(), 1)
	require.True(t, m.campaigns()[0].Paid)

	of, err := m.stores.Get(t.Context(), demo)
	require.NoError(t, err)
	require.True(t, of.Broadcast.Paid)

	admin.composed("Halo lagi")
	require.Contains(t, picture(m.phone.message(0)), "staff:faster")
}

// A time that passes while a broadcast waits to be sent off is asked for again.
func TestABroadcastIsNotSentAtATimeThatIsOver(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}
	boss.tapsBlind("staff:compose")
	boss.says("Halo")
	boss.taps("form:last")
	boss.taps("form:change:7:6")
	boss.says("14.30")
	boss.taps("form:save")

	m.now.Advance(time.Hour)
	boss.taps("staff:launch")
	require.Equal(t, "Waktunya sudah lewat. Pilih waktu yang lain ya.", m.phone.toast())
	require.Empty(t, m.campaigns())

	boss.taps("form:save")
	require.Contains(t, m.phone.message(0).HTML, "Waktunya sudah lewat")
	boss.taps("form:change:7:6")
	boss.taps("form:pick:6:hour")
	boss.taps("form:save")
	boss.taps("staff:launch")
	require.Len(t, m.campaigns(), 1)
	require.Equal(t, broadcast.Scheduled, m.campaigns()[0].State)
	require.WithinDuration(t, m.now.Now().Add(time.Hour), m.campaigns()[0].StartAt, time.Minute)
}

// A video that answers the form is no recording; without the form it is.
func TestAVideoIsWhatItIsAskedFor(t *testing.T) {
	t.Parallel()

	m := newMarket(t)
	boss := &person{m, owner, "Budi", "id"}

	film := func() telego.Update {
		sent := m.text("")
		sent.Message.Video = &telego.Video{FileID: "film", FileUniqueID: "film", Duration: 9, FileSize: 1000}

		return sent
	}

	boss.tapsBlind("staff:compose")
	boss.does(film())
	require.Contains(t, m.phone.message(0).HTML, "2/7")

	recording := film()
	recording.Message.From, recording.Message.Chat.ID = from(owner, "id"), owner
	m.do(recording)

	page, err := m.jobs.History(t.Context(), demo, owner, "", 1)
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1, "the question of buttons asks for none")
}
