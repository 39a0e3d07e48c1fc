package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	pakasir "github.com/lapak-id/lapak/localstack/pakasir/control"
	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/shared/alert"
	"github.com/lapak-id/lapak/shared/blob"
	"github.com/lapak-id/lapak/shared/clock"
	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/fault"
	"github.com/lapak-id/lapak/shared/health"
	"github.com/lapak-id/lapak/shared/metric"
	"github.com/lapak-id/lapak/shared/store"
	"github.com/lapak-id/lapak/shared/table"
	tablememory "github.com/lapak-id/lapak/shared/table/memory"
	"github.com/lapak-id/lapak/shared/topic"
	topicmemory "github.com/lapak-id/lapak/shared/topic/memory"
	topicsns "github.com/lapak-id/lapak/shared/topic/sns"
)

var updateAlerts = flag.Bool("update", false, "renew "+alertsPage)

// alertsPage is the table of every alert, for people.
const alertsPage = "infra/runbooks/every-alert.md"

// trial is a row of the table of alerts: a fault, and the message that it leads
// to in the owner's chat. infra/alerts_test.go fails while an alert that the
// code can raise has no row.
type trial struct {
	key    string // of the alert, with * for what varies
	fault  string // what is done, in words
	inject func(t *testing.T, at *scene)
	says   string // part of the message
}

// scene is where a fault is injected.
type scene struct {
	stall

	boss  *customer             // its owner
	notes map[string]topic.Note // what health publishes where all is broken, by key
	mend  func()                // ends the fault, where it does not end by itself
}

// trials are all rows. To add one, add it here, run this test with -update, and
// read what has changed on the page.
func trials() []trial {
	return append([]trial{
		{"webhook", "the store is in mode webhook, and its webhook answers errors", brokenWebhook, "gagal mengirim"},
		{"webhook", "Telegram refuses the store's bot token", refusedToken, "menolak token"},
		{"gateway-*", "the payment gateway answers three calls with 503", downGateway, "Pembayaran pakasir gagal"},
		{"held-*", "a buyer pays and has blocked the bot", blockedBuyer, "memblokir bot"},
		{"webhook", "the store is in mode auto, and its webhook answers errors", failingOver, "dijemput"},
		{"*-not-empty", "a message lies in the dead-letter queue of downloads", deadLetter, "Pesan gagal di antrean"},
	}, append(alarmTrials(), healthTrials()...)...)
}

// alarmTrials ring the alarms of CloudWatch. The emulator has no metrics that
// could: what is published is what CloudWatch publishes.
func alarmTrials() []trial {
	ringing := func(end, name, value, limit, says string) trial {
		return trial{
			"*" + end, fmt.Sprintf("alarm `%s%s` rings at %s over %s, published to the topic as CloudWatch does", name, end, value, limit),
			func(t *testing.T, _ *scene) {
				t.Helper()
				ringFor(t, name+end, "ALARM", fmt.Sprintf("Threshold Crossed: 1 datapoint [%s.0 (21/11/26 07:00:00)] was greater than "+
					"the threshold (%s.0).", value, limit), time.Now())
			},
			says,
		}
	}

	return []trial{
		ringing("-depth", "lapak-local-downloads", "73", "50", "menumpuk"),
		ringing("-age", "lapak-local-deliveries", "420", "300", "terlambat"),
		ringing("-not-empty", "lapak-local-payments-dead", "2", "0", "Ada pesan gagal"),
		ringing("-errors", "lapak-local-bot", "12", "5", "sering gagal"),
		ringing("-throttles", "lapak-local-webhook", "9", "0", "ditahan AWS"),
		ringing("-near-timeout", "lapak-local-transcribe", "810000", "720000", "hampir kehabisan waktu"),
		ringing("-memory", "lapak-local-download", "91", "80", "Memori fungsi"),
		ringing("-relay-behind", "lapak-local", "84000", "60000", "Pekerjaan mulai terlambat"),
		ringing("-api-5xx", "lapak-local", "17", "0", "jawaban gagal"),
		ringing("-jobs-failing", "lapak-local", "22", "5", "transkrip gagal"),
	}
}

// healthTrials are what health finds by asking the cloud: a checker of this
// process is given broken parts, and what it publishes goes to the deployed
// topic.
func healthTrials() []trial {
	finding := func(key, fault, says string) trial {
		return trial{
			key, fault + " (health runs in the test, its note goes to the deployed topic)",
			func(t *testing.T, at *scene) {
				t.Helper()

				for found, note := range at.notes {
					if fits(key, found) {
						republish(t, note)

						return
					}
				}

				t.Fatalf("health publishes no %s: %v", key, at.notes)
			},
			says,
		}
	}

	return []trial{
		finding("table-*", "table scratch cannot be read", "Tabel scratch"),
		finding("bucket", "the bucket cannot be listed", "Tempat berkas"),
		finding("backup", "point-in-time recovery is off", "Cadangan data"),
		finding("parameters", "99 of 100 parameters are in use", "Kuota rahasia"),
		finding("concurrency", "990 of 1,000 invocations at once are in use", "Kuota Lambda"),
		finding("speech-*", "the speech provider refuses the key", "Penyedia suara groq"),
		finding("certificate-*", "the certificate of the webhook's host is good for two more days", "Sertifikat api.example.com"),
		finding("log-*", "a function writes gigabytes of log in an hour", "membengkak"),
		finding("*-depth", "999 messages wait in a queue", "menumpuk"),
		finding("*-age", "a message has waited for hours", "terlambat"),
		finding("*-memory", "a function uses 99 % of its memory", "hampir habis"),
	}
}

// fits reports whether a key is one of a pattern's.
func fits(pattern, key string) bool {
	before, behind, varies := strings.Cut(pattern, "*")
	if !varies {
		return pattern == key
	}

	return strings.HasPrefix(key, before) && strings.HasSuffix(key, behind)
}

// Every alert, by the fault that causes it, up to the message in the owner's
// chat. It runs before the parallel tests: what it breaks, they share.
func TestEveryAlertReachesTheOwner(t *testing.T) {
	notes := brokenHealth(t)

	const together = 4 // more new troubles within a minute are one storm

	var (
		at   *scene
		rows []string
	)

	for number, of := range trials() {
		if number%together == 0 {
			at = newScene(t, notes)
		}

		t.Run(strings.ReplaceAll(of.key, "*", "X")+"/"+of.fault[:min(len(of.fault), 40)], func(t *testing.T) {
			at.boss.t, at.mend = t, func() {}
			of.inject(t, at)

			told := at.boss.waitFor(toldWithin, control.Condition{Text: of.says})
			at.mend()

			if !strings.Contains(told.Text, "[") {
				t.Errorf("the message names no store: %q", told.Text)
			}

			rows = append(rows, at.row(of, told))
		})
	}

	writePage(t, rows)
}

func newScene(t *testing.T, notes map[string]topic.Note) *scene {
	t.Helper()

	user, err := people.CreateUser(t.Context(), control.User{FirstName: "Dewi", LanguageCode: "id"})
	if err != nil {
		t.Fatal(err)
	}

	// What the store sells is settled before anybody writes to it: functions
	// remember a store for a minute.
	made := &scene{stall: stock(t, openShopOf(t, user.ID), 1), notes: notes}
	operate(t, "store", "mode", made.ID, "webhook")

	made.boss = made.visitedBy(t, user.ID)
	made.boss.welcomed()

	return made
}

func brokenWebhook(t *testing.T, at *scene) {
	t.Helper()
	at.mend = func() { hook(t, at.shop, cloud.WebhookURL(at.ID)) }

	hook(t, at.shop, cloud.Endpoint+"/nowhere")

	if _, err := at.boss.Text(t.Context(), "/help"); err != nil {
		t.Fatal(err)
	}

	awaitBot(t, at.shop, func(bot control.Bot) bool { return bot.Webhook.Failed > 0 })
	invoke(t, "health", event(t, "health"))
}

// failingOver breaks the webhook of a store that may do without.
func failingOver(t *testing.T, at *scene) {
	t.Helper()
	operate(t, "store", "mode", at.ID, "auto")
	brokenWebhook(t, at)
}

func refusedToken(t *testing.T, at *scene) {
	t.Helper()
	recoveredOf(t, at, "Webhook")

	_, err := people.Fault(t.Context(), control.Fault{
		Bot: at.BotID(), Method: "getWebhookInfo", Kind: "error", Status: http.StatusUnauthorized, Description: "Unauthorized",
	})
	if err != nil {
		t.Fatal(err)
	}

	invoke(t, "health", event(t, "health"))
}

// recoveredOf has health see that a trouble is over, and waits for its owner to
// hear of it.
func recoveredOf(t *testing.T, at *scene, title string) {
	t.Helper()
	invoke(t, "health", event(t, "health"))
	at.boss.wait(control.Condition{Text: title, Edited: true})
}

// downGateway has three people order while the gateway is out of order.
func downGateway(t *testing.T, at *scene) {
	t.Helper()
	recoveredOf(t, at, "Webhook")
	at.restock(t, 1, 3)

	gatewayFaults(t, pakasir.Faults{Outage: true})
	t.Cleanup(func() { gatewayFaults(t, pakasir.Faults{}) }) // other tests pay too

	for range 3 {
		at.visitor(t, "id").ordersWithoutCode(t)
	}
}

func gatewayFaults(t *testing.T, faults pakasir.Faults) {
	t.Helper()

	if err := gatewayControl().SetFaults(context.WithoutCancel(t.Context()), faults); err != nil {
		t.Fatal(err)
	}
}

// ordersWithoutCode orders and chooses QRIS, without waiting for the code.
func (c *customer) ordersWithoutCode(t *testing.T) {
	t.Helper()
	c.taps(c.checkout(), qrisButton)
}

// blockedBuyer pays, after the bot was blocked.
func blockedBuyer(t *testing.T, at *scene) {
	t.Helper()

	buyer := at.visitor(t, "id")
	buyer.orders()

	if err := buyer.Block(t.Context(), true); err != nil {
		t.Fatal(err)
	}

	acts(t, at.bill(t, buyer), pakasir.Pay)
}

// deadLetter lays a message into a dead-letter queue, and takes it away again.
func deadLetter(t *testing.T, _ *scene) {
	t.Helper()

	client, dead := sqs.NewFromConfig(cloud.AWS()), ""

	for url := range strings.SplitSeq(cloud.Outputs["DeadQueueUrls"], ",") {
		if strings.HasSuffix(url, "-downloads-dead") {
			dead = url
		}
	}

	sent := &sqs.SendMessageInput{QueueUrl: aws.String(dead), MessageBody: aws.String("{}")}
	if _, err := client.SendMessage(t.Context(), sent); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		purge := &sqs.PurgeQueueInput{QueueUrl: aws.String(dead)}
		if _, err := client.PurgeQueue(context.WithoutCancel(t.Context()), purge); err != nil {
			t.Fatal(err)
		}
	})
	invoke(t, "health", event(t, "health"))
}

// republish publishes a note to the deployed topic.
func republish(t *testing.T, note topic.Note) {
	t.Helper()

	alerts := topicsns.New(sns.NewFromConfig(cloud.AWS()), cloud.Outputs["AlertsTopicArn"])
	if err := alerts.Publish(t.Context(), note); err != nil {
		t.Fatal(err)
	}
}

// row is a line of the page.
func (s *scene) row(of trial, told control.Message) string {
	text := strings.NewReplacer(s.Name, "Toko Kopi", "\n", "<br>", "|", "\\|").Replace(told.Text)
	for _, varies := range []struct{ pattern, as string }{
		{`\d{1,2} [A-Z][a-z]{2} \d\d\.\d\d`, "21 Nov 14.02"},
		{`#LP-[0-9A-Z]+`, "#LP-8F3K"},
		{`\(\d{6,}\)`, "(1001)"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:4566"},
	} {
		text = regexp.MustCompile(varies.pattern).ReplaceAllString(text, varies.as)
	}

	return fmt.Sprintf("| `%s` | %s | %s |", of.key, of.fault, text)
}

// toldWithin is how long a trial waits for its message: a function that died
// may hold it up for a minute.
const toldWithin = 2 * time.Minute

// writePage writes the table for people, and holds the copy that is kept to it.
func writePage(t *testing.T, rows []string) {
	t.Helper()

	page := "# Every alert\n\nEach row is a fault that a test injects (`tests/stack/alerts_test.go`) and the message that " +
		"arrives in the chat of\nan owner who speaks Indonesian. Names, times and numbers of orders are made alike. " +
		"A `*` stands for what varies.\n\n" +
		"| alert | fault | message |\n|---|---|---|\n" + strings.Join(rows, "\n") + "\n"

	for _, path := range []string{filepath.Join(root, ".build", "every-alert.md"), filepath.Join(root, alertsPage)} {
		if path == filepath.Join(root, alertsPage) && !*updateAlerts {
			continue
		}

		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}

		if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	kept, err := os.ReadFile(filepath.Join(root, alertsPage))
	if err != nil {
		t.Fatal(err)
	}

	if !t.Failed() && string(kept) != page {
		t.Errorf("%s is not what was told now (.build/every-alert.md): run this test with -update and read the change", alertsPage)
	}
}

// brokenHealth gives what health publishes where everything that it asks the
// cloud about is broken, by the alert's key.
func brokenHealth(t *testing.T) map[string]topic.Note {
	t.Helper()

	now := clock.NewManual(time.Now())
	state, alerts := tablememory.New(now, fault.None{}), topicmemory.New(now, fault.None{})
	stores := store.NewRegistry(state, now)

	if err := stores.Save(t.Context(), store.Store{ID: "kopi", Name: "Toko Kopi", TimeZone: store.DefaultTimeZone}); err != nil {
		t.Fatal(err)
	}

	var broken brokenCloud

	checker := health.New(health.Options{
		State: state, Scratch: brokenTable{}, Stores: stores, Bots: broken, Bucket: broken,
		Queues: map[string]health.Queue{"lapak-local-downloads": broken}, Speech: broken, Certificates: broken, Cloud: broken,
		Functions: []string{"lapak-local-bot"}, Namespace: "Lapak/local", Thresholds: health.DefaultThresholds(), Alerts: alerts,
		Metrics: metric.New(&bytes.Buffer{}, now), Clock: now,
	})

	found := map[string]topic.Note{}

	for range 2 { // doubtful trouble counts when it is found again
		if err := checker.Check(t.Context()); err != nil {
			t.Fatal(err)
		}

		for _, note := range alerts.Take() {
			var told alert.Alert
			if err := json.Unmarshal(note.Body, &told); err != nil {
				t.Fatal(err)
			}

			found[told.Key] = note
		}

		now.Advance(2 * time.Hour)
	}

	return found
}

// brokenTable is a table that cannot be read.
type brokenTable struct{ table.Table }

func (brokenTable) Get(context.Context, table.Key) (table.Row, error) {
	return table.Row{}, errs.New(errs.Unavailable, "the table is throttled")
}

// brokenCloud is everything else that health asks, broken.
type brokenCloud struct{}

func (brokenCloud) Webhook(context.Context, string) (health.Webhook, error) {
	return health.Webhook{URL: "https://api.example.com/telegram/kopi"}, nil
}

func (brokenCloud) List(context.Context, string, string, int) (blob.Page, error) {
	return blob.Page{}, errs.New(errs.Unavailable, "the bucket does not answer")
}

func (brokenCloud) Depth(context.Context) (int, error) { return 999, nil }

func (brokenCloud) Names() []string { return []string{"groq"} }

func (brokenCloud) Probe(context.Context, string) error {
	return errs.New(errs.Unauthorized, "the key is refused")
}

func (brokenCloud) Expires(context.Context, string) (time.Time, error) {
	return time.Now().Add(50 * time.Hour), nil
}

func (brokenCloud) Restorable(context.Context) (time.Time, error) { return time.Time{}, nil }

func (brokenCloud) Concurrency(context.Context) (int, error) { return 1000, nil }

func (brokenCloud) Parameters(context.Context) (int, int, error) { return 99, 100, nil }

// Metrics gives large values: percents of memory, the concurrency, seconds of
// age and bytes of log.
func (brokenCloud) Metrics(_ context.Context, series []health.Metric) (map[health.Metric]float64, error) {
	values := map[health.Metric]float64{}

	for _, of := range series {
		switch of.Name {
		case "MemoryUsedPercent":
			values[of] = 99
		case "ConcurrentExecutions":
			values[of] = 990
		case "IncomingBytes":
			values[of] = 5e9
		default:
			values[of] = 9999
		}
	}

	return values, nil
}
