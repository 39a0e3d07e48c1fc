//go:build !linux

package ffmpeg

import "os/exec"

// confine does nothing: only Linux, where functions run, ends a program with
// its parent.
func confine(*exec.Cmd) {}

// restrict does nothing: only Linux limits a program from outside.
func restrict(int) error { return nil }
