package chat

import (
	"context"
	"log/slog"
	"strconv"
	"strings"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

// pageItems is how many jobs a page of the history shows.
const pageItems = 6

// place is a page of the history as buttons name it: its number and the job
// that it lies next to, such as "3:older:DC0KG005JKN4MA3". The first page is "1".
type place struct {
	number int
	newer  bool // it lies before the job, not behind it
	job    string
}

func readPlace(text string) (place, bool) {
	number, beside, _ := strings.Cut(text, ":")
	side, job, found := strings.Cut(beside, ":")

	at, err := strconv.Atoi(number)
	if err != nil || at < 1 || found && side != "newer" && side != "older" {
		return place{}, false
	}

	if !found { // the first one, whatever its number: buttons of earlier versions have no more
		return place{number: 1}, true
	}

	return place{number: at, newer: side == "newer", job: job}, true
}

// button leads to the page; tap is what stands before the place.
func (p place) button(tap, label string) message.Button {
	data := strconv.Itoa(p.number)

	switch {
	case p.newer:
		data += ":newer:" + p.job
	case p.job != "":
		data += ":older:" + p.job
	}

	return message.Button{Text: label, Data: tap + data}
}

func (c *Chat) history(ctx context.Context, r *request) error {
	return c.showPage(ctx, r, place{number: 1})
}

func (c *Chat) turnPage(ctx context.Context, r *request) error {
	page, ok := readPlace(r.value(tapHistory))
	if !ok {
		return c.oldTap(ctx, r)
	}

	return c.showPage(ctx, r, page)
}

// showPage shows a page of the person's jobs.
func (c *Chat) showPage(ctx context.Context, r *request, page place) error {
	jobs, more, err := c.Transcripts.Turn(ctx, transcript.Turn{
		Store: r.storeID, User: r.from.ID, From: page.job, Newer: page.newer, Limit: pageItems,
	})
	if err != nil {
		return errs.Context(err, "read the history of user %d", r.from.ID)
	}

	first := page.job == ""

	switch {
	case first && len(jobs) == 0:
		return c.show(ctx, r, message.Text{
			HTML: r.words.html("history.empty", nil), Buttons: [][]message.Button{r.words.backTo("home")},
		})
	case !first && (len(jobs) == 0 || page.newer && (!more || page.number == 1)):
		// The newest ones, or what is left of them: the first page, which is a full one.
		return c.showPage(ctx, r, place{number: 1})
	}

	older := more || page.newer
	html := r.words.html("history.title", nil)

	switch {
	case older:
		html += "\n" + r.words.html("history.page", errs.Args{"Page": page.number})
	case !first:
		html += "\n" + r.words.html("history.last_page", errs.Args{"Page": page.number})
	}

	var turn []message.Button
	if !first {
		turn = append(turn, place{max(page.number-1, 1), true, jobs[0].ID}.button(tapHistory, r.words.plain("button.newer", nil)))
	}

	if older {
		turn = append(turn, place{page.number + 1, false, jobs[len(jobs)-1].ID}.button(tapHistory, r.words.plain("button.older", nil)))
	}

	return c.show(ctx, r, message.Text{
		HTML:    html + "\n\n" + r.words.html("history.hint", nil),
		Buttons: r.words.historyButtons(jobs, r.store.TimeZone, turn),
	})
}

// historyButtons are one row for each job, one to turn the page, and one for
// all: at most eight.
func (w Words) historyButtons(jobs []transcript.Job, zone string, turn []message.Button) [][]message.Button {
	var rows [][]message.Button

	for _, job := range jobs {
		label := w.stateSign(job.State) + " " + w.moment(job.CreatedAt, zone) + " · " + w.listed(job)
		rows = append(rows, []message.Button{{Text: label, Data: tapShow + job.ID}})
	}

	if turn != nil {
		rows = append(rows, turn)
	}

	return append(rows, append(w.backTo("home"), message.Button{Text: w.plain("button.delete_all", nil), Data: tapDeleteAll}))
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
		text := c.Catalog.Failure(job)

		if job.State == transcript.Apologised {
			text.Buttons = append(text.Buttons, []message.Button{r.words.delete(job)})
		}

		_, err := c.Messenger.Send(ctx, r.here(), text)

		return err
	case transcript.Cancelled:
		job.Language = r.words.language
		text := c.Catalog.Cancelled(job)
		text.Buttons = [][]message.Button{{r.words.delete(job)}}

		_, err := c.Messenger.Send(ctx, r.here(), text)

		return err
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

// export sends a transcript as a file.
func export(format transcript.Format) func(*Chat, context.Context, *request) error {
	return func(c *Chat, ctx context.Context, r *request) error {
		return c.send(ctx, r, r.wish(r.value(tapFile(format)), format))
	}
}

// sendRest sends what the result whose button was tapped has no room for.
func (c *Chat) sendRest(ctx context.Context, r *request) error {
	wish := r.wish(r.value(tapRest), "")
	wish.Rest = r.tap.Message.GetMessageID()

	return c.send(ctx, r, wish)
}

func (c *Chat) send(ctx context.Context, r *request, wish transcript.Wish) error {
	err := c.Transcripts.Send(ctx, wish)

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

	if r.transcribes() && (job.State == transcript.Failed || job.State == transcript.Apologised) {
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

	text := c.Catalog.Received(job, Outlook{})

	if tapped.Message != job.Progress {
		c.withdraw(ctx, r, job.Progress)

		text = message.Text{HTML: r.words.html("job.again", nil)}
	}

	if err := c.Messenger.Edit(ctx, tapped, text); err != nil {
		slog.InfoContext(ctx, "new try not shown", "job", job.ID, "error", err)
	}
}
