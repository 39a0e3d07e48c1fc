package health

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// Status is what an owner is shown.
type Status struct {
	At       time.Time // of the last look; zero: nobody has looked yet
	Store    []Result  // of the store's own checks
	Platform []Result  // of what all stores share
}

// Trouble gives the results that are not well, the store's own first.
func (s Status) Trouble() []Result {
	var found []Result

	for _, results := range [][]Result{s.Store, s.Platform} {
		for _, result := range results {
			if result.State.Trouble() {
				found = append(found, result)
			}
		}
	}

	return found
}

// Of gives the state of a component: the worst that is known of it, Unknown where
// nothing is, empty where nothing of it is looked at.
func (s Status) Of(component Component) State {
	var state State

	for _, results := range [][]Result{s.Store, s.Platform} {
		for _, result := range results {
			switch {
			case result.Component != component:
			case state == "" || state == Unknown:
				state = result.State
			case result.State != Unknown:
				state = worse(state, result.State)
			}
		}
	}

	return state
}

// Service tells owners what is known, and has things looked at when they ask.
type Service struct {
	state table.Table
	clock clock.Clock
}

// NewService makes a service over the state table.
func NewService(state table.Table, now clock.Clock) *Service {
	return &Service{state: state, clock: now}
}

// Status gives what the last looks have found of a store and of what all share;
// with an empty store only the latter.
func (s *Service) Status(ctx context.Context, of string) (Status, error) {
	wanted := []string{""}
	if of != "" {
		wanted = append(wanted, of)
	}

	known, err := readGroups(ctx, s.state, wanted...)
	if err != nil {
		return Status{}, errs.Context(err, "read the status of %q", of)
	}

	status := Status{Platform: known[""].results()}
	if of != "" {
		status.Store = known[of].results()
	}

	summary, err := ReadSummary(ctx, s.state)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return Status{}, errs.Context(err, "read the status of %q", of)
	}

	status.At = summary.At

	for _, results := range [][]Result{status.Store, status.Platform} {
		for _, result := range results {
			if result.Seen.After(status.At) {
				status.At = result.Seen
			}
		}
	}

	return status, nil
}

// Wish asks for a look now. The screen that it was asked on is shown anew.
type Wish struct {
	Cause    string `json:"cause"` // what it follows from, such as an update: asked again it is one wish
	Store    string `json:"store"` // to look at; empty: what all share
	Bot      string `json:"bot"`   // the store whose bot was asked
	Chat     int64  `json:"chat"`
	Message  int    `json:"message"` // that it was asked on; 0: none, a new one answers
	Language string `json:"language"`
}

// Ask has a store looked at now: it records the wish, which the function health
// carries out. A wish that was asked already is fine.
func (s *Service) Ask(ctx context.Context, wish Wish) error {
	if wish.Cause == "" || wish.Chat == 0 || wish.Bot == "" {
		return errs.New(errs.Invalid, "ask for a look at store %q: give the cause, the bot and the chat", wish.Store)
	}

	body, err := table.Encode(wish)
	if err != nil {
		return err
	}

	op, err := outbox.Op(outbox.Entry{
		ID: "check-" + wish.Cause, Store: wish.Bot, Queue: queue.Checks, Body: body, CreatedAt: s.clock.Now(),
		Trace: queue.TraceOf(ctx),
	})
	if err != nil {
		return errs.Context(err, "ask for a look at store %s", wish.Store)
	}

	if err := s.state.Write(ctx, op); err != nil && !errs.Is(err, errs.Conflict) {
		return errs.Context(err, "ask for a look at store %s", wish.Store)
	}

	return nil
}

// Messenger speaks to owners.
type Messenger interface {
	Send(ctx context.Context, to message.Address, text message.Text) (int, error)
	Edit(ctx context.Context, to message.Address, text message.Text) error
}

// Texts puts the status of a store into words, of the zero Store that of what
// all share.
type Texts interface {
	Status(language string, of store.Store, status Status) message.Text
}

// Attendant carries out the wishes.
type Attendant struct {
	checker   *Checker
	service   *Service
	messenger Messenger
	texts     Texts
}

// NewAttendant makes an attendant.
func NewAttendant(checker *Checker, service *Service, messenger Messenger, texts Texts) *Attendant {
	return &Attendant{checker: checker, service: service, messenger: messenger, texts: texts}
}

// Handle carries out one wish: it looks, and shows what was found where it was
// asked. A second time shows the same again.
func (a *Attendant) Handle(ctx context.Context, delivery queue.Delivery) error {
	var wish Wish
	if err := json.Unmarshal(delivery.Body, &wish); err != nil {
		return errs.Wrap(err, errs.Invalid, "read wish %s", delivery.ID)
	}

	var of store.Store

	if wish.Store != "" {
		var err error
		if of, err = a.checker.Stores.Get(ctx, wish.Store); err != nil {
			return errs.Context(err, "carry out wish %s", wish.Cause)
		}
	}

	if err := a.checker.CheckNow(ctx, wish.Store); err != nil {
		// What could be looked at is known all the same.
		slog.WarnContext(ctx, "look on demand not complete", "of", wish.Store, "error", err)
	}

	status, err := a.service.Status(ctx, wish.Store)
	if err != nil {
		return err
	}

	return a.show(ctx, wish, a.texts.Status(wish.Language, of, status))
}

// show edits the screen, or sends a new one where that is gone. Somebody who
// does not want to hear from the bot any more need not.
func (a *Attendant) show(ctx context.Context, wish Wish, text message.Text) error {
	var shown error = errs.New(errs.NotFound, "no screen yet")

	to := message.Address{Store: wish.Bot, Chat: wish.Chat, Message: wish.Message}

	if to.Message != 0 {
		shown = a.messenger.Edit(ctx, to, text)
	}

	if errs.Is(shown, errs.NotFound) {
		to.Message = 0
		_, shown = a.messenger.Send(ctx, to, text)
	}

	if errs.Is(shown, errs.Unauthorized) || errs.Is(shown, errs.NotFound) {
		slog.InfoContext(ctx, "status not shown: who asked has blocked the bot", "error", shown)

		return nil
	}

	if shown != nil {
		return fmt.Errorf("show the status that wish %s asked for: %w", wish.Cause, shown)
	}

	return nil
}
