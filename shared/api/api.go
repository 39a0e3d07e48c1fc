// Package api provides the HTTP API for those who are no store's customers:
// machines that ask whether the platform is well, and the status page.
package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/httpapi"
	"github.com/lapak-id/lapak/shared/table"
)

// freshFor is how long an answer is given from memory: whoever asks thousands
// of times a second costs one read in so long.
const freshFor = 5 * time.Second

// Handler answers calls of the HTTP API. It is safe for concurrent use.
type Handler struct {
	state table.Table
	clock clock.Clock

	mu    sync.Mutex
	known health.Summary
	err   error
	until time.Time
}

// New makes a handler over the state table.
func New(state table.Table, now clock.Clock) *Handler { return &Handler{state: state, clock: now} }

// HTTP answers one call: GET /healthz and GET /status.json.
func (h *Handler) HTTP(ctx context.Context, call events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	switch call.RouteKey {
	case "GET /healthz":
		return h.healthz(ctx)
	case "GET /status.json":
		return h.status(ctx)
	default:
		return httpapi.JSON(http.StatusNotFound, []byte(`{"error":"there is nothing here"}`)), nil
	}
}

// The states that people know.
const (
	up       = "up"
	degraded = "degraded"
	down     = "down"
)

func plain(state health.State) string {
	switch state {
	case health.Critical:
		return down
	case health.Warning:
		return degraded
	case health.OK, health.Unknown:
		return up
	}

	return up
}

type verdict struct {
	Status string            `json:"status"`
	At     *time.Time        `json:"at,omitempty"` // of the last look at everything
	Reason string            `json:"reason,omitempty"`
	Checks map[string]string `json:"checks"`
}

// healthz answers 200 while people are served, 503 while they are not or while
// nobody can tell.
func (h *Handler) healthz(ctx context.Context) (events.APIGatewayV2HTTPResponse, error) {
	found, err := h.summary(ctx)

	switch {
	case errs.Is(err, errs.NotFound):
		return answer(http.StatusServiceUnavailable, verdict{
			Status: down, Reason: "nobody has looked yet", Checks: map[string]string{},
		})
	case err != nil:
		slog.ErrorContext(ctx, "health not read", "error", err)

		return answer(http.StatusServiceUnavailable, verdict{
			Status: down, Reason: "the state table cannot be read", Checks: map[string]string{"table": string(health.Critical)},
		})
	}

	said := verdict{Status: plain(found.State(h.clock.Now())), At: &found.At, Checks: map[string]string{}}
	for _, check := range found.Checks {
		said.Checks[check.Name] = string(check.State)
	}

	if found.Stale(h.clock.Now()) {
		said.Reason = "nobody has looked since"
	}

	status := http.StatusOK
	if said.Status == down {
		status = http.StatusServiceUnavailable
	}

	return answer(status, said)
}

type component struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
}

type page struct {
	State      string      `json:"state"`
	At         *time.Time  `json:"at,omitempty"`
	Components []component `json:"components"`
}

// status answers with what a status page shows: how each component does, and
// since when. It is public and says nothing of any store.
func (h *Handler) status(ctx context.Context) (events.APIGatewayV2HTTPResponse, error) {
	found, err := h.summary(ctx)
	if err != nil {
		slog.ErrorContext(ctx, "status not read", "error", err)

		return answer(http.StatusServiceUnavailable, page{State: "unknown", Components: []component{}})
	}

	shown := page{State: plain(found.State(h.clock.Now())), At: &found.At, Components: []component{}}
	if found.Stale(h.clock.Now()) {
		shown.State = "unknown" // what was so then need not be so now
	}

	for _, part := range found.Components {
		shown.Components = append(shown.Components, component{Name: part.Name, State: plain(part.State), Since: part.Since})
	}

	response, err := answer(http.StatusOK, shown)
	if err == nil {
		response.Headers["access-control-allow-origin"] = "*" // a page on any host may show it
	}

	return response, err
}

// summary reads what was found, at most once in a few seconds.
func (h *Handler) summary(ctx context.Context) (health.Summary, error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if now := h.clock.Now(); !now.Before(h.until) {
		h.known, h.err = health.ReadSummary(ctx, h.state)
		h.until = now.Add(freshFor)
	}

	return h.known, h.err
}

func answer(status int, body any) (events.APIGatewayV2HTTPResponse, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, errs.Wrap(err, errs.Internal, "encode an answer of the API")
	}

	response := httpapi.JSON(status, text)
	response.Headers["cache-control"] = "no-store"

	return response, nil
}
