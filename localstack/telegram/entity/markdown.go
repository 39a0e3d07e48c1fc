package entity

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// reserved must be escaped in MarkdownV2 wherever they mean nothing.
const reserved = "_*[]()~`>#+-=|{}.!"

var markTypes = map[string]string{
	"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler", "`": "code", "```": "pre",
	"[": "text_link", "![": "custom_emoji",
}

type openMark struct {
	mark     string
	offset   int
	at       int
	language string
}

type markdownParser struct {
	source   string
	at       int
	out      plainText
	open     []openMark
	entities []Entity
	// quote is where the block quotation began in the plain text, or -1.
	quote int
}

func parseMarkdownV2(source string) (string, []Entity, error) {
	p := &markdownParser{source: source, quote: -1}

	for p.at < len(source) {
		if err := p.step(); err != nil {
			return "", nil, err
		}
	}

	if p.quote >= 0 {
		p.endQuote()
	}

	if len(p.open) > 0 {
		mark := p.open[len(p.open)-1]

		return "", nil, fmt.Errorf("Can't find end of %s entity at byte offset %d", title(markTypes[mark.mark]), mark.at)
	}

	return p.out.text.String(), p.entities, nil
}

func title(kind string) string {
	words := strings.Split(kind, "_")
	for i, word := range words {
		words[i] = strings.ToUpper(word[:1]) + word[1:]
	}

	return strings.Join(words, "")
}

func (p *markdownParser) step() error {
	rest := p.source[p.at:]

	if rest[0] == '\\' && len(rest) > 1 && rest[1] > 0 && rest[1] < 127 {
		p.out.add(rune(rest[1]))
		p.at += 2

		return nil
	}

	if p.quote >= 0 && p.lineStart() && rest[0] != '>' {
		p.endQuote()
	}

	inCode := len(p.open) > 0 && strings.HasPrefix(p.open[len(p.open)-1].mark, "`")
	if inCode {
		return p.stepCode(p.open[len(p.open)-1].mark)
	}

	if rest[0] == '>' && p.lineStart() {
		if p.quote < 0 {
			p.quote = p.out.units
		}

		p.at++

		return nil
	}

	if !strings.ContainsRune(reserved, rune(rest[0])) {
		p.copyRune()

		return nil
	}

	return p.stepMark(rest)
}

// stepCode copies inside code, where only its own end means something.
func (p *markdownParser) stepCode(mark string) error {
	if strings.HasPrefix(p.source[p.at:], mark) {
		p.at += len(mark)
		p.closeMark("")

		return nil
	}

	if p.source[p.at] == '`' {
		return errors.New("Character '`' is reserved and must be escaped with the preceding '\\'")
	}

	p.copyRune()

	return nil
}

func (p *markdownParser) stepMark(rest string) error {
	mark := longestMark(rest)

	top := ""
	if len(p.open) > 0 {
		top = p.open[len(p.open)-1].mark
	}

	if rest[0] == ']' && (top == "[" || top == "![") {
		return p.endLink()
	}

	// "**" over a closing quotation makes it expandable: >text||
	if mark == "||" && p.quote >= 0 && top != mark && endsLine(rest[len(mark):]) {
		p.at += len(mark)
		p.endQuote()
		p.entities[len(p.entities)-1].Type = "expandable_blockquote"

		return nil
	}

	if mark == "" {
		return fmt.Errorf("Character '%c' is reserved and must be escaped with the preceding '\\'", rest[0])
	}

	if top == "_" && mark == "__" {
		mark = "_"
	}

	start := p.at
	p.at += len(mark)

	if mark == top {
		p.closeMark("")

		return nil
	}

	open := openMark{mark: mark, offset: p.out.units, at: start}
	if mark == "```" {
		open.language = p.language()
	}

	p.open = append(p.open, open)

	return nil
}

func longestMark(rest string) string {
	for _, mark := range []string{"```", "__", "||", "![", "*", "_", "~", "`", "["} {
		if strings.HasPrefix(rest, mark) {
			return mark
		}
	}

	return ""
}

// language reads the language after the three backticks, if the line has one,
// and the line end that belongs to the mark.
func (p *markdownParser) language() string {
	line, _, found := strings.Cut(p.source[p.at:], "\n")
	if !found || strings.ContainsAny(line, "` ") {
		return ""
	}

	p.at += len(line) + 1

	return line
}

func (p *markdownParser) endLink() error {
	p.at++

	url := ""

	if p.at < len(p.source) && p.source[p.at] == '(' {
		end := p.at + 1

		var address strings.Builder

		for end < len(p.source) && p.source[end] != ')' {
			if p.source[end] == '\\' && end+1 < len(p.source) {
				end++
			}

			address.WriteByte(p.source[end])
			end++
		}

		if end >= len(p.source) {
			return fmt.Errorf("Can't find end of a URL at byte offset %d", p.at)
		}

		url = strings.ToValidUTF8(address.String(), "")
		p.at = end + 1
	}

	p.closeMark(url)

	return nil
}

// closeMark ends the innermost mark.
func (p *markdownParser) closeMark(url string) {
	mark := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]

	e := Entity{Type: markTypes[mark.mark], Offset: mark.offset, Length: p.out.units - mark.offset, Language: mark.language}
	if e.Length == 0 {
		return
	}

	switch e.Type {
	case "text_link":
		link, ok := linkEntity(url, e.Offset, e.Length)
		if !ok {
			return
		}

		e = link
	case "custom_emoji":
		e.CustomEmojiID = strings.TrimPrefix(url, "tg://emoji?id=")
	}

	p.entities = append(p.entities, e)
}

func (p *markdownParser) endQuote() {
	p.entities = append(p.entities, Entity{Type: "blockquote", Offset: p.quote, Length: p.out.units - p.quote})
	p.quote = -1
}

func (p *markdownParser) lineStart() bool { return p.at == 0 || p.source[p.at-1] == '\n' }

func endsLine(rest string) bool { return rest == "" || rest[0] == '\n' }

func (p *markdownParser) copyRune() {
	r, size := utf8.DecodeRuneInString(p.source[p.at:])
	p.out.add(r)
	p.at += size
}

// parseMarkdown reads the older mode, in which entities do not nest and only
// four characters can be escaped.
func parseMarkdown(source string) (string, []Entity, error) {
	p := &markdownParser{source: source, quote: -1}

	for p.at < len(source) {
		rest := source[p.at:]

		if rest[0] == '\\' && len(rest) > 1 && strings.ContainsRune("_*`[", rune(rest[1])) {
			p.out.add(rune(rest[1]))
			p.at += 2

			continue
		}

		if !strings.ContainsRune("_*`[", rune(rest[0])) {
			p.copyRune()

			continue
		}

		if err := p.legacyEntity(); err != nil {
			return "", nil, err
		}
	}

	return p.out.text.String(), p.entities, nil
}

func (p *markdownParser) legacyEntity() error {
	start := p.at

	mark := p.source[start : start+1]
	if strings.HasPrefix(p.source[start:], "```") {
		mark = "```"
	}

	open := openMark{mark: mark, offset: p.out.units, at: start}
	p.at += len(mark)

	end := mark

	switch mark {
	case "[":
		end = "]"
	case "```":
		open.language = p.language()
	}

	length := strings.Index(p.source[p.at:], end)
	if length < 0 {
		return fmt.Errorf("Can't find end of the entity starting at byte offset %d", start)
	}

	p.out.addString(p.source[p.at : p.at+length])
	p.at += length

	p.open = append(p.open, open)
	if mark == "[" {
		return p.endLink()
	}

	p.at += len(end)
	p.closeMark("")

	return nil
}
