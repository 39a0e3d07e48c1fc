package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/lapak-id/lapak/localstack/telegram"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/awshttp"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	benchStore = "bench"
	benchUser  = 7001
	benchState = "state"
	benchBin   = "media"

	downloadWithin = 15 * time.Minute // the longest that a function may run
	memoryAim      = 256 << 20
	speedAim       = 0.8
)

// downloading is a Telegram with one large file, and the cloud that it goes to.
type downloading struct {
	cloud    *cloud
	storage  *storage
	telegram *httptest.Server
	spoken   control.MTProto
	fileID   string
	size     int64
	sha256   string
}

// measureDownloads brings one large file from Telegram into S3 by the download
// function, and by a bare copy in turns with it, and prints the most memory
// that the function held and how fast both were.
func measureDownloads(ctx context.Context, folder string, size int64, runs int) (err error) {
	function, err := build(ctx, folder, "./functions/download")
	if err != nil {
		return err
	}

	bare, err := build(ctx, folder, "./tests/bench/copy")
	if err != nil {
		return err
	}

	state, err := os.MkdirTemp(folder, "telegram-")
	if err != nil {
		return fmt.Errorf("make a folder for Telegram: %w", err)
	}

	simulator, err := telegram.New(telegram.Options{StateDir: state}) //nolint:contextcheck // its life ends with Close
	if err != nil {
		return fmt.Errorf("start Telegram: %w", err)
	}

	defer func() { err = errors.Join(err, simulator.Close()) }()

	d := &downloading{cloud: newCloud(secret), storage: newStorage(), telegram: httptest.NewServer(simulator), size: size}
	defer d.cloud.Close()
	defer d.storage.Close()
	defer d.telegram.Close()

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for MTProto: %w", err)
	}

	if err := simulator.SpeakMTProto(listener); err != nil {
		return fmt.Errorf("speak MTProto: %w", err)
	}

	fmt.Printf("\nsending a file of %.0f MB to Telegram\n", megabytes(size))

	if err := d.send(ctx); err != nil {
		return err
	}

	return d.compare(ctx, function, bare, runs)
}

// send has a person send the file to the bot.
func (d *downloading) send(ctx context.Context) error {
	world := control.New(d.telegram.URL)

	bot, err := world.CreateBot(ctx, control.Bot{FirstName: "Bench", Username: "bench_bot"})
	if err != nil {
		return fmt.Errorf("make a bot: %w", err)
	}

	person, err := world.CreateUser(ctx, control.User{ID: benchUser, FirstName: "Emma"})
	if err != nil {
		return fmt.Errorf("make a person: %w", err)
	}

	if d.spoken, err = world.MTProto(ctx); err != nil {
		return fmt.Errorf("ask where MTProto is spoken: %w", err)
	}

	sum := sha256.New()

	_, err = world.As(person.ID, bot.ID).File(ctx, control.Upload{
		Kind: "document", Name: "lecture.wav", MIME: "audio/wav", Content: io.TeeReader(recording(d.size), sum),
	})
	if err != nil {
		return fmt.Errorf("send the file: %w", err)
	}

	d.sha256 = hex.EncodeToString(sum.Sum(nil))
	d.cloud.secrets = map[string]string{"/lapak/bench/stores/" + benchStore + "/token": bot.Token}

	d.fileID, err = fileID(ctx, d.telegram.URL, bot.Token)

	return err
}

// fileID asks for the bot's updates and gives the id of the file in them.
func fileID(ctx context.Context, address, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/bot"+token+"/getUpdates", http.NoBody)
	if err != nil {
		return "", fmt.Errorf("ask for the updates: %w", err)
	}

	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask for the updates: %w", err)
	}
	defer response.Body.Close()

	var answer struct {
		Result []struct {
			Message struct {
				Document struct {
					FileID string `json:"file_id"`
				} `json:"document"`
			} `json:"message"`
		} `json:"result"`
	}

	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("read the updates: %w", err)
	}

	for _, update := range answer.Result {
		if id := update.Message.Document.FileID; id != "" {
			return id, nil
		}
	}

	return "", errors.New("no update of the bot has the file")
}

// recording is a WAV file of that many bytes of noise, which repeats after a
// megabyte.
func recording(size int64) io.Reader {
	const (
		rate   = 44_100
		sample = 4
	)

	var header bytes.Buffer

	header.WriteString("RIFF")
	write(&header, uint32(size-8)) //nolint:gosec // under 4 GB
	header.WriteString("WAVEfmt ")
	write(&header, uint32(16), uint16(1), uint16(2), uint32(rate), uint32(rate*sample), uint16(sample), uint16(16))
	header.WriteString("data")
	write(&header, uint32(size-44)) //nolint:gosec // under 4 GB

	return io.LimitReader(io.MultiReader(&header, &noise{block: drawn()}), size)
}

func write(to *bytes.Buffer, values ...any) {
	for _, value := range values {
		if err := binary.Write(to, binary.LittleEndian, value); err != nil {
			panic(err) // a buffer takes all, and the values have fixed sizes
		}
	}
}

func drawn() []byte {
	random := rand.NewChaCha8([32]byte{})
	block := make([]byte, 1<<20)
	_, _ = random.Read(block) // never fails, says its documentation

	return block
}

type noise struct {
	block []byte
	at    int
}

func (n *noise) Read(into []byte) (int, error) {
	count := copy(into, n.block[n.at:])
	n.at = (n.at + count) % len(n.block)

	return count, nil
}

// environment is what both the function and the copy are started with.
func (d *downloading) environment() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + d.cloud.URL,
		"AWS_ENDPOINT_URL_S3=" + d.storage.URL,
		"AWS_REGION=ap-southeast-3", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "HOME=/nonexistent",
		"LAPAK_ENV=bench", "LAPAK_LOG_LEVEL=info",
		"LAPAK_STATE_TABLE=" + benchState, "LAPAK_SCRATCH_TABLE=scratch", "LAPAK_MEDIA_BUCKET=" + benchBin,
		"LAPAK_QUEUE_DOWNLOADS=" + d.cloud.URL + "/000000000000/downloads", "LAPAK_SECRETS_PREFIX=/lapak/bench",
		"LAPAK_TELEGRAM_URL=" + d.telegram.URL,
		"LAPAK_TELEGRAM_API_ID=17349", "LAPAK_MTPROTO_SERVER=" + d.spoken.Address,
		"LAPAK_MTPROTO_PUBLIC_KEY=" + strings.Join(strings.Fields(d.spoken.PublicKey), " "), // as stack.go deploys it
		"BENCH_STORE=" + benchStore, "BENCH_SIZE=" + strconv.FormatInt(d.size, 10),
	}
}

// compare runs the copy and the function in turns, so that what else the
// machine does meets both alike.
func (d *downloading) compare(ctx context.Context, function, bare string, runs int) error {
	var (
		alone, copied, downloaded []time.Duration
		peak                      int64
	)

	for run := range runs {
		took, err := d.copy(ctx, bare, "")
		if err != nil {
			return fmt.Errorf("run %d of S3 alone: %w", run, err)
		}

		alone = append(alone, took)

		if took, err = d.copy(ctx, bare, d.fileID); err != nil {
			return fmt.Errorf("run %d of the bare copy: %w", run, err)
		}

		copied = append(copied, took)

		took, held, err := d.download(ctx, function, run)
		if err != nil {
			return fmt.Errorf("run %d of the download function: %w", run, err)
		}

		downloaded, peak = append(downloaded, took), max(peak, held)
	}

	speed := func(took []time.Duration) float64 { return megabytes(d.size) / median(took).Seconds() }
	ratio := speed(downloaded) / speed(copied)

	fmt.Printf("\na file of %.0f MB by MTProto into S3, medians of %d runs in turns\n"+
		"  download function: %6.1f MB/s, hashed, checked and resumable\n"+
		"  bare copy:         %6.1f MB/s, the same file by the same clients\n"+
		"  S3 alone:          %6.1f MB/s, zeros by the same client\n"+
		"  peak memory of the download function: %.1f MB\n"+
		"aim: S3 throughput at least %.1f of the bare copy's: %s (%.2f)\n"+
		"aim: memory under %d MB: %s\n",
		megabytes(d.size), runs, speed(downloaded), speed(copied), speed(alone), megabytes(peak),
		speedAim, verdict(ratio >= speedAim), ratio, memoryAim>>20, verdict(peak < memoryAim))

	return nil
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}

	return "MISSED"
}

// copy runs the bare copy and gives how long it took, its start not counted.
func (d *downloading) copy(ctx context.Context, binary, fileID string) (time.Duration, error) {
	command := exec.CommandContext(ctx, binary)
	command.Env = append(d.environment(), "BENCH_FILE_ID="+fileID)
	command.Stderr = os.Stderr

	printed, err := command.Output()
	if err != nil {
		return 0, fmt.Errorf("copy the file: %w", err)
	}

	if size := d.storage.size("/" + benchBin + "/copy"); size != d.size {
		return 0, fmt.Errorf("%d bytes of %d were stored", size, d.size)
	}

	took, err := strconv.ParseInt(strings.TrimSpace(string(printed)), 10, 64)

	return time.Duration(took), err
}

// download has the function do a job, and gives how long it took and the most
// memory that its process ever held.
func (d *downloading) download(ctx context.Context, binary string, number int) (time.Duration, int64, error) {
	jobs := transcript.NewService(dynamo.New(dynamodb.New(dynamodb.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(d.cloud.URL), HTTPClient: awshttp.Mend(nil),
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	}), benchState, "index1", clock.System{}), clock.System{})

	job, err := jobs.Start(ctx, transcript.Request{
		Store: benchStore, Chat: benchUser, User: benchUser, Message: number + 1, SentAt: time.Now(), Language: "en",
		Source: transcript.Source{FileID: d.fileID, Name: "lecture.wav", Kind: transcript.Document, Size: d.size},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("start a job: %w", err)
	}

	f, err := startFunction(ctx, binary, d.environment())
	if err != nil {
		return 0, 0, err
	}

	f.within = downloadWithin
	took, peak, err := d.invoke(ctx, f, jobs, job)

	return took, peak, errors.Join(err, f.close())
}

// invoke hands the function the message of a job and checks what it has done.
func (d *downloading) invoke(
	ctx context.Context, f *function, jobs *transcript.Service, job transcript.Job,
) (time.Duration, int64, error) {
	if _, err := f.ready(ctx); err != nil {
		return 0, 0, err
	}

	event, err := deliveryOf(job, "downloads")
	if err != nil {
		return 0, 0, err
	}

	began := time.Now()

	got, err := f.call(ctx, event)
	if err != nil {
		return 0, 0, err
	}

	peak, err := peakMemory(f.process.Process.Pid)
	if err != nil {
		return 0, 0, err
	}

	done, err := jobs.Get(ctx, benchStore, benchUser, job.ID)

	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("look at the job: %w", err)
	case got.failed || done.State != transcript.Downloaded:
		return 0, 0, fmt.Errorf("the job is %s; the function answered %s", done.State, got.body)
	case done.SHA256 != d.sha256:
		return 0, 0, fmt.Errorf("the file's SHA-256 is %s, the function says %s", d.sha256, done.SHA256)
	case d.storage.size("/"+benchBin+"/"+done.Media) != d.size:
		return 0, 0, fmt.Errorf("%d bytes of %d were stored", d.storage.size("/"+benchBin+"/"+done.Media), d.size)
	}

	return got.at.Sub(began), peak, nil
}

// deliveryOf is the message of a job in a queue, as SQS hands it over.
func deliveryOf(job transcript.Job, queue string) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"store": job.Store, "user": job.User, "job": job.ID, "round": job.Round})
	if err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}

	event, err := json.Marshal(events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: job.ID, ReceiptHandle: job.ID, Body: string(body), EventSource: "aws:sqs",
		EventSourceARN: "arn:aws:sqs:ap-southeast-3:000000000000:" + queue,
		Attributes:     map[string]string{"ApproximateReceiveCount": "1"},
	}}})
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}

	return event, nil
}
