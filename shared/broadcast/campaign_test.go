package broadcast_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
)

func TestContent(t *testing.T) {
	t.Parallel()

	button := message.Button{Text: "Belanja", URL: "https://example.com/x"}

	text := func(text string) broadcast.Content { return broadcast.Content{HTML: text} }
	buttons := func(rows ...[]message.Button) broadcast.Content { return broadcast.Content{HTML: "x", Buttons: rows} }
	caption := strings.Repeat("x", broadcast.MaxCaption)

	for name, test := range map[string]struct {
		content broadcast.Content
		key     string // of the sentence; "-": refused without one
	}{
		"text":          {content: text("<b>Promo</b>")},
		"longest":       {content: text("<i>" + strings.Repeat("é", broadcast.MaxText) + "</i>")},
		"photo":         {content: broadcast.Content{Media: broadcast.Photo, FileID: "f", HTML: caption}},
		"buttons":       {content: buttons([]message.Button{button, {Text: "a", Data: "open:shop"}})},
		"empty":         {content: text(" <b> </b>"), key: "broadcast.empty"},
		"too long":      {content: text(strings.Repeat("x", broadcast.MaxText+1)), key: "broadcast.long"},
		"pairs":         {content: text(strings.Repeat("😀", broadcast.MaxText/2+1)), key: "broadcast.long"},
		"caption":       {content: broadcast.Content{Media: broadcast.Video, FileID: "f", HTML: caption + "x"}, key: "broadcast.long"},
		"no file":       {content: broadcast.Content{Media: broadcast.Photo, HTML: "x"}, key: "-"},
		"no kind":       {content: broadcast.Content{FileID: "f", HTML: "x"}, key: "-"},
		"sticker":       {content: broadcast.Content{Media: "sticker", FileID: "f"}, key: "-"},
		"script":        {content: buttons([]message.Button{{Text: "a", URL: "javascript:x"}}), key: "broadcast.button_url"},
		"both":          {content: buttons([]message.Button{{Text: "a", URL: button.URL, Data: "x"}}), key: "broadcast.button_url"},
		"no text":       {content: buttons([]message.Button{{URL: button.URL}}), key: "broadcast.button_text"},
		"wide":          {content: buttons(slices.Repeat([]message.Button{button}, broadcast.MaxRow+1)), key: "broadcast.buttons"},
		"empty row":     {content: buttons([]message.Button{}), key: "broadcast.buttons"},
		"too many rows": {content: buttons(slices.Repeat([][]message.Button{{button}}, 101)...), key: "broadcast.buttons"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			err := test.content.Validate()
			if test.key == "" {
				require.NoError(t, err)

				return
			}

			require.Equal(t, errs.Invalid, errs.CodeOf(err))

			key, _, told := errs.Sentence(err)
			assert.Equal(t, test.key != "-", told)

			if told {
				assert.Equal(t, test.key, key)
			}
		})
	}
}

func FuzzLength(f *testing.F) {
	f.Add("<b>a</b> &amp; <a href=\"x\">b</a>")
	f.Add("1 < 2 && 3 > 2")
	f.Add("\xff<")
	f.Fuzz(func(t *testing.T, text string) {
		length := broadcast.Length(text)
		if length < 0 || utf8.ValidString(text) && length > len(utf16.Encode([]rune(text))) {
			t.Errorf("%q has %d units", text, length)
		}
	})
}

func TestRateAndPrice(t *testing.T) {
	t.Parallel()

	of := store.Store{}
	assert.Equal(t, 30, broadcast.Rate(of, false))
	assert.Equal(t, 1000, broadcast.Rate(of, true))

	of.Broadcast.PerSecond = 200
	assert.Equal(t, 30, broadcast.Rate(of, false), "never above what is free")
	assert.Equal(t, 200, broadcast.Rate(of, true))

	assert.Equal(t, 0, broadcast.Price(0))
	assert.Equal(t, 1, broadcast.Price(1))
	assert.Equal(t, 10_000, broadcast.Price(100_000))
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	inWorld(t, 5, func(w *world) {
		t := w.T // of the bubble

		first := w.schedule(func(c *broadcast.Campaign) { c.StartAt = time.Now().Add(time.Hour) })
		again := w.schedule(func(c *broadcast.Campaign) { c.Content.HTML = "another" })
		assert.Equal(t, first.Content, again.Content, "an id is one campaign")
		assert.Equal(t, broadcast.Scheduled, again.State)

		_, err := w.service.Pause(t.Context(), shop, "c1")
		assert.Equal(t, errs.Conflict, errs.CodeOf(err))

		_, err = w.service.Cancel(t.Context(), shop, "c1")
		require.NoError(t, err)
		sleep(t.Context(), 2*time.Hour)
		assert.Empty(t, w.phone.got(), "it never starts")

		count, err := w.service.Estimate(t.Context(), shop, broadcast.Audience{})
		require.NoError(t, err)
		assert.Equal(t, 5, count)

		for name, spoil := range map[string]func(*broadcast.Campaign){
			"content": func(c *broadcast.Campaign) { c.Content.HTML = "" },
			"far":     func(c *broadcast.Campaign) { c.StartAt = time.Now().AddDate(2, 0, 0) },
			"unpaid":  func(c *broadcast.Campaign) { c.Paid = true },
			"days":    func(c *broadcast.Campaign) { c.Audience.InactiveDays = -1 },
			"id":      func(c *broadcast.Campaign) { c.ID = "" },
			"store":   func(c *broadcast.Campaign) { c.Store = "NO" },
		} {
			asked := broadcast.Campaign{ID: "c2", Store: shop, Content: broadcast.Content{HTML: "x"}}
			spoil(&asked)

			_, err := w.service.Schedule(t.Context(), asked)
			assert.Equal(t, errs.Invalid, errs.CodeOf(err), name)
		}

		_, err = w.service.Get(t.Context(), shop, "c9")
		assert.Equal(t, errs.NotFound, errs.CodeOf(err))
	})
}
