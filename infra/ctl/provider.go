package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lapak-id/lapak/shared/deepgram"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/groq"
	"github.com/lapak-id/lapak/shared/speech"
	"github.com/lapak-id/lapak/shared/store"
)

// telegramApp is what the api_hash of the environment's Telegram application
// is kept under. It is no store's own.
const telegramApp = "telegram-app"

// speechProviders are those whose keys a store can have of its own.
func speechProviders() []string { return []string{groq.Name, deepgram.Name, groq.Compatible} }

// providerSet gives a provider's key. The one before it goes on counting: a
// provider that refuses the new one is asked with the old one.
func (o *operator) providerSet(ctx context.Context, args []string) error {
	name, secretName, err := o.providerKey(ctx, "provider set", args)
	if err != nil {
		return err
	}

	key, err := o.secretInput("LAPAK_PROVIDER_KEY", "key of "+name)
	if err != nil {
		return err
	}

	if err := o.vault.Rotate(ctx, secretName, key); err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}

	fmt.Fprintf(o.stdout, "the key %s is set; functions use it within 5 minutes\n", secretName)

	return nil
}

// providerRemove forgets a key and the one before it. Without one a provider
// is not asked.
func (o *operator) providerRemove(ctx context.Context, args []string) error {
	_, secretName, err := o.providerKey(ctx, "provider remove", args)
	if err != nil {
		return err
	}

	if err := o.vault.Delete(ctx, secretName); err != nil {
		return fmt.Errorf("forget the key: %w", err)
	}

	fmt.Fprintf(o.stdout, "the key %s is removed; functions do without it within 5 minutes\n", secretName)

	return nil
}

// providerList tells which keys are set, never what they are.
func (o *operator) providerList(ctx context.Context, args []string) error {
	of, args, err := providerFlags("provider list", args)
	if err != nil {
		return err
	}

	if len(args) > 0 {
		return fmt.Errorf("%w: what is %q?", errUsage, args[0])
	}

	names := speechProviders()
	if of == "" {
		names = append(names, telegramApp)
	}

	out := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "PROVIDER\tKEY")

	for _, name := range names {
		secretName, err := o.providerSecret(ctx, of, name)
		if err != nil {
			return err
		}

		kept, err := o.vault.Get(ctx, secretName)

		state := "set"

		switch {
		case errs.Is(err, errs.NotFound):
			state = "-"
		case err != nil:
			return fmt.Errorf("look for the key of %s: %w", name, err)
		case kept.Previous != "":
			state = "set, and the one before it"
		}

		fmt.Fprintf(out, "%s\t%s\n", name, state)
	}

	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}

	return nil
}

// providerKey reads which key a command means: the provider's name, and that of
// the secret.
func (o *operator) providerKey(ctx context.Context, command string, args []string) (string, string, error) {
	of, args, err := providerFlags(command, args)
	if err != nil {
		return "", "", err
	}

	name, err := providerName(of, args)
	if err != nil {
		return "", "", err
	}

	secretName, err := o.providerSecret(ctx, of, name)

	return name, secretName, err
}

// providerFlags reads the flags, which may stand before and behind the name.
func providerFlags(command string, args []string) (string, []string, error) {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	of := flags.String("store", "", "")

	var names []string

	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return "", nil, fmt.Errorf("%w: %w", errUsage, err)
		}

		if args = flags.Args(); len(args) > 0 {
			names, args = append(names, args[0]), args[1:]
		}
	}

	return *of, names, nil
}

func providerName(of string, names []string) (string, error) {
	known := speechProviders()
	if of == "" {
		known = append(known, telegramApp)
	}

	if len(names) != 1 || !slices.Contains(known, names[0]) {
		return "", fmt.Errorf("%w: name one provider: %s", errUsage, strings.Join(known, ", "))
	}

	return names[0], nil
}

// providerSecret names the secret of a provider, of a store that there is or
// else of the environment.
func (o *operator) providerSecret(ctx context.Context, of, name string) (string, error) {
	if of == "" {
		return speech.KeyName(name), nil
	}

	if _, err := o.stores.Get(ctx, of); err != nil {
		return "", fmt.Errorf("no such store? %w", err)
	}

	return speech.StoreKeyName(of, name), nil
}

// forgetProviders forgets a store's own keys.
func (o *operator) forgetProviders(ctx context.Context, of string) error {
	var all []error
	for _, name := range speechProviders() {
		all = append(all, o.vault.Delete(ctx, speech.StoreKeyName(of, name)))
	}

	return errors.Join(all...)
}

// storeSpeech sets which speech models a store uses, the best first: those of
// the stack where none is given.
func (o *operator) storeSpeech(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("%w: which store?", errUsage)
	}

	var names speech.Names
	if err := names.UnmarshalText([]byte(strings.Join(args[1:], " "))); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	for _, name := range names {
		if known := speechModels(); !slices.Contains(known, name) && !strings.HasPrefix(name, groq.Compatible+"/") {
			return fmt.Errorf("%w: no speech model %q; use %s or %s/MODEL",
				errUsage, name, strings.Join(known, ", "), groq.Compatible)
		}
	}

	found, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return fmt.Errorf("no such store? %w", err)
	}

	found.Speech = names
	if err := o.stores.Save(ctx, found); err != nil {
		return fmt.Errorf("save store %s: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s uses %s\n", found.ID, speechOf(found))

	return nil
}

// speechModels are the full names of the models that are known by name.
func speechModels() []string {
	var names []string

	for _, model := range groq.Models() {
		names = append(names, groq.Name+"/"+model.Name)
	}

	for _, model := range deepgram.Models() {
		names = append(names, deepgram.Name+"/"+model.Name)
	}

	return names
}

func speechOf(of store.Store) string {
	if len(of.Speech) == 0 {
		return "the stack's models"
	}

	return strings.Join(of.Speech, ", ")
}
