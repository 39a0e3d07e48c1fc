// Leash runs a command that must not outlive whoever started it: when its
// standard input ends, which also happens when the starter is killed, the
// command is asked to stop (SIGTERM), and after a grace period it and all that
// it has started are killed.
//
// Usage: leash GRACE COMMAND [ARGUMENT...], with GRACE such as 10s.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "leash:", err)
	}

	os.Exit(code)
}

// run gives the command's exit status.
func run(args []string) (int, error) {
	if len(args) < 2 { //nolint:mnd // the grace period and a command
		return 2, errors.New("usage: leash GRACE COMMAND [ARGUMENT...]")
	}

	grace, err := time.ParseDuration(args[0])
	if err != nil {
		return 2, fmt.Errorf("read grace period: %w", err)
	}

	// Ctrl-C in a terminal reaches every process at once; who started this
	// one decides in what order things stop.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)

	//nolint:noctx // running what it is told is its purpose, for as long as stdin is open
	command := exec.Command(args[1], args[2:]...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	if err := command.Start(); err != nil {
		return 127, fmt.Errorf("start %s: %w", args[1], err)
	}

	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()

	err = hold(command.Process, ended, grace)

	// What the command started and left behind is in its process group.
	if killErr := syscall.Kill(-command.Process.Pid, syscall.SIGKILL); killErr != nil && !errors.Is(killErr, syscall.ESRCH) {
		return 1, fmt.Errorf("kill what %s left behind: %w", args[1], killErr)
	}

	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		return 1, fmt.Errorf("wait for %s: %w", args[1], err)
	}

	return command.ProcessState.ExitCode(), nil
}

// hold gives what the command ended with, having asked it to end when
// standard input did.
func hold(process *os.Process, ended <-chan error, grace time.Duration) error {
	released := make(chan struct{})

	go func() {
		defer close(released)

		// An error of stdin, like its end, means that nobody holds it.
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()

	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)

	select {
	case err := <-ended:
		return err
	case <-released:
	case <-asked:
	}

	if err := process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ask process %d to stop: %w", process.Pid, err)
	}

	select {
	case err := <-ended:
		return err
	case <-time.After(grace):
	}

	if err := syscall.Kill(-process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process group %d: %w", process.Pid, err)
	}

	return <-ended
}
