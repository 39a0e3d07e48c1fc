// Package cloud provides what AWS's own books say of the platform: backups,
// quotas and CloudWatch's metrics.
package cloud

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs/awserrs"
	"github.com/lapak-id/lapak/shared/health"
)

// Cloud asks AWS. It is safe for concurrent use.
type Cloud struct {
	table   string
	clock   clock.Clock
	tables  *dynamodb.Client
	metrics *cloudwatch.Client
	account *lambda.Client
	secrets *ssm.Client
}

var _ health.Cloud = (*Cloud)(nil)

// New makes a cloud of an account, in which state is the state table's name.
func New(config aws.Config, state string, now clock.Clock) *Cloud {
	return &Cloud{
		table: state, clock: now,
		tables: dynamodb.NewFromConfig(config), metrics: cloudwatch.NewFromConfig(config),
		account: lambda.NewFromConfig(config), secrets: ssm.NewFromConfig(config),
	}
}

// Restorable implements health.Cloud.
func (c *Cloud) Restorable(ctx context.Context) (time.Time, error) {
	answer, err := c.tables.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{
		TableName: aws.String(c.table),
	})
	if err != nil {
		return time.Time{}, awserrs.Wrap(err, "ask for the backup of table %s", c.table)
	}

	recovery := answer.ContinuousBackupsDescription.PointInTimeRecoveryDescription
	if recovery == nil || recovery.PointInTimeRecoveryStatus != dynamotypes.PointInTimeRecoveryStatusEnabled {
		return time.Time{}, nil
	}

	return aws.ToTime(recovery.LatestRestorableDateTime), nil
}

// Concurrency implements health.Cloud.
func (c *Cloud) Concurrency(ctx context.Context) (int, error) {
	answer, err := c.account.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	if err != nil {
		return 0, awserrs.Wrap(err, "ask how many invocations the account may run at once")
	}

	if answer.AccountLimit == nil {
		return 0, nil
	}

	return int(answer.AccountLimit.ConcurrentExecutions), nil
}

// mostParameters is how many standard parameters an account may have in a region:
// https://docs.aws.amazon.com/general/latest/gr/ssm.html#limits_ssm
const mostParameters = 10_000

// Parameters implements health.Cloud. It names all parameters, no values.
func (c *Cloud) Parameters(ctx context.Context) (int, int, error) {
	const page = 50 // the most that AWS gives

	pages := ssm.NewDescribeParametersPaginator(c.secrets, &ssm.DescribeParametersInput{MaxResults: aws.Int32(page)})
	used := 0

	for pages.HasMorePages() {
		answer, err := pages.NextPage(ctx)
		if err != nil {
			return 0, 0, awserrs.Wrap(err, "count the account's parameters")
		}

		used += len(answer.Parameters)
	}

	return used, mostParameters, nil
}

// atOnce is how many series one call may ask for:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
const atOnce = 500

// Metrics implements health.Cloud.
func (c *Cloud) Metrics(ctx context.Context, series []health.Metric) (map[health.Metric]float64, error) {
	values := map[health.Metric]float64{}

	for len(series) > 0 {
		some := series[:min(atOnce, len(series))]
		series = series[len(some):]

		if err := c.read(ctx, some, values); err != nil {
			return nil, err
		}
	}

	return values, nil
}

// read asks for the series of one call, each over as many minutes as it wants,
// and takes the values that there are.
func (c *Cloud) read(ctx context.Context, series []health.Metric, into map[health.Metric]float64) error {
	now := c.clock.Now()
	longest := time.Duration(0)
	queries := make([]types.MetricDataQuery, 0, len(series))

	for place, one := range series {
		queries = append(queries, queryOf(place, one))
		longest = max(longest, one.Within)
	}

	pages := cloudwatch.NewGetMetricDataPaginator(c.metrics, &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(now.Add(-longest)), EndTime: aws.Time(now), MetricDataQueries: queries,
	})

	for pages.HasMorePages() {
		answer, err := pages.NextPage(ctx)
		if err != nil {
			return awserrs.Wrap(err, "read %d metrics", len(series))
		}

		for _, result := range answer.MetricDataResults {
			place, err := strconv.Atoi(aws.ToString(result.Id)[1:])
			if err != nil || place >= len(series) {
				continue // not one of ours
			}

			add(into, series[place], result, now)
		}
	}

	return nil
}

// add takes the points of a series that are young enough.
func add(into map[health.Metric]float64, of health.Metric, result types.MetricDataResult, now time.Time) {
	for point, value := range result.Values {
		if point < len(result.Timestamps) && now.Sub(result.Timestamps[point]) > of.Within {
			continue
		}

		known, there := into[of]

		switch {
		case of.Sum:
			into[of] = known + value
		case !there || value > known:
			into[of] = value
		}
	}
}

// queryOf asks for the points of a series, one for each minute.
func queryOf(place int, of health.Metric) types.MetricDataQuery {
	const minute = 60

	metric := &types.Metric{Namespace: aws.String(of.Namespace), MetricName: aws.String(of.Name)}
	if of.Dimension != "" {
		metric.Dimensions = []types.Dimension{{Name: aws.String(of.Dimension), Value: aws.String(of.Of)}}
	}

	statistic := types.StatisticMaximum
	if of.Sum {
		statistic = types.StatisticSum
	}

	return types.MetricDataQuery{
		Id: aws.String("m" + strconv.Itoa(place)),
		MetricStat: &types.MetricStat{
			Metric: metric, Period: aws.Int32(minute), Stat: aws.String(string(statistic)),
		},
	}
}
