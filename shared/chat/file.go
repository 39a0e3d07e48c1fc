package chat

import (
	"context"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/transcript"
)

// receive starts the transcription of a file: the progress message first, so
// that the person sees an answer at once, then the job that knows its number.
func (c *Chat) receive(ctx context.Context, r *request, file transcript.Source) error {
	if !r.transcribes() && !audible(file) {
		return c.guide(ctx, r, r.words.html("feature.unknown", nil))
	}

	if !audible(file) {
		return c.guide(ctx, r, r.words.html("unknown.document", nil))
	}

	terms := c.terms(r)

	if err := terms.Admit(file); err != nil {
		return c.refuse(ctx, r, 0, err)
	}

	sentAt := r.sentAt()
	asked := transcript.Job{
		ID:       transcript.JobID(r.storeID, r.chat, r.message.MessageID, sentAt),
		Language: r.words.language,
		Source:   file,
	}

	progress, err := c.Messenger.Send(ctx, r.here(), c.Catalog.Received(asked, c.outlook(ctx, r, file, terms)))
	if err != nil {
		return err
	}

	prefers := c.preferences(r)

	job, err := c.Transcripts.Start(ctx, transcript.Request{
		Store: r.storeID, Chat: r.chat, User: r.from.ID,
		Message: r.message.MessageID, SentAt: sentAt, Progress: progress,
		Language: r.words.language, Source: file, Premium: r.user.Premium(c.Clock.Now()), Terms: terms, Cause: r.cause,
		Options: transcript.Options{Language: prefers.Spoken, Model: prefers.Model, Speakers: prefers.Speakers},
		Along:   transcript.Format(prefers.Along),
	})

	if _, _, ok := errs.Sentence(err); ok {
		return c.refuse(ctx, r, progress, err)
	}

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

const (
	// estimatedFrom is how long a recording lasts at least for which it is worth
	// to look how long it will take.
	estimatedFrom = 5 * time.Minute
	// estimatedBy is how many of a person's last jobs tell that.
	estimatedBy = 12
)

// outlook tells what is known before the work. What cannot be read is left out:
// the person waits for an answer.
func (c *Chat) outlook(ctx context.Context, r *request, file transcript.Source, terms transcript.Terms) Outlook {
	var found Outlook

	if terms.Tier.Daily > 0 {
		allowance, err := c.Transcripts.Allowance(ctx, r.storeID, r.from.ID, terms)
		if err != nil {
			slog.WarnContext(ctx, "quota not told", "error", err)
		}

		found.Allowance = allowance
	}

	if file.Duration < estimatedFrom {
		return found
	}

	jobs, _, err := c.Transcripts.Turn(ctx, transcript.Turn{Store: r.storeID, User: r.from.ID, Limit: estimatedBy})
	if err != nil {
		slog.WarnContext(ctx, "estimate not told", "error", err)
	}

	found.Takes = time.Duration(pace(jobs) * float64(file.Duration))

	return found
}

// pace is how long a second of a recording took, the median of the jobs that
// were heard for it. 0 where there are none.
func pace(jobs []transcript.Job) float64 {
	var paces []float64

	for _, job := range jobs {
		if job.State != transcript.Delivered || job.Result == nil || job.Result.Cached || job.Result.Duration < estimatedFrom {
			continue
		}

		paces = append(paces, float64(job.UpdatedAt.Sub(job.CreatedAt))/float64(job.Result.Duration))
	}

	if len(paces) == 0 {
		return 0
	}

	slices.Sort(paces)

	return paces[len(paces)/2]
}

// refuse tells why a job does not begin, by a refusal that has a sentence: in
// the place of a message of that number, or as a new one.
func (c *Chat) refuse(ctx context.Context, r *request, number int, refusal error, buttons ...message.Button) error {
	slog.InfoContext(ctx, "job refused", "because", refusal)
	c.Metrics.Put("JobsRefused", 1, metric.Count, nil)

	key, args, _ := errs.Sentence(refusal)
	text := message.Text{HTML: r.words.html("job.refused", errs.Args{"Reason": markup(r.words.html(key, args))})}

	if len(buttons) > 0 {
		text.Buttons = [][]message.Button{buttons}
	}

	to := r.here()
	to.Message = number

	if number != 0 {
		err := c.Messenger.Edit(ctx, to, text)
		if !errs.Is(err, errs.NotFound) {
			return err
		}
	}

	_, err := c.Messenger.Send(ctx, r.here(), text)

	return err
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
