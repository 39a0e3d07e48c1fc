package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

func TestRefusals(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"every interface": {[]string{"-addr", "0.0.0.0:0"}, "not on the loopback interface"},
		"no port":         {[]string{"-addr", "127.0.0.1"}, "must be host:port"},
		"unknown flag":    {[]string{"-colour"}, "read the flags"},
		"bad token":       {[]string{"-addr", "127.0.0.1:0", "-bot", "token"}, "register the bot of -bot"},
		"bad people":      {[]string{"-addr", "127.0.0.1:0", "-users", "Ayu"}, "must begin with a number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			require.ErrorContains(t, run(t.Context(), io.Discard, test.args), test.want)
		})
	}
}

// TestRunUntilStopped starts the command, uses it and stops it as Ctrl-C does.
func TestRunUntilStopped(t *testing.T) {
	t.Parallel()

	ctx, stop := context.WithCancel(t.Context())
	state := filepath.Join(t.TempDir(), "state")
	printed, output := io.Pipe()
	ended := make(chan error, 1)

	go func() {
		ended <- run(ctx, output, []string{"-addr", "127.0.0.1:0", "-state", state, "-bot", "123:abc,my_bot,Mine", "-users", "7:Ayu:id"})
	}()

	line := make([]byte, 200)
	n, err := printed.Read(line)
	require.NoError(t, err)

	address := strings.TrimSpace(string(line[strings.Index(string(line[:n]), "http://"):n]))
	found, err := control.New(address).State(ctx)
	require.NoError(t, err)
	assert.Equal(t, "my_bot", found.Bots[0].Username)
	assert.Equal(t, "Ayu", found.Users[0].FirstName)

	// An open page does not keep the command from ending.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/control/events", nil)
	require.NoError(t, err)
	events, err := http.DefaultClient.Do(request)
	require.NoError(t, err)

	defer events.Body.Close()

	stop()

	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("the command did not end")
	}

	kept, err := os.ReadFile(filepath.Join(state, "state.json"))
	require.NoError(t, err)
	assert.Contains(t, string(kept), "my_bot")
}
