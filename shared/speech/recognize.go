package speech

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/transcript"
)

// patience is how long a part waits for a provider that is merely busy. More
// is worth giving the whole job back: the queue waits at no cost.
const patience = 20 * time.Second

// Lost marks an error behind which the provider may have heard, and billed,
// the audio: no answer came, or one that makes no sense.
func Lost(err error) error { return lostError{err} }

type lostError struct{ error }

// Unwrap gives the cause.
func (l lostError) Unwrap() error { return l.error }

// Recognize implements transcript.Speech.
func (s *Speech) Recognize(ctx context.Context, ask transcript.Ask) (transcript.Transcript, []transcript.Attempt, error) {
	choices, err := s.choose(ctx, ask.Store, ask.Options)
	if err != nil {
		return transcript.Transcript{}, nil, err
	}

	asking := &inquiry{Speech: s, part: ask.Part, refusals: map[string]error{}}

	if choices = carriers(choices, ask.Part); len(choices) == 0 { // the next try asks for the bounds again
		return transcript.Transcript{}, nil, errs.New(errs.Unavailable,
			"no speech provider that is set up takes a part of %d bytes: it was made when others were", ask.Part.Size)
	}

	until := s.clock.Now().Add(patience)

	for {
		heard, err := asking.round(ctx, choices)
		if err == nil || !errs.Is(err, errs.Limited) {
			return heard, asking.attempts, err
		}

		wait := errs.RetryAfter(err)
		if s.clock.Now().Add(wait).After(until) || pause(ctx, wait) != nil {
			return heard, asking.attempts, err
		}
	}
}

// pause waits, or gives why ctx has ended before.
func pause(ctx context.Context, wait time.Duration) error {
	if !clock.Pause(ctx, wait) {
		return errs.Wrap(context.Cause(ctx), errs.Unavailable, "wait for a speech provider")
	}

	return nil
}

// carriers keeps the choices whose provider takes a part of this size.
func carriers(choices []choice, part transcript.Part) []choice {
	var able []choice

	for _, c := range choices {
		if part.Size <= c.model.Bytes || part.Link != nil && part.Size <= c.model.LinkBytes {
			able = append(able, c)
		}
	}

	return able
}

// inquiry is the search for one provider that hears a part.
type inquiry struct {
	*Speech

	part     transcript.Part
	attempts []transcript.Attempt
	refusals map[string]error // by provider: why it cannot hear this part
}

// round asks one provider after the other, until one has heard the part, two
// say that it cannot be heard, or none is left. The error says what the next
// round may hope for: Limited with a time to wait where somebody is merely
// busy.
func (i *inquiry) round(ctx context.Context, choices []choice) (transcript.Transcript, error) {
	var busy error               // of the one that is free again first
	failed := map[string]error{} // by provider
	queue := slices.Clone(choices)

	for index := 0; index < len(queue); index++ {
		c := queue[index]
		if provider := c.provider.Name(); failed[provider] != nil || i.refusals[provider] != nil {
			continue
		}

		if wait := i.health.paused(c); wait > 0 {
			busy = sooner(busy, errs.New(errs.Limited, "%s wants to be left alone for %s more", c.name(), wait).After(wait))

			continue
		}

		// Who has been failing comes last. Asked it is all the same, for there
		// may be no other.
		if index < len(choices) && !i.health.breaker(c).TryAcquirePermit() {
			queue = append(queue, c)

			continue
		}

		heard, err := i.ask(ctx, c)

		switch code := errs.CodeOf(err); {
		case err == nil:
			return heard, nil
		case ctx.Err() != nil || errors.Is(err, errUnreadable):
			return transcript.Transcript{}, err
		case code == errs.Limited:
			busy = sooner(busy, err)
		case code == errs.Invalid:
			i.refusals[c.provider.Name()] = err
			if len(i.refusals) > 1 {
				return transcript.Transcript{}, err
			}
		default:
			failed[c.provider.Name()] = err
		}
	}

	return transcript.Transcript{}, i.outcome(busy, failed)
}

// sooner gives the one of two errors after which another try is due first.
func sooner(first, second error) error {
	if first != nil && errs.RetryAfter(first) <= errs.RetryAfter(second) {
		return first
	}

	return second
}

// outcome is why nobody has heard the part: that somebody is busy, else that
// somebody failed, else that somebody could not hear it.
func (i *inquiry) outcome(busy error, failed map[string]error) error {
	if busy != nil {
		return errs.Context(busy, "no speech provider is free for part %d", i.part.Number)
	}

	code, all := errs.Internal, make([]error, 0, len(failed))

	for _, err := range failed {
		if errs.Is(err, errs.Unavailable) {
			code = errs.Unavailable
		}

		all = append(all, err)
	}

	if len(all) > 0 {
		return errs.Wrap(errors.Join(all...), code, "no speech provider has heard part %d", i.part.Number)
	}

	for _, err := range i.refusals {
		return err // there is one
	}

	return errs.New(errs.Internal, "no speech provider was asked for part %d", i.part.Number)
}

// ask asks one model, with the other key where the first one is refused.
func (i *inquiry) ask(ctx context.Context, c choice) (transcript.Transcript, error) {
	var (
		heard transcript.Transcript
		err   error
	)

	for _, key := range i.health.keys(c) {
		heard, err = i.call(ctx, c, key)
		if !errs.Is(err, errs.Unauthorized) {
			break
		}

		if key == c.keys.Current {
			i.health.refuse(c)
		}

		slog.WarnContext(ctx, "a key of a speech provider was refused", "key", c.keyName, "current", key == c.keys.Current, "error", err)
	}

	return heard, i.learn(ctx, c, err)
}

// learn keeps in mind how a provider has done, and gives what that means here.
func (i *inquiry) learn(ctx context.Context, c choice, err error) error {
	breaker := i.health.breaker(c)

	switch code := errs.CodeOf(err); {
	case err == nil || code == errs.Invalid && !errors.Is(err, errUnreadable):
		breaker.RecordSuccess()

		if !breaker.IsClosed() { // it was asked although it had been failing
			breaker.Close()
		}

		return err
	case ctx.Err() != nil || errors.Is(err, errUnreadable): // says nothing about the provider
		if breaker.IsHalfOpen() { // whose trial is over, without a result
			breaker.RecordFailure()
		}

		return err
	case code == errs.Limited:
		breaker.RecordSuccess()

		wait := cmp.Or(errs.RetryAfter(err), pauseUnknown)
		i.health.pause(c, wait)

		return errs.Wrap(err, errs.Limited, "%s is busy", c.name()).After(wait)
	case code == errs.Unauthorized:
		breaker.RecordFailure()
		slog.ErrorContext(ctx, "speech provider refuses every key: set a valid one with ctl provider set",
			"provider", c.provider.Name(), "key", c.keyName, "error", err)

		return errs.Wrap(err, errs.Internal, "%s refuses the key %s (set another with: ctl provider set %s)",
			c.name(), c.keyName, c.provider.Name())
	default:
		breaker.RecordFailure()
		slog.WarnContext(ctx, "speech provider failed", "provider", c.provider.Name(), "model", c.model.Name, "error", err)

		return errs.Context(err, "%s failed", c.name())
	}
}

// errUnreadable marks a failure to read the audio, which no other provider
// would help.
var errUnreadable = errors.New("the audio cannot be read")

// call makes one call, and accounts for it.
func (i *inquiry) call(ctx context.Context, c choice, key secret.Value) (transcript.Transcript, error) {
	question := c.question
	question.Part = i.part

	source := &source{open: i.part.Open}
	question.Part.Open = source.Open

	if i.part.Size > c.model.Bytes {
		link, err := i.part.Link(ctx)
		if err != nil {
			return transcript.Transcript{}, unreadable(err)
		}

		question.Link = link
	}

	within, cancel := ctx, context.CancelFunc(func() {})
	if i.part.Length > 0 {
		within, cancel = context.WithTimeout(ctx, i.settings.Timeout+i.part.Length)
	}
	defer cancel()

	started := i.clock.Now()
	heard, err := c.provider.Hear(within, key, question)
	took := i.clock.Now().Sub(started)

	timedOut := within.Err() != nil && ctx.Err() == nil
	if broken := source.broken(); broken != nil && err != nil && !timedOut {
		err = unreadable(broken)
	}

	sent := question.Link != "" || source.sent(i.part.Size)
	i.account(c, i.attempt(c, heard, took, err, sent))

	if err != nil {
		return transcript.Transcript{}, err
	}

	heard.Model = c.name()
	heard.Language = cmp.Or(heard.Language, c.question.Language)
	heard.Duration = cmp.Or(heard.Duration, i.part.Length)

	slog.InfoContext(ctx, "speech was heard", "model", heard.Model, "part", i.part.Number, "took_ms", took.Milliseconds(),
		"audio_ms", heard.Duration.Milliseconds(), "language", heard.Language)

	return heard, nil
}

func unreadable(err error) error {
	return errs.Context(fmt.Errorf("%w: %w", errUnreadable, err), "read audio for a speech provider")
}

// attempt is the record of a call. One that failed costs nothing, unless its
// answer was lost after all the audio had gone out: that is counted as billed.
func (i *inquiry) attempt(c choice, heard transcript.Transcript, took time.Duration, err error, sent bool) transcript.Attempt {
	made := transcript.Attempt{
		Provider: c.provider.Name(), Model: c.model.Name, Audio: i.part.Length, Took: took, Error: errs.CodeOf(err),
	}

	var lost lostError
	if made.Unknown = sent && errors.As(err, &lost); err == nil {
		made.Audio = cmp.Or(heard.Duration, i.part.Length)
	}

	if err == nil || made.Unknown {
		made.Cost = c.price.cost(made.Audio, c.question.Speakers, i.settings.RupiahPerDollar)
	}

	return made
}

// account adds a call to those made, and to the owner's figures.
func (i *inquiry) account(c choice, made transcript.Attempt) {
	i.attempts = append(i.attempts, made)

	of := metric.Dimensions{"Provider": c.provider.Name(), "Model": c.model.Name}
	i.metrics.Put("ProviderTime", float64(made.Took.Milliseconds()), metric.Milliseconds, of)
	i.metrics.Put("CostMilliRupiah", float64(made.Cost), metric.Count, of)

	if made.Error == "" {
		i.metrics.Put("TranscribedSeconds", made.Audio.Seconds(), metric.Seconds, of)
		i.metrics.Put("ProviderErrors", 0, metric.Count, of)
	} else {
		i.metrics.Put("ProviderErrors", 1, metric.Count, of)
	}
}

// source is a part that is being sent, and remembers how that went.
type source struct {
	open func(context.Context) (io.ReadCloser, error)

	mu     sync.Mutex
	read   int64
	ended  bool
	failed error
}

// Open opens the part for a call.
func (s *source) Open(ctx context.Context) (io.ReadCloser, error) {
	opened, err := s.open(ctx)
	if err != nil {
		s.note(0, err)

		return nil, err
	}

	return &sending{source: s, part: opened}, nil
}

func (s *source) note(count int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.read += int64(count)

	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
	case err != nil && s.failed == nil:
		s.failed = err
	}
}

// broken gives why the part could not be read, nil where it could.
func (s *source) broken() error {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.failed
}

// sent reports whether all of the part's bytes have been taken.
func (s *source) sent(size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.ended || size > 0 && s.read >= size
}

// sending is an open part.
type sending struct {
	source *source
	part   io.ReadCloser
	closed atomic.Bool
}

// Read reads on. What fails behind Close is no failure of the part: HTTP
// clients close a body that they still read from.
func (s *sending) Read(into []byte) (int, error) {
	count, err := s.part.Read(into)
	if !s.closed.Load() {
		s.source.note(count, err)
	}

	return count, err //nolint:wrapcheck // it is what the part says, and io.EOF must stay what it is
}

// Close ends reading.
func (s *sending) Close() error {
	s.closed.Store(true)

	return s.part.Close() //nolint:wrapcheck // it is what the part says
}
