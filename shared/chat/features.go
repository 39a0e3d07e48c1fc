package chat

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/transcript"
)

// pausedAgain is how soon a person who goes on writing to a paused store is
// told once more that it is.
const pausedAgain = 5 * time.Minute

// open keeps people out of a store that is paused, and tells them so: by one
// message in some minutes, and by a toast for each tap. Staff are served, so
// that they can look whether all is well; money that Telegram tells of is
// always taken.
func (c *Chat) open(next handler) handler {
	return func(ctx context.Context, r *request) error {
		if !r.store.Paused || r.membership != nil || r.paid() || r.staff() {
			return next(ctx, r)
		}

		slog.InfoContext(ctx, "skipped: the store is paused")
		c.Metrics.Put("UpdatesPaused", 1, metric.Count, nil)

		said := r.store.PausedText[r.words.language]
		if said == "" {
			said = r.words.plain("pause.text", nil)
		}

		if r.tap != nil {
			c.answer(ctx, r, said)

			return nil
		}

		now := c.Clock.Now()
		if now.Before(r.session.Paused.Add(pausedAgain)) {
			return nil
		}

		_, err := c.Messenger.Send(ctx, r.here(), message.Text{
			HTML: r.words.html("pause.message", errs.Args{"Store": r.store.Name, "Text": said}),
		})
		if err == nil {
			r.session.Paused = now
		}

		return err
	}
}

// transcribes reports whether the store writes down what people send.
func (r *request) transcribes() bool { return r.store.Has(store.Transcription) }

// terms are those on which the person's jobs begin.
func (c *Chat) terms(r *request) transcript.Terms {
	return transcript.Terms{Tier: c.tier(r), Zone: r.store.TimeZone, Off: !r.transcribes()}
}

// tier is the stack's for people like this one, with what the store says
// otherwise. No store takes larger files than the stack can fetch.
func (c *Chat) tier(r *request) transcript.Tier {
	premium := r.user.Premium(c.Clock.Now())
	tier := c.Tiers.Of(premium)

	file, hours, minutes := store.FreeFileMB, store.FreeHours, store.FreeMinutes
	if premium {
		file, hours, minutes = store.PremiumFileMB, store.PremiumHours, store.PremiumMinutes
	}

	if own := r.store.Or(file, 0); own > 0 {
		const mega = 1 << 20

		tier.Largest = min(int64(own)*mega, max(c.Tiers.Free.Largest, c.Tiers.Premium.Largest))
	}

	const unset = -1
	if own := r.store.Or(hours, unset); own != unset {
		tier.Longest = time.Duration(own) * time.Hour
	}

	if own := r.store.Or(minutes, unset); own != unset {
		tier.Daily = time.Duration(own) * time.Minute
	}

	tier.Tasks = r.store.Or(store.Tasks, tier.Tasks)

	return tier
}

// userRate is how often this person may ask.
func (c *Chat) userRate(r *request) limit.Rate {
	if own := r.store.Or(store.UserPerMinute, 0); own > 0 {
		return limit.Person(own)
	}

	return c.UserRate
}

// storeRate is how often all people of the store together may ask.
func (c *Chat) storeRate(r *request) limit.Rate {
	if own := r.store.Or(store.StorePerMinute, 0); own > 0 {
		return limit.PerMinute(own)
	}

	return c.StoreRate
}
