package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

// Service keeps the jobs: the conversation starts and stops them here, and the
// workers move them on.
type Service struct {
	state   table.Table
	clock   clock.Clock
	metrics *metric.Emitter
}

// NewService makes the service over the state table.
func NewService(state table.Table, now clock.Clock) *Service {
	return &Service{state: state, clock: now}
}

// Counting gives the service with an emitter that counts how jobs begin and
// end: the metric Jobs, by Outcome.
func (s *Service) Counting(metrics *metric.Emitter) *Service {
	return &Service{state: s.state, clock: s.clock, metrics: metrics}
}

// count counts a job that has reached its state. A job that failed for what its
// person has sent, as its reason says, is told apart from one that failed
// because of us.
func (s *Service) count(job Job) {
	var outcome string

	switch job.State {
	case Waiting:
		outcome = "started"
	case Delivered, Cancelled:
		outcome = string(job.State)
	case Failed:
		if outcome = "failed"; job.Reason != "" {
			outcome = "refused"
		}
	case Downloaded, Transcribed, Apologised:
		return
	}

	s.metrics.Put("Jobs", 1, metric.Count, metric.Dimensions{"Outcome": outcome})
}

// Start begins a job: its row, what it takes of the person's quota and the way
// to download in one transaction. Conflict where the message has a job already;
// the job is then returned too. With a sentence for the person: Invalid where
// the file is over the tier's limits, Limited where the tier's jobs are under
// way or the day's quota does not last.
func (s *Service) Start(ctx context.Context, request Request) (Job, error) {
	if err := request.Terms.Admit(request.Source); err != nil {
		return Job{}, err
	}

	now := s.clock.Now()
	job := Job{
		ID:        JobID(request.Store, request.Chat, request.Message, request.SentAt),
		Store:     request.Store,
		Chat:      request.Chat,
		User:      request.User,
		Message:   request.Message,
		Progress:  request.Progress,
		Language:  request.Language,
		Source:    request.Source,
		Options:   request.Options,
		Along:     request.Along,
		Premium:   request.Premium,
		Charge:    request.Terms.charge(request.Source, now),
		Longest:   request.Terms.Tier.Longest,
		Largest:   request.Terms.Tier.Largest,
		State:     Waiting,
		Round:     1,
		CreatedAt: now,
		UpdatedAt: now,
	}

	existing, err := s.underWay(ctx, job.Store, job.User, job.ID, request.Terms.Tier.Tasks)
	if err != nil {
		return Job{}, err
	}

	if existing.ID != "" {
		return existing, errs.New(errs.Conflict, "start job %s, which exists", job.ID)
	}

	made, err := row(job, 0)
	if err != nil {
		return Job{}, err
	}

	next, err := nextStep(ctx, job, now)
	if err != nil {
		return Job{}, err
	}

	ops := []table.Op{table.Create(made), next}
	quota := settlement(made.Key.Partition(), Charge{}, job.Charge, true)

	err = s.state.Write(ctx, append(ops, quota...)...)
	if refusedBy(err, len(ops)) {
		return Job{}, s.exceeded(ctx, job, request.Terms)
	}

	if errs.Is(err, errs.Conflict) {
		existing, _, readErr := s.read(ctx, ticketOf(job))
		if readErr != nil {
			return Job{}, readErr
		}

		return existing, errs.Context(err, "start job %s, which exists", job.ID)
	}

	if err != nil {
		return Job{}, errs.Context(err, "start job %s", job.ID)
	}

	s.count(job)

	return job, nil
}

// Get reads a job of a person. NotFound where the person has none such.
func (s *Service) Get(ctx context.Context, store string, user int64, job string) (Job, error) {
	found, _, err := s.read(ctx, ticket{Store: store, User: user, Job: job})

	return found, err
}

// HistoryPage is some of a person's jobs, the newest first, and the cursor of
// the next page: empty at the end.
type HistoryPage struct {
	Jobs []Job
	Next string
}

// History reads a page of a person's jobs, the newest first.
func (s *Service) History(ctx context.Context, store string, user int64, cursor string, limit int,
) (HistoryPage, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return HistoryPage{}, err
	}

	page, err := s.state.Query(ctx, table.Query{
		Partition:  jobsOf(tenant, user),
		Prefix:     table.SortPrefix(jobKind),
		Descending: true,
		Limit:      limit,
		Cursor:     cursor,
	})
	if err != nil {
		return HistoryPage{}, errs.Context(err, "read the jobs of user %d", user)
	}

	jobs, err := table.DecodeAll[Job](page.Rows)
	if err != nil {
		return HistoryPage{}, err
	}

	return HistoryPage{Jobs: jobs, Next: page.Next}, nil
}

// recentJobs is how far back jobs that still run are looked for.
const recentJobs = 20

// Cancel stops the person's jobs that can still be stopped and gives those.
func (s *Service) Cancel(ctx context.Context, store string, user int64) ([]Job, error) {
	page, err := s.History(ctx, store, user, "", recentJobs)
	if err != nil {
		return nil, err
	}

	var stopped []Job

	for _, job := range page.Jobs {
		if !job.State.Cancellable() {
			continue
		}

		job, err := s.CancelOne(ctx, store, user, job.ID)
		if errs.Is(err, errs.Conflict) {
			continue // it finished meanwhile
		}

		if err != nil {
			return stopped, err
		}

		stopped = append(stopped, job)
	}

	return stopped, nil
}

// CancelOne stops one job. Conflict where it cannot be stopped any more; the
// job as it stands is returned then too.
func (s *Service) CancelOne(ctx context.Context, store string, user int64, job string) (Job, error) {
	return s.transition(ctx, ticket{Store: store, User: user, Job: job}, func(found *Job) error {
		if !found.State.Cancellable() {
			return errs.New(errs.Conflict, "cancel job %s: it is %s", found.ID, found.State)
		}

		found.State = Cancelled

		return nil
	})
}

// Retry begins a failed job anew; it takes of today's quota again. Conflict
// where it has not failed; Limited, with a sentence for the person, as Start.
func (s *Service) Retry(ctx context.Context, store string, user int64, job string, terms Terms) (Job, error) {
	of := ticket{Store: store, User: user, Job: job}

	failed, _, err := s.read(ctx, of)
	if err != nil {
		return Job{}, err
	}

	if err := terms.open(); err != nil {
		return Job{}, err
	}

	if failed.State == Apologised || failed.State == Failed {
		if _, err := s.underWay(ctx, store, user, "", terms.Tier.Tasks); err != nil {
			return Job{}, err
		}
	}

	again, err := s.transition(ctx, of, func(found *Job) error {
		if found.State != Apologised && found.State != Failed {
			return errs.New(errs.Conflict, "retry job %s: it is %s", found.ID, found.State)
		}

		found.Charge = terms.charge(found.Source, s.clock.Now())
		found.State = Waiting
		found.Round++
		found.Reason, found.Args, found.Reference = "", nil, ""

		return nil
	})
	if errors.Is(err, errQuota) {
		return Job{}, s.exceeded(ctx, again, terms)
	}

	return again, err
}

// read gets the job of a ticket with its version.
func (s *Service) read(ctx context.Context, of ticket) (Job, int64, error) {
	tenant, err := table.TenantOf(of.Store)
	if err != nil {
		return Job{}, 0, err
	}

	job, version, err := table.Read[Job](ctx, s.state, jobsOf(tenant, of.User).Key(jobKind, of.Job))
	if err != nil {
		return Job{}, 0, errs.Context(err, "get job %s of user %d", of.Job, of.User)
	}

	return job, version, nil
}

// transition reads a job, changes it and writes it with the outbox row of its
// next step. When someone else changes the job meanwhile it begins anew, a few
// times. change returns an error to leave the job as it is, which is returned.
func (s *Service) transition(ctx context.Context, of ticket, change func(*Job) error) (Job, error) {
	const tries = 4

	var err error
	for range tries {
		var job Job

		job, err = s.tryTransition(ctx, of, change)
		if err == nil || !errs.Is(err, errs.Conflict) || job.ID != "" {
			return job, err
		}
	}

	return Job{}, errs.Wrap(err, errs.Unavailable, "move job %s: others keep changing it", of.Job)
}

// tryTransition is one try; a job that change refused comes back with the error.
func (s *Service) tryTransition(ctx context.Context, of ticket, change func(*Job) error) (Job, error) {
	job, version, err := s.read(ctx, of)
	if err != nil {
		return Job{}, err
	}

	state, round, wakes, charged := job.State, job.Round, job.Wakes, job.Charge
	if err := change(&job); err != nil {
		return job, err
	}

	job.UpdatedAt = s.clock.Now()

	moved := job.State != state || job.Round != round
	if moved {
		job.Lease, job.Parked, job.Wakes, job.Tries = time.Time{}, time.Time{}, 0, 0
		job.Charge = job.settled()
	}

	changed, err := row(job, version)
	if err != nil {
		return Job{}, err
	}

	ops := []table.Op{table.Replace(changed)}

	if moved && (job.State.Open() || job.State == Cancelled) || job.Wakes > wakes {
		next, err := nextStep(ctx, job, job.UpdatedAt)
		if err != nil {
			return Job{}, err
		}

		ops = append(ops, next)
	}

	quota := settlement(changed.Key.Partition(), charged, job.Charge, state != Waiting && job.State == Waiting)

	err = s.state.Write(ctx, append(ops, quota...)...)
	if refusedBy(err, len(ops)) {
		return job, errQuota
	}

	if err != nil {
		return Job{}, errs.Context(err, "move job %s to %s", job.ID, job.State)
	}

	if job.State != state {
		s.count(job)
	}

	return job, nil
}

// wake sends a parked job on its way again. One that is not parked any more
// is left alone.
func (s *Service) wake(ctx context.Context, of ticket) error {
	_, err := s.transition(ctx, of, func(job *Job) error {
		if job.Parked.IsZero() || job.Round != of.Round {
			return superseded(*job)
		}

		unpark(job)

		return nil
	})
	if errors.Is(err, errSuperseded) {
		return nil
	}

	return err
}

// unpark has a job begun by another message.
func unpark(job *Job) { job.Parked, job.Wakes = time.Time{}, job.Wakes+1 }

func ticketOf(job Job) ticket {
	return ticket{Store: job.Store, User: job.User, Job: job.ID, Round: job.Round, First: job.Premium}
}

// nextStep gives the outbox row that brings a job on: to its next worker, or
// to where it is shown that the job was cancelled.
func nextStep(ctx context.Context, job Job, now time.Time) (table.Op, error) {
	to := queue.Deliveries

	switch job.State {
	case Waiting:
		to = queue.Downloads
	case Downloaded:
		to = ticketOf(job).transcriptions()
	case Transcribed, Failed, Delivered, Apologised, Cancelled:
	}

	of := ticketOf(job)
	of.Show = job.State == Cancelled

	cause := []string{string(job.State), strconv.Itoa(job.Round)}
	if job.Wakes > 0 {
		cause = append(cause, strconv.Itoa(job.Wakes))
	}

	return entryAfter(ctx, of, to, of, now, job.delay, cause...)
}

// show has the outcome of a finished job shown once more. cause is why, so
// that it happens once.
func (s *Service) show(ctx context.Context, job Job, cause ...string) error {
	of := ticketOf(job)
	of.Show = true

	op, err := entry(ctx, of, queue.Deliveries, of, s.clock.Now(), append([]string{"show"}, cause...)...)
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, op)
	if err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "have job %s shown again", job.ID)
	}

	return nil
}

// transcriptions gives the queue in which a job waits to be transcribed.
func (t ticket) transcriptions() queue.Name {
	if t.First {
		return queue.TranscriptionsPriority
	}

	return queue.Transcriptions
}

func entry(ctx context.Context, of ticket, to queue.Name, body any, now time.Time, cause ...string) (table.Op, error) {
	return entryAfter(ctx, of, to, body, now, 0, cause...)
}

// entryAfter gives the outbox row of a message that comes after a while.
func entryAfter(
	ctx context.Context, of ticket, to queue.Name, body any, now time.Time, after time.Duration, cause ...string,
) (table.Op, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return table.Op{}, errs.Wrap(err, errs.Internal, "encode the message of job %s", of.Job)
	}

	user := strconv.FormatInt(of.User, 10)

	return outbox.Op(outbox.Entry{
		ID:        id.Derive(append([]string{of.Store, user, of.Job, string(to)}, cause...)...),
		Store:     of.Store,
		Queue:     to,
		Body:      text,
		Delay:     after,
		Trace:     queue.TraceOf(ctx),
		CreatedAt: now,
	})
}
