//go:build !linux

package ffmpeg_test

import "testing"

// watch sees nothing: only Linux is asked.
func watch(*testing.T, string) func() bool { return func() bool { return false } }
