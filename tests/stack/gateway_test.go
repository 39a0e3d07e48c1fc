package stack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// awsGateway stands between the functions and the AWS emulator. It counts what
// they ask for, and stops the world for one call at a chosen moment, so that
// its process can be killed right there.
type awsGateway struct {
	address  string
	listener net.Listener
	server   *http.Server
	served   chan error

	callers sync.Map // of open connections, by their remote address

	mu       sync.Mutex
	calls    []awsCall
	moments  []*moment
	throttle []*throttling
}

// awsCall is one call of a function.
type awsCall struct {
	function  string
	operation string // such as SQS.SendMessageBatch
	of        string // the path, and the body where it is no object: who and what it is about
}

// moment is a point in the life of one call: before it takes effect, or after
// it has and before its caller knows.
type moment struct {
	operation string
	holding   []string // texts that the call holds
	after     bool

	reached  chan process // the one that called
	released chan struct{}
}

// throttling is S3 saying "slow down" to some calls.
type throttling struct {
	moment

	left int // calls that are still to be refused
}

// startGateway takes a port. Calls wait for serve.
func startGateway(ctx context.Context) (*awsGateway, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a port between functions and AWS: %w", err)
	}

	return &awsGateway{
		address: "http://" + listener.Addr().String(), listener: listener, served: make(chan error, 1),
	}, nil
}

// serve passes calls on to the emulator.
func (g *awsGateway) serve(emulator string) error {
	target, err := url.Parse(emulator)
	if err != nil {
		return fmt.Errorf("read the emulator's address: %w", err)
	}

	const idle = 128 // connections: with Go's own 2, most calls would open one

	proxy := &httputil.ReverseProxy{
		Transport:      &http.Transport{MaxIdleConnsPerHost: idle},
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval:  -1,
		ModifyResponse: g.answered,
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, _ error) {
			panic(http.ErrAbortHandler) // the caller is gone, or sees a broken connection
		},
	}

	g.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.pass(proxy, w, r) }),
		ReadHeaderTimeout: time.Minute,
		ConnState: func(connection net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				g.callers.Delete(connection.RemoteAddr().String())
			}
		},
	}

	go func() { g.served <- g.server.Serve(g.listener) }()

	return nil
}

func (g *awsGateway) close() error {
	if g.server == nil {
		return g.listener.Close()
	}

	err := g.server.Close()
	if served := <-g.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}

	return err
}

type momentKey struct{}

func (g *awsGateway) pass(proxy http.Handler, w http.ResponseWriter, r *http.Request) {
	call, err := read(r)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller died while it wrote
	}

	from := g.caller(r.RemoteAddr)
	call.function = from.function

	g.mu.Lock()
	g.calls = append(g.calls, call)

	if g.throttled(call) {
		g.mu.Unlock()
		slowDown(w)

		return
	}

	at := slices.IndexFunc(g.moments, func(m *moment) bool { return m.fits(call) })

	var hit *moment
	if at >= 0 && from.pid != 0 { // a call can outlive its caller: a test beside this one has killed that already
		hit = g.moments[at]
		g.moments = slices.Delete(g.moments, at, at+1)
	}
	g.mu.Unlock()

	if hit == nil {
		proxy.ServeHTTP(w, r)

		return
	}

	if hit.after {
		// It takes effect even if its caller dies first.
		ctx := context.WithValue(context.WithoutCancel(r.Context()), momentKey{}, func() { hit.stop(from) })
		proxy.ServeHTTP(w, r.WithContext(ctx))

		return
	}

	hit.stop(from)
	panic(http.ErrAbortHandler)
}

// throttled counts a call that is to be refused. The lock is held.
func (g *awsGateway) throttled(call awsCall) bool {
	for _, throttling := range g.throttle {
		if throttling.left > 0 && throttling.fits(call) {
			throttling.left--

			return true
		}
	}

	return false
}

// slowDown answers as S3 does above its rate.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func slowDown(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Connection", "close") // the body was not read
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`)
}

// slow has S3 refuse the next calls of an operation that hold all of the texts.
func (g *awsGateway) slow(calls int, operation string, holding ...string) *throttling {
	made := &throttling{moment: moment{operation: operation, holding: holding}, left: calls}

	g.mu.Lock()
	defer g.mu.Unlock()

	g.throttle = append(g.throttle, made)

	return made
}

// still gives how many calls a throttling has not refused yet.
func (g *awsGateway) still(of *throttling) int {
	g.mu.Lock()
	defer g.mu.Unlock()

	return of.left
}

// answered stops a call whose moment is after its effect.
func (g *awsGateway) answered(response *http.Response) error {
	stop, ok := response.Request.Context().Value(momentKey{}).(func())
	if !ok {
		return nil
	}

	stop()

	return errors.New("its caller was killed")
}

func (m *moment) fits(call awsCall) bool {
	return m.operation == call.operation && containsAll(call.of, m.holding)
}

func (m *moment) stop(caller process) {
	m.reached <- caller

	<-m.released
}

// catch arms the gateway for the next call of an operation that holds all of
// the texts, before or after its effect.
func (g *awsGateway) catch(t *testing.T, operation string, after bool, holding ...string) *moment {
	t.Helper()

	caught := &moment{
		operation: operation, after: after, holding: holding, reached: make(chan process, 1), released: make(chan struct{}),
	}

	g.mu.Lock()
	defer g.mu.Unlock()

	g.moments = append(g.moments, caught)

	return caught
}

// wait gives the process whose call is held.
func (m *moment) wait(t *testing.T) process {
	t.Helper()

	select {
	case caller := <-m.reached:
		return caller
	case <-time.After(recovery):
		t.Fatalf("no function called %s with %v within %s", m.operation, m.holding, recovery)

		return process{}
	}
}

// mark gives a point in the list of calls; since gives those after it that
// hold a text.
func (g *awsGateway) mark() int {
	g.mu.Lock()
	defer g.mu.Unlock()

	return len(g.calls)
}

func (g *awsGateway) since(mark int) []awsCall {
	g.mu.Lock()
	defer g.mu.Unlock()

	return slices.Clone(g.calls[mark:])
}

// read finds out what a call asks for, and leaves its body to be read again.
func read(r *http.Request) (awsCall, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "" { // DynamoDB_20120810.GetItem, AmazonSQS.SendMessage
		service, operation, _ := strings.Cut(target, ".")
		service, _, _ = strings.Cut(strings.TrimPrefix(service, "Amazon"), "_")

		body, err := reread(r)

		return awsCall{operation: service + "." + operation, of: body}, err
	}

	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		body, err := reread(r)
		if err != nil {
			return awsCall{}, err
		}

		form, err := url.ParseQuery(body)

		return awsCall{operation: "SNS." + form.Get("Action"), of: body}, err
	}

	operation, of := r.Method, r.URL.Path
	switch query := r.URL.Query(); {
	case query.Has("uploads"):
		operation = "CreateMultipartUpload"
	case query.Has("partNumber"):
		operation, of = "UploadPart", of+" part "+query.Get("partNumber")
	case query.Has("uploadId") && r.Method == http.MethodPost:
		operation = "CompleteMultipartUpload"
	}

	return awsCall{operation: "S3." + operation, of: of}, nil
}

func reread(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", fmt.Errorf("read a call: %w", err)
	}

	r.Body = io.NopCloser(bytes.NewReader(body))

	return string(body), nil
}

func containsAll(text string, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(part string) bool { return !strings.Contains(text, part) })
}

// functionNames are those of the template.
func functionNames() []string {
	return []string{
		"webhook", "callback", "api", "bot", "payment", "broadcast", "relay", "deliver", "download", "transcribe",
		"sweep", "alert", "health", "poll",
	}
}

// process is a function's; the zero one is none.
type process struct {
	pid      int
	function string
}

// caller gives whose connection it is: that stays the same as long as it is open.
func (g *awsGateway) caller(remote string) process {
	if known, ok := g.callers.Load(remote); ok {
		return known.(process) //nolint:errcheck,forcetypeassert // nothing else is stored
	}

	found := callerOf(remote, g.listener.Addr().String())
	if found.pid != 0 { // word of a process's start can come after its first call
		g.callers.Store(remote, found)
	}

	return found
}

// callerOf finds the function's process whose connection it is, by Linux's
// /proc; none where it has ended.
func callerOf(from, to string) process {
	const looks = 5 // the kernel's table changes while it is read, so that a row may be missed

	for range looks {
		socket := socketOf(from, to)
		if socket == "" {
			continue
		}

		for _, function := range functionNames() {
			for _, pid := range cloud.Processes(function) {
				if holds(pid, socket) {
					return process{pid: pid, function: function}
				}
			}
		}
	}

	return process{}
}

// socketOf gives how /proc names the socket that connects one address of
// 127.0.0.1 to another. The first alone says too little: connections to other
// places may come from the same port.
func socketOf(from, to string) string {
	own, err := addressOfProc(from)
	if err != nil {
		return ""
	}

	other, err := addressOfProc(to)
	if err != nil {
		return ""
	}

	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return ""
	}

	const (
		ownColumn   = 1
		otherColumn = 2
		inodeColumn = 9
	)

	for line := range strings.Lines(string(table)) {
		columns := strings.Fields(line)
		if len(columns) > inodeColumn && columns[ownColumn] == own && columns[otherColumn] == other {
			return "socket:[" + columns[inodeColumn] + "]"
		}
	}

	return ""
}

// addressOfProc gives an address of 127.0.0.1 as the kernel prints it.
func addressOfProc(address string) (string, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("read address %s: %w", address, err)
	}

	number, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("read the port of %s: %w", address, err)
	}

	return fmt.Sprintf("0100007F:%04X", number), nil
}

func holds(pid int, socket string) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}

	return slices.ContainsFunc(files, func(file string) bool {
		target, err := os.Readlink(file) // it may be closed by now

		return err == nil && target == socket
	})
}
