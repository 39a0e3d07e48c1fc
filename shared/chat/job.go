package chat

import (
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/transcript"
)

// What the buttons of a job say, with the job's id behind it.
const (
	tapCancel = "job:cancel:"
	tapRetry  = "job:retry:"
	tapShow   = "job:show:"
	tapRest   = "job:rest:"
	tapDelete = "job:delete:" // asks whether it is meant
	tapErase  = "job:erase:"  // it is meant
)

// tapFile is what the button says that sends a transcript as a file.
func tapFile(format transcript.Format) string { return "job:" + string(format) + ":" }

const (
	maxMessageUnits = 4096 // UTF-16 units that Telegram takes
	longQuoteUnits  = 600  // above it, a quote is folded until it is tapped
	maxTitleUnits   = 64
	// maxRest is how many messages may follow a result. A longer text is better
	// read as a file.
	maxRest = 15
)

var _ transcript.Texts = (*Catalog)(nil)

// Title is what the file of a job is called, without markup.
func (c *Catalog) Title(job transcript.Job) string { return title(c.In(job.Language), job) }

// Speaker is what a speaker is called.
func (c *Catalog) Speaker(job transcript.Job, number int) string {
	return c.In(job.Language).plain("job.speaker", errs.Args{"Number": number})
}

// Outlook is what can be told of a job before its work. Zero values are not
// known, and not shown.
type Outlook struct {
	Takes     time.Duration // until the result
	Allowance transcript.Allowance
}

// Received is the first answer to a file, while its job begins.
func (c *Catalog) Received(job transcript.Job, outlook Outlook) message.Text {
	words := c.In(job.Language)
	line := words.html("job.received", nil)

	if outlook.Takes >= time.Minute {
		line += "\n" + words.html("job.estimate", errs.Args{"Takes": words.duration(outlook.Takes.Round(time.Minute))})
	}

	if quota := outlook.Allowance; quota.Limit > 0 {
		line += "\n" + words.html("job.quota", errs.Args{"Left": words.length(quota.Left()), "Limit": words.length(quota.Limit)})
	}

	return running(words, job, line)
}

// Progress shows how far a job is, as far as that is known.
func (c *Catalog) Progress(job transcript.Job, at transcript.Progress) message.Text {
	words := c.In(job.Language)
	line := words.html("job.received", nil)

	switch at.Stage {
	case transcript.Downloading:
		line = bar(at.Percent) + " " + words.html("job.downloading", errs.Args{"Percent": clamp(at.Percent)})
	case transcript.Compressing:
		line = bar(at.Percent) + " " + words.html("job.compressing", errs.Args{"Percent": clamp(at.Percent)})
		if at.Bytes > 0 {
			line += " · " + words.html("job.compressed", errs.Args{"Size": words.size(at.Bytes)})
		}
	case transcript.Awaiting:
		line = words.html("job.awaiting", nil)
	case transcript.Transcribing:
		line = words.html("job.transcribing", nil)
		if at.Parts > 1 {
			line = bar(at.Part*hundred/at.Parts) + " " +
				words.html("job.part", errs.Args{"Part": min(at.Part+1, at.Parts), "Parts": at.Parts})
		}
	}

	if left := words.left(at.Left); left != "" {
		line += " · " + escape(left)
	}

	return running(words, job, line)
}

// left tells how long something will take; nothing where that is not known.
func (w Words) left(left time.Duration) string {
	switch {
	case left <= 0:
		return ""
	case left < time.Minute:
		return w.plain("job.soon", nil)
	default:
		return w.plain("job.left", errs.Args{"Left": w.duration(left.Round(time.Minute))})
	}
}

const hundred = 100

func clamp(percent int) int { return min(max(percent, 0), hundred) }

// running is the progress message of a job that can still be cancelled.
func running(words Words, job transcript.Job, line string) message.Text {
	return message.Text{
		HTML:    "🎧 " + describe(words, job) + "\n" + line,
		Buttons: [][]message.Button{{{Text: words.plain("button.cancel", nil), Data: tapCancel + job.ID}}},
	}
}

// bar draws 0 to 100 percent in ten steps.
func bar(percent int) string {
	const steps = 10

	done := clamp(percent) * steps / hundred

	return strings.Repeat("▰", done) + strings.Repeat("▱", steps-done)
}

// describe gives the file of a job: name, length, size, as far as known.
func describe(words Words, job transcript.Job) string {
	return joined(title(words, job), words.duration(job.Source.Duration), words.size(job.Source.Size))
}

// joined puts texts into one line of HTML and leaves out the empty ones.
func joined(texts ...string) string {
	var shown []string

	for _, text := range texts {
		if text != "" {
			shown = append(shown, escape(text))
		}
	}

	return strings.Join(shown, " · ")
}

// title is what a job is called: its file's name, or what kind of file it is.
func title(words Words, job transcript.Job) string {
	name := job.Title()
	if name == "" {
		return kindName(words, job.Source.Kind)
	}

	short, cut := fit(message.FileName(name), maxTitleUnits)
	if cut {
		short += "…"
	}

	return short
}

func kindName(words Words, kind transcript.Kind) string {
	switch kind {
	case transcript.Voice:
		return words.plain("kind.voice", nil)
	case transcript.Audio:
		return words.plain("kind.audio", nil)
	case transcript.Video:
		return words.plain("kind.video", nil)
	case transcript.VideoNote:
		return words.plain("kind.video_note", nil)
	case transcript.Document:
		return words.plain("kind.document", nil)
	default:
		return words.plain("kind.document", nil)
	}
}

// Failure tells that a job could not be done: why, where that is known, else
// with a way to try again.
func (c *Catalog) Failure(job transcript.Job) message.Text {
	words := c.In(job.Language)
	told := message.Text{HTML: "🎧 " + describe(words, job) + "\n\n"}

	if job.Reason != "" {
		told.HTML += words.html("job.refused", errs.Args{"Reason": markup(words.html(job.Reason, job.Args))})

		return told
	}

	told.HTML += words.html("job.failed", nil)
	if job.Reference != "" {
		told.HTML += "\n" + words.html("job.reference", errs.Args{"Reference": job.Reference})
	}

	told.Buttons = [][]message.Button{{{Text: words.plain("button.retry", nil), Data: tapRetry + job.ID}}}

	return told
}

// Cancelled takes the place of the progress message of a job that its person
// did not want any more.
func (c *Catalog) Cancelled(job transcript.Job) message.Text {
	words := c.In(job.Language)

	return message.Text{HTML: "🎧 " + describe(words, job) + "\n" + words.html("job.cancelled", nil)}
}

// Caption is what stands below a transcript that is sent as a file.
func (c *Catalog) Caption(job transcript.Job, _ transcript.Format) message.Text {
	words := c.In(job.Language)

	return message.Text{HTML: words.html("job.caption", errs.Args{"Title": title(words, job)})}
}

// Unsent tells that a transcript could not be sent as a file, with what finds
// the log line.
func (c *Catalog) Unsent(job transcript.Job, reference string) message.Text {
	words := c.In(job.Language)

	return message.Text{
		HTML: words.html("job.unsent", errs.Args{"Title": title(words, job)}) +
			"\n" + words.html("job.reference", errs.Args{"Reference": reference}),
		Buttons: [][]message.Button{{{Text: words.plain("button.retry", nil), Data: tapShow + job.ID}}},
	}
}

// Gone tells that a transcript is not kept any more.
func (c *Catalog) Gone(job transcript.Job) message.Text {
	words := c.In(job.Language)

	return message.Text{
		HTML:    words.html("job.gone", errs.Args{"Title": title(words, job)}),
		Buttons: [][]message.Button{{words.delete(job)}},
	}
}

// keptDays is how many days a transcript can be had again at least.
func keptDays() int {
	const day = 24 * time.Hour

	return int(transcript.KeptFor / day)
}
