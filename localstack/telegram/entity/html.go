package entity

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// tagTypes are the tags that Telegram understands and the entities that they
// make. The span tag counts only with its class.
var tagTypes = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
	"span": "spoiler", "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote",
	"tg-emoji": "custom_emoji",
}

type openTag struct {
	name   string
	offset int
	attr   map[string]string
}

type htmlParser struct {
	source   string
	at       int
	out      plainText
	open     []openTag
	entities []Entity
}

func parseHTML(source string) (string, []Entity, error) {
	p := &htmlParser{source: source}

	for p.at < len(source) {
		var err error

		switch {
		case strings.HasPrefix(source[p.at:], "</"):
			err = p.endTag()
		case source[p.at] == '<':
			err = p.startTag()
		case source[p.at] == '&':
			p.reference()
		default:
			r, size := utf8.DecodeRuneInString(source[p.at:])
			p.out.add(r)
			p.at += size
		}

		if err != nil {
			return "", nil, err
		}
	}

	if len(p.open) > 0 {
		return "", nil, fmt.Errorf("Can't find end tag corresponding to start tag \"%s\"", p.open[len(p.open)-1].name)
	}

	return p.out.text.String(), p.entities, nil
}

// reference copies a character reference: the four that Telegram names, or a
// number. Anything else is text.
func (p *htmlParser) reference() {
	end := strings.IndexByte(p.source[p.at:min(len(p.source), p.at+12)], ';')
	if end > 0 {
		reference := p.source[p.at : p.at+end+1]
		decoded := html.UnescapeString(reference)
		named := reference == "&lt;" || reference == "&gt;" || reference == "&amp;" || reference == "&quot;"

		if named || reference[1] == '#' && decoded != reference {
			p.out.addString(decoded)
			p.at += end + 1

			return
		}
	}

	p.out.add('&')
	p.at++
}

func (p *htmlParser) startTag() error {
	start := p.at
	p.at++
	name := strings.ToLower(p.until(" \n\t\r/>"))
	attr := map[string]string{}

	for {
		p.at += len(p.source[p.at:]) - len(strings.TrimLeft(p.source[p.at:], " \n\t\r/"))
		if p.at >= len(p.source) {
			return fmt.Errorf("Unclosed start tag at byte offset %d", start)
		}

		if p.source[p.at] == '>' {
			p.at++

			break
		}

		if err := p.attribute(name, start, attr); err != nil {
			return err
		}
	}

	kind, known := tagTypes[name]
	if !known {
		return fmt.Errorf("Unsupported start tag \"%s\" at byte offset %d", name, start)
	}

	if kind == "spoiler" && name == "span" && attr["class"] != "tg-spoiler" {
		return fmt.Errorf("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", start)
	}

	p.open = append(p.open, openTag{name: name, offset: p.out.units, attr: attr})

	return nil
}

func (p *htmlParser) attribute(tag string, start int, attr map[string]string) error {
	before := p.at
	name := strings.ToLower(p.until("= \n\t\r/>"))

	if name == "" {
		return fmt.Errorf("Empty attribute name in the tag \"%s\" at byte offset %d", tag, start)
	}

	if p.at >= len(p.source) || p.source[p.at] != '=' {
		// An attribute without a value, as in <blockquote expandable>.
		attr[name] = ""

		return nil
	}

	p.at++

	if p.at < len(p.source) && (p.source[p.at] == '"' || p.source[p.at] == '\'') {
		quote := p.source[p.at : p.at+1]
		p.at++
		value := p.until(quote)

		if p.at >= len(p.source) {
			return fmt.Errorf("Unclosed start tag at byte offset %d", before)
		}

		p.at++
		attr[name] = html.UnescapeString(value)

		return nil
	}

	attr[name] = html.UnescapeString(p.until(" \n\t\r>"))

	return nil
}

func (p *htmlParser) endTag() error {
	start := p.at
	p.at += len("</")
	name := strings.ToLower(strings.TrimSpace(p.until(">")))

	if p.at >= len(p.source) {
		return fmt.Errorf("Unclosed end tag at byte offset %d", start)
	}

	p.at++

	if len(p.open) == 0 {
		return fmt.Errorf("Unexpected end tag at byte offset %d", start)
	}

	tag := p.open[len(p.open)-1]
	if name != "" && name != tag.name {
		return fmt.Errorf("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", start, tag.name, name)
	}

	p.open = p.open[:len(p.open)-1]

	if length := p.out.units - tag.offset; length > 0 {
		p.close(tag, length)
	}

	return nil
}

func (p *htmlParser) close(tag openTag, length int) {
	e := Entity{Type: tagTypes[tag.name], Offset: tag.offset, Length: length}

	switch e.Type {
	case "text_link":
		link, ok := linkEntity(tag.attr["href"], e.Offset, e.Length)
		if !ok {
			return
		}

		e = link
	case "custom_emoji":
		e.CustomEmojiID = tag.attr["emoji-id"]
	case "blockquote":
		if _, ok := tag.attr["expandable"]; ok {
			e.Type = "expandable_blockquote"
		}
	case "code":
		// <pre><code class="language-go"> is one block with a language.
		inPre := len(p.open) > 0 && p.open[len(p.open)-1].name == "pre" && p.open[len(p.open)-1].offset == e.Offset
		if language, ok := strings.CutPrefix(tag.attr["class"], "language-"); ok && inPre {
			p.open[len(p.open)-1].attr["language"] = language

			return
		}
	case "pre":
		e.Language = tag.attr["language"]
	}

	p.entities = append(p.entities, e)
}

func (p *htmlParser) until(stops string) string {
	end := strings.IndexAny(p.source[p.at:], stops)
	if end < 0 {
		end = len(p.source) - p.at
	}

	word := p.source[p.at : p.at+end]
	p.at += end

	return word
}

// linkEntity makes a mention of a user out of tg://user?id=N and a link out
// of any other address. Telegram drops links that are no addresses.
func linkEntity(url string, offset, length int) (Entity, bool) {
	var id int64
	if n, err := fmt.Sscanf(url, "tg://user?id=%d", &id); n == 1 && err == nil {
		return Entity{Type: "text_mention", Offset: offset, Length: length, UserID: id}, true
	}

	if !strings.Contains(url, ".") && !strings.Contains(url, "://") || strings.ContainsAny(url, " \n\t") {
		return Entity{}, false
	}

	if !strings.Contains(url, "://") {
		url = "http://" + url
	}

	scheme, _, _ := strings.Cut(url, "://")
	switch strings.ToLower(scheme) {
	case "http", "https", "tg", "ton", "tonsite":
		return Entity{Type: "text_link", Offset: offset, Length: length, URL: url}, true
	default:
		return Entity{}, false
	}
}
