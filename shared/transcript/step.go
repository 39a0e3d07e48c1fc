package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// MaxAttempts is how often a step is tried before its job fails: the first
// time and two more. The queues give a message away only after one more, so
// that the step itself is the one to give up.
const MaxAttempts = 3

// FileRef says which file of a person's message is meant.
type FileRef struct {
	Store   string
	Chat    int64
	Message int    // that holds the file
	FileID  string // as the Bot API gives it
	Size    int64  // bytes, as Telegram says; 0: unknown
}

// Files opens the files that people have sent.
type Files interface {
	// Open streams a file from an offset and gives the whole file's size in
	// bytes (-1: unknown). Invalid, with a sentence for the person, where
	// Telegram will never give it.
	Open(ctx context.Context, of FileRef, offset int64) (io.ReadCloser, int64, error)
}

// Messenger speaks to people.
type Messenger interface {
	// Edit changes a message; it is fine when the message says so already.
	// NotFound where the message is gone, Unauthorized where the person does
	// not want to hear from the bot.
	Edit(ctx context.Context, to message.Address, text message.Text) error
	// Send says something new and gives the message's number.
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	// SendDocument sends a file under a name.
	SendDocument(
		ctx context.Context, to message.Address, name, mimeType string, content io.Reader, caption message.Text,
	) error
}

// Stage is what a worker is at.
type Stage string

// The stages that a person sees.
const (
	Downloading  Stage = "downloading"
	Compressing  Stage = "compressing"
	Transcribing Stage = "transcribing"
	Awaiting     Stage = "awaiting" // another job transcribes the same content
)

// Progress is how far a job is. Zero values are not known, and not shown.
type Progress struct {
	Stage   Stage
	Percent int           // 0 to 100, of the stage
	Part    int           // Transcribing: how many parts are done
	Parts   int           // Transcribing: of how many
	Bytes   int64         // Compressing: of what is made, estimated
	Left    time.Duration // until the result, estimated
}

// Texts puts a job into words of its person's language.
type Texts interface {
	ResultTexts

	Title(job Job) string               // what the file is called: plain text
	Speaker(job Job, number int) string // what a speaker is called: plain text
	Progress(job Job, progress Progress) message.Text
	Failure(job Job) message.Text
	Cancelled(job Job) message.Text
}

// ResultTexts puts into words what a job has brought, and its end.
type ResultTexts interface {
	Result(job Job, result Transcript) message.Text
	Rest(job Job, result Transcript) []message.Text // what Result has no room for; none where that is too much
	Read(job Job, result Transcript) message.Text   // Result once the rest was sent
	Caption(job Job, format Format) message.Text
	Gone(job Job) message.Text
	Unsent(job Job, reference string) message.Text
	Deleted(job Job) message.Text
	AllDeleted(language string) message.Text
}

// step is what the workers have in common.
type step struct {
	jobs      *Service
	messenger Messenger
	texts     Texts
	metrics   *metric.Emitter
	// leave removes what a job that came to no result has left behind; nil
	// where a step leaves nothing.
	leave func(context.Context, Job)
}

// errSuperseded is the cause of every superseded, which tells it from a
// Conflict that an outside system gave: only the former ends the work for good.
var errSuperseded = errors.New("this work is not wanted any more")

// superseded stops work on a job that has moved on without this worker.
func superseded(job Job) error {
	return errs.Wrap(errSuperseded, errs.Conflict, "job %s is %s in round %d", job.ID, job.State, job.Round)
}

// work is what a step does with its job: it gives the change that it makes.
type work func(ctx context.Context, job Job, hold *hold) (func(*Job), error)

// hold is a worker's hold on its job.
type hold struct {
	lose context.CancelCauseFunc // ends the work, with the reason

	mu   sync.Mutex
	note func(*Job)
}

// keep notes what must outlive this worker: it is written with the next
// heartbeat and with whatever ends the step. It takes the place of the note
// before, and may be written more than once.
func (h *hold) keep(note func(*Job)) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.note = note
}

func (h *hold) apply(job *Job) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.note != nil {
		h.note(job)
	}
}

// postponed ends a delivery without an outcome: its message has done its duty,
// and the job is gone on with by another one.
type postponed struct {
	advanced bool                        // some of the work was done: the tries so far do not count
	park     time.Duration               // wait for a wake, so long at most; 0: another worker goes on at once
	join     func(context.Context) error // has the parked job woken in time; what it fails to do, time does
}

// Error implements error.
func (p *postponed) Error() string { return "the job is gone on with later" }

// run does one step of the job that a delivery names. Deliveries that are
// late, doubled or cancelled end here without any work. What cannot succeed
// fails the job, so that its person is told; anything else goes back to the
// queue.
func (s step) run(ctx context.Context, delivery queue.Delivery, want State, do work) error {
	of, err := decodeTicket(delivery)
	if err != nil {
		return err
	}

	ctx = logging.With(ctx, logging.Store, of.Store, logging.Job, of.Job)
	started := s.jobs.clock.Now()

	job, err := s.jobs.claim(ctx, of, want)
	if errors.Is(err, errSuperseded) {
		slog.InfoContext(ctx, "skipped: nothing to do", "step", want, "attempt", delivery.Attempt, "because", err)
		s.tidy(ctx, job)

		if delivery.Attempt == 1 { // a mere double, which has shown nothing
			return nil
		}

		return s.showAgain(ctx, of, delivery)
	}

	if err != nil { // another worker has it: should that one fail, this message is the one to go on with
		return err
	}

	holding := &hold{}

	change, err := s.work(ctx, of, job, holding, do)
	if err == nil {
		job, err = s.jobs.move(ctx, of, want, func(job *Job) {
			holding.apply(job)
			change(job)
		})
	}

	later, isLater := errors.AsType[*postponed](err)

	switch {
	case isLater:
		return s.postpone(ctx, delivery, of, want, holding, later)
	case err == nil:
		s.finished(ctx, job, want, started)

		return nil
	case errors.Is(err, errSuperseded):
		slog.InfoContext(ctx, "dropped: the job has moved on meanwhile", "step", want)

		return s.showAgain(ctx, of, delivery)
	case triesAgain(want, err, job.Tries+delivery.Attempt):
		slog.WarnContext(ctx, "step failed, will be tried again", "step", want, "attempt", delivery.Attempt,
			"tries_before", job.Tries, "error", err)
		s.release(ctx, of, want, holding)

		return err
	default:
		return s.fail(ctx, of, want, holding, err)
	}
}

// postpone lets the job wait for another message. Tries that have failed under
// this one go on counting, so that no job is tried without end.
func (s step) postpone(
	ctx context.Context, delivery queue.Delivery, of ticket, want State, holding *hold, later *postponed,
) error {
	writing, cancel := lastWords(ctx)
	defer cancel()

	_, err := s.jobs.move(writing, of, want, func(job *Job) {
		holding.apply(job)

		job.Lease = time.Time{}
		job.Tries += delivery.Attempt - 1

		if later.advanced {
			job.Tries = 0
		}

		if later.park > 0 {
			job.Parked = s.jobs.clock.Now().Add(later.park)
		} else {
			unpark(job)
		}
	})
	if errors.Is(err, errSuperseded) {
		return s.showAgain(ctx, of, delivery)
	}

	if err != nil || later.join == nil {
		return err
	}

	if err := later.join(ctx); err != nil {
		slog.WarnContext(ctx, "nobody wakes the parked job, it waits until its time is over", "error", err)
	}

	return nil
}

// showAgain has the outcome of a finished job shown once more. A worker that
// was held up may have put its progress over it: it looks before it edits, but
// nothing keeps an edit from taking effect late.
func (s step) showAgain(ctx context.Context, of ticket, delivery queue.Delivery) error {
	job, _, err := s.jobs.read(ctx, of)
	if errs.Is(err, errs.NotFound) { // it was deleted: nothing of it is to be shown
		return nil
	}

	if err != nil {
		return err
	}

	s.tidy(ctx, job)

	if job.State.Open() {
		return nil
	}

	return s.jobs.show(ctx, job, delivery.ID, strconv.Itoa(delivery.Attempt))
}

// tidy has removed what is left of a job that came to no result.
func (s step) tidy(ctx context.Context, job Job) {
	if s.leave != nil && (job.State == Cancelled || job.State == Failed || job.State == Apologised) {
		s.leave(ctx, job)
	}
}

// triesAgain reports whether a step that failed goes back to its queue. An
// outcome that is ready is never given up for a passing trouble: it may have
// been shown already, and the rescuer brings it again.
func triesAgain(want State, err error, attempt int) bool {
	switch want {
	case Failed:
		return true
	case Transcribed:
		return passing(err)
	case Waiting, Downloaded, Delivered, Apologised, Cancelled:
		return passing(err) && attempt < MaxAttempts
	default:
		return false
	}
}

// passing reports whether another try may succeed. A Conflict of an outside
// system is no sign that the job has moved on.
func passing(err error) bool { return errs.Retryable(err) || errs.Is(err, errs.Conflict) }

const (
	// leaseFor is how long a worker that says nothing keeps a job to itself.
	// A worker that dies holds its job up for this long and a minute of sweep.
	leaseFor = 30 * time.Second
	// heartbeat is how often a worker says that it is still at it.
	heartbeat = leaseFor / 3
)

// work does the step while the lease is renewed. It ends early, with the
// reason, when the job is not this worker's any more: cancelled, for example.
func (s step) work(ctx context.Context, of ticket, job Job, holding *hold, do work) (func(*Job), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	holding.lose = cancel
	beating := make(chan struct{})

	go func() {
		defer close(beating)

		s.beat(ctx, holding, of, job.State)
	}()

	change, err := do(ctx, job, holding)

	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSuperseded) {
		err = cause // the failure followed from being stopped
	}

	cancel(nil)
	<-beating

	return change, err
}

// beat renews the lease until ctx ends, and writes what was noted. Where that
// is refused the job is lost to this worker.
func (s step) beat(ctx context.Context, holding *hold, of ticket, want State) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		_, err := s.jobs.move(ctx, of, want, func(job *Job) {
			holding.apply(job)

			job.Lease = s.jobs.clock.Now().Add(leaseFor)
		})

		switch {
		case errors.Is(err, errSuperseded):
			holding.lose(err)

			return
		case err != nil && ctx.Err() == nil:
			slog.WarnContext(ctx, "lease not renewed, next try soon", "error", err)
		}
	}
}

// release gives the job back for the next try. Should that fail, the lease
// runs out and the rescuer sends the job on.
func (s step) release(ctx context.Context, of ticket, want State, holding *hold) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()

	_, err := s.jobs.move(ctx, of, want, func(job *Job) {
		holding.apply(job)

		job.Lease = time.Time{}
	})
	if err != nil && !errors.Is(err, errSuperseded) {
		slog.WarnContext(ctx, "lease not released, it runs out by itself", "error", err)
	}
}

func (s step) finished(ctx context.Context, job Job, from State, started time.Time) {
	took := s.jobs.clock.Now().Sub(started)
	slog.InfoContext(ctx, "step done", "step", from, "state", job.State, "took_ms", took.Milliseconds(),
		"since_start_ms", job.UpdatedAt.Sub(job.CreatedAt).Milliseconds())
	s.metrics.Put("StepTime", float64(took.Milliseconds()), metric.Milliseconds, metric.Dimensions{"Step": string(from)})
}

// lastWordsFor is how long a step that has used up its time may take to say
// what becomes of its job: a little less than what package boot keeps back.
const lastWordsFor = 800 * time.Millisecond

// lastWords gives a context for the last write of a step: a new one for a
// little while, where time is up.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx, func() {}
	}

	return context.WithTimeout(context.WithoutCancel(ctx), lastWordsFor)
}

// fail gives the job up, with what its person is told. A job whose failure
// could not be told keeps what is to be told.
func (s step) fail(ctx context.Context, of ticket, want State, holding *hold, cause error) error {
	reference := of.reference()
	slog.ErrorContext(logging.With(ctx, logging.Ref, reference), "job failed", "step", want, "error", cause)
	s.metrics.Put("JobsFailed", 1, metric.Count, metric.Dimensions{"Step": string(want)})

	ctx, cancel := lastWords(ctx)
	defer cancel()

	job, err := s.jobs.move(ctx, of, want, func(job *Job) {
		holding.apply(job)

		if job.State == Failed {
			return
		}

		job.State = Failed
		job.Reference = reference
		job.Reason, job.Args, _ = errs.Sentence(cause)
	})
	if errors.Is(err, errSuperseded) {
		return nil
	}

	if err != nil {
		return err
	}

	s.tidy(ctx, job)

	return nil
}

func addressOf(job Job) message.Address {
	return message.Address{Store: job.Store, Chat: job.Chat, Message: job.Progress}
}

// current reads the job of a ticket; Conflict where it is not in the wanted
// state of the ticket's round.
func (s *Service) current(ctx context.Context, of ticket, want State) (Job, error) {
	job, _, err := s.read(ctx, of)
	if err != nil {
		return Job{}, supersededByDeletion(err, of)
	}

	if job.State != want || job.Round != of.Round {
		return job, superseded(job)
	}

	return job, nil
}

// claim takes the job of a ticket for this worker alone. It is superseded where
// the job is not in the wanted state of the ticket's round, Limited while
// another worker has it.
func (s *Service) claim(ctx context.Context, of ticket, want State) (Job, error) {
	now := s.clock.Now()

	job, err := s.transition(ctx, of, func(job *Job) error {
		if job.State != want || job.Round != of.Round {
			return superseded(*job)
		}

		if job.Lease.After(now) {
			return errs.New(errs.Limited, "job %s is another worker's until %s", job.ID, job.Lease.Format(time.RFC3339)).
				After(job.Lease.Sub(now))
		}

		job.Lease, job.Parked = now.Add(leaseFor), time.Time{}

		return nil
	})

	return job, supersededByDeletion(err, of)
}

// move changes the job of a ticket if it still is in the wanted state.
func (s *Service) move(ctx context.Context, of ticket, want State, change func(*Job)) (Job, error) {
	moved, err := s.transition(ctx, of, func(job *Job) error {
		if job.State != want || job.Round != of.Round {
			return superseded(*job)
		}

		change(job)

		return nil
	})

	return moved, supersededByDeletion(err, of)
}

// supersededByDeletion is what a job that is not there any more means to its
// worker: its person has deleted it.
func supersededByDeletion(err error, of ticket) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(errSuperseded, errs.Conflict, "job %s was deleted", of.Job)
	}

	return err
}

func decodeTicket(delivery queue.Delivery) (ticket, error) {
	var of ticket
	if err := json.Unmarshal(delivery.Body, &of); err != nil || of.Job == "" || of.Store == "" {
		return ticket{}, errs.Wrap(err, errs.Invalid, "message %s names no job (a redrive of old messages?)", delivery.ID)
	}

	return of, nil
}
