// Package stack_test drives the deployed local cloud as its users do: people
// by the chat, operators by their command line, Telegram by its webhook. It
// looks inside only where a promise is about what nobody sees, such as a
// process that dies between two lines.
package stack_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

const (
	startWithin = 10 * time.Minute // on a new machine, tools are installed first
	// answerWithin bounds every wait for something that is under way. It is
	// generous because speech is recognised on the processor that all tests
	// share, and because a function that a test kills may hold other tests'
	// messages, which come again after its queue's visibility timeout or with
	// the next sweep. What must be fast is measured.
	answerWithin = recovery
	// atOnce is how many tests run at the same time. Most of them wait.
	atOnce = "16"
	// root is the repository, from the folder that tests run in.
	root = "../.."
)

// The local cloud that all tests share, and what stands between its functions
// and AWS.
var (
	cloud   *stack.Stack
	people  *control.Client
	gateway *awsGateway
	journal = &functionJournal{}
)

func TestMain(m *testing.M) {
	flag.Parse()

	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "✖", err)

		status = 1
	}

	os.Exit(status)
}

func run(m *testing.M) (int, error) {
	if err := flag.Set("test.parallel", atOnce); err != nil {
		return 1, fmt.Errorf("set how many tests run at once: %w", err)
	}

	state, err := os.MkdirTemp("", "lapak-stack-test-")
	if err != nil {
		return 1, fmt.Errorf("make a folder for the state: %w", err)
	}

	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()

	if err := start(ctx, state); err != nil {
		return 1, errors.Join(err, os.RemoveAll(state))
	}

	status := m.Run()
	err = errors.Join(checkLeftovers(context.Background()), promises.check(context.Background()))

	if status != 0 || err != nil {
		journal.print(os.Stdout)
	}

	err = errors.Join(err, cloud.Close(), gateway.close())

	if left := leftOf(state); len(left) > 0 {
		err = errors.Join(err, fmt.Errorf("the closed local cloud has left processes behind: %v", left))
	}

	return status, errors.Join(err, os.RemoveAll(state))
}

// start starts the local cloud with the gateway between its functions and AWS.
func start(ctx context.Context, state string) error {
	var err error

	if gateway, err = startGateway(ctx); err != nil {
		return err
	}

	cloud, err = stack.Start(ctx, stack.Options{
		State: state,
		Parameters: map[string]string{
			"AwsEndpointUrl":          gateway.address,
			"StoreRequestsPerMinute":  "6000", // hundreds of people come to one store at once
			"StoreUpdatesPerSecond":   "1000", // and are not to be spread over minutes
			"FailoverCooldownMinutes": "1",
		},
		Sayf:    func(format string, args ...any) { fmt.Fprintf(os.Stdout, "› "+format+"\n", args...) },
		OnEvent: journal.add,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start the local cloud: %w", err), gateway.close())
	}

	people = control.New(cloud.Telegram)

	if err = gateway.serve(cloud.Endpoint); err == nil {
		err = cloud.AddDemo(ctx)
	}

	if err != nil {
		return errors.Join(err, cloud.Close(), gateway.close())
	}

	return nil
}

// functionJournal keeps what the functions did.
type functionJournal struct {
	mu     sync.Mutex
	events []stack.Event
	grown  chan struct{} // closed by the next event; nil where nobody waits
}

func (j *functionJournal) add(event stack.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()

	j.events = append(j.events, event)

	if j.grown != nil {
		close(j.grown)
		j.grown = nil
	}
}

// growth gives a channel that the next event closes.
func (j *functionJournal) growth() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()

	if j.grown == nil {
		j.grown = make(chan struct{})
	}

	return j.grown
}

// await waits until a function has written a line that holds all of the texts.
func (j *functionJournal) await(t *testing.T, within time.Duration, texts ...string) {
	t.Helper()

	timeout := time.After(within)

	for {
		grown := j.growth()

		if len(j.lines(texts...)) > 0 {
			return
		}

		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("no function wrote a line with %q within %s", texts, within)
		}
	}
}

// lines gives what the functions wrote that holds all of the texts.
func (j *functionJournal) lines(texts ...string) []stack.Event {
	j.mu.Lock()
	defer j.mu.Unlock()

	var found []stack.Event

	for _, event := range j.events {
		if event.Kind == stack.ProcessWrote && containsAll(event.Line, texts) {
			found = append(found, event)
		}
	}

	return found
}

func (j *functionJournal) print(to *os.File) {
	j.mu.Lock()
	defer j.mu.Unlock()

	fmt.Fprintln(to, "What the functions logged:")

	printer := stack.NewPrinter(to, false)
	for _, event := range j.events {
		printer.Print(event)
	}
}
