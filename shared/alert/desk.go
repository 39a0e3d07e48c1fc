package alert

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// Messenger speaks to owners.
type Messenger interface {
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
}

// Texts puts troubles into the words of a language; the empty one is that of
// the trouble's store.
type Texts interface {
	// Trouble tells of one, at a moment.
	Trouble(language string, of Trouble, now time.Time) message.Text
	// Storm tells of many at once.
	Storm(language string, of Storm, now time.Time) message.Text
}

// Options are what a Desk works with. All are needed.
type Options struct {
	State     table.Table
	Stores    *store.Registry
	Users     *user.Repository // of the owner's own bot: who has pressed Start there
	Messenger Messenger
	Texts     Texts
	Clock     clock.Clock
	Runbooks  string // the address of the folder of runbooks
}

// Desk hands alerts to those whom they concern. It is safe for concurrent use,
// also by many processes.
type Desk struct{ Options }

// NewDesk makes a desk.
func NewDesk(options Options) *Desk { return &Desk{Options: options} }

// Handle takes in what came through the topic and tells whom it concerns: of a
// store its owner, of the platform its operator, or every owner once where no
// operator can be reached by the owner's own bot. A report that comes again
// changes nothing. Invalid where it is no report.
func (d *Desk) Handle(ctx context.Context, body []byte) error {
	reported, err := Parse(body, d.Clock.Now())
	if err != nil {
		return err
	}

	concerned, err := d.concerned(ctx, reported)
	if err != nil {
		return errs.Context(err, "find whom alert %s concerns", reported.Key)
	}

	if len(concerned) == 0 {
		slog.WarnContext(ctx, "alert reaches nobody: no store has an owner", "key", reported.Key, "title", reported.Title)
	}

	var failures []error

	for _, of := range concerned {
		if err := d.take(ctx, of, reported); err != nil {
			failures = append(failures, fmt.Errorf("alert %s to %d: %w", reported.Key, of.Owner, err))
		}
	}

	return errors.Join(failures...)
}

// Flush tells what had to wait: counts that were not to be shown at once,
// troubles that are not muted any more, and what a process that has died left
// behind. It is called every minute.
func (d *Desk) Flush(ctx context.Context) error {
	rows, err := table.Due(ctx, d.State, open(), d.Clock.Now())
	if err != nil {
		return errs.Context(err, "look for what is to be told")
	}

	var (
		failures []error
		looked   = map[int64]bool{}
	)

	for _, row := range rows {
		person, err := personOf(row.Key)
		if err != nil {
			return err
		}

		if looked[person] {
			continue
		}

		looked[person] = true
		failures = append(failures, d.tell(ctx, person))
	}

	return errors.Join(failures...)
}

// concerned gives those who are to be told, each as the Owner of the store in
// whose name they are.
func (d *Desk) concerned(ctx context.Context, reported Alert) ([]store.Store, error) {
	office, err := d.office(ctx)
	if err != nil {
		return nil, err
	}

	if reported.Store != "" {
		of, err := d.Stores.Get(ctx, reported.Store)
		if err != nil {
			return nil, err
		}

		if ownerless(of) {
			of.Owner = office.Owner
		}

		return slices.DeleteFunc([]store.Store{of}, ownerless), nil
	}

	if here, err := d.atOffice(ctx, office, office.Owner); here || err != nil {
		return []store.Store{office}, err
	}

	all, err := d.Stores.List(ctx)
	if err != nil {
		return nil, err
	}

	all = slices.DeleteFunc(all, func(of store.Store) bool { return of.Office || ownerless(of) })
	slices.SortStableFunc(all, func(a, b store.Store) int { return int(a.Owner - b.Owner) })

	return slices.CompactFunc(all, func(a, b store.Store) bool { return a.Owner == b.Owner }), nil
}

func ownerless(of store.Store) bool { return of.Owner == 0 }

// office gives the owner's own bot; the zero Store where none is set up.
func (d *Desk) office(ctx context.Context) (store.Store, error) {
	office, err := d.Stores.Get(ctx, store.OwnerBot)
	if errs.Is(err, errs.NotFound) || err == nil && !office.Office {
		return store.Store{}, nil
	}

	return office, err
}

// atOffice reports whether a person hears what the owner's own bot says.
func (d *Desk) atOffice(ctx context.Context, office store.Store, person int64) (bool, error) {
	if office.ID == "" || person == 0 {
		return false, nil
	}

	found, err := d.Users.Get(ctx, office.ID, person)
	if errs.Is(err, errs.NotFound) {
		return false, nil
	}

	return err == nil && !found.Blocked, err
}

// take takes one person's report in, and tells them.
func (d *Desk) take(ctx context.Context, of store.Store, reported Alert) error {
	now := d.Clock.Now()

	known, err := d.change(ctx, of.Owner, troubleID(reported.Store, reported.Key),
		func(t *Trouble) { takeIn(t, of, reported) })
	if err != nil {
		return err
	}

	if known.counts(reported) {
		if err := d.count(ctx, of.Owner, known, reported); err != nil {
			return err
		}
	}

	if due := known.due(now); due.IsZero() || due.After(now) {
		return nil // Flush tells it
	}

	return d.tell(ctx, of.Owner)
}
