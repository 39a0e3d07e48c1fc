package api_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/api"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/topic"
)

// counted counts the reads of a table, or fails them.
type counted struct {
	table.Table

	reads int
	err   error
}

func (c *counted) Get(ctx context.Context, key table.Key) (table.Row, error) {
	c.reads++

	if c.err != nil {
		return table.Row{}, c.err
	}

	return c.Table.Get(ctx, key)
}

// silent is who is told nothing.
type silent struct{}

func (silent) Publish(context.Context, topic.Note) error { return nil }

// bots are webhooks, or what Telegram refuses.
type bots struct {
	hook health.Webhook
	err  error
}

func (b *bots) Webhook(context.Context, string) (health.Webhook, error) { return b.hook, b.err }

type clinic struct {
	*api.Handler

	now   *clock.Manual
	state *counted
	bots  *bots
	look  func(t *testing.T)
}

func newClinic(t *testing.T) *clinic {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	c := &clinic{
		now: now, state: &counted{Table: memory.New(now, fault.None{})}, bots: &bots{hook: health.Webhook{URL: "http://x"}},
	}
	c.Handler = api.New(c.state, now)
	stores := store.NewRegistry(c.state.Table, now)
	require.NoError(t, stores.Save(t.Context(), store.Store{ID: "toko-rahasia", TimeZone: store.DefaultTimeZone}))

	checker := health.New(health.Options{
		State: c.state.Table, Scratch: memory.New(now, fault.None{}), Stores: stores, Bots: c.bots, Alerts: silent{}, Clock: now,
		Thresholds: health.DefaultThresholds(),
	})
	c.look = func(t *testing.T) {
		t.Helper()
		require.NoError(t, checker.Check(t.Context()))
	}

	return c
}

func (c *clinic) ask(t *testing.T, path string) (int, string) {
	t.Helper()

	answer, err := c.HTTP(t.Context(), events.APIGatewayV2HTTPRequest{RouteKey: "GET " + path})
	require.NoError(t, err)
	require.True(t, json.Valid([]byte(answer.Body)))
	require.NotContains(t, answer.Body, "rahasia", "it is public")

	return answer.StatusCode, answer.Body
}

func TestAWellPlatformIsUp(t *testing.T) {
	t.Parallel()

	c := newClinic(t)

	status, body := c.ask(t, "/healthz")
	require.Equal(t, 503, status, "nobody has looked yet")
	require.JSONEq(t, `{"status":"down","reason":"nobody has looked yet","checks":{}}`, body)

	c.look(t)
	c.now.Advance(10 * time.Second)

	status, body = c.ask(t, "/healthz")
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `{"status":"up","at":"2026-11-21T07:00:00Z","checks":{"table":"ok","webhook":"ok"}}`, body)

	status, body = c.ask(t, "/status.json")
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"state":"up","at":"2026-11-21T07:00:00Z","components":[
		{"name":"bots","state":"up","since":"2026-11-21T07:00:00Z"},
		{"name":"storage","state":"up","since":"2026-11-21T07:00:00Z"}]}`, body)
}

func TestATroubleIsDownSinceItBegan(t *testing.T) {
	t.Parallel()

	c := newClinic(t)
	c.look(t)
	c.now.Advance(5 * time.Minute)

	c.bots.err = errs.New(errs.Unauthorized, "token of toko-rahasia")
	c.look(t)
	c.now.Advance(5 * time.Minute)
	c.look(t)

	status, body := c.ask(t, "/healthz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"status":"down","at":"2026-11-21T07:10:00Z","checks":{"table":"ok","webhook":"critical"}}`, body)

	status, body = c.ask(t, "/status.json")
	require.Equal(t, 200, status)
	require.Contains(t, body, `{"name":"bots","state":"down","since":"2026-11-21T07:05:00Z"}`)
}

// A look that has not come for a quarter of an hour is worse than a bad one.
func TestNobodyLooksAnyMore(t *testing.T) {
	t.Parallel()

	c := newClinic(t)
	c.look(t)
	c.now.Advance(17 * time.Minute)

	status, body := c.ask(t, "/healthz")
	require.Equal(t, 503, status)
	require.Contains(t, body, `"nobody has looked since"`)

	_, body = c.ask(t, "/status.json")
	require.Contains(t, body, `"state":"unknown"`)
}

func TestTheTableCannotBeRead(t *testing.T) {
	t.Parallel()

	c := newClinic(t)
	c.state.err = errs.New(errs.Unavailable, "dynamodb: secret words of rahasia")

	status, body := c.ask(t, "/healthz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"status":"down","reason":"the state table cannot be read","checks":{"table":"critical"}}`, body)

	status, body = c.ask(t, "/status.json")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"state":"unknown","components":[]}`, body)
}

// However often somebody asks, the table is read once in a few seconds.
func TestAnswersAreRemembered(t *testing.T) {
	t.Parallel()

	c := newClinic(t)
	c.look(t)

	for range 100 {
		c.ask(t, "/healthz")
		c.ask(t, "/status.json")
	}

	require.Equal(t, 1, c.state.reads)

	c.now.Advance(5 * time.Second)
	c.ask(t, "/healthz")
	require.Equal(t, 2, c.state.reads)
}

func TestOtherPathsAreNotThere(t *testing.T) {
	t.Parallel()

	status, _ := newClinic(t).ask(t, "/admin")
	require.Equal(t, 404, status)
}

func TestTheSampleEventIsAnswered(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../events/api.json")
	require.NoError(t, err)

	var call events.APIGatewayV2HTTPRequest
	require.NoError(t, json.Unmarshal(text, &call))

	c := newClinic(t)
	c.look(t)

	answer, err := c.HTTP(t.Context(), call)
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "no-store", answer.Headers["cache-control"])
}
