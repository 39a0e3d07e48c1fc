package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/caarlos0/env/v11"

	"github.com/lapak-id/lapak/shared/awshttp"
	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/opening"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/queue/sqs"
	"github.com/lapak-id/lapak/shared/secret"
	"github.com/lapak-id/lapak/shared/secret/ssm"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/user"
)

// settings say where a stack is: from the environment, or from its outputs.
type settings struct {
	State    string `env:"LAPAK_STATE_TABLE"`
	Scratch  string `env:"LAPAK_SCRATCH_TABLE"`
	Secrets  string `env:"LAPAK_SECRETS_PREFIX"`
	Telegram string `env:"LAPAK_TELEGRAM_URL"   envDefault:"https://api.telegram.org"`
	Dead     string `env:"LAPAK_QUEUES_DEAD"`
	Webhook  string `env:"LAPAK_WEBHOOK_URL"` // with STORE for the store's id
}

// operator carries out commands.
type operator struct {
	settings settings
	state    stored
	scratch  stored
	stores   *store.Registry
	users    *user.Repository
	vault    secret.Vault
	opening  *opening.Service
	open     func(url string) twoWay
	whoami   func() (string, error) // as AWS knows the operator
	pause    func(ctx context.Context, wait time.Duration) error
	stdin    io.Reader
	stdout   io.Writer
}

// twoWay is a queue that an operator takes from and puts into.
type twoWay interface {
	queue.Sender
	queue.Receiver
}

func newOperator(ctx context.Context, stack string, stdin io.Reader, stdout io.Writer) (*operator, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}

	cfg.HTTPClient = awshttp.Mend(cfg.HTTPClient)

	found, err := env.ParseAs[settings]()
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}

	if stack != "" {
		if err := found.readStack(ctx, cfg, stack); err != nil {
			return nil, err
		}
	}

	if found.State == "" || found.Secrets == "" {
		return nil, errors.New("which stack? give --stack NAME, or set LAPAK_STATE_TABLE and LAPAK_SECRETS_PREFIX")
	}

	vault := ssm.New(awsssm.NewFromConfig(cfg), found.Secrets, clock.System{}, 0)
	state := dynamo.New(dynamodb.NewFromConfig(cfg), found.State, "index1", clock.System{})

	stores := store.NewRegistry(state, clock.System{})

	opener, err := found.opening(stores, vault)
	if err != nil {
		return nil, err
	}

	return &operator{
		settings: found,
		state:    state,
		scratch:  dynamo.New(dynamodb.NewFromConfig(cfg), found.Scratch, "", clock.System{}),
		stores:   stores,
		users:    user.NewRepository(state, clock.System{}),
		vault:    vault,
		opening:  opener,
		open: func(url string) twoWay {
			return sqs.New(awssqs.NewFromConfig(cfg), url, strings.HasSuffix(url, ".fifo"))
		},
		whoami: sync.OnceValues(func() (string, error) { return identity(ctx, cfg) }),
		pause:  pause,
		stdin:  bufio.NewReader(stdin), // one for all secrets: each reads a line of it
		stdout: stdout,
	}, nil
}

// identity gives who runs ctl, as AWS knows them.
func identity(ctx context.Context, cfg aws.Config) (string, error) {
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("ask AWS who you are, for the audit log: %w", err)
	}

	return aws.ToString(caller.Arn), nil
}

// opening makes what opens stores, with the Bot API of the settings.
func (s *settings) opening(stores *store.Registry, vault secret.Vault) (*opening.Service, error) {
	texts, err := chat.NewCatalog()
	if err != nil {
		return nil, fmt.Errorf("read the menu's texts: %w", err)
	}

	return opening.New(opening.Options{
		Stores: stores, Vault: vault, Menu: texts, Updates: chat.Updates(), Webhook: s.Webhook, Clock: clock.System{},
		Bot: func(token secret.Value) (opening.Bot, error) { return telegram.NewClient(s.Telegram, token) },
	}), nil
}

// readStack takes the settings from the outputs of a stack.
func (s *settings) readStack(ctx context.Context, cfg aws.Config, stack string) error {
	described, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx,
		&cloudformation.DescribeStacksInput{StackName: aws.String(stack)})
	if err != nil {
		return fmt.Errorf("read the outputs of stack %s (is it deployed in this account and region?): %w", stack, err)
	}

	wanted := map[string]*string{
		"StateTableName": &s.State, "ScratchTableName": &s.Scratch, "SecretsPrefix": &s.Secrets, "DeadQueueUrls": &s.Dead,
		"WebhookUrl": &s.Webhook,
	}

	for _, found := range described.Stacks {
		for _, output := range found.Outputs {
			if into, ok := wanted[aws.ToString(output.OutputKey)]; ok {
				*into = aws.ToString(output.OutputValue)
			}
		}
	}

	return nil
}

// secretInput reads a secret from an environment variable or else from the
// first line of the standard input.
func (o *operator) secretInput(variable, what string) (secret.Value, error) {
	if value := strings.TrimSpace(os.Getenv(variable)); value != "" {
		return secret.Value(value), nil
	}

	fmt.Fprintf(os.Stderr, "%s: ", what) // for a person at a terminal

	line, err := bufio.NewReader(o.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read %s from the standard input: %w", what, err)
	}

	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("no %s: set %s or give it on the standard input", what, variable)
	}

	return secret.Value(line), nil
}
