package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/tests/media"
)

const (
	startWithin  = 10 * time.Minute // the first time, tools are installed
	answerWithin = time.Minute
	errorsUpTo   = 0.10 // share of words
)

// smoke runs a local cloud of its own and sends a voice message through it.
func smoke(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("smoke", flag.ContinueOnError)
	repeat := flags.Duration("for", 0, "go on sending for this `time`; 0 sends one message")
	verbose := flags.Bool("v", false, "print the functions' logs")

	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read flags: %w", err)
	}

	journal := &journal{}
	printer := stack.NewPrinter(os.Stdout, coloured())
	options := stack.Options{
		Sayf: sayf,
		OnEvent: func(event stack.Event) {
			journal.add(event)

			if *verbose {
				printer.Print(event)
			}
		},
	}

	startCtx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()

	running, err := stack.Start(startCtx, options)
	if err != nil {
		return fmt.Errorf("start the local cloud: %w", err)
	}

	err = running.AddDemo(startCtx)
	if err == nil {
		err = talk(ctx, running, journal, *repeat)
	}

	if err != nil {
		printLogs(journal, printer)
	}

	if closeErr := running.Close(); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("stop the local cloud: %w", closeErr))
	}

	return err
}

// talk sends the sample voice message as a user would, once or for a while.
func talk(ctx context.Context, running *stack.Stack, journal *journal, repeat time.Duration) error {
	emma := control.New(running.Telegram).As(stack.People()[2].ID, stack.Demo().BotID())
	if err := greet(ctx, emma); err != nil {
		return err
	}

	sayf("The bot has welcomed Emma")

	const sample = "voice-en.ogg"

	voice, err := media.Files.ReadFile(sample)
	if err != nil {
		return fmt.Errorf("read the sample: %w", err)
	}

	spoken, err := media.Said(sample)
	if err != nil {
		return fmt.Errorf("read what the sample says: %w", err)
	}

	conversation := &conversation{running: running, person: emma, journal: journal, voice: voice, spoken: spoken}
	if repeat == 0 {
		return conversation.once(ctx)
	}

	return conversation.goOn(ctx, repeat)
}

// greet presses Start and waits for the welcome.
func greet(ctx context.Context, person control.Person) error {
	hello, err := person.Start(ctx, "")
	if err != nil {
		return fmt.Errorf("press Start: %w", err)
	}

	if _, err := person.Wait(ctx, control.Condition{After: hello.Seq, Timeout: answerWithin}); err != nil {
		return fmt.Errorf("wait for the welcome: %w", err)
	}

	return nil
}

type conversation struct {
	running *stack.Stack
	person  control.Person
	journal *journal
	voice   []byte
	spoken  string
}

// once sends the voice message and prints what came back and how long each
// stage took.
func (c *conversation) once(ctx context.Context) error {
	sent := time.Now()

	text, err := c.exchange(ctx)
	if err != nil {
		return err
	}

	took := time.Since(sent)
	wrong := media.WordErrorRate(c.spoken, text)

	fmt.Printf("\n  said   %s\n  heard  %s\n  word error rate %.1f %%, %s from sending to reading\n\n",
		strings.TrimSpace(c.spoken), strings.TrimSpace(text), 100*wrong, took.Round(time.Millisecond))
	c.journal.printStages(sent)

	if wrong >= errorsUpTo {
		return fmt.Errorf("the words are not right: word error rate %.1f %%, want less than %.0f %%", 100*wrong, 100*errorsUpTo)
	}

	fmt.Println("✔ A voice message in, its transcript out.")

	return nil
}

// What the bot's own limits leave to be used: a person 20 requests at once, a
// store 100 a minute. An exchange takes two.
const (
	exchangesEach = 8
	exchangeEvery = 1500 * time.Millisecond
)

// goOn exchanges messages until the time is over, with ever new people. All but
// the first come from the transcript cache, so it loads everything but speech
// recognition.
func (c *conversation) goOn(ctx context.Context, repeat time.Duration) error {
	const reportEvery = time.Minute

	var took []time.Duration

	pace := time.NewTicker(exchangeEvery)
	defer pace.Stop()

	until, report := time.Now().Add(repeat), time.Now().Add(reportEvery)

	for time.Now().Before(until) && ctx.Err() == nil {
		<-pace.C

		if len(took)%exchangesEach == 0 {
			if err := c.invite(ctx, len(took)/exchangesEach); err != nil {
				return fmt.Errorf("exchange %d: %w", len(took)+1, err)
			}
		}

		began := time.Now()

		text, err := c.exchange(ctx)
		if err != nil {
			return fmt.Errorf("exchange %d: %w", len(took)+1, err)
		}

		if wrong := media.WordErrorRate(c.spoken, text); wrong >= errorsUpTo {
			return fmt.Errorf("exchange %d: word error rate %.1f %%: %s", len(took)+1, 100*wrong, text)
		}

		took = append(took, time.Since(began))

		if time.Now().After(report) {
			report = report.Add(reportEvery)

			c.report(took)
		}
	}

	c.report(took)

	return nil
}

// invite lets a new person go on with the conversation.
func (c *conversation) invite(ctx context.Context, number int) error {
	people := control.New(c.running.Telegram)

	user, err := people.CreateUser(ctx, control.User{FirstName: fmt.Sprintf("Guest %d", number), LanguageCode: "en"})
	if err != nil {
		return fmt.Errorf("invite a person: %w", err)
	}

	c.person = people.As(user.ID, stack.Demo().BotID())

	return greet(ctx, c.person)
}

func (c *conversation) report(took []time.Duration) {
	if len(took) == 0 {
		return
	}

	sorted := slices.Sorted(slices.Values(took))
	sayf("%d exchanges, median %s, slowest %s, memory of the functions %d MB", len(sorted),
		sorted[len(sorted)/2].Round(time.Millisecond), sorted[len(sorted)-1].Round(time.Millisecond), c.running.Memory()>>20)
}

// exchange sends the voice message, waits for its transcript and gives the
// text file's content.
func (c *conversation) exchange(ctx context.Context) (string, error) {
	const button = "📄"

	voice, err := c.person.File(ctx, control.Upload{Kind: "voice", Name: "voice.ogg", MIME: "audio/ogg", Content: bytes.NewReader(c.voice)})
	if err != nil {
		return "", fmt.Errorf("send the voice message: %w", err)
	}

	result, err := c.person.Wait(ctx, control.Condition{After: voice.Seq, Button: button, Timeout: answerWithin})
	if err != nil {
		return "", fmt.Errorf("wait for the transcript: %w", err)
	}

	if _, err := c.person.PressText(ctx, result.ID, button, answerWithin); err != nil {
		return "", fmt.Errorf("ask for the text file: %w", err)
	}

	file, err := c.person.Wait(ctx, control.Condition{After: result.Seq, Kind: "document", Timeout: answerWithin})
	if err != nil {
		return "", fmt.Errorf("wait for the text file: %w", err)
	}

	text, err := control.New(c.running.Telegram).Download(ctx, file.File)
	if err != nil {
		return "", fmt.Errorf("download the text file: %w", err)
	}

	return string(text), nil
}

// journal keeps what the functions did.
type journal struct {
	mu     sync.Mutex
	events []stack.Event
}

func (j *journal) add(event stack.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()

	j.events = append(j.events, event)
}

func (j *journal) all() []stack.Event {
	j.mu.Lock()
	defer j.mu.Unlock()

	return slices.Clone(j.events)
}

// printStages prints, in the order of the way of a message, when each function
// began after the message was sent and how long it was at work.
func (j *journal) printStages(sent time.Time) {
	fmt.Printf("  %-11s %9s %11s %9s\n", "stage", "began", "invocations", "worked")

	for _, function := range []string{"webhook", "bot", "relay", "download", "transcribe", "deliver"} {
		var (
			began  time.Time
			count  int
			worked time.Duration
		)

		for _, event := range j.all() {
			if event.Function != function || event.Time.Before(sent) {
				continue
			}

			switch event.Kind {
			case stack.InvocationStarted:
				if began.IsZero() {
					began = event.Time
				}
			case stack.InvocationEnded:
				count++
				worked += event.Duration
			case stack.ProcessStarted, stack.ProcessWrote, stack.ProcessExited:
			}
		}

		if count > 0 {
			fmt.Printf("  %-11s %9s %11d %9s\n", function,
				"+"+began.Sub(sent).Round(time.Millisecond).String(), count, worked.Round(time.Millisecond))
		}
	}

	fmt.Println()
}

// printLogs shows what the functions said before something went wrong.
func printLogs(journal *journal, printer *stack.Printer) {
	sayf("What the functions logged:")

	for _, event := range journal.all() {
		printer.Print(event)
	}
}
