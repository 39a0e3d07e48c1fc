package mtproto

import (
	"errors"
	"net/http"
	"time"

	"github.com/gotd/td/tgerr"

	"github.com/lapak-id/lapak/shared/errs"
)

// patience is the longest wait that a stream obeys by itself; above it, the
// caller is told and can spend the time better.
const patience = 30 * time.Second

// Errors that a stream mends by itself, by their cause. See
// https://core.telegram.org/api/errors and
// https://core.telegram.org/api/file_reference.
var (
	errReference  = errors.New("the reference of the file has expired")
	errSession    = errors.New("the session is not known to Telegram any more")
	errConnection = errors.New("the connection has ended")
)

// errElsewhere says that a file lies in another data centre.
type elsewhere struct{ dc int }

func (e elsewhere) Error() string { return "the file lies in another data centre" }

// explain gives what a call ended with its code and, where the stream can mend
// it, its cause.
func explain(err error, format string, args ...any) error {
	if known, ok := errors.AsType[*errs.Error](err); ok {
		return errs.Context(known, format, args...)
	}

	said, ok := tgerr.As(err)
	if !ok { // no answer at all
		return errs.Wrap(errors.Join(errConnection, err), errs.Unavailable, format, args...)
	}

	switch {
	case said.IsOneOf("FLOOD_WAIT", "FLOOD_PREMIUM_WAIT", "SLOWMODE_WAIT"):
		return errs.Wrap(said, errs.Limited, format, args...).After(max(time.Second, time.Duration(said.Argument)*time.Second))
	case said.IsOneOf("FILE_MIGRATE"):
		return errs.Wrap(elsewhere{said.Argument}, errs.Unavailable, format, args...)
	case said.IsOneOf("FILE_REFERENCE_EXPIRED", "FILE_REFERENCE_INVALID", "FILE_REFERENCE_EMPTY"):
		return errs.Wrap(errors.Join(errReference, said), errs.Unavailable, format, args...)
	case said.IsOneOf("ACCESS_TOKEN_INVALID", "ACCESS_TOKEN_EXPIRED"):
		return errs.Wrap(said, errs.Internal, format+
			" (this bot token is unknown to Telegram: set the right one by infra/ctl store add)", args...)
	case said.IsOneOf("API_ID_INVALID", "API_ID_PUBLISHED_FLOOD"):
		return errs.Wrap(said, errs.Internal, format+
			" (Telegram refuses the application: check TelegramApiId and infra/ctl provider set telegram-app)", args...)
	case said.IsCode(http.StatusUnauthorized), said.IsOneOf("AUTH_KEY_DUPLICATED"):
		return errs.Wrap(errors.Join(errSession, said), errs.Unavailable, format, args...)
	case said.IsCode(http.StatusBadRequest):
		return gone(said, format, args...)
	default: // what Telegram itself fails at: 500, -503 and the like
		return errs.Wrap(said, errs.Unavailable, format, args...)
	}
}
