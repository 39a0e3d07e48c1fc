package chat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

// tiered makes a world whose customers without premium may have little.
func tiered(t *testing.T) *world {
	t.Helper()

	return newWorld(t, func(options *chat.Options) {
		options.Tiers = transcript.Tiers{
			Free:    transcript.Tier{Largest: 20 << 20, Longest: time.Minute, Daily: 12 * time.Minute, Tasks: 3},
			Premium: transcript.Tier{Largest: 2000 << 20, Longest: time.Hour, Tasks: 4},
		}
	})
}

func (w *world) lasting(seconds int) {
	update := w.voice()
	update.Message.Voice.Duration = seconds
	w.do(update)
}

func TestARecordingOverTheTierIsRefusedBeforeAnyWork(t *testing.T) {
	t.Parallel()

	w := tiered(t)
	w.lasting(61)
	require.Contains(t, w.phone.message(0).HTML, "2 menit, paling lama 1 menit")
	require.Equal(t, 1, w.phone.said(), "no progress message before it")
	require.Zero(t, w.outbox())
}

func TestTasksOverTheTierAreRefusedWhereTheProgressStood(t *testing.T) {
	t.Parallel()

	w := tiered(t)
	for range 3 {
		w.lasting(5)
	}

	w.lasting(5)
	require.Contains(t, w.phone.message(0).HTML, "3 rekamanmu masih dikerjakan")
	require.Empty(t, w.phone.message(0).Buttons, "there is nothing to cancel")
	require.Equal(t, 4, w.phone.said(), "one message for each file")
	require.Equal(t, 3, w.outbox())
}

func TestQuotaIsToldWithWhatIsLeftAndWhenItIsBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) {
		options.Tiers.Free = transcript.Tier{Largest: 20 << 20, Daily: 10 * time.Minute}
	})
	w.lasting(9 * 60)
	w.lasting(2 * 60)
	require.Contains(t, w.phone.message(0).HTML, "tersisa 1 dari 10 menit")
	require.Contains(t, w.phone.message(0).HTML, "dalam 9 jam 55 menit") // it is 14.05 in Jakarta
}

func TestPremiumGoesFurtherAndFirst(t *testing.T) {
	t.Parallel()

	w := tiered(t)
	w.do(w.text("/start"))

	_, err := w.users.Change(t.Context(), demo, ani, func(user *user.User) {
		user.PremiumUntil = w.now.Now().Add(time.Hour)
	})
	require.NoError(t, err)

	w.lasting(50 * 60)
	require.True(t, w.job().Premium)

	w.now.Advance(time.Hour)
	w.lasting(50 * 60)
	require.Contains(t, w.phone.message(0).HTML, "paling lama 1 menit", "premium has ended")
}

func TestARetryThatIsRefusedKeepsItsButton(t *testing.T) {
	t.Parallel()

	w := tiered(t)
	w.lasting(5)

	failed := w.job()
	failed.State = transcript.Apologised
	w.put(failed)

	for range 3 {
		w.lasting(5)
	}

	w.do(w.tap(failed.Progress, "job:retry:"+failed.ID))

	refusal := w.phone.message(failed.Progress)
	require.Contains(t, refusal.HTML, "3 rekamanmu masih dikerjakan")
	require.Equal(t, "job:retry:"+failed.ID, refusal.Buttons[0][0].Data)

	job, err := w.jobs.Get(t.Context(), demo, ani, failed.ID)
	require.NoError(t, err)
	require.Equal(t, transcript.Apologised, job.State)
	require.Empty(t, errs.CodeOf(err))
}
