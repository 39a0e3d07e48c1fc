package transcript

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
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
)

// Progress is how far a job is. Zero values are not known, and not shown.
type Progress struct {
	Stage   Stage
	Percent int           // 0 to 100, of the stage
	Part    int           // Transcribing: how many parts are done
	Parts   int           // Transcribing: of how many
	Left    time.Duration // until the result, estimated
}

// Texts puts a job into words of its person's language.
type Texts interface {
	Title(job Job) string // what the file is called: plain text
	Progress(job Job, progress Progress) message.Text
	Result(job Job, result Transcript) message.Text
	Failure(job Job) message.Text
	Cancelled(job Job) message.Text
	Caption(job Job, format Format) message.Text
	Gone(job Job) message.Text
	Unsent(job Job, reference string) message.Text
}

// step is what the workers have in common.
type step struct {
	jobs      *Service
	messenger Messenger
	texts     Texts
	metrics   *metric.Emitter
}

// errSuperseded is the cause of every superseded, which tells it from a
// Conflict that an outside system gave: only the former ends the work for good.
var errSuperseded = errors.New("this work is not wanted any more")

// superseded stops work on a job that has moved on without this worker.
func superseded(job Job) error {
	return errs.Wrap(errSuperseded, errs.Conflict, "job %s is %s in round %d", job.ID, job.State, job.Round)
}

// run does one step of the job that a delivery names. Deliveries that are
// late, doubled or cancelled end here without any work. do gives the change
// that its work makes to the job. What cannot succeed fails the job, so that
// its person is told; anything else goes back to the queue.
func (s step) run(
	ctx context.Context, delivery queue.Delivery, want State, do func(context.Context, Job) (func(*Job), error),
) error {
	of, err := decodeTicket(delivery)
	if err != nil {
		return err
	}

	ctx = logging.With(ctx, logging.Store, of.Store, logging.Job, of.Job)
	started := s.jobs.clock.Now()

	job, err := s.jobs.claim(ctx, of, want)
	if errors.Is(err, errSuperseded) {
		slog.InfoContext(ctx, "skipped: nothing to do", "step", want, "attempt", delivery.Attempt, "because", err)

		if delivery.Attempt == 1 { // a mere double, which has shown nothing
			return nil
		}

		return s.showAgain(ctx, of, delivery)
	}

	if err != nil { // another worker has it: should that one fail, this message is the one to go on with
		return err
	}

	change, err := s.work(ctx, of, job, do)
	if err == nil {
		job, err = s.jobs.move(ctx, of, want, change)
	}

	switch {
	case err == nil:
		s.finished(ctx, job, want, started)

		return nil
	case errors.Is(err, errSuperseded):
		slog.InfoContext(ctx, "dropped: the job has moved on meanwhile", "step", want)

		return s.showAgain(ctx, of, delivery)
	case triesAgain(want, err, delivery.Attempt):
		slog.WarnContext(ctx, "step failed, will be tried again", "step", want, "attempt", delivery.Attempt, "error", err)
		s.release(ctx, of, want)

		return err
	default:
		return s.fail(ctx, of, want, err)
	}
}

// showAgain has the outcome of a finished job shown once more. A worker that
// was held up may have put its progress over it: it looks before it edits, but
// nothing keeps an edit from taking effect late.
func (s step) showAgain(ctx context.Context, of ticket, delivery queue.Delivery) error {
	job, _, err := s.jobs.read(ctx, of)
	if err != nil || job.State.Open() {
		return err
	}

	return s.jobs.show(ctx, job, delivery.ID, strconv.Itoa(delivery.Attempt))
}

// triesAgain reports whether a step that failed goes back to its queue. An
// outcome that is ready is never given up for a passing trouble: it may have
// been shown already, and the rescuer brings it again.
func triesAgain(want State, err error, attempt int) bool {
	passing := errs.Retryable(err) || errs.Is(err, errs.Conflict)

	switch want {
	case Failed:
		return true
	case Transcribed:
		return passing
	case Waiting, Downloaded, Delivered, Apologised, Cancelled:
		return passing && attempt < MaxAttempts
	default:
		return false
	}
}

const (
	// leaseFor is how long a worker that says nothing keeps a job to itself.
	// A worker that dies holds its job up for this long and a minute of sweep.
	leaseFor = 30 * time.Second
	// heartbeat is how often a worker says that it is still at it.
	heartbeat = leaseFor / 3
)

// work does the step while the lease is renewed. It ends early, with the
// reason, when the job is not this worker's any more: cancelled, for example.
func (s step) work(
	ctx context.Context, of ticket, job Job, do func(context.Context, Job) (func(*Job), error),
) (func(*Job), error) {
	ctx, cancel := context.WithCancelCause(ctx)
	beating := make(chan struct{})

	go func() {
		defer close(beating)

		s.beat(ctx, cancel, of, job.State)
	}()

	change, err := do(ctx, job)

	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errSuperseded) {
		err = cause // the failure followed from being stopped
	}

	cancel(nil)
	<-beating

	return change, err
}

// beat renews the lease until ctx ends. Where that is refused the job is lost
// to this worker, and cancel is called with the reason.
func (s step) beat(ctx context.Context, cancel context.CancelCauseFunc, of ticket, want State) {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()

	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}

		_, err := s.jobs.move(ctx, of, want, func(job *Job) { job.Lease = s.jobs.clock.Now().Add(leaseFor) })

		switch {
		case errors.Is(err, errSuperseded):
			cancel(err)

			return
		case err != nil && ctx.Err() == nil:
			slog.WarnContext(ctx, "lease not renewed, next try soon", "error", err)
		}
	}
}

// release gives the job back for the next try. Should that fail, the lease
// runs out and the rescuer sends the job on.
func (s step) release(ctx context.Context, of ticket, want State) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()

	_, err := s.jobs.move(ctx, of, want, func(job *Job) { job.Lease = time.Time{} })
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

// lastWords is how long a step that has used up its time may take to give its
// job up: a little less than what package boot keeps back for it.
const lastWords = 800 * time.Millisecond

// fail gives the job up, with what its person is told. A job whose failure
// could not be told keeps what is to be told.
func (s step) fail(ctx context.Context, of ticket, want State, cause error) error {
	reference := of.reference()
	slog.ErrorContext(logging.With(ctx, logging.Ref, reference), "job failed", "step", want, "error", cause)
	s.metrics.Put("JobsFailed", 1, metric.Count, metric.Dimensions{"Step": string(want)})

	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		var cancel context.CancelFunc

		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancel()
	}

	_, err := s.jobs.move(ctx, of, want, func(job *Job) {
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

	return err
}

// progress edits the person's progress message, unless the job has moved on
// and shows something better. Conflict then; a message that cannot be edited
// is worth a log line only.
func (s step) progress(ctx context.Context, job Job, text message.Text) error {
	if _, err := s.jobs.current(ctx, ticketOf(job), job.State); errors.Is(err, errSuperseded) {
		return err
	}

	if job.Progress == 0 {
		return nil
	}

	if err := s.messenger.Edit(ctx, addressOf(job), text); err != nil {
		slog.InfoContext(ctx, "progress not shown", "error", err)
	}

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
		return Job{}, err
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

	return s.transition(ctx, of, func(job *Job) error {
		if job.State != want || job.Round != of.Round {
			return superseded(*job)
		}

		if job.Lease.After(now) {
			return errs.New(errs.Limited, "job %s is another worker's until %s", job.ID, job.Lease.Format(time.RFC3339)).
				After(job.Lease.Sub(now))
		}

		job.Lease = now.Add(leaseFor)

		return nil
	})
}

// move changes the job of a ticket if it still is in the wanted state.
func (s *Service) move(ctx context.Context, of ticket, want State, change func(*Job)) (Job, error) {
	return s.transition(ctx, of, func(job *Job) error {
		if job.State != want || job.Round != of.Round {
			return superseded(*job)
		}

		change(job)

		return nil
	})
}

func decodeTicket(delivery queue.Delivery) (ticket, error) {
	var of ticket
	if err := json.Unmarshal(delivery.Body, &of); err != nil || of.Job == "" || of.Store == "" {
		return ticket{}, errs.Wrap(err, errs.Invalid, "message %s names no job (a redrive of old messages?)", delivery.ID)
	}

	return of, nil
}
