package chat_test

import (
	"html"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/lapak-id/lapak/localstack/telegram/entity"
	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/message"
)

func TestFormattingGoesWithATextThatIsSentOn(t *testing.T) {
	t.Parallel()

	of := func(kind string, offset, length int) telego.MessageEntity {
		return telego.MessageEntity{Type: kind, Offset: offset, Length: length}
	}
	link := of("text_link", 0, 4)
	link.URL = `https://x.id/?a=1&b="2"`

	for _, one := range []struct {
		text     string
		entities []telego.MessageEntity
		want     string
	}{
		{"a < b & c", nil, "a &lt; b &amp; c"},
		{"kopi enak", []telego.MessageEntity{of("bold", 0, 4), of("italic", 5, 4)}, "<b>kopi</b> <i>enak</i>"},
		{"kopi enak", []telego.MessageEntity{of("italic", 0, 4), of("bold", 0, 9)}, "<b><i>kopi</i> enak</b>"},
		{"☕️🎉 kopi", []telego.MessageEntity{of("spoiler", 5, 4)}, "☕️🎉 <tg-spoiler>kopi</tg-spoiler>"},
		{"kopi", []telego.MessageEntity{link}, `<a href="https://x.id/?a=1&amp;b=&quot;2&quot;">kopi</a>`},
		{"x()", []telego.MessageEntity{of("code", 0, 3), of("bold", 0, 1)}, "<code>x()</code>"},
		{"b\nc", []telego.MessageEntity{of("expandable_blockquote", 0, 3)}, "<blockquote expandable>b\nc</blockquote>"},
		{"https://x.id #kopi", []telego.MessageEntity{of("url", 0, 12), of("hashtag", 13, 5)}, "https://x.id #kopi"},
		{"abc", []telego.MessageEntity{of("bold", 1, 99), of("italic", 7, 2), of("underline", 0, 0)}, "a<b>bc</b>"},
		{"abcd", []telego.MessageEntity{of("bold", 0, 3), of("italic", 2, 2)}, "<b>ab<i>c</i></b>d"}, // they never overlap so
	} {
		require.Equal(t, one.want, chat.MarkupOf(one.text, one.entities), "%q", one.text)

		read, _, err := entity.Parse("HTML", one.want)
		require.NoError(t, err, "Telegram does not take %q", one.want)
		require.Equal(t, one.text, read)
	}
}

// Whatever the entities say, tags are closed where they were opened, and what
// people read is the text.
func FuzzMarkupOf(f *testing.F) {
	kinds := []string{
		"bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "blockquote", "expandable_blockquote",
		"text_link", "text_mention", "custom_emoji", "nothing",
	}

	f.Add("kopi <enak> & 🎉", uint8(0), 0, 4, uint8(9), 2, 99)
	f.Add("🎉🎉", uint8(5), 1, 2, uint8(0), 3, 1)
	f.Add("", uint8(1), -5, 9, uint8(2), 0, 0)

	f.Fuzz(func(t *testing.T, text string, kind1 uint8, from1, length1 int, kind2 uint8, from2, length2 int) {
		if !utf8.ValidString(text) {
			return // Telegram sends no other
		}

		written := chat.MarkupOf(text, []telego.MessageEntity{
			{Type: kinds[int(kind1)%len(kinds)], Offset: from1, Length: length1, URL: `https://x.id/"><b>`},
			{Type: kinds[int(kind2)%len(kinds)], Offset: from2, Length: length2, URL: "https://x.id"},
		})

		var open []string

		for _, found := range tag.FindAllStringSubmatch(written, -1) {
			if !strings.HasPrefix(found[0], "</") {
				open = append(open, found[1])

				continue
			}

			if len(open) == 0 || open[len(open)-1] != found[1] {
				t.Fatalf("%q: %s closes what is not open", written, found[0])
			}

			open = open[:len(open)-1]
		}

		if len(open) > 0 {
			t.Fatalf("%q leaves %v open", written, open)
		}

		if read := unescape(tag.ReplaceAllString(written, "")); read != text {
			t.Fatalf("%q is read as %q", text, read)
		}

		if _, _, err := entity.Parse("HTML", written); err != nil {
			t.Fatalf("Telegram does not take %q: %v", written, err)
		}
	})
}

func TestButtonsAreReadLineByLine(t *testing.T) {
	t.Parallel()

	rows, wrong := chat.ButtonsIn("🛍 Belanja | /shop\n\n Kopi | panas | https://x.id/a?b=1&c=2 \nKatalog|x.id", "kopi_bot")
	require.Empty(t, wrong)
	require.Equal(t, [][]message.Button{
		{{Text: "🛍 Belanja", URL: "https://t.me/kopi_bot?start=shop"}},
		{{Text: "Kopi | panas", URL: "https://x.id/a?b=1&c=2"}},
		{{Text: "Katalog", URL: "https://x.id"}},
	}, rows)

	for text, line := range map[string]string{
		"Belanja":                        "Belanja",
		"A | https://x.id\nB":            "B",
		"| https://x.id":                 "| https://x.id",
		"A |":                            "A |",
		"A | /":                          "A | /",
		"A | /a b":                       "A | /a b",
		"A | javascript:alert(1)":        "A | javascript:alert(1)",
		"A | ftp://x.id":                 "A | ftp://x.id",
		"A | https://bank.id@jahat.id":   "A | https://bank.id@jahat.id",
		"A | localhost":                  "A | localhost",
		strings.Repeat("A | x.id\n", 7):  "A | x.id",
		"A | https://x.id/%zz":           "A | https://x.id/%zz",
		"A\u202e | https://x.id\nB | \t": "B |",
	} {
		rows, wrong := chat.ButtonsIn(text, "kopi_bot")
		require.Empty(t, rows, "%q", text)
		require.Equal(t, line, wrong, "%q", text)
	}
}

// What is taken for buttons is what Telegram takes.
func FuzzButtonsIn(f *testing.F) {
	for _, seed := range []string{
		"A | https://x.id", "A | /shop\nB | x.id/?q=a b", "|", "A | https://x.id:99999", "A | //", "A | http://[::1.]",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		rows, wrong := chat.ButtonsIn(text, "kopi_bot")
		if wrong != "" && rows != nil || len(rows) > 6 {
			t.Fatalf("%q gives %v and %q", text, rows, wrong)
		}

		for _, row := range rows {
			button := row[0]
			if len(row) != 1 || strings.TrimSpace(button.Text) == "" || !utf8.ValidString(button.Text) || button.Data != "" {
				t.Fatalf("%q gives %+v", text, row)
			}

			if !strings.HasPrefix(button.URL, "https://") && !strings.HasPrefix(button.URL, "http://") ||
				strings.ContainsAny(button.URL, " \n\"<>") {
				t.Fatalf("%q opens %q", text, button.URL)
			}
		}
	})
}

func TestATimeIsReadAsPeopleWriteIt(t *testing.T) {
	t.Parallel()

	wib := time.FixedZone("WIB", 7*60*60)
	now := time.Date(2026, 11, 21, 14, 5, 0, 0, wib)

	for text, want := range map[string]string{
		"15.00": "2026-11-21 15:00", "9:05": "2026-11-22 09:05", "14.05": "2026-11-22 14:05", " 25-12 09.00 ": "2026-12-25 09:00",
		"25/12/2026 9.00": "2026-12-25 09:00", "2026-12-25 09:00": "2026-12-25 09:00", "25.12.2026 09.00": "2026-12-25 09:00",
		"1-1 00.00": "2027-01-01 00:00", "21-11 14.04": "2027-11-21 14:04",
		"": "", "besok": "", "25-12": "", "20-11-2026 09.00": "", "21-11-2026 14.05": "", "29-2-2027 9.00": "", "24.00": "",
		"25-12 9.60": "", "25-12-2026 9.00 10": "", "13-13 9.00": "", "9": "",
	} {
		at, ok := chat.MomentIn(text, now)
		require.Equal(t, want != "", ok, "%q", text)

		if ok {
			require.Equal(t, want, at.Format("2006-01-02 15:04"), "%q", text)
		}
	}
}

func FuzzMomentIn(f *testing.F) {
	for _, seed := range []string{"15.00", "25-12 09:00", "29-2 9.00", "2026-11-21 14.05", "0-0 0.0", "9999-12-31 23.59", "31/4 8.00"} {
		f.Add(seed)
	}

	now := time.Date(2026, 11, 21, 14, 5, 30, 0, time.FixedZone("WIB", 7*60*60))

	f.Fuzz(func(t *testing.T, text string) {
		at, ok := chat.MomentIn(text, now)
		if ok && (!at.After(now) || at.Second() != 0 || at.Location() != now.Location()) {
			t.Fatalf("%q is %s", text, at)
		}
	})
}

// Whatever a broadcast says and however far it is, what its author is shown is a
// message that Telegram takes.
func TestBroadcastsAreAlwaysMessages(t *testing.T) {
	t.Parallel()

	texts := chat.BroadcastTexts{Catalog: newCatalog(t)}
	rules := &phone{t: t}
	to := message.Address{Store: demo, Chat: owner}
	count := rapid.IntRange(0, 10_000_000)

	rapid.Check(t, func(rt *rapid.T) {
		said := broadcast.Campaign{
			ID: strings.Repeat("A", 17), Store: demo, Language: rapid.SampledFrom([]string{"", "id", "en"}).Draw(rt, "language"),
			State: rapid.SampledFrom([]broadcast.State{
				broadcast.Scheduled, broadcast.Running, broadcast.Paused, broadcast.Cancelled, broadcast.Done,
			}).Draw(rt, "state"),
			Stopped: rapid.SampledFrom([]broadcast.Stop{
				"", broadcast.StopToken, broadcast.StopContent, broadcast.StopStore,
			}).Draw(rt, "stopped"),
			Paid: rapid.Bool().Draw(rt, "paid"),
			Content: broadcast.Content{
				Media: rapid.SampledFrom([]broadcast.Media{"", broadcast.Photo, broadcast.Document}).Draw(rt, "media"),
				HTML:  html.EscapeString(rapid.StringN(1, 4096, -1).Draw(rt, "text")),
			},
			Audience: broadcast.Audience{
				Tier: broadcast.Premium, Language: "en", Bought: "p", InactiveDays: rapid.IntRange(0, 3650).Draw(rt, "days"),
			},
			StartAt: shopTime, BegunAt: shopTime, EndedAt: shopTime.Add(time.Duration(count.Draw(rt, "took")) * time.Millisecond),
			Counts: broadcast.Counts{
				Planned: count.Draw(rt, "planned"), Sent: count.Draw(rt, "sent"), Failed: count.Draw(rt, "failed"),
				Blocked: count.Draw(rt, "blocked"), Unsure: count.Draw(rt, "unsure"), All: rapid.Bool().Draw(rt, "all"),
			},
		}

		if strings.TrimSpace(said.Content.HTML) == "" {
			said.Content.Media = broadcast.Photo
		}

		progress := texts.Progress(aShop(), said)
		rules.check(to, progress)
		require.LessOrEqual(rt, len(utf16.Encode([]rune(progress.HTML))), 1024, "short enough to be seen at a glance")
		rules.check(to, texts.Report(aShop(), said))
	})
}

func TestCountsOfABroadcastAreNeverOverAHundredPercent(t *testing.T) {
	t.Parallel()

	texts := chat.BroadcastTexts{Catalog: newCatalog(t)}

	for seen := range 12 {
		text := texts.Progress(aShop(), broadcast.Campaign{
			ID: "B", State: broadcast.Running, Content: broadcast.Content{HTML: "x"},
			Counts: broadcast.Counts{Planned: 10, Sent: seen, All: true},
		})
		require.Contains(t, text.HTML, strconv.Itoa(min(seen*10, 100))+" %")
	}
}
