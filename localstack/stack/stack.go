// Package stack runs Lapak's local cloud: the real template with the real
// binaries on an AWS emulator, next to simulators of Telegram, of a payment
// gateway and of speech recognition, all on loopback. `make run`, `make smoke` and the stack tests
// stand on it.
package stack

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/awshttp"
)

const (
	stackName   = "lapak-local"
	environment = "local"
	region      = "ap-southeast-3"
	accessKey   = "local" // the emulator takes any
	apiID       = "17"    // the Telegram simulator takes any
)

// Options say where and how to run. The zero value runs this repository on
// free ports with a state of its own that Close removes.
type Options struct {
	// Root is the repository; by default it is looked for from the working
	// directory upwards.
	Root string
	// State is the folder of everything that is kept between runs. By default
	// a temporary one that Close removes.
	State string
	// Endpoint is the address of an AWS API that runs already, such as
	// LocalStack's. By default the emulator is started and stopped here. With
	// it, OnEvent is not called and Kill finds nothing: the functions run
	// elsewhere.
	Endpoint string
	// The ports on 127.0.0.1; 0 is any that is free.
	EmulatorPort, TelegramPort, MTProtoPort, SpeechPort, PakasirPort int
	// BotAPI is the address of the Bot API that the bots live on. By default
	// the simulator's.
	BotAPI string
	// Parameters override the template's, by name.
	Parameters map[string]string
	// Binaries are ready-made binaries by function; the others are built.
	Binaries map[string]string
	// Sayf is told of each step; by default nobody is.
	Sayf func(format string, args ...any)
	// OnEvent gets what functions do, in order, from one goroutine. It must
	// not wait.
	OnEvent func(Event)
}

// Stack is a running local cloud.
type Stack struct {
	// Endpoint is the address of the AWS API, for AWS_ENDPOINT_URL.
	Endpoint string
	// Telegram is the address of the Bot API, the control API and the chat
	// page.
	Telegram string
	// Speech is the address of the speech recognition, without a path.
	Speech string
	// Pakasir is the address of the payment gateway: its API, its pay page and
	// its control API.
	Pakasir string
	// Outputs are the template's, by name. WebhookURL says where updates go
	// locally.
	Outputs map[string]string
	// Deployed is whether this start had anything to deploy.
	Deployed bool
	// LostState is whether the run before was cut off before it could save.
	LostState bool

	options   Options
	temporary bool // State is ours to remove
	unlock    func()
	processes []*process
	programs  string // folder of the programs of the local cloud
	ports     ports
	door      *door // in place of the HTTP API; nil where there is one
	http      *http.Client

	mu     sync.Mutex
	alive  map[string][]int // processes by function
	exited chan struct{}    // closed when the next process ends
}

// Start starts everything, deploys what has changed, and returns when updates
// are taken. The context bounds the start, not the run; Close ends the run.
func Start(ctx context.Context, options Options) (*Stack, error) {
	s := &Stack{
		options: options,
		alive:   map[string][]int{},
		exited:  make(chan struct{}),
		unlock:  func() {},
		http:    &http.Client{Transport: new(http.Transport)},
	}

	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}

	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.prepare(ctx); err != nil {
		return err
	}

	t, err := readTemplate(filepath.Join(s.options.Root, "template.yaml"))
	if err != nil {
		return err
	}

	var (
		installed tools
		binaries  []artifact
	)

	// Installing waits for the network, building for the processor.
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		var err error

		installed, err = makeTools(groupCtx, s.options.Root, s.options.Sayf)

		return err
	})
	group.Go(func() error {
		var err error

		binaries, err = s.build(groupCtx, t.functions())

		return err
	})

	if err := group.Wait(); err != nil {
		return err
	}

	if err := s.startProcesses(ctx, installed); err != nil {
		return err
	}

	return s.deploy(ctx, t, installed, binaries)
}

// prepare finds the folders and checks what a run needs.
func (s *Stack) prepare(ctx context.Context) error {
	if s.options.Sayf == nil {
		s.options.Sayf = func(string, ...any) {}
	}

	if s.options.OnEvent == nil {
		s.options.OnEvent = func(Event) {}
	}

	var err error

	if s.options.Root == "" {
		if s.options.Root, err = findRoot(); err != nil {
			return err
		}
	}

	if s.options.State == "" {
		if s.options.State, err = os.MkdirTemp("", "lapak-stack-"); err != nil {
			return fmt.Errorf("make folder for state: %w", err)
		}

		s.temporary = true
	}

	if s.options.State, err = filepath.Abs(s.options.State); err != nil {
		return fmt.Errorf("find folder of state: %w", err)
	}

	if err := checkNeeds(ctx, s.options.Root, s.options.State); err != nil {
		return err
	}

	if err := s.takeState(); err != nil {
		return err
	}

	// Before anything that takes long: a busy port is for a person to solve.
	s.ports, err = s.choosePorts(ctx)

	return err
}

// findRoot looks for the template upwards of the working directory.
func findRoot() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find working directory: %w", err)
	}

	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}

		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find template.yaml in %s or above: %w", here, os.ErrNotExist)
		}
	}
}

// build builds the functions and the programs, one run at a time: the folder
// is shared so that what has not changed is not linked again.
func (s *Stack) build(ctx context.Context, functions []string) ([]artifact, error) {
	dir := filepath.Join(s.options.Root, ".build")

	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()

	began := time.Now()
	s.programs = filepath.Join(dir, "programs")

	for _, folder := range []string{s.programs, filepath.Join(dir, "functions")} {
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return nil, fmt.Errorf("make folder for binaries: %w", err)
		}
	}

	if err := buildPrograms(ctx, s.options.Root, s.programs); err != nil {
		return nil, fmt.Errorf("build programs of the local cloud: %w", err)
	}

	wanted := slices.DeleteFunc(slices.Clone(functions), func(name string) bool { return s.options.Binaries[name] != "" })
	if len(wanted) > 0 {
		if err := buildFunctions(ctx, s.options.Root, filepath.Join(dir, "functions"), wanted); err != nil {
			return nil, fmt.Errorf("build functions: %w", err)
		}
	}

	binaries, err := s.collect(functions, filepath.Join(dir, "functions"))
	if err != nil {
		return nil, err
	}

	s.options.Sayf("Built %d functions in %s", len(binaries), since(began))

	return binaries, nil
}

// collect reads each binary, before another run builds another one.
func (s *Stack) collect(functions []string, built string) ([]artifact, error) {
	var binaries []artifact

	for _, name := range functions {
		path := s.options.Binaries[name]
		if path == "" {
			path = filepath.Join(built, name)
		}

		binary, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read binary of %s: %w", name, err)
		}

		sum := sha256.Sum256(binary)
		binaries = append(binaries, artifact{function: name, binary: binary, hash: hex.EncodeToString(sum[:])})
	}

	return binaries, nil
}

// deploy deploys the template with this machine's parameters.
func (s *Stack) deploy(ctx context.Context, t *template, installed tools, binaries []artifact) error {
	spoken, err := control.New(s.Telegram).MTProto(ctx)
	if err != nil {
		return fmt.Errorf("ask the Telegram simulator where it speaks MTProto: %w", err)
	}

	parameters := map[string]string{
		"Environment":    environment,
		"Architecture":   architecture(),
		"LogLevel":       "debug",
		"AwsEndpointUrl": s.Endpoint,
		"TelegramApiUrl": cmp.Or(s.options.BotAPI, s.Telegram),
		"SpeechUrl":      s.Speech + "/openai/v1",
		"DeepgramUrl":    s.Speech + "/v1",
		"PakasirUrl":     s.Pakasir,
		"SpeechOrder":    "groq/whisper-large-v3-turbo,groq/whisper-large-v3,deepgram/nova-3",
		// The recogniser is a few times faster than speech, providers are hundreds of times.
		"SpeechPartMinutes": "10",
		"TelegramApiId":     apiID,
		"MtprotoServer":     spoken.Address,
		// Settings of a function hold no line breaks.
		"MtprotoPublicKey": strings.Join(strings.Fields(spoken.PublicKey), " "),
	}
	if s.options.Endpoint == "" {
		parameters["FfmpegPath"] = installed.ffmpeg // functions are processes of this machine
	}

	if s.options.BotAPI != "" {
		// The simulator's MTProto knows none of these files.
		parameters["TelegramApiId"], parameters["MtprotoServer"], parameters["MtprotoPublicKey"] = "0", "", ""
	}

	maps.Copy(parameters, s.options.Parameters)

	began := time.Now()

	s.Outputs, s.Deployed, err = newDeployer(s.AWS(), stackName).deploy(ctx, t, binaries, parameters)
	if err != nil {
		return err
	}

	if err := s.finish(ctx, t); err != nil {
		return err
	}

	if s.Deployed {
		s.options.Sayf("Deployed template.yaml in %s", since(began))
	} else {
		s.options.Sayf("Nothing has changed since the last deployment")
	}

	return nil
}

func (s *Stack) finish(ctx context.Context, t *template) error {
	if s.options.Endpoint == "" {
		if err := newFinisher(s.AWS(), stackName).finish(ctx, t, s.Outputs["ApiId"]); err != nil {
			return fmt.Errorf("finish what the emulator left undone: %w", err)
		}

		return nil
	}

	var err error

	s.door, err = openDoor(ctx, lambda.NewFromConfig(s.AWS()), stackName)

	return err
}

func since(began time.Time) time.Duration { return time.Since(began).Round(100 * time.Millisecond) }

// AWS gives the configuration with which any client of the AWS SDK speaks to
// the emulator. S3 clients need UsePathStyle as well.
func (s *Stack) AWS() aws.Config {
	return aws.Config{
		Region:       region,
		BaseEndpoint: aws.String(s.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, accessKey, ""),
		HTTPClient:   awshttp.Mend(s.http),
	}
}

// WebhookURL is where Telegram sends the updates of a store's bot.
func (s *Stack) WebhookURL(store string) string {
	if s.door != nil {
		return s.door.address + "/telegram/" + store
	}

	return fmt.Sprintf("%s/_aws/execute-api/%s/$default/telegram/%s", s.Endpoint, s.Outputs["ApiId"], store)
}

// APIURL is where machines and the status page ask, such as "/healthz".
func (s *Stack) APIURL(path string) string {
	if s.door != nil {
		return s.door.address + path
	}

	return fmt.Sprintf("%s/_aws/execute-api/%s/$default%s", s.Endpoint, s.Outputs["ApiId"], path)
}

// CallbackURL is where a payment gateway sends the notifications of a store.
func (s *Stack) CallbackURL(gateway, store string) string {
	if s.door != nil {
		return s.door.address + "/callback/" + gateway + "/" + store
	}

	return fmt.Sprintf("%s/_aws/execute-api/%s/$default/callback/%s/%s", s.Endpoint, s.Outputs["ApiId"], gateway, store)
}

// Environment is what the operator's command line needs to work on this stack.
func (s *Stack) Environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.Endpoint,
		"AWS_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey,
		"AWS_SECRET_ACCESS_KEY=" + accessKey,
		"LAPAK_ENV=" + environment,
		"LAPAK_STATE_TABLE=" + s.Outputs["StateTableName"],
		"LAPAK_SCRATCH_TABLE=" + s.Outputs["ScratchTableName"],
		"LAPAK_SECRETS_PREFIX=" + s.Outputs["SecretsPrefix"],
		"LAPAK_TELEGRAM_URL=" + cmp.Or(s.options.BotAPI, s.Telegram),
		"LAPAK_WEBHOOK_URL=" + s.WebhookURL("STORE"),
		"LAPAK_QUEUES_DEAD=" + s.Outputs["DeadQueueUrls"],
	}
}

// Memory is what all processes of functions hold in main memory, in bytes; 0
// where the system has no /proc.
func (s *Stack) Memory() int64 {
	s.mu.Lock()
	pids := slices.Concat(slices.Collect(maps.Values(s.alive))...)
	s.mu.Unlock()

	var pages int64

	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue // it has just ended
		}

		var size, resident int64
		if _, err := fmt.Sscan(string(text), &size, &resident); err == nil {
			pages += resident
		}
	}

	return pages * int64(os.Getpagesize())
}

// Processes gives the ids of the processes that now run a function.
func (s *Stack) Processes(function string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return slices.Clone(s.alive[function])
}

// ErrNotRunning says that a function has no process: none was needed so far,
// or all have ended.
var ErrNotRunning = errors.New("function has no process")

// Kill ends a function's processes by SIGKILL, in the middle of whatever they
// do, and returns when they are gone: no later event is handed to them.
func (s *Stack) Kill(function string) error {
	pids := s.Processes(function)
	if len(pids) == 0 {
		return fmt.Errorf("kill %s: %w", function, ErrNotRunning)
	}

	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d of %s: %w", pid, function, err)
		}
	}

	return s.awaitEnd(function, pids)
}

func (s *Stack) awaitEnd(function string, pids []int) error {
	const within = 10 * time.Second

	tooLate := time.After(within)

	for {
		s.mu.Lock()
		left := slices.ContainsFunc(s.alive[function], func(pid int) bool { return slices.Contains(pids, pid) })
		exited := s.exited
		s.mu.Unlock()

		if !left {
			return nil
		}

		select {
		case <-exited:
		case <-tooLate:
			return fmt.Errorf("kill %s: processes %v have not ended within %s", function, pids, within)
		}
	}
}

// heard takes a line of the emulator's wrapper.
func (s *Stack) heard(line string) {
	event, err := parseEvent(line, stackName, time.Now())
	if err != nil {
		s.options.Sayf("%v: %s", err, strings.TrimSpace(line))

		return
	}

	s.mu.Lock()

	switch event.Kind {
	case ProcessStarted:
		s.alive[event.Function] = append(s.alive[event.Function], event.PID)
	case ProcessExited:
		s.alive[event.Function] = slices.DeleteFunc(s.alive[event.Function], func(pid int) bool { return pid == event.PID })
		close(s.exited)
		s.exited = make(chan struct{})
	case ProcessWrote, InvocationStarted, InvocationEnded:
	}

	s.mu.Unlock()

	s.options.OnEvent(event)
}

// Wait returns when the context is done, or with an error when a part of the
// stack has stopped by itself.
func (s *Stack) Wait(ctx context.Context) error {
	stopped := make(chan error, len(s.processes))
	watch, cancel := context.WithCancel(ctx)

	var watchers sync.WaitGroup

	defer watchers.Wait()
	defer cancel()

	for _, p := range s.processes {
		watchers.Go(func() {
			select {
			case <-p.ended:
				stopped <- p.failure()
			case <-watch.Done():
			}
		})
	}

	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return nil
	}
}

// Close stops everything, the last started first, and returns when no process
// is left. The emulator saves its state on the way.
func (s *Stack) Close() error {
	var errs []error

	if s.door != nil {
		errs = append(errs, s.door.close())
		s.door = nil
	}

	for _, p := range slices.Backward(s.processes) {
		errs = append(errs, p.stop())
	}

	s.processes = nil
	s.http.CloseIdleConnections()
	s.unlock()

	if s.temporary && s.options.State != "" {
		if err := os.RemoveAll(s.options.State); err != nil {
			errs = append(errs, fmt.Errorf("remove temporary state: %w", err))
		}
	}

	return errors.Join(errs...)
}
