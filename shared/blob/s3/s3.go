// Package s3 provides a bucket kept in S3.
package s3

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
)

// Bucket is a bucket in S3. It is safe for concurrent use.
//
// Without permission to list the bucket S3 answers 403 for an object that does
// not exist, which comes back as Unauthorized instead of NotFound.
type Bucket struct {
	client *awss3.Client
	name   string
}

var _ blob.Bucket = (*Bucket)(nil)

// New gives the bucket called name.
func New(client *awss3.Client, name string) *Bucket { return &Bucket{client: client, name: name} }

// Get implements blob.Bucket.
func (b *Bucket) Get(ctx context.Context, key string, part blob.Range) (io.ReadCloser, blob.Object, error) {
	if err := errors.Join(blob.ValidateKey(key), part.Validate()); err != nil {
		return nil, blob.Object{}, errs.Context(err, "get %s", key)
	}

	input := &awss3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key), Range: header(part)}

	answer, err := b.client.GetObject(ctx, input)
	if err != nil {
		return nil, blob.Object{}, failure(err, "get %s from bucket %s", key, b.name)
	}

	object := blob.Object{
		Key:         key,
		Size:        aws.ToInt64(answer.ContentLength),
		ContentType: aws.ToString(answer.ContentType),
		ETag:        aws.ToString(answer.ETag),
		Modified:    aws.ToTime(answer.LastModified),
		Metadata:    lower(answer.Metadata),
	}

	if answer.ContentRange != nil {
		object.Size, err = total(*answer.ContentRange)
		if err != nil {
			return nil, blob.Object{}, errors.Join(errs.Context(err, "get %s from bucket %s", key, b.name), answer.Body.Close())
		}
	}

	return &stream{ReadCloser: answer.Body, key: key}, object, nil
}

// header gives the Range header of a part, nil for the whole object.
func header(part blob.Range) *string {
	if part == (blob.Range{}) {
		return nil
	}

	value := "bytes=" + strconv.FormatInt(part.Offset, 10) + "-"
	if part.Length > 0 {
		value += strconv.FormatInt(part.Offset+part.Length-1, 10)
	}

	return aws.String(value)
}

// total reads the size of the whole object out of "bytes 0-9/100".
func total(contentRange string) (int64, error) {
	_, text, _ := strings.Cut(contentRange, "/")

	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil || size < 0 {
		return 0, errs.New(errs.Internal, "the answer's Content-Range %q has no size", contentRange)
	}

	return size, nil
}

// stream is the content of an object; where it breaks off, its error says what
// broke and that trying again may help.
type stream struct {
	io.ReadCloser

	key string
}

// Read implements io.Reader.
func (s *stream) Read(into []byte) (int, error) {
	count, err := s.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return count, errs.Wrap(err, errs.Unavailable, "read %s: the stream was cut", s.key)
	}

	return count, err //nolint:wrapcheck // io.EOF has to stay as it is
}

// Head implements blob.Bucket.
func (b *Bucket) Head(ctx context.Context, key string) (blob.Object, error) {
	if err := blob.ValidateKey(key); err != nil {
		return blob.Object{}, err
	}

	answer, err := b.client.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return blob.Object{}, failure(err, "describe %s of bucket %s", key, b.name)
	}

	return blob.Object{
		Key:         key,
		Size:        aws.ToInt64(answer.ContentLength),
		ContentType: aws.ToString(answer.ContentType),
		ETag:        aws.ToString(answer.ETag),
		Modified:    aws.ToTime(answer.LastModified),
		Metadata:    lower(answer.Metadata),
	}, nil
}

// lower gives metadata with the lower-case names under which it was put.
func lower(metadata map[string]string) map[string]string {
	if len(metadata) == 0 {
		return nil
	}

	lowered := make(map[string]string, len(metadata))
	for name, value := range metadata {
		lowered[strings.ToLower(name)] = value
	}

	return lowered
}

// Delete implements blob.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := blob.ValidateKey(key); err != nil {
		return err
	}

	_, err := b.client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)})
	if err != nil {
		return failure(err, "delete %s from bucket %s", key, b.name)
	}

	return nil
}

// List implements blob.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, cursor string, limit int) (blob.Page, error) {
	if err := blob.ValidateList(limit); err != nil {
		return blob.Page{}, err
	}

	input := &awss3.ListObjectsV2Input{
		Bucket:  aws.String(b.name),
		Prefix:  aws.String(prefix),
		MaxKeys: aws.Int32(int32(limit)), //nolint:gosec // at most MaxPageKeys, checked before
	}
	if cursor != "" {
		input.ContinuationToken = aws.String(cursor)
	}

	answer, err := b.client.ListObjectsV2(ctx, input)
	if err != nil {
		return blob.Page{}, failure(err, "list %s of bucket %s", prefix, b.name)
	}

	page := blob.Page{Next: aws.ToString(answer.NextContinuationToken)}
	for _, listed := range answer.Contents {
		page.Objects = append(page.Objects, blob.Object{
			Key:      aws.ToString(listed.Key),
			Size:     aws.ToInt64(listed.Size),
			ETag:     aws.ToString(listed.ETag),
			Modified: aws.ToTime(listed.LastModified),
		})
	}

	return page, nil
}

// failure gives an error of the client its code.
func failure(err error, format string, args ...any) *errs.Error {
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return errs.Wrap(err, errs.NotFound, format, args...)
	}

	switch apiCode(err) {
	case "ConditionalRequestConflict", "OperationAborted":
		// Two puts met: S3 asks to try again, then it knows who was first.
		return errs.Wrap(err, errs.Unavailable, format, args...)
	case "BadDigest", "XAmzContentChecksumMismatch":
		// Content was damaged on its way.
		return errs.Wrap(err, errs.Unavailable, format, args...)
	case noSuchUpload:
		return errs.Wrap(err, errs.NotFound, format, args...)
	case "InvalidPart":
		return errs.Wrap(err, errs.Conflict, format, args...)
	default:
		return awserrs.Wrap(err, format, args...)
	}
}

const noSuchUpload = "NoSuchUpload"

// apiCode gives what S3 called the failure, empty where no answer came.
func apiCode(err error) string {
	api, answered := errors.AsType[smithy.APIError](err)
	if !answered {
		return ""
	}

	return api.ErrorCode()
}
