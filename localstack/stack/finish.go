package stack

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	apitypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// finisher does what the template asks for and the emulator leaves undone.
// Each step looks first, so it may run after every deployment.
type finisher struct {
	stack          string
	cloudformation *cloudformation.Client
	gateway        *apigatewayv2.Client
	functions      *lambda.Client
	tables         *dynamodb.Client
}

func newFinisher(config aws.Config, stack string) *finisher {
	return &finisher{
		stack:          stack,
		cloudformation: cloudformation.NewFromConfig(config),
		gateway:        apigatewayv2.NewFromConfig(config),
		functions:      lambda.NewFromConfig(config),
		tables:         dynamodb.NewFromConfig(config),
	}
}

func (f *finisher) finish(ctx context.Context, t *template, apiID string) error {
	if err := f.makeRoutes(ctx, t, apiID); err != nil {
		return err
	}

	for _, table := range t.resources("AWS::DynamoDB::Table") {
		if err := f.setUpTable(ctx, table); err != nil {
			return err
		}
	}

	return nil
}

// physical gives the name that a resource of the template got.
func (f *finisher) physical(ctx context.Context, logicalID string) (string, error) {
	answer, err := f.cloudformation.DescribeStackResource(ctx, &cloudformation.DescribeStackResourceInput{
		StackName: aws.String(f.stack), LogicalResourceId: aws.String(logicalID),
	})
	if err != nil {
		return "", fmt.Errorf("find %s in stack %s: %w", logicalID, f.stack, err)
	}

	return aws.ToString(answer.StackResourceDetail.PhysicalResourceId), nil
}

// makeRoutes gives the HTTP API the routes of the functions' events, which
// MiniStack does not read.
func (f *finisher) makeRoutes(ctx context.Context, t *template, apiID string) error {
	wanted, err := t.routes()
	if err != nil {
		return err
	}

	there, err := f.gateway.GetRoutes(ctx, &apigatewayv2.GetRoutesInput{ApiId: aws.String(apiID)})
	if err != nil {
		return fmt.Errorf("list routes of API %s: %w", apiID, err)
	}

	for _, route := range wanted {
		if slices.ContainsFunc(there.Items, func(r apitypes.Route) bool { return aws.ToString(r.RouteKey) == route.key }) {
			continue
		}

		if err := f.makeRoute(ctx, apiID, route); err != nil {
			return err
		}
	}

	return nil
}

func (f *finisher) makeRoute(ctx context.Context, apiID string, route route) error {
	name, err := f.physical(ctx, route.function)
	if err != nil {
		return err
	}

	function, err := f.functions.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: aws.String(name)})
	if err != nil {
		return fmt.Errorf("find function %s: %w", name, err)
	}

	integration, err := f.gateway.CreateIntegration(ctx, &apigatewayv2.CreateIntegrationInput{
		ApiId:                aws.String(apiID),
		IntegrationType:      apitypes.IntegrationTypeAwsProxy,
		IntegrationUri:       function.Configuration.FunctionArn,
		PayloadFormatVersion: aws.String("2.0"),
	})
	if err != nil {
		return fmt.Errorf("connect API %s to function %s: %w", apiID, name, err)
	}

	_, err = f.gateway.CreateRoute(ctx, &apigatewayv2.CreateRouteInput{
		ApiId:    aws.String(apiID),
		RouteKey: aws.String(route.key),
		Target:   aws.String("integrations/" + aws.ToString(integration.IntegrationId)),
	})
	if err != nil {
		return fmt.Errorf("make route %q of API %s: %w", route.key, apiID, err)
	}

	return nil
}

// setUpTable turns on expiry and point-in-time recovery, which MiniStack
// leaves off.
func (f *finisher) setUpTable(ctx context.Context, table resource) error {
	name, err := f.physical(ctx, table.id)
	if err != nil {
		return err
	}

	if attribute := field(table.properties, "TimeToLiveSpecification", "AttributeName"); attribute != nil {
		if err := f.expire(ctx, name, attribute.Value); err != nil {
			return err
		}
	}

	if field(table.properties, "PointInTimeRecoverySpecification") != nil {
		_, err := f.tables.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
			TableName:                        aws.String(name),
			PointInTimeRecoverySpecification: &dynamodbtypes.PointInTimeRecoverySpecification{PointInTimeRecoveryEnabled: aws.Bool(true)},
		})
		if err != nil {
			return fmt.Errorf("turn on point-in-time recovery of table %s: %w", name, err)
		}
	}

	return nil
}

func (f *finisher) expire(ctx context.Context, name, attribute string) error {
	now, err := f.tables.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: aws.String(name)})
	if err != nil {
		return fmt.Errorf("ask for expiry of table %s: %w", name, err)
	}

	// Turning it on twice is an error.
	if now.TimeToLiveDescription != nil && now.TimeToLiveDescription.TimeToLiveStatus == dynamodbtypes.TimeToLiveStatusEnabled {
		return nil
	}

	_, err = f.tables.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String(name),
		TimeToLiveSpecification: &dynamodbtypes.TimeToLiveSpecification{AttributeName: aws.String(attribute), Enabled: aws.Bool(true)},
	})
	if err != nil {
		return fmt.Errorf("turn on expiry of table %s: %w", name, err)
	}

	return nil
}
