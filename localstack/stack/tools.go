package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// python is the oldest version that the pinned packages run on.
const pythonMajor, pythonMinor = 3, 10

// tools are the programs that are not written here, under .tools.
type tools struct {
	emulatorPython string
	speechPython   string
	ffmpeg         string
}

// Install installs what the local cloud is not written in, into .tools of the
// repository. Start does it too; tests of single parts need only this.
func Install(ctx context.Context, sayf func(format string, args ...any)) error {
	root, err := findRoot()
	if err != nil {
		return err
	}

	if err := errors.Join(checkPython(ctx), checkFolder(filepath.Join(root, ".tools")), checkDisk(root)); err != nil {
		return err
	}

	_, err = makeTools(ctx, root, sayf)

	return err
}

// makeTools installs what is missing or has another pin than last time, and
// waits while another run does so.
func makeTools(ctx context.Context, root string, sayf func(string, ...any)) (tools, error) {
	dir := filepath.Join(root, ".tools")

	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return tools{}, err
	}
	defer unlock()

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return makeVenv(ctx, filepath.Join(dir, "emulator"), filepath.Join(root, "localstack/emulator/requirements.txt"), sayf)
	})
	group.Go(func() error {
		return makeVenv(ctx, filepath.Join(dir, "speech"), filepath.Join(root, "localstack/speech/requirements.txt"), sayf)
	})

	if err := group.Wait(); err != nil {
		return tools{}, err
	}

	// The wheel carries one binary, named after its version and platform.
	pattern := filepath.Join(dir, "speech/lib/python3.*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*")

	binaries, err := filepath.Glob(pattern)
	if err != nil || len(binaries) != 1 {
		return tools{}, fmt.Errorf("find ffmpeg as %s: %d found (%w); delete .tools and run again",
			pattern, len(binaries), errors.Join(err, os.ErrNotExist))
	}

	return tools{
		emulatorPython: filepath.Join(dir, "emulator/bin/python"),
		speechPython:   filepath.Join(dir, "speech/bin/python"),
		ffmpeg:         binaries[0],
	}, nil
}

// makeVenv makes a Python environment of exactly the packages in
// requirements, whose hashes pip checks. It is left alone when it was made
// from the same requirements and the same Python.
func makeVenv(ctx context.Context, dir, requirements string, sayf func(string, ...any)) error {
	stamp, err := venvStamp(ctx, requirements)
	if err != nil {
		return err
	}

	stampFile := filepath.Join(dir, "made-from")
	if made, err := os.ReadFile(stampFile); err == nil && string(made) == stamp {
		return nil
	}

	sayf("Installing %s (once, with pinned hashes)", filepath.Base(dir))

	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove outdated %s: %w", dir, err)
	}

	if err := output(exec.CommandContext(ctx, "python3", "-m", "venv", dir)); err != nil {
		return fmt.Errorf("make Python environment %s: %w", dir, err)
	}

	pip := exec.CommandContext(ctx, filepath.Join(dir, "bin/python"), "-m", "pip", "install",
		"--quiet", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:",
		"--require-hashes", "--requirement", requirements)
	if err := output(pip); err != nil {
		return fmt.Errorf("install %s (is a Python package index in reach?): %w", requirements, err)
	}

	if err := os.WriteFile(stampFile, []byte(stamp), 0o600); err != nil {
		return fmt.Errorf("note what %s was made from: %w", dir, err)
	}

	return nil
}

func venvStamp(ctx context.Context, requirements string) (string, error) {
	pins, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("read pinned packages: %w", err)
	}

	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print(sys.executable, sys.version)").Output()
	if err != nil {
		return "", fmt.Errorf("ask python3 for its version: %w", err)
	}

	sum := sha256.Sum256(append(version, pins...))

	return hex.EncodeToString(sum[:]), nil
}

// output runs a command; its error holds what it wrote.
func output(command *exec.Cmd) error {
	text, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, text)
	}

	return nil
}

// lock takes a file lock, waiting for whoever has it; the system gives it
// back when the process ends, however it ends.
func lock(path string) (func(), error) { return flock(path, syscall.LOCK_EX) }

// lockOrFail takes a file lock that nobody else has.
func lockOrFail(path string) (func(), error) { return flock(path, syscall.LOCK_EX|syscall.LOCK_NB) }

func flock(path string, how int) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("make folder for lock: %w", err)
	}

	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}

	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}

	if err != nil {
		return nil, errors.Join(fmt.Errorf("take lock %s: %w", path, err), file.Close())
	}

	return func() { _ = file.Close() }, nil // closing it is what gives it back
}
