package transcript_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

// reader is a world with a long result, whose rest is asked for.
func reader(t *testing.T) (*world, transcript.Job) {
	t.Helper()

	w := newWorld(t)
	w.provider.text = "One. Two. Three. Four."
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.readAll(job, "11"))

	return w, w.job(t, job.ID)
}

func (w *world) readAll(job transcript.Job, cause string) error {
	return w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job.ID, Rest: w.progressOf(job), Cause: cause})
}

func (w *world) progressOf(job transcript.Job) int {
	found, err := w.jobs.Get(w.ctx, kopi, person, job.ID)
	if err != nil {
		return 0
	}

	return found.Progress
}

// said gives the messages of the rest in the order in which they stand.
func (w *world) said() []string {
	var said []string

	for number := range w.messenger.last + 1 {
		if text := w.messenger.shown[number]; len(text) > 5 && text[:5] == "rest:" {
			said = append(said, text)
		}
	}

	return said
}

// finish lets the messages of the rest follow each other at their pace.
func (w *world) finish(t *testing.T) {
	t.Helper()

	for range 8 {
		w.run(t)
		w.clock.Advance(time.Second)
	}
}

func TestTheRestComesInOrderAndAtAPace(t *testing.T) {
	t.Parallel()

	w, job := reader(t)
	require.NoError(t, w.readAll(job, "12"), "a second tap")

	w.run(t)
	assert.Len(t, w.said(), 1, "one a second")
	w.clock.Advance(time.Second)
	w.run(t)
	assert.Len(t, w.said(), 2)
	w.finish(t)
	assert.Equal(t, []string{"rest: Two. ", "rest: Three. ", "rest: Four."}, w.said())
	assert.Equal(t, "result, read: One. Two. Three. Four.", w.messenger.shown[job.Progress], "the button is gone")

	require.NoError(t, w.readAll(job, "13"), "a tap on an old copy of the button")
	w.finish(t)
	assert.Len(t, w.said(), 3, "each is sent once")

	again := w.messenger.show(person, "result again")
	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person, Job: job.ID, Rest: again, Cause: "14"}))
	w.finish(t)
	assert.Len(t, w.said(), 6, "below another result it can be read again")
}

// A worker that dies at any place, or is told of an error, neither doubles nor
// loses a message: what it was at comes again.
func TestTheRestSurvivesItsWorker(t *testing.T) {
	t.Parallel()

	w, job := reader(t)
	first := w.take(t, queue.Deliveries)

	w.messenger.fail = func(string) error { return errs.New(errs.Limited, "429").After(time.Second) }
	requireCode(t, errs.Limited, w.deliverer.Handle(w.ctx, first))

	w.messenger.fail = nil
	for attempt := range 3 { // it dies behind its work, each time
		require.NoError(t, w.deliverer.Handle(w.ctx, at(first, attempt+2)))
		w.forward(t)
	}

	w.finish(t)
	assert.Equal(t, []string{"rest: Two. ", "rest: Three. ", "rest: Four."}, w.said())
	assert.Equal(t, "result, read: One. Two. Three. Four.", w.messenger.shown[job.Progress])
}

func TestTheRestThatCannotBeSent(t *testing.T) {
	t.Parallel()

	t.Run("blocked", func(t *testing.T) {
		t.Parallel()

		w, _ := reader(t)
		w.messenger.fail = func(string) error { return errBlocked }
		w.finish(t)
		assert.Empty(t, w.said())
		assert.Zero(t, w.messenger.count("unsent "))
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()

		w, _ := reader(t)
		refused := errors.New("400: can't parse entities")
		w.messenger.fail = func(call string) error {
			if call == "send" && refused != nil {
				failure := refused
				refused = nil

				return errs.Wrap(failure, errs.Invalid, "send")
			}

			return nil
		}
		w.finish(t)
		assert.Equal(t, 1, w.messenger.count("unsent "), "it is told, once")
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()

		w, job := reader(t)
		require.NoError(t, w.bucket.Delete(w.ctx, job.Result.Blob))
		w.finish(t)
		assert.Equal(t, 1, w.messenger.count("gone"))
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()

		w, job := reader(t)
		require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, job.ID))
		w.finish(t)
		assert.Empty(t, w.said())
	})
}

// The file that a person wants with each result comes behind it, once.
func TestTheFileThatComesAlong(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	request := w.request(5)
	request.Along = transcript.SubRip
	_, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)

	require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	require.NoError(t, w.handlers[queue.Transcriptions](w.ctx, w.take(t, queue.Transcriptions)))

	delivery := w.take(t, queue.Deliveries)
	require.NoError(t, w.deliverer.Handle(w.ctx, delivery))
	w.run(t)
	require.NoError(t, w.deliverer.Handle(w.ctx, at(delivery, 2)))
	w.run(t)
	require.Len(t, w.messenger.files, 1)
	assert.Equal(t, "rapat senin.srt", w.messenger.files[0].name)
}
