package health

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

// CloudWatch bills each series that is asked for, and its alarms watch most of
// them every minute already, so these are looked at less often.
const (
	measureEvery = 15 * time.Minute
	logEvery     = time.Hour
)

// measured gives the checks of what CloudWatch counts. All series that are due
// are asked for in one call.
func (c *Checker) measured(due func(Check) bool) []Check {
	var (
		checks []Check
		series []Metric
	)

	ask := once(func(ctx context.Context) map[Metric]float64 {
		values, err := c.Cloud.Metrics(ctx, series)
		if err != nil {
			slog.WarnContext(ctx, "metrics not read", "count", len(series), "error", err)
		}

		return values
	})

	add := func(check Check, of Metric, read func(ctx context.Context, value float64) Reading) {
		if due(check) {
			series = append(series, of)
		}

		check.Run = func(ctx context.Context) (Reading, error) {
			value, ok := ask(ctx)[of]
			if !ok {
				return Reading{State: Unknown, Detail: "CloudWatch gives no such metric."}, nil
			}

			return read(ctx, value), nil
		}

		checks = append(checks, check)
	}

	for name := range c.Queues {
		c.age(name, add)
	}

	for _, function := range c.Functions {
		c.memory(function, add)
		c.log(function, add)
	}

	c.concurrency(add)

	return checks
}

type adding func(check Check, of Metric, read func(ctx context.Context, value float64) Reading)

// once makes a call that several checks wait for and the first of them makes.
func once[T any](call func(ctx context.Context) T) func(ctx context.Context) T {
	var (
		first sync.Once
		value T
	)

	return func(ctx context.Context) T {
		first.Do(func() { value = call(ctx) })

		return value
	}
}

// age is how long the oldest message of a queue has waited.
func (c *Checker) age(name string, add adding) {
	limit := c.Thresholds.ofQueue(maxAge, short(name))

	add(Check{
		Name: "queue-age", Component: Processing, Of: name, Key: name + "-age", Runbook: "queue-growing", Every: measureEvery,
		Title: "Queue " + name, TitleKey: "check.age_title",
	}, Metric{
		Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Dimension: "QueueName", Of: name, Within: 5 * time.Minute,
	}, func(_ context.Context, value float64) Reading {
		return above(value, limit, "check.age", "check.queue_advice", "The oldest message has waited for %.0f seconds, more than %.0f.")
	})
}

func (c *Checker) memory(function string, add adding) {
	add(Check{
		Name: "memory", Component: Inside, Of: function, Key: function + "-memory", Runbook: "function-failing", Every: measureEvery,
		Title: "Memory of " + function, TitleKey: "check.memory_title",
	}, Metric{
		Namespace: c.Namespace, Name: "MemoryUsedPercent", Dimension: "FunctionName", Of: function, Within: measureEvery,
	}, func(_ context.Context, value float64) Reading {
		return above(value, c.Thresholds[maxMemory], "check.memory", "check.memory_advice",
			"%.0f %% of its memory are used, more than %.0f %%. Raise its MemorySize in template.yaml.")
	})
}

func (c *Checker) log(function string, add adding) {
	const mega = 1 << 20

	add(Check{
		Name: "log", Component: Inside, Of: function, Key: "log-" + function, Runbook: "function-failing", Every: logEvery,
		Title: "Log of " + function, TitleKey: "check.log_title",
	}, Metric{
		Namespace: "AWS/Logs", Name: "IncomingBytes", Dimension: "LogGroupName", Of: "/aws/lambda/" + function, Sum: true,
		Within: time.Hour,
	}, func(_ context.Context, value float64) Reading {
		return above(value/mega, c.Thresholds[maxLog], "check.log", "check.log_advice",
			"It wrote %.0f MB in an hour, more than %.0f: each is billed, and something repeats itself.")
	})
}

// concurrency is how much of the account's invocations at once is used.
func (c *Checker) concurrency(add adding) {
	series := Metric{Namespace: "AWS/Lambda", Name: "ConcurrentExecutions", Within: measureEvery}

	add(Check{
		Name: "concurrency", Component: Inside, Key: "concurrency", Runbook: "quota-near", Every: measureEvery,
		Title: "Concurrency", TitleKey: "check.concurrency_title",
	}, series, func(ctx context.Context, value float64) Reading {
		most, err := c.Cloud.Concurrency(ctx)
		if err != nil {
			return Reading{State: Unknown, Detail: err.Error()}
		}

		return share(value, float64(most), c.Thresholds[maxConcurrency], "check.concurrency",
			"%.0f %% of the account's %.0f invocations at once are in use, more than %.0f %%. Ask AWS for a higher limit.")
	})
}

// above reads a value that should not be above its limit.
func above(value, limit float64, key, advice, detail string) Reading {
	value = math.Round(value)
	found := Reading{State: OK, Value: value, Threshold: limit, Args: errs.Args{"Value": value, "Limit": limit}}

	if value > limit {
		found.State, found.Key, found.Advice = Warning, key, advice
		found.Detail = fmt.Sprintf(detail, value, limit)
	}

	return found
}
