package stack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	emulatorGrace  = 30 * time.Second // it writes its state to disk
	simulatorGrace = 5 * time.Second
	upWithin       = 30 * time.Second
)

// takeState makes the state this run's alone, and finds out whether the last
// run ended before it could save.
func (s *Stack) takeState() error {
	unlock, err := lockOrFail(filepath.Join(s.options.State, "lock"))
	if err != nil {
		return fmt.Errorf("another run uses the state in %s; stop it, or give this one a state of its own: %w", s.options.State, err)
	}

	s.unlock = unlock

	for _, dir := range []string{"emulator", "objects", "telegram", "pakasir", "tmp", "log"} {
		if err := os.MkdirAll(filepath.Join(s.options.State, dir), 0o750); err != nil {
			return fmt.Errorf("make folder for state: %w", err)
		}
	}

	if s.LostState, err = lostState(s.options.State); err != nil {
		return err
	}

	if s.LostState {
		s.options.Sayf("The last run was cut off before it saved: what it did is forgotten, what was there before it is kept")
	}

	if err := os.WriteFile(s.startedFile(), nil, 0o600); err != nil {
		return fmt.Errorf("note the start of this run: %w", err)
	}

	return nil
}

// Forget removes a state that no run uses.
func Forget(state string) error {
	if _, err := os.Stat(state); errors.Is(err, os.ErrNotExist) {
		return nil
	}

	unlock, err := lockOrFail(filepath.Join(state, "lock"))
	if err != nil {
		return fmt.Errorf("a run uses the state in %s; stop it first: %w", state, err)
	}
	defer unlock()

	if err := os.RemoveAll(state); err != nil {
		return fmt.Errorf("remove state: %w", err)
	}

	return nil
}

func (s *Stack) startedFile() string { return filepath.Join(s.options.State, "started") }

// lostState compares when the last run started with when the emulator last
// saved, which it does at its end.
func lostState(state string) (bool, error) {
	started, err := os.Stat(filepath.Join(state, "started"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}

	if err != nil {
		return false, fmt.Errorf("find out when the last run started: %w", err)
	}

	saved, err := os.Stat(filepath.Join(state, "emulator", "cloudformation.json"))
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}

	if err != nil {
		return false, fmt.Errorf("find out when the last run saved: %w", err)
	}

	return saved.ModTime().Before(started.ModTime()), nil
}

// service is a program that answers at an address when it is up.
type service struct {
	program program
	up      string
}

// startProcesses starts the emulator and the simulators and waits until each
// answers.
func (s *Stack) startProcesses(ctx context.Context, installed tools) error {
	s.Endpoint = cmp.Or(s.options.Endpoint, loopback(s.ports.Emulator))
	s.Telegram, s.Speech, s.Pakasir = loopback(s.ports.Telegram), loopback(s.ports.Speech), loopback(s.ports.Pakasir)

	ctx, cancel := context.WithTimeout(ctx, upWithin)
	defer cancel()

	group, ctx := errgroup.WithContext(ctx)

	services := []service{
		{s.telegram(s.ports.Telegram, s.ports.MTProto), s.Telegram + "/control/state"},
		{s.speech(installed, s.ports.Speech), s.Speech + "/control/health"},
		{s.pakasir(s.ports.Pakasir), s.Pakasir + "/control/state"},
	}
	if s.options.Endpoint == "" {
		services = append([]service{{s.emulator(installed, s.ports.Emulator), s.Endpoint + "/_ministack/health"}}, services...)
	}

	for _, service := range services {
		started, err := start(filepath.Join(s.programs, "leash"), filepath.Join(s.options.State, "log"), service.program)
		if err != nil {
			return err
		}

		s.processes = append(s.processes, started)

		group.Go(func() error { return started.waitUntilUp(ctx, service.up) })
	}

	return group.Wait()
}

// ports are where a state was served last.
type ports struct {
	Emulator int `json:"emulator"`
	Telegram int `json:"telegram"`
	MTProto  int `json:"mtproto"`
	Speech   int `json:"speech"`
	Pakasir  int `json:"pakasir"`
}

// choosePorts gives the ports asked for, else those of the last run, else any
// that are free, and notes them for the next run.
func (s *Stack) choosePorts(ctx context.Context) (ports, error) {
	file := filepath.Join(s.options.State, "ports.json")

	var last ports

	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &last)
	}

	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return ports{}, fmt.Errorf("read the ports of the last run from %s: %w", file, err)
	}

	asked := s.options.EmulatorPort
	// The emulator's queues are known by addresses that hold its port.
	if asked != 0 && last.Emulator != 0 && asked != last.Emulator {
		return ports{}, fmt.Errorf("the state in %s belongs to port %d of the AWS emulator, not to %d; use that port, or forget the state",
			s.options.State, last.Emulator, asked)
	}

	var (
		chosen ports
		held   []net.Listener // until all are chosen, so that none is chosen twice
	)

	defer func() {
		for _, listener := range held {
			listener.Close() //nolint:errcheck // nothing was sent on it
		}
	}()

	for _, service := range []struct {
		name string
		port int
		into *int
	}{
		{"the AWS emulator", cmp.Or(asked, last.Emulator), &chosen.Emulator},
		{"the Telegram simulator", cmp.Or(s.options.TelegramPort, last.Telegram), &chosen.Telegram},
		{"MTProto", cmp.Or(s.options.MTProtoPort, last.MTProto), &chosen.MTProto},
		{"the speech recognition", cmp.Or(s.options.SpeechPort, last.Speech), &chosen.Speech},
		{"the payment gateway", cmp.Or(s.options.PakasirPort, last.Pakasir), &chosen.Pakasir},
	} {
		listener, port, err := hold(ctx, service.name, service.port)
		if err != nil {
			return ports{}, err
		}

		held = append(held, listener)
		*service.into = port
	}

	if text, err = json.Marshal(chosen); err != nil {
		return ports{}, fmt.Errorf("note the ports: %w", err)
	}

	if err := os.WriteFile(file, text, 0o600); err != nil {
		return ports{}, fmt.Errorf("note the ports: %w", err)
	}

	return chosen, nil
}

func loopback(port int) string { return "http://127.0.0.1:" + strconv.Itoa(port) }

// emulator is MiniStack behind emulator/serve.py. Its environment is also that
// of the functions, so it holds no more than they would have on AWS.
func (s *Stack) emulator(installed tools, port int) program {
	return program{
		name:  "emulator",
		args:  []string{installed.emulatorPython, filepath.Join(s.options.Root, "localstack/emulator/serve.py")},
		grace: emulatorGrace,
		lines: s.heard,
		env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + s.options.State,
			"TMPDIR=" + filepath.Join(s.options.State, "tmp"),
			"PYTHONUNBUFFERED=1",
			"GATEWAY_PORT=" + strconv.Itoa(port),
			"BIND_HOST=127.0.0.1",
			"MINISTACK_HOST=127.0.0.1",
			"MINISTACK_REGION=" + region,
			"PERSIST_STATE=1",
			"STATE_DIR=" + filepath.Join(s.options.State, "emulator"),
			"S3_PERSIST=1",
			"S3_DATA_DIR=" + filepath.Join(s.options.State, "objects"),
			// Servers of other protocols that it would start on ports of their own.
			"IOT_MTLS_ENABLED=0",
			"SFTP_ENABLED=0",
			// It would look for a Docker daemon, and run functions there.
			"DOCKER_HOST=unix:///nonexistent",
		},
	}
}

func (s *Stack) telegram(port, mtproto int) program {
	return program{
		name: "telegram",
		args: []string{
			filepath.Join(s.programs, "telegram"),
			"-addr", "127.0.0.1:" + strconv.Itoa(port),
			"-mtproto", "127.0.0.1:" + strconv.Itoa(mtproto),
			"-state", filepath.Join(s.options.State, "telegram"),
		},
		grace: simulatorGrace,
		env:   []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(s.options.State, "tmp")},
	}
}

func (s *Stack) pakasir(port int) program {
	return program{
		name: "pakasir",
		args: []string{
			filepath.Join(s.programs, "pakasir"),
			"-addr", "127.0.0.1:" + strconv.Itoa(port),
			"-state", filepath.Join(s.options.State, "pakasir"),
		},
		grace: simulatorGrace,
		env:   []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(s.options.State, "tmp")},
	}
}

func (s *Stack) speech(installed tools, port int) program {
	return program{
		name:  "speech",
		args:  []string{installed.speechPython, filepath.Join(s.options.Root, "localstack/speech/serve.py"), "--port", strconv.Itoa(port)},
		grace: simulatorGrace,
		env: []string{
			"PATH=" + os.Getenv("PATH"),
			"HOME=" + s.options.State,
			"TMPDIR=" + filepath.Join(s.options.State, "tmp"),
			"PYTHONUNBUFFERED=1",
		},
	}
}
