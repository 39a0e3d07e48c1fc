package transcript_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	blobmemory "github.com/lapak-id/lapak/shared/blob/memory"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/transcript"
)

// heardBefore gives a world whose cache knows the transcript of spoken.
func heardBefore(t *testing.T) (*world, transcript.Job) {
	t.Helper()

	w := newWorld(t)
	request := w.request(5)
	request.Source.FileUniqueID = "unique"
	job, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)

	return w, w.job(t, job.ID)
}

// other is a process of its own over the same tables and bucket.
func (w *world) other() *transcript.Cache {
	return transcript.NewCache(w.scratch, w.bucket, w.clock, nil)
}

func TestAForwardedFileIsAnsweredWithoutADownload(t *testing.T) {
	t.Parallel()

	w, first := heardBefore(t)
	w.files.err = errs.New(errs.Internal, "nobody may ask Telegram for it again")

	request := w.request(6)
	request.Source.FileUniqueID = "unique"
	second, err := w.jobs.Start(w.ctx, request)
	require.NoError(t, err)
	w.run(t)

	done := w.job(t, second.ID)
	assert.Equal(t, transcript.Delivered, done.State)
	assert.True(t, done.Result.Cached)
	assert.Equal(t, first.SHA256, done.SHA256)
	assert.NotEqual(t, first.Result.Blob, done.Result.Blob, "a transcript of its own")
	assert.Contains(t, w.metrics.String(), `"Level":"unique_id"`)
}

func TestTheSameFileWithOtherOptionsIsHeardAgain(t *testing.T) {
	t.Parallel()

	w, _ := heardBefore(t)

	for at, options := range []transcript.Options{
		{Language: "id"}, {Model: "groq/whisper"}, {Speakers: true}, {Language: "id", Speakers: true}, {},
	} {
		request := w.request(10 + at)
		request.Source.FileUniqueID, request.Options = "unique", options
		_, err := w.jobs.Start(w.ctx, request)
		require.NoError(t, err)
		w.run(t)
	}

	assert.Equal(t, 5, w.provider.calls, "the last one asked as the first one did")
}

func TestLevelsOfTheCache(t *testing.T) {
	t.Parallel()

	w, job := heardBefore(t)
	again := job
	again.ID = "AGAIN"

	_, ok := w.cache.Answer(w.ctx, again, job.SHA256)
	assert.True(t, ok)
	assert.Contains(t, w.metrics.String(), `"Level":"memory"`)

	_, ok = w.other().Answer(w.ctx, again, job.SHA256)
	assert.True(t, ok, "the table answers a process that has never seen it")
	assert.Contains(t, w.objects(t, "transcripts/"), "transcripts/kopi/1001/AGAIN.json")
}

// A transcript whose text is gone is a miss, also while the row is there.
func TestACachedTranscriptWhoseTextIsGoneIsAMiss(t *testing.T) {
	t.Parallel()

	w, job := heardBefore(t)
	other := w.other()

	for _, key := range w.objects(t, "cache/") {
		require.NoError(t, w.bucket.Delete(w.ctx, key))
	}

	_, ok := other.Answer(w.ctx, job, job.SHA256)
	assert.False(t, ok)

	_, err := w.jobs.Start(w.ctx, w.request(6))
	require.NoError(t, err)
	w.run(t)
	assert.Equal(t, 2, w.provider.calls)

	_, ok = other.Answer(w.ctx, job, job.SHA256)
	assert.True(t, ok, "it was heard anew and kept")
}

func TestWhatIsForgottenAnswersNoMore(t *testing.T) {
	t.Parallel()

	w, job := heardBefore(t)
	other := w.other()
	_, ok := other.Answer(w.ctx, job, job.SHA256)
	require.True(t, ok, "it is in the memory of two processes now")

	for range 2 { // doing it again is fine
		require.NoError(t, w.cache.Forget(w.ctx, kopi, job.SHA256))
	}

	for _, cache := range []*transcript.Cache{w.cache, other} {
		_, ok = cache.Answer(w.ctx, job, job.SHA256)
		assert.False(t, ok)
	}

	assert.Empty(t, w.objects(t, "cache/"))
	assert.NotEmpty(t, w.objects(t, "transcripts/"), "the jobs' own stay")
	require.Error(t, w.cache.Forget(w.ctx, "../kopi", job.SHA256))
}

func TestACacheThatCannotBeReadOnlyCostsWork(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	gone, cancel := context.WithCancel(w.ctx)
	cancel()

	job := transcript.Job{ID: "J", Store: kopi, User: person, SHA256: strings.Repeat("0", 64)}
	_, ok := w.cache.Answer(gone, job, job.SHA256)
	assert.False(t, ok)

	_, known := w.cache.HashOf(gone, kopi, "unique")
	assert.False(t, known)
	w.cache.RememberHash(gone, kopi, "unique", job.SHA256)

	foreign := job
	foreign.Store = "../kopi"
	_, ok = w.cache.Answer(w.ctx, foreign, job.SHA256)
	assert.False(t, ok)
	w.cache.RememberHash(w.ctx, "../kopi", "unique", job.SHA256)
	_, known = w.cache.HashOf(w.ctx, "../kopi", "unique")
	assert.False(t, known)
	_, known = w.cache.HashOf(w.ctx, kopi, "")
	assert.False(t, known, "files without such a name are not one file")
}

// Where a transcript cannot be cached its job has it all the same; where the
// job's own cannot be stored there is none.
func TestKeepingFails(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		times int
		after int
		err   bool
		kept  bool
	}{{times: 1, after: 0, err: true}, {times: 1, after: 1, kept: false}, {times: 0, kept: true}} {
		plan := &planned{op: blobmemory.OpPut, kind: fault.FailBefore, times: c.times, after: c.after}
		w := newFaultyWorld(t, plan)
		_, kept, err := w.cache.Keep(w.ctx, transcript.Job{ID: "J", Store: kopi, User: 1, SHA256: "00"}, transcript.Transcript{}, 0)
		assert.Equal(t, c.err, err != nil)
		assert.Equal(t, c.kept, kept)
	}
}
