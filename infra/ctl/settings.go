package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/audit"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// storePause puts a store into maintenance.
func (o *operator) storePause(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("store pause", flag.ContinueOnError)
	flags.SetOutput(io.Discard)

	texts := map[string]*string{}
	for _, language := range new(chat.Catalog).Languages() {
		texts[language] = flags.String("text-"+language, "", "")
	}

	of, err := o.settingOf(ctx, args, flags)
	if err != nil {
		return err
	}

	said := map[string]string{}
	for language, text := range texts {
		said[language] = *text
	}

	if said, err = store.PausedTexts(said); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	err = o.change(ctx, of, "store pause", func(of *store.Store) { of.Paused, of.PausedText = true, said })
	if err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s is paused; functions know within a minute\n", of.ID)

	return nil
}

func (o *operator) storeResume(ctx context.Context, args []string) error {
	of, err := o.settingOf(ctx, args, flag.NewFlagSet("store resume", flag.ContinueOnError))
	if err != nil {
		return err
	}

	if err := o.change(ctx, of, "store resume", func(of *store.Store) { of.Paused, of.PausedText = false, nil }); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s is open again; functions know within a minute\n", of.ID)

	return nil
}

// storeSet changes the settings that are given, and only those.
func (o *operator) storeSet(ctx context.Context, args []string) error {
	given := store.Store{}
	flags := flag.NewFlagSet("store set", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&given.Name, "name", "", "")
	flags.Int64Var(&given.Owner, "owner", 0, "")
	flags.StringVar(&given.Language, "language", "", "")
	flags.StringVar(&given.TimeZone, "time-zone", "", "")
	features := flags.String("features", "", "")
	limits := map[store.Limit]*string{}

	for _, bounds := range store.Ranges() {
		limits[bounds.Limit] = flags.String(string(bounds.Limit), "", "")
	}

	of, err := o.settingOf(ctx, args, flags)
	if err != nil {
		return err
	}

	set := map[string]bool{}
	flags.Visit(func(found *flag.Flag) { set[found.Name] = true })

	if len(set) == 0 {
		return fmt.Errorf("%w: what is to be set?", errUsage)
	}

	var wrong error

	change := func(changed *store.Store) {
		wrong = func() error {
			overwrite(changed, given, set)

			var err error

			if set["features"] {
				if changed.Off, err = store.AllBut(*features); err != nil {
					return err
				}
			}

			for _, bounds := range store.Ranges() {
				if !set[string(bounds.Limit)] {
					continue
				}

				if changed.Limits, err = store.WithLimit(changed.Limits, bounds, *limits[bounds.Limit]); err != nil {
					return err
				}
			}

			return o.opening.CheckSettings(*changed)
		}()
	}

	trial := of
	if change(&trial); wrong != nil {
		return fmt.Errorf("%w: %w", errUsage, wrong)
	}

	if err := o.change(ctx, of, "store set", change); err != nil {
		return err
	}

	fmt.Fprintf(o.stdout, "store %s: %s; functions know within a minute\n", of.ID, settingsOf(trial))

	if !slices.Equal(trial.Off, of.Off) {
		return o.opening.RefreshMenu(ctx, trial)
	}

	return nil
}

func overwrite(changed *store.Store, given store.Store, set map[string]bool) {
	if set["name"] {
		changed.Name = given.Name
	}

	if set["owner"] {
		changed.Owner = given.Owner
	}

	if set["language"] {
		changed.Language = given.Language
	}

	if set["time-zone"] {
		changed.TimeZone = given.TimeZone
	}
}

// settingOf reads the store that the first argument names, and the flags behind it.
func (o *operator) settingOf(ctx context.Context, args []string, flags *flag.FlagSet) (store.Store, error) {
	flags.SetOutput(io.Discard)

	if len(args) == 0 {
		return store.Store{}, fmt.Errorf("%w: which store?", errUsage)
	}

	if err := flags.Parse(args[1:]); err != nil {
		return store.Store{}, fmt.Errorf("%w: %w", errUsage, err)
	}

	if flags.NArg() > 0 {
		return store.Store{}, fmt.Errorf("%w: what is %q? (a text of several words needs quotes)", errUsage, flags.Arg(0))
	}

	of, err := o.stores.Get(ctx, args[0])
	if err != nil {
		return store.Store{}, fmt.Errorf("no such store? %w", err)
	}

	return of, nil
}

// change changes a store together with the audit row of what was done.
func (o *operator) change(ctx context.Context, of store.Store, action string, change func(*store.Store)) error {
	after := of
	change(&after)

	recorded, err := record(of, action, settingsOf(of), settingsOf(after))
	if err != nil {
		return err
	}

	if _, err := o.stores.Change(ctx, of.ID, change, recorded); err != nil {
		return fmt.Errorf("change store %s: %w", of.ID, err)
	}

	return nil
}

// record makes the audit row of what the operator does to a store.
func record(of store.Store, action, before, after string) (table.Op, error) {
	now := time.Now().UTC()

	recorded, err := audit.Op(audit.Entry{
		ID: id.Dated(now, of.ID, action, now.Format(time.RFC3339Nano)), Store: of.ID, Role: "operator", Action: action,
		Target: "store " + of.ID, Before: before, After: after, At: now,
	})
	if err != nil {
		return table.Op{}, fmt.Errorf("record %s: %w", action, err)
	}

	return recorded, nil
}

// settingsOf says in one line what sets a store apart.
func settingsOf(of store.Store) string {
	said := []string{
		strconv.Quote(of.Name), "owner " + strconv.FormatInt(of.Owner, 10), of.Language, of.TimeZone, stateOf(of),
		"features " + featuresOf(of),
	}

	if len(of.Limits) > 0 {
		said = append(said, limitsOf(of))
	}

	return strings.Join(said, ", ")
}

// limitsOf lists the limits that a store has of its own.
func limitsOf(of store.Store) string {
	var own []string

	for _, bounds := range store.Ranges() {
		if value, ok := of.Limits[bounds.Limit]; ok {
			own = append(own, string(bounds.Limit)+" "+strconv.Itoa(value))
		}
	}

	return orDash(strings.Join(own, ", "))
}

func stateOf(of store.Store) string {
	if of.Paused {
		return "paused"
	}

	return "open"
}

func featuresOf(of store.Store) string {
	var on []string
	for _, feature := range of.On() {
		on = append(on, string(feature))
	}

	return orDash(strings.Join(on, ","))
}
