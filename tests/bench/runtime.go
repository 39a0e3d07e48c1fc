package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// invocationWithin is the deadline of one invocation, unless a function is
// given another, and how long a function may take to ask for it.
const invocationWithin = 10 * time.Second

// function is a running Lambda function and the Runtime API that it polls.
type function struct {
	started time.Time
	within  time.Duration // the deadline of an invocation

	api     *http.Server
	process *exec.Cmd
	said    tail          // its log
	exited  chan struct{} // closed once exit says how it ended
	exit    error
	polled  chan time.Time // the function asked for an invocation
	events  chan []byte    // it gets this one
	answers chan answer
	count   int
}

type answer struct {
	at     time.Time
	body   []byte
	failed bool
}

// tail keeps the last of what a process writes.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write never fails.
func (t *tail) Write(text []byte) (int, error) {
	const kept = 4 << 10

	t.mu.Lock()
	defer t.mu.Unlock()

	t.text = append(t.text, text...)
	t.text = t.text[max(0, len(t.text)-kept):]

	return len(text), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return string(t.text)
}

// startFunction runs a binary as Lambda does: its environment, and a Runtime
// API of its own that hands out one invocation at a time.
func startFunction(ctx context.Context, binary string, environment []string) (*function, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the function's polls: %w", err)
	}

	f := &function{
		within:  invocationWithin,
		exited:  make(chan struct{}),
		polled:  make(chan time.Time, 1),
		events:  make(chan []byte),
		answers: make(chan answer, 1),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/{outcome}", f.take)
	f.api = &http.Server{Handler: mux, ReadHeaderTimeout: invocationWithin}

	go func() { _ = f.api.Serve(listener) }() // always ErrServerClosed, by close

	f.process = exec.CommandContext(ctx, binary)
	f.process.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=bench",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_REGION=ap-southeast-3",
		"AWS_ACCESS_KEY_ID=bench",
		"AWS_SECRET_ACCESS_KEY=bench",
		"HOME=/nonexistent", // no ~/.aws: there is none on Lambda either
	}, environment...)

	f.process.Stdout = &f.said
	f.started = time.Now()

	if err := f.process.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", binary, err), f.api.Close())
	}

	go func() {
		f.exit = f.process.Wait()
		close(f.exited)
	}()

	return f, nil
}

// close ends the function and its Runtime API.
func (f *function) close() error {
	err := f.process.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil // it ended by itself, which who waited for it has said
	}

	<-f.exited

	if closeErr := f.api.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}

	if err != nil {
		return fmt.Errorf("end the function: %w", err)
	}

	return nil
}

// ready waits until the function asks for an invocation and says when it did.
func (f *function) ready(ctx context.Context) (time.Time, error) {
	select {
	case at := <-f.polled:
		return at, nil
	case <-f.exited:
		return time.Time{}, fmt.Errorf("the function ended before it asked for an invocation: %w", f.exit)
	case <-time.After(invocationWithin):
		return time.Time{}, fmt.Errorf("the function asked for no invocation within %s", invocationWithin)
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("wait for the function: %w", ctx.Err())
	}
}

// invoke hands the function an event and waits for its answer, which must be
// an HTTP status of 200. The function must be ready.
func (f *function) invoke(ctx context.Context, event []byte) (time.Time, error) {
	got, err := f.call(ctx, event)
	if err != nil {
		return time.Time{}, err
	}

	return got.at, got.check()
}

// call hands the function an event and waits for its answer, whatever it says.
func (f *function) call(ctx context.Context, event []byte) (answer, error) {
	select {
	case f.events <- event:
	case <-ctx.Done():
		return answer{}, fmt.Errorf("hand out an invocation: %w", ctx.Err())
	}

	select {
	case got := <-f.answers:
		return got, nil
	case <-f.exited:
		return answer{}, fmt.Errorf("the function ended within an invocation: %w", f.exit)
	case <-time.After(f.within):
		return answer{}, fmt.Errorf("the function did not answer within %s", f.within)
	case <-ctx.Done():
		return answer{}, fmt.Errorf("wait for the answer: %w", ctx.Err())
	}
}

// check keeps a function that fails fast from looking fast.
func (a answer) check() error {
	var response struct {
		StatusCode int `json:"statusCode"`
	}

	if err := json.Unmarshal(a.body, &response); err != nil {
		return fmt.Errorf("read the function's answer %q: %w", a.body, err)
	}

	if a.failed || response.StatusCode != http.StatusOK {
		return fmt.Errorf("the function failed: %s", a.body)
	}

	return nil
}

func (f *function) next(w http.ResponseWriter, r *http.Request) {
	f.polled <- time.Now()

	select {
	case event := <-f.events:
		f.count++
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprintf("00000000-0000-0000-0000-%012d", f.count))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(f.within).UnixMilli(), 10))
		w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:ap-southeast-3:000000000000:function:bench")
		w.Header().Set("Lambda-Runtime-Trace-Id", "Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=0")
		_, _ = w.Write(event) // a function that is gone is noticed by its exit
	case <-r.Context().Done():
	}
}

func (f *function) take(w http.ResponseWriter, r *http.Request) {
	at := time.Now()

	body, err := io.ReadAll(r.Body)
	if err != nil {
		body = []byte(err.Error())
	}

	w.WriteHeader(http.StatusAccepted)
	f.answers <- answer{at: at, body: body, failed: err != nil || r.PathValue("outcome") != "response"}
}
