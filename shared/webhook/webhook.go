// Package webhook provides the door for Telegram's updates: it proves where an
// update comes from, answers what may not wait, and hands everything else to
// the updates queue in one call. It decodes no more of an update than that.
package webhook

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// MaxBody is the largest update taken, in bytes: what SQS carries, less
	// what travels beside it. Telegram's own are far smaller.
	MaxBody = queue.MaxMessageBytes - 4<<10
	// patience bounds the call behind an answer. Telegram itself waits longer
	// and would send the update again.
	patience = 5 * time.Second
	// Probe is a call with which we ask ourselves, with a store's secret,
	// whether the door is open.
	Probe = `{"probe":true}`
	// Ready describes the answer of a door that is.
	Ready = "ready"
	// NotTelegram describes the answer to calls from other networks, where only
	// Telegram's are let in.
	NotTelegram = "not from Telegram"
)

// Request is a webhook call as the HTTP API hands it over.
type Request struct {
	Store  string // from the path
	Secret string // header X-Telegram-Bot-Api-Secret-Token
	// Source is the address that connected to the HTTP API. It is never taken
	// from X-Forwarded-For, which anybody can write.
	Source string
	Body   []byte
}

// Response is the answer: a status, and a JSON body. Wait is when Telegram
// should send the update again, where it is refused for now; 0: when it likes.
type Response struct {
	Status int
	Body   []byte
	Wait   time.Duration
}

// Urgent answers updates that may not wait in a queue. It gives the call that
// Telegram is to make, or false where the update is not of this kind.
type Urgent func(ctx context.Context, store, kind string, content []byte) (reply any, urgent bool)

// Gate keeps a store to its share of what comes in: limit.Gate.
type Gate interface {
	// Enter gives zero where an update of the store may come in, else how long
	// Telegram should wait.
	Enter(ctx context.Context, store string) time.Duration
}

// Options say what a handler works with.
type Options struct {
	Vault   secret.Vault
	Updates queue.Sender // FIFO
	Urgent  Urgent
	Gate    Gate // nil: everything comes in
	Sources Sources
}

// Sources say from which addresses calls are taken. The secret is the
// control; this is a second wall.
type Sources string

// The sources.
const (
	AnySource    Sources = "any"
	FromTelegram Sources = "telegram" // Telegram's own networks only
)

// UnmarshalText reads a setting. Invalid where it is neither.
func (s *Sources) UnmarshalText(text []byte) error {
	given := Sources(text)
	if given != AnySource && given != FromTelegram {
		return errs.New(errs.Invalid, "sources %q: use %s or %s", given, AnySource, FromTelegram)
	}

	*s = given

	return nil
}

// Handler answers webhook calls.
type Handler struct {
	Options

	refused *secret.Refused
}

// New makes a handler.
func New(options Options) *Handler {
	return &Handler{Options: options, refused: secret.NewRefused(options.Vault)}
}

// Serve answers one call. Telegram sends an update again after any answer
// that is not 2xx, so that only what may work later gets one:
//
//	200  taken, or it never can be: oversized, malformed, no update
//	401  no store, or not its secret: it may be a rotation in progress
//	403  not from Telegram's networks, where that is asked for
//	429  more than the share of the store: Telegram keeps it for later
//	503  the secret or the queue is out of reach for now
func (h *Handler) Serve(ctx context.Context, request Request) Response {
	ctx, cancel := context.WithTimeout(logging.With(ctx, logging.Store, request.Store), patience)
	defer cancel()

	if h.Sources == FromTelegram && !fromTelegram(request.Source) {
		slog.WarnContext(ctx, "refused: not from Telegram's networks", "source", request.Source)

		return answer(http.StatusForbidden, NotTelegram)
	}

	switch err := h.authenticate(ctx, request); errs.CodeOf(err) {
	case "":
	case errs.Unauthorized:
		slog.WarnContext(ctx, "refused: unknown store or wrong secret", "source", request.Source)

		return answer(http.StatusUnauthorized, "unknown store or wrong secret")
	default:
		slog.ErrorContext(ctx, "webhook secret out of reach", "error", err)

		return answer(http.StatusServiceUnavailable, "try again")
	}

	return h.accept(ctx, request)
}

// authenticate returns Unauthorized for an unknown store as for a wrong
// secret, so that nobody learns which stores there are.
func (h *Handler) authenticate(ctx context.Context, request Request) error {
	if _, err := table.TenantOf(request.Store); err != nil {
		return errs.Wrap(err, errs.Unauthorized, "authenticate a webhook call")
	}

	name := store.WebhookSecretName(request.Store)

	// A bot may have been removed, and another set up in its place, in the minutes
	// for which the vault answers from memory.
	for _, read := range []func(context.Context, string) (secret.Secret, error){h.Vault.Get, h.refused.Get} {
		// Whatever keeps the vault from answering (a denied access too) says nothing
		// of the caller.
		known, err := read(ctx, name)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return errs.Wrap(err, errs.Unavailable, "authenticate a webhook call")
		}

		// An unknown store has an empty secret, which takes as long and accepts nothing.
		if known.Accepts(request.Secret) {
			return nil
		}
	}

	return errs.New(errs.Unauthorized, "authenticate a webhook call: wrong secret")
}

// accept takes the update of a call that has proved itself.
func (h *Handler) accept(ctx context.Context, request Request) Response {
	if len(request.Body) > MaxBody {
		slog.ErrorContext(ctx, "update dropped: too large", "bytes", len(request.Body))

		return answer(http.StatusOK, "dropped: too large")
	}

	if string(request.Body) == Probe {
		return answer(http.StatusOK, Ready)
	}

	update, err := Read(ctx, request.Store, request.Body, h.Urgent)
	if err != nil {
		slog.ErrorContext(ctx, "update dropped: not an update", "error", err, "bytes", len(request.Body))

		return answer(http.StatusOK, "dropped: not an update")
	}

	ctx = logging.With(ctx, logging.Update, update.ID)

	if update.Reply != nil {
		return h.reply(ctx, update)
	}

	if h.Gate != nil {
		if wait := h.Gate.Enter(ctx, request.Store); wait > 0 {
			slog.InfoContext(ctx, "update left with Telegram: the store is over its share", "wait_ms", wait.Milliseconds())

			later := answer(http.StatusTooManyRequests, "too many updates")
			later.Wait = wait

			return later
		}
	}

	switch err := h.Updates.Send(ctx, update.Message); {
	case err == nil:
		slog.InfoContext(ctx, "update queued", "kind", update.Kind)

		return answer(http.StatusOK, "")
	case errs.Is(err, errs.Invalid):
		slog.ErrorContext(ctx, "update dropped: the queue never takes it", "error", err)

		return answer(http.StatusOK, "dropped: not to be queued")
	default:
		slog.ErrorContext(ctx, "update not queued, Telegram will send it again", "error", err)

		return answer(http.StatusServiceUnavailable, "try again")
	}
}

func (h *Handler) reply(ctx context.Context, update Update) Response {
	body, err := json.Marshal(update.Reply)
	if err != nil {
		slog.ErrorContext(ctx, "answer not encoded", "kind", update.Kind, "error", err)

		return answer(http.StatusServiceUnavailable, "try again")
	}

	slog.InfoContext(ctx, "update answered at once", "kind", update.Kind)

	return Response{Status: http.StatusOK, Body: body}
}

func answer(status int, description string) Response {
	if description == "" {
		return Response{Status: status, Body: []byte(`{}`)}
	}

	return Response{Status: status, Body: []byte(`{"description":` + strconv.Quote(description) + `}`)}
}

// telegramNetworks are where webhook calls come from:
// https://core.telegram.org/bots/webhooks#the-short-version
func telegramNetworks() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("149.154.160.0/20"), netip.MustParsePrefix("91.108.4.0/22")}
}

func fromTelegram(source string) bool {
	address, err := netip.ParseAddr(source)
	if err != nil {
		return false
	}

	for _, network := range telegramNetworks() {
		if network.Contains(address.Unmap()) {
			return true
		}
	}

	return false
}
