package stack_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/localstack/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Minute

// probed builds the probe and gives it as the binary of every function.
func probed(t *testing.T) map[string]string {
	t.Helper()

	probe := filepath.Join(t.TempDir(), "probe")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags", "lambda.norpc", "-o", probe, "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")

	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build probe: %v\n%s", err, text)
	}

	binaries := map[string]string{}
	for _, name := range []string{"webhook", "bot", "download", "transcribe", "deliver", "relay", "sweep", "poll", "alert", "health"} {
		binaries[name] = probe
	}

	return binaries
}

// started starts a stack of probes on a state and gives what they do.
func started(t *testing.T, state string, binaries map[string]string) (*stack.Stack, <-chan stack.Event) {
	t.Helper()

	events := make(chan stack.Event, 1000)

	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()

	running, err := stack.Start(ctx, stack.Options{
		State:    state,
		Binaries: binaries,
		Sayf:     t.Logf,
		OnEvent:  func(event stack.Event) { events <- event },
	})
	if err != nil {
		t.Fatal(err)
	}

	return running, events
}

// await gives the first event of a function that wrote what is asked for.
func await(t *testing.T, events <-chan stack.Event, function string, kind stack.EventKind, text string) stack.Event {
	t.Helper()

	timeout := time.After(patience)

	for {
		select {
		case event := <-events:
			if event.Function == function && event.Kind == kind && strings.Contains(event.Line, text) {
				return event
			}
		case <-timeout:
			t.Fatalf("%s did not %s %q within %s", function, kind, text, patience)
		}
	}
}

func put(t *testing.T, running *stack.Stack, sk string) {
	t.Helper()

	_, err := dynamodb.NewFromConfig(running.AWS()).PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(running.Outputs["StateTableName"]),
		Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "test"},
			"sk": &types.AttributeValueMemberS{Value: sk},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sendToDownload(t *testing.T, running *stack.Stack, body string) {
	t.Helper()

	_, err := sqs.NewFromConfig(running.AWS()).SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(running.Outputs["DownloadsQueueUrl"]), MessageBody: aws.String(body),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func post(t *testing.T, url string) int {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"update_id":1}`))
	if err != nil {
		t.Fatal(err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}

	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}

	http.DefaultClient.CloseIdleConnections()

	return response.StatusCode
}

// What the template promises must hold on the emulator, before and after a
// restart, which must find everything as it was left.
func TestStackKeepsEverythingOverRestart(t *testing.T) {
	t.Parallel()

	state, binaries := t.TempDir(), probed(t)

	running, events := started(t, state, binaries)
	if !running.Deployed {
		t.Error("the first start deployed nothing")
	}

	use(t, running, events, "first")

	if err := running.Close(); err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	running, events = started(t, state, binaries)

	t.Logf("second start took %s", time.Since(began))

	if running.Deployed || running.LostState {
		t.Errorf("second start: deployed %t, lost state %t, want neither", running.Deployed, running.LostState)
	}

	use(t, running, events, "second")

	if err := stack.Forget(state); err == nil {
		t.Error("the state of a running stack was forgotten")
	}

	found, err := dynamodb.NewFromConfig(running.AWS()).Query(t.Context(), &dynamodb.QueryInput{
		TableName:                 aws.String(running.Outputs["StateTableName"]),
		KeyConditionExpression:    aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "test"}},
	})
	if err != nil || found.Count != 2 {
		t.Errorf("rows of both runs: got %d (%v), want 2", found.Count, err)
	}

	if err := running.Close(); err != nil {
		t.Fatal(err)
	}

	if err := stack.Forget(state); err != nil {
		t.Error(err)
	}

	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state is still there: %v", err)
	}
}

// use goes through every mapping of the template once.
func use(t *testing.T, running *stack.Stack, events <-chan stack.Event, mark string) {
	t.Helper()

	if status := post(t, running.WebhookURL("demo")); status != http.StatusOK {
		t.Errorf("POST to the webhook: status %d, want 200", status)
	}

	await(t, events, "webhook", stack.ProcessWrote, `telegram/demo`)

	put(t, running, "outbox#"+mark)
	await(t, events, "relay", stack.ProcessWrote, "outbox#"+mark)

	sendToDownload(t, running, mark)
	await(t, events, "download", stack.ProcessWrote, mark)
}

// A process killed in the middle of an invocation fails it, and the next
// message gets a new process.
func TestKillEndsProcessAndOnlyThat(t *testing.T) {
	t.Parallel()

	running, events := started(t, t.TempDir(), probed(t))

	if err := running.Kill("download"); !errors.Is(err, stack.ErrNotRunning) {
		t.Errorf("kill before the first invocation: %v, want %v", err, stack.ErrNotRunning)
	}

	sendToDownload(t, running, "slow")
	await(t, events, "download", stack.ProcessWrote, "slow")

	if err := running.Kill("download"); err != nil {
		t.Fatal(err)
	}

	if event := await(t, events, "download", stack.InvocationEnded, ""); !event.Failed {
		t.Error("the invocation of a killed process did not fail")
	}

	sendToDownload(t, running, "after")
	await(t, events, "download", stack.ProcessWrote, "after")

	if err := running.Close(); err != nil {
		t.Fatal(err)
	}
}

// Close leaves no process behind, neither its own nor the functions'.
func TestCloseLeavesNoProcessBehind(t *testing.T) {
	t.Parallel()

	state := t.TempDir()
	running, events := started(t, state, probed(t))

	sendToDownload(t, running, "slow")
	await(t, events, "download", stack.ProcessWrote, "slow")

	if err := running.Close(); err != nil {
		t.Fatal(err)
	}

	if left := mentioning(t, state); len(left) > 0 {
		t.Errorf("processes still run on the closed stack: %v", left)
	}
}

// mentioning gives the processes whose command line or environment names a
// folder; it needs Linux's /proc.
func mentioning(t *testing.T, dir string) []string {
	t.Helper()

	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}

	var found []string

	for _, folder := range folders {
		if filepath.Base(folder) == strconv.Itoa(os.Getpid()) {
			continue
		}

		arguments, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // it may have ended since
		environment, _ := os.ReadFile(filepath.Join(folder, "environ"))

		if strings.Contains(string(arguments)+string(environment), dir) {
			found = append(found, filepath.Base(folder)+" "+strings.ReplaceAll(string(arguments), "\x00", " "))
		}
	}

	return found
}

// On an AWS API that runs elsewhere the same deployment is done, and a door of
// our own stands in for the HTTP API, which LocalStack's community image lacks.
func TestEndpointElsewhereGetsTheSameDeployment(t *testing.T) {
	t.Parallel()

	binaries := probed(t)
	there, events := started(t, t.TempDir(), binaries)

	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()

	here, err := stack.Start(ctx, stack.Options{Endpoint: there.Endpoint, Binaries: binaries, Sayf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}

	if !here.Deployed {
		t.Error("other simulators are other parameters, yet nothing was deployed")
	}

	if status := post(t, here.WebhookURL("demo")); status != http.StatusOK {
		t.Errorf("POST to the door: status %d, want 200", status)
	}

	await(t, events, "webhook", stack.ProcessWrote, "telegram/demo")

	if err := errors.Join(here.Close(), there.Close()); err != nil {
		t.Fatal(err)
	}
}
