// Package limit provides token buckets: a burst at once, then a steady rate.
// Bucket is the arithmetic alone, for callers that keep it in a row of their
// own; Limiter keeps buckets in the scratch table.
package limit

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// Rate is what a bucket allows: Burst at once, and one more each Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// PerMinute allows count a minute on average, all of them at once.
func PerMinute(count int) Rate {
	return Rate{Burst: count, Every: time.Minute / time.Duration(count)}
}

// Person allows one person count a minute on average, and twice as many in a
// burst, such as when someone looks around in the menu.
func Person(count int) Rate {
	rate := PerMinute(count)
	rate.Burst *= 2

	return rate
}

// Bucket is the state of a token bucket. The zero value is full.
type Bucket struct {
	// Full is when the bucket is full again if nothing more is taken.
	Full time.Time `json:"full"`
}

// Take takes one token at the moment now. The wait is zero where there was
// one; else the bucket stays as it is and the wait says when there will be
// one. A bucket that a faster clock has left counts as empty, not as worse.
func (b Bucket) Take(rate Rate, now time.Time) (Bucket, time.Duration) {
	full := b.Full

	if empty := now.Add(time.Duration(rate.Burst) * rate.Every); full.After(empty) {
		full = empty
	}

	if full.Before(now) {
		full = now
	}

	full = full.Add(rate.Every)

	if wait := full.Sub(now) - time.Duration(rate.Burst)*rate.Every; wait > 0 {
		return b, wait
	}

	return Bucket{Full: full}, 0
}

// tries is how often a take that others disturb is begun anew.
const tries = 8

// Limiter keeps buckets in the scratch table.
type Limiter struct {
	scratch table.Table
	clock   clock.Clock
}

// New makes a limiter over the scratch table.
func New(scratch table.Table, now clock.Clock) *Limiter {
	return &Limiter{scratch: scratch, clock: now}
}

// Take takes one token of a store's bucket, by one read and one write. The
// wait is zero where there was one. A limit only protects: where the table
// cannot tell, the token is given and a line logged. Invalid where store is
// not a store's id.
func (l *Limiter) Take(ctx context.Context, store, bucket string, rate Rate) (time.Duration, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return 0, err
	}

	key := tenant.Partition("limit", bucket).Key("bucket")

	for range tries {
		var wait time.Duration

		wait, err = l.tryTake(ctx, key, rate)
		if err == nil {
			return wait, nil
		}

		if !errs.Is(err, errs.Conflict) {
			break
		}
	}

	slog.WarnContext(ctx, "limit not kept, the request passes", "bucket", bucket, "error", err)

	return 0, nil
}

// tryTake is one try; Conflict where someone else has taken meanwhile.
func (l *Limiter) tryTake(ctx context.Context, key table.Key, rate Rate) (time.Duration, error) {
	bucket, version, err := table.Read[Bucket](ctx, l.scratch, key)
	if err != nil && !errs.Is(err, errs.NotFound) {
		return 0, errs.Context(err, "read a limit")
	}

	after, wait := bucket.Take(rate, l.clock.Now())
	if wait > 0 {
		return wait, nil
	}

	body, err := table.Encode(after)
	if err != nil {
		return 0, err
	}

	put := table.Put(table.Row{Key: key, Version: version, Body: body, Expires: expiry(after)})
	if err := l.scratch.Write(ctx, put); err != nil {
		return 0, errs.Context(err, "take from a limit")
	}

	return 0, nil
}

// expiry is when a bucket's row says nothing any more: it is full again, also
// by a clock that is minutes behind.
func expiry(bucket Bucket) time.Time {
	const skew = 10 * time.Minute

	return bucket.Full.Add(skew)
}
