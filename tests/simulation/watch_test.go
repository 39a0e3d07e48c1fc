package simulation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/transcript"
)

// How the outcomes of a job begin, in the Indonesian catalog.
const (
	resultMark    = "📝"
	cancelledMark = "✖️ Dibatalkan"
	apologyMark   = "😔"
)

// watch holds what must be true at every moment of a run.
type watch struct {
	world   *world
	read    map[*shown]int // how many texts of a message were looked at
	cancels map[chatKey]bool
	lost    []string // jobs whose message was lost on the way
	left    []string // jobs that were left waiting for another one
}

func newWatch(w *world) *watch {
	return &watch{world: w, read: map[*shown]int{}, cancels: map[chatKey]bool{}}
}

// next lists the states that may follow a state.
func next(from transcript.State) []transcript.State {
	switch from {
	case transcript.Waiting:
		return []transcript.State{
			transcript.Downloaded, transcript.Transcribed, transcript.Failed, transcript.Cancelled,
		}
	case transcript.Downloaded:
		return []transcript.State{transcript.Transcribed, transcript.Failed, transcript.Cancelled}
	case transcript.Transcribed:
		return []transcript.State{transcript.Delivered, transcript.Failed}
	case transcript.Failed:
		return []transcript.State{transcript.Apologised}
	case transcript.Delivered, transcript.Apologised, transcript.Cancelled:
		return nil
	default:
		return nil
	}
}

// follow checks one change of the state table: jobs only move forward, and
// none disappears.
func (w *watch) follow(t *testing.T, change table.Change) {
	t.Helper()

	if change.Old == nil || !strings.HasPrefix(change.Old.Key.SK(), table.SortPrefix("job")) {
		return
	}

	if change.New == nil {
		t.Fatalf("job row %s disappeared", change.Old.Key)
	}

	before, err := table.Decode[transcript.Job](*change.Old)
	must(t, err)
	after, err := table.Decode[transcript.Job](*change.New)
	must(t, err)

	if before.State != after.State && !slices.Contains(next(before.State), after.State) {
		t.Fatalf("job %s went from %s to %s", after.ID, before.State, after.State)
	}

	const mostWakes = 20
	if after.Wakes > mostWakes {
		t.Fatalf("job %s was woken %d times and got no further", after.ID, after.Wakes)
	}
}

// look checks what people have seen since the last look: nothing of another
// store, and what was shown as done stays.
func (w *watch) look(t *testing.T) {
	t.Helper()

	if w.world.steps%10 == 0 { // it reads everything
		w.lookAtQuotas(t)
	}

	if len(w.lost) > 0 {
		t.Fatalf("the messages of jobs %v were lost", w.lost)
	}

	if len(w.left) > 0 {
		t.Fatalf("jobs %v still wait for others that have finished", w.left)
	}

	for key, messages := range w.world.people.chats {
		for _, message := range messages {
			for i := w.read[message]; i < len(message.texts); i++ {
				w.lookAt(t, key, message.texts, i)
			}

			w.read[message] = len(message.texts)
		}
	}
}

func (w *watch) lookAt(t *testing.T, key chatKey, texts []string, i int) {
	t.Helper()

	for _, other := range stores() {
		if other != key.store && strings.Contains(texts[i], " of "+other) {
			t.Fatalf("a chat of store %s shows what belongs to %s: %s", key.store, other, texts[i])
		}
	}

	// An outcome may be covered by a late progress for a while, never by
	// another outcome; at rest it must stand there again.
	for _, before := range texts[:i] {
		if final(before) && final(texts[i]) && before != texts[i] {
			t.Fatalf("chat %v: %q was shown as done and became %q", key, before, texts[i])
		}
	}
}

func final(text string) bool {
	return strings.HasPrefix(text, resultMark) || strings.Contains(text, apologyMark) ||
		strings.Contains(text, cancelledMark)
}

// atRest checks that every file has exactly one outcome, and the right one.
func (w *watch) atRest(t *testing.T) {
	t.Helper()
	w.lookAtQuotas(t)

	if w.world.faultless {
		w.mustBeThrifty(t)
	}

	jobs := map[jobKey]transcript.Job{}

	for _, row := range w.world.state.All() {
		if !strings.HasPrefix(row.Key.SK(), table.SortPrefix("job")) {
			continue
		}

		job, err := w.world.job(row)
		must(t, err)

		jobs[jobKey{job.Store, job.Chat, job.Source.FileID}] = job
	}

	shownResults := map[chatKey]int{}

	for key, want := range w.world.outcome {
		job, ok := jobs[key]
		if !ok {
			w.mustBeKnown(t, key)

			continue
		}

		if job.State.Open() {
			t.Fatalf("file %v: its job still is %s at rest", key, job.State)
		}

		w.mustShow(t, key, job, want)

		if job.State == transcript.Delivered {
			shownResults[chatKey{key.store, key.chat}]++
		}
	}

	for key, messages := range w.world.people.chats {
		count := 0

		for _, message := range messages {
			if strings.HasPrefix(message.now(), resultMark) {
				count++
			}
		}

		if count != shownResults[key] {
			t.Fatalf("chat %v shows %d results of %d", key, count, shownResults[key])
		}
	}
}

// mustBeThrifty checks what a run without faults costs: each part of each
// content of a store is heard once for that store, and no part is left in the
// bucket.
func (w *watch) mustBeThrifty(t *testing.T) {
	t.Helper()

	for part, calls := range w.world.provider {
		if calls != 1 {
			t.Fatalf("the provider was asked %d times for %q", calls, part)
		}
	}

	for key, want := range w.world.outcome {
		if want.speech && w.world.provider[key.store+"/"+spoken+want.text+"-1.ogg"] == 0 {
			t.Fatalf("what was sent to store %s was answered from another's", key.store)
		}
	}

	page, err := w.world.bucket.List(t.Context(), "parts/", "", 1)
	must(t, err)

	if len(page.Objects) > 0 {
		t.Fatalf("part %s was left behind", page.Objects[0].Key)
	}
}

// mustBeKnown checks a file that never became a job: its update is a dead
// letter, which an operator brings back, or its person was told.
func (w *watch) mustBeKnown(t *testing.T, key jobKey) {
	t.Helper()

	for _, letter := range w.world.dead[queue.Updates].All() {
		if strings.Contains(string(letter.Body), `"`+key.file+`"`) {
			return
		}
	}

	for _, message := range w.world.people.chats[chatKey{key.store, key.chat}] {
		if strings.Contains(message.now(), apologyMark) {
			return
		}
	}

	t.Fatalf("file %v was lost without a word", key)
}

// mustShow checks what the person sees of a job.
func (w *watch) mustShow(t *testing.T, key jobKey, job transcript.Job, want expectation) {
	t.Helper()

	messages := w.world.people.chats[chatKey{key.store, key.chat}]
	if job.Progress < 1 || job.Progress > len(messages) {
		t.Fatalf("file %v: no message shows its outcome", key)
	}

	now := messages[job.Progress-1].now()

	switch job.State {
	case transcript.Delivered:
		if !strings.HasPrefix(job.Result.Blob, "transcripts/"+key.store+"/") {
			t.Fatalf("file %v is answered by %s of another store", key, job.Result.Blob)
		}

		if !want.speech || !strings.Contains(now, want.text) {
			t.Fatalf("file %v with %q: shown %q", key, want.text, now)
		}
	case transcript.Apologised:
		if !strings.Contains(now, apologyMark) {
			t.Fatalf("file %v failed, but its person sees %q", key, now)
		}
	case transcript.Cancelled:
		if !w.cancels[chatKey{key.store, key.chat}] || !strings.Contains(now, cancelledMark) {
			t.Fatalf("file %v was cancelled by nobody, or its person sees %q", key, now)
		}
	case transcript.Waiting, transcript.Downloaded, transcript.Transcribed, transcript.Failed:
		t.Fatalf("file %v: %s is no outcome", key, job.State)
	}
}
