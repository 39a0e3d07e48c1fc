package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/user"
)

// userPremium gives a customer of a store the premium tier up to the end of a
// day by the store's clock, or takes it away.
func (o *operator) userPremium(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("user premium", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	storeID := flags.String("store", "", "")
	userID := flags.Int64("user", 0, "")
	until := flags.String("until", "", "")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	if *storeID == "" || *userID == 0 || *until == "" || flags.NArg() > 0 {
		return fmt.Errorf("%w: --store, --user and --until are needed", errUsage)
	}

	of, err := o.stores.Get(ctx, *storeID)
	if err != nil {
		return fmt.Errorf("no such store? %w", err)
	}

	end, err := endOf(*until, of.TimeZone)
	if err != nil {
		return err
	}

	changed, err := o.users.Change(ctx, of.ID, *userID, func(user *user.User) { user.PremiumUntil = end })
	if errs.Is(err, errs.NotFound) {
		return fmt.Errorf("user %d has never written to the bot of store %s: %w", *userID, of.ID, err)
	}

	if err != nil {
		return fmt.Errorf("change user %d of store %s: %w", *userID, of.ID, err)
	}

	if end.IsZero() {
		fmt.Fprintf(o.stdout, "%s (%d) has no premium in store %s any more\n", changed.Name, changed.ID, of.ID)

		return nil
	}

	fmt.Fprintf(o.stdout, "%s (%d) has premium in store %s up to the end of %s\n", changed.Name, changed.ID, of.ID, *until)

	return nil
}

// endOf gives the last moment of a day in a zone; the zero time for "never".
func endOf(day, zone string) (time.Time, error) {
	if day == "never" {
		return time.Time{}, nil
	}

	place, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("the store's time zone %q: %w", zone, err)
	}

	begin, err := time.ParseInLocation(time.DateOnly, day, place)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: --until %q is neither a day such as 2027-01-31 nor never", errUsage, day)
	}

	return begin.AddDate(0, 0, 1).UTC(), nil
}
