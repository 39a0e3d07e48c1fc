package stack

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// artifact is a function's binary, ready to be uploaded.
type artifact struct {
	function string
	binary   []byte
	hash     string // of the binary, SHA-256 in hex
}

// buildFunctions builds the functions for this machine into dir, as `sam build`
// does it for AWS (see Makefile), but with the paths of the sources in them: so
// what tests and linters have compiled need not be compiled again.
func buildFunctions(ctx context.Context, root, dir string, names []string) error {
	packages := make([]string, 0, len(names))
	for _, name := range names {
		packages = append(packages, "./functions/"+name)
	}

	args := []string{"build", "-ldflags", "-s -w", "-tags", "lambda.norpc,stdjson", "-o", dir + string(filepath.Separator)}

	return goBuild(ctx, root, append(args, packages...))
}

// buildPrograms builds the programs of the local cloud into dir.
func buildPrograms(ctx context.Context, root, dir string) error {
	args := []string{"build", "-o", dir + string(filepath.Separator)}

	return goBuild(ctx, root, append(args,
		"./localstack/cmd/leash", "./localstack/telegram/cmd/telegram", "./localstack/pakasir/cmd/pakasir", "./infra/ctl"))
}

func goBuild(ctx context.Context, root string, args []string) error {
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")

	return output(command)
}

// architecture is the template's name for this machine's processor.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}

	return runtime.GOARCH
}

// zipped gives a zip archive of one file; the same content gives the same
// archive.
func zipped(name string, content []byte, mode os.FileMode) ([]byte, error) {
	var archive bytes.Buffer

	writer := zip.NewWriter(&archive)
	writer.RegisterCompressor(zip.Deflate, func(to io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(to, flate.BestSpeed) // it travels over loopback only
	})

	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.SetMode(mode)

	file, err := writer.CreateHeader(header)
	if err != nil {
		return nil, fmt.Errorf("add %s to archive: %w", name, err)
	}

	if _, err := file.Write(content); err != nil {
		return nil, fmt.Errorf("write %s to archive: %w", name, err)
	}

	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("finish archive of %s: %w", name, err)
	}

	return archive.Bytes(), nil
}
