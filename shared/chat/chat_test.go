package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mymmrac/telego"
	"github.com/stretchr/testify/require"

	"github.com/lapak-id/lapak/shared/chat"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/id"
	"github.com/lapak-id/lapak/shared/limit"
	"github.com/lapak-id/lapak/shared/logging"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/queue"
	"github.com/lapak-id/lapak/shared/telegram"
	"github.com/lapak-id/lapak/shared/transcript"
	"github.com/lapak-id/lapak/shared/user"
)

func unavailable() error { return errs.New(errs.Unavailable, "Telegram is down") }

func blocked() error { return errs.Wrap(telegram.ErrBlocked, errs.Unauthorized, "send") }

func TestAnUpdateIsHandledOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	sent := w.text("/start")
	sent.UpdateID = 5

	w.do(sent)
	w.do(sent)
	require.Equal(t, 1, w.phone.said())

	other := w.text("/start")
	other.UpdateID = 4 // it has been overtaken
	w.do(other)
	require.Equal(t, 2, w.phone.said())

	for range 2 * chat.DoneKept {
		w.now.Advance(time.Minute)
		w.do(telego.Update{UpdateID: 100 + w.phone.last, Message: w.text("/help").Message})
	}

	before := w.phone.said()
	last := telego.Update{UpdateID: 100 + w.phone.last - 2, Message: w.text("/help").Message}
	w.do(last)
	require.Equal(t, before, w.phone.said(), "the newest updates stay known")
}

// A command that nobody needs to wait for costs five calls to the tables, of
// which two are the store's limit. Anything more is a decision: change the
// numbers here, and the reason in infra/decisions.
func TestCallsToTheTables(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))
	w.do(w.voice())
	job := w.job()
	w.state.taken()
	w.scratch.taken()

	for _, test := range []struct {
		name           string
		update         telego.Update
		state, scratch int
	}{
		{"/help", w.text("/help"), 1, 4},                          // user · session, store's limit, session
		{"/start", w.text("/start"), 1, 4},                        //
		{"text", w.text("halo"), 1, 4},                            //
		{"settings", w.tap(2, "open:settings"), 1, 4},             //
		{"language", w.tap(2, "lang:en"), 3, 4},                   // and read and write the user
		{"voice", w.voice(), 3, 4},                                // and a page of jobs; the job, its quota and outbox row
		{"history", w.text("/history"), 2, 4},                     // and one page of jobs
		{"cancel one", w.tap(2, "job:cancel:"+job.ID), 3, 4},      // and read and write the job
		{"show", w.tap(2, "job:show:"+job.ID), 2, 4},              // and read the job
		{"the same again", telego.Update{UpdateID: 1}, 0, 0},      // not for us
		{"in a group", telego.Update{Message: w.inGroup()}, 0, 0}, //
		{"known update", telego.Update{UpdateID: 2, Message: w.text("x").Message}, 0, 1},
	} {
		w.do(test.update)
		require.Equal(t, test.state, w.state.taken(), "%s: state", test.name)
		require.Equal(t, test.scratch, w.scratch.taken(), "%s: scratch", test.name)
	}
}

func (w *world) inGroup() *telego.Message {
	sent := w.aMessage()
	sent.Chat = telego.Chat{ID: -100, Type: telego.ChatTypeSupergroup}
	sent.Text = "/start"

	return sent
}

func TestThirtyQuickMessagesAreLimitedPolitely(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	for range 30 {
		w.do(w.text("halo"))
	}

	require.Equal(t, 21, w.phone.said(), "twenty answers and one request to wait")

	waiting := w.phone.shown[len(w.phone.shown)]
	for number, text := range w.phone.shown {
		if strings.HasPrefix(text.HTML, "😅") {
			waiting = w.phone.shown[number]
		}
	}

	require.Equal(t, "😅 Pelan-pelan ya. Kamu bisa lanjut dalam 6 detik. Yang terkirim sebelum itu tidak kuproses.", waiting.HTML)

	w.now.Advance(6 * time.Second)
	w.do(w.text("/help"))
	require.Equal(t, 22, w.phone.said(), "who waited as told is served")

	var told string

	for _, text := range w.phone.shown {
		if strings.HasPrefix(text.HTML, "😅") {
			told += text.HTML
		}
	}

	require.Equal(t, "😅 Tadi 10 pesan terlalu cepat dan tidak kuproses. Kirim ulang yang masih perlu ya.", told,
		"nothing is lost without a word")
}

func TestQuickTapsAreAnsweredByToasts(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) { options.UserRate = limit.Rate{Burst: 1, Every: 12 * time.Second} })
	w.do(w.text("/start"))
	w.do(w.tap(2, "open:help"))
	require.Equal(t, "😅 Pelan-pelan ya. Kamu bisa lanjut dalam 12 detik. Yang terkirim sebelum itu tidak kuproses.", w.phone.toast())
	require.Equal(t, 1, w.phone.said())
}

func TestAStoreIsLimitedAsAWhole(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) { options.StoreRate = limit.Rate{Burst: 2, Every: time.Minute} })

	for person := range 4 {
		sent := w.text("/start")
		sent.Message.From.ID = int64(100 + person)
		w.do(sent)
	}

	require.Equal(t, 4, w.phone.said())
	require.Contains(t, w.phone.message(0).HTML, "Sedang ramai di sini. Kamu bisa lanjut dalam 1 menit.")
}

func TestBannedPeopleAreToldOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))

	_, err := w.users.Change(t.Context(), demo, ani, func(user *user.User) { user.Banned = true })
	require.NoError(t, err)

	w.do(w.text("/start"))
	require.Contains(t, w.phone.message(0).HTML, "Toko ini menutup akses untukmu.")

	w.do(w.voice())
	w.do(w.tap(2, "open:help"))
	require.Equal(t, 2, w.phone.said())
	require.Contains(t, w.phone.toast(), "Toko ini menutup akses untukmu.")
	require.Zero(t, w.outbox())
}

func TestWhoBlocksTheBotIsLeftInPeaceUntilTheyWriteAgain(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	isBlocked := func() bool {
		found, err := w.users.Get(t.Context(), demo, ani)
		require.NoError(t, err)

		return found.Blocked
	}

	w.phone.fail(blocked())
	w.do(w.text("/start")) // blocked while the answer was on its way
	require.True(t, isBlocked())
	require.Zero(t, w.phone.said())

	w.do(w.text("/start"))
	require.False(t, isBlocked())

	membership := func(before, now telego.ChatMember, of telego.Chat) telego.Update {
		return telego.Update{MyChatMember: &telego.ChatMemberUpdated{
			Chat: of, From: *from(ani, "id"), OldChatMember: before, NewChatMember: now,
		}}
	}
	private := telego.Chat{ID: ani, Type: telego.ChatTypePrivate}
	member := &telego.ChatMemberMember{Status: telego.MemberStatusMember}
	kicked := &telego.ChatMemberBanned{Status: telego.MemberStatusBanned}

	w.do(membership(member, kicked, private))
	require.True(t, isBlocked())
	w.do(membership(kicked, member, private))
	require.False(t, isBlocked())
	require.Equal(t, 1, w.phone.said(), "blocking and unblocking is answered by silence")

	group := telego.Chat{ID: -100, Type: telego.ChatTypeSupergroup}
	w.do(membership(kicked, member, group))
	require.Contains(t, w.phone.message(0).HTML, "Buka @kopi_bot untuk mulai.")
	w.do(membership(member, kicked, group))
	w.do(membership(kicked, member, telego.Chat{ID: -200, Type: telego.ChatTypeChannel}))
	require.Equal(t, 2, w.phone.said())

	w.phone.fail(blocked())
	w.do(membership(kicked, member, group))
	require.False(t, isBlocked(), "a group that forbids writing says nothing about Ani")
}

func TestWhatIsNotForTheBotIsLeftAlone(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	bot := w.text("/start")
	bot.Message.From.IsBot = true

	pinned := w.text("")
	pinned.Message.PinnedMessage = w.aMessage()

	inline := w.tap(1, "open:home")
	inline.CallbackQuery.Message = nil

	for _, update := range []telego.Update{
		{}, {EditedMessage: w.aMessage()}, {ChannelPost: w.aMessage()}, {Message: w.inGroup()}, bot, pinned, inline,
	} {
		w.do(update)
	}

	require.Empty(t, w.phone.log)
}

func TestUpdatesOfARemovedStoreEnd(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	require.NoError(t, w.chat.Handle(t.Context(), "gone", w.text("/start"), "1", 1))
	require.Empty(t, w.phone.log)
}

// listening collects the log lines of a test. It must not run beside others.
func listening(t *testing.T) *bytes.Buffer {
	t.Helper()

	var lines bytes.Buffer

	before := slog.Default()
	slog.SetDefault(logging.New(&lines, slog.LevelInfo))
	t.Cleanup(func() { slog.SetDefault(before) })

	return &lines
}

//nolint:paralleltest // it reads the log
func TestAFailureIsToldAtTheLastAttemptWithAReferenceThatTheLogHas(t *testing.T) {
	lines := listening(t)
	w := newWorld(t, func(options *chat.Options) { options.MaxAttempts = 3 })
	sent := w.text("/history")
	sent.UpdateID = 42

	for attempt := 1; attempt <= 2; attempt++ {
		w.phone.fail(unavailable())
		require.Error(t, w.try(sent, attempt), "the queue brings it again")
	}

	require.Empty(t, w.phone.log, "the person hears nothing while it may still work")

	w.phone.fail(unavailable())
	require.NoError(t, w.try(sent, 3))

	told := w.phone.message(0)
	require.Contains(t, told.HTML, "Ada yang rusak di sisi kami")
	require.Equal(t, "open:home", told.Buttons[0][0].Data)

	reference := regexp.MustCompile(`#([0-9A-Z]{6})`).FindStringSubmatch(told.HTML)[1]
	require.Equal(t, id.Reference(demo, "42"), reference)

	var line struct {
		Ref    string `json:"ref"`
		Store  string `json:"store"`
		Update string `json:"update"`
		Error  string `json:"error"`
	}

	for text := range strings.Lines(lines.String()) {
		if strings.Contains(text, `"level":"ERROR"`) {
			require.NoError(t, json.Unmarshal([]byte(text), &line))
		}
	}

	require.Equal(t, reference, line.Ref)
	require.Equal(t, "42", line.Update)
	require.Equal(t, demo, line.Store)
	require.Contains(t, line.Error, "Telegram is down")

	w.do(sent)
	require.Contains(t, w.phone.message(0).HTML, "Belum ada transkrip", "should it come once more, it gets another chance")
}

// failing fails, or panics, wherever it is asked.
type failing struct {
	chat.Transcripts

	with any
}

func (f failing) fail() error {
	if err, ok := f.with.(error); ok {
		return err
	}

	panic(f.with)
}

func (f failing) Turn(context.Context, transcript.Turn) ([]transcript.Job, bool, error) {
	return nil, false, f.fail()
}

func (f failing) Allowance(context.Context, string, int64, transcript.Terms) (transcript.Allowance, error) {
	return transcript.Allowance{}, f.fail()
}

func (f failing) Delete(context.Context, string, int64, string) error {
	return f.fail()
}

func (f failing) DeleteAll(context.Context, transcript.Erasure) error {
	return f.fail()
}

func (f failing) Start(context.Context, transcript.Request) (transcript.Job, error) {
	return transcript.Job{}, f.fail()
}

func (f failing) Cancel(context.Context, string, int64) ([]transcript.Job, error) {
	return nil, f.fail()
}

func (f failing) CancelOne(context.Context, string, int64, string) (transcript.Job, error) {
	return transcript.Job{}, f.fail()
}

func (f failing) Get(context.Context, string, int64, string) (transcript.Job, error) {
	return transcript.Job{}, f.fail()
}

func (f failing) Send(context.Context, transcript.Wish) error {
	return f.fail()
}

//nolint:paralleltest // it reads the log
func TestAPanicIsLikeAnyFailure(t *testing.T) {
	lines := listening(t)
	w := newWorld(t, func(options *chat.Options) { options.Transcripts = failing{with: "a defect"} })
	sent := w.text("/history")
	sent.UpdateID = 9

	err := w.try(sent, 1)
	require.Equal(t, errs.Internal, errs.CodeOf(err))
	require.Contains(t, lines.String(), "chat_test.failing.Turn", "the stack is in the log")

	require.NoError(t, w.try(sent, 5))
	require.Contains(t, w.phone.message(0).HTML, "Ada yang rusak di sisi kami")
	require.Contains(t, w.phone.message(0).HTML, id.Reference(demo, "9"))
}

func TestFailuresOfEveryHandlerComeBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) { options.Transcripts = failing{with: unavailable()} })

	for _, update := range []telego.Update{
		w.text("/history"), w.text("/cancel"), w.voice(), w.tap(1, "history:2"), w.tap(1, "job:cancel:x"),
		w.tap(1, "job:txt:x"), w.tap(1, "job:srt:x"), w.tap(1, "job:show:x"), w.tap(1, "job:retry:x"),
		w.tap(1, "job:vtt:x"), w.tap(1, "job:json:x"), w.tap(1, "job:rest:x"), w.tap(1, "job:delete:x"), w.tap(1, "job:erase:x"),
		w.tap(1, "all:erase"),
	} {
		require.Equal(t, errs.Unavailable, errs.CodeOf(w.try(update, 1)))
	}

	require.Empty(t, w.phone.toasts, "a tap that comes again is answered then")
}

func TestAPermanentFailureIsToldAtOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.phone.fail(errs.New(errs.Invalid, "refused").Tell("error.not_media", nil))
	w.do(w.text("/help"))
	require.Contains(t, w.phone.message(0).HTML, "File ini tidak bisa dibaca sebagai audio atau video.")
	require.Contains(t, w.phone.message(0).HTML, "kode #"+id.Reference(demo, "1"))

	w = newWorld(t, func(options *chat.Options) { options.Transcripts = failing{with: errs.New(errs.Invalid, "no")} })
	w.do(w.tap(1, "job:show:x"))
	require.Equal(t, 1, w.phone.said())
	require.Len(t, w.phone.toasts, 1, "the tap does not wait for ever")
}

func TestWhoCannotBeToldEndsTheWork(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	gone := errs.New(errs.NotFound, "chat not found")

	w.phone.fail(gone, gone)
	require.NoError(t, w.try(w.text("/help"), 1))

	w.phone.fail(unavailable(), unavailable())
	require.Error(t, w.try(w.text("/help"), 5), "it goes to the dead letters, with an alarm")
}

func TestTablesThatFailBringTheUpdateBack(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // every call to a table fails

	err := w.chat.Handle(ctx, demo, w.text("/help"), "1", 1)
	require.Equal(t, errs.Unavailable, errs.CodeOf(err))
	require.Empty(t, w.phone.log)
}

func TestTheFirstLanguageIsTheClientsAndThenTheChosenOne(t *testing.T) {
	t.Parallel()

	for client, want := range map[string]string{
		"id": "Selamat datang", "en": "Welcome", "en-GB": "Welcome", "EN": "Welcome", "de": "Selamat datang", "": "Selamat datang",
	} {
		w := newWorld(t)
		sent := w.text("/start")
		sent.Message.From.LanguageCode = client
		w.do(sent)
		require.Contains(t, w.phone.message(0).HTML, want, "client %q", client)
	}

	w := newWorld(t)
	w.do(w.text("/start"))
	w.do(w.tap(2, "lang:en"))
	w.do(w.text("/start")) // the client still says Indonesian
	require.Contains(t, w.phone.message(0).HTML, "Welcome")
}

func TestTheOwnerIsKnown(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	sent := w.text("/help")
	sent.Message.From = from(owner, "id")
	w.do(sent)
	require.Contains(t, w.phone.message(0).HTML, "Kamu pemilik toko ini.")
}

func TestEveryKindOfFileBecomesAJob(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		fill func(sent *telego.Message)
		want transcript.Source
	}{
		"voice": {
			func(sent *telego.Message) {
				sent.Voice = &telego.Voice{FileID: "f", FileUniqueID: "u", Duration: 3, MimeType: "audio/ogg", FileSize: 10}
			},
			transcript.Source{Kind: transcript.Voice, MimeType: "audio/ogg", Size: 10, Duration: 3 * time.Second},
		},
		"audio by its title": {
			func(sent *telego.Message) {
				sent.Audio = &telego.Audio{FileID: "f", FileUniqueID: "u", Title: "Rapat: 1/2", Duration: 3, FileSize: 10}
			},
			transcript.Source{Kind: transcript.Audio, Name: "Rapat_ 1_2", Size: 10, Duration: 3 * time.Second},
		},
		"video": {
			func(sent *telego.Message) {
				sent.Video = &telego.Video{FileID: "f", FileUniqueID: "u", FileName: "a.mp4", Duration: 3, FileSize: 10}
			},
			transcript.Source{Kind: transcript.Video, Name: "a.mp4", Size: 10, Duration: 3 * time.Second},
		},
		"video note": {
			func(sent *telego.Message) {
				sent.VideoNote = &telego.VideoNote{FileID: "f", FileUniqueID: "u", Duration: 3, FileSize: 10}
			},
			transcript.Source{Kind: transcript.VideoNote, Size: 10, Duration: 3 * time.Second},
		},
		"document": {
			func(sent *telego.Message) {
				sent.Document = &telego.Document{FileID: "f", FileUniqueID: "u", FileName: "a.bin", MimeType: "video/x-msvideo"}
			},
			transcript.Source{Kind: transcript.Document, Name: "a.bin", MimeType: "video/x-msvideo"},
		},
		"document by its ending": {
			func(sent *telego.Message) {
				sent.Document = &telego.Document{FileID: "f", FileUniqueID: "u", FileName: "a.OPUS", MimeType: "application/octet-stream"}
			},
			transcript.Source{Kind: transcript.Document, Name: "a.OPUS", MimeType: "application/octet-stream"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t)
			sent := w.aMessage()
			test.fill(sent)
			w.do(telego.Update{Message: sent})

			test.want.FileID, test.want.FileUniqueID = "f", "u"

			job := w.job()
			require.Equal(t, test.want, job.Source)
			require.Equal(t, sent.MessageID, job.Message)
			require.Equal(t, w.phone.last, job.Progress)
			require.Equal(t, "id", job.Language)
			require.EqualValues(t, ani, job.Chat)
			require.Equal(t, 1, w.outbox(), "the download is on its way")
		})
	}
}

func TestFilesWithoutSoundBecomeNoJob(t *testing.T) {
	t.Parallel()

	w := newWorld(t)

	for _, document := range []telego.Document{
		{FileName: "nota.pdf", MimeType: "application/pdf"},
		{FileName: "song.mp3", MimeType: "text/plain"},
		{FileName: "program", MimeType: "application/octet-stream"},
		{},
	} {
		sent := w.aMessage()
		sent.Document = &document
		w.do(telego.Update{Message: sent})
		require.Contains(t, w.phone.message(0).HTML, "bukan audio atau video")
	}

	funny := w.aMessage()
	funny.Animation = &telego.Animation{FileID: "g"}
	funny.Document = &telego.Document{FileID: "g", MimeType: "video/mp4"}
	w.do(telego.Update{Message: funny})
	require.Contains(t, w.phone.message(0).HTML, "belum bisa kuproses")
	require.Zero(t, w.outbox())
}

// The worker died between the job and the end of the update, so that the
// update comes again: one job, one progress message.
func TestAFileThatComesAgainIsOneJob(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	sent := w.voice()
	w.do(sent)

	progress := w.job().Progress
	sent.UpdateID = 0 // as if it had never been handled
	w.do(sent)

	require.Equal(t, 1, w.outbox())
	require.Equal(t, progress, w.job().Progress)
	require.NotEmpty(t, w.phone.message(progress).HTML)
	require.Empty(t, w.phone.message(progress+1).HTML, "the second progress message is withdrawn")
}

func TestAJobThatCannotStartLeavesNoProgressBehind(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) { options.Transcripts = failing{with: unavailable()} })
	require.Error(t, w.try(w.voice(), 1))
	require.Empty(t, w.phone.message(0).HTML)

	w.phone.fail(nil, unavailable()) // nor can it be withdrawn
	require.Error(t, w.try(w.voice(), 1))
}

func TestTapsOnMessagesThatCannotChangeAreAnsweredByNewOnes(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))
	w.do(w.tap(1, "open:help")) // Ani's own message stands for one that is gone
	require.Equal(t, 2, w.phone.said())

	w.phone.fail(errs.New(errs.Invalid, "there is no text in the message to edit"))
	w.do(w.tap(2, "open:help"))
	require.Equal(t, 3, w.phone.said())

	w.now.Advance(time.Second)

	old := w.tap(2, "open:help")
	old.CallbackQuery.Message = &telego.InaccessibleMessage{
		MessageID: 2, Chat: telego.Chat{ID: ani, Type: telego.ChatTypePrivate},
	}
	w.do(old)
	require.Equal(t, 4, w.phone.said())
}

func TestAToastThatFailsUndoesNothing(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.text("/start"))
	w.phone.fail(nil, unavailable()) // the edit works, the toast does not
	w.do(w.tap(2, "open:help"))
	require.Contains(t, w.phone.message(2).HTML, "Bantuan")
}

// A failed job whose apology is still the newest message runs on in its place.
func TestRetryRunsInThePlaceOfTheApology(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.voice())

	job := w.job()
	job.State = transcript.Apologised
	w.put(job)
	w.do(w.tap(job.Progress, "job:retry:"+job.ID))

	require.Equal(t, transcript.Waiting, w.job().State)
	require.Contains(t, w.phone.message(job.Progress).HTML, "Sudah kuterima")
	require.Equal(t, 2, w.outbox())

	job = w.job()
	job.State = transcript.Apologised
	w.put(job)
	w.phone.fail(unavailable())
	w.now.Advance(time.Second)
	w.do(w.tap(job.Progress, "job:retry:"+job.ID))
	require.Equal(t, transcript.Waiting, w.job().State, "it runs, shown or not")
}

// Jobs of one person cannot be seen or touched by another.
func TestOtherPeoplesJobsAreNotThere(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.voice())

	for _, action := range []string{"cancel", "retry", "txt", "srt", "vtt", "json", "rest", "show", "delete"} {
		tap := w.tap(2, "job:"+action+":"+w.job().ID)
		tap.CallbackQuery.From = *from(8, "id")
		w.do(tap)
		require.Equal(t, "Transkrip itu tidak kutemukan.", w.phone.toast(), action)
	}

	require.Equal(t, transcript.Waiting, w.job().State)
}

// historyTexts are the labels of the jobs that a page of the history shows.
func historyTexts(page message.Text) []string {
	var labels []string

	for _, row := range page.Buttons {
		if strings.HasPrefix(row[0].Data, "job:show:") {
			labels = append(labels, row[0].Text)
		}
	}

	return labels
}

// turns taps the button that leads on from the newest page of the history.
func (w *world) turns(label string) bool {
	for _, row := range w.phone.message(0).Buttons {
		for _, button := range row {
			if strings.Contains(button.Text, label) {
				w.now.Advance(time.Minute)
				w.do(w.tap(w.phone.last, button.Data))

				return true
			}
		}
	}

	return false
}

// However long the history is, it can be turned to its end and back, and what
// is added or deleted meanwhile hides nothing.
func TestALongHistoryIsTurned(t *testing.T) {
	t.Parallel()

	const jobs = 65

	w := newWorld(t)

	for range jobs {
		w.do(w.voice())
		w.now.Advance(time.Minute)
	}

	w.do(w.text("/history"))

	var there [][]string

	for page := 1; ; page++ {
		there = append(there, historyTexts(w.phone.message(0)))

		if page == 3 { // somebody uses the bot meanwhile
			w.do(w.tap(w.phone.last, "job:cancel:"+w.job().ID))
		}

		if !w.turns("Lebih lama") {
			require.Contains(t, w.phone.message(0).HTML, fmt.Sprintf("Halaman %d/%d", page, page))

			break
		}

		require.Contains(t, w.phone.message(0).HTML, fmt.Sprint("Halaman ", page+1))
	}

	seen := map[string]bool{}

	for _, page := range there {
		for _, label := range page {
			seen[label] = true
		}
	}

	require.Len(t, seen, jobs)
	require.Len(t, there, 11)

	for page := len(there) - 2; page > 0; page-- {
		require.True(t, w.turns("Lebih baru"))
		require.Equal(t, there[page], historyTexts(w.phone.message(0)))
	}

	w.do(w.text("/history"))
	require.False(t, w.turns("Lebih baru"), "there is nothing newer")

	// A page that is not there any more leads to the first one.
	w.do(w.tap(w.phone.last, "history:9:older:0"))
	require.Contains(t, w.phone.message(0).HTML, "Halaman 1")
	w.do(w.tap(w.phone.last, "history:7:newer:Z"))
	require.Contains(t, w.phone.message(0).HTML, "Halaman 1")
}

// Another delivery for the same person was handled at the same time: neither
// forgets what the other has done.
func TestSessionsAtTheSameTimeAreMerged(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	racing := &racing{Transcripts: w.jobs}
	w = newWorld(t, func(options *chat.Options) { options.Transcripts = racing })
	racing.Transcripts = w.jobs

	inner := w.text("/help")
	inner.UpdateID = 11
	racing.meanwhile = func() { w.do(inner) }

	outer := w.text("/history")
	outer.UpdateID = 12
	w.do(outer)
	require.Equal(t, 2, w.phone.said())

	w.do(inner)
	w.do(outer)
	require.Equal(t, 2, w.phone.said(), "both are remembered")
}

// racing does something else in the middle of Turn, once.
type racing struct {
	chat.Transcripts

	meanwhile func()
}

func (r *racing) Turn(ctx context.Context, turn transcript.Turn) ([]transcript.Job, bool, error) {
	if meanwhile := r.meanwhile; meanwhile != nil {
		r.meanwhile = nil
		meanwhile()
	}

	return r.Transcripts.Turn(ctx, turn)
}

func TestDeliverReadsTheQueue(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	body, err := json.Marshal(w.text("/start"))
	require.NoError(t, err)

	delivery := queue.Delivery{Message: queue.Message{
		Body: body, Attrs: queue.Attrs{queue.AttrStore: demo, queue.AttrCause: "1"},
	}, Attempt: 1}
	require.NoError(t, w.chat.Deliver(t.Context(), delivery))
	require.Equal(t, 1, w.phone.said())

	delivery.Body = []byte("{")
	require.Equal(t, errs.Invalid, errs.CodeOf(w.chat.Deliver(t.Context(), delivery)))
}

// No update, however odd, ends in a panic.
func FuzzUpdate(f *testing.F) {
	seeds, err := filepath.Glob("../../events/*.json")
	require.NoError(f, err)

	for _, seed := range seeds {
		body, err := os.ReadFile(seed)
		require.NoError(f, err)
		f.Add(body)
	}

	const (
		ani     = `"from":{"id":7,"first_name":"A"},"chat":{"id":7,"type":"private"}`
		member  = `{"status":"member","user":{"id":7,"first_name":"A"}}`
		kicked  = `{"status":"kicked","until_date":0,"user":{"id":7,"first_name":"A"}}`
		message = `{"message_id":1,"date":1,` + ani
	)

	for _, seed := range []string{
		`"message":` + message + `,"text":"/start job"}`,
		`"message":` + message + `,"document":{"file_id":"d","file_unique_id":"d"}}`,
		`"callback_query":{"id":"1","data":"history:-1","chat_instance":"1","message":` + message + `},` + ani + `}`,
		`"my_chat_member":{"date":1,` + ani + `,"old_chat_member":` + member + `,"new_chat_member":` + kicked + `}`,
		`"my_chat_member":{"date":1,` + ani + `}`,
	} {
		f.Add([]byte(`{"update_id":1,` + seed + `}`))
	}

	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWorld(t)

		err := w.chat.Deliver(t.Context(), queue.Delivery{Message: queue.Message{
			Body: body, Attrs: queue.Attrs{queue.AttrStore: demo, queue.AttrCause: strconv.Itoa(len(body))},
		}, Attempt: 1})
		if err != nil && strings.Contains(err.Error(), "panic") {
			t.Fatal(err)
		}
	})
}

var errAny = errors.New("any")

func TestErrorsOfNoKindAreRetriedToo(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.phone.fail(errAny)
	require.ErrorIs(t, w.try(w.text("/help"), 1), errAny)
}

// Before the work people are told what is known: how much of the day's quota
// is left, and how long it usually takes where earlier jobs tell.
func TestTheFirstAnswerTellsWhatIsKnown(t *testing.T) {
	t.Parallel()

	w := newWorld(t, func(options *chat.Options) {
		tier := transcript.Tier{Daily: 3 * time.Hour}
		options.Tiers = transcript.Tiers{Free: tier, Premium: tier}
	})

	lecture := func() string {
		sent := w.voice()
		sent.Message.Voice.Duration = 1200
		w.do(sent)

		return w.phone.message(0).HTML
	}

	require.Equal(t, "🎧 Pesan suara · 20 menit · 340 kB\n⏳ Sudah kuterima, sebentar ya…\n"+
		"📊 Kuota hari ini: sisa 3 jam dari 3 jam.", lecture())

	done := w.job()
	done.State, done.Result = transcript.Delivered, &transcript.Summary{Blob: "b", Duration: 20 * time.Minute}
	done.UpdatedAt = done.CreatedAt.Add(2 * time.Minute)
	w.put(done)
	w.now.Advance(time.Minute)

	require.Equal(t, "🎧 Pesan suara · 20 menit · 340 kB\n⏳ Sudah kuterima, sebentar ya…\n"+
		"⏱ Biasanya selesai dalam 2 menit, dilihat dari rekamanmu sebelumnya.\n"+
		"📊 Kuota hari ini: sisa 2 jam 40 menit dari 3 jam.", lecture())

	w.now.Advance(time.Minute)
	w.do(w.voice())
	require.NotContains(t, w.phone.message(0).HTML, "Biasanya", "a short one is there at once")
}

// What a person prefers goes with each of their files; a model that is not
// offered any more does not.
func TestPreferencesGoWithEachFile(t *testing.T) {
	t.Parallel()

	models := []string{"groq/a", "deepgram/b", "groq/" + strings.Repeat("x", 60), "c/c", "d/d", "e/e", "f/f", "g/g"}
	w := newWorld(t, func(options *chat.Options) { options.Models = models })
	w.do(w.text("/settings"))

	for _, data := range []string{"spoken:id", "model:deepgram/b", "speakers:on", "along:vtt", "open:model"} {
		w.do(w.tap(w.phone.last, data))
	}

	require.Len(t, w.phone.message(0).Buttons, 4, "six choices and the way back")
	w.do(w.voice())
	require.Equal(t, transcript.Options{Language: "id", Model: "deepgram/b", Speakers: true}, w.job().Options)
	require.Equal(t, transcript.WebVTT, w.job().Along)

	found, err := w.users.Change(t.Context(), demo, ani, func(user *user.User) { user.Preferences.Model = "gone/model" })
	require.NoError(t, err)
	require.Equal(t, "id", found.Preferences.Spoken)
	w.now.Advance(time.Minute)
	w.do(w.voice())
	require.Empty(t, w.job().Options.Model)
	w.do(w.text("/settings"))
	require.Contains(t, w.phone.message(0).HTML, "Model: yang terbaik")
}

// The message that a deletion was asked for below loses its text, too.
func TestDeletionClearsTheCopyItWasAskedBelow(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.do(w.voice())

	job := w.job()
	job.State, job.Result = transcript.Delivered, &transcript.Summary{Blob: "b"}
	w.put(job)

	w.do(w.text("/history"))
	copied := w.phone.last
	w.do(w.tap(copied, "job:delete:"+job.ID))

	ask := w.phone.message(0).Buttons[0][0].Data
	w.do(w.tap(w.phone.last, ask))
	require.Contains(t, w.phone.message(0).HTML, "Sudah dihapus")
	require.Equal(t, "🗑 Transkrip ini sudah dihapus.", w.phone.message(copied).HTML)
	require.Empty(t, w.phone.message(copied).Buttons)
}
