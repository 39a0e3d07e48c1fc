package user

import "time"

// mutes are how long the bot does not listen to a person who floods it: the
// first time lately, the second, and so on; the last one for all that follow.
func mutes() []time.Duration {
	return []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour}
}

// forgetEvery is how long a person behaves well until one mute is forgotten.
const forgetEvery = 24 * time.Hour

// Muted reports whether the bot does not listen to the person at a moment.
func (u User) Muted(now time.Time) bool { return now.Before(u.MutedUntil) }

// Mute gives the person with a mute that begins now, longer than the ones
// before it lately.
func (u User) Mute(now time.Time) User {
	lately := u.Mutes
	if quiet := now.Sub(u.MutedUntil); quiet > 0 && !u.MutedUntil.IsZero() {
		lately = max(0, lately-int(quiet/forgetEvery))
	}

	lengths := mutes()
	u.MutedUntil = now.Add(lengths[min(lately, len(lengths)-1)])
	u.Mutes = lately + 1

	return u
}

// Unmute gives the person with the mute ended and those before it forgotten.
func (u User) Unmute() User {
	u.MutedUntil, u.Mutes = time.Time{}, 0

	return u
}
