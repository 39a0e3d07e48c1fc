package transcript

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// fetched is a file in the bucket.
type fetched struct {
	key     string
	sha256  string // hex
	brought int64  // bytes that came from Telegram for it, this time
}

// fetch brings a job's file into the bucket, or goes on where another worker
// has stopped. What it has gained when it fails is in the job's checkpoint.
func (d *Downloader) fetch(ctx context.Context, job Job, holding *hold) (fetched, error) {
	reading, stop := untilTimeIsShort(ctx)
	defer stop()

	t := &transfer{Downloader: d, job: job, holding: holding, stream: newStream(reading, d.files, fileOf(job), job.Largest)}
	shown := d.display(ctx, job, holding, t.stream.progress)
	err := t.run(ctx)

	t.stream.close()
	shown.close()

	if err != nil {
		return fetched{}, t.halt(ctx, err)
	}

	return fetched{key: t.key, sha256: t.sha256, brought: t.stream.at - t.from}, nil
}

const (
	// stopBefore is how long before the end of its time a download stops
	// reading, so that the parts on their way still arrive.
	stopBefore = 5 * time.Second
	shortTime  = 4 // a fraction of a time that is shorter than that
)

// errTimeShort ends the reading of a download whose time is nearly over.
var errTimeShort = errors.New("the time of this invocation is nearly over")

func untilTimeIsShort(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, limited := ctx.Deadline()
	if !limited {
		return context.WithCancel(ctx)
	}

	early := min(stopBefore, time.Until(deadline)/shortTime)

	return context.WithDeadlineCause(ctx, deadline.Add(-early), errTimeShort)
}

// transfer is the way of one file into the bucket.
type transfer struct {
	*Downloader

	job     Job
	holding *hold
	stream  *stream   // ends before the work does: see untilTimeIsShort
	parts   *parts    // nil: nothing is uploaded in parts
	from    int64     // the byte at which this worker has begun
	known   bool      // the job has a checkpoint of this upload
	gained  bool      // and it is further than at the beginning
	noted   int       // parts that it tells of
	notedAt time.Time // when it was written
	key     string    // where the file is, once all of it is there
	sha256  string
}

// run brings all of the file into the bucket.
func (t *transfer) run(ctx context.Context) error {
	if err := t.resume(ctx); err != nil || t.key != "" {
		return err
	}

	if t.parts == nil {
		if err := t.begin(ctx); err != nil || t.key != "" {
			return err
		}
	}

	if err := t.bring(ctx); err != nil {
		return err
	}

	// Should the answer to the completion be lost, or this worker die behind it,
	// the next one finds by this that nothing is left to do.
	if err := t.note(ctx); err != nil {
		return err
	}

	if err := t.parts.complete(ctx); err != nil {
		return err
	}

	t.key, t.sha256 = t.parts.to.Key, hexSum(t.parts.sum)

	return nil
}

// resume takes an upload up again that another worker has left. What does not
// fit together any more is removed, and the download begins anew.
func (t *transfer) resume(ctx context.Context) error {
	left := t.job.Checkpoint
	if left == nil {
		return nil
	}

	stored, err := t.bucket.Parts(ctx, left.upload())
	if errs.Is(err, errs.NotFound) {
		return t.find(ctx, left)
	}

	if err != nil {
		return err
	}

	sum, err := restoreHash(left.Hash)
	if err != nil || !left.fits(stored) {
		t.drop(ctx, left, "the bucket holds other parts than the checkpoint says")

		return nil //nolint:nilerr // the download begins anew
	}

	t.from = left.Bytes
	t.stream.start(left.Bytes, left.Size)

	if left.Bytes != left.Size {
		if err := t.stream.open(); err != nil {
			return err
		}

		if t.stream.total != left.Size {
			t.from = 0
			t.stream.start(0, -1)
			t.drop(ctx, left, "the file has another size now")

			return nil
		}
	}

	t.parts = &parts{
		bucket: t.bucket, to: left.upload(), aside: t.aside, sum: sum,
		whole: stored[:left.Parts:left.Parts], bytes: left.Bytes, state: left.Hash,
	}
	t.noted, t.notedAt, t.known = left.Parts, t.jobs.clock.Now(), true
	slog.InfoContext(ctx, "download goes on", "byte", left.Bytes, "of", left.Size)

	return nil
}

// find looks whether the worker that has sent all parts has also made the file
// of them, before it came to say so.
func (t *transfer) find(ctx context.Context, left *Checkpoint) error {
	if left.Bytes == left.Size {
		object, err := t.bucket.Head(ctx, left.Key)
		if err != nil && !errs.Is(err, errs.NotFound) {
			return err
		}

		sum, hashErr := restoreHash(left.Hash)
		if err == nil && hashErr == nil && object.Size == left.Size {
			t.key, t.sha256 = left.Key, hexSum(sum)

			return nil
		}
	}

	t.drop(ctx, left, "its upload is gone")

	return nil
}

// drop gives an unfinished upload up, so that the download begins anew.
func (t *transfer) drop(ctx context.Context, left *Checkpoint, why string) {
	slog.WarnContext(ctx, "download begins anew", "because", why, "byte", left.Bytes, "of", left.Size)
	t.abortUpload(ctx, left.upload())
}

// begin reads the first part and looks what it is. A file that is not longer
// is stored at once; for others an upload is started.
func (t *transfer) begin(ctx context.Context) error {
	if err := t.stream.open(); err != nil {
		return err
	}

	size := t.partBytes
	if total := t.stream.total; total >= 0 && total < int64(size) {
		size = int(total) + 1 // a place more than it needs, to see that it ends
	}

	first := make([]byte, size)

	count, ended, err := t.stream.fill(first[:min(mediaTypeBytes, size)])
	if err != nil {
		return err
	}

	contentType, err := mediaType(first[:count])
	if err != nil {
		return err
	}

	if !ended {
		var rest int

		rest, ended, err = t.stream.fill(first[count:])
		count += rest
	}

	if err != nil {
		return err
	}

	if ended {
		return t.store(ctx, first[:count], contentType)
	}

	to, err := t.bucket.StartUpload(ctx, mediaKey(t.job), blob.PutOptions{ContentType: contentType})
	if err != nil {
		return err
	}

	t.parts = &parts{bucket: t.bucket, to: to, aside: t.aside, sum: sha256.New()}

	return t.parts.send(ctx, first)
}

// store puts a file that is not longer than a part.
func (t *transfer) store(ctx context.Context, content []byte, contentType string) error {
	key := mediaKey(t.job)
	if _, err := t.bucket.Put(ctx, key, bytes.NewReader(content), blob.PutOptions{ContentType: contentType}); err != nil {
		return err
	}

	sum := sha256.New()
	sum.Write(content)

	t.key, t.sha256 = key, hexSum(sum)

	return nil
}

// bring reads the rest of the file and sends it part by part.
func (t *transfer) bring(ctx context.Context) error {
	ended := t.stream.at == t.stream.total && t.stream.body == nil // there is nothing left to read

	for !ended {
		if err := t.noteArrived(ctx); err != nil {
			return err
		}

		buffer, err := t.parts.room(t.partBytes)
		if err != nil {
			return err
		}

		var count int

		count, ended, err = t.stream.fill(buffer)
		if err != nil {
			return err
		}

		if count == 0 {
			break
		}

		if err := t.parts.send(ctx, buffer[:count]); err != nil {
			return err
		}
	}

	return t.parts.landAll()
}

// noteArrived notes the parts that have arrived meanwhile, if it is time to.
func (t *transfer) noteArrived(ctx context.Context) error {
	if err := t.parts.landArrived(); err != nil {
		return err
	}

	if t.jobs.clock.Now().Sub(t.notedAt) < noteEvery {
		return nil
	}

	return t.note(ctx)
}

// noteEvery is how often a job's checkpoint is written by itself at most: a
// heartbeat takes it along too, but many parts come between two of those.
const noteEvery = 2 * time.Second

// note writes down how far the upload is, and renews the lease with it. Where
// it cannot be written the next heartbeat tries, unless the job is not this
// worker's any more.
func (t *transfer) note(ctx context.Context) error {
	note := t.checkpoint()
	if note == nil {
		return nil
	}

	_, err := t.jobs.move(ctx, ticketOf(t.job), Waiting, func(job *Job) {
		note(job)
		job.Lease = t.jobs.clock.Now().Add(leaseFor)
	})
	if errors.Is(err, errSuperseded) {
		return err
	}

	if err != nil {
		slog.WarnContext(ctx, "checkpoint not written, the next heartbeat tries", "error", err)
	}

	t.keep(note)

	return nil
}

// checkpoint gives the change that notes how far the upload is, nil where the
// job knows.
func (t *transfer) checkpoint() func(*Job) {
	if len(t.parts.whole) == t.noted {
		return nil
	}

	reached := &Checkpoint{
		Key: t.parts.to.Key, Upload: t.parts.to.ID, Size: t.stream.total,
		Parts: len(t.parts.whole), Bytes: t.parts.bytes, Hash: t.parts.state,
	}

	return func(job *Job) { job.Checkpoint = reached }
}

func (t *transfer) keep(note func(*Job)) {
	t.holding.keep(note)
	t.noted, t.notedAt, t.known, t.gained = len(t.parts.whole), t.jobs.clock.Now(), true, true
}

// maxLegs is how many messages of its own a download may take. The largest file
// has 256 parts, so that more of them bring nothing.
const maxLegs = 300

// halt brings a transfer that failed to rest and gives the reason. What was
// gained is noted for the next try; what nobody will go on with is removed.
func (t *transfer) halt(ctx context.Context, cause error) error {
	if why := context.Cause(ctx); errors.Is(why, errSuperseded) {
		cause = why // the failure followed from being stopped
	}

	if t.stream.outOfTime() && passing(cause) {
		cause = errs.Context(cause, "%v, at byte %d of %d", errTimeShort, t.stream.at, t.stream.total)
	}

	if t.parts == nil {
		return cause
	}

	if errors.Is(cause, errSuperseded) {
		t.parts.wait()

		if !t.known { // else whoever has the job now has the upload too, or removes it
			t.abortUpload(ctx, t.parts.to)
		}

		return cause
	}

	if err := t.parts.landAll(); err != nil {
		slog.InfoContext(ctx, "a part did not arrive", "error", err)
	}

	if note := t.checkpoint(); note != nil {
		t.keep(note)
	}

	if !passing(cause) || !t.known {
		t.abortUpload(ctx, t.parts.to)

		return cause
	}

	if !t.gained || errs.RetryAfter(cause) > 0 || t.job.Wakes >= maxLegs {
		return cause
	}

	slog.InfoContext(ctx, "download stopped, another message goes on", "byte", t.parts.bytes, "of", t.stream.total,
		"because", cause)

	return &postponed{advanced: true}
}
