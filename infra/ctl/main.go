// Command ctl is the operator's tool: it registers stores, opens their shops,
// rotates secrets, sets the keys of providers and payment gateways, gives customers premium and
// looks after dead letters.
//
// It finds the stack by --stack NAME, whose outputs it reads, or by the
// environment (type settings). Secrets are read from the environment or the
// standard input, never from arguments, which other users of a machine can see.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: ctl [--stack NAME] COMMAND

  store add --id ID --name NAME --owner USER [--webhook-url URL] [--language id|en] [--time-zone ZONE]
        [--mode auto|webhook|polling]
        registers a store, or changes it; the bot token comes from LAPAK_BOT_TOKEN or the standard input
        --webhook-url takes the place of the stack's own address (output WebhookUrl)
  store list
  store show ID
  store set ID [--name NAME] [--owner USER] [--language id|en] [--time-zone ZONE]
        [--features shop,depot,transcription]    the features named are on, all others off
        [--user-per-minute N] [--store-per-minute N] [--workers N] [--tasks N]
        [--free-file-mb N] [--free-hours N] [--free-minutes N]
        [--premium-file-mb N] [--premium-hours N] [--premium-minutes N]
        what is not given stays; a limit takes the place of the stack's, and "default" gives that back
  store pause ID [--text-id TEXT] [--text-en TEXT]
        maintenance: people are told to come back later, by TEXT or the bot's own words; staff are served, and
        what was paid is delivered
  store resume ID
  store rotate-token ID [--webhook-url URL]
        takes the token that BotFather has made anew, from LAPAK_BOT_TOKEN or the standard input. BotFather ends the
        one before at once, so do this at once: what people send meanwhile waits, and nothing is lost
  store remove ID --export FILE|--no-export [--erase]
        stops its webhook and forgets its secrets. --export writes all its rows into a new file first and reads it back;
        without --erase its data stays. Pause the store a minute before you export or erase
  store verify FILE                whether an export is whole
  store rotate-secret ID [--now]   makes a new webhook secret; takes 5 minutes, in which nothing is refused.
        --now takes none: for a secret that got out; updates then wait at Telegram for up to 5 minutes
  store mode ID auto|webhook|polling|default
        how its updates come: pushed by Telegram, fetched from it, or auto: pushed, and fetched while that fails.
        default is the stack's parameter TelegramMode. Telegram is told within a minute
  store speech ID [PROVIDER/MODEL …]
        which speech models the store uses, the best first, such as groq/whisper-large-v3; without any, the stack's
  store shop ID open|close [--pay-minutes MINUTES] [--fee buyer|store]
        whether the store sells, how long its buyers have to pay, and who bears the gateways' fees
  gateway set ID pakasir|stripe|paypal|stars [--project NAME] [--hook ID] [--sandbox] [--order N]
        gives a store an account at a payment gateway, or changes it. The key comes from LAPAK_GATEWAY_KEY or the
        first line of the standard input, the webhook's secret from LAPAK_GATEWAY_SECRET or the next line; the ones
        before them count until the next. Pakasir: --project is the slug. PayPal: --project is the client id, the key
        its secret, --hook the webhook's id. Stripe and stars need no --project, stars no key either.
        --order 1 has it tried first; --sandbox counts payments of its test mode
  gateway remove ID GATEWAY        its keys are forgotten; bills that wait there are not looked after any more
  gateway list ID                  the accounts in the order in which they are tried, and which keys are set
  owner-bot set --operator USER --webhook-url URL [--name NAME] [--language id|en] [--time-zone ZONE]
        sets up the owner's own bot, in which owners hear of trouble and the operator looks after the stores; its
        token comes from OWNER_BOT_TOKEN or the standard input
  owner-bot remove                 alerts come by the stores' own bots again
  provider set groq|deepgram|openai|telegram-app [--store ID]
        the key comes from LAPAK_PROVIDER_KEY or the standard input; the one before it counts until the next
        --store gives a store a key of its own, which is used instead of everybody's
  provider remove groq|deepgram|openai|telegram-app [--store ID]
  provider list [--store ID]       which keys are set
  user premium --store ID --user USER --until DAY
        gives a customer the premium tier up to the end of a day, such as 2027-01-31; never takes it away
  dlq list                         how many dead letters each queue has, and how old the oldest is
  dlq show QUEUE [--max N]         whose they are, what they follow from and what about; 10 unless told
  dlq redrive QUEUE [--id ID …] [--reason TEXT]
        brings dead letters back into their queue, all or those named: once their cause is mended
  dlq discard QUEUE --id ID … --reason TEXT
        forgets dead letters for good; the audit log keeps that, with the reason

AWS is reached as by any AWS tool: profile, region and AWS_ENDPOINT_URL from the environment.
`

// errUsage marks a command line that ctl does not understand.
var errUsage = errors.New("not understood")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ctl:", err)

		if errors.Is(err, errUsage) {
			fmt.Fprint(os.Stderr, "\n"+usage)
		}

		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run carries out one command line.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("ctl", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	stack := flags.String("stack", "", "CloudFormation stack whose outputs say where everything is")

	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)

		return nil
	}

	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}

	args = flags.Args()

	const words = 2
	if len(args) < words {
		return fmt.Errorf("%w: no command", errUsage)
	}

	commands := map[string]func(*operator, context.Context, []string) error{
		"store add":           (*operator).storeAdd,
		"store list":          (*operator).storeList,
		"store show":          (*operator).storeShow,
		"store remove":        (*operator).storeRemove,
		"store verify":        (*operator).storeVerify,
		"store rotate-secret": (*operator).storeRotateSecret,
		"store mode":          (*operator).storeMode,
		"store rotate-token":  (*operator).storeRotateToken,
		"store pause":         (*operator).storePause,
		"store resume":        (*operator).storeResume,
		"store set":           (*operator).storeSet,
		"store speech":        (*operator).storeSpeech,
		"store shop":          (*operator).storeShop,
		"user premium":        (*operator).userPremium,
		"gateway set":         (*operator).gatewaySet,
		"gateway remove":      (*operator).gatewayRemove,
		"gateway list":        (*operator).gatewayList,
		"owner-bot set":       (*operator).ownerBotSet,
		"owner-bot remove":    (*operator).ownerBotRemove,
		"provider set":        (*operator).providerSet,
		"provider remove":     (*operator).providerRemove,
		"provider list":       (*operator).providerList,
		"dlq list":            (*operator).dlqList,
		"dlq show":            (*operator).dlqShow,
		"dlq redrive":         (*operator).dlqRedrive,
		"dlq discard":         (*operator).dlqDiscard,
	}

	name, rest := args[0]+" "+args[1], args[words:]
	command, ok := commands[name]

	if !ok {
		return fmt.Errorf("%w: no command %q", errUsage, name)
	}

	operator, err := newOperator(ctx, *stack, stdin, stdout)
	if err != nil {
		return err
	}

	if err := command(operator, ctx, rest); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return nil
}
