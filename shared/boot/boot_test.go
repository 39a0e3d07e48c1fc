package boot //nolint:testpackage // what Run does around a handler has no other door

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

type settings struct {
	Table string `env:"LAPAK_STATE_TABLE,required,notEmpty"`
	Queue string `env:"LAPAK_QUEUE_UPDATES,required,notEmpty"`
	Days  int    `env:"LAPAK_DAYS"                            envDefault:"7"`
}

// asFunction makes this test's program a function, when it is started as one.
const asFunction = "LAPAK_TEST_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(asFunction) == "" {
		os.Exit(m.Run())
	}

	Run(func(base Base, settings settings) (any, error) {
		return func(ctx context.Context, event map[string]string) (map[string]string, error) {
			slog.InfoContext(ctx, "worked", "on", event["on"])
			base.Metrics.Put("Work", 1, metric.Count, nil)

			deadline, _ := ctx.Deadline()

			if event["on"] == "failure" {
				return nil, errs.New(errs.Unavailable, "the queue is down")
			}

			return map[string]string{
				"trace": queue.TraceOf(ctx), "table": settings.Table, "deadline": strconv.FormatInt(deadline.UnixMilli(), 10),
			}, nil
		}, nil
	})
}

// runtime is Lambda's Runtime API with two invocations to be done.
type runtime struct {
	events   chan string
	answers  chan string
	deadline int64
}

func (r *runtime) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPost {
		body, err := io.ReadAll(request.Body)
		if err == nil {
			r.answers <- request.URL.Path + " " + string(body)
		}

		w.WriteHeader(http.StatusAccepted)

		return
	}

	select {
	case event := <-r.events:
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", "r-1")
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(r.deadline, 10))
		w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-5e1b4151-43a0913a12345678")
		io.WriteString(w, event) //nolint:errcheck // the function would hang
	case <-request.Context().Done():
	}
}

// The whole of it as Lambda sees it: a process that asks for work.
func TestRun(t *testing.T) {
	t.Parallel()

	lambda := &runtime{
		events: make(chan string, 2), answers: make(chan string, 2), deadline: time.Now().Add(time.Minute).UnixMilli(),
	}
	server := httptest.NewServer(lambda)
	t.Cleanup(server.Close)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)

	var said bytes.Buffer

	function := exec.CommandContext(ctx, os.Args[0]) // this very program
	function.Stdout, function.Stderr = &said, &said
	function.Env = []string{
		asFunction + "=1", "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(server.URL, "http://"), "AWS_REGION=ap-southeast-3",
		"LAPAK_ENV=dev", "LAPAK_STATE_TABLE=state", "LAPAK_QUEUE_UPDATES=updates", "HOME=" + t.TempDir(),
	}
	require.NoError(t, function.Start())

	lambda.events <- `{"on":"success"}`
	succeeded := <-lambda.answers
	lambda.events <- `{"on":"failure"}`
	failed := <-lambda.answers

	cancel()
	require.Error(t, function.Wait(), "it was killed")

	path, body, _ := strings.Cut(succeeded, " ")
	assert.Equal(t, "/2018-06-01/runtime/invocation/r-1/response", path)

	var answer map[string]string

	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	assert.Equal(t, map[string]string{
		"trace": "Root=1-5e1b4151-43a0913a12345678", "table": "state", "deadline": strconv.FormatInt(lambda.deadline-1000, 10),
	}, answer)

	path, body, _ = strings.Cut(failed, " ")
	assert.Equal(t, "/2018-06-01/runtime/invocation/r-1/error", path)
	assert.Contains(t, body, "the queue is down")

	lines := 0

	for line := range strings.Lines(said.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "worked" {
			assert.Equal(t, "r-1", fields["request"], line)

			lines++
		}
	}

	assert.Equal(t, 2, lines, said.String())
	assert.Contains(t, said.String(), `"Namespace":"Lapak/dev"`)
}

func TestRunWithoutSettings(t *testing.T) {
	t.Parallel()

	function := exec.CommandContext(t.Context(), os.Args[0]) // this very program
	function.Env = []string{asFunction + "=1", "LAPAK_ENV=dev", "AWS_REGION=ap-southeast-3", "HOME=" + t.TempDir()}
	said, err := function.CombinedOutput()

	var exit *exec.ExitError

	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(said), "function not started")
	assert.Contains(t, string(said), "LAPAK_STATE_TABLE")
	assert.Contains(t, string(said), "LAPAK_QUEUE_UPDATES", "all that is missing, at once")
}

// setEnv sets what a function is started with, for one test.
func setEnv(t *testing.T, values map[string]string) {
	t.Helper()

	before := slog.Default()

	t.Cleanup(func() { slog.SetDefault(before) })
	t.Setenv("AWS_REGION", "ap-southeast-3")

	for name, value := range values {
		t.Setenv(name, value)
	}
}

//nolint:paralleltest // TestStart sets variables of the process.
func TestStart(t *testing.T) {
	setEnv(t, map[string]string{
		"LAPAK_ENV": "dev", "LAPAK_LOG_LEVEL": "warn", "LAPAK_STATE_TABLE": "state", "LAPAK_QUEUE_UPDATES": "updates",
	})

	handler, err := start(func(base Base, settings settings) (any, error) {
		assert.Equal(t, "dev", base.Env)
		assert.Equal(t, "ap-southeast-3", base.AWS.Region)
		assert.NotNil(t, base.Metrics)
		assert.WithinDuration(t, time.Now(), base.Clock.Now(), time.Minute)
		assert.Equal(t, 7, settings.Days)

		return "a handler", nil
	})
	require.NoError(t, err)
	assert.Equal(t, "a handler", handler)
	assert.False(t, slog.Default().Enabled(t.Context(), slog.LevelInfo))
	assert.True(t, slog.Default().Enabled(t.Context(), slog.LevelWarn))
}

// It sets variables of the process.
func TestSettingsThatAreWrong(t *testing.T) {
	whole := map[string]string{
		"LAPAK_ENV": "dev", "LAPAK_LOG_LEVEL": "info", "LAPAK_STATE_TABLE": "state", "LAPAK_QUEUE_UPDATES": "updates",
	}

	for _, c := range []struct{ name, value, says string }{
		{"LAPAK_ENV", "", "LAPAK_ENV"},
		{"LAPAK_STATE_TABLE", "", "LAPAK_STATE_TABLE"},
		{"LAPAK_LOG_LEVEL", "loud", `LAPAK_LOG_LEVEL is "loud"`},
		{"LAPAK_DAYS", "many", "LAPAK_DAYS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			setEnv(t, whole)
			t.Setenv(c.name, c.value)

			_, err := start(func(Base, settings) (any, error) { return nil, errors.New("built after all") })
			assert.Equal(t, errs.Invalid, errs.CodeOf(err))
			assert.ErrorContains(t, err, c.says)
		})
	}
}

//nolint:paralleltest // it sets variables of the process
func TestAnAWSConfigurationThatIsWrong(t *testing.T) {
	setEnv(t, map[string]string{"LAPAK_ENV": "dev", "AWS_MAX_ATTEMPTS": "many"})

	_, err := newBase(t.Context())
	assert.Equal(t, errs.Internal, errs.CodeOf(err))
}

// handlerFunc is a lambda.Handler.
type handlerFunc func(context.Context, []byte) ([]byte, error)

func (f handlerFunc) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	return f(ctx, payload)
}

func TestInvoke(t *testing.T) {
	t.Parallel()

	deadline := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	t.Cleanup(cancel)

	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: "r-9"})
	ctx = context.WithValue(ctx, "x-amzn-trace-id", "Root=1") //nolint:staticcheck,revive // the key of aws-lambda-go

	answer, err := invoker{next: handlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		got, ok := ctx.Deadline()
		assert.True(t, ok)
		assert.Equal(t, deadline.Add(-time.Second), got, "a second is left for last words")
		assert.Equal(t, "Root=1", queue.TraceOf(ctx))

		var written bytes.Buffer

		logging.New(&written, slog.LevelInfo).InfoContext(ctx, "x")
		assert.Contains(t, written.String(), `"request":"r-9"`)

		return append(payload, '!'), nil
	})}.Invoke(ctx, []byte("in"))
	require.NoError(t, err)
	assert.Equal(t, "in!", string(answer))

	want := errs.New(errs.Limited, "slow down")
	_, err = invoker{next: handlerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		_, limited := ctx.Deadline()
		assert.False(t, limited)
		assert.Empty(t, queue.TraceOf(ctx))

		return nil, want
	})}.Invoke(context.Background(), nil)
	require.ErrorIs(t, err, want)
}
