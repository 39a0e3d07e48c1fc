package speech

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/transcript"
)

// choice is a model that may be asked, and with what.
type choice struct {
	provider Provider
	model    Model
	keyName  string // in the vault: what is known of the provider's health is known of this key
	keys     secret.Secret
	question Question // without the part
	price    Price
}

func (c choice) name() string { return c.provider.Name() + "/" + c.model.Name }

// KeyName names the secret with the environment's key of a provider.
func KeyName(provider string) string { return "providers/" + provider }

// StoreKeyName names the secret with a store's own key of a provider, which
// is used instead of the environment's.
func StoreKeyName(store, provider string) string { return "stores/" + store + "/" + KeyName(provider) }

// choose gives the models that may be asked, the one to ask first in front,
// and at least one: Internal where there is none.
func (s *Speech) choose(ctx context.Context, of string, options transcript.Options) ([]choice, error) {
	order, err := s.order(ctx, of)
	if err != nil {
		return nil, err
	}

	choices, err := s.offered(ctx, of, order)
	if err != nil {
		return nil, err
	}

	if len(choices) == 0 {
		return nil, errs.New(errs.Internal,
			"no speech provider is set up for store %s: give the key of one with: ctl provider set groq (or deepgram, openai)", of)
	}

	choices = s.able(ctx, choices, options)

	slices.SortStableFunc(choices, func(a, b choice) int {
		if len(order) > 0 {
			return cmp.Compare(slices.Index(order, a.name()), slices.Index(order, b.name()))
		}

		return cmp.Or(
			cmp.Compare(a.price.perHour(a.question.Speakers), b.price.perHour(b.question.Speakers)),
			cmp.Compare(b.model.Quality, a.model.Quality),
		)
	})

	return choices, nil
}

// order is that of the store, where it names any model that there is, else
// that of the stack.
func (s *Speech) order(ctx context.Context, of string) ([]string, error) {
	found, err := s.stores.Get(ctx, of)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return nil, errs.Context(err, "look up which speech providers store %s prefers", of)
	}

	known := s.names()

	var order []string

	for _, name := range found.Speech {
		if slices.Contains(known, name) {
			order = append(order, name)
		} else {
			slog.WarnContext(ctx, "the store prefers a speech model that is not there", "model", name)
		}
	}

	if len(order) == 0 {
		return s.settings.Order, nil
	}

	return order, nil
}

// offered gives the models of an order, of all where it is empty, whose
// provider has a key.
func (s *Speech) offered(ctx context.Context, of string, order []string) ([]choice, error) {
	var choices []choice

	for _, provider := range s.providers {
		ordered := slices.ContainsFunc(order, func(name string) bool { return strings.HasPrefix(name, provider.Name()+"/") })
		if len(order) > 0 && !ordered {
			continue
		}

		keyName, keys, err := s.keys(ctx, of, provider.Name())
		if errs.Is(err, errs.NotFound) {
			continue
		}

		if err != nil {
			return nil, err
		}

		for _, model := range provider.Models() {
			made := choice{
				provider: provider, model: model, keyName: keyName, keys: keys, price: model.Price,
				question: Question{Model: model.Name},
			}
			if set, ok := s.settings.Prices[made.name()]; ok {
				made.price = made.price.with(set)
			}

			if len(order) == 0 || slices.Contains(order, made.name()) {
				choices = append(choices, made)
			}
		}
	}

	return choices, nil
}

// keys gives the store's own key of a provider, else the environment's.
func (s *Speech) keys(ctx context.Context, of, provider string) (string, secret.Secret, error) {
	name := StoreKeyName(of, provider)

	keys, err := s.vault.Get(ctx, name)
	if errs.Is(err, errs.NotFound) {
		name = KeyName(provider)
		keys, err = s.vault.Get(ctx, name)
	}

	if err != nil {
		return "", secret.Secret{}, errs.Context(err, "get the key of speech provider %s", provider)
	}

	return name, keys, nil
}

// able gives those that can do what is asked: the model that is named, then
// telling speakers apart, then the language. Where none of them can do one of
// these, it is done without.
func (s *Speech) able(ctx context.Context, choices []choice, options transcript.Options) []choice {
	if options.Model != "" {
		choices = those(ctx, choices, "model "+options.Model, func(c choice) bool { return c.name() == options.Model })
	}

	if options.Speakers {
		choices = those(ctx, choices, "speakers", func(c choice) bool { return c.model.Speakers })
	}

	if options.Language != "" {
		choices = those(ctx, choices, "language "+options.Language, func(c choice) bool { return c.hears(options.Language) })
	}

	for index := range choices {
		c := &choices[index]
		c.question.Speakers = options.Speakers && c.model.Speakers

		if c.hears(options.Language) {
			c.question.Language = options.Language
		}
	}

	return choices
}

func (c choice) hears(language string) bool {
	return len(c.model.Languages) == 0 || slices.Contains(c.model.Languages, language)
}

// those keeps the choices that can do a thing, all of them where none can.
func those(ctx context.Context, choices []choice, thing string, can func(choice) bool) []choice {
	var left []choice

	for _, c := range choices {
		if can(c) {
			left = append(left, c)
		}
	}

	if len(left) == 0 {
		slog.InfoContext(ctx, "no speech provider that is set up can do this, it is done without", "asked", thing)

		return choices
	}

	return left
}
