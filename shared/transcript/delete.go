package transcript

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

// lateWork is how long a worker may go on with a job after it was cancelled,
// at most: the longest time that a function has. What it stores in that time is
// removed behind it.
const lateWork = 15 * time.Minute

// Delete removes a job for good: from the history at once, and all that is
// stored of it by a message to deliveries. Deleting what is not there is fine.
// Conflict where the job is still under way: it must be cancelled first.
func (s *Service) Delete(ctx context.Context, store string, user int64, job string) error {
	const tries = 4

	var err error
	for range tries {
		err = s.tryDelete(ctx, ticket{Store: store, User: user, Job: job})
		if err == nil || !errs.Is(err, errs.Unavailable) {
			return err
		}
	}

	return err
}

func (s *Service) tryDelete(ctx context.Context, of ticket) error {
	job, version, err := s.read(ctx, of)
	if errs.Is(err, errs.NotFound) {
		return nil
	}

	if err != nil {
		return err
	}

	if job.State.Open() {
		return errs.New(errs.Conflict, "delete job %s: it is %s", job.ID, job.State)
	}

	tenant, err := table.TenantOf(of.Store)
	if err != nil {
		return err
	}

	now := s.clock.Now()

	remove, err := removal(ctx, job, now, 0)
	if err != nil {
		return err
	}

	ops := []table.Op{table.Delete(jobsOf(tenant, of.User).Key(jobKind, of.Job), version), remove}

	// Work that was cancelled a moment ago may still be going on, and store
	// something once more.
	if job.State == Cancelled && now.Before(job.UpdatedAt.Add(lateWork)) {
		again, err := removal(ctx, job, now, lateWork)
		if err != nil {
			return err
		}

		ops = append(ops, again)
	}

	err = s.state.Write(ctx, ops...)
	if errs.Is(err, errs.Conflict) { // it has changed meanwhile, or another call deletes it
		return errs.Wrap(err, errs.Unavailable, "delete job %s, which is changing", job.ID)
	}

	if err != nil {
		return errs.Context(err, "delete job %s", job.ID)
	}

	return nil
}

// removal gives the outbox row that has the remains of a job removed: with no
// more in it than that takes.
func removal(ctx context.Context, job Job, now time.Time, after time.Duration) (table.Op, error) {
	remains := &Job{
		Chat: job.Chat, Progress: job.Progress, Language: job.Language, SHA256: job.SHA256, Checkpoint: job.Checkpoint,
	}

	return entryAfter(ctx, ticketOf(job), queue.Deliveries, order{ticket: ticketOf(job), Remains: remains}, now, after,
		"delete", strconv.FormatInt(job.UpdatedAt.UnixNano(), 10), after.String())
}

// Erasure asks for everything to be deleted that a person has had transcribed.
type Erasure struct {
	Store    string
	User     int64
	Chat     int64
	Message  int    // that says so in the end
	Language string // of that text
	Cause    string // the update that asked
}

// erasure is the body of the message that carries it.
type erasure struct {
	Chat    int64     `json:"chat"`
	Message int       `json:"message"`
	Until   time.Time `json:"until"` // what began later stays
}

// everything stands for the name of a job where all of a person's are meant.
const everything = "everything"

// DeleteAll has all jobs of a person deleted that are not under way.
func (s *Service) DeleteAll(ctx context.Context, asked Erasure) error {
	return s.order(ctx, order{
		ticket:   ticket{Store: asked.Store, User: asked.User, Job: everything},
		All:      &erasure{Chat: asked.Chat, Message: asked.Message, Until: s.clock.Now()},
		Language: asked.Language,
	}, 0, "delete", asked.Cause)
}

// remove removes what is stored of a job that was deleted, for other jobs too,
// and what the chat shows of it. Doing it again is fine.
func (d *Deliverer) remove(ctx context.Context, asked order) error {
	ctx = logging.With(ctx, logging.Store, asked.Store, logging.Job, asked.Job)
	job := *asked.Remains
	job.ID, job.Store, job.User = asked.Job, asked.Store, asked.User

	if err := d.bucket.Delete(ctx, transcriptBlob(job)); err != nil {
		return errs.Context(err, "remove the transcript of job %s", job.ID)
	}

	if err := removeAll(ctx, d.bucket, mediaOf(job)); err != nil {
		return err
	}

	if job.Checkpoint != nil {
		if err := d.bucket.AbortUpload(ctx, job.Checkpoint.upload()); err != nil {
			return errs.Context(err, "remove the unfinished upload of job %s", job.ID)
		}
	}

	if job.SHA256 != "" {
		if err := d.cache.Forget(ctx, job.Store, job.SHA256); err != nil {
			return err
		}
	}

	slog.InfoContext(ctx, "job deleted")

	err := d.edit(ctx, job, d.texts.Deleted(job))
	if err != nil && errs.Retryable(err) {
		return fmt.Errorf("take the text of deleted job %s from the chat: %w", job.ID, err)
	}

	return nil // the message is gone, or too old to be changed
}

// removeEverything deletes the jobs of a person that are not under way.
func (d *Deliverer) removeEverything(ctx context.Context, asked order) error {
	const page = 50

	from := ""

	for more := true; more; {
		var (
			jobs []Job
			err  error
		)

		jobs, more, err = d.jobs.Turn(ctx, Turn{Store: asked.Store, User: asked.User, From: from, Limit: page})
		if err != nil {
			return err
		}

		for _, job := range jobs {
			from = job.ID

			if job.State.Open() || job.CreatedAt.After(asked.All.Until) {
				continue
			}

			err := d.jobs.Delete(ctx, asked.Store, asked.User, job.ID)
			if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it was begun anew
				return err
			}
		}
	}

	to := message.Address{Store: asked.Store, Chat: asked.All.Chat, Message: asked.All.Message}

	err := d.messenger.Edit(ctx, to, d.texts.AllDeleted(asked.Language))
	if err != nil && errs.Retryable(err) {
		return fmt.Errorf("say that everything of user %d is deleted: %w", asked.User, err)
	}

	return nil
}
