package conformance_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/health/cloud"
	"github.com/lapak-id/lapak/shared/secret/ssm"
)

// What the books of AWS say is what was done.
func TestCloud(t *testing.T) {
	t.Parallel()

	on(t, []string{emulator, realAWS}, func(t *testing.T, at target) {
		t.Helper()

		tables := dynamodb.NewFromConfig(at.config)
		name := at.prefix + "-books"
		makeTable(t, tables, name, false)

		books := cloud.New(at.config, name, clock.System{})

		t.Run("backup", func(t *testing.T) {
			none, err := books.Restorable(t.Context())
			require.NoError(t, err)
			assert.Zero(t, none, "nothing backs it up")

			_, err = tables.UpdateContinuousBackups(t.Context(), &dynamodb.UpdateContinuousBackupsInput{
				TableName: aws.String(name), PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
					PointInTimeRecoveryEnabled: aws.Bool(true),
				},
			})
			require.NoError(t, err)

			last, err := books.Restorable(t.Context())
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now(), last, 10*time.Minute)

			_, err = cloud.New(at.config, at.prefix+"-nothing", clock.System{}).Restorable(t.Context())
			require.Error(t, err)
		})

		t.Run("limits", func(t *testing.T) {
			limit, err := books.Concurrency(t.Context())
			require.NoError(t, err)
			assert.Positive(t, limit)

			before, most, err := books.Parameters(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 10_000, most)

			vault := ssm.New(awsssm.NewFromConfig(at.config), "/"+at.prefix+"-books", clock.System{}, 0)
			require.NoError(t, vault.Rotate(t.Context(), "key", "value"))

			after, _, err := books.Parameters(t.Context())
			require.NoError(t, err)
			assert.NoError(t, vault.Delete(t.Context(), "key"))
			assert.Positive(t, after)
			assert.GreaterOrEqual(t, before, 0, "others make and delete theirs meanwhile")
		})

		t.Run("metrics", func(t *testing.T) { countMetrics(t, at, books) })
	})
}

func countMetrics(t *testing.T, at target, books *cloud.Cloud) {
	t.Helper()

	if at.local {
		t.Skip("the emulator does not speak CBOR, in which the SDK asks for metrics; shared/health/cloud has a test of its own")
	}

	namespace := "Lapak/" + at.prefix
	series := func(name, of string, sum bool, within time.Duration) health.Metric {
		made := health.Metric{Namespace: namespace, Name: name, Sum: sum, Within: within}
		if of != "" {
			made.Dimension, made.Of = "FunctionName", of
		}

		return made
	}

	put := func(name, of string, value float64, ago time.Duration) {
		datum := cwtypes.MetricDatum{
			MetricName: aws.String(name), Value: aws.Float64(value), Timestamp: aws.Time(time.Now().Add(-ago)),
		}
		if of != "" {
			datum.Dimensions = []cwtypes.Dimension{{Name: aws.String("FunctionName"), Value: aws.String(of)}}
		}

		_, err := cloudwatch.NewFromConfig(at.config).PutMetricData(t.Context(), &cloudwatch.PutMetricDataInput{
			Namespace: aws.String(namespace), MetricData: []cwtypes.MetricDatum{datum},
		})
		require.NoError(t, err)
	}

	put("Used", "bot", 40, 3*time.Minute)
	put("Used", "bot", 70, 5*time.Minute)
	put("Used", "bot", 99, 40*time.Minute)
	put("Used", "relay", 5, 3*time.Minute)
	put("Bytes", "", 1000, 3*time.Minute)
	put("Bytes", "", 500, 40*time.Minute)

	recent, hour, none := series("Used", "bot", false, 15*time.Minute), series("Bytes", "", true, time.Hour),
		series("Used", "nobody", false, time.Hour)

	read := func() map[health.Metric]float64 {
		values, err := books.Metrics(t.Context(), []health.Metric{recent, hour, none})
		require.NoError(t, err)

		return values
	}

	// CloudWatch shows what it was given within a minute or two; the emulator at once.
	const shownWithin, askEvery = 3 * time.Minute, time.Second

	require.Eventually(t, func() bool { return len(read()) >= 2 }, shownWithin, askEvery)
	assert.Equal(t, map[health.Metric]float64{recent: 70, hour: 1500}, read(), "what has no value is left out")
}
