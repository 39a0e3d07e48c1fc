package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/ffmpeg"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	lessonLength  = 10 * time.Minute
	lessons       = 18 // 3 h
	speedRounds   = 3
	leastSpeed    = 0.9      // of plain ffmpeg
	mostMemory    = 256e6    // bytes
	providerBytes = 25 << 20 // of one call
)

// measurePreparation compares how fast media is made ready for providers with
// ffmpeg alone on the same file, and prints the most memory that the process
// which does so for 3 h of sound ever held, and the ffmpeg beside it.
func measurePreparation(ctx context.Context, folder string) error {
	program, err := ffmpegProgram()
	if err != nil {
		return err
	}

	lesson := filepath.Join(folder, "lesson.mp3")
	if err := makeLesson(ctx, program, lesson); err != nil {
		return err
	}

	fmt.Printf("\npreparation of %s of speech, MP3 at 64 kbit/s, best of %d\n", lessonLength, speedRounds)

	var plain, ours cost

	for range speedRounds { // by turns, so that both see the same noise
		if err := plain.measure(func() error { return plainly(ctx, program, lesson) }); err != nil {
			return err
		}

		if err := ours.measure(func() error {
			_, err := prepareFile(ctx, program, lesson, 1)

			return err
		}); err != nil {
			return err
		}
	}

	// By processor time: other work on the machine does not change it, and a
	// function has no more than a processor.
	speed := plain.processor.Seconds() / ours.processor.Seconds()
	fmt.Printf("  ffmpeg alone %6.2f s of processor, %6.2f s in all\n", plain.processor.Seconds(), plain.wall.Seconds())
	fmt.Printf("  preparation  %6.2f s of processor, %6.2f s in all, with probing and cutting: %.2f of the speed of ffmpeg alone\n",
		ours.processor.Seconds(), ours.wall.Seconds(), speed)

	if speed < leastSpeed {
		err = fmt.Errorf("preparation has %.2f of the speed of ffmpeg alone, less than %.1f", speed, leastSpeed)
	}

	return errors.Join(err, measureHeld(ctx, program, lesson), measureTranscription(ctx, folder, program, lesson))
}

// cost is the least that something took.
type cost struct{ processor, wall time.Duration }

func (c *cost) measure(run func() error) error {
	runtime.GC()

	before, err := processorTime()
	if err != nil {
		return err
	}

	began := time.Now()
	if err := run(); err != nil {
		return err
	}

	wall := time.Since(began)

	after, err := processorTime()
	if err != nil {
		return err
	}

	if c.wall == 0 || wall < c.wall {
		c.wall = wall
	}

	if c.processor == 0 || after-before < c.processor {
		c.processor = after - before
	}

	return nil
}

// processorTime is what this process and those that it has waited for have used.
func processorTime() (time.Duration, error) {
	var used time.Duration

	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if err := syscall.Getrusage(who, &usage); err != nil {
			return 0, fmt.Errorf("read the processor time: %w", err)
		}

		used += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}

	return used, nil
}

func ffmpegProgram() (string, error) {
	if program := os.Getenv("LAPAK_FFMPEG"); program != "" {
		return program, nil
	}

	found, err := filepath.Glob(".tools/speech/lib/python3*/site-packages/imageio_ffmpeg/binaries/ffmpeg-*")
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("find ffmpeg (run make tools from the top of the repository, or set LAPAK_FFMPEG): %w", err)
	}

	return filepath.Abs(found[0]) //nolint:wrapcheck // it says what it lacks
}

// makeLesson says the words of a sample again and again. The frames alone are
// kept, so that the file behind itself is one too.
func makeLesson(ctx context.Context, program, path string) error {
	output, err := exec.CommandContext(ctx, program, "-v", "error", "-stream_loop", "-1", "-i", "tests/media/voice-en.ogg",
		"-t", strconv.Itoa(int(lessonLength.Seconds())), "-ar", "44100", "-c:a", "libmp3lame", "-b:a", "64k",
		"-write_xing", "0", "-id3v2_version", "0", path).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make a lesson of speech: %w\n%s", err, output)
	}

	return nil
}

// plainly is what anybody would type.
func plainly(ctx context.Context, program, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the lesson: %w", err)
	}

	command := exec.CommandContext(ctx, program, "-v", "error", "-i", "pipe:0", "-vn", "-ac", "1", "-ar", "16000", "-c:a", "libopus",
		"-b:a", "32k", "-application", "voip", "-compression_level", "0", "-threads", "1", "-f", "ogg", "pipe:1")
	command.Stdin, command.Stdout = file, io.Discard

	if err := errors.Join(command.Run(), file.Close()); err != nil {
		return fmt.Errorf("run ffmpeg alone: %w", err)
	}

	return nil
}

// prepareFile prepares a file that follows itself so many times, and gives how
// long the parts are in all.
func prepareFile(ctx context.Context, program, path string, times int) (_ time.Duration, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the lesson: %w", err)
	}

	size := int64(len(content))
	media := transcript.Media{Size: size * int64(times), Open: func(_ context.Context, part blob.Range) (io.ReadCloser, error) {
		readers := []io.Reader{bytes.NewReader(content[part.Offset%size:])}
		for range times - int(part.Offset/size) - 1 {
			readers = append(readers, bytes.NewReader(content))
		}

		whole := io.MultiReader(readers...)
		if part.Length > 0 {
			whole = io.LimitReader(whole, part.Length)
		}

		return io.NopCloser(whole), nil
	}}

	work, err := ffmpeg.NewPreparer(program).Prepare(ctx, media, transcript.Bounds{Bytes: providerBytes}, 12*time.Hour)
	if err != nil {
		return 0, err
	}

	defer func() { err = errors.Join(err, work.Close()) }()

	length := time.Duration(0)

	for {
		part, err := work.Next(ctx)
		if errors.Is(err, io.EOF) {
			return length, nil
		}

		if err != nil {
			return 0, err
		}

		body, err := part.Open(ctx)
		if err != nil {
			return 0, err
		}

		if _, err := io.Copy(io.Discard, body); err != nil {
			return 0, fmt.Errorf("read part %d: %w", part.Number, err)
		}

		length += part.Length - part.Overlap
	}
}

// held is the flag with which bench runs itself, so that the memory of the
// preparation alone is seen.
const held = "-prepare"

func measureHeld(ctx context.Context, program, lesson string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}

	command := exec.CommandContext(ctx, self, held, lesson)
	command.Env = append(os.Environ(), "LAPAK_FFMPEG="+program)
	command.Stderr = os.Stderr

	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("prepare %d lessons in a process of its own: %w", lessons, err)
	}

	fields := strings.Fields(string(output))
	if len(fields) != 3 {
		return fmt.Errorf("prepare %d lessons in a process of its own: it said %q", lessons, output)
	}

	var figures [3]float64
	for at, field := range fields {
		if figures[at], err = strconv.ParseFloat(field, 64); err != nil {
			return fmt.Errorf("read what the preparation held: %w", err)
		}
	}

	fmt.Printf("\npeak memory of preparing %.2f h of speech\n  the process itself %6.1f MB\n  ffmpeg beside it   %6.1f MB\n",
		figures[0]/3600, figures[1]/1e6, figures[2]/1e6)

	if figures[1] > mostMemory {
		return fmt.Errorf("the preparation held %.1f MB, more than %.0f", figures[1]/1e6, mostMemory/1e6)
	}

	return nil
}

// prepareAndTell is what the process of its own does: seconds prepared, bytes
// that it held at most, bytes that ffmpeg did.
func prepareAndTell(ctx context.Context, lesson string) error {
	length, err := prepareFile(ctx, os.Getenv("LAPAK_FFMPEG"), lesson, lessons)
	if err != nil {
		return err
	}

	if missing := lessons*lessonLength - length; missing.Abs() > time.Minute {
		return errs.New(errs.Internal, "%s of %s were prepared", length, lessons*lessonLength)
	}

	own, err := peakMemory(os.Getpid())
	if err != nil {
		return err
	}

	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil {
		return fmt.Errorf("read the memory of ffmpeg: %w", err)
	}

	fmt.Println(length.Seconds(), own, children.Maxrss*1024)

	return nil
}
