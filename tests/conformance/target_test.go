package conformance_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/awshttp"
)

// The targets that adapters are held to the suites on.
const (
	emulator      = "emulator"
	dynamodbLocal = "dynamodb-local"
	realAWS       = "aws"
)

// root is the repository; tests run in the folder of their package.
const root = "../.."

// scratch is a folder for this run's programs and logs.
var scratch string

// target is something that speaks AWS's protocols.
type target struct {
	name   string
	config aws.Config
	prefix string // of the names of everything that is made there
	local  bool   // everything at one address, gone when the run ends
}

// runs starts each target once and stops it at the end of all tests.
type runs struct {
	mu      sync.Mutex
	targets map[string]func() (target, error)
	started []*process
}

var running = &runs{targets: map[string]func() (target, error){}}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)

		code = 1
	}

	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "conformance")
	if err != nil {
		return 1, fmt.Errorf("make a folder for the run: %w", err)
	}

	scratch = dir
	code, err := runIn(m)

	return code, errors.Join(err, running.stop(), os.RemoveAll(scratch))
}

// runIn runs the tests with scratch in place.
func runIn(m *testing.M) (int, error) {
	build := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(scratch, "leash"),
		"./localstack/cmd/leash")
	build.Dir = root

	if text, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build localstack/cmd/leash: %w\n%s", err, text)
	}

	return m.Run(), nil
}

func (r *runs) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()

	var failures []error
	for _, started := range r.started {
		failures = append(failures, started.stop())
	}

	return errors.Join(failures...)
}

// get starts a target, or gives the one that runs.
func (r *runs) get(name string) (target, error) {
	r.mu.Lock()

	start, known := r.targets[name]
	if !known {
		start = sync.OnceValues(func() (target, error) { return r.start(name) })
		r.targets[name] = start
	}

	r.mu.Unlock()

	return start()
}

func (r *runs) start(name string) (target, error) {
	ctx := context.Background()
	prefix := "lapak-conformance-" + strings.ToLower(rand.Text()[:8])

	if name == realAWS {
		loaded, err := config.LoadDefaultConfig(ctx)
		loaded.HTTPClient = awshttp.Mend(loaded.HTTPClient)

		return target{name: name, config: loaded, prefix: prefix}, err
	}

	serve := serveEmulator
	if name == dynamodbLocal {
		serve = serveDynamoDBLocal
	}

	endpoint, started, err := serve(ctx)
	if started != nil {
		r.mu.Lock()
		r.started = append(r.started, started)
		r.mu.Unlock()
	}

	return target{
		name: name, prefix: prefix, local: true,
		config: aws.Config{
			Region:       "ap-southeast-3",
			BaseEndpoint: aws.String(endpoint),
			HTTPClient:   awshttp.Mend(nil),
			Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		},
	}, err
}

// on runs a test on each of the targets. LAPAK_CONFORMANCE lists those that
// must be there; without it the local ones run where their programs are.
func on(t *testing.T, names []string, test func(*testing.T, target)) {
	t.Helper()

	wanted := strings.FieldsFunc(os.Getenv("LAPAK_CONFORMANCE"), func(r rune) bool { return r == ',' })

	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			asked := slices.Contains(wanted, name)
			if !asked && (len(wanted) > 0 || name == realAWS) {
				t.Skipf("LAPAK_CONFORMANCE does not list %s", name)
			}

			running, err := running.get(name)
			if missing, ok := errors.AsType[*missingError](err); ok && !asked {
				t.Skip(missing)
			}

			require.NoError(t, err)
			test(t, running)
		})
	}
}

// missingError says which program a target lacks and how to come by it.
type missingError struct{ what string }

func (m *missingError) Error() string { return m.what }

// serveEmulator starts MiniStack with the mends of localstack/emulator.
func serveEmulator(ctx context.Context) (string, *process, error) {
	python, err := filepath.Abs(filepath.Join(root, ".tools/emulator/bin/python"))
	if err != nil {
		return "", nil, fmt.Errorf("find the emulator: %w", err)
	}

	if given := os.Getenv("LAPAK_EMULATOR_PYTHON"); given != "" {
		python = given
	}

	if _, err := os.Stat(python); err != nil {
		return "", nil, &missingError{"the emulator is not installed at " + python + ": `make tools` installs it"}
	}

	script, err := filepath.Abs(filepath.Join(root, "localstack/emulator/serve.py"))
	if err != nil {
		return "", nil, fmt.Errorf("find the emulator: %w", err)
	}

	port, err := freePort(ctx)
	if err != nil {
		return "", nil, err
	}

	endpoint := "http://127.0.0.1:" + port
	started, err := startProcess(ctx, emulator, endpoint, []string{
		"GATEWAY_PORT=" + port, "BIND_HOST=127.0.0.1", "MINISTACK_HOST=127.0.0.1", "MINISTACK_REGION=ap-southeast-3",
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "DOCKER_HOST=unix:///nonexistent", "TMPDIR=" + scratch,
	}, python, script)

	return endpoint, started, err
}
