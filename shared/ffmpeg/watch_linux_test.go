package ffmpeg_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// watch tells afterwards whether a file was opened.
func watch(t *testing.T, path string) func() bool {
	t.Helper()

	descriptor, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	require.NoError(t, err)

	_, err = unix.InotifyAddWatch(descriptor, path, unix.IN_OPEN)
	require.NoError(t, err)

	return func() bool {
		count, err := unix.Read(descriptor, make([]byte, 4096))
		_ = unix.Close(descriptor) // it was read

		return err == nil && count > 0
	}
}
