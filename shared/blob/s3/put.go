package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

const (
	// partBytes is the size of a part and of each buffer. S3 takes 10,000 parts:
	// 80 GB, far over any file of Telegram.
	partBytes = 8 << 20

	// inFlight is how many parts are held at a time: one is read while the
	// other is sent.
	inFlight = 2

	// abortTime is how long the removal of a failed upload may take.
	abortTime = 5 * time.Second
)

// Put implements blob.Bucket. What fits in one part goes in one request.
//
// The SDK's own transfer manager is not used: it aborts a failed upload under
// the caller's context, so that the upload of a caller whose time is up stays
// behind, and it holds one buffer more than it sends parts.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, options blob.PutOptions) (blob.Object, error) {
	if err := errors.Join(blob.ValidateKey(key), options.Validate()); err != nil {
		return blob.Object{}, errs.Context(err, "put %s", key)
	}

	first := make([]byte, partBytes)

	size, ended, err := fill(r, first)
	if err != nil {
		return blob.Object{}, errs.Context(err, "put %s: read its content", key)
	}

	object := described(key, options)

	var absent *string
	if options.IfAbsent {
		absent = aws.String("*")
	}

	if ended {
		return b.putWhole(ctx, object, first[:size], absent)
	}

	return b.putParts(ctx, object, first, r, absent)
}

// described gives the object that options describe.
func described(key string, options blob.PutOptions) blob.Object {
	return blob.Object{
		Key:         key,
		ContentType: cmp.Or(options.ContentType, "application/octet-stream"),
		Metadata:    maps.Clone(options.Metadata),
	}
}

// fill reads until the buffer is full or r has ended, and reports which.
//
// It does not use io.ReadFull, which says io.ErrUnexpectedEOF for an end inside
// the buffer: a connection that was cut says the same, and what came through it
// would be stored as if it were all.
func fill(r io.Reader, buffer []byte) (int, bool, error) {
	var count int

	for count < len(buffer) {
		read, err := r.Read(buffer[count:])
		count += read

		if err == io.EOF {
			return count, true, nil
		}

		if err != nil {
			return count, false, err //nolint:wrapcheck // the caller names the object
		}
	}

	return count, false, nil
}

func (b *Bucket) putWhole(ctx context.Context, object blob.Object, content []byte, absent *string) (blob.Object, error) {
	answer, err := b.client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket: aws.String(b.name), Key: aws.String(object.Key), Body: bytes.NewReader(content),
		ContentType: aws.String(object.ContentType), Metadata: object.Metadata, IfNoneMatch: absent,
	})
	if err != nil {
		return blob.Object{}, failure(err, "put %s into bucket %s", object.Key, b.name)
	}

	object.Size, object.ETag = int64(len(content)), aws.ToString(answer.ETag)

	return object, nil
}

// putParts sends the first part, which was read already, and the rest of r.
func (b *Bucket) putParts(
	ctx context.Context, object blob.Object, first []byte, r io.Reader, absent *string,
) (blob.Object, error) {
	started, err := b.start(ctx, object)
	if err != nil {
		return blob.Object{}, err
	}

	to := &sending{bucket: b, upload: started}

	stored, err := to.run(ctx, first, r, absent)
	if err != nil {
		if errs.Is(err, errs.NotFound) { // the upload, which nobody else knows: another try makes another
			err = errs.Wrap(err, errs.Unavailable, "put %s", object.Key)
		}

		return blob.Object{}, b.abandon(ctx, started, err)
	}

	object.Size, object.ETag = stored.Size, stored.ETag

	return object, nil
}

// sending is a Put whose content goes in parts.
type sending struct {
	bucket *Bucket
	upload blob.Upload
	parts  []*blob.Part // in order; a part's goroutine fills its own
}

// run sends all parts and completes the upload.
func (s *sending) run(ctx context.Context, first []byte, r io.Reader, absent *string) (blob.Object, error) {
	if err := s.send(ctx, first, r); err != nil {
		return blob.Object{}, err
	}

	parts := make([]blob.Part, len(s.parts))
	for at, part := range s.parts {
		parts[at] = *part
	}

	return s.bucket.complete(ctx, s.upload, parts, absent)
}

// send sends the first part and r part by part: while one buffer is sent the
// other one is filled.
func (s *sending) send(ctx context.Context, first []byte, r io.Reader) error {
	buffers := make(chan []byte, inFlight)
	for range inFlight - 1 {
		buffers <- nil // made when it is needed
	}

	group, ctx := errgroup.WithContext(ctx)
	reading := s.read(ctx, first, r, buffers, group)

	return errors.Join(group.Wait(), reading)
}

// read gives the error of r; those of the parts come from the group, whose
// context ends the reading.
func (s *sending) read(ctx context.Context, buffer []byte, r io.Reader, buffers chan []byte, group *errgroup.Group) error {
	for count, ended := len(buffer), false; count > 0; {
		part := &blob.Part{}
		s.parts = append(s.parts, part)
		number, content := len(s.parts), buffer[:count]

		group.Go(func() error {
			defer func() { buffers <- content[:cap(content)] }()

			var err error
			*part, err = s.bucket.PutPart(ctx, s.upload, number, content)

			return err
		})

		if ended {
			break
		}

		select {
		case <-ctx.Done():
			return nil
		case buffer = <-buffers:
		}

		if buffer == nil {
			buffer = make([]byte, partBytes)
		}

		var err error

		count, ended, err = fill(r, buffer)
		if err != nil {
			return errs.Context(err, "put %s: read its content", s.upload.Key)
		}
	}

	return nil
}

// abandon removes what was sent, also when the caller's own time is up, and
// gives the error that made it necessary. Where even that fails the bucket's
// lifecycle removes the parts.
func (b *Bucket) abandon(ctx context.Context, upload blob.Upload, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()

	return errors.Join(cause, b.AbortUpload(ctx, upload))
}
