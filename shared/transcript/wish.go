package transcript

import (
	"context"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
)

// Wish asks for what a finished job has brought: as a file, the rest of its
// text in messages, or else the result as a new message.
type Wish struct {
	Store    string
	User     int64
	Job      string
	Format   Format // as a file of this format
	Rest     int    // number of the message whose text goes on in new ones
	Language string // of the texts; empty: that of the job
	Cause    string // the update that asked: asking once sends once
}

// order is the body of a message that asks deliveries for more than the
// outcome of a job. One of its fields says what.
type order struct {
	ticket

	Format   Format   `json:"format,omitempty"`
	Again    bool     `json:"again,omitempty"` // the result as a message
	Rest     *rest    `json:"rest,omitempty"`
	Remains  *Job     `json:"remains,omitempty"` // of a job that was deleted
	All      *erasure `json:"all,omitempty"`
	Language string   `json:"language,omitempty"`
}

// rest is one message of the rest of a text.
type rest struct {
	Message int `json:"message"` // the result whose text goes on
	Number  int `json:"number"`  // from 0
}

// Send has the transcript of a job sent anew. NotFound where there is no such
// job, Conflict where it has no transcript.
func (s *Service) Send(ctx context.Context, wish Wish) error {
	of := ticket{Store: wish.Store, User: wish.User, Job: wish.Job}

	found, _, err := s.read(ctx, of)
	if err != nil {
		return err
	}

	if found.Result == nil {
		return errs.New(errs.Conflict, "send job %s: it has no transcript, it is %s", found.ID, found.State)
	}

	if wish.Rest != 0 {
		return s.sendRest(ctx, of, rest{Message: wish.Rest}, wish.Language, 0)
	}

	asked := order{ticket: of, Format: wish.Format, Again: wish.Format == "", Language: wish.Language}

	return s.order(ctx, asked, 0, wish.Cause, string(wish.Format))
}

// sendRest has one message of the rest of a text sent after a while. The same
// one is sent once, however often it is asked for.
func (s *Service) sendRest(ctx context.Context, of ticket, which rest, language string, after time.Duration) error {
	return s.order(ctx, order{ticket: of, Rest: &which, Language: language}, after, which.cause()...)
}

func (r rest) cause() []string {
	return []string{"rest", strconv.Itoa(r.Message), strconv.Itoa(r.Number)}
}

// order writes the outbox row of an order. It is fine when it is there already.
func (s *Service) order(ctx context.Context, asked order, after time.Duration, cause ...string) error {
	op, err := entryAfter(ctx, asked.ticket, queue.Deliveries, asked, s.clock.Now(), after, cause...)
	if err != nil {
		return err
	}

	err = s.state.Write(ctx, op)
	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it was asked for already
		return errs.Context(err, "order of job %s", asked.Job)
	}

	return nil
}
