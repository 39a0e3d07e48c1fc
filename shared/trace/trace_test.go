package trace_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/trace"
)

var errWork = errors.New("the work failed")

// Where there is no trace the work is done all the same.
func TestStepWithoutATrace(t *testing.T) {
	t.Parallel()

	require.NoError(t, trace.Start(&aws.Config{}))

	type key struct{}

	ctx := context.WithValue(t.Context(), key{}, "kept")
	done := false

	require.NoError(t, trace.Step(ctx, "hear", func(ctx context.Context) error {
		done = ctx.Value(key{}) == "kept"

		return nil
	}))
	assert.True(t, done)
	assert.Equal(t, errWork, trace.Step(ctx, "hear", func(context.Context) error { return errWork }))
}

// In Lambda the trace comes with the context, and AWS calls belong to it.
func TestAWSCallsAreSubsegments(t *testing.T) {
	t.Parallel()

	var header string

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Get("X-Amzn-Trace-Id")
		w.Write([]byte(`{}`)) //nolint:errcheck // the client would complain
	}))
	t.Cleanup(server.Close)

	config := aws.Config{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	}
	require.NoError(t, trace.Start(&config))
	require.NotEmpty(t, config.APIOptions)

	//nolint:staticcheck // the SDK looks for a plain text
	ctx := context.WithValue(t.Context(), xray.LambdaTraceHeaderKey,
		"Root=1-5e1b4151-43a0913a1234567812345678;Parent=53995c3f42cd8ad8;Sampled=0")

	err := trace.Step(ctx, "count", func(ctx context.Context) error {
		_, err := sqs.NewFromConfig(config).GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(server.URL)})

		return err
	})
	require.NoError(t, err)
	assert.Contains(t, header, "1-5e1b4151-43a0913a1234567812345678")

	_, err = sqs.NewFromConfig(config).GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: aws.String(server.URL)})
	require.NoError(t, err, "and without a trace")
}
