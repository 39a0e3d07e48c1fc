package browser_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/lapak-id/lapak/tests/media"
)

// sampleFile gives a file with a sample of package media.
func sampleFile(t *testing.T, name string) string {
	t.Helper()

	content, err := media.Files.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}

	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}

	return path
}

// microphone gives a WAV file of a sample, for the browser to hear.
func microphone(t *testing.T, name string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "microphone.wav")
	command := exec.CommandContext(t.Context(), ffmpeg(t), "-nostdin", "-loglevel", "error",
		"-i", sampleFile(t, name), "-ar", "48000", "-ac", "1", path)

	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("make a WAV file of %s: %v\n%s", name, err, output)
	}

	return path
}

// ffmpeg is the one that the transcribe function has.
func ffmpeg(t *testing.T) string {
	t.Helper()

	answer, err := lambda.NewFromConfig(cloud.AWS()).GetFunctionConfiguration(t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: aws.String("lapak-local-transcribe")})
	if err != nil {
		t.Fatal(err)
	}

	return answer.Environment.Variables["LAPAK_FFMPEG"]
}

// saidIn gives what a result says was said: what stands below its first line.
func saidIn(result string) string {
	_, said, _ := strings.Cut(result, "\n")

	return strings.TrimSpace(said)
}

// mustHave fails where a text is not a good transcript of a sample.
func mustHave(t *testing.T, text, sample string) {
	t.Helper()

	const (
		acceptable = 0.10 // of the words
		hundred    = 100
	)

	said, err := media.Said(sample)
	if err != nil {
		t.Fatal(err)
	}

	wrong := media.WordErrorRate(said, text)
	t.Logf("%s: word error rate %.1f %%", sample, hundred*wrong)

	if wrong >= acceptable {
		t.Errorf("word error rate %.1f %%, want less than %.0f %%\nsaid  %s\nheard %s", hundred*wrong, hundred*acceptable, said, text)
	}
}

func text(id int64) string { return strconv.FormatInt(id, 10) }

// seconds is a condition in JavaScript: a clock such as 0:12 has come so far.
func seconds(clock string, count int) string {
	return fmt.Sprintf(`(() => {
		const [minutes, seconds] = document.getElementById(%q).textContent.split(":").map(Number);
		return minutes * 60 + seconds >= %d;
	})()`, clock, count)
}
