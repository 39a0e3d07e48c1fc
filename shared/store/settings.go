package store

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lapak-id/lapak/shared/errs"
)

// Feature is a part of what a store's bot does that can be switched off.
type Feature string

// The features. A store has all of them unless it says otherwise.
const (
	Selling       Feature = "shop"
	Depot         Feature = "depot"
	Transcription Feature = "transcription"
)

// Features gives all of them.
func Features() []Feature { return []Feature{Selling, Depot, Transcription} }

// Has reports whether the store has a feature.
func (s Store) Has(feature Feature) bool { return !slices.Contains(s.Off, feature) }

// Sells reports whether people can buy now: the shop is a feature of the store
// and it is open.
func (s Store) Sells() bool { return s.Shop.Open && s.Has(Selling) }

// On gives the features that the store has, in the order of Features.
func (s Store) On() []Feature {
	return slices.DeleteFunc(Features(), func(feature Feature) bool { return !s.Has(feature) })
}

// AllBut gives the features that are off where those named in a list such as
// "shop,transcription" are on: Store.Off. Invalid where one is none.
func AllBut(list string) ([]Feature, error) {
	off := Features()

	for name := range strings.SplitSeq(list, ",") {
		feature := Feature(strings.TrimSpace(name))
		if feature == "" {
			continue
		}

		if !slices.Contains(Features(), feature) {
			return nil, errs.New(errs.Invalid, "feature %q: there are %v", feature, Features())
		}

		off = slices.DeleteFunc(off, func(other Feature) bool { return other == feature })
	}

	return off, nil
}

// Limit names one of the stack's limits that a store may have a value of its
// own for.
type Limit string

// The limits. Zero means "any" for lengths and minutes, as in the template.
const (
	UserPerMinute  Limit = "user-per-minute"
	StorePerMinute Limit = "store-per-minute"
	Workers        Limit = "workers"
	Tasks          Limit = "tasks"
	FreeFileMB     Limit = "free-file-mb"
	FreeHours      Limit = "free-hours"
	FreeMinutes    Limit = "free-minutes"
	PremiumFileMB  Limit = "premium-file-mb"
	PremiumHours   Limit = "premium-hours"
	PremiumMinutes Limit = "premium-minutes"
)

// Range is what a limit may be set to.
type Range struct {
	Limit    Limit
	Min, Max int
	Meaning  string
}

// Ranges gives all limits with their bounds, which are the template's.
func Ranges() []Range {
	const day = 24 * 60

	return []Range{
		{UserPerMinute, 1, 600, "updates of one person answered a minute"},
		{StorePerMinute, 1, 60_000, "updates of all people answered a minute"},
		{Workers, 1, 1000, "recordings transcribed at once"},
		{Tasks, 1, 20, "recordings of one person worked on at once"},
		{FreeFileMB, 1, 4000, "largest file of a customer without premium, in megabytes"},
		{FreeHours, 0, 24, "longest recording of a customer without premium, in hours; 0 for any"},
		{FreeMinutes, 0, day, "minutes of recordings a day of a customer without premium; 0 for any"},
		{PremiumFileMB, 1, 4000, "largest file of a premium customer, in megabytes"},
		{PremiumHours, 0, 24, "longest recording of a premium customer, in hours; 0 for any"},
		{PremiumMinutes, 0, day, "minutes of recordings a day of a premium customer; 0 for any"},
	}
}

// CheckTimeZone returns Invalid where the store's time zone is none.
func (s Store) CheckTimeZone() error {
	// "Local" loads too, but is another zone on each machine.
	if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone == "Local" {
		return errs.Wrap(err, errs.Invalid, "time zone %q is not an IANA name", s.TimeZone)
	}

	return nil
}

// Or gives the store's own value of a limit, or else the stack's.
func (s Store) Or(limit Limit, stacks int) int {
	if own, ok := s.Limits[limit]; ok {
		return own
	}

	return stacks
}

// Limit gives a look-up of a limit by store: its own value, or else the
// stack's. Where the store cannot be read, the stack's holds.
func (r *Registry) Limit(limit Limit, stacks int) func(ctx context.Context, id string) int {
	return func(ctx context.Context, id string) int {
		of, err := r.Get(ctx, id)
		if err != nil {
			slog.WarnContext(ctx, "the store's own limit is not known", "limit", limit, "error", err)

			return stacks
		}

		return of.Or(limit, stacks)
	}
}

// WithLimit gives Store.Limits with one set to a value, such as "30", or by
// "default" to that of the stack again. Invalid where it cannot be that.
func WithLimit(before map[Limit]int, bounds Range, value string) (map[Limit]int, error) {
	limits := map[Limit]int{}
	maps.Copy(limits, before)

	if value == "default" {
		delete(limits, bounds.Limit)
	} else {
		number, err := strconv.Atoi(value)
		if err != nil || number < bounds.Min || number > bounds.Max {
			return nil, errs.New(errs.Invalid, "%s %q: use %d to %d, or default", bounds.Limit, value, bounds.Min, bounds.Max)
		}

		limits[bounds.Limit] = number
	}

	return limits, nil
}

// MaxPausedText is how long what a store says while it is paused may be, in
// characters: it must fit into the toast that answers a tapped button.
const MaxPausedText = 180

// PausedTexts gives what a store says by language while it is paused:
// Store.PausedText, without what is empty. Invalid where a text is too long.
func PausedTexts(texts map[string]string) (map[string]string, error) {
	said := map[string]string{}

	for language, text := range texts {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}

		if length := utf8.RuneCountInString(text); length > MaxPausedText {
			return nil, errs.New(errs.Invalid, "the text for people who write meanwhile (%s) has %d characters: at most %d go",
				language, length, MaxPausedText)
		}

		said[language] = text
	}

	return said, nil
}
