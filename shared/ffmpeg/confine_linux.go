package ffmpeg

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lapak-id/lapak/shared/errs"
)

// What ffmpeg may use. It needs a tenth of the memory for 3 h of sound; its
// threads take address space that they never touch.
const (
	maxCPU     = 15 * 60 // seconds: as long as a function lives
	maxAddress = 1 << 30 // bytes
	maxData    = 384 << 20
	maxFiles   = 32
)

// confine puts a program that is yet to start into a process group of its own,
// which ends with us, however we end.
func confine(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error {
		return unix.Kill(-command.Process.Pid, unix.SIGKILL)
	}
}

// restrict bounds what a running program may use. It writes no file at all.
func restrict(pid int) error {
	for resource, limit := range map[int]uint64{
		unix.RLIMIT_CPU: maxCPU, unix.RLIMIT_AS: maxAddress, unix.RLIMIT_DATA: maxData,
		unix.RLIMIT_NOFILE: maxFiles, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0,
	} {
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: limit, Max: limit}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) { // one that has ended uses nothing
			return errs.Wrap(err, errs.Internal, "limit resource %d of process %d", resource, pid)
		}
	}

	return nil
}
