package alert

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/store"
)

// Action is what a button of an alert does.
type Action string

// The actions.
const (
	Acknowledge Action = "ack"
	Mute        Action = "mute"
	Unmute      Action = "unmute"
)

// MuteFor is how long a trouble is silent.
const MuteFor = time.Hour

// stormID stands in a button in the place of a trouble's.
const stormID = "storm"

// Button gives what a button of the trouble's message says: an action on this
// outbreak and no other. It takes at most 45 bytes.
func (t Trouble) Button(action Action) string { return button(action, t.ID, t.Round) }

// Button gives what a button of the storm's message says.
func (s Storm) Button(action Action) string { return button(action, stormID, s.ID) }

const base36 = 36

func button(action Action, id string, round int64) string {
	return string(action) + ":" + id + ":" + strconv.FormatInt(round, base36)
}

// Press is a button that somebody has pressed.
type Press struct {
	Person int64
	Name   string
	Button string // as Button gave it
}

// Press does what a button says and gives the action. Pressed again it changes
// nothing. Who is told of a trouble may press, as long as the store is theirs or
// they are the operator. NotFound: for all others, and where the button is of
// an earlier trouble.
func (d *Desk) Press(ctx context.Context, press Press) (Action, error) {
	action, id, round, err := read(press.Button)
	if err != nil {
		return "", err
	}

	pressed, err := d.pressed(ctx, press.Person, id, round)
	if err != nil {
		return "", err
	}

	var failures []error

	for _, of := range pressed {
		_, err := d.change(ctx, press.Person, of.ID, func(t *Trouble) {
			if t.Round == of.Round && !t.Over {
				apply(t, action, press, d.Clock.Now())
			}
		})
		failures = append(failures, err)
	}

	if err := errors.Join(failures...); err != nil {
		return "", err
	}

	return action, d.tell(ctx, press.Person)
}

// apply does to a trouble what a button says.
func apply(t *Trouble, action Action, by Press, now time.Time) {
	switch {
	case action == Acknowledge && t.AckedBy == "":
		t.AckedBy, t.AckedAt, t.Redraw = by.Name, now, true
	case action == Mute && !t.Silent(now):
		t.Muted, t.Redraw = now.Add(MuteFor), true
	case action == Unmute && t.Silent(now):
		t.Muted, t.Redraw = time.Time{}, true
	}
}

// read reads what a button says.
func read(button string) (Action, string, int64, error) {
	const parts = 3

	said := strings.Split(button, ":")
	if len(said) != parts || !slices.Contains([]Action{Acknowledge, Mute, Unmute}, Action(said[0])) {
		return "", "", 0, errs.New(errs.NotFound, "press %q: there is no such button", button)
	}

	round, err := strconv.ParseInt(said[2], base36, 64)
	if err != nil {
		return "", "", 0, errs.Wrap(err, errs.NotFound, "press %q", button)
	}

	return Action(said[0]), said[1], round, nil
}

// pressed gives the troubles that a button is about: those that go on.
func (d *Desk) pressed(ctx context.Context, person int64, id string, round int64) ([]Trouble, error) {
	known, err := d.known(ctx, person)
	if err != nil {
		return nil, err
	}

	of := slices.DeleteFunc(known, func(t Trouble) bool {
		if id == stormID {
			return t.Storm == 0 || t.Storm != round || t.Over
		}

		return t.ID != id || t.Round != round || t.Over
	})

	if len(of) == 0 {
		return nil, errs.New(errs.NotFound, "press a button of trouble %s: there is none such, or it is over", id)
	}

	for _, one := range of {
		may, err := d.may(ctx, person, one.Store)
		if err != nil {
			return nil, err
		}

		if !may {
			return nil, errs.New(errs.NotFound, "press a button of trouble %s: the store is another's", id)
		}
	}

	return of, nil
}

// may reports whether a person is the owner of a store, or the operator; of the
// platform, whether they own any.
func (d *Desk) may(ctx context.Context, person int64, of string) (bool, error) {
	office, err := d.office(ctx)
	if err != nil || office.Owner == person {
		return err == nil, err
	}

	if of != "" {
		found, err := d.Stores.Get(ctx, of)
		if errs.Is(err, errs.NotFound) {
			return false, nil
		}

		return found.Owner == person, err
	}

	all, err := d.Stores.List(ctx)

	return slices.ContainsFunc(all, func(of store.Store) bool { return of.Owner == person }), err
}

// Muted gives the troubles that are silent for a person now.
func (d *Desk) Muted(ctx context.Context, person int64) ([]Trouble, error) {
	known, err := d.known(ctx, person)

	return slices.DeleteFunc(known, func(t Trouble) bool { return t.Over || !t.Silent(d.Clock.Now()) }), err
}
