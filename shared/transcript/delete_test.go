package transcript_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/transcript"
)

// stored gives the keys of all that the bucket holds.
func (w *world) stored(t tester) []string {
	t.Helper()

	page, err := w.bucket.List(w.ctx, "", "", blob.MaxPageKeys)
	require.NoError(t, err)

	var keys []string
	for _, object := range page.Objects {
		keys = append(keys, object.Key)
	}

	return keys
}

// cached gives the keys of what scratch remembers of transcripts.
func (w *world) cached() []string {
	var keys []string

	for _, row := range w.scratch.All() {
		if strings.Contains(row.Key.PK(), "#transcript#") {
			keys = append(keys, row.Key.String())
		}
	}

	return keys
}

func TestDeletedIsGone(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NotEmpty(t, w.stored(t))
	require.NotEmpty(t, w.cached())

	for range 2 { // doing it again is fine
		require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, job.ID))

		_, err := w.jobs.Get(w.ctx, kopi, person, job.ID)
		requireCode(t, errs.NotFound, err)

		w.run(t)
		assert.Empty(t, w.stored(t))
		assert.Empty(t, w.cached())
		assert.Equal(t, "deleted", w.messenger.shown[job.Progress], "the text leaves the chat too")
	}

	w.clock.Advance(time.Second)
	w.start(t)
	w.run(t)
	assert.Equal(t, 2, w.provider.calls, "the cache has forgotten it as well")
}

func TestWhatRunsIsNotDeleted(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	requireCode(t, errs.Conflict, w.jobs.Delete(w.ctx, kopi, person, job.ID))
	require.NoError(t, w.downloader.Handle(w.ctx, w.take(t, queue.Downloads)))
	requireCode(t, errs.Conflict, w.jobs.Delete(w.ctx, kopi, person, job.ID))
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
	requireCode(t, errs.Invalid, w.jobs.Delete(w.ctx, "../kopi", person, job.ID))
}

func TestDeletionIsOnlyOfOnesOwn(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.jobs.Delete(w.ctx, kopi, person+1, job.ID), "they have none such")
	w.run(t)
	assert.Equal(t, transcript.Delivered, w.job(t, job.ID).State)
	assert.NotEmpty(t, w.stored(t))
}

// Another person's transcript of the same file stays, though the cache forgets
// the file.
func TestDeletionLeavesTheTranscriptsOfOthers(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	first := w.start(t)
	w.run(t)

	request := w.request(9)
	request.User, request.Chat = person+1, person+1
	second, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)
	require.Equal(t, 1, w.provider.calls)

	require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, first.ID))
	w.run(t)

	stored := w.stored(t)
	require.Len(t, stored, 1)
	assert.Contains(t, stored[0], second.ID)

	require.NoError(t, w.jobs.Send(w.ctx, transcript.Wish{Store: kopi, User: person + 1, Job: second.ID, Cause: "7"}))
	w.run(t)
	assert.Zero(t, w.messenger.count("gone"))
}

// A worker that does not know yet that its job was cancelled may store
// something behind the deletion: it goes a while later.
func TestWhatLateWorkStoresGoesToo(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	delivery := w.take(t, queue.Downloads)

	_, err := w.jobs.CancelOne(w.ctx, kopi, person, job.ID)
	require.NoError(t, err)
	require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, job.ID))
	w.run(t)

	w.put(t, "media/"+kopi+"/"+job.ID+"/1", "late")
	w.put(t, "transcripts/"+kopi+"/1001/"+job.ID+".json", "late")
	require.NoError(t, w.downloader.Handle(w.ctx, delivery), "a message of the deleted job comes to nothing")
	require.NoError(t, w.downloader.Handle(w.ctx, at(delivery, 2)))
	require.Len(t, w.stored(t), 2)

	w.clock.Advance(15 * time.Minute)
	w.run(t)
	assert.Empty(t, w.stored(t))
}

func TestDeletionWhileTheBucketIsDown(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	job := w.start(t)
	w.run(t)
	require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, job.ID))
	delivery := w.take(t, queue.Deliveries)

	ctx, cancel := fault.Invocation(w.ctx)
	cancel()
	requireCode(t, errs.Unavailable, w.deliverer.Handle(ctx, delivery))
	assert.NotEmpty(t, w.stored(t))
	require.NoError(t, w.deliverer.Handle(w.ctx, at(delivery, 2)))
	assert.Empty(t, w.stored(t))
}

// The text is gone from storage even where Telegram does not let the chat
// forget it; a passing trouble is tried again.
func TestDeletionAndTheChat(t *testing.T) {
	t.Parallel()

	for _, failure := range []*errs.Error{
		errs.New(errs.NotFound, "message to edit not found"), errs.New(errs.Invalid, "message can't be edited"), errBlocked,
		errs.New(errs.Unavailable, "502"),
	} {
		w := newWorld(t)
		job := w.start(t)
		w.run(t)
		require.NoError(t, w.jobs.Delete(w.ctx, kopi, person, job.ID))

		w.messenger.fail = func(string) error { return failure }
		err := w.deliverer.Handle(w.ctx, w.take(t, queue.Deliveries))
		assert.Empty(t, w.stored(t))
		assert.Equal(t, failure.Code == errs.Unavailable, err != nil, "%v", err)
	}
}

func TestDeleteAll(t *testing.T) {
	t.Parallel()

	const jobs = 120 // more than a page of the deletion

	w := newWorld(t)

	var last transcript.Job

	for number := range jobs {
		var err error

		last, err = w.jobs.Start(w.ctx, w.request(number+1))
		require.NoError(t, err)
		w.clock.Advance(time.Second)
		w.run(t)
	}

	running, err := w.jobs.Start(w.ctx, w.request(jobs+1))
	require.NoError(t, err)

	asked := w.messenger.show(person, "deleting")
	erasure := transcript.Erasure{Store: kopi, User: person, Chat: person, Message: asked, Language: "en", Cause: "77"}
	require.NoError(t, w.jobs.DeleteAll(w.ctx, erasure))
	require.NoError(t, w.jobs.DeleteAll(w.ctx, erasure), "the update comes twice")

	w.forward(t)
	w.clock.Advance(time.Second)

	later, err := w.jobs.Start(w.ctx, w.request(jobs+2))
	require.NoError(t, err)
	w.run(t)

	left, more, err := w.jobs.Turn(w.ctx, transcript.Turn{Store: kopi, User: person, Limit: 10})
	require.NoError(t, err)
	assert.False(t, more)
	assert.Len(t, left, 2)
	assert.Equal(t, transcript.Delivered, w.job(t, running.ID).State, "what ran was not touched")
	assert.Equal(t, transcript.Delivered, w.job(t, later.ID).State, "what came later was not meant")
	assert.Equal(t, "all deleted en", w.messenger.shown[asked])
	assert.Equal(t, "deleted", w.messenger.shown[last.Progress])

	for _, key := range w.stored(t) {
		if strings.HasPrefix(key, "transcripts/") {
			assert.True(t, strings.Contains(key, running.ID) || strings.Contains(key, later.ID), key)
		}
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	var all []string

	for number := range 10 {
		job, err := w.jobs.Start(w.ctx, w.request(number+1))
		require.NoError(t, err)
		w.clock.Advance(time.Second)

		all = append([]string{job.ID}, all...)
	}

	for _, test := range []struct {
		from  string
		newer bool
		want  []string
		more  bool
	}{
		{"", false, all[:3], true},
		{all[2], false, all[3:6], true},
		{all[6], false, all[7:], false},
		{all[9], false, nil, false},
		{all[6], true, all[3:6], true},
		{all[3], true, all[:3], false},
		{all[0], true, nil, false},
		{"0", true, all[7:], true}, // older than all: not there any more
		{"zzz", false, all[:3], true},
	} {
		jobs, more, err := w.jobs.Turn(w.ctx, transcript.Turn{Store: kopi, User: person, From: test.from, Newer: test.newer, Limit: 3})
		require.NoError(t, err)

		var got []string
		for _, job := range jobs {
			got = append(got, job.ID)
		}

		assert.Equal(t, test.want, got, "%q newer %v", test.from, test.newer)
		assert.Equal(t, test.more, more, "%q newer %v", test.from, test.newer)
	}

	_, _, err := w.jobs.Turn(w.ctx, transcript.Turn{Store: "../x", User: person, Limit: 3})
	requireCode(t, errs.Invalid, err)
}
