package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/lapak-id/lapak/shared/awshttp"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/table"
	"github.com/lapak-id/lapak/shared/table/dynamo"
	"github.com/lapak-id/lapak/shared/transcript"
)

const (
	transcribeWithin = 15 * time.Minute // the longest that a function may run
	spokenPart       = time.Hour        // that a provider takes at once
	heardPart        = 10 * time.Minute // that it is given: as long as recordings of hours are cut
	wordsPerMinute   = 150
	dayOfSpeech      = "media/day-of-speech.mp3"
)

// measureTranscription has the transcribe function itself work on 3 h of sound
// that lies in S3, heard by a provider that answers at once with as many words
// as people say in that time, and prints the most memory that its process held.
func measureTranscription(ctx context.Context, folder, program, lesson string) (err error) {
	function, err := build(ctx, folder, "./functions/transcribe")
	if err != nil {
		return err
	}

	day := filepath.Join(folder, "day.mp3")
	if err := repeat(lesson, day, lessons); err != nil {
		return err
	}

	cloud, storage := newCloud("bench-key"), newStorage()
	defer cloud.Close()
	defer storage.Close()

	storage.serve("/"+benchBin+"/"+dayOfSpeech, day)

	outside := httptest.NewServer(http.HandlerFunc(answerOutside))
	defer outside.Close()

	state := dynamo.New(dynamodb.New(dynamodb.Options{
		Region: "ap-southeast-3", BaseEndpoint: aws.String(cloud.URL), HTTPClient: awshttp.Mend(nil),
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench", ""),
	}), benchState, "index1", clock.System{})

	job, err := downloaded(ctx, state, day)
	if err != nil {
		return err
	}

	f, err := startFunction(ctx, function, transcribing(cloud.URL, storage.URL, outside.URL, program))
	if err != nil {
		return err
	}

	defer func() { err = errors.Join(err, f.close()) }()

	f.within = transcribeWithin

	return transcribe(ctx, f, state, job)
}

// repeat writes a file that follows itself so many times.
func repeat(from, to string, times int) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read the lesson: %w", err)
	}

	file, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("make a day of lessons: %w", err)
	}

	for range times {
		if _, err := file.Write(content); err != nil {
			return errors.Join(fmt.Errorf("make a day of lessons: %w", err), file.Close())
		}
	}

	if err := file.Close(); err != nil {
		return fmt.Errorf("make a day of lessons: %w", err)
	}

	return nil
}

// downloaded starts a job and takes it to where download leaves it.
func downloaded(ctx context.Context, state table.Table, path string) (transcript.Job, error) {
	info, err := os.Stat(path)
	if err != nil {
		return transcript.Job{}, fmt.Errorf("look at the day of lessons: %w", err)
	}

	job, err := transcript.NewService(state, clock.System{}).Start(ctx, transcript.Request{
		Store: benchStore, Chat: benchUser, User: benchUser, Message: 1, Progress: 2, SentAt: time.Now(), Language: "en",
		Source: transcript.Source{FileID: "day", Name: "day.mp3", Kind: transcript.Audio, Size: info.Size()},
	})
	if err != nil {
		return job, fmt.Errorf("start a job: %w", err)
	}

	row, err := state.Get(ctx, jobKey(job))
	if err != nil {
		return job, fmt.Errorf("read the job: %w", err)
	}

	job.State, job.Media, job.SHA256 = transcript.Downloaded, dayOfSpeech, strings.Repeat("0", 64)

	if row.Body, err = table.Encode(job); err != nil {
		return job, fmt.Errorf("write the job: %w", err)
	}

	if err := state.Write(ctx, table.Replace(row)); err != nil {
		return job, fmt.Errorf("write the job: %w", err)
	}

	return job, nil
}

func jobKey(job transcript.Job) table.Key {
	tenant, err := table.TenantOf(job.Store)
	if err != nil {
		panic(err) // a constant
	}

	return tenant.Partition("user", fmt.Sprint(job.User)).Key("job", job.ID)
}

// transcribing is what the function is started with.
func transcribing(cloud, storage, outside, ffmpeg string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + cloud, "AWS_ENDPOINT_URL_S3=" + storage,
		"AWS_REGION=ap-southeast-3", "AWS_ACCESS_KEY_ID=bench", "AWS_SECRET_ACCESS_KEY=bench", "HOME=/nonexistent",
		"LAPAK_ENV=bench", "LAPAK_LOG_LEVEL=info",
		"LAPAK_STATE_TABLE=" + benchState, "LAPAK_SCRATCH_TABLE=scratch", "LAPAK_MEDIA_BUCKET=" + benchBin,
		"LAPAK_QUEUE_TRANSCRIPTIONS=" + cloud + "/000000000000/transcriptions",
		"LAPAK_QUEUE_TRANSCRIPTIONS_PRIORITY=" + cloud + "/000000000000/transcriptions-priority",
		"LAPAK_SECRETS_PREFIX=/lapak/bench", "LAPAK_TELEGRAM_URL=" + outside, "LAPAK_FFMPEG=" + ffmpeg,
		"LAPAK_PARTS_AT_ONCE=3", "LAPAK_LONGEST_RECORDING=8h", "LAPAK_STORE_WORKERS=5",
		"LAPAK_SPEECH_URL=" + outside, "LAPAK_DEEPGRAM_URL=" + outside, "LAPAK_SPEECH_ORDER=groq/whisper-large-v3-turbo",
		"LAPAK_RUPIAH_PER_DOLLAR=16500", "LAPAK_SPEECH_LONGEST_PART=" + spokenPart.String(), "LAPAK_SPEECH_TIMEOUT=60s",
	}
}

// transcribe hands the function the message of a job, checks what it has done
// and prints what it held.
func transcribe(ctx context.Context, f *function, state table.Table, job transcript.Job) error {
	if _, err := f.ready(ctx); err != nil {
		return err
	}

	event, err := deliveryOf(job, "transcriptions")
	if err != nil {
		return err
	}

	began := time.Now()

	got, err := f.call(ctx, event)
	if err != nil {
		return err
	}

	peak, err := peakMemory(f.process.Process.Pid)
	if err != nil {
		return err
	}

	done, _, err := table.Read[transcript.Job](ctx, state, jobKey(job))

	switch {
	case err != nil:
		return fmt.Errorf("look at the job: %w", err)
	case got.failed || done.State != transcript.Transcribed || done.Result == nil:
		return fmt.Errorf("the job is %s; the function answered %s and has logged\n%s", done.State, got.body, f.said.String())
	}

	fmt.Printf("\ntranscription of %.2f h of speech by the transcribe function, the provider answering at once\n"+
		"  %s, %d words, %d calls of the provider\n  peak memory of its process: %.1f MiB, ffmpeg beside it\n"+
		"aim: memory under %d MiB: %s\n",
		(lessons * lessonLength).Hours(), got.at.Sub(began).Round(time.Second), done.Result.Words, len(done.Attempts),
		float64(peak)/(1<<20), memoryAim>>20, verdict(peak < memoryAim))

	return nil
}

// answerOutside stands for Telegram and for a provider that hears ten minutes
// of speech in no time.
func answerOutside(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return // a caller that is gone fails by itself
	}

	if !strings.Contains(r.URL.Path, "/audio/transcriptions") {
		_, _ = fmt.Fprint(w, `{"ok":true,"result":{"message_id":2,"date":1,"chat":{"id":7001,"type":"private"}}}`)

		return
	}

	type word struct {
		Word  string  `json:"word"`
		Start float64 `json:"start"`
		End   float64 `json:"end"`
	}

	const step = 60.0 / wordsPerMinute

	count := int(heardPart.Minutes() * wordsPerMinute)
	words := make([]word, count)
	text := make([]string, count)

	for at := range words {
		text[at] = fmt.Sprintf("word%d", at)
		words[at] = word{Word: text[at], Start: step * float64(at), End: step * float64(at+1)}
	}

	answer, err := json.Marshal(struct {
		Task     string  `json:"task"`
		Language string  `json:"language"`
		Duration float64 `json:"duration"`
		Text     string  `json:"text"`
		Words    []word  `json:"words"`
	}{"transcribe", "english", heardPart.Seconds(), strings.Join(text, " "), words})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	_, _ = w.Write(answer) // a caller that is gone fails by itself
}
