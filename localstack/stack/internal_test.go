package stack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const sample = `
Resources:
  WebhookFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Role: !GetAtt WebhookRole.Arn
      Events:
        Telegram:
          Type: HttpApi
          Properties: { ApiId: !Ref Api, Method: POST, Path: "/telegram/{store}" }
        Tick:
          Type: ScheduleV2
          Properties: { ScheduleExpression: rate(1 minute) }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }
`

func sampleTemplate(t *testing.T, text string) *template {
	t.Helper()

	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}

	read, err := readTemplate(path)
	if err != nil {
		t.Fatal(err)
	}

	return read
}

func TestTemplateIsReadAndChangedWithItsTags(t *testing.T) {
	t.Parallel()

	read := sampleTemplate(t, sample)

	if got := read.functions(); len(got) != 1 || got[0] != "webhook" {
		t.Errorf("functions: got %v, want [webhook]", got)
	}

	routes, err := read.routes()
	if err != nil || len(routes) != 1 || routes[0] != (route{function: "WebhookFunction", key: "POST /telegram/{store}"}) {
		t.Errorf("routes: got %v (%v), want POST /telegram/{store} of WebhookFunction", routes, err)
	}

	properties := read.resources("AWS::Serverless::Function")[0].properties
	if err := set(properties, "CodeUri", map[string]string{"Key": "code.zip"}); err != nil {
		t.Fatal(err)
	}

	if err := set(properties, "Description", "new"); err != nil {
		t.Fatal(err)
	}

	body, err := read.body()
	if err != nil {
		t.Fatal(err)
	}

	for _, want := range []string{"Key: code.zip", "Role: !GetAtt WebhookRole.Arn", "ApiId: !Ref Api", "Description: new"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("packed template lacks %q:\n%s", want, body)
		}
	}
}

func TestRouteWithoutPathIsRefused(t *testing.T) {
	t.Parallel()

	_, err := sampleTemplate(t, strings.Replace(sample, `, Path: "/telegram/{store}"`, "", 1)).routes()
	if !errors.Is(err, errEventIncomplete) {
		t.Errorf("got %v, want %v", err, errEventIncomplete)
	}
}

func TestTemplateWithoutResourcesIsRefused(t *testing.T) {
	t.Parallel()

	for name, text := range map[string]string{"empty": "", "no resources": "Outputs: {}", "not YAML": "a: [", "a list": "[1]"} {
		path := filepath.Join(t.TempDir(), "template.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		if _, err := readTemplate(path); err == nil {
			t.Errorf("%s: read without an error", name)
		}
	}
}

// What is uploaded is named by its content, so equal content must give equal
// archives.
func TestZippedGivesTheSameArchiveForTheSameContent(t *testing.T) {
	t.Parallel()

	const executable = 0o755

	first, err := zipped("bootstrap", []byte("binary"), executable)
	if err != nil {
		t.Fatal(err)
	}

	second, err := zipped("bootstrap", []byte("binary"), executable)
	if err != nil {
		t.Fatal(err)
	}

	if !bytes.Equal(first, second) {
		t.Error("two archives of the same content differ")
	}
}

func TestDeploymentChangesWithTemplateAndParameters(t *testing.T) {
	t.Parallel()

	same := deployment([]byte("a"), map[string]string{"x": "1", "y": "2"})

	if got := deployment([]byte("a"), map[string]string{"y": "2", "x": "1"}); got != same {
		t.Error("the order of parameters changes the deployment")
	}

	for name, other := range map[string]string{
		"template":  deployment([]byte("b"), map[string]string{"x": "1", "y": "2"}),
		"parameter": deployment([]byte("a"), map[string]string{"x": "1", "y": "3"}),
		"fewer":     deployment([]byte("a"), map[string]string{"x": "1"}),
	} {
		if other == same {
			t.Errorf("%s: another one gives the same deployment", name)
		}
	}
}

func TestHolderIsReadFromLsofAndProc(t *testing.T) {
	t.Parallel()

	if got, want := holderOfLsof("p4242\ncpython3\nf6\n"), " (held by python3, process 4242)"; got != want {
		t.Errorf("lsof: got %q, want %q", got, want)
	}

	if got := holderOfLsof("\n"); got != "" {
		t.Errorf("lsof without a listener: got %q, want nothing", got)
	}

	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:11D6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 90210 1
   1: 0100007F:11D6 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 90211 1
`
	if got, want := listenerInode(table, 4566), "90210"; got != want {
		t.Errorf("/proc/net/tcp: got inode %q, want %q", got, want)
	}

	if got := listenerInode(table, 4567); got != "" {
		t.Errorf("/proc/net/tcp, other port: got inode %q, want none", got)
	}
}

func FuzzHolder(f *testing.F) {
	f.Add("p1\ncx\n")
	f.Add("   0: 0100007F:11D6 00000000:0000 0A 0:0 00:0 0     0        0 90210 1")
	f.Add("p\nc")
	f.Fuzz(func(t *testing.T, text string) {
		if got := holderOfLsof(text); got != "" && !strings.HasPrefix(got, " (held by ") {
			t.Errorf("got %q", got)
		}

		if got := listenerInode(text, 4566); strings.ContainsAny(got, " \t\n") {
			t.Errorf("inode is %q", got)
		}
	})
}

func TestLostStateComparesStartAndSave(t *testing.T) {
	t.Parallel()

	now := time.Now()

	for name, test := range map[string]struct {
		started, saved time.Time // zero: there is no such file
		want           bool
	}{
		"first run":             {want: false},
		"saved at its end":      {started: now.Add(-time.Minute), saved: now, want: false},
		"killed, saved before":  {started: now, saved: now.Add(-time.Minute), want: true},
		"killed on a first run": {started: now, want: true},
	} {
		state := t.TempDir()
		touch(t, filepath.Join(state, "started"), test.started)
		touch(t, filepath.Join(state, "emulator", "cloudformation.json"), test.saved)

		if got, err := lostState(state); err != nil || got != test.want {
			t.Errorf("%s: got %t (%v), want %t", name, got, err, test.want)
		}
	}
}

func touch(t *testing.T, path string, at time.Time) {
	t.Helper()

	if at.IsZero() {
		return
	}

	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}

	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestVenvIsMadeAgainWhenItsPinsChange(t *testing.T) {
	t.Parallel()

	pins := filepath.Join(t.TempDir(), "requirements.txt")

	stamp := func(text string) string {
		t.Helper()

		if err := os.WriteFile(pins, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}

		got, err := venvStamp(t.Context(), pins)
		if err != nil {
			t.Fatal(err)
		}

		return got
	}

	first, same, other := stamp("a==1"), stamp("a==1"), stamp("a==2")

	if first != same {
		t.Error("the same pins give two stamps")
	}

	if first == other {
		t.Error("other pins give the same stamp")
	}
}

func TestStateIsOfOneRunAtATime(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "lock")

	unlock, err := lockOrFail(path)
	if err != nil {
		t.Fatal(err)
	}

	if _, err := lockOrFail(path); err == nil {
		t.Error("a lock was taken twice")
	}

	unlock()

	unlock, err = lockOrFail(path)
	if err != nil {
		t.Fatalf("take a lock that was given back: %v", err)
	}

	unlock()
}
