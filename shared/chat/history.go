package chat

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	pageItems = 6
	// historyDepth is how many jobs the history goes back: ten pages.
	historyDepth = 60
)

func (c *Chat) history(ctx context.Context, r *request) error { return c.showPage(ctx, r, 1) }

func (c *Chat) turnPage(ctx context.Context, r *request) error {
	page, err := strconv.Atoi(r.value(tapHistory))
	if err != nil {
		return c.oldTap(ctx, r)
	}

	return c.showPage(ctx, r, page)
}

// showPage shows a page of the person's jobs, the nearest there is.
func (c *Chat) showPage(ctx context.Context, r *request, page int) error {
	jobs, more, err := c.newest(ctx, r)
	if err != nil {
		return err
	}

	if len(jobs) == 0 {
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("history.empty", nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	}

	pages := (len(jobs) + pageItems - 1) / pageItems
	page = min(max(page, 1), pages)
	shown := jobs[(page-1)*pageItems : min(page*pageItems, len(jobs))]

	html := r.words.html("history.title", nil)
	if pages > 1 {
		html += "\n" + r.words.html("history.page", errs.Args{"Page": page, "Pages": pages})
	}

	if more && page == pages {
		html += " · " + r.words.html("history.newest", errs.Args{"Count": len(jobs)})
	}

	return c.show(ctx, r, message.Text{
		HTML:    html + "\n\n" + r.words.html("history.hint", nil),
		Buttons: r.words.historyButtons(shown, r.store.TimeZone, page, pages),
	})
}

// newest reads the person's newest jobs, and whether there are more.
func (c *Chat) newest(ctx context.Context, r *request) ([]transcript.Job, bool, error) {
	var (
		jobs   []transcript.Job
		cursor string
	)

	for {
		page, err := c.Transcripts.History(ctx, r.storeID, r.from.ID, cursor, historyDepth-len(jobs))
		if err != nil {
			return nil, false, errs.Context(err, "read the history of user %d", r.from.ID)
		}

		jobs, cursor = append(jobs, page.Jobs...), page.Next
		if cursor == "" || len(jobs) >= historyDepth {
			return jobs, cursor != "", nil
		}
	}
}

// historyButtons are one row for each job, one to turn the page, and back.
func (w Words) historyButtons(jobs []transcript.Job, zone string, page, pages int) [][]message.Button {
	var rows [][]message.Button

	for _, job := range jobs {
		label := w.stateSign(job.State) + " " + w.moment(job.CreatedAt, zone) + " · " + w.listed(job)
		rows = append(rows, []message.Button{{Text: label, Data: tapShow + job.ID}})
	}

	var turn []message.Button
	if page > 1 {
		turn = append(turn, message.Button{Text: w.plain("button.newer", nil), Data: tapHistory + strconv.Itoa(page-1)})
	}

	if page < pages {
		turn = append(turn, message.Button{Text: w.plain("button.older", nil), Data: tapHistory + strconv.Itoa(page+1)})
	}

	if turn != nil {
		rows = append(rows, turn)
	}

	return append(rows, w.backTo("home"))
}

// listed names a job in a list: by its file's name or, as voice messages have
// none, by its first words.
func (w Words) listed(job transcript.Job) string {
	const maxUnits = 28

	if job.Title() != "" || job.Result == nil || job.Result.Preview == "" {
		return title(w, job)
	}

	words, cut := fit(job.Result.Preview, maxUnits)
	if cut {
		words += "…"
	}

	return words
}

func (w Words) stateSign(state transcript.State) string {
	switch state {
	case transcript.Waiting, transcript.Downloaded, transcript.Transcribed:
		return w.plain("state.open", nil)
	case transcript.Delivered:
		return w.plain("state.done", nil)
	case transcript.Failed, transcript.Apologised:
		return w.plain("state.failed", nil)
	case transcript.Cancelled:
		return w.plain("state.cancelled", nil)
	default:
		return w.plain("state.open", nil)
	}
}

// showJob brings the result of a past job again, or says how it stands.
func (c *Chat) showJob(ctx context.Context, r *request) error {
	job, err := c.Transcripts.Get(ctx, r.storeID, r.from.ID, r.value(tapShow))
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("toast.missing", nil)

		return nil
	}

	if err != nil {
		return err
	}

	switch job.State {
	case transcript.Delivered:
		r.toast = r.words.plain("toast.sending", nil)

		return c.Transcripts.Send(ctx, r.wish(job.ID, ""))
	case transcript.Failed, transcript.Apologised:
		job.Language = r.words.language
		_, err := c.Messenger.Send(ctx, r.here(), c.Catalog.Failure(job))

		return err
	case transcript.Cancelled:
		r.toast = r.words.plain("toast.no_result", nil)
	case transcript.Waiting, transcript.Downloaded, transcript.Transcribed:
		r.toast = r.words.plain("toast.running", nil)
	}

	return nil
}

// wish asks for what a job has brought, in the language that the person reads
// now.
func (r *request) wish(job string, format transcript.Format) transcript.Wish {
	return transcript.Wish{
		Store: r.storeID, User: r.from.ID, Job: job, Format: format, Language: r.words.language, Cause: r.cause,
	}
}

func (c *Chat) exportText(ctx context.Context, r *request) error {
	return c.export(ctx, r, r.value(tapText), transcript.Text)
}

func (c *Chat) exportSRT(ctx context.Context, r *request) error {
	return c.export(ctx, r, r.value(tapSRT), transcript.SubRip)
}

func (c *Chat) export(ctx context.Context, r *request, job string, format transcript.Format) error {
	err := c.Transcripts.Send(ctx, r.wish(job, format))

	switch {
	case errs.Is(err, errs.NotFound):
		r.toast = r.words.plain("toast.missing", nil)
	case errs.Is(err, errs.Conflict):
		r.toast = r.words.plain("toast.no_result", nil)
	case err != nil:
		return err
	default:
		r.toast = r.words.plain("toast.sending", nil)
	}

	return nil
}

// cancel stops all of the person's jobs that can still be stopped.
func (c *Chat) cancel(ctx context.Context, r *request) error {
	stopped, err := c.Transcripts.Cancel(ctx, r.storeID, r.from.ID)
	if err != nil {
		return errs.Context(err, "cancel the jobs of user %d", r.from.ID)
	}

	for _, job := range stopped {
		c.showCancelled(ctx, r, job)
	}

	text := r.words.html("cancel.nothing", nil)
	if len(stopped) > 0 {
		text = r.words.counted("cancel.done", len(stopped))
	}

	return c.show(ctx, r, message.Text{HTML: text, Buttons: r.words.homeButton()})
}

// cancelJob stops the job of the progress message whose button was tapped.
func (c *Chat) cancelJob(ctx context.Context, r *request) error {
	job, err := c.Transcripts.CancelOne(ctx, r.storeID, r.from.ID, r.value(tapCancel))

	switch {
	case errs.Is(err, errs.NotFound):
		r.toast = r.words.plain("toast.missing", nil)
	case errs.Is(err, errs.Conflict) && job.State == transcript.Cancelled: // a second tap, or the first one again
		c.showCancelled(ctx, r, job)
	case errs.Is(err, errs.Conflict):
		r.toast = r.words.plain("cancel.late", nil)
	case err != nil:
		return err
	default:
		c.showCancelled(ctx, r, job)
	}

	return nil
}

// showCancelled takes the buttons from a job's progress message. The job is
// stopped either way.
func (c *Chat) showCancelled(ctx context.Context, r *request, job transcript.Job) {
	to := message.Address{Store: r.storeID, Chat: job.Chat, Message: job.Progress}

	if err := c.Messenger.Edit(ctx, to, c.Catalog.Cancelled(job)); err != nil {
		slog.InfoContext(ctx, "cancelling not shown", "job", job.ID, "error", err)
	}
}

// retryJob begins a failed job anew. The message changes first: once the job
// runs, its workers alone change the message.
func (c *Chat) retryJob(ctx context.Context, r *request) error {
	job, err := c.Transcripts.Get(ctx, r.storeID, r.from.ID, r.value(tapRetry))
	if errs.Is(err, errs.NotFound) {
		r.toast = r.words.plain("toast.missing", nil)

		return nil
	}

	if err != nil {
		return err
	}

	if job.State == transcript.Failed || job.State == transcript.Apologised {
		c.showRetry(ctx, r, job)
	}

	_, err = c.Transcripts.Retry(ctx, r.storeID, r.from.ID, job.ID, c.terms(r))
	if errs.Is(err, errs.Conflict) {
		r.toast = r.words.plain("toast.retry_late", nil)

		return nil
	}

	if _, _, ok := errs.Sentence(err); ok {
		again := message.Button{Text: r.words.plain("button.retry", nil), Data: tapRetry + job.ID}

		return c.refuse(ctx, r, r.tap.Message.GetMessageID(), err, again)
	}

	if err == nil {
		r.toast = r.words.plain("toast.again", nil)
	}

	return err
}

// showRetry puts the progress in the place of the apology whose button was
// tapped. Tapped below another message, the old one is removed, so that the
// result comes as a new message instead of far above.
func (c *Chat) showRetry(ctx context.Context, r *request, job transcript.Job) {
	tapped := r.here()
	tapped.Message = r.tap.Message.GetMessageID()

	text := c.Catalog.Received(job)

	if tapped.Message != job.Progress {
		c.withdraw(ctx, r, job.Progress)

		text = message.Text{HTML: r.words.html("job.again", nil)}
	}

	if err := c.Messenger.Edit(ctx, tapped, text); err != nil {
		slog.InfoContext(ctx, "new try not shown", "job", job.ID, "error", err)
	}
}
