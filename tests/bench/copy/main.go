// Command copy is what `make bench` holds the download function against: the
// same file, opened in the same way, copied into S3 by the same client in parts
// of the same size, and nothing else: no hash, no job, no progress, nothing that
// could be gone on with. Without a file it sends zeros, which is what S3 alone
// takes.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/caarlos0/env/v11"
	"golang.org/x/sync/errgroup"

	"github.com/lapak-id/lapak/shared/awshttp"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/mtproto"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/transcript"
)

// As the download function has them.
const (
	partBytes = 8 << 20
	inFlight  = 2
)

type settings struct {
	Scratch   string `env:"LAPAK_SCRATCH_TABLE,required"`
	Bucket    string `env:"LAPAK_MEDIA_BUCKET,required"`
	Secrets   string `env:"LAPAK_SECRETS_PREFIX,required"`
	APIID     int    `env:"LAPAK_TELEGRAM_API_ID,required"`
	MTProto   string `env:"LAPAK_MTPROTO_SERVER,required"`
	PublicKey string `env:"LAPAK_MTPROTO_PUBLIC_KEY,required"`
	Store     string `env:"BENCH_STORE,required"`
	FileID    string `env:"BENCH_FILE_ID"`
	Size      int64  `env:"BENCH_SIZE,required"`
}

func main() {
	took, err := run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, "copy:", err)
		os.Exit(1)
	}

	fmt.Println(took.Nanoseconds())
}

func run(ctx context.Context) (time.Duration, error) {
	given, err := env.ParseAs[settings]()
	if err != nil {
		return 0, fmt.Errorf("read the settings: %w", err)
	}

	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return 0, fmt.Errorf("load the AWS configuration: %w", err)
	}

	loaded.HTTPClient = awshttp.Mend(loaded.HTTPClient)
	began := time.Now()

	file, err := given.open(ctx, loaded)
	if err != nil {
		return 0, err
	}

	client := awss3.NewFromConfig(loaded, func(options *awss3.Options) { options.UsePathStyle = true })
	err = given.copy(ctx, client, file)

	return time.Since(began), errors.Join(err, file.Close())
}

func (s settings) open(ctx context.Context, loaded aws.Config) (io.ReadCloser, error) {
	if s.FileID == "" {
		return io.NopCloser(io.LimitReader(zeros{}, s.Size)), nil
	}

	vault := ssm.New(awsssm.NewFromConfig(loaded), s.Secrets, clock.System{}, ssm.DefaultTTL)
	scratch := dynamo.New(dynamodb.NewFromConfig(loaded), s.Scratch, "", clock.System{})

	files, err := mtproto.NewFiles(mtproto.Config{APIID: s.APIID, Server: s.MTProto, PublicKey: s.PublicKey},
		vault, scratch, clock.System{})
	if err != nil {
		return nil, err
	}

	opened, _, err := files.Open(ctx, transcript.FileRef{Store: s.Store, FileID: s.FileID, Size: s.Size}, 0)

	return opened, err
}

type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

func (s settings) copy(ctx context.Context, client *awss3.Client, file io.Reader) error {
	bucket, key := aws.String(s.Bucket), aws.String("copy")

	started, err := client.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{
		Bucket: bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return fmt.Errorf("start the upload: %w", err)
	}

	parts := make([]types.CompletedPart, (s.Size+partBytes-1)/partBytes)
	buffers := make(chan []byte, inFlight+1)

	for range inFlight + 1 {
		buffers <- make([]byte, partBytes)
	}

	group, sending := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)

	for at := range parts {
		buffer := <-buffers

		count, err := io.ReadFull(file, buffer)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("read the file: %w", err)
		}

		number := aws.Int32(int32(at + 1))

		group.Go(func() error {
			defer func() { buffers <- buffer }()

			sent, err := client.UploadPart(sending, &awss3.UploadPartInput{
				Bucket: bucket, Key: key, UploadId: started.UploadId, PartNumber: number, Body: bytes.NewReader(buffer[:count]),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
			})
			if err != nil {
				return fmt.Errorf("upload part %d: %w", at+1, err)
			}

			parts[at] = types.CompletedPart{PartNumber: number, ETag: sent.ETag}

			return nil
		})
	}

	if err := group.Wait(); err != nil {
		return err
	}

	_, err = client.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: started.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	if err != nil {
		return fmt.Errorf("complete the upload: %w", err)
	}

	return nil
}
