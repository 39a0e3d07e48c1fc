package conformance_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/blob/blobtest"
	"github.com/lapak-id/lapak/shared/blob/s3"
)

func TestBlob(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		client := awss3.NewFromConfig(at.config, func(o *awss3.Options) { o.UsePathStyle = at.local })
		name := makeBucket(t, client, at)

		t.Run("suite", func(t *testing.T) {
			blobtest.Run(t, func(*testing.T) blob.Bucket { return s3.New(client, name) },
				blobtest.Options{Except: exceptions[at.name], Follow: follow})
		})

		uploads, err := client.ListMultipartUploads(t.Context(), &awss3.ListMultipartUploadsInput{Bucket: aws.String(name)})
		require.NoError(t, err)
		assert.Empty(t, uploads.Uploads, "what failed was aborted")
	})
}

// follow reads a presigned address as a provider does: without credentials.
func follow(ctx context.Context, link string) (string, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return "", nil, fmt.Errorf("follow a link: %w", err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", nil, fmt.Errorf("follow a link: %w", err)
	}
	defer response.Body.Close()

	if response.StatusCode != http.StatusOK {
		return "", nil, fmt.Errorf("follow a link: %s", response.Status)
	}

	content, err := io.ReadAll(response.Body)

	return response.Header.Get("Content-Type"), content, err
}

func makeBucket(t *testing.T, client *awss3.Client, at target) string {
	t.Helper()

	bucket := aws.String(at.prefix)

	_, err := client.CreateBucket(t.Context(), &awss3.CreateBucketInput{
		Bucket: bucket,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{
			LocationConstraint: types.BucketLocationConstraint(at.config.Region),
		},
	})
	require.NoError(t, err)

	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())

		pages := awss3.NewListObjectsV2Paginator(client, &awss3.ListObjectsV2Input{Bucket: bucket})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			require.NoError(t, err)

			for _, object := range page.Contents {
				_, err := client.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: bucket, Key: object.Key})
				assert.NoError(t, err)
			}
		}

		_, err := client.DeleteBucket(ctx, &awss3.DeleteBucketInput{Bucket: bucket})
		assert.NoError(t, err)
	})

	return *bucket
}
