// Package browser_test uses the local cloud by hand: through the chat page, in
// a browser, by taps, uploads and the microphone.
package browser_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/lapak-id/lapak/localstack/stack"
	"github.com/lapak-id/lapak/localstack/telegram/control"
)

const (
	startWithin = 10 * time.Minute // on a new machine, tools are installed first
	root        = "../.."
	screenshots = root + "/.build/screenshots"
	picture     = root + "/infra/pictures/chat.png"
	shopPicture = root + "/infra/pictures/shop.png"
)

// update renews the pictures in the README:
//
//	go test ./tests/browser -run 'TestPhone|TestShop' -update
var update = flag.Bool("update", false, "renew "+picture+" and "+shopPicture)

// What all tests share.
var (
	cloud    *stack.Stack
	people   *control.Client
	chromium string
)

func TestMain(m *testing.M) {
	flag.Parse()

	var found bool
	if chromium, found = findChromium(); !found {
		const missing = "Chromium is not installed: install it, or set CHROMIUM to its path"

		if os.Getenv("CI") == "true" {
			fmt.Fprintln(os.Stderr, "✖", missing)
			os.Exit(1)
		}

		fmt.Fprintln(os.Stdout, "SKIPPED:", missing)
		os.Exit(0)
	}

	status, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "✖", err)

		status = 1
	}

	os.Exit(status)
}

// findChromium gives the browser of the machine.
func findChromium() (string, bool) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}

	return "", false
}

func run(m *testing.M) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()

	if err := os.MkdirAll(screenshots, 0o750); err != nil {
		return 1, fmt.Errorf("make a folder for screenshots: %w", err)
	}

	var err error

	cloud, err = stack.Start(ctx, stack.Options{
		Sayf: func(format string, args ...any) { fmt.Fprintf(os.Stdout, "› "+format+"\n", args...) },
	})
	if err != nil {
		return 1, fmt.Errorf("start the local cloud: %w", err)
	}

	people = control.New(cloud.Telegram)
	status := 1

	if err = cloud.AddDemo(ctx); err == nil {
		status = m.Run()
	}

	return status, errors.Join(err, cloud.Close())
}
