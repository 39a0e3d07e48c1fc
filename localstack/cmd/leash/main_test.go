package main_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

// leashed starts a shell script on a leash and gives its output and what
// lets it go.
func leashed(t *testing.T, grace, script string) (*exec.Cmd, *bufio.Reader, io.Closer) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)

	leash := filepath.Join(t.TempDir(), "leash")

	build := exec.CommandContext(ctx, "go", "build", "-o", leash, ".")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build leash: %v\n%s", err, text)
	}

	command := exec.CommandContext(ctx, leash, grace, "sh", "-c", script)
	command.Stderr = os.Stderr

	held, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}

	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if err := command.Start(); err != nil {
		t.Fatal(err)
	}

	return command, bufio.NewReader(output), held
}

func line(t *testing.T, from *bufio.Reader) string {
	t.Helper()

	text, err := from.ReadString('\n')
	if err != nil {
		t.Fatalf("read line: %v", err)
	}

	return strings.TrimSpace(text)
}

func TestExitStatusIsTheCommands(t *testing.T) {
	t.Parallel()

	command, _, held := leashed(t, "1s", "exit 7")
	defer held.Close()

	var status *exec.ExitError
	if err := command.Wait(); !errors.As(err, &status) || status.ExitCode() != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
}

// The pipe ends when its holder closes it, and also when the holder is
// killed.
func TestCommandIsAskedToStopWhenItsHolderLetsGo(t *testing.T) {
	t.Parallel()

	command, output, held := leashed(t, "10s", `trap 'echo asked; exit 0' TERM; echo up; while :; do sleep 0.05; done`)

	if got := line(t, output); got != "up" {
		t.Fatalf("got %q, want up", got)
	}

	if err := held.Close(); err != nil {
		t.Fatal(err)
	}

	if got := line(t, output); got != "asked" {
		t.Errorf("got %q, want asked", got)
	}

	if err := command.Wait(); err != nil {
		t.Errorf("got %v, want exit status 0", err)
	}
}

// Neither a command that does not listen nor what it has started is left
// behind: both hold the pipe of the output open, so its end is theirs.
func TestWhatDoesNotStopIsKilledWithAllItStarted(t *testing.T) {
	t.Parallel()

	command, output, held := leashed(t, "100ms",
		`trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo up; while :; do sleep 1; done`)

	if got := line(t, output); got != "up" {
		t.Fatalf("got %q, want up", got)
	}

	if err := held.Close(); err != nil {
		t.Fatal(err)
	}

	if rest, err := io.ReadAll(output); err != nil || len(rest) > 0 {
		t.Errorf("got %q (%v), want the end of the output", rest, err)
	}

	if err := command.Wait(); err == nil {
		t.Error("got exit status 0 of a command that was killed")
	}
}

// A command that ends leaves nothing behind either.
func TestWhatIsLeftBehindIsKilled(t *testing.T) {
	t.Parallel()

	command, output, held := leashed(t, "10s", `(while :; do sleep 1; done) & echo done`)
	defer held.Close()

	if rest, err := io.ReadAll(output); err != nil || string(rest) != "done\n" {
		t.Errorf("got %q (%v), want done and the end of the output", rest, err)
	}

	if err := command.Wait(); err != nil {
		t.Errorf("got %v, want exit status 0", err)
	}
}
