// Command telegram runs the Telegram simulator: the Bot API, the control API
// and the chat page on one address of the loopback interface.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lapak-id/lapak/localstack/loopback"
	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, os.Args[1:])

	stop()

	if err != nil {
		fmt.Fprintln(os.Stderr, "telegram:", err)
		os.Exit(1)
	}
}

// settings are what the flags, or the environment, say.
type settings struct {
	addr, mtproto, state, bot, users, hosts string
	strict, noLimits                        bool
}

func parse(args []string) (settings, error) {
	var s settings

	flags := flag.NewFlagSet("telegram", flag.ContinueOnError)
	flags.StringVar(&s.addr, "addr", env("TELEGRAM_ADDR", "127.0.0.1:8081"), "address to listen on; loopback only; port 0 takes a free one")
	flags.StringVar(&s.mtproto, "mtproto", env("TELEGRAM_MTPROTO", ""),
		"address to speak MTProto on, for files above 20 MB; loopback only; none speaks it not")
	flags.StringVar(&s.state, "state", env("TELEGRAM_STATE", ""), "folder that keeps people, bots, messages and files; none keeps nothing")
	flags.StringVar(&s.bot, "bot", env("TELEGRAM_BOT", ""), "bot to register, as token,username,name (the token is <id>:<secret>)")
	flags.StringVar(&s.users, "users", env("TELEGRAM_USERS", ""),
		"people to create if there are none, as id:name:language, separated by commas")
	flags.StringVar(&s.hosts, "host", env("TELEGRAM_HOSTS", ""), "further host names to answer to, separated by commas")
	flags.BoolVar(&s.strict, "strict", false, "refuse parameters that the Bot API does not know")
	flags.BoolVar(&s.noLimits, "no-limits", false, "switch the flood limits off")

	if err := flags.Parse(args); err != nil {
		return s, fmt.Errorf("read the flags: %w", err)
	}

	return s, nil
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}

	return otherwise
}

func run(ctx context.Context, out io.Writer, args []string) error {
	set, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}

	if err != nil {
		return err
	}

	listener, err := loopback.Listen(ctx, set.addr)
	if err != nil {
		return err
	}

	opts := telegram.Options{
		StateDir: set.state, Strict: set.strict, Hosts: strings.FieldsFunc(set.hosts, func(r rune) bool { return r == ',' }),
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if set.noLimits {
		opts.Limits = &control.Limits{}
	}

	simulator, err := telegram.New(opts) //nolint:contextcheck // Its life ends with Close.
	if err != nil {
		return errors.Join(fmt.Errorf("start the simulator: %w", err), listener.Close())
	}

	if err := speakMTProto(ctx, simulator, set.mtproto); err != nil {
		return errors.Join(err, listener.Close(), simulator.Close())
	}

	server := &http.Server{
		Handler: simulator, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	failed := make(chan error, 1)

	go func() { failed <- server.Serve(listener) }()

	address := "http://" + listener.Addr().String()

	if err := seed(ctx, control.New(address), set); err != nil {
		return errors.Join(err, server.Close(), simulator.Close())
	}

	fmt.Fprintf(out, "Telegram simulator: chat page and Bot API on %s\n", address)

	select {
	case err = <-failed:
		err = fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}

	return errors.Join(err, shutdown(context.WithoutCancel(ctx), server), simulator.Close())
}

func speakMTProto(ctx context.Context, simulator *telegram.Server, addr string) error {
	if addr == "" {
		return nil
	}

	listener, err := loopback.Listen(ctx, addr)
	if err != nil {
		return err
	}

	if err := simulator.SpeakMTProto(listener); err != nil {
		return fmt.Errorf("speak MTProto: %w", err)
	}

	return nil
}

func shutdown(ctx context.Context, server *http.Server) error {
	const patience = 2 * time.Second

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	if server.Shutdown(ctx) == nil {
		return nil
	}

	// The page's stream of events never ends by itself.
	if err := server.Close(); err != nil {
		return fmt.Errorf("close the server: %w", err)
	}

	return nil
}

// seed registers the bot and the people that the flags name.
func seed(ctx context.Context, client *control.Client, set settings) error {
	if set.bot != "" {
		token, rest, _ := strings.Cut(set.bot, ",")
		username, name, _ := strings.Cut(rest, ",")

		if _, err := client.CreateBot(ctx, control.Bot{Token: token, Username: username, FirstName: name}); err != nil {
			return fmt.Errorf("register the bot of -bot: %w", err)
		}
	}

	state, err := client.State(ctx)
	if err != nil {
		return fmt.Errorf("read the people: %w", err)
	}

	if len(state.Users) > 0 || set.users == "" {
		return nil
	}

	for one := range strings.SplitSeq(set.users, ",") {
		var person control.User

		id, rest, _ := strings.Cut(one, ":")
		person.FirstName, person.LanguageCode, _ = strings.Cut(rest, ":")

		if _, err := fmt.Sscan(id, &person.ID); err != nil {
			return fmt.Errorf("read -users: %q must begin with a number: %w", one, err)
		}

		if _, err := client.CreateUser(ctx, person); err != nil {
			return fmt.Errorf("create the person %q of -users: %w", one, err)
		}
	}

	return nil
}
