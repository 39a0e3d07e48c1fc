package s3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
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

	object := blob.Object{Key: key, ContentType: options.ContentType, Metadata: maps.Clone(options.Metadata)}
	if object.ContentType == "" {
		object.ContentType = "application/octet-stream"
	}

	var absent *string
	if options.IfAbsent {
		absent = aws.String("*")
	}

	if ended {
		return b.putWhole(ctx, object, first[:size], absent)
	}

	return b.putParts(ctx, object, first, r, absent)
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
	started, err := b.client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: aws.String(b.name), Key: aws.String(object.Key),
		ContentType: aws.String(object.ContentType), Metadata: object.Metadata,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return blob.Object{}, failure(err, "start the upload of %s into bucket %s", object.Key, b.name)
	}

	up := &upload{bucket: b, key: aws.String(object.Key), id: started.UploadId}

	object.ETag, err = up.run(ctx, first, r, absent)
	if err != nil {
		return blob.Object{}, up.abort(ctx, err)
	}

	object.Size = up.size

	return object, nil
}

// upload is a multipart upload under way.
type upload struct {
	bucket *Bucket
	key    *string
	id     *string
	parts  []*types.CompletedPart // in order; a part's goroutine fills its own
	size   int64
}

// run sends all parts and completes the upload; it gives the ETag.
func (u *upload) run(ctx context.Context, first []byte, r io.Reader, absent *string) (string, error) {
	if err := u.send(ctx, first, r); err != nil {
		return "", err
	}

	completed := make([]types.CompletedPart, len(u.parts))
	for at, part := range u.parts {
		completed[at] = *part
	}

	answer, err := u.bucket.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: u.key, UploadId: u.id, IfNoneMatch: absent,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	if err != nil {
		return "", failure(err, "complete the upload of %s into bucket %s", *u.key, u.bucket.name)
	}

	return aws.ToString(answer.ETag), nil
}

// send sends the first part and r part by part: while one buffer is sent the
// other one is filled.
func (u *upload) send(ctx context.Context, first []byte, r io.Reader) error {
	buffers := make(chan []byte, inFlight)
	for range inFlight - 1 {
		buffers <- nil // made when it is needed
	}

	group, ctx := errgroup.WithContext(ctx)
	reading := u.read(ctx, first, r, buffers, group)

	return errors.Join(group.Wait(), reading)
}

// read gives the error of r; those of the parts come from the group, whose
// context ends the reading.
func (u *upload) read(ctx context.Context, buffer []byte, r io.Reader, buffers chan []byte, group *errgroup.Group) error {
	for count, ended := len(buffer), false; count > 0; {
		part := &types.CompletedPart{PartNumber: aws.Int32(int32(len(u.parts) + 1))} //nolint:gosec // at most 10,000
		u.parts = append(u.parts, part)
		u.size += int64(count)
		content := buffer[:count]

		group.Go(func() error {
			defer func() { buffers <- content[:cap(content)] }()

			return u.sendPart(ctx, part, content)
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
			return errs.Context(err, "put %s: read its content", *u.key)
		}
	}

	return nil
}

func (u *upload) sendPart(ctx context.Context, part *types.CompletedPart, content []byte) error {
	answer, err := u.bucket.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: aws.String(u.bucket.name), Key: u.key, UploadId: u.id,
		PartNumber: part.PartNumber, Body: bytes.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return failure(err, "upload part %d of %s into bucket %s", *part.PartNumber, *u.key, u.bucket.name)
	}

	part.ETag, part.ChecksumCRC32 = answer.ETag, answer.ChecksumCRC32

	return nil
}

// abort removes what was sent, also when the caller's own time is up, and gives
// the error that made it necessary. Where even that fails the bucket's
// lifecycle removes the parts.
func (u *upload) abort(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()

	_, err := u.bucket.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
		Bucket: aws.String(u.bucket.name), Key: u.key, UploadId: u.id,
	})
	if err != nil {
		return errors.Join(cause, failure(err, "abort the upload of %s into bucket %s", *u.key, u.bucket.name))
	}

	return cause
}
