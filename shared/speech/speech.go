// Package speech provides recognition of speech by whichever provider fits
// best: what a call must be able to do, then the store's order of preference
// or else the price, then the provider's health. A provider that fails is
// followed by the next one, and every call is accounted for.
//
// shared/groq and shared/deepgram are the providers; shared/speech/call is
// what their HTTP calls have in common.
package speech

import (
	"context"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

// Provider is a company, or a server of one's own, that hears speech.
type Provider interface {
	// Name is the first half of a model's full name, such as "groq". Keys are
	// kept under it.
	Name() string
	// Models are what it offers.
	Models() []Model
	// Hear asks once. Invalid where the audio cannot be heard, Unauthorized
	// where the key is refused, Limited with a time to wait, Unavailable and
	// Internal for all else. An answer that was lost is marked by Lost.
	Hear(ctx context.Context, key secret.Value, question Question) (transcript.Transcript, error)
}

// Model is one way of hearing that a provider offers.
type Model struct {
	Name      string        // as the provider calls it
	Bytes     int64         // most that may be uploaded
	LinkBytes int64         // most that it fetches from an address; 0: it fetches nothing
	Longest   time.Duration // most audio in one call
	Formats   []string      // containers that it takes, as transcript.Bounds names them
	Languages []string      // two letters each; empty: it is not known which, so any may be asked for
	Speakers  bool          // tells speakers apart
	Price     Price
	Quality   int // decides between models of one price: more is better
}

// Question is one call.
type Question struct {
	Model    string // as the provider calls it
	Language string // spoken: two letters; empty: to be recognised
	Speakers bool   // tell speakers apart
	Part     transcript.Part
	// Link is where the provider shall fetch the part; empty: it is uploaded.
	Link string
}

// Stores knows what a store prefers.
type Stores interface {
	Get(ctx context.Context, id string) (store.Store, error)
}

// Settings are the operator's.
type Settings struct {
	// Order is the models, "provider/model", in the order of preference; what
	// is not in it is not used. Empty: all, the cheapest first.
	Order []string
	// Prices take the place of those that the providers' packages know.
	Prices Prices
	// RupiahPerDollar converts prices.
	RupiahPerDollar float64
	// Longest bounds the audio of one call, so that parts of a long recording
	// are heard at the same time. Telling speakers apart ignores it: who
	// speaks is the same from one part to the next only within one call.
	Longest time.Duration
	// Timeout is how long a call may take, and as long as its audio lasts on
	// top of that.
	Timeout time.Duration
}

// Speech implements transcript.Speech. It is safe for concurrent use.
type Speech struct {
	providers []Provider
	vault     secret.Vault
	stores    Stores
	settings  Settings
	clock     clock.Clock
	metrics   *metric.Emitter
	health    *health
}

var _ transcript.Speech = (*Speech)(nil)

// New makes a Speech of providers, whose keys are in vault. Invalid where the
// settings name a model that no provider has.
func New(
	providers []Provider, vault secret.Vault, stores Stores, settings Settings, now clock.Clock, metrics *metric.Emitter,
) (*Speech, error) {
	made := &Speech{
		providers: providers, vault: vault, stores: stores, settings: settings, clock: now, metrics: metrics,
		health: newHealth(now),
	}

	names := slices.Clone(settings.Order)
	for name := range settings.Prices {
		names = append(names, name)
	}

	for _, name := range names {
		if known := made.names(); !slices.Contains(known, name) {
			return nil, errs.New(errs.Invalid, "the settings name the speech model %q: use one of %q", name, known)
		}
	}

	return made, nil
}

// names gives the full names of all models.
func (s *Speech) names() []string {
	var names []string

	for _, provider := range s.providers {
		for _, model := range provider.Models() {
			names = append(names, provider.Name()+"/"+model.Name)
		}
	}

	return names
}

// Bounds implements transcript.Speech: what every model that may be asked can
// carry, so that a part can go to the next one when the first one fails.
// Internal where no provider is set up.
func (s *Speech) Bounds(ctx context.Context, of string, options transcript.Options) (transcript.Bounds, error) {
	choices, err := s.choose(ctx, of, options)
	if err != nil {
		return transcript.Bounds{}, err
	}

	bounds := transcript.Bounds{Formats: choices[0].model.Formats, Whole: choices[0].question.Speakers}

	for index, choice := range choices {
		longest := choice.model.Longest
		if !choice.question.Speakers && s.settings.Longest > 0 {
			longest = min(longest, s.settings.Longest)
		}

		link := max(choice.model.Bytes, choice.model.LinkBytes)

		if index == 0 {
			bounds.Bytes, bounds.LinkBytes, bounds.Duration = choice.model.Bytes, link, longest

			continue
		}

		bounds.Bytes = min(bounds.Bytes, choice.model.Bytes)
		bounds.LinkBytes = min(bounds.LinkBytes, link)
		bounds.Duration = min(bounds.Duration, longest)
		bounds.Formats = shared(bounds.Formats, choice.model.Formats)
	}

	return bounds, nil
}

// shared gives what both have, in the order of the first.
func shared(first, second []string) []string {
	var both []string

	for _, one := range first {
		if slices.Contains(second, one) {
			both = append(both, one)
		}
	}

	return both
}
