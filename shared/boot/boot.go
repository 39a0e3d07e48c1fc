// Package boot provides how a function starts: settings from the environment,
// logs, AWS configuration, and the Lambda loop around its handler.
package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/caarlos0/env/v11"

	"github.com/lapak-id/lapak/shared/awshttp"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/queue"
)

// lastWords is kept back from a function's deadline, so that it can still say
// what it was doing when time ran out.
const lastWords = time.Second

// Base is what every function is started with.
type Base struct {
	Env      string `env:"LAPAK_ENV,required,notEmpty"`
	LogLevel string `env:"LAPAK_LOG_LEVEL"             envDefault:"info"`

	AWS     aws.Config      `env:"-"`
	Clock   clock.Clock     `env:"-"`
	Metrics *metric.Emitter `env:"-"`
}

// Load reads a function's settings from the environment, by the tags of
// github.com/caarlos0/env. The error names every variable that is missing or
// malformed.
func Load[T any]() (T, error) {
	settings, err := env.ParseAs[T]()
	if err != nil {
		return settings, errs.Wrap(err, errs.Invalid, "read the settings%s from the environment (template.yaml sets them)",
			strings.Join(malformed[T](err), ""))
	}

	return settings, nil
}

// malformed lists the variables whose values cannot be read: of those the
// library names only the field.
func malformed[T any](err error) []string {
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return nil
	}

	var variables []string

	for _, one := range all.Errors {
		wrong, ok := errors.AsType[env.ParseError](one)
		if !ok {
			continue
		}

		if field, ok := reflect.TypeFor[T]().FieldByName(wrong.Name); ok {
			variable, _, _ := strings.Cut(field.Tag.Get("env"), ",")
			variables = append(variables, " "+variable)
		}
	}

	return variables
}

// Run starts a function: build makes its handler, once, from the settings S.
// A function that cannot be built says why and ends.
func Run[S any](build func(base Base, settings S) (any, error)) {
	handler, err := start(build)
	if err != nil {
		slog.Error("function not started", "error", err)
		os.Exit(1) //nolint:revive // main of every function: Lambda must see that it did not start
	}

	lambda.Start(invoker{lambda.NewHandler(handler), newMemory(metric.In(os.Getenv("LAPAK_ENV"), os.Stdout, clock.System{}))})
}

func start[S any](build func(base Base, settings S) (any, error)) (any, error) {
	base, err := newBase(context.Background())
	if err != nil {
		return nil, err
	}

	settings, err := Load[S]()
	if err != nil {
		return nil, err
	}

	return build(base, settings)
}

func newBase(ctx context.Context) (Base, error) {
	base, err := Load[Base]()
	if err != nil {
		return base, err
	}

	var level slog.Level
	if err := level.UnmarshalText([]byte(strings.ToUpper(base.LogLevel))); err != nil {
		return base, errs.Wrap(err, errs.Invalid, "LAPAK_LOG_LEVEL is %q: use debug, info, warn or error", base.LogLevel)
	}

	slog.SetDefault(logging.New(os.Stdout, level))

	base.AWS, err = config.LoadDefaultConfig(ctx)
	if err != nil {
		return base, errs.Wrap(err, errs.Internal, "load the AWS configuration")
	}

	base.AWS.HTTPClient = awshttp.Mend(base.AWS.HTTPClient)
	base.Clock = clock.System{}
	base.Metrics = metric.In(base.Env, os.Stdout, base.Clock)

	return base, nil
}

// invoker gives each invocation its ids for logs, its trace, and a deadline
// that leaves time for last words, and tells of the memory that it took.
type invoker struct {
	next   lambda.Handler
	memory memory
}

// Invoke runs one invocation.
func (i invoker) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		ctx = logging.With(ctx, logging.Request, lc.AwsRequestID)
	}

	if header, ok := ctx.Value("x-amzn-trace-id").(string); ok { // the key that aws-lambda-go uses
		ctx = queue.WithTrace(ctx, header)
	}

	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc

		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-lastWords))
		defer cancel()
	}

	defer i.memory.put()

	answer, err := i.next.Invoke(ctx, payload)
	if err != nil {
		return nil, fmt.Errorf("invocation failed: %w", err)
	}

	return answer, nil
}
