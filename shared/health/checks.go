package health

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
)

// ofStore gives the checks of one store. Hosts of webhooks go to hosts.
func (c *Checker) ofStore(of store.Store, hosts *hosts) []Check {
	checks := []Check{c.webhook(of, hosts)}

	for _, account := range of.Shop.Gateways {
		if c.Gateways != nil && account.Gateway != starsGateway {
			checks = append(checks, c.gateway(of, account.Gateway))
		}
	}

	return checks
}

// starsGateway is Telegram itself: whether it answers, the webhook tells.
const starsGateway = "stars"

// ofPlatform gives the checks of what all stores share.
func (c *Checker) ofPlatform(due func(Check) bool) []Check {
	checks := []Check{c.table("state", c.State), c.table("scratch", c.Scratch)}

	if c.Bucket != nil {
		checks = append(checks, c.bucket())
	}

	for name, waiting := range c.Queues {
		checks = append(checks, c.depth(name, waiting))
	}

	for name, dead := range c.Dead {
		checks = append(checks, c.deadLetters(name, dead))
	}

	if c.Speech != nil {
		for _, provider := range c.Speech.Names() {
			checks = append(checks, c.provider(provider))
		}
	}

	if c.Cloud != nil {
		checks = append(checks, c.backup(), c.parameters())
		checks = append(checks, c.measured(due)...)
	}

	return checks
}

// webhook looks at how Telegram gets rid of a store's updates.
func (c *Checker) webhook(of store.Store, hosts *hosts) Check {
	limit := c.Thresholds[maxPending]
	recent := time.Duration(c.Thresholds[errorMinutes] * float64(time.Minute))

	return Check{
		Name: "webhook", Component: Chat, Store: of.ID, Key: "webhook", Runbook: "webhook-down",
		Title: "Webhook", TitleKey: "trouble.webhook_title",
		Run: func(ctx context.Context) (Reading, error) {
			hook, err := c.Bots.Webhook(ctx, of.ID)
			if err != nil {
				return Reading{}, errs.Context(err, "ask Telegram about the webhook of %s", of.ID)
			}

			hosts.answered(cmp.Or(hook.URL, of.Hook))

			crowded := float64(hook.Pending) > limit
			failing := !hook.held() && (crowded || hook.Pending > 0 && c.Clock.Now().Sub(hook.FailedAt) < recent)

			now, mode, err := c.looked(ctx, of, hook, failing)
			if err != nil {
				slog.WarnContext(ctx, "how updates come was not looked at", "store", of.ID, "error", err)

				return Reading{State: Unknown, Detail: err.Error()}, nil
			}

			return c.intake(now, mode, hook, failing), nil
		},
		Failed: func(err error) Reading {
			if errs.Is(err, errs.Unauthorized) {
				return Reading{
					State: Critical, Key: "trouble.refused", Advice: "trouble.refused_advice", Runbook: "token-leaked",
					Detail: "Telegram refuses the bot token. Was it revoked? Set the new one with: ctl store add",
				}
			}

			return Reading{
				State: Critical, Key: "trouble.silent", Advice: "trouble.silent_advice", Doubtful: true,
				Detail: "Telegram does not answer: " + err.Error(),
			}
		},
	}
}

// held tells whether the webhook has answered 429: a store over its share is
// left waiting on purpose, whichever way its updates come.
func (w Webhook) held() bool { return strings.Contains(w.LastError, "429") }

// intake reads how the updates of a store come, now that it is decided.
func (c *Checker) intake(of store.Store, mode store.Mode, hook Webhook, failing bool) Reading {
	found := Reading{
		State: OK, Value: float64(hook.Pending), Threshold: c.Thresholds[maxPending],
		Args: errs.Args{"Count": hook.Pending, "Error": hook.LastError},
	}
	crowded := found.Value > found.Threshold
	polled := c.Clock.Now().Sub(of.TurnedAt).Minutes()

	switch {
	case of.Polling && crowded && polled > c.Thresholds[errorMinutes]:
		found.State, found.Key, found.Advice = Critical, "trouble.unfetched", "trouble.unfetched_advice"
		found.Detail = fmt.Sprintf("%d updates wait at Telegram although they are fetched. Look at the logs of poll.", hook.Pending)
	case of.Polling && mode == store.Auto:
		found.State, found.Key, found.Advice = Warning, "trouble.polling", "trouble.polling_advice"
		found.Detail = "The webhook fails, so that updates are fetched from Telegram instead. It is set again once it answers."
	case of.Polling:
	case hook.URL == "" && of.Hook == "":
		found.State, found.Key, found.Advice = Critical, "trouble.unset", "trouble.unset_advice"
		found.Detail = "No webhook is set, so that nothing reaches the bot. Set it with: ctl store add"
	case crowded && hook.held():
		found.State, found.Key, found.Advice = Warning, "trouble.held", "trouble.held_advice"
		found.Detail = fmt.Sprintf("%d updates wait at Telegram: the store is over its share", hook.Pending)
	case crowded && mode != store.Auto:
		found.State, found.Key, found.Advice = Critical, "trouble.waiting", "trouble.waiting_advice"
		found.Detail = fmt.Sprintf("%d updates wait at Telegram. Last error: %s", hook.Pending, hook.LastError)
	case failing && mode != store.Auto: // in mode auto it is turned to polling, and that is told
		found.State, found.Key, found.Advice = Critical, "trouble.failing", "trouble.failing_advice"
		found.Detail = "Telegram cannot deliver updates: " + hook.LastError
	}

	return found
}

// looked has it decided how the updates of a store come, and gives the store as
// it then is, and its mode.
func (c *Checker) looked(ctx context.Context, of store.Store, hook Webhook, failing bool) (store.Store, store.Mode, error) {
	if c.Failover == nil {
		return of, store.Webhook, nil
	}

	now, err := c.Failover.Look(ctx, of, hook, failing)

	return now, c.Failover.ModeOf(now), err
}

// gateway tells what the calls for buyers have found. It is quiet: the till
// tells a trouble the moment that it meets it.
func (c *Checker) gateway(of store.Store, name string) Check {
	return Check{
		Name: "gateway", Component: Payments, Store: of.ID, Of: name, Key: "gateway-" + name, Runbook: "gateway-down",
		Title: "Payment gateway " + name, TitleKey: "check.gateway_title", Quiet: true,
		Run: func(ctx context.Context) (Reading, error) {
			known, err := c.Gateways.Condition(ctx, of, name)
			if err != nil {
				return Reading{}, errs.Context(err, "look how gateway %s of %s does", name, of.ID)
			}

			found := Reading{State: OK, Value: float64(known.Failures), Args: errs.Args{"Count": known.Failures}}

			if known.Down {
				found.State, found.Key = Critical, "check.gateway"
				found.Detail = fmt.Sprintf("%d calls in a row have failed since %s", known.Failures, known.Since.Format(time.RFC3339))
			}

			return found, nil
		},
	}
}

// table reads a row that is not there: an answer is all that is wanted.
func (c *Checker) table(name string, from table.Table) Check {
	return c.reading(Check{
		Name: "table", Component: Storage, Of: name, Key: "table-" + name, Runbook: "table-throttled",
		Title: "Table " + name, TitleKey: "check.table_title",
	}, func(ctx context.Context) error {
		_, err := from.Get(ctx, partition().Key("probe", name))
		if errs.Is(err, errs.NotFound) {
			return nil
		}

		return err
	})
}

func (c *Checker) bucket() Check {
	return c.reading(Check{
		Name: "bucket", Component: Storage, Key: "bucket", Runbook: "region-lost",
		Title: "Bucket", TitleKey: "check.bucket_title",
	}, func(ctx context.Context) error {
		_, err := c.Bucket.List(ctx, "probe/", "", 1)

		return err
	})
}

// reading makes a check of one read: whether it works, and how long it takes.
func (c *Checker) reading(check Check, read func(ctx context.Context) error) Check {
	limit := c.Thresholds[maxLatency]

	check.Run = func(ctx context.Context) (Reading, error) {
		began := c.Clock.Now()
		if err := read(ctx); err != nil {
			return Reading{}, err
		}

		took := float64(c.Clock.Now().Sub(began).Milliseconds())
		found := Reading{State: OK, Threshold: limit}

		if took > limit {
			found.State, found.Value, found.Doubtful = Warning, took, true
			found.Key, found.Advice = "check.slow", "check.slow_advice"
			found.Detail = fmt.Sprintf("One read took %.0f ms, more than %.0f.", took, limit)
			found.Args = errs.Args{"Value": took, "Limit": limit}
		}

		return found, nil
	}
	check.Failed = func(err error) Reading {
		return Reading{
			State: Critical, Key: "check.unreadable", Advice: "check.unreadable_advice", Doubtful: true,
			Detail: "It cannot be read: " + err.Error(),
			Args:   errs.Args{"Code": string(errs.CodeOf(err))},
		}
	}

	return check
}

// depth counts what waits in a queue.
func (c *Checker) depth(name string, waiting Queue) Check {
	limit := c.Thresholds.ofQueue(maxDepth, short(name))

	return Check{
		Name: "queue-depth", Component: Processing, Of: name, Key: name + "-depth", Runbook: "queue-growing",
		Title: "Queue " + name, TitleKey: "check.depth_title",
		Run: func(ctx context.Context) (Reading, error) {
			count, err := waiting.Depth(ctx)
			if err != nil {
				return Reading{}, errs.Context(err, "count queue %s", name)
			}

			c.Metrics.Put("QueueDepth", float64(count), metric.Count, metric.Dimensions{"Queue": name})

			found := Reading{State: OK, Value: float64(count), Threshold: limit, Args: errs.Args{"Value": count, "Limit": limit}}
			if found.Value > limit {
				found.State, found.Doubtful = Warning, true // a burst is over by the next look
				found.Key, found.Advice = "check.depth", "check.queue_advice"
				found.Detail = fmt.Sprintf("%d messages wait, more than %.0f.", count, limit)
			}

			return found, nil
		},
	}
}

// deadLetters counts what could not be handled.
func (c *Checker) deadLetters(name string, dead Queue) Check {
	limit := c.Thresholds[maxDead]

	return Check{
		Name: "dead-letters", Component: Processing, Of: name, Key: name + "-not-empty", Runbook: "queue-growing",
		Title: "Dead letters in " + name, TitleKey: "trouble.dead_title",
		Run: func(ctx context.Context) (Reading, error) {
			count, err := dead.Depth(ctx)
			if err != nil {
				return Reading{}, errs.Context(err, "count dead-letter queue %s", name)
			}

			c.Metrics.Put("DeadLetters", float64(count), metric.Count, metric.Dimensions{"Queue": name})

			found := Reading{
				State: OK, Value: float64(count), Threshold: limit, Args: errs.Args{"Queue": short(name), "Count": count},
			}
			if found.Value > limit {
				found.State, found.Key, found.Advice = Warning, "trouble.dead", "trouble.dead_advice"
				found.Detail = fmt.Sprintf("%d messages could not be handled. They are kept for 14 days. Look at them with: "+
					"ctl dlq show %s. Once the cause is mended, bring them back: ctl dlq redrive %s", count, short(name), short(name))
			}

			return found, nil
		},
	}
}

// short gives the name by which people know a queue: without the stack's name
// in front, which they share, and what SQS wants behind.
func short(name string) string {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".fifo"), "-dead")

	known := ""

	for _, of := range queueNames() {
		if (name == of || strings.HasSuffix(name, "-"+of)) && len(of) > len(known) {
			known = of
		}
	}

	return cmp.Or(known, name)
}

// backup looks at the last moment that the state table can be restored to.
func (c *Checker) backup() Check {
	limit := c.Thresholds[backupMinutes]

	return Check{
		Name: "backup", Component: Inside, Key: "backup", Runbook: "region-lost", Title: "Backup", TitleKey: "check.backup_title",
		Run: func(ctx context.Context) (Reading, error) {
			last, err := c.Cloud.Restorable(ctx)
			if err != nil {
				return Reading{}, err
			}

			if last.IsZero() {
				return Reading{
					State: Critical, Key: "check.backup_off", Advice: "check.backup_off_advice", Threshold: limit,
					Detail: "Point-in-time recovery of the state table is off: what is deleted now is lost. Deploy the template again.",
				}, nil
			}

			age := math.Max(0, c.Clock.Now().Sub(last).Minutes())
			found := Reading{State: OK, Threshold: limit}

			if age > limit {
				found.State, found.Value, found.Key, found.Advice = Critical, age, "check.backup", "check.backup_advice"
				found.Args = errs.Args{"Value": math.Round(age), "Limit": limit}
				found.Detail = fmt.Sprintf("The last moment that can be restored is %.0f minutes ago, more than %.0f.", age, limit)
			}

			return found, nil
		},
	}
}

// parameters looks at how many secrets the account may still have.
func (c *Checker) parameters() Check {
	return Check{
		Name: "parameters", Component: Inside, Key: "parameters", Runbook: "quota-near", Every: time.Hour, // 50 are counted in a call
		Title: "Parameters", TitleKey: "check.parameters_title",
		Run: func(ctx context.Context) (Reading, error) {
			used, most, err := c.Cloud.Parameters(ctx)
			if err != nil {
				return Reading{}, err
			}

			return share(float64(used), float64(most), c.Thresholds[maxParameters], "check.parameters",
				"%.0f %% of the account's %.0f parameters are in use, more than %.0f %%. Without any left no store can be added."), nil
		},
	}
}

// share reads how much of a limit is used, in percent.
func share(used, most, limit float64, key, detail string) Reading {
	found := Reading{State: OK, Threshold: limit}
	if most <= 0 {
		found.State = Unknown

		return found
	}

	const percent = 100

	found.Value = math.Round(percent * used / most)
	found.Args = errs.Args{"Value": found.Value, "Limit": limit, "Most": most}

	if found.Value > limit {
		found.State, found.Key, found.Advice = Warning, key, "check.quota_advice"
		found.Detail = fmt.Sprintf(detail, found.Value, most, limit)
	}

	return found
}

// provider asks a speech provider for its models, which costs nothing.
func (c *Checker) provider(name string) Check {
	return Check{
		Name: "speech", Component: Transcription, Of: name, Key: "speech-" + name, Runbook: "provider-down",
		Title: "Speech provider " + name, TitleKey: "check.speech_title",
		Run: func(ctx context.Context) (Reading, error) {
			if err := c.Speech.Probe(ctx, name); err != nil {
				return Reading{}, errs.Context(err, "ask speech provider %s for its models", name)
			}

			return Reading{State: OK}, nil
		},
		Failed: func(err error) Reading {
			switch errs.CodeOf(err) {
			case errs.NotFound:
				return Reading{State: Unknown, Key: "check.speech_unset", Detail: "No key is set."}
			case errs.Limited:
				return Reading{State: OK} // it answers
			case errs.Unauthorized:
				return Reading{
					State: Critical, Key: "check.speech_refused", Advice: "check.speech_refused_advice",
					Detail: "The provider refuses the key. Set a new one with: ctl provider set " + name,
				}
			default:
				return Reading{
					State: Warning, Key: "check.speech", Advice: "check.speech_advice", Doubtful: true,
					Detail: "The provider does not answer: " + err.Error(),
				}
			}
		},
	}
}

// hosts collects the hosts with certificates that webhooks lead to.
type hosts struct {
	mu      sync.Mutex
	answers int             // of webhooks
	found   map[string]bool // by "host:port"
}

func (h *hosts) answered(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.answers++

	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Hostname() == "" {
		return
	}

	h.found[net.JoinHostPort(parsed.Hostname(), cmp.Or(parsed.Port(), "443"))] = true
}

// all gives the hosts, and those known before unless all stores have answered:
// a certificate is looked at also while Telegram is silent.
func (h *hosts) all(stores int, before group) []string {
	h.mu.Lock()
	defer h.mu.Unlock()

	for _, known := range before.results() {
		if known.Name == certificateName && h.answers < stores {
			h.found[known.Of] = true
		}
	}

	return slices.Sorted(maps.Keys(h.found))
}

const certificateName = "certificate"

// certificate looks how long the certificate of a webhook's host is good.
func (c *Checker) certificate(host string) Check {
	limit := c.Thresholds[minCertificate]

	return Check{
		Name: certificateName, Component: Chat, Of: host, Key: "certificate-" + host,
		Runbook: "webhook-down", Title: "Certificate of " + host, TitleKey: "check.certificate_title",
		Run: func(ctx context.Context) (Reading, error) {
			until, err := c.Certificates.Expires(ctx, host)
			if err != nil {
				return Reading{}, err
			}

			const day, urgent = 24, 3

			days := math.Floor(until.Sub(c.Clock.Now()).Hours() / day)
			found := Reading{State: OK, Value: days, Threshold: limit, Args: errs.Args{"Value": days, "Limit": limit}}

			if days < limit {
				found.State, found.Key, found.Advice = Warning, "check.certificate", "check.certificate_advice"
				found.Detail = fmt.Sprintf("It is good for %.0f days only, fewer than %.0f: Telegram delivers to no other.", days, limit)
			}

			if days < urgent {
				found.State = Critical
			}

			return found, nil
		},
		Failed: func(err error) Reading {
			if errs.Is(err, errs.Invalid) {
				return Reading{
					State: Critical, Key: "check.certificate_bad", Advice: "check.certificate_advice",
					Detail: "It is not to be trusted, so that Telegram delivers nothing: " + err.Error(),
				}
			}

			return Reading{
				State: Warning, Key: "check.unreachable", Advice: "check.unreachable_advice", Doubtful: true,
				Detail: "The host cannot be reached: " + err.Error(),
			}
		},
	}
}
