package transcript

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/table"
)

const (
	// CacheFor is how long the transcript of a file answers for the same file.
	CacheFor = 7 * 24 * time.Hour
	// cacheMemory is how many bytes of transcripts a process keeps at hand.
	cacheMemory = 16 << 20
)

// Cache remembers the transcripts of a store's files by their SHA-256 and what
// was asked for. What one store has sent never answers for another.
//
// It has two levels: the texts that this process has seen lately, and behind
// them the scratch table with the bucket. The row in the table is always read:
// what one function has forgotten no other may answer with.
type Cache struct {
	scratch table.Table
	bucket  blob.Bucket
	clock   clock.Clock
	memory  *otter.Cache[string, []byte]
	metrics *metric.Emitter
}

// NewCache makes the cache.
func NewCache(scratch table.Table, bucket blob.Bucket, now clock.Clock, metrics *metric.Emitter) *Cache {
	memory := otter.Must(&otter.Options[string, []byte]{
		MaximumWeight: cacheMemory,
		Weigher: func(key string, text []byte) uint32 {
			return uint32(len(key) + len(text)) //nolint:gosec // under maxTranscriptBytes
		},
		Executor: func(maintain func()) { maintain() }, // no goroutine outlives a call
	})

	return &Cache{scratch: scratch, bucket: bucket, clock: now, memory: memory, metrics: metrics}
}

// The levels at which a lookup ends, as the metric CacheLookups tells them.
const (
	levelUniqueID = "unique_id" // Telegram's own name of the file was enough: nothing was downloaded
	levelMemory   = "memory"
	levelTable    = "table"
	levelMiss     = "miss" // a provider has to be asked
)

// looked counts a lookup; together they give the hit rate.
func (c *Cache) looked(level string) {
	c.metrics.Put("CacheLookups", 1, metric.Count, metric.Dimensions{"Level": level})
}

// cached is the row of a transcript in the cache.
type cached struct {
	Summary Summary   `json:"summary"`
	Kept    time.Time `json:"kept"`
}

// contentKey names, inside its store, what makes two transcripts the same: the
// file's content and what was asked for.
func contentKey(sha string, options Options) string {
	return sha + "/" + id.Derive(options.Language, options.Model, strconv.FormatBool(options.Speakers))
}

func cacheBlob(store, sha string, options Options) string {
	return "cache/" + store + "/" + contentKey(sha, options) + ".json"
}

// transcriptBlob is where a job's own transcript is kept: one for each job, so
// that deleting one person's leaves those of others alone.
func transcriptBlob(job Job) string {
	return fmt.Sprintf("transcripts/%s/%d/%s.json", job.Store, job.User, job.ID)
}

// optionsKind begins the sort keys of the transcripts of a content.
const optionsKind = "options"

func transcriptsOf(store, sha string) (table.Partition, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Partition{}, err
	}

	return tenant.Partition("transcript", sha), nil
}

func (o Options) key(of table.Partition) table.Key {
	return of.Key(optionsKind, o.Language, o.Model, strconv.FormatBool(o.Speakers))
}

// Answer gives a job the transcript of the same content with the same options,
// should there be one: stored anew as the job's own. A cache that cannot be
// read counts as empty: it only saves work.
func (c *Cache) Answer(ctx context.Context, job Job, sha string) (Summary, bool) {
	summary, level, ok := c.answerOrMiss(ctx, job, sha)
	if ok {
		c.looked(level)
	}

	return summary, ok
}

// AnswerUnseen is Answer before the file was looked at: by Telegram's own name
// of it. The content's SHA-256 comes with it.
func (c *Cache) AnswerUnseen(ctx context.Context, job Job) (Summary, string, bool) {
	sha, known := c.HashOf(ctx, job.Store, job.Source.FileUniqueID)
	if !known {
		return Summary{}, "", false
	}

	summary, _, ok := c.answerOrMiss(ctx, job, sha)
	if !ok {
		return Summary{}, "", false
	}

	c.looked(levelUniqueID)

	return summary, sha, true
}

// answerOrMiss takes a cache that cannot be read for an empty one, and says so.
func (c *Cache) answerOrMiss(ctx context.Context, job Job, sha string) (Summary, string, bool) {
	summary, level, err := c.answer(ctx, job, sha)
	if err == nil {
		return summary, level, true
	}

	if !errs.Is(err, errs.NotFound) {
		slog.WarnContext(ctx, "transcript cache unreadable, working without it", "error", err)
	}

	return Summary{}, "", false
}

func (c *Cache) answer(ctx context.Context, job Job, sha string) (Summary, string, error) {
	of, err := transcriptsOf(job.Store, sha)
	if err != nil {
		return Summary{}, "", err
	}

	key := job.Options.key(of)

	found, version, err := table.Read[cached](ctx, c.scratch, key)
	if err != nil {
		return Summary{}, "", err
	}

	text, level, err := c.text(ctx, found)
	if errs.Is(err, errs.NotFound) { // the row promises what is not there: the next one need not look
		if err := c.scratch.Write(ctx, table.Delete(key, version)); err != nil && !errs.Is(err, errs.Conflict) {
			return Summary{}, "", errs.Context(err, "forget a transcript whose text is gone")
		}
	}

	if err != nil {
		return Summary{}, "", err
	}

	summary := found.Summary
	summary.Blob, summary.Cached = transcriptBlob(job), true

	return summary, level, putTranscript(ctx, c.bucket, summary.Blob, text)
}

// text gives the transcript of a row, as it is stored.
func (c *Cache) text(ctx context.Context, of cached) ([]byte, string, error) {
	name := of.memoryKey()
	if text, ok := c.memory.GetIfPresent(name); ok {
		return text, levelMemory, nil
	}

	text, err := loadText(ctx, c.bucket, of.Summary.Blob)
	if err != nil {
		return nil, "", err
	}

	c.memory.Set(name, text)

	return text, levelTable, nil
}

// memoryKey tells a transcript from another one that was kept for the same
// content later.
func (c cached) memoryKey() string {
	return c.Summary.Blob + "@" + strconv.FormatInt(c.Kept.UnixNano(), 10)
}

// Keep stores a transcript as its job's own and remembers it for CacheFor; it
// gives the job's summary, and whether the cache can answer with it now.
// missing is how much of the file's end could not be read. Failing to remember
// is logged, no more.
func (c *Cache) Keep(ctx context.Context, job Job, result Transcript, missing time.Duration) (Summary, bool, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return Summary{}, false, errs.Wrap(err, errs.Internal, "encode the transcript of job %s", job.ID)
	}

	own := result.summarise(transcriptBlob(job))
	own.Missing = missing

	if err := putTranscript(ctx, c.bucket, own.Blob, text); err != nil {
		return Summary{}, false, err
	}

	if err := c.remember(ctx, job, own, text); err != nil {
		slog.WarnContext(ctx, "transcript not cached", "error", err)

		return own, false, nil
	}

	return own, true, nil
}

func (c *Cache) remember(ctx context.Context, job Job, summary Summary, text []byte) error {
	of, err := transcriptsOf(job.Store, job.SHA256)
	if err != nil {
		return err
	}

	now := c.clock.Now()
	kept := cached{Summary: summary, Kept: now}
	kept.Summary.Blob = cacheBlob(job.Store, job.SHA256, job.Options)

	body, err := table.Encode(kept)
	if err != nil {
		return err
	}

	if err := putTranscript(ctx, c.bucket, kept.Summary.Blob, text); err != nil {
		return err
	}

	err = c.scratch.Write(ctx, table.Create(table.Row{Key: job.Options.key(of), Body: body, Expires: now.Add(CacheFor)}))
	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: someone else kept the same
		return errs.Context(err, "remember the transcript of a file of store %s", job.Store)
	}

	if err == nil {
		c.memory.Set(kept.memoryKey(), text)
	}

	return nil
}

// Forget removes everything that is kept of a content for other jobs: its
// transcripts with any options, and the parts of unfinished ones. Doing it
// again is fine. Transcripts that jobs have of their own stay.
func (c *Cache) Forget(ctx context.Context, store, sha string) error {
	of, err := transcriptsOf(store, sha)
	if err != nil {
		return err
	}

	page, err := c.scratch.Query(ctx, table.Query{
		Partition: of, Prefix: table.SortPrefix(optionsKind), Limit: table.MaxPageRows,
	})
	if err != nil {
		return errs.Context(err, "find what the cache of store %s has of file %s", store, sha)
	}

	for _, row := range page.Rows {
		err := c.scratch.Write(ctx, table.Delete(row.Key, row.Version))
		if err != nil && !errs.Is(err, errs.Conflict) {
			return errs.Context(err, "forget %s", row.Key)
		}
	}

	for _, kind := range []string{"cache/", "parts/"} {
		if err := removeAll(ctx, c.bucket, kind+store+"/"+sha+"/"); err != nil {
			return err
		}
	}

	return nil
}

// removeAll removes the objects whose keys begin so.
func removeAll(ctx context.Context, from blob.Bucket, prefix string) error {
	for cursor := ""; ; {
		page, err := from.List(ctx, prefix, cursor, blob.MaxPageKeys)
		if err != nil {
			return errs.Context(err, "find what is stored below %s", prefix)
		}

		for _, object := range page.Objects {
			if err := from.Delete(ctx, object.Key); err != nil {
				return errs.Context(err, "remove %s", object.Key)
			}
		}

		if page.Next == "" {
			return nil
		}

		cursor = page.Next
	}
}

func putTranscript(ctx context.Context, to blob.Bucket, key string, text []byte) error {
	if _, err := to.Put(ctx, key, bytes.NewReader(text), blob.PutOptions{ContentType: "application/json"}); err != nil {
		return errs.Context(err, "store transcript %s", key)
	}

	return nil
}

// hashed is the row that says what a file of Telegram's holds.
type hashed struct {
	SHA256 string `json:"sha256"`
}

func hashKey(store, uniqueID string) (table.Key, error) {
	tenant, err := table.TenantOf(store)
	if err != nil {
		return table.Key{}, err
	}

	return tenant.Partition("file", uniqueID).Key("hash"), nil
}

// HashOf gives the SHA-256, in hex, of a file by Telegram's file_unique_id,
// false where this store has not seen it lately.
func (c *Cache) HashOf(ctx context.Context, store, uniqueID string) (string, bool) {
	if uniqueID == "" {
		return "", false
	}

	key, err := hashKey(store, uniqueID)
	if err != nil {
		return "", false
	}

	found, _, err := table.Read[hashed](ctx, c.scratch, key)
	if err != nil {
		if !errs.Is(err, errs.NotFound) {
			slog.WarnContext(ctx, "hash of a known file unreadable, downloading it", "error", err)
		}

		return "", false
	}

	return found.SHA256, true
}

// RememberHash notes for CacheFor what a file of Telegram's holds. Failing to
// is logged, no more.
func (c *Cache) RememberHash(ctx context.Context, store, uniqueID, sha string) {
	if uniqueID == "" {
		return
	}

	key, err := hashKey(store, uniqueID)
	if err == nil {
		var body []byte
		if body, err = table.Encode(hashed{SHA256: sha}); err == nil {
			noted := table.Row{Key: key, Body: body, Expires: c.clock.Now().Add(CacheFor)}
			err = c.scratch.Write(ctx, table.Create(noted))
		}
	}

	if err != nil && !errs.Is(err, errs.Conflict) { // Conflict: it is noted, and a file never changes
		slog.WarnContext(ctx, "hash of a file not noted", "error", err)
	}
}
