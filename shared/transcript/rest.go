package transcript

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/queue"
)

// restEvery is the pace of messages that follow each other: Telegram takes
// about one a second in a chat.
const restEvery = time.Second

// sendRest sends one message of the rest of a text and has the next one sent.
// Each is a delivery of its own, in order, and marked when it was sent: a
// worker that dies between two of them costs none and doubles none.
func (d *Deliverer) sendRest(ctx context.Context, asked order, delivery queue.Delivery) error {
	ctx = logging.With(ctx, logging.Store, asked.Store, logging.Job, asked.Job)
	which := *asked.Rest

	job, err := d.jobs.Get(ctx, asked.Store, asked.User, asked.Job)
	if errs.Is(err, errs.NotFound) {
		slog.InfoContext(ctx, "rest not sent: the job was deleted meanwhile")

		return nil
	}

	if err != nil {
		return err
	}

	job.Language = cmp.Or(asked.Language, job.Language)

	err = d.sendPart(ctx, job, which)
	if errs.Is(err, errs.Unauthorized) {
		slog.InfoContext(ctx, "not sent: the person has blocked the bot", "error", err)

		return nil
	}

	if err != nil && !triesAgain(Waiting, err, delivery.Attempt) {
		return d.giveUp(ctx, job, asked, delivery, err)
	}

	return err
}

func (d *Deliverer) sendPart(ctx context.Context, job Job, which rest) error {
	to := message.Address{Store: job.Store, Chat: job.Chat}

	result, err := load(ctx, d.bucket, job.Result.Blob)
	gone := errs.Is(err, errs.NotFound)

	if err != nil && !gone {
		return err
	}

	parts := d.texts.Rest(job, result)
	if gone {
		parts = []message.Text{d.texts.Gone(job)}
	}

	if which.Number < len(parts) {
		if err := d.sendOnce(ctx, to, parts[which.Number], job.ID, which); err != nil {
			return err
		}
	}

	if which.Number+1 < len(parts) {
		next := rest{Message: which.Message, Number: which.Number + 1}

		return d.jobs.sendRest(ctx, ticketOf(job), next, job.Language, restEvery)
	}

	if gone {
		return nil
	}

	// All is there: the button that has asked for it has done its duty.
	to.Message = which.Message

	if err := d.messenger.Edit(ctx, to, d.texts.Read(job, result)); err != nil {
		slog.InfoContext(ctx, "button not removed", "error", err)
	}

	return nil
}

// sendOnce sends one message of the rest of a text, unless it was sent.
func (d *Deliverer) sendOnce(ctx context.Context, to message.Address, text message.Text, job string, which rest) error {
	done, sent, err := d.mark(ctx, to.Store, job, "rest", strconv.Itoa(which.Message), strconv.Itoa(which.Number))
	if err != nil || sent {
		return err
	}

	if _, err := d.messenger.Send(ctx, to, text); err != nil {
		return fmt.Errorf("send message %d of the rest of job %s: %w", which.Number+1, job, err)
	}

	d.markSent(ctx, done)

	return nil
}
