package stack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// What a first run takes up: two Python environments, the build cache and the
// state.
const diskNeeded = 2 << 30 // bytes

// checkNeeds gives one error that names all that a run lacks.
func checkNeeds(ctx context.Context, root, state string) error {
	return errors.Join(
		checkPython(ctx),
		checkGo(),
		checkFolder(filepath.Join(root, ".tools")),
		checkFolder(filepath.Join(root, ".build")),
		checkFolder(state),
		checkDisk(root),
	)
}

func checkPython(ctx context.Context) error {
	path, err := exec.LookPath("python3")
	if err != nil {
		return fmt.Errorf("python3 is not installed; install Python %d.%d or newer: %w", pythonMajor, pythonMinor, err)
	}

	program := fmt.Sprintf("import sys; sys.exit(0 if sys.version_info >= (%d, %d) else 1)", pythonMajor, pythonMinor)
	if err := exec.CommandContext(ctx, path, "-c", program).Run(); err != nil {
		return fmt.Errorf("%s is older than Python %d.%d; install a newer one: %w", path, pythonMajor, pythonMinor, err)
	}

	// Debian splits these two off into the package python3-venv.
	if err := exec.CommandContext(ctx, path, "-c", "import venv, ensurepip").Run(); err != nil {
		return fmt.Errorf("%s has no venv module; on Debian and Ubuntu: apt install python3-venv: %w", path, err)
	}

	return nil
}

func checkGo() error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the go command is not in PATH: %w", err)
	}

	return nil
}

func checkFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}

	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("folder %s cannot be written; check whose it is: %w", dir, err)
	}

	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func checkDisk(dir string) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return fmt.Errorf("ask how much disk is free at %s: %w", dir, err)
	}

	free := disk.Bavail * uint64(disk.Bsize) //nolint:gosec // a block is never of negative size
	if free < diskNeeded {
		return fmt.Errorf("%s has %d MB of disk left, a run needs %d MB; free some", dir, free>>20, diskNeeded>>20)
	}

	return nil
}

// hold takes a port on loopback: the one asked for, or any free one for 0. It
// is the caller's to release.
func hold(ctx context.Context, what string, port int) (net.Listener, int, error) {
	if port == 0 {
		return holdFree(ctx, what)
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, 0, fmt.Errorf("port %d for %s is busy%s; stop that program or give %s another port: %w",
			port, what, holder(ctx, port), what, err)
	}

	return listener, port, nil
}

// holdFree takes a port below those that systems give to connections on their
// way out (Linux from 32768, macOS from 49152): no connection takes it between
// its choice and the start of its service.
func holdFree(ctx context.Context, what string) (net.Listener, int, error) {
	const (
		lowest, highest = 10_000, 32_767
		tries           = 100
	)

	var busy error

	for range tries {
		port := lowest + rand.IntN(highest-lowest)

		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener, port, nil
		}

		busy = err
	}

	return nil, 0, fmt.Errorf("find a free port for %s between %d and %d: %w", what, lowest, highest, busy)
}

// holder tells who listens on a port, where the system lets one know.
func holder(ctx context.Context, port int) string {
	program, err := exec.LookPath("lsof")
	if err == nil {
		lines, err := exec.CommandContext(ctx, program, "-nP", "-sTCP:LISTEN", "-Fpc", fmt.Sprintf("-iTCP:%d", port)).Output()
		if err == nil {
			return holderOfLsof(string(lines))
		}
	}

	pid, name := holderOfProc(port)
	if pid == "" {
		return ""
	}

	return fmt.Sprintf(" (held by %s, process %s)", name, pid)
}

// holderOfLsof reads lsof's -F output: p and the process, c and its command.
func holderOfLsof(lines string) string {
	var pid, name string

	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)

		switch {
		case strings.HasPrefix(line, "p"):
			pid = line[1:]
		case strings.HasPrefix(line, "c"):
			name = line[1:]
		}
	}

	if pid == "" {
		return ""
	}

	return fmt.Sprintf(" (held by %s, process %s)", name, pid)
}

// holderOfProc looks the listener up in Linux's /proc; empty where that is
// missing or closed to us.
func holderOfProc(port int) (string, string) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return "", ""
	}

	inode := listenerInode(string(table), port)
	if inode == "" {
		return "", ""
	}

	sockets, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return "", ""
	}

	for _, socket := range sockets {
		if target, err := os.Readlink(socket); err == nil && target == "socket:["+inode+"]" {
			pid := strings.Split(socket, "/")[2]

			name, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil {
				name = []byte("a program")
			}

			return pid, strings.TrimSpace(string(name))
		}
	}

	return "", ""
}

// listenerInode reads /proc/net/tcp: the socket in state LISTEN (0A) on the
// port.
func listenerInode(table string, port int) string {
	const stateField, inodeField = 3, 9

	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) > inodeField && fields[stateField] == "0A" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
			return fields[inodeField]
		}
	}

	return ""
}
