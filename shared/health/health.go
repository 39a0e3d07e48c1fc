// Package health provides the regular look at what nobody would notice
// otherwise: webhooks that fail and messages that no function could handle.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/topic"
)

const (
	// tooManyPending updates mean that Telegram cannot get rid of them.
	tooManyPending = 50
	// recent is how young a webhook error must be to count.
	recent = 10 * time.Minute
)

// Webhook is what Telegram says of a store's webhook.
type Webhook struct {
	URL       string
	Pending   int
	LastError string
	FailedAt  time.Time // zero: never
}

// Bots ask Telegram about the bots of stores.
type Bots interface {
	Webhook(ctx context.Context, store string) (Webhook, error)
}

// Queue is a queue that can be counted.
type Queue interface {
	Depth(ctx context.Context) (int, error)
}

// Options say what is looked at.
type Options struct {
	State   table.Table
	Stores  *store.Registry
	Bots    Bots
	Queues  map[string]Queue // that must not grow
	Dead    map[string]Queue // dead-letter queues: they must be empty
	Alerts  topic.Publisher
	Metrics *metric.Emitter
	Clock   clock.Clock
}

// Checker looks at everything.
type Checker struct{ Options }

// New makes a checker.
func New(options Options) *Checker { return &Checker{options} }

// finding is the outcome of one look; an empty trouble is good news.
type finding struct {
	store   string
	key     string
	title   string
	trouble string     // for operators
	words   alert.Keys // for the owner

	severity alert.Severity
	runbook  string
}

// Check looks at every store and queue and publishes an alert where something
// has begun or ceased to be wrong. What cannot be looked at does not keep the
// rest from being looked at.
func (c *Checker) Check(ctx context.Context) error {
	stores, err := c.Stores.List(ctx)
	if err != nil {
		return fmt.Errorf("check health: %w", err)
	}

	var (
		findings []finding
		failures []error
	)

	for _, of := range stores {
		findings = append(findings, c.webhook(ctx, of.ID))
	}

	for name, waiting := range c.Queues {
		depth, err := waiting.Depth(ctx)
		if err != nil {
			failures = append(failures, err)

			continue
		}

		c.Metrics.Put("QueueDepth", float64(depth), metric.Count, metric.Dimensions{"Queue": name})
	}

	for name, dead := range c.Dead {
		depth, err := dead.Depth(ctx)
		if err != nil {
			failures = append(failures, err)

			continue
		}

		c.Metrics.Put("DeadLetters", float64(depth), metric.Count, metric.Dimensions{"Queue": name})
		findings = append(findings, deadLetters(name, depth))
	}

	for _, found := range findings {
		failures = append(failures, c.report(ctx, found))
	}

	return errors.Join(failures...)
}

func deadLetters(name string, depth int) finding {
	found := finding{
		key: "dead-letters-" + name, title: "Dead letters in " + name,
		words:    alert.Keys{Title: "trouble.dead_title", Args: errs.Args{"Queue": name, "Count": depth}},
		severity: alert.Warning, runbook: "queue-growing",
	}

	if depth > 0 {
		found.trouble = strconv.Itoa(depth) + " messages could not be handled. They are kept for 14 days. " +
			"Find the cause in the logs, then bring them back: ctl redrive " + name
		found.words.Detail, found.words.Advice = "trouble.dead", "trouble.dead_advice"
	}

	return found
}

func (c *Checker) webhook(ctx context.Context, of string) finding {
	found := finding{
		store: of, key: "webhook", title: "Webhook", words: alert.Keys{Title: "trouble.webhook_title"},
		severity: alert.Critical, runbook: "webhook-down",
	}

	hook, err := c.Bots.Webhook(ctx, of)

	switch {
	case errs.Is(err, errs.Unauthorized):
		found.trouble = "Telegram refuses the bot token. Was it revoked? Set the new one with: ctl store add"
		found.words.Detail, found.words.Advice = "trouble.refused", "trouble.refused_advice"
		found.runbook = "token-leaked"
	case err != nil:
		found.trouble = "Telegram does not answer: " + err.Error()
		found.words.Detail, found.words.Advice = "trouble.silent", "trouble.silent_advice"
	case hook.URL == "":
		found.trouble = "No webhook is set, so that nothing reaches the bot. Set it with: ctl store add"
		found.words.Detail, found.words.Advice = "trouble.unset", "trouble.unset_advice"
	case hook.Pending > tooManyPending:
		found.trouble = strconv.Itoa(hook.Pending) + " updates wait at Telegram. Last error: " + hook.LastError
		found.words.Detail, found.words.Advice = "trouble.waiting", "trouble.waiting_advice"
	case c.Clock.Now().Sub(hook.FailedAt) < recent && hook.Pending > 0:
		found.trouble = "Telegram cannot deliver updates: " + hook.LastError
		found.words.Detail, found.words.Advice = "trouble.failing", "trouble.failing_advice"
	}

	found.words.Args = errs.Args{"Count": hook.Pending, "Error": hook.LastError}

	return found
}

// verdict is what is remembered of the last look.
type verdict struct {
	Trouble bool `json:"trouble"`
}

// report publishes a finding that differs from the one before.
func (c *Checker) report(ctx context.Context, found finding) error {
	key := table.Platform().Partition("health").Key("finding", found.store, found.key)

	before, version, err := table.Read[verdict](ctx, c.State, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return fmt.Errorf("report %s: %w", found.key, err)
	}

	now := verdict{Trouble: found.trouble != ""}
	if now == before {
		return nil
	}

	slog.WarnContext(ctx, "health changed", "store", found.store, "of", found.key, "trouble", found.trouble)

	note, err := alert.Alert{
		Store: found.store, Key: found.key, Severity: found.severity, Title: found.title, Detail: found.trouble,
		Runbook: found.runbook,
		At:      c.Clock.Now(), Recovered: !now.Trouble, Keys: found.words,
	}.Note()
	if err != nil {
		return fmt.Errorf("report %s: %w", found.key, err)
	}

	if err := c.Alerts.Publish(ctx, note); err != nil {
		return fmt.Errorf("report %s: %w", found.key, err)
	}

	return c.remember(ctx, key, version, now)
}

func (c *Checker) remember(ctx context.Context, key table.Key, version int64, now verdict) error {
	body, err := table.Encode(now)
	if err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}

	put := table.Put(table.Row{Key: key, Version: version, Body: body})
	if err := c.State.Write(ctx, put); err != nil {
		return fmt.Errorf("remember %s: %w", key, err)
	}

	return nil
}
