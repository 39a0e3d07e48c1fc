package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a program held on a leash: it ends when this one does, however
// this one ends.
type process struct {
	name  string
	leash io.Closer // closing it asks the program to stop
	log   string    // path of what it wrote

	ended chan struct{}
	err   error // set before ended is closed
}

// program says how to start a process.
type program struct {
	name  string
	args  []string
	env   []string      // all of its environment
	grace time.Duration // between being asked to stop and being killed
	lines func(string)  // called with each line of its standard output; nil: the log
}

// start starts a program whose output goes to a log file in dir.
func start(leash, dir string, p program) (*process, error) {
	log, err := os.Create(filepath.Join(dir, p.name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make log of %s: %w", p.name, err)
	}

	//nolint:noctx // programs of our own, which end by their leash and not by a context
	command := exec.Command(leash, append([]string{p.grace.String()}, p.args...)...)
	command.Env = p.env
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C in a terminal is for this process alone

	held, err := command.StdinPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make leash of %s: %w", p.name, err), log.Close())
	}

	var output io.ReadCloser
	if p.lines != nil {
		command.Stdout = nil

		if output, err = command.StdoutPipe(); err != nil {
			return nil, errors.Join(fmt.Errorf("read what %s writes: %w", p.name, err), log.Close())
		}
	}

	if err := command.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", p.name, err), log.Close())
	}

	started := &process{name: p.name, leash: held, log: log.Name(), ended: make(chan struct{})}

	go func() {
		defer close(started.ended)

		var readErr error
		if output != nil {
			readErr = eachLine(output, p.lines) // until all is read; Wait would close it before
		}

		started.err = errors.Join(command.Wait(), readErr, log.Close())
	}()

	return started, nil
}

// eachLine calls do with each line of a stream until its end. Lines may be of
// any length.
func eachLine(stream io.Reader, do func(string)) error {
	reader := bufio.NewReader(stream)

	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			do(strings.TrimSuffix(line, "\n"))
		}

		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return fmt.Errorf("read line: %w", err)
		}
	}
}

// stop asks the program to stop and waits until it has. It may be called
// twice.
func (p *process) stop() error {
	if err := p.leash.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("let go of %s: %w", p.name, err)
	}

	<-p.ended

	// A program that is asked to stop may say so by its status.
	var status *exec.ExitError
	if p.err != nil && !errors.As(p.err, &status) {
		return fmt.Errorf("stop %s: %w", p.name, p.err)
	}

	return nil
}

// failure says that the program ended by itself, with the end of its log.
func (p *process) failure() error {
	return fmt.Errorf("%s stopped by itself (%w); the end of %s:\n%s", p.name, errors.Join(p.err, errEnded), p.log, tail(p.log))
}

var errEnded = errors.New("nobody asked it to")

const tailSize = 2000 // bytes

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}

	return string(text[max(0, len(text)-tailSize):])
}

// waitUntilUp returns when the URL answers 200, or with an error when the
// process has ended or the context is done.
func (p *process) waitUntilUp(ctx context.Context, url string) error {
	const probeEvery = 50 * time.Millisecond

	tick := time.NewTicker(probeEvery)
	defer tick.Stop()

	for {
		if answers(ctx, url) {
			return nil
		}

		select {
		case <-p.ended:
			return p.failure()
		case <-ctx.Done():
			return fmt.Errorf("wait until %s answers at %s: %w; the end of %s:\n%s", p.name, url, ctx.Err(), p.log, tail(p.log))
		case <-tick.C:
		}
	}
}

func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}

	request.Close = true // nothing that outlives the question

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()

	return response.StatusCode == http.StatusOK
}
