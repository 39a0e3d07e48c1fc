package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/errs"
)

// StartUpload implements blob.Uploads.
func (b *Bucket) StartUpload(ctx context.Context, key string, options blob.PutOptions) (blob.Upload, error) {
	if err := blob.ValidateUpload(key, options); err != nil {
		return blob.Upload{}, err
	}

	return b.start(ctx, described(key, options))
}

func (b *Bucket) start(ctx context.Context, object blob.Object) (blob.Upload, error) {
	started, err := b.client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: aws.String(b.name), Key: aws.String(object.Key),
		ContentType: aws.String(object.ContentType), Metadata: object.Metadata,
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return blob.Upload{}, failure(err, "start the upload of %s into bucket %s", object.Key, b.name)
	}

	return blob.Upload{Key: object.Key, ID: aws.ToString(started.UploadId)}, nil
}

// PutPart implements blob.Uploads.
func (b *Bucket) PutPart(ctx context.Context, to blob.Upload, number int, content []byte) (blob.Part, error) {
	if err := blob.ValidatePart(number, content); err != nil {
		return blob.Part{}, errs.Context(err, "upload a part of %s", to.Key)
	}

	part := blob.Part{Number: number, Size: int64(len(content)), CRC32: checksum(content)}

	answer, err := b.client.UploadPart(ctx, &awss3.UploadPartInput{
		Bucket: aws.String(b.name), Key: aws.String(to.Key), UploadId: aws.String(to.ID),
		PartNumber: partNumber(part), Body: bytes.NewReader(content), ChecksumCRC32: aws.String(part.CRC32),
	})
	if err != nil {
		return blob.Part{}, failure(err, "upload part %d of %s into bucket %s", number, to.Key, b.name)
	}

	part.ETag = aws.ToString(answer.ETag)

	return part, nil
}

// checksum gives the CRC-32 (IEEE) of content as S3 writes it.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
func checksum(content []byte) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(content)))
}

func partNumber(part blob.Part) *int32 {
	return aws.Int32(int32(part.Number)) //nolint:gosec // at most blob.MaxParts, checked before
}

// Parts implements blob.Uploads.
func (b *Bucket) Parts(ctx context.Context, of blob.Upload) ([]blob.Part, error) {
	var parts []blob.Part

	pages := awss3.NewListPartsPaginator(b.client, &awss3.ListPartsInput{
		Bucket: aws.String(b.name), Key: aws.String(of.Key), UploadId: aws.String(of.ID),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failure(err, "list the parts of %s in bucket %s", of.Key, b.name)
		}

		for _, listed := range page.Parts {
			parts = append(parts, blob.Part{
				Number: int(aws.ToInt32(listed.PartNumber)),
				Size:   aws.ToInt64(listed.Size),
				ETag:   aws.ToString(listed.ETag),
				CRC32:  aws.ToString(listed.ChecksumCRC32),
			})
		}
	}

	return parts, nil
}

// CompleteUpload implements blob.Uploads.
func (b *Bucket) CompleteUpload(ctx context.Context, of blob.Upload, parts []blob.Part) (blob.Object, error) {
	stored, err := b.complete(ctx, of, parts, nil)
	if err != nil {
		return blob.Object{}, err
	}

	return stored, nil
}

// complete gives an object without its description, which S3 does not repeat.
func (b *Bucket) complete(ctx context.Context, of blob.Upload, parts []blob.Part, absent *string) (blob.Object, error) {
	if err := blob.ValidateParts(parts); err != nil {
		return blob.Object{}, errs.Context(err, "complete the upload of %s", of.Key)
	}

	object := blob.Object{Key: of.Key}
	completed := make([]types.CompletedPart, len(parts))

	for at, part := range parts {
		object.Size += part.Size
		completed[at] = types.CompletedPart{PartNumber: partNumber(part), ETag: aws.String(part.ETag)}

		if part.CRC32 != "" {
			completed[at].ChecksumCRC32 = aws.String(part.CRC32)
		}
	}

	answer, err := b.client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: aws.String(b.name), Key: aws.String(of.Key), UploadId: aws.String(of.ID), IfNoneMatch: absent,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
	})
	if err != nil {
		return blob.Object{}, failure(err, "complete the upload of %s into bucket %s", of.Key, b.name)
	}

	object.ETag = aws.ToString(answer.ETag)

	return object, nil
}

// AbortUpload implements blob.Uploads.
func (b *Bucket) AbortUpload(ctx context.Context, of blob.Upload) error {
	_, err := b.client.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{
		Bucket: aws.String(b.name), Key: aws.String(of.Key), UploadId: aws.String(of.ID),
	})
	if err == nil || apiCode(err) == noSuchUpload {
		return nil
	}

	return failure(err, "abort the upload of %s into bucket %s", of.Key, b.name)
}

// Link implements blob.Bucket: a presigned address. It ends with the
// credentials that signed it, which in Lambda live for hours.
func (b *Bucket) Link(ctx context.Context, key string, validFor time.Duration) (string, error) {
	if err := blob.ValidateLink(key, validFor); err != nil {
		return "", err
	}

	input := &awss3.GetObjectInput{Bucket: aws.String(b.name), Key: aws.String(key)}

	signed, err := awss3.NewPresignClient(b.client).PresignGetObject(ctx, input, awss3.WithPresignExpires(validFor))
	if err != nil {
		return "", failure(err, "link to %s of bucket %s", key, b.name)
	}

	return signed.URL, nil
}
