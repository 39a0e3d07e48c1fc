package stack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

const (
	artifacts = "lapak-artifacts" // bucket of what is deployed
	// deployedTag holds the hash of the template and parameters that a stack
	// was deployed with.
	deployedTag = "lapak:deployed"
)

// deployer deploys a SAM template as `sam deploy` does: local files go to a
// bucket, the template that names them there to CloudFormation. What has not
// changed is left alone.
type deployer struct {
	aws      aws.Config
	endpoint string
	stack    string

	files          *s3.Client
	cloudformation *cloudformation.Client
}

func newDeployer(config aws.Config, stack string) *deployer {
	return &deployer{
		aws:      config,
		endpoint: *config.BaseEndpoint,
		stack:    stack,
		files: s3.NewFromConfig(config, func(options *s3.Options) {
			options.UsePathStyle = true
		}),
		cloudformation: cloudformation.NewFromConfig(config),
	}
}

// deploy gives the stack's outputs, and whether anything was deployed.
func (d *deployer) deploy(
	ctx context.Context, t *template, binaries []artifact, parameters map[string]string,
) (map[string]string, bool, error) {
	current, err := d.describe(ctx)
	if err != nil {
		return nil, false, err
	}

	body, err := d.pack(ctx, t, binaries)
	if err != nil {
		return nil, false, err
	}

	hash := deployment(body, parameters)
	if current != nil && healthy(current) && tagOf(current) == hash {
		return outputsOf(current), false, nil
	}

	url, err := d.upload(ctx, "template-"+hash+".yaml", func() ([]byte, error) { return body, nil })
	if err != nil {
		return nil, false, err
	}

	if current != nil && !healthy(current) {
		if err := d.remove(ctx); err != nil {
			return nil, false, err
		}

		current = nil
	}

	if err := d.submit(ctx, current != nil, url, hash, parameters); err != nil {
		return nil, false, err
	}

	done, err := d.settle(ctx)
	if err != nil {
		return nil, false, err
	}

	if !healthy(done) {
		return nil, false, d.failure(ctx, done)
	}

	return outputsOf(done), true, nil
}

// pack uploads what the template points at and gives the template pointing
// there.
func (d *deployer) pack(ctx context.Context, t *template, binaries []artifact) ([]byte, error) {
	if err := d.makeBucket(ctx); err != nil {
		return nil, err
	}

	for _, function := range t.resources("AWS::Serverless::Function") {
		at := slices.IndexFunc(binaries, func(a artifact) bool { return a.function == folderOf(function.id) })
		if at < 0 {
			return nil, fmt.Errorf("no binary was built for %s", function.id)
		}

		key, err := d.uploadBinary(ctx, binaries[at])
		if err != nil {
			return nil, err
		}

		if err := set(function.properties, "CodeUri", map[string]string{"Bucket": artifacts, "Key": key}); err != nil {
			return nil, err
		}
	}

	for _, layer := range t.resources("AWS::Serverless::LayerVersion") {
		key, err := d.uploadLayer(ctx)
		if err != nil {
			return nil, err
		}

		if err := set(layer.properties, "ContentUri", map[string]string{"Bucket": artifacts, "Key": key}); err != nil {
			return nil, err
		}
	}

	return d.packNested(ctx, t)
}

func (d *deployer) uploadBinary(ctx context.Context, a artifact) (string, error) {
	key := a.function + "-" + a.hash + ".zip"

	_, err := d.upload(ctx, key, func() ([]byte, error) {
		const executable = 0o755

		return zipped("bootstrap", a.binary, executable)
	})

	return key, err
}

// uploadLayer uploads a layer that says where ffmpeg is instead. The emulator
// mounts no layers: it runs functions as processes of this machine, and the
// parameter FfmpegPath leads them to this machine's ffmpeg.
func (d *deployer) uploadLayer(ctx context.Context) (string, error) {
	const key = "layer-empty.zip"

	_, err := d.upload(ctx, key, func() ([]byte, error) {
		const readable = 0o644

		return zipped("README", []byte("ffmpeg is where the parameter FfmpegPath says.\n"), readable)
	})

	return key, err
}

// packNested uploads the templates of nested stacks, and of those nested in
// them, and gives the template pointing there.
func (d *deployer) packNested(ctx context.Context, t *template) ([]byte, error) {
	for _, stack := range t.resources("AWS::CloudFormation::Stack") {
		path := filepath.Join(filepath.Dir(t.path), field(stack.properties, "TemplateURL").Value)

		inner, err := readTemplate(path)
		if err != nil {
			return nil, err
		}

		body, err := d.packNested(ctx, inner)
		if err != nil {
			return nil, err
		}

		sum := sha256.Sum256(body)
		name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))

		url, err := d.upload(ctx, name+"-"+hex.EncodeToString(sum[:])+".yaml", func() ([]byte, error) { return body, nil })
		if err != nil {
			return nil, err
		}

		if err := set(stack.properties, "TemplateURL", url); err != nil {
			return nil, err
		}
	}

	return t.body()
}

// upload puts an object whose key names its content, unless it is there, and
// gives its address.
func (d *deployer) upload(ctx context.Context, key string, content func() ([]byte, error)) (string, error) {
	url := d.endpoint + "/" + artifacts + "/" + key

	_, err := d.files.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String(artifacts), Key: aws.String(key)})
	if err == nil {
		return url, nil
	}

	if _, missing := errors.AsType[*s3types.NotFound](err); !missing {
		return "", fmt.Errorf("look for %s in bucket %s: %w", key, artifacts, err)
	}

	body, err := content()
	if err != nil {
		return "", err
	}

	_, err = d.files.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(artifacts),
		Key:    aws.String(key),
		Body:   bytes.NewReader(body),
	})
	if err != nil {
		return "", fmt.Errorf("upload %s to bucket %s: %w", key, artifacts, err)
	}

	return url, nil
}

func (d *deployer) makeBucket(ctx context.Context) error {
	_, err := d.files.CreateBucket(ctx, &s3.CreateBucketInput{
		Bucket: aws.String(artifacts),
		CreateBucketConfiguration: &s3types.CreateBucketConfiguration{
			LocationConstraint: s3types.BucketLocationConstraint(d.aws.Region),
		},
	})

	if _, mine := errors.AsType[*s3types.BucketAlreadyOwnedByYou](err); err != nil && !mine {
		return fmt.Errorf("make bucket %s: %w", artifacts, err)
	}

	return nil
}

func (d *deployer) submit(ctx context.Context, update bool, url, hash string, parameters map[string]string) error {
	values := make([]types.Parameter, 0, len(parameters))
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		values = append(values, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(parameters[name])})
	}

	capabilities := []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityAutoExpand}
	tags := []types.Tag{{Key: aws.String(deployedTag), Value: aws.String(hash)}}

	var err error
	if update {
		_, err = d.cloudformation.UpdateStack(ctx, &cloudformation.UpdateStackInput{
			StackName: aws.String(d.stack), TemplateURL: aws.String(url), Parameters: values, Capabilities: capabilities, Tags: tags,
		})
	} else {
		_, err = d.cloudformation.CreateStack(ctx, &cloudformation.CreateStackInput{
			StackName: aws.String(d.stack), TemplateURL: aws.String(url), Parameters: values, Capabilities: capabilities, Tags: tags,
		})
	}

	if err != nil {
		return fmt.Errorf("deploy stack %s: %w", d.stack, err)
	}

	return nil
}

// remove deletes a stack that an earlier deployment left in pieces. What the
// template retains stays.
func (d *deployer) remove(ctx context.Context) error {
	if _, err := d.cloudformation.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: aws.String(d.stack)}); err != nil {
		return fmt.Errorf("remove broken stack %s: %w", d.stack, err)
	}

	gone, err := d.settle(ctx)
	if err != nil {
		return err
	}

	if gone != nil && gone.StackStatus != types.StackStatusDeleteComplete {
		return fmt.Errorf("remove broken stack %s: it is %s; `make reset` forgets it", d.stack, gone.StackStatus)
	}

	return nil
}

// describe gives the stack as it is, nil where there is none.
func (d *deployer) describe(ctx context.Context) (*types.Stack, error) {
	answer, err := d.cloudformation.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: aws.String(d.stack)})

	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorCode() == "ValidationError" {
		return nil, nil //nolint:nilnil // CloudFormation's way to say that there is none
	}

	if err != nil {
		return nil, fmt.Errorf("describe stack %s: %w", d.stack, err)
	}

	if len(answer.Stacks) == 0 {
		return nil, nil //nolint:nilnil // as above
	}

	return &answer.Stacks[0], nil
}

// settle waits until nothing is in progress. CloudFormation has no call that
// waits, so it is asked again and again.
func (d *deployer) settle(ctx context.Context) (*types.Stack, error) {
	const askEvery = 100 * time.Millisecond

	tick := time.NewTicker(askEvery)
	defer tick.Stop()

	for {
		stack, err := d.describe(ctx)
		if err != nil || stack == nil || !strings.HasSuffix(string(stack.StackStatus), "_IN_PROGRESS") {
			return stack, err
		}

		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for stack %s, which is %s: %w", d.stack, stack.StackStatus, ctx.Err())
		case <-tick.C:
		}
	}
}

// failure tells which resources failed, and why.
func (d *deployer) failure(ctx context.Context, stack *types.Stack) error {
	status := types.StackStatusDeleteComplete
	if stack != nil {
		status = stack.StackStatus
	}

	events, err := d.cloudformation.DescribeStackEvents(ctx, &cloudformation.DescribeStackEventsInput{StackName: aws.String(d.stack)})
	if err != nil {
		return fmt.Errorf("deploy stack %s: it is %s, and its events cannot be read: %w", d.stack, status, err)
	}

	var reasons []string

	for _, event := range events.StackEvents {
		if strings.HasSuffix(string(event.ResourceStatus), "_FAILED") {
			reasons = append(reasons, aws.ToString(event.LogicalResourceId)+": "+aws.ToString(event.ResourceStatusReason))
		}
	}

	return fmt.Errorf("deploy stack %s: it is %s; %s", d.stack, status, strings.Join(reasons, "; "))
}

func healthy(stack *types.Stack) bool {
	return stack != nil && (stack.StackStatus == types.StackStatusCreateComplete || stack.StackStatus == types.StackStatusUpdateComplete)
}

func tagOf(stack *types.Stack) string {
	for _, tag := range stack.Tags {
		if aws.ToString(tag.Key) == deployedTag {
			return aws.ToString(tag.Value)
		}
	}

	return ""
}

func outputsOf(stack *types.Stack) map[string]string {
	outputs := map[string]string{}
	for _, output := range stack.Outputs {
		outputs[aws.ToString(output.OutputKey)] = aws.ToString(output.OutputValue)
	}

	return outputs
}

// deployment names a template with its parameters.
func deployment(body []byte, parameters map[string]string) string {
	hash := sha256.New()
	hash.Write(body)

	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		fmt.Fprintf(hash, "\n%s=%s", name, parameters[name])
	}

	return hex.EncodeToString(hash.Sum(nil))
}
