package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

const (
	upWithin = 30 * time.Second
	grace    = 2 * time.Second
)

// process is a program held on a leash: it ends when this test process does,
// however that ends.
type process struct {
	leash io.Closer
	log   string
	ended chan error
}

// startProcess starts a program that serves HTTP at endpoint and waits until
// it answers.
func startProcess(ctx context.Context, name, endpoint string, env []string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(scratch, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", name, err)
	}

	//nolint:noctx // it ends by its leash
	command := exec.Command(filepath.Join(scratch, "leash"), append([]string{grace.String()}, args...)...)
	command.Env, command.Dir = append(os.Environ(), env...), scratch
	command.Stdout, command.Stderr = log, log

	leash, err := command.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the leash of %s: %w", name, err)
	}

	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}

	started := &process{leash: leash, log: log.Name(), ended: make(chan error, 1)}

	go func() { started.ended <- errors.Join(command.Wait(), log.Close()) }()

	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()

	return started, started.waitUntilUp(ctx, name, endpoint)
}

func (p *process) waitUntilUp(ctx context.Context, name, endpoint string) error {
	for !answers(ctx, endpoint) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w; its log is %s", name, ctx.Err(), p.log)
		case err := <-p.ended:
			text, _ := os.ReadFile(p.log)

			return fmt.Errorf("%s ended by itself (%w):\n%s", name, errors.Join(err, errEnded), text)
		case <-time.After(50 * time.Millisecond): //nolint:mnd // nothing signals that a foreign program is up
		}
	}

	return nil
}

var errEnded = errors.New("nobody asked it to")

func answers(ctx context.Context, endpoint string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return false
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}

	return response.Body.Close() == nil
}

// stop lets go of the program and waits until it has ended.
func (p *process) stop() error {
	if err := p.leash.Close(); err != nil {
		return fmt.Errorf("let go of the program that logs to %s: %w", p.log, err)
	}

	var status *exec.ExitError
	if err := <-p.ended; err != nil && !errors.As(err, &status) { // a status only tells that it was asked to stop
		return fmt.Errorf("stop the program that logs to %s: %w", p.log, err)
	}

	return nil
}

// freePort gives a port of the loopback address that nobody uses.
func freePort(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}

	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("find a free port: %w", net.UnknownNetworkError(listener.Addr().Network()))
	}

	return strconv.Itoa(address.Port), listener.Close()
}
