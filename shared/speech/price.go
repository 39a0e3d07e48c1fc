package speech

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// Price is what a provider bills, in US dollars an hour of audio.
type Price struct {
	Hour     float64
	Speakers float64       // more, where speakers are told apart
	Least    time.Duration // billed at least in each call
}

func (p Price) perHour(speakers bool) float64 {
	if speakers {
		return p.Hour + p.Speakers
	}

	return p.Hour
}

// with takes over what the operator has set; the least that is billed stays.
func (p Price) with(set Price) Price {
	p.Hour, p.Speakers = set.Hour, set.Speakers

	return p
}

// longestBilled bounds what a provider can say that it has heard.
const longestBilled = 24 * time.Hour

// cost gives what a call with so much audio costs, in thousandths of a rupiah,
// rounded up.
func (p Price) cost(audio time.Duration, speakers bool, rupiahPerDollar float64) int64 {
	billed := min(max(audio, p.Least), longestBilled)

	return int64(math.Ceil(billed.Hours() * p.perHour(speakers) * rupiahPerDollar * 1000))
}

// Prices are an operator's, by the full names of models. They read
// themselves from a setting such as
//
//	groq/whisper-large-v3-turbo=0.04 deepgram/nova-3=0.258+0.12
//
// in dollars an hour, and what telling speakers apart costs more.
type Prices map[string]Price

// mostDollars bounds a price: more is a slip of the pen.
const mostDollars = 1000

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *Prices) UnmarshalText(text []byte) error {
	read := Prices{}

	for item := range strings.FieldsFuncSeq(string(text), isSeparator) {
		name, price, found := strings.Cut(item, "=")
		hour, speakers, _ := strings.Cut(price, "+")

		dollars, err := parseDollars(hour)

		more := 0.0
		if err == nil && speakers != "" {
			more, err = parseDollars(speakers)
		}

		if err != nil || !found || name == "" {
			return errs.New(errs.Invalid, "price %q: write provider/model=DOLLARS an hour, as in deepgram/nova-3=0.258+0.12", item)
		}

		read[name] = Price{Hour: dollars, Speakers: more}
	}

	*p = read

	return nil
}

func parseDollars(text string) (float64, error) {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || value < 0 || value > mostDollars {
		return 0, errs.New(errs.Invalid, "%q is no price", text)
	}

	return value, nil
}

// Names are full names of models, in a setting separated by spaces or commas.
type Names []string

// UnmarshalText implements encoding.TextUnmarshaler. Invalid for what is not
// of the form provider/model, and for a name that comes twice.
func (n *Names) UnmarshalText(text []byte) error {
	var read Names

	for name := range strings.FieldsFuncSeq(string(text), isSeparator) {
		provider, model, _ := strings.Cut(name, "/")
		if provider == "" || model == "" || slices.Contains(read, name) {
			return errs.New(errs.Invalid, "speech model %q: write each as provider/model, once", name)
		}

		read = append(read, name)
	}

	*n = read

	return nil
}

func isSeparator(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' }
