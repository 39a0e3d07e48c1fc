package transcript

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// hearing is a recording while its parts are heard, several at a time. Of a
// recording of several parts each is stored as soon as it was heard, by the
// recording's content: what one worker has paid for, the next one uses.
type hearing struct {
	*Transcriber

	job      Job
	holding  *hold
	prepared Prepared
	about    About
	started  time.Time // by the process's clock, as the deadline
	stored   map[string]bool
	missing  time.Duration

	mu       sync.Mutex
	heard    []heardPart
	fresh    int           // of those, heard by this worker
	slowest  time.Duration // of those
	latest   time.Time     // when the last of those was heard
	made     int           // parts that were prepared
	attempts []Attempt
	failure  error
}

func newHearing(t *Transcriber, job Job, holding *hold, prepared Prepared) *hearing {
	return &hearing{Transcriber: t, job: job, holding: holding, prepared: prepared, about: prepared.About(), started: time.Now()}
}

// run hears all parts. After a failure that may pass, those on their way are
// waited for: they are paid for. Where the function's time is nearly over and
// something was heard, the rest is left to the next worker.
func (h *hearing) run(ctx context.Context) error {
	if err := h.findStored(ctx); err != nil {
		return err
	}

	if err := h.Transcriber.progress(ctx, h.job, h.progress()); err != nil {
		return err
	}

	shown := h.display(ctx, h.job, h.holding, h.progress)
	err := h.hearAll(ctx)
	shown.close()

	if err == nil {
		h.missing = h.prepared.Missing()

		return nil
	}

	timeIsUp := errors.Is(err, errLate) || errors.Is(ctx.Err(), context.DeadlineExceeded)
	if timeIsUp && h.several() && h.fresh > 0 {
		slog.InfoContext(ctx, "time is up, the next worker goes on", "parts_heard", len(h.heard), "because", err)

		return &postponed{advanced: true}
	}

	if errors.Is(err, errLate) {
		return errs.Wrap(err, errs.Unavailable, "hear the parts of a recording: none was finished in time")
	}

	return err
}

func (h *hearing) hearAll(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	var group sync.WaitGroup

	// A slot is taken before a part is made: there are never more parts than
	// slots in memory.
	slots := make(chan struct{}, h.partsAtOnce)
	err := h.eachPart(ctx, slots, func(part Part) {
		group.Go(func() {
			defer func() { <-slots }()

			if err := h.hearPart(ctx, part); err != nil {
				h.fail(err)

				if !errs.Retryable(err) { // nothing that the other parts bring can help
					cancel()
				}
			}
		})
	})

	if err != nil && !errors.Is(err, errLate) {
		h.fail(err)
		cancel()
	}

	group.Wait()

	h.mu.Lock()
	defer h.mu.Unlock()

	if h.failure != nil {
		return h.failure
	}

	return err
}

// eachPart gives the parts to hear while there are slots, time and no failure.
func (h *hearing) eachPart(ctx context.Context, slots chan<- struct{}, hear func(Part)) error {
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return fmt.Errorf("wait for a slot: %w", context.Cause(ctx))
		}

		if h.failed() {
			return nil
		}

		if h.late(ctx) {
			return errLate
		}

		part, err := h.prepared.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return errs.Context(err, "prepare part %d", h.made+1)
		}

		h.mu.Lock()
		h.made++
		h.mu.Unlock()

		hear(part)
	}
}

// late reports whether another part would probably not be heard in time.
func (h *hearing) late(ctx context.Context) bool {
	const margin = 5 * time.Second

	deadline, limited := ctx.Deadline()

	h.mu.Lock()
	defer h.mu.Unlock()

	return limited && h.fresh > 0 && time.Until(deadline) < h.slowest+margin
}

// fail keeps the first failure, but for one that says more: that the file
// cannot be heard at all, however often one tries.
func (h *hearing) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.failure == nil || errs.Retryable(h.failure) && !errs.Retryable(err) {
		h.failure = err
	}
}

func (h *hearing) failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.failure != nil
}

func (h *hearing) hearPart(ctx context.Context, part Part) error {
	if heard, ok := h.load(ctx, part); ok {
		h.add(heardPart{part, heard}, nil, 0)

		return nil
	}

	started := time.Now()

	heard, attempts, err := h.speech.Recognize(ctx, Ask{Store: h.job.Store, Options: h.job.Options, Part: part})
	if err != nil {
		h.note(attempts)

		return errs.Context(err, "hear part %d", part.Number)
	}

	h.add(heardPart{part, heard}, attempts, time.Since(started))
	h.store(ctx, part, heard)

	return nil
}

func (h *hearing) add(part heardPart, attempts []Attempt, took time.Duration) {
	h.mu.Lock()
	h.heard = append(h.heard, part)

	if took > 0 {
		h.fresh++
		h.slowest = max(h.slowest, took)
		h.latest = time.Now()
	}
	h.mu.Unlock()

	h.note(attempts)
}

// note has the calls of this worker written behind those of earlier ones.
func (h *hearing) note(attempts []Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.attempts = append(h.attempts, attempts...)
	all := summed(slices.Concat(h.job.Attempts, h.attempts))
	h.holding.keep(func(job *Job) { job.Attempts = all })
}

// inOrder gives what was heard by its place in the recording.
func (h *hearing) inOrder() []heardPart {
	slices.SortFunc(h.heard, func(a, b heardPart) int { return cmp.Compare(a.Number, b.Number) })

	return h.heard
}

// progress is what the person sees now.
func (h *hearing) progress() Progress {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.made == 0 && !h.about.Copied && h.about.Duration > worthWatching {
		return Progress{
			Stage: Compressing, Percent: int(min(hundred, hundred*h.prepared.Done()/h.about.Duration)), Bytes: h.about.Bytes,
		}
	}

	shown := Progress{Stage: Transcribing}
	if !h.several() {
		return shown
	}

	shown.Part, shown.Parts = len(h.heard), max(h.about.Parts, h.made)

	var heard time.Duration
	for _, part := range h.heard {
		heard += part.Length
	}

	if heard > 0 && h.fresh > 0 && h.about.Duration > heard { // as fast as until the last part was heard
		left := float64(h.latest.Sub(h.started)) * float64(h.about.Duration-heard) / float64(heard)
		shown.Left = max(time.Second, (time.Duration(left) - time.Since(h.latest)).Round(time.Second))
	}

	return shown
}

// worthWatching is how long a recording must be for its compression to take so
// long that a person wants to watch it.
const worthWatching = 5 * time.Minute

// several reports whether there is more than one part, as far as is known.
func (h *hearing) several() bool { return h.about.Parts > 1 || h.made > 1 }

// partsPrefix is where the parts of a content are kept until all were heard.
func (h *hearing) partsPrefix() string {
	return "parts/" + h.job.Store + "/" + contentKey(h.job.SHA256, h.job.Options) + "/"
}

// partKey names a part by its place in the content: should the next worker cut
// elsewhere, for providers with other bounds, it finds nothing that misleads.
func (h *hearing) partKey(part Part) string {
	return fmt.Sprintf("%s%d-%d-%d.json", h.partsPrefix(), part.Start, part.Length, part.Overlap)
}

// findStored looks which parts an earlier worker has left.
func (h *hearing) findStored(ctx context.Context) error {
	if h.about.Parts < 2 {
		return nil
	}

	page, err := h.bucket.List(ctx, h.partsPrefix(), "", blob.MaxPageKeys)
	if err != nil {
		return errs.Context(err, "find the parts that were heard before")
	}

	h.stored = map[string]bool{}
	for _, object := range page.Objects {
		h.stored[object.Key] = true
	}

	return nil
}

// load gives what an earlier worker has heard in a part.
func (h *hearing) load(ctx context.Context, part Part) (Transcript, bool) {
	if !h.stored[h.partKey(part)] {
		return Transcript{}, false
	}

	heard, err := load(ctx, h.bucket, h.partKey(part))
	if err != nil {
		slog.WarnContext(ctx, "part that was heard before unreadable, hearing it again", "part", part.Number, "error", err)
	}

	return heard, err == nil
}

// store keeps what was heard in a part for the next worker. Failing to is
// logged: it costs nothing unless this worker dies too.
func (h *hearing) store(ctx context.Context, part Part, heard Transcript) {
	h.mu.Lock()
	several := h.several()
	h.mu.Unlock()

	if !several {
		return
	}

	text, err := json.Marshal(heard)
	if err == nil {
		err = putTranscript(ctx, h.bucket, h.partKey(part), text)
	}

	if err != nil {
		slog.WarnContext(ctx, "heard part not stored", "part", part.Number, "error", err)
	}
}

// forget removes the stored parts, which the transcript has taken the place of.
func (h *hearing) forget(ctx context.Context) {
	if !h.several() {
		return
	}

	if err := removeAll(ctx, h.bucket, h.partsPrefix()); err != nil {
		slog.WarnContext(ctx, "heard parts not removed, the lifecycle will", "error", err)
	}
}

// keptAttempts bounds what a job keeps of its calls one by one.
const keptAttempts = 50

// summed gives attempts as they are or, where they are too many for a row, one
// for each provider, model and outcome.
func summed(attempts []Attempt) []Attempt {
	if len(attempts) <= keptAttempts {
		return attempts
	}

	type kind struct {
		provider, model string
		outcome         errs.Code
		unknown         bool
	}

	var sums []Attempt

	places := map[kind]int{}

	for _, attempt := range attempts {
		attempt.Calls = max(attempt.Calls, 1)
		of := kind{attempt.Provider, attempt.Model, attempt.Error, attempt.Unknown}

		at, known := places[of]
		if !known {
			places[of] = len(sums)
			sums = append(sums, attempt)

			continue
		}

		sums[at].Calls += attempt.Calls
		sums[at].Audio += attempt.Audio
		sums[at].Cost += attempt.Cost
		sums[at].Took += attempt.Took
	}

	return sums
}
