package transcript

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Tier is what a kind of customer may ask for. Zero means that there is no such
// limit.
type Tier struct {
	Largest int64         // bytes of a file
	Longest time.Duration // of a recording
	Daily   time.Duration // of all recordings of a day
	Tasks   int           // jobs at once
}

// Tiers are those of a store's customers.
type Tiers struct{ Free, Premium Tier }

// Of gives the tier of a customer.
func (t Tiers) Of(premium bool) Tier {
	if premium {
		return t.Premium
	}

	return t.Free
}

// Terms are those on which a job begins.
type Terms struct {
	Tier Tier
	Zone string // IANA name: when the person's day begins; empty or unknown: UTC
	Off  bool   // the store takes no jobs: those that it has are finished, no more begin
}

// Admit looks, before any work, whether a job may begin at all: whether the
// store takes any, and what Tier.Admit says. Invalid, with a sentence for the
// person, where not.
func (t Terms) Admit(file Source) error {
	if err := t.open(); err != nil {
		return err
	}

	return t.Tier.Admit(file)
}

// open gives why no job begins at all.
func (t Terms) open() error {
	if !t.Off {
		return nil
	}

	return errs.New(errs.Invalid, "begin a job: the store has switched transcription off").
		Tell("feature.no_transcription", nil)
}

// Admit looks, before any work, whether a file is within the tier as far as
// Telegram describes it. Invalid, with a sentence for the person, where not.
func (t Tier) Admit(file Source) error {
	const mega = 1 << 20

	if t.Largest > 0 && file.Size > t.Largest {
		return errs.New(errs.Invalid, "admit a file of %d bytes: the tier allows %d", file.Size, t.Largest).
			Tell("error.too_big", errs.Args{"Limit": int(t.Largest / mega)})
	}

	if t.Longest > 0 && file.Duration > t.Longest {
		return errs.New(errs.Invalid, "admit a recording of %s: the tier allows %s", file.Duration, t.Longest).
			Tell("error.too_long_for_tier", errs.Args{"Length": minutes(file.Duration), "Limit": minutes(t.Longest)})
	}

	return nil
}

// minutes gives a length for a sentence, rounded up. Sentences of failed jobs
// are kept as JSON, which keeps numbers.
func minutes(length time.Duration) int { return int((length + time.Minute - 1) / time.Minute) }

// Allowance is what of its quota a person has used today.
type Allowance struct {
	Used  time.Duration
	Limit time.Duration // 0: none
}

// Left is what can still be used; 0 too where there is no limit.
func (a Allowance) Left() time.Duration { return max(a.Limit-a.Used, 0) }

// Charge is what a job has taken of its person's quota.
type Charge struct {
	Day   string        `json:"day"`             // by the store's clock, such as 20261121; empty: nothing was counted
	Audio time.Duration `json:"audio"`           // whole seconds
	Limit time.Duration `json:"limit,omitempty"` // of that day, when it was taken; 0: none
}

const (
	// unknownAudio is what a file takes of which Telegram does not say how long
	// it is, until that is known.
	unknownAudio = time.Minute
	dayForm      = "20060102"
	// quotaKept is how long a day's quota is kept from its beginning: longer
	// than any job of the day goes on, wherever on Earth the day was.
	quotaKept    = 4 * 24 * time.Hour
	quotaCounter = "seconds"
)

// charge gives what a file takes of today's quota until its length is known.
func (t Terms) charge(file Source, now time.Time) Charge {
	audio := file.Duration
	if audio <= 0 {
		audio = unknownAudio
	}

	return Charge{Day: t.local(now).Format(dayForm), Audio: wholeSeconds(audio), Limit: t.Tier.Daily}
}

func (t Terms) local(now time.Time) time.Time {
	zone, err := time.LoadLocation(t.Zone)
	if err != nil {
		zone = time.UTC
	}

	return now.In(zone)
}

// untilTomorrow is how long the quota of today lasts.
func (t Terms) untilTomorrow(now time.Time) time.Duration {
	local := t.local(now)

	return time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, local.Location()).Sub(now)
}

// wholeSeconds rounds up, so that what is given back is what was taken.
func wholeSeconds(length time.Duration) time.Duration {
	return (length + time.Second - 1).Truncate(time.Second)
}

// settled gives what a job that has moved costs its person: nothing where
// nothing came of it or no provider had to hear it, else how long it really is.
func (j Job) settled() Charge {
	cost := j.Charge
	if cost.Day == "" {
		return cost
	}

	switch j.State {
	case Failed, Cancelled:
		cost.Audio = 0
	case Transcribed:
		cost.Audio = 0

		if j.Result != nil && !j.Result.Cached {
			cost.Audio = wholeSeconds(j.Result.Duration)
		}
	case Waiting, Downloaded, Delivered, Apologised:
	}

	return cost
}

// settlement gives the operations that bring the quota from one charge of a
// person to another. bounded says that what is taken must be within the limit.
func settlement(person table.Partition, from, to Charge, bounded bool) []table.Op {
	if from.Day == to.Day {
		return quotaOps(person, to, to.Audio-from.Audio, bounded)
	}

	return append(quotaOps(person, from, -from.Audio, false), quotaOps(person, to, to.Audio, bounded)...)
}

// quotaOps moves the counter of a day. What is given back is never refused: the
// work behind it has happened, and a job must not be held up by its price.
func quotaOps(person table.Partition, of Charge, delta time.Duration, bounded bool) []table.Op {
	day, err := time.Parse(dayForm, of.Day)
	if err != nil || delta == 0 { // no day: a job of which nothing is counted
		return nil
	}

	most := int64(math.MaxInt64)
	if bounded && of.Limit > 0 {
		most = int64(of.Limit / time.Second)
	}

	return []table.Op{
		table.Add(quotaKey(person, of.Day), quotaCounter, int64(delta/time.Second), math.MinInt64, most).
			Until(day.Add(quotaKept)),
	}
}

func quotaKey(person table.Partition, day string) table.Key { return person.Key("quota", day) }

// Allowance reads what a person has used of today's quota.
func (s *Service) Allowance(ctx context.Context, store string, user int64, terms Terms) (Allowance, error) {
	return s.allowance(ctx, store, user, terms.charge(Source{}, s.clock.Now()))
}

func (s *Service) allowance(ctx context.Context, store string, user int64, of Charge) (Allowance, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return Allowance{}, err
	}

	found, err := s.state.Get(ctx, quotaKey(jobsOf(tenant, user), of.Day))
	if err != nil && !errs.Is(err, errs.NotFound) {
		return Allowance{}, errs.Context(err, "read the quota of user %d", user)
	}

	return Allowance{Used: time.Duration(found.Counters[quotaCounter]) * time.Second, Limit: of.Limit}, nil
}

// errQuota says that a job was not begun because its person's quota does not
// last for it.
var errQuota = errors.New("the quota does not last")

// refusedBy reports whether nothing but the operations from number first on
// kept a write from happening: the quota, which comes last.
func refusedBy(err error, first int) bool {
	canceled, ok := errors.AsType[*table.Canceled](err)
	if !ok || first >= len(canceled.Reasons) {
		return false
	}

	for at, reason := range canceled.Reasons {
		if reason != table.ReasonNone && at < first {
			return false
		}
	}

	return canceled.Reasons[len(canceled.Reasons)-1] == table.ReasonCondition
}

// exceeded is the refusal of a job for which the quota does not last. Limited.
func (s *Service) exceeded(ctx context.Context, job Job, terms Terms) error {
	allowance, err := s.allowance(ctx, job.Store, job.User, job.Charge)
	if err != nil {
		return err
	}

	when := terms.untilTomorrow(s.clock.Now())

	return errs.New(errs.Limited, "begin job %s of %s: %s of %s are used today",
		job.ID, job.Charge.Audio, allowance.Used, allowance.Limit).After(when).
		Tell("error.quota", errs.Args{
			"Left": int(allowance.Left() / time.Minute), "Limit": minutes(allowance.Limit), "When": when,
		})
}

// underWay looks at the person's newest jobs, before one more begins: the one
// of that name, if it is there, and whether the tier allows one more at once.
// Limited, with a sentence, where not. Jobs are counted as they are, so that no
// counter can go wrong; updates of a chat come one at a time.
func (s *Service) underWay(ctx context.Context, store string, user int64, name string, most int) (Job, error) {
	page, err := s.History(ctx, store, user, "", recentJobs)
	if err != nil {
		return Job{}, err
	}

	count := 0

	for _, job := range page.Jobs {
		if job.ID == name {
			return job, nil
		}

		if job.State.Cancellable() {
			count++
		}
	}

	if most > 0 && count >= most {
		return Job{}, errs.New(errs.Limited, "begin job %s of user %d: %d are under way", name, user, count).
			Tell("error.too_many_tasks", errs.Args{"Limit": most})
	}

	return Job{}, nil
}
