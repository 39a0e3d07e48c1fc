package transcript

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// Encoder turns any audio or video into small speech audio, as a stream.
type Encoder interface {
	// Encode reads media and gives Ogg Opus, 16 kHz mono. Reading from the
	// result fails, with Invalid and a sentence for the person, where the
	// media cannot be understood. The caller closes the result.
	Encode(ctx context.Context, media io.Reader) (io.ReadCloser, error)
}

// Recognizer hears what is said.
type Recognizer interface {
	// Recognize streams Ogg Opus to a provider. Invalid where it cannot be
	// heard at all, Limited and Unavailable where another try may help.
	Recognize(ctx context.Context, store string, audio io.Reader) (Transcript, error)
	// Model names what hears: transcripts of different models are cached apart.
	Model() string
}

// Transcriber turns stored files into transcripts.
type Transcriber struct {
	step

	encoder    Encoder
	recognizer Recognizer
	bucket     blob.Bucket
	cache      *Cache
}

// NewTranscriber makes the transcription step.
func NewTranscriber(
	jobs *Service, encoder Encoder, recognizer Recognizer, bucket blob.Bucket, cache *Cache,
	messenger Messenger, texts Texts, metrics *metric.Emitter,
) *Transcriber {
	return &Transcriber{
		step:    step{jobs: jobs, messenger: messenger, texts: texts, metrics: metrics},
		encoder: encoder, recognizer: recognizer, bucket: bucket, cache: cache,
	}
}

// Handle transcribes the file of the job that a delivery names.
func (t *Transcriber) Handle(ctx context.Context, delivery queue.Delivery) error {
	return t.run(ctx, delivery, Downloaded, t.transcribe)
}

func (t *Transcriber) transcribe(ctx context.Context, job Job, _ *hold) (func(*Job), error) {
	summary, cached := t.cache.Answer(ctx, job, job.SHA256)
	if !cached {
		if err := t.progress(ctx, job, Progress{Stage: Transcribing}); err != nil {
			return nil, err
		}

		t.cache.looked(levelMiss)

		result, err := t.hear(ctx, job)
		if err != nil {
			return nil, err
		}

		if summary, cached, err = t.cache.Keep(ctx, job, result); err != nil {
			return nil, err
		}
	}

	// The file has done its duty once the cache can answer should this worker
	// die before the job moves on. What stays, the bucket's lifecycle removes.
	if cached {
		if err := t.bucket.Delete(ctx, job.Media); err != nil {
			slog.WarnContext(ctx, "media not removed, the lifecycle will", "key", job.Media, "error", err)
		}
	}

	return func(job *Job) { job.State, job.Result, job.Media = Transcribed, &summary, "" }, nil
}

// hear streams bucket -> encoder -> provider, with nothing stored in between.
func (t *Transcriber) hear(ctx context.Context, job Job) (Transcript, error) {
	started := t.jobs.clock.Now()

	media, _, err := t.bucket.Get(ctx, job.Media, blob.Range{})
	if err != nil { // not found: another worker was faster, and the next try finds its result
		return Transcript{}, errs.Wrap(err, errs.Unavailable, "read the file of job %s", job.ID)
	}
	defer media.Close() // it was read, nothing can be lost

	audio, err := t.encoder.Encode(ctx, media)
	if err != nil {
		return Transcript{}, fmt.Errorf("encode the file of job %s: %w", job.ID, err)
	}

	result, err := t.recognizer.Recognize(ctx, job.Store, audio)
	if closed := audio.Close(); closed != nil && !errs.Is(err, errs.Invalid) {
		err = closed // why the audio broke off says more than that it did
	}

	if err != nil {
		return Transcript{}, fmt.Errorf("transcribe the file of job %s: %w", job.ID, err)
	}

	took := t.jobs.clock.Now().Sub(started)
	t.metrics.Put("TranscribedSeconds", result.Duration.Seconds(), metric.Seconds, metric.Dimensions{"Model": t.recognizer.Model()})
	slog.InfoContext(ctx, "provider answered", "model", t.recognizer.Model(), "took_ms", took.Milliseconds(),
		"audio_ms", result.Duration.Milliseconds(), "language", result.Language)

	return result, nil
}
