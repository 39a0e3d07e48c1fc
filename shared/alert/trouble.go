package alert

import (
	"context"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// Trouble is what one person is told of: reports of one key of one store.
type Trouble struct {
	ID       string    `json:"id"`
	Store    string    `json:"store"` // empty: the whole platform
	Name     string    `json:"name"`  // of the store
	Language string    `json:"language"`
	TimeZone string    `json:"time_zone"`
	Alert    Alert     `json:"alert"` // as it was reported last while it went on
	Since    time.Time `json:"since"`
	Last     time.Time `json:"last"`            // of its reports; an older one is late
	Ended    time.Time `json:"ended,omitzero"`  // when it was over the last time
	Over     bool      `json:"over,omitempty"`  // it is
	Round    int64     `json:"round,omitempty"` // tells one outbreak from the next
	Count    int       `json:"-"`               // of its reports
	Guide    string    `json:"-"`               // where its runbook is

	AckedBy string    `json:"acked_by,omitempty"` // who knows of it
	AckedAt time.Time `json:"acked_at,omitzero"`
	Muted   time.Time `json:"muted,omitzero"` // until when it is silent

	Via     string    `json:"via,omitempty"` // whose bot has told it
	Message int       `json:"message,omitempty"`
	Storm   int64     `json:"storm,omitempty"` // it is told among others, in this storm's message
	Told    *told     `json:"told,omitempty"`  // what the message says; nil: it is not told
	Redraw  bool      `json:"redraw,omitempty"`
	Deaf    time.Time `json:"deaf,omitzero"` // when nobody could be reached
}

// told is what a message says, as far as it decides when it is written anew.
type told struct {
	At   time.Time `json:"at"`
	Last time.Time `json:"last"`
	Over bool      `json:"over,omitempty"`
}

// Silent reports whether the trouble is muted at a moment.
func (t Trouble) Silent(now time.Time) bool { return now.Before(t.Muted) }

// editEvery is how often the count in a message is brought up to date.
const editEvery = 10 * time.Second

// due is when there is something to tell: zero for nothing.
func (t Trouble) due(now time.Time) time.Time {
	switch {
	case t.Told == nil && (t.Over || !t.Deaf.Before(t.Last)):
		return time.Time{}
	case t.Told == nil && t.Silent(now):
		return t.Muted
	case t.Told == nil: // whatever the clock of who reports it says
		return now
	case t.Over != t.Told.Over, t.Redraw:
		return now
	case t.Over:
		return time.Time{}
	case !t.Muted.IsZero():
		return t.Muted // to say that it is heard again
	case t.Last.After(t.Told.Last) && t.AckedBy == "":
		return t.Told.At.Add(editEvery)
	default:
		return time.Time{}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}

// takeIn takes a report into a trouble. What is late changes nothing but the
// beginning.
func takeIn(t *Trouble, of store.Store, reported Alert) {
	known := !t.Last.IsZero()
	late := known && (reported.At.Before(t.Last) || reported.At.Equal(t.Last) && reported.Recovered == t.Over)

	switch {
	case reported.Recovered && !late:
		t.Over, t.Last, t.Ended = true, reported.At, reported.At
	case reported.Recovered || late && t.Over:
		return
	case !known, t.Over && (t.Told == nil || t.Told.Over):
		*t = Trouble{ // it stays muted
			ID: t.ID, Since: reported.At, Last: reported.At, Ended: t.Ended, Round: reported.At.UnixMilli(), Muted: t.Muted,
		}
	case t.Over:
		t.Over = false // nobody has been told that it was over: it goes on
	case late && reported.At.After(t.Ended) && reported.At.Before(t.Since):
		t.Since = reported.At
	}

	t.Store, t.Name, t.Language, t.TimeZone = reported.Store, of.Name, of.Language, of.TimeZone

	if !reported.Recovered && !late {
		if worse(reported.Severity, t.Alert.Severity) { // what is known is not this bad
			t.AckedBy, t.AckedAt = "", time.Time{}
		}

		t.Alert, t.Last = reported, later(t.Last, reported.At)
	}
}

// counts reports whether a report is one of the outbreak that goes on.
func (t Trouble) counts(reported Alert) bool {
	return !reported.Recovered && !t.Over && !reported.At.Before(t.Since)
}

// Rows of the state table, for each person who is told, since a storm may come
// from many stores: see shared/table/README.md.

func partitionOf(person int64) table.Partition {
	return table.Platform().Partition("alerts", strconv.FormatInt(person, 10))
}

// open is where troubles stand in the index that have something to be told.
func open() table.Partition { return table.Platform().Partition("open-alerts") }

const troubleKind = "trouble"

func troubleID(of, key string) string { return id.Derive(of, key) }

func troubleKey(person int64, id string) table.Key { return partitionOf(person).Key(troubleKind, id) }

const (
	// keptOver is how long a trouble that is over is known, so that what comes
	// late is known as late.
	keptOver = 24 * time.Hour
	// keptOpen is how long one is known of which nothing more is heard.
	keptOpen = 90 * 24 * time.Hour
	// keptInfo is how long one is known that nobody will say is over.
	keptInfo = 7 * 24 * time.Hour
)

func (t Trouble) expires() time.Time {
	kept := keptOpen

	switch {
	case t.Over:
		kept = keptOver
	case t.Alert.Severity == Info:
		kept = keptInfo
	}

	return t.Last.Add(kept).Truncate(time.Second)
}

// tries is how often a change that another one disturbs is begun anew.
const tries = 12

// change reads a trouble as last written, or none, and writes it back changed,
// anew where somebody else changes it meanwhile. Where nothing changes nothing
// is written.
func (d *Desk) change(ctx context.Context, person int64, id string, change func(*Trouble)) (Trouble, error) {
	key := troubleKey(person, id)

	var err error
	for range tries {
		var changed Trouble

		changed, err = d.tryChange(ctx, key, Trouble{ID: id}, change)
		if !errs.Is(err, errs.Conflict) {
			return changed, err
		}
	}

	return Trouble{}, errs.Wrap(err, errs.Unavailable, "change %s: others keep changing it", key)
}

func (d *Desk) tryChange(ctx context.Context, key table.Key, none Trouble, change func(*Trouble)) (Trouble, error) {
	known, version, err := table.Read[Trouble](ctx, d.State, key)
	if errs.Is(err, errs.NotFound) {
		known = none
	} else if err != nil {
		return Trouble{}, err
	}

	before, err := table.Encode(known)
	if err != nil {
		return Trouble{}, err
	}

	change(&known)

	after, err := table.Encode(known)
	if err != nil {
		return Trouble{}, err
	}

	if string(before) == string(after) {
		return known, nil
	}

	row := table.Row{Key: key, Version: version, Body: after, Expires: known.expires()}
	if due := known.due(d.Clock.Now()); !due.IsZero() {
		row.Index = open().Due(due, key.PK()+known.ID)
	}

	if err := d.State.Write(ctx, table.Put(row)); err != nil {
		return Trouble{}, errs.Context(err, "write %s", key)
	}

	return known, nil
}

// count counts a report once: its mark tells whether it was counted before.
// Between the mark and the count a process may die; the count is then one
// short, which is better than a count that grows by itself.
func (d *Desk) count(ctx context.Context, person int64, known Trouble, reported Alert) error {
	until := d.Clock.Now().Add(keptOver).Truncate(time.Second)
	mark := partitionOf(person).Key("mark", known.ID, reported.At.UTC().Format(time.RFC3339Nano))

	err := d.State.Write(ctx, table.Create(table.Row{Key: mark, Body: []byte(`{}`), Expires: until}))
	if errs.Is(err, errs.Conflict) {
		return nil
	}

	if err != nil {
		return errs.Context(err, "count a report of %s", known.Alert.Key)
	}

	add := table.Add(reportsKey(person, known), reports, 1, 0, mostReports)
	if err := d.State.Write(ctx, add.Until(d.Clock.Now().Add(keptOpen).Truncate(time.Second))); err != nil {
		return errs.Context(err, "count a report of %s", known.Alert.Key)
	}

	return nil
}

const (
	reports     = "reports"
	mostReports = 1 << 40
)

func reportsKey(person int64, of Trouble) table.Key {
	return partitionOf(person).Key("reports", of.ID, strconv.FormatInt(of.Round, 10))
}

// counted gives how often a trouble was reported.
func (d *Desk) counted(ctx context.Context, person int64, of Trouble) (int, error) {
	row, err := d.State.Get(ctx, reportsKey(person, of))
	if errs.Is(err, errs.NotFound) {
		return 1, nil // it is being counted
	}

	if err != nil {
		return 0, errs.Context(err, "read how often %s was reported", of.Alert.Key)
	}

	return int(row.Counters[reports]), nil
}
