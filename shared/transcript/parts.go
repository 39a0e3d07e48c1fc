package transcript

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"hash"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// partBytes is the size of a part of a large file, and of each buffer.
	partBytes = 8 << 20
	// inFlight is how many parts are on their way to the bucket while another
	// one is read: three buffers of partBytes are held.
	inFlight = 2
)

// parts is an upload into the bucket: while some parts are on their way the
// next one is read, and behind each the state of the hash is known.
type parts struct {
	bucket blob.Bucket
	to     blob.Upload
	aside  func(func()) // runs what may happen beside the reading
	sum    hash.Hash    // of all that was sent
	whole  []blob.Part  // stored, without a gap
	bytes  int64        // of whole
	state  []byte       // of the hash behind whole
	flying []flight     // on their way, in order
	spare  [][]byte     // buffers
}

// flight is a part on its way.
type flight struct {
	content []byte
	state   []byte // of the hash behind it
	landed  chan landing
}

type landing struct {
	part blob.Part
	err  error
}

// room gives a buffer for the next part. It waits for a part to arrive where
// all are on their way.
func (p *parts) room(size int) ([]byte, error) {
	if len(p.flying) == inFlight && len(p.spare) == 0 {
		if err := p.land(); err != nil {
			return nil, err
		}
	}

	if last := len(p.spare) - 1; last >= 0 {
		buffer := p.spare[last]
		p.spare = p.spare[:last]

		return buffer, nil
	}

	return make([]byte, size), nil
}

// send sends the next part. Its content, a buffer of room's, is not to be
// touched any more.
func (p *parts) send(ctx context.Context, content []byte) error {
	p.sum.Write(content)

	state, err := hashState(p.sum)
	if err != nil {
		return err
	}

	number, away := len(p.whole)+len(p.flying)+1, flight{content: content, state: state, landed: make(chan landing, 1)}
	p.flying = append(p.flying, away)

	p.aside(func() {
		part, err := p.bucket.PutPart(ctx, p.to, number, content)
		away.landed <- landing{part, err}
	})

	return nil
}

// land waits for the part that was sent first.
func (p *parts) land() error {
	first := p.flying[0]
	p.flying = p.flying[1:]
	came := <-first.landed
	p.spare = append(p.spare, first.content[:cap(first.content)])

	if came.err != nil {
		return lost(came.err)
	}

	p.whole, p.state = append(p.whole, came.part), first.state
	p.bytes += came.part.Size

	return nil
}

// lost explains an upload that is not there any more: another worker of the
// same job has ended it, and the next try looks what came of it.
func lost(err error) error {
	if errs.Is(err, errs.NotFound) {
		return errs.Wrap(err, errs.Unavailable, "another worker has ended the upload")
	}

	return err
}

// landArrived takes note of the parts that have arrived meanwhile.
func (p *parts) landArrived() error {
	for len(p.flying) > 0 && len(p.flying[0].landed) > 0 {
		if err := p.land(); err != nil {
			return err
		}
	}

	return nil
}

// landAll waits for all parts. Those behind one that failed do not count.
func (p *parts) landAll() error {
	for len(p.flying) > 0 {
		if err := p.land(); err != nil {
			p.wait()

			return err
		}
	}

	return nil
}

// wait waits until nothing is on its way, whatever comes of it.
func (p *parts) wait() {
	for _, away := range p.flying {
		<-away.landed
	}

	p.flying = nil
}

// complete makes the object of all parts.
func (p *parts) complete(ctx context.Context) error {
	_, err := p.bucket.CompleteUpload(ctx, p.to, p.whole)
	if errs.Is(err, errs.NotFound) { // an earlier try whose answer was lost, or another worker, may have done it
		object, headErr := p.bucket.Head(ctx, p.to.Key)
		if headErr == nil && object.Size == p.bytes {
			return nil
		}
	}

	return lost(err)
}

// hashState gives what restoreHash takes.
func hashState(of hash.Hash) ([]byte, error) {
	marshaler, ok := of.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errs.New(errs.Internal, "the hash %T cannot be taken down", of)
	}

	state, err := marshaler.MarshalBinary()
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "take down the state of the hash")
	}

	return state, nil
}

// restoreHash gives a SHA-256 that goes on from a state.
func restoreHash(state []byte) (hash.Hash, error) {
	restored := sha256.New()

	unmarshaler, ok := restored.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errs.New(errs.Internal, "the hash %T cannot go on", restored)
	}

	if err := unmarshaler.UnmarshalBinary(state); err != nil {
		return nil, errs.Wrap(err, errs.Invalid, "go on with the state of a hash")
	}

	return restored, nil
}

func hexSum(of hash.Hash) string { return hex.EncodeToString(of.Sum(nil)) }
