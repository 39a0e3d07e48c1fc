package infra_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every alert that the code can raise and every alarm stands in the table of
// alerts with the fault that causes it, and nothing else does. The rows are
// made by tests/stack/alerts_test.go.
func TestEveryAlertIsInTheTable(t *testing.T) {
	t.Parallel()

	raised := alarmPatterns(t)
	raised = append(raised, alertPatterns(t)...)

	slices.Sort(raised)
	raised = slices.Compact(raised)

	page, err := os.ReadFile("runbooks/every-alert.md")
	if err != nil {
		t.Fatal(err)
	}

	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
	}

	slices.Sort(listed)
	listed = slices.Compact(listed)

	for _, key := range raised {
		if !slices.Contains(listed, key) {
			t.Errorf("alert %s has no row in runbooks/every-alert.md: add a trial to tests/stack/alerts_test.go, run it with -update", key)
		}
	}

	for _, key := range listed {
		if !slices.Contains(raised, key) {
			t.Errorf("runbooks/every-alert.md tells of alert %s, which nothing raises", key)
		}
	}
}

// Where an alert names a runbook, that is there.
func TestEveryAlertHasItsRunbook(t *testing.T) {
	t.Parallel()

	named := 0

	eachLiteral(t, func(path, kind string, fields map[string]ast.Expr) {
		page, err := strconv.Unquote(text(fields["Runbook"]))
		if err != nil || page == "" {
			return
		}

		named++

		if _, err := os.Stat(filepath.Join("runbooks", page+".md")); err != nil {
			t.Errorf("%s: the %s names runbook %q: %v", path, kind, page, err)
		}
	})

	const atLeast = 10
	if named < atLeast {
		t.Errorf("%d runbooks are named: is the code read right?", named)
	}
}

// alarmPatterns gives the names of all alarms, with * for what they watch.
func alarmPatterns(t *testing.T) []string {
	t.Helper()

	files, err := filepath.Glob("alarms/*.yaml")
	if err != nil {
		t.Fatal(err)
	}

	var patterns []string

	for _, file := range append(files, "alarms.yaml") {
		for _, alarm := range properties[struct {
			AlarmName string `yaml:"AlarmName"`
		}](t, read(t, file), "AWS::CloudWatch::Alarm") {
			patterns = append(patterns, regexp.MustCompile(`\$\{[^}]*\}`).ReplaceAllString(alarm.AlarmName, "*"))
		}
	}

	return patterns
}

// alertPatterns gives the keys of all alerts in the code, with * for what is no
// literal.
func alertPatterns(t *testing.T) []string {
	t.Helper()

	var patterns []string

	eachLiteral(t, func(path, kind string, fields map[string]ast.Expr) {
		if fields["Key"] == nil {
			return
		}

		pattern := patternOf(fields["Key"])

		// The alert of a health check has the key of the check, which is read too.
		if pattern == "*" && path != "../shared/health/check.go" {
			t.Errorf("%s: the key of an %s is made elsewhere: write it where the alert is made", path, kind)
		}

		if pattern != "*" {
			patterns = append(patterns, pattern)
		}
	})

	return patterns
}

// eachLiteral visits the alerts and the health checks that the code makes.
func eachLiteral(t *testing.T, visit func(path, kind string, fields map[string]ast.Expr)) {
	t.Helper()

	err := filepath.WalkDir("../shared", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
			strings.HasPrefix(path, "../shared/alert/") {
			return err
		}

		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}

		ast.Inspect(file, func(node ast.Node) bool {
			literal, ok := node.(*ast.CompositeLit)
			if !ok {
				return true
			}

			kind := text(literal.Type)
			if kind != "alert.Alert" && kind != "health.Check" && (kind != "Check" || file.Name.Name != "health") {
				return true
			}

			fields := map[string]ast.Expr{}

			for _, element := range literal.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					fields[text(pair.Key)] = pair.Value
				}
			}

			visit(path, kind, fields)

			return true
		})

		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// text writes a name, a name of a package or a literal; nothing for all else.
func text(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.Ident:
		return of.Name
	case *ast.SelectorExpr:
		return text(of.X) + "." + of.Sel.Name
	case *ast.BasicLit:
		return of.Value
	default:
		return ""
	}
}

// patternOf gives the text that an expression makes, with * for what is not
// known here.
func patternOf(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.BasicLit:
		if value, err := strconv.Unquote(of.Value); err == nil {
			return value
		}
	case *ast.BinaryExpr:
		return patternOf(of.X) + patternOf(of.Y)
	}

	return "*"
}
