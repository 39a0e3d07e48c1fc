package chat

import (
	"context"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
)

// receive starts the transcription of a file: the progress message first, so
// that the person sees an answer at once, then the job that knows its number.
func (c *Chat) receive(ctx context.Context, r *request, file transcript.Source) error {
	if !audible(file) {
		return c.guide(ctx, r, r.words.html("unknown.document", nil))
	}

	if file.Size > telegram.MaxDownloadBytes {
		reason := r.words.html("error.too_big", errs.Args{"Limit": limitMB})

		return c.show(ctx, r, message.Text{HTML: r.words.html("job.refused", errs.Args{"Reason": markup(reason)})})
	}

	sentAt := time.Unix(r.message.Date, 0).UTC()
	asked := transcript.Job{
		ID:       transcript.JobID(r.storeID, r.chat, r.message.MessageID, sentAt),
		Language: r.words.language,
		Source:   file,
	}

	progress, err := c.Messenger.Send(ctx, r.here(), c.Catalog.Received(asked))
	if err != nil {
		return err
	}

	job, err := c.Transcripts.Start(ctx, transcript.Request{
		Store: r.storeID, Chat: r.chat, User: r.from.ID,
		Message: r.message.MessageID, SentAt: sentAt, Progress: progress,
		Language: r.words.language, Source: file, Cause: r.cause,
	})
	if err != nil {
		c.withdraw(ctx, r, progress)
	}

	if errs.Is(err, errs.Conflict) { // the update came before: its job is on its way
		slog.InfoContext(ctx, "job exists", "job", job.ID)

		return nil
	}

	if err != nil {
		return errs.Context(err, "start the transcription of message %d", r.message.MessageID)
	}

	slog.InfoContext(ctx, "job started", "job", job.ID, "kind", file.Kind, "bytes", file.Size)

	return nil
}

// withdraw removes a progress message that no job will ever change. Should the
// job exist after all, its result comes as a new message.
func (c *Chat) withdraw(ctx context.Context, r *request, progress int) {
	err := c.Messenger.Delete(ctx, message.Address{Store: r.storeID, Chat: r.chat, Message: progress})
	if err != nil {
		slog.WarnContext(ctx, "a progress message stays behind", "message", progress, "error", err)
	}
}

// audible reports whether a file may carry sound. Telegram says so of all but
// documents, whose senders name the type; what it does not know is judged by
// its ending.
func audible(file transcript.Source) bool {
	if file.Kind != transcript.Document {
		return true
	}

	kind, _, _ := strings.Cut(file.MimeType, "/")
	if kind == "audio" || kind == "video" {
		return true
	}

	switch file.MimeType {
	case "", "application/octet-stream", "application/ogg", "application/mp4", "application/x-matroska":
	default:
		return false
	}

	switch strings.ToLower(path.Ext(file.Name)) {
	case ".3gp", ".aac", ".aiff", ".amr", ".avi", ".flac", ".m4a", ".m4v", ".mkv", ".mov", ".mp3", ".mp4", ".mpeg",
		".mpg", ".oga", ".ogg", ".ogv", ".opus", ".wav", ".weba", ".webm", ".wma", ".wmv":
		return true
	default:
		return false
	}
}
