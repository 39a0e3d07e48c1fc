package media

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// WordErrorRate returns how many words must be replaced, left out or added to
// turn ref into hyp, over the number of words in ref: 0 is perfect, and it can
// exceed 1. Case, punctuation and whether a whole number up to 999,999 is
// written in digits or in English words make no difference. For a ref without
// words it is 0 if hyp has none either, else infinite.
func WordErrorRate(ref, hyp string) float64 {
	said, heard := words(ref), words(hyp)
	switch {
	case len(said) > 0:
		return float64(distance(said, heard)) / float64(len(said))
	case len(heard) > 0:
		return math.Inf(1)
	default:
		return 0
	}
}

// distance is Levenshtein's, in words, one row of the table at a time.
func distance(from, to []string) int {
	row := make([]int, len(to)+1)
	for i := range row {
		row[i] = i
	}
	for i, word := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, other := range to {
			cost := diagonal
			if word != other {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(to)]
}

// words returns the words of a text in lower case, numbers spelled out.
func words(text string) []string {
	text = strings.ReplaceAll(strings.ToLower(text), "’", "'")
	var found []string
	for _, field := range strings.FieldsFunc(withoutThousands(text), isBetweenWords) {
		field = strings.Trim(field, "'")
		if n, err := strconv.Atoi(field); err == nil && n < 1_000_000 {
			found = append(found, spell(n)...)
		} else if field != "" {
			found = append(found, field)
		}
	}
	return found
}

func isBetweenWords(r rune) bool {
	return r != '\'' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

// withoutThousands takes the comma out of 12,500.
func withoutThousands(text string) string {
	runes := []rune(text)
	kept := make([]rune, 0, len(runes))
	for i, r := range runes {
		between := i > 0 && i+1 < len(runes) && unicode.IsDigit(runes[i-1]) && unicode.IsDigit(runes[i+1])
		if r != ',' || !between {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// spell returns the English words of a number from 0 to 999,999.
func spell(n int) []string {
	small := strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen " +
		"fourteen fifteen sixteen seventeen eighteen nineteen")
	tens := strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
	switch {
	case n < 20:
		return []string{small[n]}
	case n < 100:
		return withRest([]string{tens[n/10]}, n%10)
	case n < 1000:
		return withRest([]string{small[n/100], "hundred"}, n%100)
	default:
		return withRest(append(spell(n/1000), "thousand"), n%1000)
	}
}

func withRest(head []string, rest int) []string {
	if rest == 0 {
		return head
	}
	return append(head, spell(rest)...)
}
