package broadcast

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/table"
)

// The Bot API cannot be asked to send a message once. A worker claims a target
// before it sends and notes the message after it: where it dies in between, the
// person may or may not have the message. Settling finds out which.
//
// Telegram numbers all messages of a bot's private chats and small groups in one
// ascending sequence (https://core.telegram.org/api/updates: message ids of
// private chats are unique in an account). With the claim stands the highest
// number that was known then, a moment old at most. The message, if there is
// one, is thus among the numbers that follow, of which most are in other chats:
// Telegram can be asked whether any of a hundred is in the chat of this person
// (forwardMessages leaves out what is not there), and what the few are that are
// (forwardMessage). Nothing of the person's chat changes by it. An edit, which
// would also tell, would overwrite what it did not expect: goods, a receipt.
//
// None of them: it was not sent, so it is sent now. Telegram cannot be asked
// (nothing was known with the claim, or it refuses): the person is counted as
// unsure and left in peace, since the message once too few is borne more easily
// than once too many.

const (
	// settleAfter is how old a claim must be: its sender is then done or dead,
	// since a call ends after 10 seconds.
	settleAfter = 15 * time.Second
	// window is how many numbers Telegram can be asked about at once.
	window = 100
	// windows is how many times that are looked at most, and secondsSeen how
	// many seconds of messages they cover: a call that takes longer has failed.
	windows     = 20
	secondsSeen = 10
	// triesMost is how often a person is written to who then did not get it.
	triesMost = 8
)

// finish sees to those of a page who are left: what is not known is read,
// who was not written to is, and who may have been is settled.
func (l *lane) finish(ctx, running context.Context, h *held) {
	waits := true

	for _, user := range h.rest() {
		known, ok := h.aimAt(user)
		if !ok {
			l.recall(ctx, h, user)

			known, ok = h.aimAt(user)
		}

		now := l.Service.clock.Now()

		switch {
		case running.Err() != nil || h.isLost():
			return
		case !ok: // it could not be read
		case known.target.State == pending:
			waits = false

			l.sendOne(ctx, running, h, user)
		case known.target.State == processing && now.Sub(known.target.At) >= settleAfter:
			waits = false

			l.settle(ctx, running, h, user, known.target)
		}
	}

	h.sending.Wait()

	if waits && len(h.rest()) > 0 {
		clock.Pause(running, time.Second)
	}
}

// recall reads a target that another lane, or a write without an answer, has left.
func (l *lane) recall(ctx context.Context, h *held, user int64) {
	found, version, err := table.Read[target](ctx, l.Service.state, l.at.target(user))

	switch {
	case errs.Is(err, errs.NotFound): // it was erased with its person
		h.learn(user, aim{target: target{State: failed}})
	case err != nil:
		slog.WarnContext(ctx, "target of a broadcast not read, tried again soon", "error", err)
	default:
		h.learn(user, aim{version: version, target: found})
	}
}

// settle finds out whether a target that was claimed got its message.
func (l *lane) settle(ctx, running context.Context, h *held, user int64, claimed target) {
	number, err := l.find(running, user, claimed.Known)
	if running.Err() != nil {
		return
	}

	result := claimed

	switch {
	case errs.Is(err, errs.Limited):
		l.slots.halt(ctx, max(errs.RetryAfter(err), time.Second))

		return
	case errs.Is(err, errs.Unavailable):
		slog.WarnContext(ctx, "not found out whether a message was sent, tried again", "error", err)
		clock.Pause(running, time.Second)

		return
	case err != nil || claimed.Known == 0:
		slog.WarnContext(ctx, "not to be found out whether a message was sent", "known", claimed.Known, "error", err)

		result.State = unsure
	case number > 0:
		slog.InfoContext(ctx, "a message in doubt was sent", "behind", number-claimed.Known)

		result.State, result.Message = sent, number
	case claimed.Tries >= triesMost:
		result.State = failed
	default:
		slog.InfoContext(ctx, "a message in doubt was not sent")

		result.State = pending
	}

	l.mark(ctx, h, user, result)
}

// find looks for the message of a campaign in a person's chat, among the numbers
// that follow one; 0 where it is not there.
func (l *lane) find(ctx context.Context, user int64, known int) (int, error) {
	if known == 0 {
		return 0, nil
	}

	chat := message.Address{Store: l.campaign.Store, Chat: user}
	covered := min(windows, 1+Rate(l.of, l.campaign.Paid)*secondsSeen/window)

	for from := known + 1; from <= known+covered*window; from += window {
		numbers := make([]int, window)
		for at := range numbers {
			numbers[at] = from + at
		}

		there, err := l.exists(ctx, chat, numbers)
		if err != nil {
			return 0, err
		}

		if !there {
			continue
		}

		if number, err := l.pick(ctx, chat, numbers); number > 0 || err != nil {
			return number, err
		}
	}

	return 0, nil
}

// exists asks whether any of some numbers is a message of a chat; it takes its
// turn in the pace.
func (l *lane) exists(ctx context.Context, chat message.Address, numbers []int) (bool, error) {
	if !l.slots.wait(ctx) {
		return false, nil
	}

	there, err := l.Messenger.Exists(ctx, chat, numbers, l.through())
	if err != nil {
		return false, errs.Context(err, "look for a message of broadcast %s", l.campaign.ID)
	}

	return there, nil
}

// fewNumbers are read one by one; more are halved first.
const fewNumbers = 4

// pick gives the number among some, of which one at least is in the chat, that is
// the campaign's message; 0: none.
func (l *lane) pick(ctx context.Context, chat message.Address, numbers []int) (int, error) {
	if len(numbers) <= fewNumbers {
		return l.read(ctx, chat, numbers)
	}

	first, second := numbers[:len(numbers)/2], numbers[len(numbers)/2:]

	there, err := l.exists(ctx, chat, first)
	if err != nil {
		return 0, err
	}

	if there {
		if number, err := l.pick(ctx, chat, first); number > 0 || err != nil {
			return number, err
		}
	}

	return l.pick(ctx, chat, second)
}

// read reads messages, where they are there, until one is the campaign's; 0: none is.
func (l *lane) read(ctx context.Context, chat message.Address, numbers []int) (int, error) {
	want := plain(l.campaign.Content.HTML)

	for _, number := range numbers {
		if !l.slots.wait(ctx) {
			return 0, nil
		}

		chat.Message = number

		text, own, err := l.Messenger.Quote(ctx, chat, l.through())
		if errs.Is(err, errs.NotFound) {
			continue
		}

		if err != nil {
			return 0, errs.Context(err, "read a message that may be of broadcast %s", l.campaign.ID)
		}

		if own && text == want {
			return number, nil
		}
	}

	return 0, nil
}

// through is the chat by which Telegram is asked: the author's.
func (l *lane) through() int64 {
	if l.campaign.Notice.Chat != 0 {
		return l.campaign.Notice.Chat
	}

	return l.campaign.Author
}
