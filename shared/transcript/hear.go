package transcript

import (
	"context"
	"io"
	"time"

	"github.com/lapak-id/lapak/shared/blob"
)

// Media is a stored file that is read as it is needed.
type Media struct {
	Size int64 // bytes
	// Open streams a part of the file. The caller closes it.
	Open func(ctx context.Context, part blob.Range) (io.ReadCloser, error)
	// Link gives an address at which a provider finds the whole file for a
	// while; nil where there is none.
	Link func(ctx context.Context) (string, error)
}

// Bounds are what one call of a provider may carry.
type Bounds struct {
	Bytes     int64         // of the audio
	LinkBytes int64         // of audio that has a Link, from which the provider fetches it; at least Bytes
	Duration  time.Duration // of the audio
	Formats   []string      // containers that are heard as they are: "ogg", "mp3", "m4a", "wav", "flac", "webm"
	Whole     bool          // cut only what does not fit: speakers are told apart within one call
}

// Preparer makes of any media what a provider can hear.
type Preparer interface {
	// Prepare looks at the media and begins. Invalid, with a sentence for the
	// person, where it is no audio or video, or lasts longer than longest.
	// Errors of reading the media keep their code. The caller closes the
	// result.
	Prepare(ctx context.Context, media Media, bounds Bounds, longest time.Duration) (Prepared, error)
}

// Prepared is audio on its way to a provider, part by part. Its methods are
// for one goroutine, but for Done, which another may ask meanwhile.
type Prepared interface {
	// About says what is known before the work.
	About() About
	// Next gives the next part; io.EOF behind the last one. A part stays valid
	// until Close.
	Next(ctx context.Context) (Part, error)
	// Done is how much of the input has been gone through.
	Done() time.Duration
	// Missing is, behind the last part, how much of the end of the input could
	// not be read though the file says that it is there.
	Missing() time.Duration
	// Close ends the work and frees what it holds.
	Close() error
}

// About describes the work on a media before it is done.
type About struct {
	Format   string        // container, such as "mp4"
	Duration time.Duration // as the file says; 0 where it does not
	Copied   bool          // goes as it is: there is nothing to compress
	Bitrate  int           // bit/s of what is made
	Bytes    int64         // of all parts, estimated
	Parts    int           // estimated; at least 1
}

// Part is a stretch of audio that one call of a provider carries.
type Part struct {
	Number  int           // from 1
	Start   time.Duration // in the media
	Length  time.Duration // 0 where it is not known
	Overlap time.Duration // how much of its beginning the part before has too
	Name    string        // such as "audio.ogg": providers go by its ending
	Type    string        // MIME type
	Size    int64         // bytes
	// Open streams the part, as often as it is asked to. The caller closes it.
	Open func(ctx context.Context) (io.ReadCloser, error)
	// Link is as that of Media; nil where there is none.
	Link func(ctx context.Context) (string, error)
}

// Ask is what a provider is to hear.
type Ask struct {
	Store   string
	Options Options
	Part    Part
}

// Speech hears through whichever provider fits best.
type Speech interface {
	// Bounds says what one call may carry for such options.
	Bounds(ctx context.Context, store string, options Options) (Bounds, error)
	// Recognize hears a part, and gives every call that it took, also when it
	// fails. Times count from the start of the part. Invalid where the part
	// cannot be heard at all; Limited and Unavailable where another try may
	// help; Internal where no provider is set up.
	Recognize(ctx context.Context, ask Ask) (Transcript, []Attempt, error)
}
