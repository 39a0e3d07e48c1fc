package chat

import (
	"context"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

// askDelete asks once, in a message of its own: the transcript stays readable.
func (c *Chat) askDelete(ctx context.Context, r *request) error {
	job, err := c.Transcripts.Get(ctx, r.storeID, r.from.ID, r.value(tapDelete))
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("toast.missing", nil)

		return nil
	}

	if err != nil {
		return err
	}

	if job.State.Open() {
		r.toast = r.words.plain("toast.delete_running", nil)

		return nil
	}

	_, err = c.Messenger.Send(ctx, r.here(), message.Text{
		HTML: r.words.html("delete.ask", errs.Args{"Title": r.words.listed(job)}),
		Buttons: [][]message.Button{{
			{Text: r.words.plain("button.erase", nil), Data: tapErase + job.ID + ":" + strconv.Itoa(r.tap.Message.GetMessageID())},
			{Text: r.words.plain("button.keep", nil), Data: tapClose},
		}},
	})

	return err
}

// deleteJob deletes a transcript for good, and takes its text from the message
// below which that was asked for: deliveries know only of the first one.
func (c *Chat) deleteJob(ctx context.Context, r *request) error {
	name, below, _ := strings.Cut(r.value(tapErase), ":")

	err := c.Transcripts.Delete(ctx, r.storeID, r.from.ID, name)
	if errs.Is(err, errs.Conflict) {
		r.toast = r.words.plain("toast.delete_running", nil)

		return nil
	}

	if err != nil {
		return err
	}

	if number, err := strconv.Atoi(below); err == nil {
		to := r.here()
		to.Message = number

		err := c.Messenger.Edit(ctx, to, c.Catalog.Deleted(transcript.Job{Language: r.words.language}))
		if err != nil && errs.Retryable(err) {
			return err
		}
	}

	return c.show(ctx, r, message.Text{
		HTML:    r.words.html("delete.done", nil),
		Buttons: [][]message.Button{{r.words.open("button.history", "history")}},
	})
}

func (c *Chat) askDeleteAll(ctx context.Context, r *request) error {
	return c.show(ctx, r, message.Text{
		HTML: r.words.html("delete.ask_all", nil),
		Buttons: [][]message.Button{
			{{Text: r.words.plain("button.erase_all", nil), Data: tapEraseAll}},
			r.words.backTo("history"),
		},
	})
}

// deleteAll has all transcripts of the person deleted; the message says so
// once it is done.
func (c *Chat) deleteAll(ctx context.Context, r *request) error {
	if err := c.show(ctx, r, message.Text{HTML: r.words.html("delete.running", nil)}); err != nil {
		return err
	}

	return c.Transcripts.DeleteAll(ctx, transcript.Erasure{
		Store: r.storeID, User: r.from.ID, Chat: r.chat, Message: r.tap.Message.GetMessageID(),
		Language: r.words.language, Cause: r.cause,
	})
}

// closeMessage removes the message whose button was tapped.
func (c *Chat) closeMessage(ctx context.Context, r *request) error {
	c.withdraw(ctx, r, r.tap.Message.GetMessageID())

	return nil
}

// Deleted takes the place of what a deleted job has shown.
func (c *Catalog) Deleted(job transcript.Job) message.Text {
	return message.Text{HTML: c.In(job.Language).html("delete.gone", nil)}
}

// AllDeleted says that all of a person's transcripts are deleted.
func (c *Catalog) AllDeleted(language string) message.Text {
	words := c.In(language)

	return message.Text{HTML: words.html("delete.all_done", nil), Buttons: words.homeButton()}
}
