package alert

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/user"
)

// Who writes to a person holds that person's pen, so that two processes never
// send two messages for one trouble. What is to be told is written into rows
// first; whoever finds the pen taken leaves it to its holder, who looks again
// after giving it back. A holder that dies keeps it for penFor; what it has sent
// but not noted is then sent again: told twice is better than not at all.
const (
	// penFor is longer than the function may run.
	penFor = 45 * time.Second
	// rounds is how often a holder looks again; what comes even then is for Flush.
	rounds = 5
)

// pen is what is remembered of the writing to a person.
type pen struct {
	Held   time.Time   `json:"held,omitzero"` // until when; zero: it is free
	Sent   []time.Time `json:"sent,omitempty"`
	Storms []Storm     `json:"storms,omitempty"`

	version int64
}

// Storm is many troubles that came at once and are told in one message.
type Storm struct {
	ID       int64     `json:"id"`
	Via      string    `json:"via,omitempty"`
	Message  int       `json:"message,omitempty"`
	Since    time.Time `json:"since"`
	Told     time.Time `json:"told,omitzero"`
	Troubles []Trouble `json:"-"` // in the order in which they came
	Guide    string    `json:"-"` // where all alerts are explained
}

const (
	// handful of new troubles within crowdFor get messages of their own.
	handful  = 5
	crowdFor = time.Minute
	// stormFor is how long new troubles join a storm.
	stormFor = time.Hour
)

// tell tells a person everything that is due.
func (d *Desk) tell(ctx context.Context, person int64) error {
	for range rounds {
		held, err := d.takePen(ctx, person)
		if errs.Is(err, errs.Conflict) {
			return nil
		}

		if err != nil {
			return err
		}

		failure := d.write(ctx, person, &held)

		if err := d.givePenBack(ctx, person, held); err != nil {
			// It comes back by itself.
			slog.WarnContext(ctx, "pen not given back", "error", err)
		}

		if failure != nil {
			return failure
		}

		known, err := d.known(ctx, person)
		if err != nil {
			return err
		}

		if len(d.news(known, &held)) == 0 {
			return nil
		}
	}

	return nil
}

func penKey(person int64) table.Key { return partitionOf(person).Key("pen") }

// takePen takes a person's pen; Conflict where another has it.
func (d *Desk) takePen(ctx context.Context, person int64) (pen, error) {
	found, version, err := table.Read[pen](ctx, d.State, penKey(person))
	if err != nil && !errs.Is(err, errs.NotFound) {
		return pen{}, err
	}

	now := d.Clock.Now()
	if now.Before(found.Held) {
		return pen{}, errs.New(errs.Conflict, "take the pen of %d: another has it", person)
	}

	found.Held, found.version = now.Add(penFor), version

	return found, d.writePen(ctx, person, &found)
}

func (d *Desk) givePenBack(ctx context.Context, person int64, held pen) error {
	held.Held = time.Time{}

	return d.writePen(ctx, person, &held)
}

func (d *Desk) writePen(ctx context.Context, person int64, held *pen) error {
	body, err := table.Encode(held)
	if err != nil {
		return err
	}

	put := table.Put(table.Row{Key: penKey(person), Version: held.version, Body: body})
	if err := d.State.Write(ctx, put); err != nil {
		return errs.Context(err, "write the pen of %d", person)
	}

	held.version++

	return nil
}

// known reads all troubles of a person, in the order in which they came.
func (d *Desk) known(ctx context.Context, person int64) ([]Trouble, error) {
	var all []Trouble

	query := table.Query{
		Partition: partitionOf(person), Prefix: table.SortPrefix(troubleKind), Limit: table.MaxPageRows,
	}

	for {
		page, err := d.State.Query(ctx, query)
		if err != nil {
			return nil, errs.Context(err, "read the troubles of %d", person)
		}

		for _, row := range page.Rows {
			found, err := table.Decode[Trouble](row)
			if err != nil {
				return nil, err
			}

			all = append(all, found)
		}

		if query.Cursor = page.Next; query.Cursor == "" {
			break
		}
	}

	slices.SortStableFunc(all, func(a, b Trouble) int { return a.Since.Compare(b.Since) })

	return all, nil
}

// news gives those troubles of which there is something to tell now. What is
// told in a storm's message may have to wait until that may be written again.
func (d *Desk) news(known []Trouble, held *pen) []Trouble {
	now := d.Clock.Now()

	return slices.DeleteFunc(slices.Clone(known), func(t Trouble) bool {
		due := t.due(now)
		if due.IsZero() || due.After(now) {
			return true
		}

		return held.waits(known, t.Storm, now)
	})
}

// waits reports whether the message of a storm is not to be written yet: many
// come one by one. What somebody has pressed and that all is over is shown at once.
func (p *pen) waits(known []Trouble, storm int64, now time.Time) bool {
	place := p.storm(storm)
	if place < 0 || !now.Before(p.Storms[place].Told.Add(editEvery)) {
		return false
	}

	of := slices.DeleteFunc(slices.Clone(known), func(t Trouble) bool { return t.Storm != storm })
	over := !slices.ContainsFunc(of, func(t Trouble) bool { return !t.Over })

	return !over && !slices.ContainsFunc(of, func(t Trouble) bool { return t.Redraw })
}

func (p *pen) storm(id int64) int {
	if id == 0 {
		return -1
	}

	return slices.IndexFunc(p.Storms, func(s Storm) bool { return s.ID == id })
}

// write tells a person what there is to tell, the pen in hand.
func (d *Desk) write(ctx context.Context, person int64, held *pen) error {
	known, err := d.known(ctx, person)
	if err != nil {
		return err
	}

	news := d.news(known, held)
	fresh := 0

	for _, of := range news {
		if of.Told == nil && of.Storm == 0 {
			fresh++
		}
	}

	crowded := held.crowd(d.Clock.Now(), fresh) > handful

	var (
		failures []error
		storms   = map[int64]bool{}
	)

	for _, of := range news {
		if of.Told == nil && of.Storm == 0 {
			held.Sent = append(held.Sent, d.Clock.Now())

			if crowded {
				of.Storm = held.join(d.Clock.Now())
				if err := d.joined(ctx, person, of); err != nil {
					return err
				}
			}
		}

		if held.storm(of.Storm) >= 0 {
			storms[of.Storm] = true

			continue
		}

		failures = append(failures, d.single(ctx, person, of))
	}

	if len(storms) > 0 { // should this process die, they are known to be storms
		if err := d.writePen(ctx, person, held); err != nil {
			return err
		}
	}

	for id := range storms {
		if held.waits(known, id, d.Clock.Now()) {
			continue
		}

		failures = append(failures, d.storm(ctx, person, &held.Storms[held.storm(id)]))
	}

	held.forget(known, storms)

	return errors.Join(failures...)
}

// crowd counts the new troubles of the last while, with those that come now.
func (p *pen) crowd(now time.Time, fresh int) int {
	p.Sent = slices.DeleteFunc(p.Sent, func(at time.Time) bool { return now.Sub(at) >= crowdFor })

	return len(p.Sent) + fresh
}

// join gives the storm that takes a trouble in: a new one where none is on.
func (p *pen) join(now time.Time) int64 {
	for _, storm := range p.Storms {
		if now.Sub(storm.Since) < stormFor {
			return storm.ID
		}
	}

	p.Storms = append(p.Storms, Storm{ID: now.UnixMilli(), Since: now})

	return now.UnixMilli()
}

// forget drops the storms that are over and told. Those that have just been
// written about are for the next time.
func (p *pen) forget(known []Trouble, written map[int64]bool) {
	p.Storms = slices.DeleteFunc(p.Storms, func(s Storm) bool {
		return !written[s.ID] && !slices.ContainsFunc(known, func(t Trouble) bool {
			return t.Storm == s.ID && (t.Told == nil || !t.Told.Over)
		})
	})
}

func (d *Desk) joined(ctx context.Context, person int64, of Trouble) error {
	_, err := d.change(ctx, person, of.ID, func(t *Trouble) {
		if t.Round == of.Round {
			t.Storm = of.Storm
		}
	})

	return err
}

// single tells one trouble in its own message.
func (d *Desk) single(ctx context.Context, person int64, of Trouble) error {
	var err error
	if of.Count, err = d.counted(ctx, person, of); err != nil {
		return err
	}

	of.Guide = d.guide(of.Alert)

	via, number, err := d.say(ctx, person, of.Via, of.Message, of.Store, func(language string) message.Text {
		return d.Texts.Trouble(language, of, d.Clock.Now())
	})
	if err != nil {
		return d.unheard(ctx, person, of, err)
	}

	return d.noted(ctx, person, of, via, number)
}

// noted remembers what was told. What was reported meanwhile stays to be told.
func (d *Desk) noted(ctx context.Context, person int64, of Trouble, via string, number int) error {
	_, err := d.change(ctx, person, of.ID, func(t *Trouble) {
		if t.Round != of.Round {
			return
		}

		t.Via, t.Message = via, number
		t.Told = &told{At: d.Clock.Now(), Last: of.Last, Over: of.Over}
		t.Redraw = t.Redraw && (t.AckedBy != of.AckedBy || !t.Muted.Equal(of.Muted))

		if !t.Silent(d.Clock.Now()) {
			t.Muted = time.Time{}
		}
	})

	return err
}

// unheard leaves what nobody could be told to the next report, where trying
// again would help nobody.
func (d *Desk) unheard(ctx context.Context, person int64, of Trouble, cause error) error {
	if !unreachable(cause) {
		return cause
	}

	slog.WarnContext(ctx, "alert not told: the owner has blocked the bot, or never pressed Start",
		"key", of.Alert.Key, "store", of.Store, "error", cause)

	_, err := d.change(ctx, person, of.ID, func(t *Trouble) {
		t.Deaf, t.Redraw = of.Last, false

		if t.Told != nil {
			t.Told.Last, t.Told.Over = of.Last, of.Over
		}
	})

	return err
}

func unreachable(err error) bool {
	return errs.Is(err, errs.Unauthorized) || errs.Is(err, errs.NotFound)
}

// storm tells all troubles of a storm in its one message.
func (d *Desk) storm(ctx context.Context, person int64, of *Storm) error {
	known, err := d.known(ctx, person)
	if err != nil {
		return err
	}

	of.Troubles = slices.DeleteFunc(known, func(t Trouble) bool { return t.Storm != of.ID })
	if len(of.Troubles) == 0 {
		return nil // all of them have begun anew meanwhile, and are told as new ones
	}

	of.Guide = d.guide(Alert{Runbook: "alerts"})

	for i := range of.Troubles {
		if of.Troubles[i].Count, err = d.counted(ctx, person, of.Troubles[i]); err != nil {
			return err
		}
	}

	// All stores of a storm have the same owner: any of their bots will do.
	via, number, err := d.say(ctx, person, of.Via, of.Message, of.Troubles[0].Store, func(language string) message.Text {
		return d.Texts.Storm(language, *of, d.Clock.Now())
	})

	var failures []error

	for _, one := range of.Troubles {
		if err != nil {
			failures = append(failures, d.unheard(ctx, person, one, err))
		} else {
			failures = append(failures, d.noted(ctx, person, one, via, number))
		}
	}

	if err == nil {
		of.Via, of.Message, of.Told = via, number, d.Clock.Now()
	}

	return errors.Join(failures...)
}

// guide gives the address of an alert's runbook; empty where it has none.
func (d *Desk) guide(of Alert) string {
	if of.Runbook == "" || d.Runbooks == "" {
		return ""
	}

	return strings.TrimSuffix(d.Runbooks, "/") + "/" + of.Runbook + ".md"
}

// say edits a message, or sends a first one, by the owner's own bot where the
// person listens to it, else by the store's; it gives whose bot it was, and the
// message's number.
func (d *Desk) say(
	ctx context.Context, person int64, via string, number int, of string, text func(language string) message.Text,
) (string, int, error) {
	ways, err := d.ways(ctx, person, of)
	if err != nil {
		return "", 0, err
	}

	if number != 0 {
		language := ""
		if place := slices.IndexFunc(ways, func(w way) bool { return w.bot == via }); place >= 0 {
			language = ways[place].language
		}

		err := d.Messenger.Edit(ctx, message.Address{Store: via, Chat: person, Message: number}, text(language))
		if err == nil {
			return via, number, nil
		}

		// Internal: the token of the bot that told is gone, and its message with it.
		if !errs.Is(err, errs.NotFound) && !errs.Is(err, errs.Internal) {
			return "", 0, errs.Context(err, "edit what %d was told", person)
		}
	}

	err = errs.New(errs.NotFound, "no bot speaks to %d", person)

	for _, way := range ways {
		var number int

		number, err = d.Messenger.Send(ctx, message.Address{Store: way.bot, Chat: person}, text(way.language))
		if err == nil {
			return way.bot, number, nil
		}

		// Internal: its token is gone. What keeps the owner's own bot from being
		// heard must not keep the alert.
		if !unreachable(err) && !errs.Is(err, errs.Internal) {
			break
		}

		d.blocked(ctx, way.bot, person, err)
	}

	return "", 0, errs.Context(err, "tell %d", person)
}

// way is a bot by which a person can be told, and the language they speak there;
// empty for that of the trouble's store.
type way struct{ bot, language string }

// ways gives the bots by which a person can be told about a store, or about the
// platform, the best first.
func (d *Desk) ways(ctx context.Context, person int64, of string) ([]way, error) {
	office, err := d.office(ctx)
	if err != nil {
		return nil, err
	}

	var ways []way

	here, err := d.atOffice(ctx, office, person)
	if err != nil {
		return nil, err
	}

	if here {
		found, err := d.Users.Get(ctx, office.ID, person)
		if err != nil {
			return nil, err
		}

		ways = append(ways, way{bot: office.ID, language: found.Language})
	}

	if of != "" && of != office.ID {
		return append(ways, way{bot: of}), nil
	}

	all, err := d.Stores.List(ctx)
	if err != nil {
		return nil, err
	}

	for _, shop := range all {
		if shop.Owner == person && !shop.Office {
			ways = append(ways, way{bot: shop.ID})
		}
	}

	return ways, nil
}

// blocked remembers that a person does not hear the owner's own bot any more.
func (d *Desk) blocked(ctx context.Context, bot string, person int64, cause error) {
	if bot != store.OwnerBot || !unreachable(cause) {
		return
	}

	slog.WarnContext(ctx, "the owner's own bot is blocked, trying the store's", "error", cause)

	_, err := d.Users.Change(ctx, bot, person, func(of *user.User) { of.Blocked = true })
	if err != nil {
		slog.WarnContext(ctx, "not remembered that the owner's own bot is blocked", "error", err)
	}
}

// personOf reads whose row a key names.
func personOf(key table.Key) (int64, error) {
	_, text, _ := cutLast(key.PK(), "#")

	person, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errs.Wrap(err, errs.Internal, "read whose trouble %s is", key)
	}

	return person, nil
}

func cutLast(text, separator string) (string, string, bool) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, "", false
	}

	return text[:at], text[at+len(separator):], true
}

// Severity gives the worst of the troubles that are not over.
func (s Storm) Severity() Severity {
	worst := Info

	for _, of := range s.Troubles {
		if !of.Over && worse(of.Alert.Severity, worst) {
			worst = cmp.Or(of.Alert.Severity, Warning)
		}
	}

	return worst
}

func worse(a, than Severity) bool {
	order := []Severity{Info, Warning, Critical}

	return slices.Index(order, cmp.Or(a, Warning)) > slices.Index(order, cmp.Or(than, Warning))
}
