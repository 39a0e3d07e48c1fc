package transcript

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// Downloader brings files from Telegram into the bucket, hashed on the way.
type Downloader struct {
	step

	files  Files
	bucket blob.Bucket
	cache  *Cache
}

// NewDownloader makes the download step.
func NewDownloader(
	jobs *Service, files Files, bucket blob.Bucket, cache *Cache, messenger Messenger, texts Texts, metrics *metric.Emitter,
) *Downloader {
	return &Downloader{
		step:  step{jobs: jobs, messenger: messenger, texts: texts, metrics: metrics},
		files: files, bucket: bucket, cache: cache,
	}
}

// Handle downloads the file of the job that a delivery names. A file that was
// transcribed before goes straight on to the person.
func (d *Downloader) Handle(ctx context.Context, delivery queue.Delivery) error {
	return d.run(ctx, delivery, Waiting, d.download)
}

func (d *Downloader) download(ctx context.Context, job Job, _ *hold) (func(*Job), error) {
	if known, sha, ok := d.cache.AnswerUnseen(ctx, job); ok {
		return func(job *Job) { job.State, job.SHA256, job.Result = Transcribed, sha, &known }, nil
	}

	content, size, err := d.files.Open(ctx, fileOf(job), 0)
	if err != nil {
		return nil, fmt.Errorf("open the file of job %s: %w", job.ID, err)
	}
	defer content.Close() // it was read, nothing can be lost

	key := mediaKey(job)
	reading := &meter{
		from: content, sum: sha256.New(), total: size, clock: d.jobs.clock, next: d.jobs.clock.Now().Add(progressEvery),
		report: func(percent int) error {
			return d.progress(ctx, job, Progress{Stage: Downloading, Percent: percent})
		},
	}

	if _, err := d.bucket.Put(ctx, key, reading, blob.PutOptions{ContentType: "application/octet-stream"}); err != nil {
		return nil, errs.Context(err, "download the file of job %s", job.ID)
	}

	sum := hex.EncodeToString(reading.sum.Sum(nil))
	d.metrics.Put("DownloadedBytes", float64(reading.read), metric.Bytes, nil)

	d.cache.RememberHash(ctx, job.Store, job.Source.FileUniqueID, sum)

	if known, ok := d.cache.Answer(ctx, job, sum); ok {
		if err := d.bucket.Delete(ctx, key); err != nil {
			slog.WarnContext(ctx, "second copy of a file not removed, the lifecycle will", "key", key, "error", err)
		}

		return func(job *Job) { job.State, job.SHA256, job.Result = Transcribed, sum, &known }, nil
	}

	return func(job *Job) { job.State, job.SHA256, job.Media = Downloaded, sum, key }, nil
}

func fileOf(job Job) FileRef {
	return FileRef{Store: job.Store, Chat: job.Chat, Message: job.Message, FileID: job.Source.FileID, Size: job.Source.Size}
}

// mediaKey says where the file of a job is kept until it is transcribed. Each
// round has its own, so that a slow worker of an earlier round cannot remove
// the file of a later one.
func mediaKey(job Job) string {
	return fmt.Sprintf("media/%s/%s/%d", job.Store, job.ID, job.Round)
}

// meter hashes and counts what is read through it, and reports how far it is.
// Its end is an error where the size is known and was missed: what is stored
// from it is then not stored at all.
type meter struct {
	from   io.Reader
	sum    hash.Hash
	read   int64
	total  int64 // -1: unknown
	clock  clock.Clock
	next   time.Time // the next report
	report func(percent int) error
}

const hundred = 100

// Read passes on from the source; an error of report ends the reading.
func (m *meter) Read(into []byte) (int, error) {
	count, err := m.from.Read(into)
	m.read += int64(count)
	m.sum.Write(into[:count])

	if m.total >= 0 && (m.read > m.total || errors.Is(err, io.EOF) && m.read < m.total) {
		return count, errs.New(errs.Unavailable, "%d of %d bytes came", m.read, m.total)
	}

	if now := m.clock.Now(); m.total > 0 && !now.Before(m.next) {
		m.next = now.Add(progressEvery)

		if stop := m.report(int(m.read * hundred / m.total)); stop != nil {
			return count, stop
		}
	}

	return count, err //nolint:wrapcheck // io.EOF must stay what it is
}
