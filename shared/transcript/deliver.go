package transcript

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
)

// Deliverer brings results, apologies and files to people. A result takes the
// place of the progress message: doing that twice looks like doing it once.
type Deliverer struct {
	step

	bucket  blob.Bucket
	cache   *Cache
	scratch table.Table
	clock   clock.Clock
}

// NewDeliverer makes the delivery step.
func NewDeliverer(
	jobs *Service, bucket blob.Bucket, scratch table.Table, now clock.Clock,
	messenger Messenger, texts Texts, metrics *metric.Emitter,
) *Deliverer {
	return &Deliverer{
		step:   step{jobs: jobs, messenger: messenger, texts: texts, metrics: metrics},
		bucket: bucket, cache: NewCache(scratch, bucket, now, metrics), scratch: scratch, clock: now,
	}
}

// Handle delivers what a message asks for: the outcome of a job, more of its
// transcript, or its end.
func (d *Deliverer) Handle(ctx context.Context, delivery queue.Delivery) error {
	var asked order
	if err := json.Unmarshal(delivery.Body, &asked); err == nil {
		switch {
		case asked.Remains != nil:
			return d.remove(ctx, asked)
		case asked.All != nil:
			return d.removeEverything(ctx, asked)
		case asked.Rest != nil:
			return d.sendRest(ctx, asked, delivery)
		case asked.Format != "" || asked.Again:
			return d.send(ctx, asked, delivery)
		}
	}

	of, err := decodeTicket(delivery)
	if err != nil {
		return err
	}

	job, err := d.jobs.Get(ctx, of.Store, of.User, of.Job)
	if errs.Is(err, errs.NotFound) {
		slog.InfoContext(ctx, "not delivered: the job was deleted meanwhile", logging.Job, of.Job)

		return nil
	}

	if err != nil {
		return err
	}

	if of.Show {
		return d.show(ctx, job)
	}

	if job.State == Failed {
		return d.run(ctx, delivery, Failed, d.apologise)
	}

	return d.run(ctx, delivery, Transcribed, d.deliver)
}

func (d *Deliverer) deliver(ctx context.Context, job Job, _ *hold) (func(*Job), error) {
	result, err := load(ctx, d.bucket, job.Result.Blob)
	if err != nil {
		return nil, err
	}

	progress, err := d.replaceProgress(ctx, job, d.texts.Result(job, result))
	if err != nil {
		return nil, err
	}

	if job.Along != "" {
		along := Wish{Store: job.Store, User: job.User, Job: job.ID, Format: job.Along, Cause: "along"}
		if err := d.jobs.Send(ctx, along); err != nil {
			return nil, err
		}
	}

	d.metrics.Put("JobTime", float64(d.clock.Now().Sub(job.CreatedAt).Milliseconds()), metric.Milliseconds, nil)

	return func(job *Job) { job.State, job.Progress = Delivered, progress }, nil
}

func (d *Deliverer) apologise(ctx context.Context, job Job, _ *hold) (func(*Job), error) {
	progress, err := d.replaceProgress(ctx, job, d.texts.Failure(job))
	if err != nil {
		return nil, err
	}

	return func(job *Job) { job.State, job.Progress = Apologised, progress }, nil
}

// show puts the outcome of a finished job where it belongs, should something
// else stand there. A message that is gone stays gone.
func (d *Deliverer) show(ctx context.Context, job Job) error {
	var text message.Text

	switch job.State {
	case Delivered:
		result, err := load(ctx, d.bucket, job.Result.Blob)
		if err != nil {
			return err
		}

		text = d.texts.Result(job, result)
	case Apologised:
		text = d.texts.Failure(job)
	case Cancelled:
		text = d.texts.Cancelled(job)
	case Waiting, Downloaded, Transcribed, Failed:
		return nil // it was begun anew: its outcome is still to come
	}

	err := d.edit(ctx, job, text)
	if errs.Is(err, errs.NotFound) || errs.Is(err, errs.Unauthorized) {
		return nil
	}

	return err
}

// replaceProgress puts the outcome in the place of the progress message, or
// says it anew where that message is gone, and gives the message's number. A
// person who has blocked the bot counts as told: the history keeps the outcome.
func (d *Deliverer) replaceProgress(ctx context.Context, job Job, text message.Text) (int, error) {
	err := d.edit(ctx, job, text)
	progress := job.Progress

	if errs.Is(err, errs.NotFound) {
		progress, err = d.messenger.Send(ctx, message.Address{Store: job.Store, Chat: job.Chat}, text)
	}

	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "not delivered: the person has blocked the bot", "error", err)

		return progress, nil
	}

	if err != nil {
		return 0, fmt.Errorf("deliver job %s: %w", job.ID, err)
	}

	return progress, nil
}

// edit changes the progress message. NotFound where it is gone or never was.
func (d *Deliverer) edit(ctx context.Context, job Job, text message.Text) error {
	if job.Progress == 0 {
		return errs.New(errs.NotFound, "job %s has no progress message", job.ID)
	}

	return d.messenger.Edit(ctx, addressOf(job), text) // its one caller wraps
}

// send sends a file of a transcript, or the result anew, once for each wish.
func (d *Deliverer) send(ctx context.Context, wish order, delivery queue.Delivery) error {
	ctx = logging.With(ctx, logging.Store, wish.Store, logging.Job, wish.Job)

	done, sent, err := d.mark(ctx, wish.Store, delivery.Attrs[queue.AttrCause])
	if err != nil {
		return err
	}

	if sent {
		slog.InfoContext(ctx, "skipped: sent already")

		return nil
	}

	job, err := d.jobs.Get(ctx, wish.Store, wish.User, wish.Job)
	if errs.Is(err, errs.NotFound) {
		slog.InfoContext(ctx, "not sent: the job was deleted meanwhile")

		return nil
	}

	if err != nil {
		return err
	}

	err = d.sendWish(ctx, job, wish)
	if err != nil && triesAgain(Waiting, err, delivery.Attempt) {
		return err
	}

	if err != nil {
		return d.giveUp(ctx, job, wish, delivery, err)
	}

	d.markSent(ctx, done)
	slog.InfoContext(ctx, "file sent", "format", wish.Format)

	return nil
}

// giveUp tells the person that a file cannot be sent, who has been waiting for
// it since the tap.
func (d *Deliverer) giveUp(ctx context.Context, job Job, wish order, delivery queue.Delivery, cause error) error {
	reference := id.Reference(job.Store, delivery.Attrs[queue.AttrCause])
	slog.ErrorContext(logging.With(ctx, logging.Ref, reference), "file not sent", "format", wish.Format, "error", cause)

	job.Language = cmp.Or(wish.Language, job.Language)

	_, err := d.messenger.Send(ctx, message.Address{Store: job.Store, Chat: job.Chat}, d.texts.Unsent(job, reference))
	if err != nil && !errs.Is(err, errs.Unauthorized) {
		return fmt.Errorf("tell that job %s could not be sent: %w", job.ID, err)
	}

	return nil
}

func (d *Deliverer) sendWish(ctx context.Context, job Job, wish order) error {
	to := message.Address{Store: job.Store, Chat: job.Chat}

	job.Language = cmp.Or(wish.Language, job.Language)

	result, err := load(ctx, d.bucket, job.Result.Blob)
	gone := errs.Is(err, errs.NotFound)

	if err != nil && !gone {
		return err
	}

	switch {
	case gone:
		_, err = d.messenger.Send(ctx, to, d.texts.Gone(job))
	case wish.Again:
		_, err = d.messenger.Send(ctx, to, d.texts.Result(job, result))
	default:
		err = d.sendFile(ctx, to, job, result, wish.Format)
	}

	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "not sent: the person has blocked the bot", "error", err)

		return nil
	}

	if err != nil {
		return fmt.Errorf("send from job %s: %w", job.ID, err)
	}

	return nil
}

func (d *Deliverer) sendFile(ctx context.Context, to message.Address, job Job, result Transcript, format Format) error {
	content, err := result.Write(format, func(number int) string { return d.texts.Speaker(job, number) })
	if err != nil {
		return err
	}

	if len(content) == 0 {
		content = []byte("\n") // Telegram takes no empty file
	}

	return d.messenger.SendDocument(ctx, to, d.texts.Title(job)+"."+string(format), format.mimeType(),
		bytes.NewReader(content), d.texts.Caption(job, format))
}

// sentFor is how long a doubled message is recognised: longer than a queue
// keeps one.
const sentFor = CacheFor

// mark gives the row that says that something was sent, and whether it was.
func (d *Deliverer) mark(ctx context.Context, store string, cause ...string) (table.Row, bool, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Row{}, false, err
	}

	if cause[0] == "" {
		return table.Row{}, false, errs.New(errs.Invalid, "deliver for store %s: the message names no cause", store)
	}

	row := table.Row{
		Key:     tenant.Partition("sent", cause...).Key("mark"),
		Body:    []byte(`{}`),
		Expires: d.clock.Now().Add(sentFor),
	}

	switch _, err := d.scratch.Get(ctx, row.Key); errs.CodeOf(err) {
	case "":
		return row, true, nil
	case errs.NotFound:
		return row, false, nil
	default:
		return table.Row{}, false, errs.Context(err, "look whether %s was sent", row.Key)
	}
}

// markSent notes that something was sent. Sent it is: going back to the queue
// because of the note would send it again for sure.
func (d *Deliverer) markSent(ctx context.Context, done table.Row) {
	if err := d.scratch.Write(ctx, table.Create(done)); err != nil && !errs.Is(err, errs.Conflict) {
		slog.WarnContext(ctx, "sent, but not marked as sent", "error", err)
	}
}
