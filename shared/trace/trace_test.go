package trace_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/trace"
)

// inLambda is a context as Lambda hands it to a function that is traced.
func inLambda(ctx context.Context) context.Context {
	//nolint:staticcheck // the SDK looks for a plain text
	return context.WithValue(ctx, xray.LambdaTraceHeaderKey,
		"Root=1-5e1b4151-43a0913a1234567812345678;Parent=53995c3f42cd8ad8;Sampled=0")
}

// serve answers calls and tells with which trace the last one came.
func serve(t *testing.T) (string, func() string) {
	t.Helper()

	var header atomic.Value

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header.Store(r.Header.Get("X-Amzn-Trace-Id"))
		w.Write([]byte(`{}`)) //nolint:errcheck // the client would complain
	}))
	t.Cleanup(server.Close)

	return server.URL, func() string {
		came, _ := header.Load().(string)

		return came
	}
}

// In Lambda the trace comes with the context, and AWS calls belong to it.
//
//nolint:paralleltest // the SDK keeps its settings for the whole process
func TestAWSCallsAreSubsegments(t *testing.T) {
	address, header := serve(t)

	config := aws.Config{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(address),
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	}
	require.NoError(t, trace.Start(&config))
	require.NotEmpty(t, config.APIOptions)

	wish := &sqs.GetQueueAttributesInput{QueueUrl: aws.String(address)}

	_, err := sqs.NewFromConfig(config).GetQueueAttributes(inLambda(t.Context()), wish)
	require.NoError(t, err)
	assert.Contains(t, header(), "1-5e1b4151-43a0913a1234567812345678")

	_, err = sqs.NewFromConfig(config).GetQueueAttributes(t.Context(), wish)
	require.NoError(t, err, "and without a trace")
}

// Calls of a provider belong to the trace as well.
//
//nolint:paralleltest // the SDK keeps its settings for the whole process
func TestCallsOfAClientAreSubsegments(t *testing.T) {
	require.NoError(t, trace.Start(&aws.Config{}))

	address, header := serve(t)
	client := trace.Client(&http.Client{})

	for _, ctx := range []context.Context{inLambda(t.Context()), t.Context()} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		require.NoError(t, err)

		response, err := client.Do(request)
		require.NoError(t, err, "with a trace and without")
		require.NoError(t, response.Body.Close())

		if ctx != t.Context() {
			assert.Contains(t, header(), "1-5e1b4151-43a0913a1234567812345678")
		}
	}
}
