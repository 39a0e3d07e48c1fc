package entity

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// One expression finds every kind; the group that matched tells which. A mark
// counts only at the start of a word, which startsWord checks.
var automatic = regexp.MustCompile(
	`(?P<url>(?:https?|tg)://[^\s<>"]+|(?:[A-Za-z0-9-]+\.)+(?:com|org|net|id|io|me|dev|app|co)(?:/[^\s<>"]*)?\b)` +
		`|(?P<email>[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,})` +
		`|(?P<bot_command>/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?)` +
		`|(?P<mention>@[A-Za-z0-9_]{3,32})` +
		`|(?P<hashtag>#[\pL\pN_]*[\pL_][\pL\pN_]*)`)

// find returns the automatic entities that do not touch the given ones.
func find(text string, taken []Entity) []Entity {
	var found []Entity

	units, last := 0, 0

	for _, match := range automatic.FindAllStringSubmatchIndex(text, -1) {
		units += Units(text[last:match[0]])
		last = match[0]

		word := text[match[0]:match[1]]
		kind := kindOf(match)

		switch kind {
		case "url":
			word = strings.TrimRight(word, ".,;:!?)'")
		case "bot_command":
			before, after := text[:match[0]], text[match[1]:]
			if strings.HasSuffix(before, "<") || strings.HasSuffix(before, ">") || after != "" &&
				strings.ContainsRune("/<>", rune(after[0])) {
				continue
			}
		}

		e := Entity{Type: kind, Offset: units, Length: Units(word)}
		if startsWord(text, match[0]) && !overlaps(e, taken) {
			found = append(found, e)
		}
	}

	return found
}

func kindOf(match []int) string {
	for group, name := range automatic.SubexpNames() {
		if name != "" && match[2*group] >= 0 {
			return name
		}
	}

	return ""
}

func startsWord(text string, at int) bool {
	before, size := utf8.DecodeLastRuneInString(text[:at])

	return size == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before) && !strings.ContainsRune("_/@#&", before)
}

// overlaps says whether text must be left alone because somebody marked it as
// code or as a link already, or marked a part of it.
func overlaps(e Entity, taken []Entity) bool {
	for _, t := range taken {
		apart := t.Offset+t.Length <= e.Offset || e.Offset+e.Length <= t.Offset
		if apart {
			continue
		}

		around := t.Offset <= e.Offset && e.Offset+e.Length <= t.Offset+t.Length
		if !around || t.Type == "code" || t.Type == "pre" || strings.HasPrefix(t.Type, "text_") {
			return true
		}
	}

	return false
}
