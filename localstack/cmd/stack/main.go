// Stack runs Lapak's local cloud: `stack run` until it is stopped, `stack dev`
// with a bot of Telegram's own instead of the simulator, `stack
// smoke` from a voice message to its transcript, `stack reset` to forget what
// runs have kept, `stack tools` to install what a run needs and no more. The
// Makefile's targets call it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/lapak-id/lapak/localstack/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)

	err := dispatch(ctx, os.Args[1:])

	stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "✖", err)
		os.Exit(1)
	}
}

func dispatch(ctx context.Context, args []string) error {
	usage := errors.New("usage: stack run|dev|smoke|reset|tools [-help]")

	if len(args) == 0 {
		return usage
	}

	switch args[0] {
	case "run":
		return run(ctx, args[1:])
	case "dev":
		return dev(ctx, args[1:])
	case "smoke":
		return smoke(ctx, args[1:])
	case "reset":
		return forget(args[1:])
	case "tools":
		if err := stack.Install(ctx, sayf); err != nil {
			return fmt.Errorf("install tools: %w", err)
		}

		return nil
	default:
		return usage
	}
}

// forget removes the state that runs keep.
func forget(args []string) error {
	flags := flag.NewFlagSet("reset", flag.ContinueOnError)
	state := stateFlag(flags)

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}

	if err := stack.Forget(*state); err != nil {
		return fmt.Errorf("forget the state: %w", err)
	}

	fmt.Println("Forgot everything in", *state)

	return nil
}

func stateFlag(flags *flag.FlagSet) *string {
	return flags.String("state", ".local", "`folder` of what is kept between runs")
}
