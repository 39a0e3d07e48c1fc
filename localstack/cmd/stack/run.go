package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
)

// run runs the local cloud until the context is done.
func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	options := stack.Options{Sayf: sayf}

	state := stateFlag(flags)
	flags.StringVar(&options.Endpoint, "endpoint", "", "`address` of an AWS API that runs already, such as LocalStack's")
	flags.IntVar(&options.EmulatorPort, "emulator-port", 4566, "`port` of the AWS API on 127.0.0.1")
	flags.IntVar(&options.TelegramPort, "telegram-port", 8081, "`port` of the Bot API and the chat page on 127.0.0.1")
	flags.IntVar(&options.MTProtoPort, "mtproto-port", 0, "`port` of MTProto, for files above 20 MB, on 127.0.0.1; 0 is any that is free")
	flags.IntVar(&options.SpeechPort, "speech-port", 8082, "`port` of the speech recognition on 127.0.0.1")
	flags.IntVar(&options.PakasirPort, "pakasir-port", 8083, "`port` of the payment gateway and its pay page on 127.0.0.1")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}

	options.State = *state
	options.OnEvent = stack.NewPrinter(os.Stdout, coloured()).Print

	began := time.Now()

	running, err := stack.Start(ctx, options)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("stopped before it was up")
		}

		return fmt.Errorf("start the local cloud: %w", err)
	}

	err = serve(ctx, running, began, options.Endpoint != "")

	sayf("Stopping, and saving for the next run …")

	if closeErr := running.Close(); closeErr != nil {
		return errors.Join(err, fmt.Errorf("stop the local cloud: %w", closeErr))
	}

	sayf("Stopped")

	return err
}

func serve(ctx context.Context, running *stack.Stack, began time.Time, elsewhere bool) error {
	logs := "Logs of all functions follow."
	if elsewhere {
		logs = "Logs of the functions are in CloudWatch Logs there."
	}

	if err := running.AddDemo(ctx); err != nil {
		return fmt.Errorf("add the demo store: %w", err)
	}

	fmt.Printf(`
  Chat page   %s
  Pay page    %s
  Webhook     %s
  AWS         AWS_ENDPOINT_URL=%s (any key, region ap-southeast-3)
  Speech      %s

Up in %s. Ctrl-C stops it; what is there is kept for the next run. %s

`, running.Telegram, running.Pakasir, running.WebhookURL(stack.Demo().ID), running.Endpoint, running.Speech,
		time.Since(began).Round(100*time.Millisecond), logs)

	if err := running.Wait(ctx); err != nil {
		return fmt.Errorf("run the local cloud: %w", err)
	}

	return nil
}

func sayf(format string, args ...any) { fmt.Printf("› "+format+"\n", args...) }

// coloured is whether to write colours: to a terminal, unless NO_COLOR is set
// (https://no-color.org).
func coloured() bool {
	if os.Getenv("NO_COLOR") != "" {
		return false
	}

	info, err := os.Stdout.Stat()

	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
