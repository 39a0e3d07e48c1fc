package transcript

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// TranscriberOptions are what the transcription step works with. All are
// needed.
type TranscriberOptions struct {
	Jobs      *Service
	Preparer  Preparer
	Speech    Speech
	Bucket    blob.Bucket
	Cache     *Cache
	Flights   *Flights
	Messenger Messenger
	Texts     Texts
	Metrics   *metric.Emitter

	// PartsAtOnce is how many parts of a recording are heard at a time, at
	// most: so many are in memory.
	PartsAtOnce int
	// Longest recording that is taken of anybody; a job may have a limit below.
	Longest time.Duration

	// Slots, where given, bound how many jobs of a store are at it at once:
	// StoreWorkers of those in a queue, or what OwnWorkers, where given, says of
	// the store.
	Slots        *limit.Slots
	StoreWorkers int
	OwnWorkers   func(ctx context.Context, store string) int
}

// Transcriber turns stored files into transcripts.
type Transcriber struct {
	step

	preparer    Preparer
	speech      Speech
	bucket      blob.Bucket
	cache       *Cache
	flights     *Flights
	partsAtOnce int
	longest     time.Duration

	slots   *limit.Slots
	workers func(ctx context.Context, store string) int
}

// NewTranscriber makes the transcription step. Invalid where a number is none.
func NewTranscriber(options TranscriberOptions) (*Transcriber, error) {
	if options.PartsAtOnce < 1 || options.Longest <= 0 {
		return nil, errs.New(errs.Invalid, "transcribe %d parts at once of recordings up to %s: both must be positive",
			options.PartsAtOnce, options.Longest)
	}

	if options.Slots != nil && options.StoreWorkers < 1 {
		return nil, errs.New(errs.Invalid, "transcribe with %d workers for a store: it must be positive", options.StoreWorkers)
	}

	workers := options.OwnWorkers
	if workers == nil {
		workers = func(context.Context, string) int { return options.StoreWorkers }
	}

	return &Transcriber{
		step: step{
			jobs: options.Jobs, messenger: options.Messenger, texts: options.Texts, metrics: options.Metrics,
		},
		preparer: options.Preparer, speech: options.Speech, bucket: options.Bucket, cache: options.Cache,
		flights: options.Flights, partsAtOnce: options.PartsAtOnce, longest: options.Longest,
		slots: options.Slots, workers: workers,
	}, nil
}

// Handle transcribes the file of the job that a delivery names.
func (t *Transcriber) Handle(ctx context.Context, delivery queue.Delivery) error {
	return t.inTurn(ctx, delivery, func(ctx context.Context) error {
		return t.run(ctx, delivery, Downloaded, t.transcribe)
	})
}

func (t *Transcriber) transcribe(ctx context.Context, job Job, holding *hold) (func(*Job), error) {
	// One that was woken has waited for what is there now.
	if job.Wakes > 0 {
		if summary, cached := t.cache.Answer(ctx, job, job.SHA256); cached {
			return t.transcribed(ctx, job, summary, cached), nil
		}
	}

	if !t.flights.enter(ctx, job) {
		return nil, t.await(ctx, job)
	}

	change, err := t.transcribeAlone(ctx, job, holding)
	if _, goesOn := errors.AsType[*postponed](err); !goesOn {
		t.flights.land(ctx, job)
	}

	return change, err
}

// await lets a job wait for another one that transcribes the same content.
func (t *Transcriber) await(ctx context.Context, job Job) error {
	slog.InfoContext(ctx, "parked: the same content is being transcribed")

	if err := t.progress(ctx, job, Progress{Stage: Awaiting}); err != nil {
		return err
	}

	return &postponed{park: parkFor, join: func(ctx context.Context) error { return t.flights.join(ctx, job) }}
}

// transcribeAlone does the work as the holder of the content's flight. Another
// may have finished it in the moment before.
func (t *Transcriber) transcribeAlone(ctx context.Context, job Job, holding *hold) (func(*Job), error) {
	ctx, cancel := context.WithCancel(ctx)
	held := make(chan struct{})

	go func() {
		defer close(held)

		t.flights.hold(ctx, job)
	}()

	defer func() {
		cancel()
		<-held
	}()

	summary, cached := t.cache.Answer(ctx, job, job.SHA256)
	if !cached {
		t.cache.looked(levelMiss)

		var err error
		if summary, cached, err = t.hearAndKeep(ctx, job, holding); err != nil {
			return nil, err
		}
	}

	return t.transcribed(ctx, job, summary, cached), nil
}

// transcribed gives the change of a job whose transcript is stored.
func (t *Transcriber) transcribed(ctx context.Context, job Job, summary Summary, cached bool) func(*Job) {
	// The file has done its duty once the cache can answer should this worker
	// die before the job moves on. What stays, the bucket's lifecycle removes.
	if cached {
		if err := t.bucket.Delete(ctx, job.Media); err != nil {
			slog.WarnContext(ctx, "media not removed, the lifecycle will", "key", job.Media, "error", err)
		}
	}

	return func(job *Job) { job.State, job.Result, job.Media = Transcribed, &summary, "" }
}

func (t *Transcriber) hearAndKeep(ctx context.Context, job Job, holding *hold) (Summary, bool, error) {
	started := t.jobs.clock.Now()

	hearing, err := t.hear(ctx, job, holding)
	if err != nil {
		return Summary{}, false, fmt.Errorf("transcribe the file of job %s: %w", job.ID, err)
	}

	result := join(hearing.inOrder())
	slog.InfoContext(ctx, "heard", "model", result.Model, "language", result.Language, "audio_ms", result.Duration.Milliseconds(),
		"parts", len(hearing.heard), "missing_ms", hearing.missing.Milliseconds(),
		"took_ms", t.jobs.clock.Now().Sub(started).Milliseconds())

	summary, cached, err := t.cache.Keep(ctx, job, result, hearing.missing)
	if err == nil {
		hearing.forget(ctx)
	}

	return summary, cached, err
}

// hear prepares the file and has its parts heard.
func (t *Transcriber) hear(ctx context.Context, job Job, holding *hold) (*hearing, error) {
	bounds, err := t.speech.Bounds(ctx, job.Store, job.Options)
	if err != nil {
		return nil, err
	}

	object, err := t.bucket.Head(ctx, job.Media)
	if err != nil { // not found: another worker was faster, and the next try finds its result
		return nil, errs.Wrap(err, errs.Unavailable, "find the file of job %s", job.ID)
	}

	prepared, err := t.preparer.Prepare(ctx, t.media(object), bounds, t.longestOf(job))
	if err != nil {
		return nil, err
	}

	hearing := newHearing(t, job, holding, prepared)
	err = hearing.run(ctx)

	if closed := prepared.Close(); closed != nil {
		slog.WarnContext(ctx, "preparation did not end well", "error", closed)
	}

	return hearing, err
}

// longestOf is how long the recording of a job may be: as its person's tier
// says, but never longer than this step takes.
func (t *Transcriber) longestOf(job Job) time.Duration {
	if job.Longest > 0 {
		return min(job.Longest, t.longest)
	}

	return t.longest
}

func (t *Transcriber) media(object blob.Object) Media {
	return Media{
		Size: object.Size,
		Open: func(ctx context.Context, part blob.Range) (io.ReadCloser, error) {
			content, _, err := t.bucket.Get(ctx, object.Key, part)
			if err != nil {
				return nil, errs.Wrap(err, errs.Unavailable, "read the stored file")
			}

			return content, nil
		},
		Link: func(ctx context.Context) (string, error) {
			return t.bucket.Link(ctx, object.Key, linkFor)
		},
	}
}

// linkFor is how long a provider has to fetch a file by itself.
const linkFor = 15 * time.Minute

// errLate says that the function's time does not suffice for another part.
var errLate = errors.New("the function's time is nearly over")
