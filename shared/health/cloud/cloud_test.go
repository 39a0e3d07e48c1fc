package cloud_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/health/cloud"
)

// Metrics are asked for in one call, and of their points only those count that
// are young enough for the series.
func TestMetrics(t *testing.T) {
	t.Parallel()

	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	points := func(id string, values map[time.Duration]float64) cbor.Map {
		var times, numbers cbor.List

		for ago, value := range values {
			times = append(times, &cbor.Tag{ID: 1, Value: cbor.Uint(now.Add(-ago).Unix())}) //nolint:gosec // after 1970
			numbers = append(numbers, cbor.Float64(value))
		}

		return cbor.Map{"Id": cbor.String(id), "Timestamps": times, "Values": numbers}
	}

	var asked []string

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}

		asked = append(asked, string(body))

		w.Header().Set("Content-Type", "application/cbor")
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		_, _ = w.Write(cbor.Encode(cbor.Map{"MetricDataResults": cbor.List{
			points("m0", map[time.Duration]float64{3 * time.Minute: 40, 5 * time.Minute: 70, 40 * time.Minute: 99}),
			points("m1", map[time.Duration]float64{3 * time.Minute: 1000, 40 * time.Minute: 500}),
			points("m2", nil), // no value in all that time
		}}))
	}))
	defer server.Close()

	books := cloud.New(aws.Config{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}, "state", clock.NewManual(now))

	used := health.Metric{
		Namespace: "Lapak/test", Name: "MemoryUsedPercent", Dimension: "FunctionName", Of: "app-bot", Within: 15 * time.Minute,
	}
	written := health.Metric{Namespace: "AWS/Logs", Name: "IncomingBytes", Sum: true, Within: time.Hour}
	none := health.Metric{Namespace: "AWS/SQS", Name: "ApproximateAgeOfOldestMessage", Within: time.Hour}

	values, err := books.Metrics(t.Context(), []health.Metric{used, written, none})
	require.NoError(t, err)
	require.Equal(t, map[health.Metric]float64{used: 70, written: 1500}, values, "what has no value is left out")
	require.Len(t, asked, 1)

	for _, name := range []string{"MemoryUsedPercent", "app-bot", "IncomingBytes", "Sum", "Maximum"} {
		require.True(t, strings.Contains(asked[0], name), name) //nolint:testifylint // the body is no text to print
	}
}
