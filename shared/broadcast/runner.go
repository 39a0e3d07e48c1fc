package broadcast

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

// Messenger speaks to people. Its errors: Unauthorized where the person does not
// want to hear from the bot, NotFound where the chat or the message is gone,
// Invalid where Telegram refuses the content, Limited where it is too fast,
// Internal where it does not know the bot; Unavailable: it may have taken effect.
type Messenger interface {
	// Broadcast says a content to a person and gives the message's number. Told to
	// wait it returns Limited at once.
	Broadcast(ctx context.Context, to message.Address, content Content, paid bool) (int, error)
	// Exists reports whether any of at most 100 numbers, in ascending order, is a
	// message of a chat. through is a chat in which copies may show for a moment.
	Exists(ctx context.Context, in message.Address, numbers []int, through int64) (bool, error)
	// Quote gives the plain text of a message and whether the bot sent it.
	Quote(ctx context.Context, which message.Address, through int64) (text string, own bool, err error)
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
	Delete(ctx context.Context, which message.Address) error
}

// Options are what a Runner needs.
type Options struct {
	Service   *Service
	Messenger Messenger
	Texts     Texts
	Pace      *limit.Pace
	Scratch   table.Table    // what was reported: doubled messages are recognised
	Queue     queue.Receiver // the messages come from it
	Metrics   *metric.Emitter
	// RunFor is how long one message is worked on before it is handed on: well
	// below the function's timeout.
	RunFor time.Duration
}

// Runner plans and sends campaigns.
type Runner struct{ Options }

// NewRunner makes a runner.
func NewRunner(options Options) *Runner { return &Runner{options} }

// Handle does one task of the broadcasts queue. An error has the message come
// again; so has the death of the worker, within 20 seconds.
func (r *Runner) Handle(ctx context.Context, delivery queue.Delivery) error {
	var asked Message
	if err := json.Unmarshal(delivery.Body, &asked); err != nil {
		return errs.Wrap(err, errs.Invalid, "read a message about a broadcast")
	}

	ctx = logging.With(ctx, logging.Store, asked.Store)

	return r.beating(ctx, delivery, func(ctx context.Context) error {
		switch asked.Task {
		case Plan:
			return r.plan(ctx, asked)
		case Send:
			return r.send(ctx, asked)
		case Clear:
			return r.clear(ctx, asked)
		case Report:
			return r.report(ctx, asked)
		default:
			return errs.New(errs.Invalid, "a message of the broadcasts queue asks for %q", asked.Task)
		}
	})
}

const (
	// visibility is how long the message of a worker that has died stays hidden.
	visibility = 20 * time.Second
	// heartbeat is how often a worker says that it is alive.
	heartbeat = 5 * time.Second
)

// beating does something and meanwhile keeps its message hidden, a little at a
// time: the visibility timeout of the queue, which must be longer than that of
// the function, would let people wait for minutes where a worker dies. Where
// the message is lost to another worker the work ends.
func (r *Runner) beating(ctx context.Context, delivery queue.Delivery, do func(context.Context) error) error {
	working, stop := context.WithCancel(ctx)
	beats := make(chan struct{})

	go func() {
		defer close(beats)

		ticker := time.NewTicker(heartbeat)
		defer ticker.Stop()

		for {
			if err := r.Queue.Extend(working, delivery, visibility); errs.Is(err, errs.Conflict) {
				slog.WarnContext(ctx, "the message of this work was given to another worker: it ends", "error", err)
				stop()
			} else if err != nil && working.Err() == nil {
				slog.WarnContext(ctx, "message not kept hidden, tried again soon", "error", err)
			}

			select {
			case <-working.Done():
				return
			case <-ticker.C:
			}
		}
	}()

	err := do(working)

	stop()
	<-beats

	return err
}

// current reads the campaign of a message and reports whether the message is
// about its present round and it is running.
func (r *Runner) current(ctx context.Context, asked Message) (Campaign, bool, error) {
	at, err := placeOf(asked.Store, asked.Campaign)
	if err != nil {
		return Campaign{}, false, err
	}

	found, _, err := table.Read[Campaign](ctx, r.Service.state, at.campaign())
	if err != nil {
		return Campaign{}, false, errs.Context(err, "work on broadcast %s of store %s", asked.Campaign, asked.Store)
	}

	return found, found.State == Running && found.Round == asked.Round, nil
}

// handOn has another invocation go on with a task.
func (r *Runner) handOn(ctx context.Context, campaign Campaign, asked Message) error {
	asked.Turn++

	entry := campaign.entry(asked, r.Service.clock.Now())

	err := r.Service.record(ctx, entry)
	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it was handed on before
		return errs.Context(err, "hand on broadcast %s", campaign.ID)
	}

	return nil
}
