package ffmpeg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"github.com/lapak-id/lapak/shared/errs"
)

// What may be opened: the containers that people send, and sound in them. All
// else of ffmpeg stays shut: playlists and scripts that name other files, and
// the decoders of pictures.
const (
	containers = "mov,matroska,ogg,mp3,wav,w64,flac,aac,amr,avi,asf,flv,mpegts,mpeg,caf,aiff,ac3"
	decoders   = "aac,aac_latm,ac3,eac3,alac,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,flac,mp1float,mp2float,mp3float," +
		"mp1,mp2,mp3,opus,libopus,vorbis,speex,libspeex,nellymoser,dca,gsm,gsm_ms,wmav1,wmav2,wmapro,wmalossless,wmavoice," +
		"adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,adpcm_yamaha,adpcm_g726,adpcm_g722,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8," +
		"pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_dvd,pcm_bluray"
)

const (
	pipeInput = "pipe:0"
	// levelPipe is where ffmpeg writes plain samples: the first of ExtraFiles.
	levelPipe = "pipe:3"
)

// inputArguments open a file with all that is not needed shut. One thread:
// workers share their processors.
func inputArguments(input string) []string {
	protocols := "pipe"
	if input != pipeInput {
		protocols = "http,tcp"
	}

	return []string{
		"-nostdin", "-hide_banner", "-max_alloc", "134217728", "-threads", "1", "-filter_threads", "1",
		"-format_whitelist", containers, "-codec_whitelist", decoders, "-protocol_whitelist", protocols,
		"-probesize", "5000000", "-analyzeduration", "10000000", "-i", input,
	}
}

// probeArguments have ffmpeg describe a file and do nothing.
func probeArguments(input string) []string { return inputArguments(input) }

// convertArguments have it write the first audio track as 16 kHz mono Ogg
// Opus, in pages short enough to find gaps by their times, and, where they are
// wanted, the same samples as they are. Damage is passed over: what is missing
// is found by the time that comes out.
func convertArguments(input string, bitrate int, levels bool) []string {
	arguments := append([]string{"-loglevel", "error", "-max_error_rate", "1"}, inputArguments(input)...)
	sound := "[0:a:0]aformat=sample_rates=16000:channel_layouts=mono"

	if levels {
		arguments = append(arguments, "-filter_complex", sound+",asplit[opus][short];[short]asetnsamples=16000[plain]")
	} else {
		arguments = append(arguments, "-filter_complex", sound+"[opus]")
	}

	arguments = append(arguments, "-map", "[opus]", "-map_metadata", "-1", "-c:a", "libopus", "-b:a", fmt.Sprint(bitrate),
		"-application", "voip", "-compression_level", "0", "-frame_duration", "20", "-threads", "1",
		"-page_duration", "250000", "-f", "ogg", "pipe:1")

	if levels {
		arguments = append(arguments, "-map", "[plain]", "-c:a", "pcm_s16le", "-f", "s16le", levelPipe)
	}

	return arguments
}

// process is a running ffmpeg.
type process struct {
	output io.ReadCloser
	cancel context.CancelFunc

	command   *exec.Cmd
	complaint *head
	input     *source  // nil where it reads by HTTP
	media     *chunks  // nil where it reads from a pipe
	server    *server  // nil where it reads from a pipe
	folder    string   // its own, empty
	levels    *os.File // its samples come out here; nil: none asked for
	wait      func() error
	reading   error // of the media, once wait has returned
}

// launch is how ffmpeg is to be run.
type launch struct {
	program   string
	arguments func(input string) []string
	stderr    io.Writer // gets its words too; nil: nothing does
	stream    io.Reader // is piped in; nil: it reads media by HTTP
	media     *chunks
	levels    bool
}

// start runs ffmpeg in a folder of its own, with nothing in its environment
// and bounded means, before it is given anything to read.
func start(ctx context.Context, how launch) (_ *process, err error) {
	folder, err := os.MkdirTemp("", "lapak-ffmpeg-")
	if err != nil {
		return nil, errs.Wrap(err, errs.Internal, "make a folder for ffmpeg")
	}

	ctx, cancel := context.WithCancel(ctx)
	made := &process{cancel: cancel, folder: folder, complaint: &head{limit: maxComplaint}, media: how.media}

	defer func() {
		if err != nil {
			cancel()
			made.free()
		}
	}()

	return made, made.begin(ctx, how)
}

func (p *process) begin(ctx context.Context, how launch) error {
	input, listen := pipeInput, func() {}

	if how.stream == nil {
		server, listener, err := serve(how.media)
		if err != nil {
			return err
		}

		p.server, input = server, server.address
		listen = func() { server.begin(listener) }
	}

	command := exec.CommandContext(ctx, how.program, how.arguments(input)...) //nolint:gosec // the path is a setting of the operator
	// Nothing of ours, and no character sets: a static ffmpeg that loads those of
	// another C library dies of names in MPEG-TS.
	command.Dir, command.Env = p.folder, []string{"GCONV_PATH=" + p.folder}
	command.Stderr = p.complaint
	command.WaitDelay = graceful
	p.command = command

	if how.stderr != nil {
		command.Stderr = io.MultiWriter(how.stderr, p.complaint)
	}

	confine(command)

	feed, err := p.pipes(how)
	if err != nil {
		return err
	}

	if err := command.Start(); err != nil {
		return errs.Wrap(err, errs.Internal, "start ffmpeg at %s (is the layer there, is LAPAK_FFMPEG right?)", how.program)
	}

	if len(command.ExtraFiles) > 0 {
		_ = command.ExtraFiles[0].Close() // ffmpeg has its own now
	}

	p.wait = sync.OnceValue(p.waitForEnd)

	if err := restrict(command.Process.Pid); err != nil {
		p.cancel()

		return errs.Wrap(errors.Join(err, p.wait()), errs.Internal, "restrict ffmpeg")
	}

	listen()

	if how.stream != nil {
		p.input = &source{from: how.stream, done: make(chan struct{})}
		go p.input.pour(feed)
	}

	return nil
}

// pipes makes what ffmpeg reads and writes.
func (p *process) pipes(how launch) (io.WriteCloser, error) {
	var (
		feed io.WriteCloser
		err  error
	)

	if p.output, err = p.command.StdoutPipe(); err != nil {
		return nil, errs.Wrap(err, errs.Internal, "make a pipe for ffmpeg")
	}

	if how.stream != nil {
		if feed, err = p.command.StdinPipe(); err != nil { // not Stdin, for which Wait would wait although it hangs
			return nil, errs.Wrap(err, errs.Internal, "make a pipe for ffmpeg")
		}
	}

	if how.levels {
		reader, writer, err := os.Pipe()
		if err != nil {
			return nil, errs.Wrap(err, errs.Internal, "make a pipe for ffmpeg")
		}

		p.levels, p.command.ExtraFiles = reader, []*os.File{writer}
	}

	return feed, nil
}

// waitForEnd gives what the end of the run means; see verdict.
func (p *process) waitForEnd() error {
	waited := p.command.Wait()

	if p.input != nil {
		p.input.await()
		p.reading = p.input.failure()
	} else {
		p.server.close()
		p.reading = p.media.failed()
	}

	p.free()

	return p.verdict(waited)
}

// free gives back what the run held.
func (p *process) free() {
	if p.server != nil {
		p.server.close()
	}

	_ = os.RemoveAll(p.folder) // it is empty
}

// verdict says what an ended run means. The media's reader knows better than
// ffmpeg why input was missing. A program that a file made crash or use up its
// means would do so again.
func (p *process) verdict(waited error) error {
	if p.reading != nil {
		return fmt.Errorf("read media for ffmpeg: %w", p.reading)
	}

	exit, ended := errors.AsType[*exec.ExitError](waited)
	if ended && exit.Exited() {
		return notMedia("ffmpeg does not understand the media: %s", p.complaint)
	}

	if ended && brokeDown(exit.ProcessState) {
		return notMedia("ffmpeg broke down over the media, %s: %s", exit, p.complaint)
	}

	if waited != nil {
		return errs.Wrap(waited, errs.Unavailable, "ffmpeg was stopped: %s", p.complaint)
	}

	return nil
}

func notMedia(format string, args ...any) error {
	return errs.New(errs.Invalid, format, args...).Tell("error.not_media", nil)
}

// brokeDown reports whether a program was ended by a signal that it brought
// about itself, and not from outside.
func brokeDown(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return false
	}

	switch status.Signal() {
	case syscall.SIGSEGV, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS,
		syscall.SIGXCPU, syscall.SIGXFSZ:
		return true
	default:
		return false
	}
}
