package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

const (
	// The most that Telegram hands to a bot over HTTP.
	largestFile = 20_000_000
	startWithin = 10 * time.Minute // the first time, tools are installed
	workWithin  = 2 * time.Minute
)

// measureDownload sends a small and a large file through the local cloud and
// prints the most memory that the download function ever held.
func measureDownload(ctx context.Context) (err error) {
	fmt.Println("\nstarting a local cloud for the download function")

	events := make(chan stack.Event, 1024)
	startCtx, cancel := context.WithTimeout(ctx, startWithin)

	defer cancel()

	running, err := stack.Start(startCtx, stack.Options{OnEvent: func(event stack.Event) {
		if event.Function == "download" && event.Kind == stack.InvocationEnded {
			events <- event
		}
	}})
	if err != nil {
		return fmt.Errorf("start the local cloud: %w", err)
	}

	defer func() { err = errors.Join(err, running.Close()) }()

	if err := running.AddDemo(startCtx); err != nil {
		return fmt.Errorf("add the demo store: %w", err)
	}

	person := control.New(running.Telegram).As(stack.People()[2].ID, stack.Demo().BotID())
	if _, err := person.Start(ctx, ""); err != nil {
		return fmt.Errorf("press Start: %w", err)
	}

	fmt.Println("\npeak memory of the download function")

	for _, size := range []int{100_000, largestFile} {
		if err := send(ctx, person, size, events); err != nil {
			return fmt.Errorf("send a file of %d bytes: %w", size, err)
		}

		peak, err := peakOf(running.Processes("download"))
		if err != nil {
			return err
		}

		fmt.Printf("  after a file of %4.1f MB: %5.1f MB\n", megabytes(int64(size)), megabytes(peak))
	}

	return nil
}

// send sends a sound file of that many bytes and waits until it was downloaded.
func send(ctx context.Context, person control.Person, size int, ended <-chan stack.Event) error {
	_, err := person.File(ctx, control.Upload{
		Kind: "audio", Name: fmt.Sprintf("silence-%d.wav", size), MIME: "audio/wav", Content: silence(size),
	})
	if err != nil {
		return fmt.Errorf("upload it: %w", err)
	}

	select {
	case event := <-ended:
		if event.Failed {
			return errors.New("the download function failed; `make smoke` shows its logs")
		}

		return nil
	case <-time.After(workWithin):
		return fmt.Errorf("it was not downloaded within %s", workWithin)
	case <-ctx.Done():
		return fmt.Errorf("wait for the download: %w", ctx.Err())
	}
}

// silence is a WAV file of that many bytes, 44 of them its header.
func silence(size int) io.Reader {
	const (
		header = 44
		rate   = 16_000
		sample = 2
	)

	var wav bytes.Buffer

	wav.WriteString("RIFF")
	write(&wav, uint32(size-8)) //nolint:gosec // megabytes
	wav.WriteString("WAVEfmt ")
	write(&wav, uint32(16), uint16(1), uint16(1), uint32(rate), uint32(rate*sample), uint16(sample), uint16(8*sample))
	wav.WriteString("data")
	write(&wav, uint32(size-header)) //nolint:gosec // megabytes
	wav.Write(make([]byte, size-header))

	return &wav
}

func write(to *bytes.Buffer, values ...any) {
	for _, value := range values {
		if err := binary.Write(to, binary.LittleEndian, value); err != nil {
			panic(err) // a buffer takes all, and the values have fixed sizes
		}
	}
}

func peakOf(processes []int) (int64, error) {
	var most int64

	for _, process := range processes {
		peak, err := peakMemory(process)
		if err != nil {
			return 0, err
		}

		most = max(most, peak)
	}

	if most == 0 {
		return 0, errors.New("the download function has no process")
	}

	return most, nil
}

// peakMemory is the most main memory that a process ever held, in bytes.
func peakMemory(process int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d (this needs Linux): %w", process, err)
	}

	for line := range strings.Lines(string(status)) {
		value, found := strings.CutPrefix(line, "VmHWM:")
		if !found {
			continue
		}

		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the memory of process %d: %w", process, err)
		}

		return kilobytes * 1024, nil
	}

	return 0, fmt.Errorf("the system does not say how much memory process %d held", process)
}
