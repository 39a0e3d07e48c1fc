package chat

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/user"
)

const (
	// tapAgainAfter is how soon after its answer the same button counts as tapped by accident.
	tapAgainAfter = time.Second
	// floodAt is how much more a person may ask, one after the other, while they
	// are asked to wait, before the bot stops listening for a while.
	floodAt = 15
)

// tapped is the button that was answered last.
type tapped struct {
	Data    string    `json:"data"`
	Message int       `json:"message"`
	At      time.Time `json:"at"`
}

// paid reports whether Telegram tells of money with this update. Nothing holds
// that back: no ban, no mute, no limit.
func (r *request) paid() bool {
	return r.message != nil && (r.message.SuccessfulPayment != nil || r.message.RefundedPayment != nil)
}

// staff reports whether the person works in the store.
func (r *request) staff() bool { return r.role != user.Buyer }

// listened ends updates of people whom the bot does not listen to for a while.
// They were told when it began; a tap, which must be answered, tells again.
func (c *Chat) listened(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if r.membership != nil || r.paid() || r.staff() || !r.user.Muted(c.Clock.Now()) {
			return next(ctx, r)
		}

		slog.InfoContext(ctx, "skipped: the person is muted")
		c.Metrics.Put("UpdatesLimited", 1, metric.Count, nil)

		if r.tap != nil {
			c.answer(ctx, r, r.words.plain("mute.toast", errs.Args{"Until": r.muteEnds(r.user)}))
		}

		return nil
	}
}

// muteEnds tells when a mute ends, in the store's zone.
func (r *request) muteEnds(muted user.User) string {
	return r.words.moment(muted.MutedUntil, r.store.TimeZone)
}

// single does once what a button says that is tapped again within a second.
// The second tap costs nothing of the person's limit.
func (c *Chat) single(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if r.tap == nil {
			return next(ctx, r)
		}

		now := tapped{Data: r.tap.Data, At: c.Clock.Now()}
		if r.tap.Message != nil {
			now.Message = r.tap.Message.GetMessageID()
		}

		last := r.session.Tap
		if last != nil && last.Data == now.Data && last.Message == now.Message && now.At.Before(last.At.Add(tapAgainAfter)) {
			slog.InfoContext(ctx, "skipped: tapped twice")
			c.answer(ctx, r, "")

			return nil
		}

		if err := next(ctx, r); err != nil {
			return err
		}

		now.At = c.Clock.Now() // the work may have taken longer than the second
		r.session.Tap = &now

		return nil
	}
}

// flooded counts what a person asks while they are asked to wait and, where it
// is too much, stops listening for a while; it reports whether it did.
func (c *Chat) flooded(ctx context.Context, r *request) (bool, error) {
	if r.staff() {
		return false, nil
	}

	r.session.Flood++
	if r.session.Flood < floodAt {
		return false, nil
	}

	now := c.Clock.Now()

	muted, err := c.Users.Change(ctx, r.storeID, r.from.ID, func(user *user.User) {
		if !user.Muted(now) {
			*user = user.Mute(now)
		}
	})
	if err != nil {
		return false, errs.Context(err, "mute user %d", r.from.ID)
	}

	slog.WarnContext(ctx, "the person is muted", "until", muted.MutedUntil, "mutes", muted.Mutes)
	c.Metrics.Put("PeopleMuted", 1, metric.Count, nil)

	r.session.Flood, r.session.Pause = 0, nil
	text := r.words.html("mute.text", errs.Args{
		"Length": r.words.duration(muted.MutedUntil.Sub(now).Round(time.Minute)), "Until": r.muteEnds(muted),
	})

	if r.tap != nil {
		c.answer(ctx, r, "")
	}

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{HTML: text})

	return true, err
}
