// Command pakasir runs the Pakasir simulator: API v2, the pay page and the
// control API on one address of the loopback interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lapak-id/lapak/localstack/loopback"
	"github.com/lapak-id/lapak/localstack/pakasir"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])

	stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "pakasir:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("pakasir", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8083", "address to listen on; loopback only; port 0 takes a free one")
	state := flags.String("state", "", "folder that keeps projects and transactions; none keeps nothing")

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}

	listener, err := loopback.Listen(ctx, *addr)
	if err != nil {
		return err
	}

	simulator, err := pakasir.New(pakasir.Options{State: *state})
	if err != nil {
		return errors.Join(err, listener.Close())
	}

	server := &http.Server{Handler: simulator, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)

	go func() { failed <- server.Serve(listener) }()

	fmt.Fprintf(out, "Pakasir simulator: API and pay page on http://%s\n", listener.Addr())

	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}

	return errors.Join(err, server.Close(), simulator.Close())
}
