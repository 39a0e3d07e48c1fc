package transcript

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// Downloader brings files from Telegram into the bucket, hashed on the way.
type Downloader struct {
	step

	files     Files
	bucket    blob.Bucket
	cache     *Cache
	partBytes int
	aside     func(func())
}

// DownloadOption changes how a Downloader works.
type DownloadOption func(*Downloader)

// PartBytes sets the size of the parts in which a large file goes into the
// bucket; S3 takes no less than blob.MinPartBytes. 8 MiB where it is not set.
func PartBytes(size int) DownloadOption {
	return func(d *Downloader) { d.partBytes = size }
}

// InTurn has everything done one after the other, so that a simulation can be
// replayed: no part goes on its way while another one is read.
func InTurn() DownloadOption {
	return func(d *Downloader) { d.aside = func(do func()) { do() } }
}

// NewDownloader makes the download step.
func NewDownloader(
	jobs *Service, files Files, bucket blob.Bucket, cache *Cache, messenger Messenger, texts Texts, metrics *metric.Emitter,
	options ...DownloadOption,
) *Downloader {
	d := &Downloader{
		step:  step{jobs: jobs, messenger: messenger, texts: texts, metrics: metrics},
		files: files, bucket: bucket, cache: cache,
		partBytes: partBytes, aside: func(do func()) { go do() },
	}
	d.leave = d.abort

	for _, option := range options {
		option(d)
	}

	return d
}

// Handle downloads the file of the job that a delivery names. A file that was
// transcribed before goes straight on to the person.
func (d *Downloader) Handle(ctx context.Context, delivery queue.Delivery) error {
	return d.run(ctx, delivery, Waiting, d.download)
}

func (d *Downloader) download(ctx context.Context, job Job, holding *hold) (func(*Job), error) {
	if known, sha, ok := d.cache.AnswerUnseen(ctx, job); ok {
		d.abort(ctx, job) // it was begun before someone else's copy was heard

		return func(job *Job) {
			job.State, job.SHA256, job.Result, job.Checkpoint = Transcribed, sha, &known, nil
		}, nil
	}

	began := d.jobs.clock.Now()

	file, err := d.fetch(ctx, job, holding)
	if err != nil {
		return nil, fmt.Errorf("download the file of job %s: %w", job.ID, err)
	}

	d.metrics.Put("DownloadedBytes", float64(file.brought), metric.Bytes, nil)

	if took := d.jobs.clock.Now().Sub(began); took > 0 {
		d.metrics.Put("DownloadRate", float64(file.brought)/took.Seconds(), metric.BytesPerSecond, nil)
	}

	d.cache.RememberHash(ctx, job.Store, job.Source.FileUniqueID, file.sha256)

	if known, ok := d.cache.Answer(ctx, job, file.sha256); ok {
		if err := d.bucket.Delete(ctx, file.key); err != nil {
			slog.WarnContext(ctx, "second copy of a file not removed, the lifecycle will", "key", file.key, "error", err)
		}

		return func(job *Job) {
			job.State, job.SHA256, job.Result, job.Checkpoint = Transcribed, file.sha256, &known, nil
		}, nil
	}

	return func(job *Job) {
		job.State, job.SHA256, job.Media, job.Checkpoint = Downloaded, file.sha256, file.key, nil
	}, nil
}

// abort removes the unfinished upload of a job that is over.
func (d *Downloader) abort(ctx context.Context, job Job) {
	if job.Checkpoint == nil {
		return
	}

	d.abortUpload(ctx, job.Checkpoint.upload())
}

// abortTime is how long the removal of an upload may take.
const abortTime = 800 * time.Millisecond

func (d *Downloader) abortUpload(ctx context.Context, of blob.Upload) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()

	if err := d.bucket.AbortUpload(ctx, of); err != nil {
		slog.WarnContext(ctx, "unfinished upload not removed, the lifecycle will", "key", of.Key, "error", err)
	}
}

func fileOf(job Job) FileRef {
	return FileRef{Store: job.Store, Chat: job.Chat, Message: job.Message, FileID: job.Source.FileID, Size: job.Source.Size}
}

// mediaKey says where the file of a job is kept until it is transcribed. Each
// round has its own, so that a slow worker of an earlier round cannot remove
// the file of a later one; only an upload that a later round takes up keeps
// the key that it was begun with.
func mediaKey(job Job) string {
	return mediaOf(job) + strconv.Itoa(job.Round)
}

// mediaOf begins the keys of a job's files, of all rounds.
func mediaOf(job Job) string { return "media/" + job.Store + "/" + job.ID + "/" }
