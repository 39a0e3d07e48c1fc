package transcript

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/table/memory"
)

// flightWorld is two jobs of one content, of which both are downloaded.
func flightWorld(t *testing.T) (*Flights, *clock.Manual, [2]Job) {
	t.Helper()

	now := clock.NewManual(time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC))
	jobs := NewService(memory.New(now, fault.None{}), now)

	var both [2]Job

	for at := range both {
		job, err := jobs.Start(t.Context(), Request{Store: "kopi", Chat: 1, User: int64(at + 1), Message: at + 1, SentAt: now.Now()})
		require.NoError(t, err)

		both[at], err = jobs.move(t.Context(), ticketOf(job), Waiting, func(job *Job) { job.State, job.SHA256 = Downloaded, "00" })
		require.NoError(t, err)
	}

	return NewFlights(memory.New(now, fault.None{}), jobs), now, both
}

func park(t *testing.T, flights *Flights, job Job) {
	t.Helper()

	_, err := flights.jobs.move(t.Context(), ticketOf(job), Downloaded, func(job *Job) {
		job.Parked = flights.jobs.clock.Now().Add(parkFor)
	})
	require.NoError(t, err)
}

func wakesOf(t *testing.T, flights *Flights, job Job) int {
	t.Helper()

	found, err := flights.jobs.Get(t.Context(), job.Store, job.User, job.ID)
	require.NoError(t, err)
	assert.Equal(t, found.Wakes == 0, !found.Parked.IsZero())

	return found.Wakes
}

// The holder ends between the look of the other and its joining.
func TestWhoJoinsAFlightThatHasEndedIsWokenAtOnce(t *testing.T) {
	t.Parallel()

	flights, _, jobs := flightWorld(t)
	require.True(t, flights.enter(t.Context(), jobs[0]))
	require.False(t, flights.enter(t.Context(), jobs[1]))
	park(t, flights, jobs[1])
	flights.land(t.Context(), jobs[0])
	assert.Zero(t, wakesOf(t, flights, jobs[1]))
	require.NoError(t, flights.join(t.Context(), jobs[1]))
	assert.Equal(t, 1, wakesOf(t, flights, jobs[1]))
}

func TestWhoHasJoinedIsWokenOnce(t *testing.T) {
	t.Parallel()

	flights, now, jobs := flightWorld(t)
	require.True(t, flights.enter(t.Context(), jobs[0]))
	park(t, flights, jobs[1])

	for range 2 { // its message came twice
		require.NoError(t, flights.join(t.Context(), jobs[1]))
	}

	now.Advance(leaseFor / 2)
	require.True(t, flights.enter(t.Context(), jobs[0]), "the holder comes again")
	assert.Zero(t, wakesOf(t, flights, jobs[1]))

	for range 2 {
		flights.land(t.Context(), jobs[0])
	}

	assert.Equal(t, 1, wakesOf(t, flights, jobs[1]))
	require.True(t, flights.enter(t.Context(), jobs[1]), "it is the next holder")
}

// A slow holder that was relieved ends nothing of the one that came after it.
func TestAHolderThatWasRelievedEndsNothing(t *testing.T) {
	t.Parallel()

	flights, now, jobs := flightWorld(t)
	require.True(t, flights.enter(t.Context(), jobs[0]))
	now.Advance(leaseFor)
	require.True(t, flights.enter(t.Context(), jobs[1]))
	flights.land(t.Context(), jobs[0])
	require.False(t, flights.enter(t.Context(), jobs[0]), "the other one holds it")
}

func TestOptionsAndStoresFlyApart(t *testing.T) {
	t.Parallel()

	flights, _, jobs := flightWorld(t)
	require.True(t, flights.enter(t.Context(), jobs[0]))

	other := jobs[1]
	other.Options.Language = "id"
	assert.True(t, flights.enter(t.Context(), other))

	other = jobs[1]
	other.Store = "musik"
	assert.True(t, flights.enter(t.Context(), other))

	other.Store = "../kopi"
	assert.True(t, flights.enter(t.Context(), other), "flights that cannot be reached stop nobody")
	require.Error(t, flights.join(t.Context(), other))
	flights.land(t.Context(), other)
}
