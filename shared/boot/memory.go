package boot

import (
	"bytes"
	"log/slog"
	"os"
	"strconv"
	"syscall"

	"github.com/lapak-id/lapak/shared/metric"
)

// memory tells how near a function comes to its limit. It counts what the
// system says of this process and of the largest program that it has run, each
// at its largest since this environment started: together that is the most
// that they can have held at once, one program at a time.
type memory struct {
	status   string // file of /proc that describes this process
	function string
	limit    int64 // bytes; 0: unknown, nothing is told
	metrics  *metric.Emitter
}

// newMemory reads what Lambda says of the function. Outside of Lambda there is
// no limit to tell of.
func newMemory(metrics *metric.Emitter) memory {
	const mega = 1 << 20

	limit, err := strconv.ParseInt(os.Getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 10, 64)
	if err != nil {
		limit = 0
	}

	return memory{
		status: "/proc/self/status", function: os.Getenv("AWS_LAMBDA_FUNCTION_NAME"), limit: limit * mega, metrics: metrics,
	}
}

// put emits the metric MemoryUsedPercent of the function.
func (m memory) put() {
	if m.limit == 0 {
		return
	}

	own, err := peak(m.status)
	if err != nil {
		slog.Warn("memory not measured", "error", err)

		return
	}

	const percent = 100

	used := own + children()
	m.metrics.Put("MemoryUsedPercent", percent*float64(used)/float64(m.limit), metric.Percent,
		metric.Dimensions{"FunctionName": m.function})
}

const kilo = 1 << 10

// peak gives the most memory that a process has held, in bytes: VmHWM of
// https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func peak(status string) (int64, error) {
	text, err := os.ReadFile(status) //nolint:gosec // the one caller names a file of /proc
	if err != nil {
		return 0, err //nolint:wrapcheck // it names the file; the one caller says what it was for
	}

	_, behind, _ := bytes.Cut(text, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(behind, []byte("kB"))

	held, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)

	return held * kilo, err //nolint:wrapcheck // as above
}

// children gives the most memory that one program run by this process has held,
// of those that have ended, in bytes.
func children() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &usage); err != nil {
		return 0 // only a wrong argument makes it fail
	}

	return usage.Maxrss * kilo
}
