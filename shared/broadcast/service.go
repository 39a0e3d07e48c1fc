package broadcast

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// lead is how long before its start a campaign is set going: its people are
	// planned then, and what else the bot says is counted from the start on.
	lead = 5 * time.Minute
	// look is how often the clock looks whether a running campaign stands still.
	look = 2 * time.Minute
	// latest is how far ahead a campaign may be scheduled.
	latest = 366 * 24 * time.Hour
	// tries is how often a change that another one disturbs is begun anew.
	tries = 5
)

// People are those whom a store may write to.
type People interface {
	// Audience gives, from a cursor on ("" at first), at most limit people who are
	// in an audience, and the cursor of the next ones: "" at the end. It may give
	// fewer before the end, even none.
	Audience(ctx context.Context, of store.Store, audience Audience, cursor string, limit int) ([]int64, string, error)
	// Block notes that a person has blocked the store's bot.
	Block(ctx context.Context, store string, user int64) error
}

// Service makes campaigns and steers them.
type Service struct {
	state  table.Table
	stores *store.Registry
	people People
	clock  clock.Clock
}

// NewService makes the service over the state table.
func NewService(state table.Table, stores *store.Registry, people People, now clock.Clock) *Service {
	return &Service{state: state, stores: stores, people: people, clock: now}
}

// Schedule makes a campaign, which starts at once or at StartAt, together with
// other operations such as an audit row, and gives it as it then stands.
// Scheduling an id again gives the campaign that is there and writes nothing.
// Invalid, with a sentence for people, where Telegram would refuse the content,
// StartAt is over a year away, or Paid is not switched on in the store.
func (s *Service) Schedule(ctx context.Context, campaign Campaign, with ...table.Op) (Campaign, error) {
	at, err := placeOf(campaign.Store, campaign.ID)
	if err != nil {
		return Campaign{}, err
	}

	of, err := s.stores.Get(ctx, campaign.Store)
	if err != nil {
		return Campaign{}, errs.Context(err, "schedule broadcast %s", campaign.ID)
	}

	now := s.clock.Now()
	if err := campaign.validate(of, now); err != nil {
		return Campaign{}, errs.Context(err, "schedule broadcast %s of store %s", campaign.ID, campaign.Store)
	}

	made := campaign
	made.State, made.CreatedAt, made.Counts = Scheduled, now, Counts{}
	made.Due = made.StartAt.Add(-lead)

	var messages []outbox.Entry

	if !made.Due.After(now) {
		if of, err = s.announce(ctx, made.Store); err != nil {
			return Campaign{}, err
		}

		messages = made.begin(of, now)
	}

	row, err := made.row(0)
	if err != nil {
		return Campaign{}, err
	}

	err = s.write(ctx, append([]table.Op{table.Create(row)}, with...), messages)
	if errs.Is(err, errs.Conflict) { // it is there already
		return s.Get(ctx, campaign.Store, at.id)
	}

	if err != nil {
		return Campaign{}, errs.Context(err, "schedule broadcast %s of store %s", campaign.ID, campaign.Store)
	}

	return made, nil
}

func (c *Campaign) validate(of store.Store, now time.Time) error {
	if err := c.Content.Validate(); err != nil {
		return err
	}

	switch {
	case c.StartAt.After(now.Add(latest)):
		return errs.New(errs.Invalid, "it starts at %s: at most a year from now", c.StartAt).Tell("broadcast.far", nil)
	case c.Paid && !of.Broadcast.Paid:
		return errs.New(errs.Invalid, "paid broadcasts are not switched on").Tell("broadcast.unpaid", nil)
	case c.Audience.InactiveDays < 0:
		return errs.New(errs.Invalid, "inactive for %d days: use 1 or more", c.Audience.InactiveDays)
	}

	return nil
}

// begin sets a campaign going in a new round: a planner, and its lanes from its
// start on.
func (c *Campaign) begin(of store.Store, now time.Time) []outbox.Entry {
	c.State, c.Stopped = Running, ""
	c.Round++
	c.Due = now.Add(look)

	start := now
	if c.StartAt.After(now) {
		start = c.StartAt
		c.Due = start.Add(look)
	}

	if c.BegunAt.IsZero() {
		c.BegunAt = start
	}

	entries := []outbox.Entry{c.entry(Message{Task: Plan, Round: c.Round}, now)}

	for lane := range lanes(Rate(of, c.Paid)) {
		entry := c.entry(Message{Task: Send, Round: c.Round, Lane: lane}, now)
		entry.Delay = start.Sub(now).Truncate(time.Second)
		entries = append(entries, entry)
	}

	return entries
}

// lanes is how many workers send a campaign side by side: one could do it alone,
// the others go on at once where it dies.
func lanes(rate int) int {
	const (
		least   = 2
		perLane = 200 // messages a second
	)

	return least + rate/perLane
}

// entry is the outbox row of a message about the campaign.
func (c *Campaign) entry(about Message, now time.Time) outbox.Entry {
	about.Store, about.Campaign = c.Store, c.ID

	return outbox.Entry{
		ID: id.Derive("broadcast", c.Store, c.ID, string(about.Task),
			strconv.Itoa(about.Round), strconv.Itoa(about.Lane), strconv.Itoa(about.Turn)),
		Store: c.Store, Queue: queue.Broadcasts, Body: about.encode(), CreatedAt: now,
	}
}

// write writes a campaign's row and what goes with it together with messages
// about it.
func (s *Service) write(ctx context.Context, ops []table.Op, messages []outbox.Entry) error {
	for _, entry := range messages {
		entry.Trace = queue.TraceOf(ctx)

		op, err := outbox.Op(entry)
		if err != nil {
			return err
		}

		ops = append(ops, op)
	}

	return s.state.Write(ctx, ops...)
}

// record has a message about a campaign sent. Conflict where it was before.
func (s *Service) record(ctx context.Context, entry outbox.Entry) error {
	entry.Trace = queue.TraceOf(ctx)

	op, err := outbox.Op(entry)
	if err != nil {
		return err
	}

	return s.state.Write(ctx, op)
}

// pacedFor is how long what a bot says is counted, from the last time that a
// campaign of it asked for it; paceAgain is how much of that must be left.
const (
	pacedFor  = 30 * time.Minute
	paceAgain = 15 * time.Minute
)

// announce has what else the store's bot says counted while a campaign runs:
// functions know of it once they read the store anew.
func (s *Service) announce(ctx context.Context, id string) (store.Store, error) {
	of, err := s.stores.Change(ctx, id, func(of *store.Store) {
		now := s.clock.Now()

		if of.Broadcast.PacedUntil.Before(now) {
			of.Broadcast.PacedSince = now
		}

		if of.Broadcast.PacedUntil.Before(now.Add(paceAgain)) {
			of.Broadcast.PacedUntil = now.Add(pacedFor)
		}
	})
	if err != nil {
		return store.Store{}, errs.Context(err, "announce a broadcast of store %s", id)
	}

	return of, nil
}

// Pause stops a running campaign, together with other operations such as an
// audit row; lanes see it within a second or two. A
// campaign that is paused stays so. Conflict where it is not begun or finished.
func (s *Service) Pause(ctx context.Context, store, campaign string, with ...table.Op) (Campaign, error) {
	return s.change(ctx, store, campaign, with, func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
		switch found.State {
		case Paused:
			return nil, errAsItIs
		case Running:
			found.pause("", now)

			return nil, nil
		default:
			return nil, notNow(found, "pause")
		}
	})
}

func (c *Campaign) pause(why Stop, now time.Time) {
	c.State, c.Stopped, c.PausedAt, c.Due = Paused, why, now, time.Time{}
}

// Resume sets a paused campaign going again, together with other operations. One
// that runs goes on. Conflict
// where it is not begun or finished.
func (s *Service) Resume(ctx context.Context, store, campaign string, with ...table.Op) (Campaign, error) {
	of, err := s.announce(ctx, store)
	if err != nil {
		return Campaign{}, err
	}

	return s.change(ctx, store, campaign, with, func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
		switch found.State {
		case Running:
			return nil, errAsItIs
		case Paused:
			found.unpause(now)

			return found.begin(of, now), nil
		default:
			return nil, notNow(found, "resume")
		}
	})
}

// unpause counts the time for which the campaign stood paused until now.
func (c *Campaign) unpause(now time.Time) {
	if c.State != Paused {
		return
	}

	from := c.PausedAt
	if c.BegunAt.After(from) {
		from = c.BegunAt
	}

	c.Paused += max(0, now.Sub(from))
	c.PausedAt = time.Time{}
}

// Cancel ends a campaign, together with other operations: what was sent stays,
// nothing more is sent. One that
// is cancelled stays so. Conflict where it is done.
func (s *Service) Cancel(ctx context.Context, store, campaign string, with ...table.Op) (Campaign, error) {
	return s.change(ctx, store, campaign, with, func(found *Campaign, now time.Time) ([]outbox.Entry, error) {
		switch found.State {
		case Cancelled:
			return nil, errAsItIs
		case Done:
			return nil, notNow(found, "cancel")
		case Scheduled, Running, Paused:
		}

		found.unpause(now)
		found.State, found.EndedAt, found.Due = Cancelled, now, time.Time{}

		entry := found.entry(Message{Task: Clear}, now)
		entry.Delay = clearAfter

		return []outbox.Entry{entry}, nil
	})
}

// clearAfter is how long lanes have to see that a campaign is cancelled, before
// what they leave is counted.
const clearAfter = 3 * time.Second

func notNow(found *Campaign, what string) error {
	return errs.New(errs.Conflict, "%s broadcast %s: it is %s", what, found.ID, found.State).
		Tell("broadcast.not_now", errs.Args{"State": string(found.State)})
}

// errAsItIs says that a campaign is as it should be.
var errAsItIs = errors.New("it is as it should be")

// Texts puts campaigns into words, for their author.
type Texts interface {
	// Progress tells how far a campaign is, with buttons to steer it while it is
	// unfinished.
	Progress(of store.Store, campaign Campaign) message.Text
	// Report tells how a finished campaign went.
	Report(of store.Store, campaign Campaign) message.Text
}

// change reads a campaign, changes it and writes it back with what goes with it
// and what follows, anew where someone else changes it meanwhile. It gives it with its counts.
func (s *Service) change(
	ctx context.Context, store, campaign string, with []table.Op, change func(*Campaign, time.Time) ([]outbox.Entry, error),
) (Campaign, error) {
	at, err := placeOf(store, campaign)
	if err != nil {
		return Campaign{}, err
	}

	for range tries {
		var (
			found   Campaign
			version int64
		)

		found, version, err = table.Read[Campaign](ctx, s.state, at.campaign())
		if err != nil {
			return Campaign{}, errs.Context(err, "change broadcast %s of store %s", campaign, store)
		}

		messages, changeErr := change(&found, s.clock.Now())
		if changeErr != nil {
			if errors.Is(changeErr, errAsItIs) {
				return s.counted(ctx, found)
			}

			return found, changeErr
		}

		row, rowErr := found.row(version)
		if rowErr != nil {
			return Campaign{}, rowErr
		}

		if err = s.write(ctx, append([]table.Op{table.Replace(row)}, with...), messages); err == nil {
			return s.counted(ctx, found)
		}

		if !errs.Is(err, errs.Conflict) {
			return Campaign{}, errs.Context(err, "change broadcast %s of store %s", campaign, store)
		}
	}

	return Campaign{}, errs.Wrap(err, errs.Unavailable, "change broadcast %s of store %s: others keep changing it", campaign, store)
}

// Get gives a campaign with its counts. NotFound where there is none.
func (s *Service) Get(ctx context.Context, store, campaign string) (Campaign, error) {
	at, err := placeOf(store, campaign)
	if err != nil {
		return Campaign{}, err
	}

	found, _, err := table.Read[Campaign](ctx, s.state, at.campaign())
	if err != nil {
		return Campaign{}, errs.Context(err, "get broadcast %s of store %s", campaign, store)
	}

	return s.counted(ctx, found)
}

// listed is how many campaigns a list shows.
const listed = 50

// List gives the last campaigns of a store, at most 50 and without their counts,
// in descending order of their ids: ids that id.Dated makes come with the newest
// first.
func (s *Service) List(ctx context.Context, store string) ([]Campaign, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return nil, err
	}

	page, err := s.state.Query(ctx, table.Query{
		Partition: campaigns(tenant), Prefix: table.SortPrefix("campaign"), Descending: true, Limit: listed,
	})
	if err != nil {
		return nil, errs.Context(err, "list the broadcasts of store %s", store)
	}

	return table.DecodeAll[Campaign](page.Rows)
}

// Estimate counts the people of a store who are in an audience now.
func (s *Service) Estimate(ctx context.Context, store string, audience Audience) (int, error) {
	of, err := s.stores.Get(ctx, store)
	if err != nil {
		return 0, errs.Context(err, "estimate an audience")
	}

	count, cursor := 0, ""

	for {
		people, next, err := s.people.Audience(ctx, of, audience, cursor, table.MaxPageRows)
		if err != nil {
			return 0, errs.Context(err, "estimate an audience of store %s", store)
		}

		count += len(people)

		if cursor = next; cursor == "" {
			return count, nil
		}
	}
}

// counted fills in the counts of a campaign.
func (s *Service) counted(ctx context.Context, found Campaign) (Campaign, error) {
	at, err := placeOf(found.Store, found.ID)
	if err != nil {
		return Campaign{}, err
	}

	// The counters stand before the pages and the plan behind them.
	counters, err := s.state.Query(ctx, table.Query{
		Partition: at.work(), Prefix: table.SortPrefix("count"), Limit: table.MaxPageRows,
	})
	if err != nil {
		return Campaign{}, errs.Context(err, "count broadcast %s of store %s", found.ID, found.Store)
	}

	planned, _, err := table.Read[plan](ctx, s.state, at.plan())
	if err != nil && !errs.Is(err, errs.NotFound) {
		return Campaign{}, errs.Context(err, "count broadcast %s of store %s", found.ID, found.Store)
	}

	found.Counts = Counts{Planned: planned.People, All: planned.Done}

	for _, row := range counters.Rows {
		switch people := int(row.Counters[countPeople]); row.Key {
		case at.count(sent):
			found.Counts.Sent = people
		case at.count(failed):
			found.Counts.Failed = people
		case at.count(blocked):
			found.Counts.Blocked = people
		case at.count(unsure):
			found.Counts.Unsure = people
		}
	}

	return found, nil
}

// countPeople is the counter in the rows that count outcomes.
const countPeople = "people"
