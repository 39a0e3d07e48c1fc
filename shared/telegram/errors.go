package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	ta "github.com/mymmrac/telego/telegoapi"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
)

// ErrBlocked marks that a person does not want to hear from the bot any more,
// never started it, or deleted the account. Its code is Unauthorized.
var ErrBlocked = errors.New("the person cannot be written to")

// errUnchanged marks an edit that changes nothing.
var errUnchanged = errors.New("the message says so already")

// errNothingThere marks that none of the messages that were named is there.
var errNothingThere = errors.New("there is no such message")

// errTooLate marks the answer to a tap that is not waited for any more.
var errTooLate = errors.New("the tap is not waited for any more")

// errToken marks that Telegram does not know the bot.
var errToken = errors.New("this bot token is unknown to Telegram: set the right one by infra/ctl store add")

// patience is the longest wait that a call obeys by itself; above it, the
// caller is told and can spend the time better.
const patience = 3 * time.Second

// tries is how often a call that is told to wait is made.
const tries = 3

// explain gives an error of telego its code, so that it says what may be done.
func explain(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}

	said, ok := errors.AsType[*ta.Error](err)
	if !ok {
		return errs.Wrap(err, errs.Unavailable, format, args...)
	}

	code, cause := classify(said)
	explained := errs.Wrap(cause, code, format, args...)

	if code == errs.Limited {
		wait := time.Second // Telegram always names the wait; a proxy may not
		if said.Parameters != nil && said.Parameters.RetryAfter > 0 {
			wait = time.Duration(said.Parameters.RetryAfter) * time.Second
		}

		explained = explained.After(wait)
	}

	return explained
}

// explainToOperator is explain for calls in which no person has a part: there
// Unauthorized can only mean the token.
func explainToOperator(err error, format string, args ...any) error {
	explained := explain(err, format, args...)
	if errors.Is(explained, errToken) {
		return errs.Wrap(explained, errs.Unauthorized, "the bot token is not valid")
	}

	return explained
}

// classify reads what Telegram says: some of its meaning is in words only.
func classify(said *ta.Error) (errs.Code, error) {
	switch words := strings.ToLower(said.Description); {
	case said.ErrorCode == http.StatusForbidden:
		return errs.Unauthorized, fmt.Errorf("%w: %w", ErrBlocked, said)
	case strings.Contains(words, "message is not modified"):
		return errs.Invalid, fmt.Errorf("%w: %w", errUnchanged, said)
	case strings.Contains(words, "query is too old"):
		return errs.Invalid, fmt.Errorf("%w: %w", errTooLate, said)
	case strings.Contains(words, "message to forward not found"), strings.Contains(words, "no messages to forward"):
		return errs.NotFound, fmt.Errorf("%w: %w", errNothingThere, said)
	case strings.Contains(words, "chat not found"), strings.Contains(words, "user not found"),
		strings.Contains(words, "message to edit not found"), strings.Contains(words, "message can't be edited"),
		strings.Contains(words, "message to delete not found"), strings.Contains(words, "message can't be deleted"):
		return errs.NotFound, said
	case said.ErrorCode == http.StatusUnauthorized, said.ErrorCode == http.StatusNotFound:
		// Not Unauthorized, which means that the person is at fault: this is for
		// the operator, and what waits to be sent must wait on.
		return errs.Internal, fmt.Errorf("%w: %w", errToken, said)
	case said.ErrorCode == http.StatusConflict:
		return errs.Conflict, said
	case said.ErrorCode == http.StatusTooManyRequests:
		return errs.Limited, said
	case said.ErrorCode >= http.StatusInternalServerError:
		return errs.Unavailable, said
	default:
		return errs.Invalid, said
	}
}

// obeying makes a call, and again where Telegram says to wait for no longer
// than patience and the context's deadline allow.
func obeying(ctx context.Context, call func() error) error {
	for try := 1; ; try++ {
		err := call()

		wait := errs.RetryAfter(err)
		if !errs.Is(err, errs.Limited) || try == tries || wait > patience || !pause(ctx, wait) {
			return err
		}
	}
}

// pause waits, unless the context ends before; it then returns false at once.
func pause(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}

	return clock.Pause(ctx, wait)
}

// containsWords reports whether Telegram's own words in err hold some.
func containsWords(err error, words string) bool {
	said, ok := errors.AsType[*ta.Error](err)

	return ok && strings.Contains(strings.ToLower(said.Description), words)
}
