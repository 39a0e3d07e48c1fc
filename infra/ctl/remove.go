package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// storeRemove takes a store down. What it has is kept by an export first, or
// left where it is, or erased, as the operator says; nothing goes unsaid. It can
// be repeated after it was interrupted anywhere: the register is last.
func (o *operator) storeRemove(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("store remove", flag.ContinueOnError)
	path := flags.String("export", "", "")
	without := flags.Bool("no-export", false, "")
	erase := flags.Bool("erase", false, "")

	found, err := o.settingOf(ctx, args, flags)
	if err != nil {
		return err
	}

	switch {
	case (*path == "") == !*without:
		return fmt.Errorf("%w: give --export FILE, or --no-export", errUsage)
	case *erase && o.settings.Scratch == "":
		return errors.New("which scratch table? give --stack NAME, or set LAPAK_SCRATCH_TABLE")
	case (*path != "" || *erase) && !found.Paused:
		return fmt.Errorf("store %s is open: pause it first (ctl store pause %s) and wait a minute, so that nothing changes meanwhile",
			found.ID, found.ID)
	}

	if *path != "" {
		rows, err := exportStore(ctx, o.state, found, *path)
		if err != nil {
			return err
		}

		fmt.Fprintf(o.stdout, "%d rows of store %s are in %s, read back and whole\n", rows, found.ID, *path)
	}

	if err := o.disconnect(ctx, found); err != nil {
		return err
	}

	left := "its data stays"

	if *erase {
		rows, err := o.erase(ctx, found.ID)
		if err != nil {
			return err
		}

		left = fmt.Sprintf("%d rows are erased; recordings and transcripts in the bucket go by its lifecycle", rows)
	}

	err = errors.Join(
		o.forgetProviders(ctx, found.ID),
		o.forgetGateways(ctx, found.ID),
		o.vault.Delete(ctx, store.WebhookSecretName(found.ID)),
		o.vault.Delete(ctx, store.TokenName(found.ID)),
		o.stores.Remove(ctx, found.ID),
	)
	if err != nil {
		return fmt.Errorf("forget store %s: %w", found.ID, err)
	}

	fmt.Fprintf(o.stdout, "store %s is removed; %s\n", found.ID, left)

	return nil
}

// disconnect has Telegram push no more updates. A bot whose token was revoked
// or is gone has no webhook any more.
func (o *operator) disconnect(ctx context.Context, of store.Store) error {
	_, client, err := o.storeOf(ctx, []string{of.ID})
	if err == nil {
		err = client.DeleteWebhook(ctx)
	}

	if err != nil && !errs.Is(err, errs.Unauthorized) && !o.tokenGone(ctx, of) {
		return fmt.Errorf("store %s: %w", of.ID, err)
	}

	return nil
}

// tokenGone reports whether an earlier removal has forgotten the token already.
func (o *operator) tokenGone(ctx context.Context, of store.Store) bool {
	_, err := o.vault.Fresh(ctx, store.TokenName(of.ID))

	return errs.Is(err, errs.NotFound)
}

// erase deletes all rows of a store from both tables, again and again until
// there are none: a worker that was under way may have written some meanwhile.
func (o *operator) erase(ctx context.Context, id string) (int64, error) {
	const passes = 5

	tenant, err := table.TenantOf(id)
	if err != nil {
		return 0, err
	}

	var all int64

	for range passes {
		erased := int64(0)

		for _, from := range []stored{o.state, o.scratch} {
			count, err := eraseFrom(ctx, from, tenant)
			if err != nil {
				return 0, fmt.Errorf("erase store %s: %w", id, err)
			}

			erased += count
		}

		if all += erased; erased == 0 {
			return all, nil
		}
	}

	return 0, fmt.Errorf("erase store %s: rows keep coming; see what still works for it, and remove it again", id)
}

// stored is a table whose rows can be gone through.
type stored interface {
	table.Table
	table.Scanner
}

func eraseFrom(ctx context.Context, from stored, tenant table.Tenant) (int64, error) {
	const atOnce = 16

	var erased atomic.Int64

	group, deleting := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)

	err := eachRow(ctx, from, tenant, func(row table.Row) error {
		group.Go(func() error {
			err := from.Write(deleting, table.Delete(row.Key, row.Version))
			if errs.Is(err, errs.Conflict) { // it has changed: the next pass finds it
				erased.Add(1)

				return nil
			}

			if err == nil {
				erased.Add(1)
			}

			return err
		})

		return nil
	})

	err = errors.Join(err, group.Wait())

	return erased.Load(), err
}

// storeVerify reads an export and says whether it is whole.
func (o *operator) storeVerify(_ context.Context, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%w: which file?", errUsage)
	}

	file, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("open the export: %w", err)
	}

	head, rows, err := readExport(file, func(exportRow) error { return nil })
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}

	fmt.Fprintf(o.stdout, "%s is a whole export of store %s (%s) with %d rows, of %s\n",
		args[0], head.Store.ID, head.Store.Name, rows, head.At.Format("2006-01-02 15:04 MST"))

	return nil
}
