package conformance_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mavenPlugin copies the jars that a pom names, at a pinned version.
const mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// serveDynamoDBLocal starts Amazon's own DynamoDB for laptops. It cannot be
// bound to the loopback address; it holds nothing but this run's rows.
func serveDynamoDBLocal(ctx context.Context) (string, *process, error) {
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", nil, &missingError{"DynamoDB Local needs " + program + ": install a Java runtime and Maven"}
		}
	}

	jars, err := filepath.Abs(filepath.Join(root, ".tools/dynamodb-local"))
	if err != nil {
		return "", nil, fmt.Errorf("find DynamoDB Local: %w", err)
	}

	if _, err := os.Stat(jars); errors.Is(err, os.ErrNotExist) {
		if err := fetchJars(ctx, jars); err != nil {
			return "", nil, err
		}
	}

	if err := verify(jars, "dynamodblocal/SHA256SUMS"); err != nil {
		return "", nil, err
	}

	port, err := freePort(ctx)
	if err != nil {
		return "", nil, err
	}

	endpoint := "http://127.0.0.1:" + port
	started, err := startProcess(ctx, dynamodbLocal, endpoint, nil,
		"java", "-Xmx512m", "-cp", filepath.Join(jars, "*"),
		"com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
		"-inMemory", "-disableTelemetry", "-port", port)

	return endpoint, started, err
}

// fetchJars lets Maven download what pom.xml names. The folder appears whole.
func fetchJars(ctx context.Context, jars string) error {
	if err := os.MkdirAll(filepath.Dir(jars), 0o750); err != nil {
		return fmt.Errorf("make the folder of DynamoDB Local: %w", err)
	}

	fresh, err := os.MkdirTemp(filepath.Dir(jars), "dynamodb-local-")
	if err != nil {
		return fmt.Errorf("make the folder of DynamoDB Local: %w", err)
	}

	defer os.RemoveAll(fresh) //nolint:errcheck // gone already where all went well

	maven := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "--strict-checksums",
		"--file", "dynamodblocal/pom.xml", mavenPlugin, "-DincludeScope=runtime", "-DoutputDirectory="+fresh)
	if text, err := maven.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch DynamoDB Local with Maven (is its repository in reach?): %w\n%s", err, text)
	}

	if err := os.Rename(fresh, jars); err != nil {
		return fmt.Errorf("put DynamoDB Local in place: %w", err)
	}

	return nil
}

// verify compares the files of a folder with a list of SHA-256 sums.
func verify(dir, list string) error {
	sums, err := os.Open(list)
	if err != nil {
		return fmt.Errorf("read the sums of DynamoDB Local: %w", err)
	}
	defer sums.Close() //nolint:errcheck // only read

	lines := bufio.NewScanner(sums)
	for lines.Scan() {
		want, name, _ := strings.Cut(lines.Text(), "  ")

		got, err := sumOf(filepath.Join(dir, name))
		if err != nil {
			return err
		}

		if got != want {
			return fmt.Errorf("%w: %s has %s instead of %s; delete %s to fetch it again", errSum, name, got, want, dir)
		}
	}

	return lines.Err()
}

var errSum = errors.New("a file of DynamoDB Local is not the pinned one")

func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read DynamoDB Local: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read

	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read DynamoDB Local: %w", err)
	}

	return hex.EncodeToString(sum.Sum(nil)), nil
}
