// Package infra_test holds template.yaml, its alarms and the code together:
// what one of them says about the others must be so.
package infra_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/lapak-id/lapak/shared/alert"
)

// document is a template as far as these tests read it. References, such as
// !GetAtt Key.Arn, are read as their text.
type document struct {
	Resources map[string]resource `yaml:"Resources"`
	Globals   struct {
		Function struct {
			Environment environment `yaml:"Environment"`
		} `yaml:"Function"`
	} `yaml:"Globals"`
}

type environment struct {
	Variables map[string]any `yaml:"Variables"`
}

type resource struct {
	Type       string    `yaml:"Type"`
	Properties yaml.Node `yaml:"Properties"`
}

func read(t *testing.T, path string) document {
	t.Helper()

	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	var found document
	if err := yaml.Unmarshal(text, &found); err != nil {
		t.Fatalf("parse %s: %v", path, err)
	}

	return found
}

// properties reads the properties of all resources of a type.
func properties[T any](t *testing.T, from document, kind string) map[string]T {
	t.Helper()

	found := map[string]T{}

	for id, one := range from.Resources {
		if one.Type != kind {
			continue
		}

		var read T
		if err := one.Properties.Decode(&read); err != nil {
			t.Fatalf("read properties of %s: %v", id, err)
		}

		found[id] = read
	}

	if len(found) == 0 {
		t.Fatalf("no %s found: is the template read right?", kind)
	}

	return found
}

type function struct {
	FunctionName string              `yaml:"FunctionName"`
	Timeout      int                 `yaml:"Timeout"`
	Role         string              `yaml:"Role"`
	Environment  environment         `yaml:"Environment"`
	Events       map[string]resource `yaml:"Events"`
}

// name is that of the function's folder.
func (f function) name() string { return strings.TrimPrefix(f.FunctionName, "${AWS::StackName}-") }

type queue struct {
	QueueName              string `yaml:"QueueName"`
	VisibilityTimeout      int    `yaml:"VisibilityTimeout"`
	MessageRetentionPeriod int    `yaml:"MessageRetentionPeriod"`
	SqsManagedSseEnabled   bool   `yaml:"SqsManagedSseEnabled"`
	RedrivePolicy          struct {
		Target          string `yaml:"deadLetterTargetArn"`
		MaxReceiveCount int    `yaml:"maxReceiveCount"`
	} `yaml:"RedrivePolicy"`
}

// name is that after the stack's.
func (q queue) name() string { return strings.TrimPrefix(q.QueueName, "${AWS::StackName}-") }

func functions(t *testing.T) map[string]function {
	t.Helper()

	return properties[function](t, read(t, "../template.yaml"), "AWS::Serverless::Function")
}

func queues(t *testing.T) map[string]queue {
	t.Helper()

	return properties[queue](t, read(t, "../template.yaml"), "AWS::SQS::Queue")
}

// AWS advises 6 times, so that a batch that is throttled is not handed out
// again while it waits.
func TestQueueHidesMessagesSixTimesItsFunctionsTimeout(t *testing.T) {
	t.Parallel()

	all := queues(t)

	var checked int

	for id, function := range functions(t) {
		for _, event := range function.Events {
			if event.Type != "SQS" {
				continue
			}

			var source struct {
				Queue string `yaml:"Queue"`
			}
			if err := event.Properties.Decode(&source); err != nil {
				t.Fatal(err)
			}

			queue, there := all[strings.TrimSuffix(source.Queue, ".Arn")]
			if !there {
				t.Fatalf("%s reads %s, which is no queue of the template", id, source.Queue)
			}

			const times = 6
			if queue.VisibilityTimeout < times*function.Timeout {
				t.Errorf("%s hides messages for %d s, want at least %d × the %d s of %s",
					queue.name(), queue.VisibilityTimeout, times, function.Timeout, id)
			}

			checked++
		}
	}

	if checked == 0 {
		t.Error("no function reads a queue: is the template read right?")
	}
}

func TestEveryQueueHasADeadLetterQueueOrIsOne(t *testing.T) {
	t.Parallel()

	const fortnight = 14 * 24 * 60 * 60

	all := queues(t)

	for id, queue := range all {
		if !queue.SqsManagedSseEnabled {
			t.Errorf("%s is not encrypted", id)
		}

		if strings.Contains(queue.name(), "-dead") {
			if queue.MessageRetentionPeriod != fortnight {
				t.Errorf("%s keeps messages for %d s, want 14 days", id, queue.MessageRetentionPeriod)
			}

			continue
		}

		dead, there := all[strings.TrimSuffix(queue.RedrivePolicy.Target, ".Arn")]
		if !there || queue.RedrivePolicy.MaxReceiveCount < 2 {
			t.Errorf("%s sends what cannot be handled to %q after %d tries, want a queue of the template and at least 2",
				id, queue.RedrivePolicy.Target, queue.RedrivePolicy.MaxReceiveCount)
		}

		if strings.HasSuffix(queue.name(), ".fifo") != strings.HasSuffix(dead.name(), ".fifo") {
			t.Errorf("%s and its dead-letter queue must both be FIFO or neither", id)
		}
	}
}

func TestEveryQueueRefusesPlainHTTP(t *testing.T) {
	t.Parallel()

	policies := properties[struct {
		Queues []string `yaml:"Queues"`
	}](t, read(t, "../template.yaml"), "AWS::SQS::QueuePolicy")

	for id := range queues(t) {
		if !slices.Contains(policies["QueuesPolicy"].Queues, id) {
			t.Errorf("%s has no policy that refuses plain HTTP", id)
		}
	}
}

// nested is an entry of alarms.yaml.
type nested struct {
	TemplateURL string         `yaml:"TemplateURL"`
	Parameters  map[string]any `yaml:"Parameters"`
}

func TestEveryFunctionHasAlarmsAtFourFifthsOfItsTimeout(t *testing.T) {
	t.Parallel()

	alarms := properties[nested](t, read(t, "alarms.yaml"), "AWS::CloudFormation::Stack")

	for id, function := range functions(t) {
		const fourFifths = 800 // of a second, in milliseconds

		want := nested{TemplateURL: "alarms/function.yaml", Parameters: map[string]any{
			"Environment":             "Environment",
			"FunctionName":            "${Prefix}-" + function.name(),
			"AlertsTopicArn":          "AlertsTopicArn",
			"NearTimeoutMilliseconds": fourFifths * function.Timeout,
		}}
		if got := alarms[id]; !reflect.DeepEqual(got, want) {
			t.Errorf("alarms.yaml, %s: got %v, want %v", id, got, want)
		}
	}
}

func TestEveryQueueHasAlarms(t *testing.T) {
	t.Parallel()

	alarms := properties[nested](t, read(t, "alarms.yaml"), "AWS::CloudFormation::Stack")

	for id, queue := range queues(t) {
		template := "alarms/queue.yaml"
		if strings.HasSuffix(id, "DeadQueue") {
			template = "alarms/dead-queue.yaml"
		}

		if got := alarms[id]; got.TemplateURL != template || got.Parameters["QueueName"] != "${Prefix}-"+queue.name() {
			t.Errorf("alarms.yaml, %s: got %s for queue %v, want %s for ${Prefix}-%s",
				id, got.TemplateURL, got.Parameters["QueueName"], template, queue.name())
		}
	}
}

// Alarms reach owners in their own language: by the end of its name, package
// alert knows what to say of each.
func TestEveryAlarmIsToldInTheCatalogsWords(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob("alarms/*.yaml")
	if err != nil {
		t.Fatal(err)
	}

	for _, file := range append(files, "alarms.yaml") {
		for id, alarm := range properties[struct {
			AlarmName string `yaml:"AlarmName"`
		}](t, read(t, file), "AWS::CloudWatch::Alarm") {
			note := fmt.Sprintf(`{"AlarmName":%q,"NewStateValue":"ALARM"}`, alarm.AlarmName)

			told, err := alert.Parse([]byte(note), time.Now())
			if err != nil || told.Keys.Title == "" || told.Keys.Detail == "" {
				t.Errorf("%s, %s: package alert has no words for %q (%v)", file, id, alarm.AlarmName, err)
			}

			if _, err := os.Stat(filepath.Join("runbooks", told.Runbook+".md")); err != nil || told.Severity == "" {
				t.Errorf("%s, %s: alarm %q is %q, its runbook %q: %v", file, id, alarm.AlarmName, told.Severity, told.Runbook, err)
			}
		}
	}
}

// A widget of a metric that nothing emits stays empty, and nobody wonders.
func TestTheDashboardShowsWhatIsEmitted(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("dashboard.yaml")
	if err != nil {
		t.Fatal(err)
	}

	boards := properties[struct {
		Body string `yaml:"DashboardBody"`
	}](t, read(t, "dashboard.yaml"), "AWS::CloudWatch::Dashboard")

	var body struct {
		Widgets []json.RawMessage `json:"widgets"`
	}
	if err := json.Unmarshal([]byte(boards["Figures"].Body), &body); err != nil || len(body.Widgets) == 0 {
		t.Fatalf("the dashboard has no widgets: %v", err)
	}

	emitted := map[string]bool{}

	err = filepath.WalkDir("../shared", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}

		source, err := os.ReadFile(path) //nolint:gosec // files of this repository
		for _, match := range regexp.MustCompile(`\.Put\("([A-Za-z]+)"`).FindAllSubmatch(source, -1) {
			emitted[string(match[1])] = true
		}

		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	name := regexp.MustCompile(`"Lapak/\$\{Environment\}", "([A-Za-z]+)"|MetricName=\\"([A-Za-z]+)\\"`)

	shown := name.FindAllStringSubmatch(string(text), -1)
	if len(shown) == 0 {
		t.Fatal("no metric found: is the dashboard read right?")
	}

	for _, match := range shown {
		if name := match[1] + match[2]; !emitted[name] {
			t.Errorf("the dashboard shows %s, which nothing emits", name)
		}
	}
}

// What a function reads from its environment is what the template gives it,
// and nothing else is given: a setting that is missing shows only in the
// cloud, and one too many is a permission that nobody looks at.
func TestFunctionsGetTheSettingsThatTheyRead(t *testing.T) {
	t.Parallel()

	always := read(t, "../template.yaml").Globals.Function.Environment.Variables

	for id, function := range functions(t) {
		t.Run(function.name(), func(t *testing.T) {
			t.Parallel()

			reads := settings(t, filepath.Join("../functions", function.name(), "*.go"))

			for _, name := range reads {
				if _, given := function.Environment.Variables[name]; !given {
					if _, given := always[name]; !given {
						t.Errorf("functions/%s reads %s, which template.yaml does not give %s", function.name(), name, id)
					}
				}
			}

			for name := range function.Environment.Variables {
				if !slices.Contains(reads, name) {
					t.Errorf("template.yaml gives %s to %s, which does not read it", name, id)
				}
			}
		})
	}
}

// settings finds the environment variables of a function's settings, by the
// tags of the struct that its main package reads them into. The queues that an
// outbox row can go to are settings that several functions share.
func settings(t *testing.T, path string) []string {
	t.Helper()

	files, err := filepath.Glob(path)
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s (%v)", path, err)
	}

	var found []string

	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}

		for _, match := range regexp.MustCompile(`env:"(LAPAK_[A-Z_]+)`).FindAllSubmatch(text, -1) {
			found = append(found, string(match[1]))
		}

		for shared, file := range map[string]string{
			"worker.Queues": "worker.go", "worker.Limits": "limits.go", "worker.Gateways": "gateways.go",
		} {
			if strings.Contains(string(text), shared) {
				found = append(found, settings(t, filepath.Join("../shared/boot/worker", file))...)
			}
		}
	}

	return found
}

type statement struct {
	Effect   string `yaml:"Effect"`
	Action   list   `yaml:"Action"`
	Resource list   `yaml:"Resource"`
}

// list is one text or several.
type list []string

func (l *list) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*l = list{node.Value}

		return nil
	}

	return node.Decode((*[]string)(l))
}

type role struct {
	Policies []struct {
		PolicyDocument struct {
			Statement []statement `yaml:"Statement"`
		} `yaml:"PolicyDocument"`
	} `yaml:"Policies"`
}

func TestEveryFunctionHasARoleOfItsOwnWithoutWildcards(t *testing.T) {
	t.Parallel()

	roles := properties[role](t, read(t, "../template.yaml"), "AWS::IAM::Role")

	for id, function := range functions(t) {
		own := strings.TrimSuffix(id, "Function") + "Role"
		if function.Role != own+".Arn" {
			t.Errorf("%s has role %s, want its own: %s", id, function.Role, own)
		}

		for _, policy := range roles[own].Policies {
			for at, statement := range policy.PolicyDocument.Statement {
				where := own + ", statement " + strconv.Itoa(at+1)

				if slices.Contains(statement.Resource, "*") {
					t.Errorf("%s allows %v on everything", where, statement.Action)
				}

				for _, action := range statement.Action {
					if strings.Contains(action, "*") {
						t.Errorf("%s allows %s: name the actions", where, action)
					}
				}
			}
		}
	}
}

func TestEveryFunctionHasItsFolderAndASampleEvent(t *testing.T) {
	t.Parallel()

	known := map[string]bool{}

	for id, function := range functions(t) {
		if want := strings.ToLower(strings.TrimSuffix(id, "Function")); function.name() != want {
			t.Errorf("%s is called %s, want %s: the Makefile builds functions/%s for it", id, function.name(), want, want)
		}

		for _, path := range []string{
			fmt.Sprintf("../functions/%s/main.go", function.name()),
			fmt.Sprintf("../events/%s.json", function.name()),
		} {
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}

		known[function.name()] = true
	}

	folders, err := os.ReadDir("../functions")
	if err != nil {
		t.Fatal(err)
	}

	for _, folder := range folders {
		if folder.IsDir() && !known[folder.Name()] {
			t.Errorf("functions/%s is in no template", folder.Name())
		}
	}
}

// Health looks at every function and dead-letter queue: what is not in its
// settings fails unseen.
func TestHealthLooksAtEverything(t *testing.T) {
	t.Parallel()

	all := functions(t)
	looksAt := fmt.Sprint(all["HealthFunction"].Environment.Variables["LAPAK_FUNCTIONS"])

	for _, function := range all {
		one := regexp.MustCompile(regexp.QuoteMeta("${AWS::StackName}-"+function.name()) + `[\s\]]`)
		if times := len(one.FindAllString(looksAt, -1)); times != 1 {
			t.Errorf("function %s stands %d times in LAPAK_FUNCTIONS of health, want once", function.name(), times)
		}
	}

	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}

	_, health, found := strings.Cut(string(text), "LAPAK_QUEUES_DEAD: !Join")
	if !found {
		t.Fatal("no LAPAK_QUEUES_DEAD: is the template read right?")
	}

	settings, outputs, found := strings.Cut(health, "DeadQueueUrls:")
	if !found {
		t.Fatal("no output DeadQueueUrls: is the template read right?")
	}

	for id := range queues(t) {
		if strings.HasSuffix(id, "DeadQueue") && (!strings.Contains(settings, id) || !strings.Contains(outputs, id)) {
			t.Errorf("%s is missing from LAPAK_QUEUES_DEAD of health or from the output DeadQueueUrls", id)
		}
	}
}
