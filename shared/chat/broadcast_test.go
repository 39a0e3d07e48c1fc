package chat_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
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

			golden := filepath.Join("testdata", "broadcast."+language+".txt")
			got := strings.Join(m.phone.log, "\n") + "\n"

			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}

			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got, "if this is meant: go test ./shared/chat -update")
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
