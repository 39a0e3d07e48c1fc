// Package callback provides the door for the notifications of payment
// gateways: it proves where one comes from, by the gateway's own rules, keeps
// it as it came, and has the gateway asked. Nothing that a notification says
// counts; it only ever means "ask".
package callback

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/order"
	"github.com/lapak-id/lapak/shared/outbox"
	"github.com/lapak-id/lapak/shared/payment"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// MaxBody is the largest notification taken, in bytes: what a row holds,
	// written in base64. Gateways' own are under 50 KB.
	MaxBody = 256 << 10
	// patience bounds an answer. Gateways wait for 5 to 30 seconds and then
	// send the notification again.
	patience = 4 * time.Second
	// keptFor is how long a notification can be looked up.
	keptFor = 30 * 24 * time.Hour
)

// Options say what a handler works with. All are required.
type Options struct {
	Stores   *store.Registry
	Gateways []payment.Notifier
	State    table.Table
	Clock    clock.Clock
}

// Handler answers notifications.
//
// Row of the state table: store#ID#notices#DAY / notice#HASH, the
// notification as it came, gone after 30 days. HASH is of the gateway and the
// body: the same notification again finds it there.
type Handler struct{ Options }

// New makes a handler.
func New(options Options) *Handler { return &Handler{options} }

// Request is a gateway's call as the HTTP API hands it over.
type Request struct {
	Store   string            // from the path
	Gateway string            // from the path
	Headers map[string]string // names in lower case
	Body    []byte
}

// Response is the answer: a status, and a JSON body.
type Response struct {
	Status int
	Body   []byte
}

// Serve answers one call. Gateways send a notification again after any answer
// that is not 2xx, so that only what may work later gets one, and what did not
// prove itself:
//
//	200  taken, or taken before, or it can never be: malformed, of no order
//	401  no such store or gateway, or it does not prove where it comes from
//	413  over MaxBody
//	503  the state or what proves it is out of reach for now
func (h *Handler) Serve(ctx context.Context, request Request) Response {
	ctx, cancel := context.WithTimeout(logging.With(ctx, logging.Store, request.Store), patience)
	defer cancel()

	if len(request.Body) > MaxBody {
		slog.WarnContext(ctx, "notification refused: too large", "bytes", len(request.Body))

		return answer(http.StatusRequestEntityTooLarge, "too large")
	}

	notice, err := h.authenticate(ctx, request)

	switch errs.CodeOf(err) {
	case "":
	case errs.Unauthorized:
		slog.WarnContext(ctx, "notification refused: unknown store or gateway, or no proof", "gateway", named(request.Gateway))

		return answer(http.StatusUnauthorized, "unknown store or gateway, or no proof of origin")
	case errs.Invalid:
		slog.WarnContext(ctx, "notification dropped: it names no payment", "gateway", request.Gateway, "error", err)

		return answer(http.StatusOK, "dropped: names no payment")
	default:
		slog.ErrorContext(ctx, "notification not taken: its proof is out of reach", "gateway", request.Gateway, "error", err)

		return answer(http.StatusServiceUnavailable, "try again")
	}

	return h.accept(ctx, request, notice)
}

// authenticate returns Unauthorized for an unknown store or gateway as for a
// wrong proof, so that nobody learns which there are.
func (h *Handler) authenticate(ctx context.Context, request Request) (payment.Notice, error) {
	gateway, ok := h.gateway(request.Gateway)
	if !ok {
		return payment.Notice{}, errs.New(errs.Unauthorized, "authenticate a notification: there is no such gateway")
	}

	of, err := h.Stores.Get(ctx, request.Store)

	switch errs.CodeOf(err) {
	case "":
	case errs.NotFound, errs.Invalid:
		return payment.Notice{}, errs.Wrap(err, errs.Unauthorized, "authenticate a notification")
	default:
		return payment.Notice{}, errs.Wrap(err, errs.Unavailable, "authenticate a notification")
	}

	return gateway.Authenticate(ctx, of, payment.Notification{
		Gateway: request.Gateway, Headers: proofs(request.Headers), Body: request.Body,
	})
}

func (h *Handler) gateway(name string) (payment.Notifier, bool) {
	for _, gateway := range h.Gateways {
		if gateway.Name() == name {
			return gateway, true
		}
	}

	return nil, false
}

// proofs gives the headers by which gateways prove themselves.
func proofs(headers map[string]string) map[string]string {
	found := map[string]string{}

	for _, name := range []string{
		"x-secret",         // Pakasir
		"stripe-signature", // Stripe
		"paypal-auth-algo", "paypal-cert-url", "paypal-transmission-id", "paypal-transmission-sig", "paypal-transmission-time",
	} {
		if value, ok := headers[name]; ok {
			found[name] = value
		}
	}

	return found
}

// kept is a notification as it is stored.
type kept struct {
	Gateway     string    `json:"gateway"`
	Reference   string    `json:"reference"`
	Transaction string    `json:"transaction"`
	Body        []byte    `json:"body"`
	At          time.Time `json:"at"`
}

// accept stores a notification that has proved itself, together with the
// message that has its gateway asked.
func (h *Handler) accept(ctx context.Context, request Request, notice payment.Notice) Response {
	ref, err := order.ParseReference(request.Store, notice.Reference)
	if err != nil { // the same account may sell elsewhere too
		slog.InfoContext(ctx, "notification dropped: of no order", "gateway", request.Gateway, "error", err)

		return answer(http.StatusOK, "dropped: of no order")
	}

	ops, err := h.ops(ctx, request, notice, ref)
	if err == nil {
		err = h.State.Write(ctx, ops...)
	}

	switch errs.CodeOf(err) {
	case "":
		slog.InfoContext(ctx, "notification taken", "gateway", request.Gateway, "order", ref.ID, "transaction", notice.Transaction)

		return answer(http.StatusOK, "")
	case errs.Conflict:
		slog.InfoContext(ctx, "notification taken before", "gateway", request.Gateway, "order", ref.ID)

		return answer(http.StatusOK, "taken before")
	case errs.Invalid:
		slog.ErrorContext(ctx, "notification dropped: it cannot be stored", "gateway", request.Gateway, "error", err)

		return answer(http.StatusOK, "dropped: not to be stored")
	default:
		slog.ErrorContext(ctx, "notification not stored, the gateway will send it again", "gateway", request.Gateway, "error", err)

		return answer(http.StatusServiceUnavailable, "try again")
	}
}

func (h *Handler) ops(ctx context.Context, request Request, notice payment.Notice, ref order.Ref) ([]table.Op, error) {
	now := h.Clock.Now()
	day := now.Format(time.DateOnly)
	hash := fingerprint(request.Gateway, request.Body)

	tenant, err := table.TenantOf(request.Store)
	if err != nil {
		return nil, err
	}

	raw, err := table.Encode(kept{
		Gateway: request.Gateway, Reference: notice.Reference, Transaction: notice.Transaction, Body: request.Body, At: now,
	})
	if err != nil {
		return nil, err
	}

	body, err := table.Encode(order.Message{
		Task: order.TakeNotice, Ref: ref, Gateway: request.Gateway, Transaction: notice.Transaction,
	})
	if err != nil {
		return nil, err
	}

	wish, err := outbox.Op(outbox.Entry{
		ID:    "notice-" + request.Store + "-" + day + "-" + hash,
		Store: request.Store, Queue: queue.Payments, Body: body, Trace: queue.TraceOf(ctx), CreatedAt: now,
	})
	if err != nil {
		return nil, err
	}

	return []table.Op{
		table.Create(table.Row{
			Key: tenant.Partition("notices", day).Key("notice", hash), Body: raw, Expires: now.Add(keptFor).Truncate(time.Second),
		}),
		wish,
	}, nil
}

// fingerprint is the same for the same notification. What proves it is left
// out, for it may change from one try to the next: Stripe signs each anew.
func fingerprint(gateway string, body []byte) string {
	hash := sha256.New()
	hash.Write([]byte(gateway + "\x00"))
	hash.Write(body)

	return hex.EncodeToString(hash.Sum(nil))
}

// named gives a gateway's name from a path for the log.
func named(gateway string) string {
	const longest = 32

	return strconv.QuoteToASCII(gateway[:min(len(gateway), longest)])
}

func answer(status int, description string) Response {
	if description == "" {
		return Response{Status: status, Body: []byte(`{}`)}
	}

	return Response{Status: status, Body: []byte(`{"description":` + strconv.Quote(description) + `}`)}
}
