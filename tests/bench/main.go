// Command bench measures how the functions start and what they hold:
//
//   - webhook against a bare Go function with the same SDK client, both under a
//     Lambda Runtime API that is made here: cold and warm;
//   - download of 2 GB from a Telegram that speaks MTProto into an S3 that
//     keeps nothing, against a bare copy: memory and throughput;
//   - the preparation of media for speech providers: its speed against ffmpeg
//     alone, its memory at 3 h of sound.
//
// The figures are this machine's; trust the ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, os.Args[1:])

	stop()

	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, args []string) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	runs := flags.Int("n", 20, "cold starts of each function")
	invocations := flags.Int("warm", 100, "warm invocations after each cold start")
	download := flags.Int("download", 2000, "megabytes of the file that download fetches; 0: none")
	downloads := flags.Int("downloads", 3, "how often it fetches it")
	starts := flags.Bool("starts", true, "measure cold and warm starts")
	prepare := flags.Bool("media", true, "measure the preparation of media")
	lesson := flags.String(strings.TrimPrefix(held, "-"), "", "only prepare a file, and tell the memory that it took")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}

	if *lesson != "" {
		return prepareAndTell(ctx, *lesson)
	}

	if *runs < 1 || *invocations < 1 || *downloads < 1 || *download < 0 || *download > 4000 {
		return errors.New("-n, -warm and -downloads must be at least 1, -download 0 to 4000")
	}

	folder, err := os.MkdirTemp("", "lapak-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the binaries: %w", err)
	}

	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	if *starts {
		if err := compareStarts(ctx, folder, *runs, *invocations); err != nil {
			return err
		}
	}

	if *prepare {
		if err := measurePreparation(ctx, folder); err != nil {
			return err
		}
	}

	if *download == 0 {
		return nil
	}

	return measureDownloads(ctx, folder, int64(*download)*1_000_000, *downloads)
}

// build builds a function as it is built for AWS, but for this machine.
func build(ctx context.Context, folder, source string) (string, error) {
	binary := filepath.Join(folder, filepath.Base(source))
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-tags", "lambda.norpc,stdjson", "-o", binary, source)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")

	if output, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s (run this from the top of the repository): %w\n%s", source, err, output)
	}

	return binary, nil
}
