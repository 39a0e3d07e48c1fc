// Package entity turns formatted text (HTML, MarkdownV2, Markdown) into plain
// text with entities as Telegram does, and finds the entities that Telegram
// marks by itself: commands, links, mentions, hashtags.
package entity

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Entity is a stretch of a text with a meaning, in the form of the Bot API's
// MessageEntity. Offset and Length count UTF-16 units.
type Entity struct {
	Type          string `json:"type"`
	Offset        int    `json:"offset"`
	Length        int    `json:"length"`
	URL           string `json:"url,omitempty"`
	UserID        int64  `json:"user_id,omitempty"`
	Language      string `json:"language,omitempty"`
	CustomEmojiID string `json:"custom_emoji_id,omitempty"`
}

// Units returns the length of a text in UTF-16 units, Telegram's measure.
func Units(text string) int {
	units := 0
	for _, r := range text {
		units += utf16.RuneLen(r)
	}

	return units
}

// Parse reads text formatted as mode says: "HTML", "MarkdownV2", "Markdown"
// in any case, or "" for plain text. Errors are worded as Telegram's.
func Parse(mode, text string) (string, []Entity, error) {
	var (
		plain    string
		entities []Entity
		err      error
	)

	text = strings.ToValidUTF8(text, "")

	switch strings.ToLower(mode) {
	case "":
		plain = text
	case "html":
		plain, entities, err = parseHTML(text)
	case "markdownv2":
		plain, entities, err = parseMarkdownV2(text)
	case "markdown":
		plain, entities, err = parseMarkdown(text)
	default:
		return "", nil, errors.New("unsupported parse_mode")
	}

	if err != nil {
		return "", nil, fmt.Errorf("can't parse entities: %w", err)
	}

	return Tidy(plain, entities)
}

// Tidy trims white space around the text and moves the entities with it,
// drops the empty ones, adds those that Telegram finds by itself, and puts
// them in order. It fails if an entity lies outside the text.
func Tidy(text string, entities []Entity) (string, []Entity, error) {
	left := strings.TrimLeft(text, " \n\t\r")
	lead := Units(text) - Units(left)
	trimmed := strings.TrimRight(left, " \n\t\r")
	units := Units(trimmed)

	kept := make([]Entity, 0, len(entities))

	for _, e := range entities {
		if e.Offset < 0 || e.Length < 0 || e.Offset > Units(text) || e.Length > Units(text)-e.Offset {
			return "", nil, errors.New("ENTITY_BOUNDS_INVALID")
		}

		start, end := max(e.Offset-lead, 0), min(e.Offset+e.Length-lead, units)
		if end <= start {
			continue
		}

		e.Offset, e.Length = start, end-start
		kept = append(kept, e)
	}

	kept = append(kept, find(trimmed, kept)...)
	slices.SortStableFunc(kept, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})

	return trimmed, kept, nil
}

// plainText is the text without marks as it grows, counted in UTF-16 units.
type plainText struct {
	text  strings.Builder
	units int
}

func (p *plainText) add(r rune) {
	p.text.WriteRune(r)
	p.units += utf16.RuneLen(r)
}

func (p *plainText) addString(s string) {
	for _, r := range s {
		p.add(r)
	}
}
