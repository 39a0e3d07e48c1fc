package limit

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
)

const (
	// trickleBurst and trickleEvery are what a process lets in of a store without
	// asking anybody, so that stores with a few people cost nothing.
	trickleBurst = 3
	trickleEvery = 5 * time.Second
	// chunksKept is how many chunks the shared bucket of a store holds at most:
	// a burst of two seconds.
	chunksKept = 4
	// chunkFor is how long a process may use the rest of a chunk.
	chunkFor = 5 * time.Second
	// longestWait bounds what a caller is told to wait.
	longestWait = 30 * time.Second
)

// Gate lets in no more of each store than a share, all processes together. Who
// is refused comes again: the queue behind the gate stays short, whatever one
// store sends, and nothing is lost.
//
// A process takes tokens from a store's shared bucket in chunks of half a
// second's worth, so that a flood costs one read and one write a chunk; while
// the bucket is empty nobody asks it. A store that is far from its share is let
// in by each process on its own, at no cost: the true share is so much higher,
// by a fifth of an update a second and process.
type Gate struct {
	limits *Limiter
	clock  clock.Clock
	chunk  int
	rate   Rate // of chunks

	mu     sync.Mutex
	shares map[string]share
}

// share is what a process knows of a store.
type share struct {
	trickle Bucket
	left    int       // of the chunk taken last
	until   time.Time // when the rest of it is void
	shut    time.Time // until when the shared bucket is empty
	refused int       // since the last that was let in
}

// NewGate makes a gate that lets in perSecond of each store; its buckets are
// those of limits.
func NewGate(limits *Limiter, now clock.Clock, perSecond int) *Gate {
	const half = 2

	chunk := max(perSecond/half, 1)

	return &Gate{
		limits: limits, clock: now, chunk: chunk,
		rate:   Rate{Burst: chunksKept, Every: time.Duration(chunk) * time.Second / time.Duration(perSecond)},
		shares: map[string]share{},
	}
}

// Enter gives zero where one more of a store may come in, else how long the
// caller should wait: longer, and by chance, where many are turned away, so
// that they do not all come back at once. Where the buckets cannot be read
// everybody comes in.
func (g *Gate) Enter(ctx context.Context, store string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()

	now := g.clock.Now()
	held := g.shares[store]

	defer func() { g.shares[store] = held }()

	if after, wait := held.trickle.Take(Rate{Burst: trickleBurst, Every: trickleEvery}, now); wait == 0 {
		held.trickle, held.refused = after, 0

		return 0
	}

	if held.left > 0 && now.Before(held.until) {
		held.left--
		held.refused = 0

		return 0
	}

	if now.Before(held.shut) {
		held.refused++

		return g.spread(held)
	}

	wait, err := g.limits.Take(ctx, store, "door", g.rate)
	if err != nil {
		slog.ErrorContext(ctx, "share of the store not looked at", "error", err)
	}

	if wait > 0 {
		held.shut = now.Add(wait)
		held.refused++

		return g.spread(held)
	}

	held.left, held.until, held.refused = g.chunk-1, now.Add(chunkFor), 0

	return 0
}

// spread gives a wait of a second and, by chance, up to as long as it takes to
// let in as many as were turned away here.
func (g *Gate) spread(of share) time.Duration {
	behind := time.Duration(of.refused) * g.rate.Every / time.Duration(g.chunk)

	return min(time.Second+rand.N(behind+1), longestWait) //nolint:gosec // not a secret
}
