package chat

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // Lambda's system has no time zones of its own
	"unicode"
	"unicode/utf16"
)

// number writes a whole number as the language groups its digits.
func (w Words) number(value int64) string {
	digits := strconv.FormatInt(value, 10)
	sign := ""

	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}

	const group = 3
	for at := len(digits) - group; at > 0; at -= group {
		digits = digits[:at] + w.plain("format.thousands", nil) + digits[at:]
	}

	return sign + digits
}

// duration writes a length of time by its two largest units, "1 jam 12 menit";
// above ten minutes seconds say nothing any more. Zero is no text.
func (w Words) duration(length time.Duration) string {
	const exactBelow = 10 * time.Minute

	length = length.Round(time.Second)
	if length >= exactBelow {
		length = length.Round(time.Minute)
	}

	var parts []string

	if hours := int(length.Hours()); hours > 0 {
		parts = append(parts, w.counted("format.hours", hours))
	}

	if minutes := int(length.Minutes()) % 60; minutes > 0 {
		parts = append(parts, w.counted("format.minutes", minutes))
	}

	if seconds := int(length.Seconds()) % 60; seconds > 0 {
		parts = append(parts, w.counted("format.seconds", seconds))
	}

	return strings.Join(parts, " ")
}

// length writes a length of time that may be nothing: "0 menit".
func (w Words) length(length time.Duration) string {
	if text := w.duration(length); text != "" {
		return text
	}

	return w.counted("format.minutes", 0)
}

// size writes a number of bytes, "3,4 MB". Zero is no text.
func (w Words) size(bytes int64) string {
	const (
		kilo = 1000
		mega = kilo * kilo
		tens = 10 // from here on, tenths say nothing
	)

	switch {
	case bytes <= 0:
		return ""
	case bytes < mega:
		return w.number(max(bytes/kilo, 1)) + " kB"
	case bytes < tens*mega:
		tenths := bytes * tens / mega

		return w.number(tenths/tens) + w.plain("format.decimal", nil) + strconv.FormatInt(tenths%tens, 10) + " MB"
	default:
		return w.number(bytes/mega) + " MB"
	}
}

// moment writes a time in a store's zone, short enough for a list, "21 Nov
// 14.05". It falls back to UTC where the zone is unknown.
func (w Words) moment(at time.Time, zone string) string {
	local := inZone(at, zone)

	return strconv.Itoa(local.Day()) + " " + w.month(local) + " " + local.Format(w.plain("format.clock", nil))
}

func inZone(at time.Time, zone string) time.Time {
	place, err := time.LoadLocation(zone)
	if err != nil {
		return at.UTC()
	}

	return at.In(place)
}

func (w Words) month(at time.Time) string {
	return strings.Fields(w.plain("format.months", nil))[at.Month()-1]
}

// units counts what Telegram counts: UTF-16 units.
func units(text string) int {
	count := 0
	for _, r := range text {
		count += utf16.RuneLen(r)
	}

	return count
}

// fit cuts plain text to at most limit UTF-16 units: behind the last sentence
// that fits if that keeps half of it, else behind the last word, else anywhere
// between characters. It reports whether something was cut off.
func fit(text string, limit int) (string, bool) {
	if units(text) <= limit {
		return text, false
	}

	var (
		used, sentence, word, end int
		before                    rune
	)

	for at, r := range text {
		if unicode.IsSpace(r) {
			word = at

			if strings.ContainsRune(".!?…。！？", before) {
				sentence = at
			}
		}

		if used += utf16.RuneLen(r); used > limit {
			end = at

			break
		}

		before = r
	}

	switch {
	case sentence > end/2:
		end = sentence
	case word > end/2:
		end = word
	}

	return strings.TrimRightFunc(text[:end], unicode.IsSpace), true
}
