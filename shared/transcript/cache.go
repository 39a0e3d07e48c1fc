package transcript

import (
	"context"
	"log/slog"
	"time"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/table"
)

// CacheFor is how long the transcript of a file answers for the same file.
const CacheFor = 7 * 24 * time.Hour

// Cache remembers the transcripts of a store's files by their SHA-256. What
// one store has sent never answers for another.
type Cache struct {
	scratch table.Table
	clock   clock.Clock
	model   string
}

// NewCache makes the cache of what model has heard.
func NewCache(scratch table.Table, now clock.Clock, model string) *Cache {
	return &Cache{scratch: scratch, clock: now, model: model}
}

func (c *Cache) key(store, sha string) (table.Key, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("transcript", sha).Key("model", c.model), nil
}

// Find gives the summary of a file's transcript, false where there is none. A
// cache that cannot be read counts as empty: it only saves work.
func (c *Cache) Find(ctx context.Context, store, sha string) (Summary, bool) {
	key, err := c.key(store, sha)
	if err != nil {
		return Summary{}, false
	}

	found, _, err := table.Read[Summary](ctx, c.scratch, key)
	if err != nil {
		if !errs.Is(err, errs.NotFound) {
			slog.WarnContext(ctx, "transcript cache unreadable, working without it", "error", err)
		}

		return Summary{}, false
	}

	found.Cached = true

	return found, true
}

// Keep remembers a transcript for CacheFor and reports whether it is there
// now. Failing to keep it is logged, no more.
func (c *Cache) Keep(ctx context.Context, store, sha string, summary Summary) bool {
	key, err := c.key(store, sha)
	if err == nil {
		var body []byte
		if body, err = table.Encode(summary); err == nil {
			kept := table.Row{Key: key, Body: body, Expires: c.clock.Now().Add(CacheFor)}
			err = c.scratch.Write(ctx, table.Create(kept))
		}
	}

	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: someone else kept the same
		slog.WarnContext(ctx, "transcript not cached", "error", err)

		return false
	}

	return true
}
