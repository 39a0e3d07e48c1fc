package store

import (
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// Mode says how a bot's updates come.
type Mode string

// The modes.
const (
	Auto    Mode = "auto"    // pushed, and fetched while pushing does not work
	Webhook Mode = "webhook" // pushed by Telegram
	Polling Mode = "polling" // fetched from Telegram
)

// UnmarshalText reads a setting. Invalid where there is no such mode.
func (m *Mode) UnmarshalText(text []byte) error {
	given := Mode(text)
	if given != Auto && given != Webhook && given != Polling {
		return errs.New(errs.Invalid, "mode %q: use %s, %s or %s", given, Auto, Webhook, Polling)
	}

	*m = given

	return nil
}

// Turned gives the store with its updates coming the one way or the other; poll
// tells Telegram of it within a minute.
func (s Store) Turned(polling bool, now time.Time) Store {
	if s.Polling != polling {
		s.Polling, s.Turning, s.TurnedAt = polling, true, now
	}

	return s
}

// In gives the store in a mode of its own; empty: the stack's. Polling and
// Webhook are begun at once, the others when health looks next.
func (s Store) In(mode Mode, now time.Time) Store {
	s.Mode = mode

	if mode == Polling || mode == Webhook {
		return s.Turned(mode == Polling, now)
	}

	return s
}
