// Package transcript provides transcription jobs: a file in, what was said
// out. A job moves through its states by versioned writes, each with the
// outbox row of the next step, so that a step done twice, late or by two
// workers at once changes nothing:
//
//	Waiting --download--> Downloaded --transcribe--> Transcribed --deliver--> Delivered
//	   |                      |                          ^
//	   |                      +-- the same file before --+
//	   +-- any step that gives up --> Failed --deliver--> Apologised
//	   +-- the person cancels ------> Cancelled
package transcript

import (
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/table"
)

// State is how far a job has come.
type State string

// The states.
const (
	Waiting     State = "waiting"     // the file is to be downloaded
	Downloaded  State = "downloaded"  // the file is stored and hashed
	Transcribed State = "transcribed" // the transcript is stored; the person waits for it
	Delivered   State = "delivered"   // the person has it
	Failed      State = "failed"      // it cannot be done; the person is to be told
	Apologised  State = "apologised"  // the person was told
	Cancelled   State = "cancelled"   // the person did not want it any more
)

// Open reports whether something is still to be done.
func (s State) Open() bool {
	return s == Waiting || s == Downloaded || s == Transcribed || s == Failed
}

// Cancellable reports whether the person can still stop the job.
func (s State) Cancellable() bool { return s == Waiting || s == Downloaded }

// Kind is what the person sent.
type Kind string

// The kinds of files that carry sound.
const (
	Voice     Kind = "voice"
	Audio     Kind = "audio"
	Video     Kind = "video"
	VideoNote Kind = "video_note"
	Document  Kind = "document"
)

// Source is the file as Telegram describes it. None of it is to be trusted.
type Source struct {
	FileID       string        `json:"file_id"`
	FileUniqueID string        `json:"file_unique_id"`
	Name         string        `json:"name,omitempty"`
	MimeType     string        `json:"mime_type,omitempty"`
	Kind         Kind          `json:"kind"`
	Size         int64         `json:"size"`     // bytes; 0: unknown
	Duration     time.Duration `json:"duration"` // 0: unknown
}

// Options are what a person or a store asks of a transcription. Transcripts of
// different options are different.
type Options struct {
	Language string `json:"language,omitempty"` // spoken: two letters; empty: to be recognised
	Model    string `json:"model,omitempty"`    // "provider/model"; empty: the best by the store's order
	Speakers bool   `json:"speakers,omitempty"` // tell speakers apart
}

// Attempt is one call of a speech provider, whatever came of it, or the sum of
// several alike.
type Attempt struct {
	Provider string        `json:"provider"`
	Model    string        `json:"model"`
	Audio    time.Duration `json:"audio"` // that was sent
	Cost     int64         `json:"cost"`  // thousandths of a rupiah; 0 where nothing is billed
	// Unknown tells that the answer was lost behind the audio: whether it was
	// billed is not known, and Cost counts it as billed.
	Unknown bool          `json:"unknown,omitempty"`
	Took    time.Duration `json:"took"`
	Error   errs.Code     `json:"error,omitempty"` // empty: it was heard
	Calls   int           `json:"calls,omitempty"` // that are summed up here; 0 where it is one
}

// Checkpoint is how far the download of a large file has come, so that the
// next worker goes on from there.
type Checkpoint struct {
	Key    string `json:"key"`    // of the file, once it is whole
	Upload string `json:"upload"` // the bucket's name of the unfinished upload
	Size   int64  `json:"size"`   // bytes of the file, as Telegram says; -1: it does not
	Parts  int    `json:"parts"`  // whole parts stored
	Bytes  int64  `json:"bytes"`  // of those parts
	Hash   []byte `json:"hash"`   // state of SHA-256 behind them, as crypto/sha256 marshals it
}

func (c Checkpoint) upload() blob.Upload { return blob.Upload{Key: c.Key, ID: c.Upload} }

// fits reports whether the bucket still has the parts: it may have more, which
// came too late to be noted.
func (c Checkpoint) fits(stored []blob.Part) bool {
	if c.Parts < 1 || len(stored) < c.Parts {
		return false
	}

	var size int64

	for at, part := range stored[:c.Parts] {
		if part.Number != at+1 {
			return false
		}

		size += part.Size
	}

	return size == c.Bytes
}

// Job is one request of one person.
type Job struct {
	ID         string        `json:"id"`
	Store      string        `json:"store"`
	Chat       int64         `json:"chat"`
	User       int64         `json:"user"`
	Message    int           `json:"message"`  // the message with the file
	Progress   int           `json:"progress"` // the message that is edited
	Language   string        `json:"language"` // of the texts for the person
	Source     Source        `json:"source"`
	Options    Options       `json:"options,omitzero"`
	Along      Format        `json:"along,omitempty"`   // of the file that is sent with the result; empty: none
	Premium    bool          `json:"premium,omitempty"` // goes by the priority queue
	Charge     Charge        `json:"charge,omitzero"`   // what it has taken of the person's quota
	Longest    time.Duration `json:"longest,omitempty"` // a recording may last; 0: no limit
	Largest    int64         `json:"largest,omitempty"` // bytes that the file may have, whatever Telegram said; 0: no limit
	State      State         `json:"state"`
	Round      int           `json:"round"`                // how often it was begun: 1, and one more for each retry or rescue
	Media      string        `json:"media,omitempty"`      // blob key of the file
	SHA256     string        `json:"sha256,omitempty"`     // of the file, hex
	Checkpoint *Checkpoint   `json:"checkpoint,omitempty"` // Waiting: how far the download has come
	Attempts   []Attempt     `json:"attempts,omitempty"`   // calls of providers, of all rounds
	Result     *Summary      `json:"result,omitempty"`
	Reason     string        `json:"reason,omitempty"`    // Failed: catalog key of the sentence for the person
	Args       errs.Args     `json:"args,omitempty"`      // Failed: values of that sentence
	Reference  string        `json:"reference,omitempty"` // Failed: finds the log line
	Lease      time.Time     `json:"lease,omitzero"`      // until when a worker has the job to itself
	Parked     time.Time     `json:"parked,omitzero"`     // it waits to be woken, no longer than until then
	Wakes      int           `json:"wakes,omitempty"`     // messages of this state and round behind the first one
	Tries      int           `json:"tries,omitempty"`     // that failed under earlier messages of this state and round
	CreatedAt  time.Time     `json:"created_at"`
	UpdatedAt  time.Time     `json:"updated_at"`

	delay time.Duration // of the message that the next write sends
}

// Summary is what a job keeps of its transcript.
type Summary struct {
	Blob     string        `json:"blob"` // where the transcript is
	Language string        `json:"language"`
	Duration time.Duration `json:"duration"`
	Words    int           `json:"words"`
	Preview  string        `json:"preview"`           // the first words
	Cached   bool          `json:"cached"`            // no provider was asked for it
	Missing  time.Duration `json:"missing,omitempty"` // of the file's end that could not be read
}

// Request asks for a transcription.
type Request struct {
	Store    string
	Chat     int64
	User     int64
	Message  int       // the message with the file: the same message is the same job
	SentAt   time.Time // when that message was sent, as Telegram says
	Progress int       // the message that shows the progress
	Language string    // of the texts
	Source   Source
	Options  Options
	Along    Format // of the file that is sent with the result; empty: none
	Premium  bool
	Terms    Terms
	Cause    string // the update that asked
}

// ticket is the body of a message to a worker: which job, and which round of
// it, so that a message of an earlier round is recognised as stale.
type ticket struct {
	Store string `json:"store"`
	User  int64  `json:"user"`
	Job   string `json:"job"`
	Round int    `json:"round"`
	First bool   `json:"first,omitempty"` // it goes by the priority queue
	Show  bool   `json:"show,omitempty"`  // no step: show the outcome as it stands
}

// reference is what the person is shown, and the log line carries, when this
// round of the job comes to nothing.
func (t ticket) reference() string { return id.Reference(t.Store, t.Job, strconv.Itoa(t.Round)) }

// idEncoding keeps the order of what it encodes and needs no escaping.
var idEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// idSuffix is how much of the derived name tells jobs of one second apart.
const idSuffix = 8

// JobID names the job of a message: it sorts by when the message was sent and
// is the same however often the update arrives. 15 characters.
func JobID(store string, chat int64, message int, sentAt time.Time) string {
	var seconds [4]byte

	binary.BigEndian.PutUint32(seconds[:], uint32(sentAt.Unix())) //nolint:gosec // wraps in 2106

	return idEncoding.EncodeToString(seconds[:]) +
		id.Derive(store, strconv.FormatInt(chat, 10), strconv.Itoa(message))[:idSuffix]
}

// jobKind begins the sort keys of jobs.
const jobKind = "job"

func jobsOf(tenant table.Tenant, user int64) table.Partition {
	return tenant.Partition("user", strconv.FormatInt(user, 10))
}

// openJobs is the partition of the index in which the unfinished jobs of a
// store stand by when somebody should look after them.
func openJobs(tenant table.Tenant) table.Partition { return tenant.Partition("open-jobs") }

// row makes the row of a job; version is the one read, 0 for a new job.
func row(job Job, version int64) (table.Row, error) {
	tenant, err := table.TenantOf(job.Store)
	if err != nil {
		return table.Row{}, err
	}

	body, err := table.Encode(job)
	if err != nil {
		return table.Row{}, err
	}

	made := table.Row{Key: jobsOf(tenant, job.User).Key(jobKind, job.ID), Version: version, Body: body}
	if job.State.Open() {
		made.Index = openJobs(tenant).Due(job.due(), job.ID)
	}

	return made, nil
}

// due says when a job that has not moved by then must have been lost: its
// worker has died, or its message never came. A parked job is looked after
// when it has waited long enough.
func (j Job) due() time.Time {
	if !j.Parked.IsZero() {
		return j.Parked
	}

	if j.Lease.IsZero() {
		return j.UpdatedAt.Add(StandsStill)
	}

	return j.Lease
}

// Title gives what the person would call the file: its name without the
// ending, or nothing.
func (j Job) Title() string {
	name := strings.TrimSpace(j.Source.Name)
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		name = name[:dot]
	}

	return name
}
