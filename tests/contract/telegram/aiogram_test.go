package telegram_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// once keeps the two tests from making the environment at the same time.
var once = sync.OnceValues(environment)

// environment makes a Python environment with aiogram in the ignored folder
// .tools, or finds the one that an earlier run made. It returns its Python.
func environment() (string, error) {
	const requirements = "aiogram/requirements.txt"

	pins, err := os.ReadFile(requirements)
	if err != nil {
		return "", fmt.Errorf("read the pinned packages: %w", err)
	}

	sum := sha256.Sum256(pins)

	dir, err := filepath.Abs(filepath.Join("..", "..", "..", ".tools", "aiogram-"+hex.EncodeToString(sum[:4])))
	if err != nil {
		return "", fmt.Errorf("find the folder for tools: %w", err)
	}

	python := filepath.Join(dir, "bin", "python")
	complete := filepath.Join(dir, "complete")

	if _, err := os.Stat(complete); err == nil {
		return python, nil
	}

	for _, step := range [][]string{
		{"python3", "-m", "venv", dir},
		{
			python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "-r",
			requirements,
		},
	} {
		out, err := exec.CommandContext(context.Background(), step[0], step[1:]...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%s: %w: %s", step[0], err, out)
		}
	}

	if err := os.WriteFile(complete, nil, 0o600); err != nil {
		return "", fmt.Errorf("note that the environment is complete: %w", err)
	}

	return python, nil
}

// run starts the bot in aiogram/bot.py until the test ends.
func run(t *testing.T, s setting, extra ...string) {
	t.Helper()

	python, err := once()
	if err != nil {
		t.Skipf("aiogram cannot be installed here: %v", err)
	}

	ctx, cancel := context.WithCancel(context.Background())

	var output bytes.Buffer

	bot := exec.CommandContext(ctx, python, "aiogram/bot.py")
	bot.Env = append(append(os.Environ(), "API_SERVER="+s.address, "BOT_TOKEN="+s.bot.Token), extra...)
	bot.Stdout, bot.Stderr = &output, &output
	bot.Cancel = func() error { return bot.Process.Signal(os.Interrupt) }
	bot.WaitDelay = 10 * time.Second
	require.NoError(t, bot.Start())

	t.Cleanup(func() {
		cancel()

		if err := bot.Wait(); t.Failed() {
			t.Logf("the bot ended with %v and wrote:\n%s", err, output.String())
		}
	})
}

func TestAiogramByPolling(t *testing.T) {
	t.Parallel()

	s := start(t)
	run(t, s)
	useBot(t, s)
}

func TestAiogramByWebhook(t *testing.T) {
	t.Parallel()

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	address := "http://" + listener.Addr().String() + "/hook"
	require.NoError(t, listener.Close())

	s := start(t)
	run(t, s, "WEBHOOK_URL="+address)
	useBot(t, s)

	state, err := s.control.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, address, state.Bots[0].Webhook.URL)
	assert.Positive(t, state.Bots[0].Webhook.Delivered)
}

// useBot does what a person does with the bot, and reads what they see.
func useBot(t *testing.T, s setting) {
	t.Helper()

	ctx := t.Context()
	last := int64(0)
	wait := func(want control.Condition) control.Message {
		t.Helper()

		want.After, want.Timeout = last, 30*time.Second
		got, err := s.person.Wait(ctx, want)
		require.NoError(t, err)

		last = got.Seq

		return got
	}
	say := func(text string) {
		t.Helper()

		_, err := s.person.Text(ctx, text)
		require.NoError(t, err)
	}

	_, err := s.person.Start(ctx, "promo")
	require.NoError(t, err)
	assert.Equal(t, "bold", wait(control.Condition{Text: "Started with promo"}).Entities[0].Type)

	_, err = s.person.Start(ctx, "")
	require.NoError(t, err)

	welcome := wait(control.Condition{Text: "Welcome", Button: "count:1"})
	answer, err := s.person.Press(ctx, welcome.ID, "count:1", 20*time.Second)
	require.NoError(t, err)
	assert.True(t, answer.ShowAlert)
	assert.Equal(t, "That was 1", answer.Text)
	assert.Equal(t, welcome.ID, wait(control.Condition{Text: "Counted 1", Edited: true, Button: "count:2"}).ID)

	say("halo *apa* kabar")
	wait(control.Condition{Text: "halo *apa* kabar"})

	own, err := s.person.Text(ctx, "salah")
	require.NoError(t, err)
	wait(control.Condition{Text: "salah"})
	_, err = s.person.Edit(ctx, own.ID, "betul")
	require.NoError(t, err)
	assert.Equal(t, own.ID, wait(control.Condition{Text: "You changed it to: betul"}).ReplyTo)

	say("/album")
	wait(control.Condition{Kind: "photo", Text: "picture 2"})

	say("/wrong")
	wait(control.Condition{Text: `refused: Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`})

	_, err = s.person.File(ctx, control.Upload{Kind: "voice", Duration: 3, Content: bytes.NewReader([]byte("abc"))})
	require.NoError(t, err)

	document := wait(control.Condition{Kind: "document", Text: "3 s, 3 bytes"})
	content, err := s.control.Download(ctx, document.File)
	require.NoError(t, err)
	assert.Equal(t, "cba", string(content))

	say("/buy")

	invoice := wait(control.Condition{Kind: "invoice"})
	paid, err := s.person.Pay(ctx, invoice.ID)
	require.NoError(t, err)
	assert.Equal(t, "paid", paid.Status)
	wait(control.Condition{Text: "Paid 5"})

	calls, err := s.control.Calls(ctx, s.bot.ID, "", 0)
	require.NoError(t, err)

	for _, call := range calls {
		assert.Empty(t, call.Problems, call.Method)
	}
}
