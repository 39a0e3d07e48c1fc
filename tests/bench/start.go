package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// aim is how many times the bare function's time to its first poll the webhook
// function may take.
const aim = 1.5

const secret = "bench-secret"

// measurement is what one function showed in its runs.
type measurement struct {
	name   string
	binary string
	init   []time.Duration // from exec to the first poll
	first  []time.Duration // from exec to the first answer
	warm   []time.Duration // of one invocation after that
	peak   []int64         // bytes of memory
}

// compareStarts runs the webhook function and the bare one in turns, so that
// what else the machine does meets both alike.
func compareStarts(ctx context.Context, folder string, runs, invocations int) error {
	cloud := newCloud(secret)
	defer cloud.Close()

	functions := []*measurement{{name: "bare"}, {name: "webhook"}}
	for at, source := range []string{"./tests/bench/bare", "./functions/webhook"} {
		binary, err := build(ctx, folder, source)
		if err != nil {
			return err
		}

		functions[at].binary = binary
	}

	// The first round brings the binaries into memory and does not count.
	for round := range runs + 1 {
		for _, function := range functions {
			before := cloud.messages.Load()

			if err := function.run(ctx, cloud, invocations, round > 0); err != nil {
				return fmt.Errorf("run %d of %s: %w", round, function.name, err)
			}

			if sent := cloud.messages.Load() - before; sent != int64(invocations)+1 {
				return fmt.Errorf("run %d of %s sent %d messages for %d calls", round, function.name, sent, invocations+1)
			}
		}
	}

	return printStarts(functions[0], functions[1], runs, invocations)
}

func (m *measurement) run(ctx context.Context, cloud *cloud, invocations int, counts bool) (err error) {
	f, err := startFunction(ctx, m.binary, []string{
		"AWS_ENDPOINT_URL=" + cloud.URL,
		"LAPAK_ENV=bench",
		"LAPAK_LOG_LEVEL=warn",
		"LAPAK_QUEUE_UPDATES=" + cloud.URL + "/000000000000/updates.fifo",
		"LAPAK_SECRETS_PREFIX=/lapak/bench",
		"LAPAK_TELEGRAM_SOURCES=any",
	})
	if err != nil {
		return err
	}

	defer func() { err = errors.Join(err, f.close()) }()

	initialised, err := f.ready(ctx)
	if err != nil {
		return err
	}

	event, err := call(0)
	if err != nil {
		return err
	}

	answered, err := f.invoke(ctx, event)
	if err != nil {
		return err
	}

	warm := make([]time.Duration, invocations)
	for at := range warm {
		if warm[at], err = f.warm(ctx, at+1); err != nil {
			return err
		}
	}

	peak, err := peakMemory(f.process.Process.Pid)
	if err != nil {
		return err
	}

	if counts {
		m.init = append(m.init, initialised.Sub(f.started))
		m.first = append(m.first, answered.Sub(f.started))
		m.warm = append(m.warm, warm...)
		m.peak = append(m.peak, peak)
	}

	return nil
}

func (f *function) warm(ctx context.Context, number int) (time.Duration, error) {
	event, err := call(number)
	if err != nil {
		return 0, err
	}

	if _, err := f.ready(ctx); err != nil {
		return 0, err
	}

	began := time.Now()

	answered, err := f.invoke(ctx, event)
	if err != nil {
		return 0, err
	}

	return answered.Sub(began), nil
}

// call is Telegram's call number n, as the HTTP API hands it over.
func call(n int) ([]byte, error) {
	person := `{"id":7001,"is_bot":false,"first_name":"Emma","language_code":"en"}`
	update := fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%d,"date":1795248000,"from":%s,`+
		`"chat":{"id":7001,"type":"private","first_name":"Emma"},"text":"Halo, mau pesan dua kopi ya"}}`, 1000+n, n+1, person)

	event, err := json.Marshal(events.APIGatewayV2HTTPRequest{
		Version:        "2.0",
		RouteKey:       "POST /telegram/{store}",
		RawPath:        "/telegram/demo",
		Headers:        map[string]string{"content-type": "application/json", "x-telegram-bot-api-secret-token": secret},
		PathParameters: map[string]string{"store": "demo"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RequestID: fmt.Sprintf("request-%d", n),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/telegram/demo", SourceIP: "149.154.167.197",
			},
		},
		Body: update,
	})
	if err != nil {
		return nil, fmt.Errorf("write the call: %w", err)
	}

	return event, nil
}

func printStarts(bare, webhook *measurement, runs, invocations int) error {
	fmt.Printf("\nwebhook against a bare function that sends the same message\n"+
		"medians of %d runs each, in turns; %d warm invocations a run\n\n", runs, invocations)

	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\tbare\twebhook\tratio\t")

	ratio := printTimes(table, "exec to first poll (init)", bare.init, webhook.init)

	printTimes(table, "exec to first answer", bare.first, webhook.first)
	printTimes(table, "warm invocation", bare.warm, webhook.warm)
	printMegabytes(table, "peak memory", median(bare.peak), median(webhook.peak))

	sizes := [2]int64{}

	for at, binary := range []string{bare.binary, webhook.binary} {
		info, err := os.Stat(binary)
		if err != nil {
			return fmt.Errorf("look at the binary: %w", err)
		}

		sizes[at] = info.Size()
	}

	printMegabytes(table, "binary", sizes[0], sizes[1])

	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the figures: %w", err)
	}

	fmt.Printf("\naim: init at most %.1f times the bare function's: %s (%.2f)\n", aim, verdict(ratio <= aim), ratio)

	return nil
}

func printTimes(table *tabwriter.Writer, what string, bare, webhook []time.Duration) float64 {
	a, b := median(bare), median(webhook)
	ratio := float64(b) / float64(a)
	fmt.Fprintf(table, "%s\t%.2f ms\t%.2f ms\t%.2f\t\n", what, milliseconds(a), milliseconds(b), ratio)

	return ratio
}

func printMegabytes(table *tabwriter.Writer, what string, bare, webhook int64) {
	fmt.Fprintf(table, "%s\t%.1f MB\t%.1f MB\t%.2f\t\n",
		what, megabytes(bare), megabytes(webhook), float64(webhook)/float64(bare))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

func median[T int64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))

	return sorted[len(sorted)/2]
}
