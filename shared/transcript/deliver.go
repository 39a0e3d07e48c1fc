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
		bucket: bucket, scratch: scratch, clock: now,
	}
}

// Handle delivers what a message asks for: the outcome of a job, or a file of
// its transcript.
func (d *Deliverer) Handle(ctx context.Context, delivery queue.Delivery) error {
	var wish export
	if err := json.Unmarshal(delivery.Body, &wish); err == nil && (wish.Format != "" || wish.Again) {
		return d.send(ctx, wish, delivery)
	}

	of, err := decodeTicket(delivery)
	if err != nil {
		return err
	}

	job, err := d.jobs.Get(ctx, of.Store, of.User, of.Job)
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
func (d *Deliverer) send(ctx context.Context, wish export, delivery queue.Delivery) error {
	ctx = logging.With(ctx, logging.Store, wish.Store, logging.Job, wish.Job)

	done, err := d.mark(wish.Store, delivery.Attrs[queue.AttrCause])
	if err != nil {
		return err
	}

	switch _, err := d.scratch.Get(ctx, done.Key); errs.CodeOf(err) {
	case "":
		slog.InfoContext(ctx, "skipped: sent already")

		return nil
	case errs.NotFound:
	default:
		return errs.Context(err, "look whether file of job %s was sent", wish.Job)
	}

	job, err := d.jobs.Get(ctx, wish.Store, wish.User, wish.Job)
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

	if err := d.scratch.Write(ctx, table.Create(done)); err != nil && !errs.Is(err, errs.Conflict) {
		// Sent it is; going back to the queue would send it again for sure.
		slog.WarnContext(ctx, "sent, but not marked as sent", "error", err)
	}

	slog.InfoContext(ctx, "file sent", "format", wish.Format)

	return nil
}

// giveUp tells the person that a file cannot be sent, who has been waiting for
// it since the tap.
func (d *Deliverer) giveUp(ctx context.Context, job Job, wish export, delivery queue.Delivery, cause error) error {
	reference := id.Reference(job.Store, delivery.Attrs[queue.AttrCause])
	slog.ErrorContext(logging.With(ctx, logging.Ref, reference), "file not sent", "format", wish.Format, "error", cause)

	job.Language = cmp.Or(wish.Language, job.Language)

	_, err := d.messenger.Send(ctx, message.Address{Store: job.Store, Chat: job.Chat}, d.texts.Unsent(job, reference))
	if err != nil && !errs.Is(err, errs.Unauthorized) {
		return fmt.Errorf("tell that job %s could not be sent: %w", job.ID, err)
	}

	return nil
}

func (d *Deliverer) sendWish(ctx context.Context, job Job, wish export) error {
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

func (d *Deliverer) mark(store, cause string) (table.Row, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Row{}, err
	}

	if cause == "" {
		return table.Row{}, errs.New(errs.Invalid, "deliver for store %s: the message names no cause", store)
	}

	return table.Row{
		Key:     tenant.Partition("sent", cause).Key("mark"),
		Body:    []byte(`{}`),
		Expires: d.clock.Now().Add(sentFor),
	}, nil
}
