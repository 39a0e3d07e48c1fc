package simulation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lapak-id/lapak/shared/transcript"
)

// lookAtQuotas checks that what is counted of each person's day is what their
// jobs have taken, and that jobs that came to nothing have taken nothing.
func (w *watch) lookAtQuotas(t *testing.T) {
	t.Helper()

	counted, taken := map[string]int64{}, map[string]int64{} // by person and day

	for _, row := range w.world.state.All() {
		switch kind, rest, _ := strings.Cut(row.Key.SK(), "#"); kind {
		case "quota":
			counted[row.Key.PK()+" "+rest] = row.Counters["seconds"]
		case "job":
			job, err := w.world.job(row)
			must(t, err)

			taken[row.Key.PK()+" "+job.Charge.Day] += int64(job.Charge.Audio / time.Second)

			switch job.State {
			case transcript.Failed, transcript.Apologised, transcript.Cancelled:
				if job.Charge.Audio != 0 {
					t.Fatalf("job %s is %s and still costs %s", job.ID, job.State, job.Charge.Audio)
				}
			case transcript.Waiting, transcript.Downloaded, transcript.Transcribed, transcript.Delivered:
			}
		}
	}

	for _, day := range keysOf(counted, taken) {
		if counted[day] != taken[day] {
			t.Fatalf("%s: %d s are counted, jobs have taken %d s", day, counted[day], taken[day])
		}
	}
}

func keysOf(maps ...map[string]int64) []string {
	var keys []string

	for _, one := range maps {
		for key := range one {
			keys = append(keys, key)
		}
	}

	return keys
}
