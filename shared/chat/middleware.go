package chat

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/user"
)

// reported decides what becomes of an error: back to the queue while another
// try may help, else told to the person with a reference that the log line
// carries too.
func (c *Chat) reported(next handler) handler {
	return func(ctx context.Context, r *request) error {
		err := next(ctx, r)
		if err == nil {
			return nil
		}

		reference := id.Reference(r.storeID, r.cause)
		ctx = logging.With(ctx, logging.Store, r.storeID, logging.Update, r.updateID(), logging.Ref, reference)

		if errors.Is(err, telegram.ErrBlocked) {
			return c.blocked(ctx, r, err)
		}

		if errs.Retryable(err) && r.attempt < c.MaxAttempts {
			slog.WarnContext(ctx, "update failed, will be tried again", "attempt", r.attempt, "error", err)

			return err
		}

		slog.ErrorContext(ctx, "update failed", "attempt", r.attempt, "error", err)
		c.Metrics.Put("UpdatesFailed", 1, metric.Count, nil)

		if told := c.apologise(ctx, r, err, reference); told != nil && !undeliverable(told) {
			slog.ErrorContext(ctx, "the person could not be told", "error", told)

			return err
		}

		return nil
	}
}

// blocked remembers that the person does not want to hear from the bot.
func (c *Chat) blocked(ctx context.Context, r *request, cause error) error {
	slog.InfoContext(ctx, "the person has blocked the bot", "error", cause)

	_, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) { user.Blocked = true })
	if err != nil && !errs.Is(err, errs.NotFound) {
		return err
	}

	return nil
}

// apologise tells the person what went wrong, and how to name it.
func (c *Chat) apologise(ctx context.Context, r *request, cause error, reference string) error {
	if r.membership != nil {
		return nil
	}

	text := r.words.html("error.internal", nil)
	if key, args, ok := errs.Sentence(cause); ok {
		text = r.words.html("job.refused", errs.Args{"Reason": markup(r.words.html(key, args))})
	}

	text += "\n" + r.words.html("job.reference", errs.Args{"Reference": reference})

	if r.tap != nil {
		c.answer(ctx, r, "")
	}

	_, err := c.Messenger.Send(ctx, r.here(), message.Text{HTML: text, Buttons: r.words.homeButton()})

	return err
}

// recovered turns a panic into an error, with where it came from in the log.
func recovered(next handler) handler {
	return func(ctx context.Context, r *request) (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				slog.ErrorContext(ctx, "panic", "cause", cause, logging.Update, r.updateID(), "stack", string(debug.Stack()))

				err = errs.New(errs.Internal, "handle update %d of store %s: panic: %v", r.update, r.storeID, cause)
			}
		}()

		return next(ctx, r)
	}
}

// logged gives every line the ids of the update and ends with a line of its own.
func (c *Chat) logged(next handler) handler {
	return func(ctx context.Context, r *request) error {
		ctx = logging.With(ctx, logging.Store, r.storeID, logging.Update, r.updateID(), "user", r.from.ID)
		started := c.Clock.Now()

		if err := next(ctx, r); err != nil {
			return err
		}

		took := c.Clock.Now().Sub(started)
		slog.InfoContext(ctx, "update handled", "kind", r.kind(), "attempt", r.attempt, "took_ms", took.Milliseconds())
		c.Metrics.Put("UpdateTime", float64(took.Milliseconds()), metric.Milliseconds, nil)

		return nil
	}
}

// kind names an update for logs, without anything that the person wrote.
func (r *request) kind() string {
	switch {
	case r.tap != nil:
		action, _, _ := strings.Cut(r.tap.Data, ":")

		return "tap " + action
	case r.membership != nil:
		return "membership"
	}

	if name, ok := commandIn(r.message.Text); ok {
		return "/" + name
	}

	if file, ok := source(r.message); ok {
		return string(file.Kind)
	}

	return "message"
}

// once handles each update once: one that was handled before ends here. It
// remembers the update after the work, so that a worker's death repeats it.
func (c *Chat) once(next handler) handler {
	return func(ctx context.Context, r *request) error {
		found, err := c.loadSession(ctx, r.storeID, r.from.ID)
		if err != nil {
			return err
		}

		if slices.Contains(found.Done, int64(r.update)) {
			slog.InfoContext(ctx, "skipped: handled before")

			return nil
		}

		r.session = found

		if err := next(ctx, r); err != nil {
			return err
		}

		c.saveSession(ctx, r)

		return nil
	}
}

// inStore finds the store. Updates of a store that was removed end here.
func (c *Chat) inStore(next handler) handler {
	return func(ctx context.Context, r *request) error {
		found, err := c.Stores.Get(ctx, r.storeID)
		if errs.Is(err, errs.NotFound) {
			slog.WarnContext(ctx, "dropped: the store is not registered any more", "error", err)

			return nil
		}

		if err != nil {
			return errs.Context(err, "find the store of an update")
		}

		r.store = found

		return next(ctx, r)
	}
}

// met finds the person among the store's users, or adds them. Who writes wants
// to hear from the bot again.
func (c *Chat) met(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if !r.private { // the bot was put into a group: whoever did it has not met it
			return next(ctx, r)
		}

		language := r.store.Language
		if code, ok := c.Catalog.understood(r.from.LanguageCode); ok {
			language = code
		}

		person := r.person()
		person.Day = user.Day(r.store, c.Clock.Now())

		found, err := c.Users.Meet(ctx, r.storeID, person, language)
		if err != nil {
			return errs.Context(err, "find the user of an update")
		}

		if found.Blocked && r.membership == nil {
			// First what waits for them: should this process die in between, the
			// update comes again and finds them blocked still.
			if err := c.resumeOrders(ctx, r); err != nil {
				return err
			}

			found, err = c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) { user.Blocked = false })
			if err != nil {
				return errs.Context(err, "unblock the user of an update")
			}
		}

		r.user = found

		return next(ctx, r)
	}
}

// spoken takes the person's language. It stands before the checks that follow,
// because they speak.
func (c *Chat) spoken(next handler) handler {
	return func(ctx context.Context, r *request) error {
		language := r.user.Language
		if language == "" {
			language = r.store.Language
		}

		r.words = c.Catalog.In(language)

		return next(ctx, r)
	}
}

// admitted keeps banned people out. They are told once a day.
func (c *Chat) admitted(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if !r.user.Banned || r.membership != nil || r.paid() || r.owner {
			return next(ctx, r)
		}

		slog.InfoContext(ctx, "skipped: the person is banned")

		if r.tap != nil {
			c.answer(ctx, r, r.words.plain("ban.text", nil))

			return nil
		}

		if r.session.Told {
			return nil
		}

		r.session.Told = true
		_, err := c.Messenger.Send(ctx, r.here(), message.Text{HTML: r.words.html("ban.text", nil)})

		return err
	}
}

// limited holds back those who ask too fast. They are told once how long to
// wait, and afterwards how much was not handled, so that nothing is lost
// without a word.
func (c *Chat) limited(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if r.membership != nil || r.paid() {
			return next(ctx, r)
		}

		wait, key := c.takeToken(ctx, r)
		if wait == 0 {
			r.session.Flood = 0
			c.resume(ctx, r)

			return next(ctx, r)
		}

		slog.InfoContext(ctx, "skipped: too fast", "wait_ms", wait.Milliseconds())
		c.Metrics.Put("UpdatesLimited", 1, metric.Count, nil)

		if key == limitOfPerson {
			if muted, err := c.flooded(ctx, r); muted || err != nil {
				return err
			}
		}

		return c.hold(ctx, r, wait, key)
	}
}

// limitOfPerson is the text for those who ask too fast themselves.
const limitOfPerson = "limit.user"

// takeToken takes from the person's bucket and, if that gives, from the
// store's. It gives how long to wait, and the text that says why.
func (c *Chat) takeToken(ctx context.Context, r *request) (time.Duration, string) {
	bucket, wait := r.session.Bucket.Take(c.userRate(r), c.Clock.Now())
	if wait > 0 {
		return wait, limitOfPerson
	}

	wait, err := c.limits.Take(ctx, r.storeID, "store", c.storeRate(r))
	if err != nil {
		slog.ErrorContext(ctx, "limit of the store not looked at", "error", err)
	}

	if wait > 0 {
		return wait, "limit.store"
	}

	r.session.Bucket = bucket

	return 0, ""
}

// hold tells the person to wait: by a toast for a tap, else by one message for
// each wait.
func (c *Chat) hold(ctx context.Context, r *request, wait time.Duration, key string) error {
	now := c.Clock.Now()
	text := errs.Args{"Wait": r.words.duration(max(wait.Round(time.Second), time.Second))}

	if r.tap != nil {
		c.answer(ctx, r, r.words.plain(key, text))

		return nil
	}

	if r.session.Pause != nil && now.Before(r.session.Pause.Until) {
		r.session.Pause.Skipped++

		return nil
	}

	number, err := c.Messenger.Send(ctx, r.here(), message.Text{HTML: r.words.html(key, text)})
	if err != nil {
		return err
	}

	r.session.Pause = &pause{Until: now.Add(wait), Message: number, Skipped: 1}

	return nil
}

// resume ends a pause: the message that asked to wait says what was missed.
func (c *Chat) resume(ctx context.Context, r *request) {
	ended := r.session.Pause
	if ended == nil {
		return
	}

	r.session.Pause = nil
	missed := r.words.counted("format.messages", ended.Skipped)
	to := message.Address{Store: r.storeID, Chat: r.chat, Message: ended.Message}

	err := c.Messenger.Edit(ctx, to, message.Text{HTML: r.words.html("limit.skipped", errs.Args{"Messages": missed})})
	if err != nil {
		slog.InfoContext(ctx, "the end of a wait not shown", "error", err)
	}
}

// ranked tells owners, staff and customers apart.
func ranked(next handler) handler {
	return func(ctx context.Context, r *request) error {
		r.owner = r.store.Owner != 0 && r.store.Owner == r.from.ID

		switch {
		case r.owner:
			r.role = user.Owner
		case r.user.Role.Valid() && !r.user.Banned:
			r.role = r.user.Role
		}

		return next(ctx, r)
	}
}

// answer ends the waiting of a tap. The work is done by then: that the answer
// fails is worth a log line only.
func (c *Chat) answer(ctx context.Context, r *request, toast string) {
	if err := c.Messenger.Answer(ctx, r.storeID, r.tap.ID, toast); err != nil {
		slog.WarnContext(ctx, "tap not answered", "error", err)
	}
}

// changedMembership remembers who blocks the bot, and says hello in a group.
func (c *Chat) changedMembership(ctx context.Context, r *request) error {
	member := r.membership.NewChatMember.MemberIsMember()

	if r.private {
		_, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) { user.Blocked = !member })
		if err != nil || !member {
			return err
		}

		return c.resumeOrders(ctx, r)
	}

	if !member || r.membership.OldChatMember.MemberIsMember() || r.membership.Chat.Type == telego.ChatTypeChannel {
		return nil
	}

	_, err := c.Messenger.Send(ctx, r.here(),
		message.Text{HTML: r.words.html("group.hello", errs.Args{"Bot": r.store.BotUsername})})
	if undeliverable(err) { // it may not write there
		return nil
	}

	return err
}
