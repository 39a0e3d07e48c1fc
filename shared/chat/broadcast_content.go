package chat

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/broadcast"
	"github.com/lapak-id/lapak/shared/message"
)

// contentOf makes a broadcast's content of a message as somebody has sent it,
// with its formatting; empty where it is of a kind that cannot be sent on.
func contentOf(sent *telego.Message) broadcast.Content {
	caption := markupOf(sent.Caption, sent.CaptionEntities)

	switch {
	case len(sent.Photo) > 0:
		return broadcast.Content{Media: broadcast.Photo, FileID: pictureOf(sent), HTML: caption}
	case sent.Animation != nil: // it has a document too
		return broadcast.Content{Media: broadcast.Animation, FileID: sent.Animation.FileID, HTML: caption}
	case sent.Video != nil:
		return broadcast.Content{Media: broadcast.Video, FileID: sent.Video.FileID, HTML: caption}
	case sent.Audio != nil:
		return broadcast.Content{Media: broadcast.Audio, FileID: sent.Audio.FileID, HTML: caption}
	case sent.Document != nil:
		return broadcast.Content{Media: broadcast.Document, FileID: sent.Document.FileID, HTML: caption}
	default:
		return broadcast.Content{HTML: markupOf(sent.Text, sent.Entities)}
	}
}

// span is a stretch of a text, in UTF-16 units, with the tags around it.
type span struct {
	from, to    int
	open, close string
	bare        bool // nothing inside it is formatted
}

// markupOf writes a text with its formatting in Telegram's HTML. Whatever the
// entities say, tags are nested and closed, and the text within stays the same.
func markupOf(text string, entities []telego.MessageEntity) string {
	spans := spansOf(entities)

	var (
		written strings.Builder
		open    []span
		at      int
	)

	closeUntil := func(at int) {
		for len(open) > 0 && open[len(open)-1].to <= at {
			written.WriteString(open[len(open)-1].close)
			open = open[:len(open)-1]
		}
	}

	for _, r := range text {
		closeUntil(at)

		for ; len(spans) > 0 && spans[0].from <= at; spans = spans[1:] {
			next := spans[0]
			if len(open) > 0 {
				around := open[len(open)-1]
				if next.to = min(next.to, around.to); around.bare {
					continue
				}
			}

			if next.to > at {
				written.WriteString(next.open)
				open = append(open, next)
			}
		}

		written.WriteString(escape(string(r)))

		at += utf16.RuneLen(r)
	}

	closeUntil(at)

	for _, left := range slices.Backward(open) { // of entities that go beyond the text
		written.WriteString(left.close)
	}

	return written.String()
}

// spansOf gives what entities format, the outer ones first. What Telegram finds
// by itself, such as links and hashtags, needs no tag.
func spansOf(entities []telego.MessageEntity) []span {
	tags := map[string]string{
		telego.EntityTypeBold: "b", telego.EntityTypeItalic: "i", telego.EntityTypeUnderline: "u",
		telego.EntityTypeStrikethrough: "s", telego.EntityTypeSpoiler: "tg-spoiler", telego.EntityTypeCode: "code",
		telego.EntityTypePre: "pre", telego.EntityTypeBlockquote: "blockquote",
	}

	var spans []span

	for _, entity := range entities {
		one := span{from: max(0, entity.Offset), to: entity.Offset + entity.Length}
		if one.to <= one.from {
			continue
		}

		tag := tags[entity.Type]
		one.bare = entity.Type == telego.EntityTypeCode || entity.Type == telego.EntityTypePre

		switch {
		case tag != "":
			one.open, one.close = "<"+tag+">", "</"+tag+">"
		case entity.Type == telego.EntityTypeExpandableBlockquote:
			one.open, one.close = "<blockquote expandable>", "</blockquote>"
		case entity.Type == telego.EntityTypeTextLink && entity.URL != "":
			one.open, one.close = `<a href="`+strings.ReplaceAll(escape(entity.URL), `"`, "&quot;")+`">`, "</a>"
		default:
			continue
		}

		spans = append(spans, one)
	}

	slices.SortStableFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})

	return spans
}

// maxBroadcastButtons is how many buttons a broadcast has beside the one that
// refuses more of them: a screen has eight rows.
const maxBroadcastButtons = 6

// linkName is what a deep link may carry.
var linkName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// buttonsIn reads the buttons of a broadcast, one a line: "Text | https://…", or
// "Text | /shop" for a screen of the bot. With them comes the first line that is
// no button, or one too many; empty: there is none such.
func buttonsIn(text, bot string) ([][]message.Button, string) {
	var rows [][]message.Button

	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(line, "")))
		if line == "" {
			continue
		}

		at := strings.LastIndex(line, "|")
		if at < 0 || len(rows) == maxBroadcastButtons {
			return nil, line
		}

		button := message.Button{Text: strings.TrimSpace(line[:at]), URL: targetOf(strings.TrimSpace(line[at+1:]), bot)}
		if button.Text == "" || button.URL == "" {
			return nil, line
		}

		rows = append(rows, []message.Button{button})
	}

	return rows, ""
}

// targetOf gives the address that a button opens: a page, or a screen of the bot
// by its command; empty where it is neither.
func targetOf(text, bot string) string {
	if name, ok := strings.CutPrefix(text, "/"); ok {
		if bot == "" || !linkName.MatchString(name) {
			return ""
		}

		return "https://t.me/" + bot + "?start=" + name
	}

	if !strings.Contains(text, "://") {
		text = "https://" + text
	}

	page, err := url.Parse(text)
	if err != nil || page.User != nil || strings.ContainsAny(text, " \"<>") || !strings.Contains(page.Host, ".") {
		return ""
	}

	if page.Scheme != "https" && page.Scheme != "http" {
		return ""
	}

	return page.String()
}
