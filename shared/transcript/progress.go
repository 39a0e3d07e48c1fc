package transcript

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// progressEvery is how often a progress message changes at most.
	progressEvery = 3 * time.Second
	// editFor is how long one change of it may take: work does not wait for
	// Telegram, and a later change says more.
	editFor = 2 * time.Second
)

// progress edits the person's progress message, unless the job has moved on
// and shows something better. Conflict then; a message that cannot be edited
// is worth a log line only.
func (s step) progress(ctx context.Context, job Job, at Progress) error {
	_, err := s.editProgress(ctx, job, at)

	return err
}

// editProgress gives how long Telegram wants to be left alone. The zero
// Progress is not shown.
func (s step) editProgress(ctx context.Context, job Job, at Progress) (time.Duration, error) {
	if _, err := s.jobs.current(ctx, ticketOf(job), job.State); errors.Is(err, errSuperseded) {
		return 0, err
	}

	if job.Progress == 0 || at == (Progress{}) {
		return 0, nil
	}

	ctx, cancel := context.WithTimeout(ctx, editFor)
	defer cancel()

	if err := s.messenger.Edit(ctx, addressOf(job), s.texts.Progress(job, at)); err != nil {
		slog.InfoContext(ctx, "progress not shown", "error", err)

		return errs.RetryAfter(err), nil
	}

	return 0, nil
}

// display shows how far a job is beside the work on it, which never waits for
// it. It also looks, as often, whether the job is still wanted, and ends the
// work where it is not.
type display struct {
	stop func()
	done chan struct{}
}

// display begins to show the progress of a job; at is asked for it every few
// seconds, the zero Progress shows nothing. The caller closes the display
// before the job moves on.
func (s step) display(ctx context.Context, job Job, holding *hold, at func() Progress) *display {
	stopped := make(chan struct{})
	shown := &display{stop: sync.OnceFunc(func() { close(stopped) }), done: make(chan struct{})}

	go func() {
		defer close(shown.done)

		s.keepShowing(ctx, job, holding, at, stopped)
	}()

	return shown
}

// close ends the display. An edit on its way is waited for, so that it does
// not take effect after the outcome is shown.
func (d *display) close() {
	d.stop()
	<-d.done
}

func (s step) keepShowing(ctx context.Context, job Job, holding *hold, at func() Progress, stopped <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()

	last := at()        // as far as it is when the work begins, nothing new is to be told
	var quiet time.Time // Telegram wants to be left alone until then

	for {
		select {
		case <-ctx.Done():
			return
		case <-stopped:
			return
		case <-ticker.C:
		}

		now := at()
		if now == last || time.Now().Before(quiet) {
			now = Progress{}
		}

		wait, err := s.editProgress(ctx, job, now)
		if err != nil {
			holding.lose(err)

			return
		}

		if now != (Progress{}) {
			last, quiet = now, time.Now().Add(wait)
		}
	}
}
