package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// peakMemory is the most main memory that a process ever held, in bytes.
func peakMemory(process int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d (this needs Linux): %w", process, err)
	}

	for line := range strings.Lines(string(status)) {
		value, found := strings.CutPrefix(line, "VmHWM:")
		if !found {
			continue
		}

		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read the memory of process %d: %w", process, err)
		}

		return kilobytes * 1024, nil
	}

	return 0, fmt.Errorf("the system does not say how much memory process %d held", process)
}
