// Package pakasir_test holds the Pakasir simulator against what is known of
// Pakasir's API v2: the calls, their fields, limits and fees, written down here
// once more, from its clients and not from the simulator.
package pakasir_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lapak-id/lapak/localstack/pakasir"
	"github.com/lapak-id/lapak/localstack/pakasir/control"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop")) // of http.DefaultClient
}

const (
	key    = "project-key"
	secret = "project-webhook-secret"
)

// api is the simulator as a client sees it.
type api struct {
	*testing.T

	address string
	control *control.Client
}

func newAPI(t *testing.T, retries []time.Duration) api {
	t.Helper()

	simulated, err := pakasir.New(pakasir.Options{Retries: retries})
	require.NoError(t, err)

	server := httptest.NewServer(simulated)
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, simulated.Close())
	})

	made := api{t, server.URL, control.New(server.URL)}
	made.project("")

	return made
}

func (a api) project(callback string) {
	a.Helper()
	require.NoError(a, a.control.SetProject(a.Context(), control.Project{
		Slug: "toko", Name: "Toko Kopi", Key: key, Secret: secret, Callback: callback,
	}))
}

// call makes a call with the project's key, and gives the status and the
// answer.
func (a api) call(method, path, body string) (int, map[string]any) {
	a.Helper()

	return a.callWith(method, path, body, map[string]string{"X-Api-Key": key})
}

func (a api) callWith(method, path, body string, headers map[string]string) (int, map[string]any) {
	a.Helper()

	request, err := http.NewRequestWithContext(a.Context(), method, a.address+path, strings.NewReader(body))
	require.NoError(a, err)

	for name, value := range headers {
		request.Header.Set(name, value)
	}

	response, err := http.DefaultClient.Do(request)
	require.NoError(a, err)

	defer response.Body.Close()

	text, err := io.ReadAll(response.Body)
	require.NoError(a, err)

	var answer map[string]any
	require.NoError(a, json.Unmarshal(text, &answer), "%s", text)

	return response.StatusCode, answer
}

// create makes a transaction of 49,000 rupiah for an order, and gives its answer.
func (a api) create(order, method string) map[string]any {
	a.Helper()

	status, answer := a.call(http.MethodPost, "/api/v2/create-transaction/toko/"+order, fmt.Sprintf(`{"method":%q,"amount":49000}`, method))
	require.Equal(a, 200, status, answer)

	return answer
}

func (a api) status(transaction any) (int, map[string]any) {
	a.Helper()

	return a.call(http.MethodGet, fmt.Sprintf("/api/v2/transaction-status/toko/%v", transaction), "")
}

func names(of map[string]any) []string { return slices.Sorted(maps.Keys(of)) }

func TestCreate(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	made := a.create("LP-A-1", "qris")
	assert.Equal(t, []string{
		"amount", "completed_at", "expired_at", "fee", "is_sandbox", "order_id", "payment_method", "project", "qr_string", "status",
		"total_payment", "txn_id", "va_number",
	}, names(made))
	assert.Equal(t, "toko", made["project"])
	assert.Equal(t, "LP-A-1", made["order_id"])
	assert.InDelta(t, 49_000, made["amount"], 0)
	assert.InDelta(t, 653, made["fee"], 0)
	assert.InDelta(t, 49_653, made["total_payment"], 0)
	assert.Equal(t, "pending", made["status"])
	assert.Equal(t, false, made["is_sandbox"])
	assert.Nil(t, made["completed_at"])

	until, err := time.Parse(time.RFC3339, fmt.Sprint(made["expired_at"]))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(24*time.Hour), until, time.Minute)

	assert.Equal(t, made, a.create("LP-A-1", "qris"), "find or create")
	assert.NotEqual(t, made["txn_id"], a.create("LP-B-1", "qris")["txn_id"])

	account := a.create("LP-A-1", "bri_va")
	assert.InDelta(t, 3500, account["fee"], 0)
	assert.NotEmpty(t, account["va_number"])

	link := a.create("LP-A-1", "payment_link")
	assert.Equal(t, []string{"payment_link", "txn_id"}, names(link))
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	create := "/api/v2/create-transaction/toko/LP-A-1"

	for body, want := range map[string]int{
		`{"method":"qris","amount":500}`: 200, `{"method":"qris","amount":499}`: 400,
		`{"method":"qris","amount":10000000}`: 200, `{"method":"qris","amount":10000001}`: 400,
		`{"method":"payment_link","amount":500}`: 200, `{"method":"payment_link","amount":50000001}`: 400,
		`{"method":"bri_va","amount":10000}`: 200, `{"method":"bri_va","amount":9999}`: 400,
		`{"method":"sampoerna_va","amount":50000000}`: 200, `{"method":"sampoerna_va","amount":50000001}`: 400,
		`{"method":"gopay","amount":10000}`: 400, `{"method":"qris","amount":"500"}`: 400, `{"method":"qris","amount":-1}`: 400, `x`: 400,
	} {
		status, _ := a.call(http.MethodPost, create, body)
		assert.Equal(t, want, status, body)
	}

	for _, headers := range []map[string]string{{}, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer " + key}} {
		status, _ := a.callWith(http.MethodPost, create, `{"method":"qris","amount":500}`, headers)
		assert.Equal(t, 401, status, headers)
	}

	status, _ := a.status("nobody")
	assert.Equal(t, 404, status)
}

func TestFeesArePublic(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)

	for amount, qris := range map[int]float64{49_000: 653, 500: 314, 100_000: 1010, 100_001: 1011} {
		status, fees := a.callWith(http.MethodGet, "/api/v2/payment-fee/"+strconv.Itoa(amount), "", nil)
		assert.Equal(t, 200, status)
		assert.InDelta(t, qris, fees["qris"], 0, amount)
		assert.InDelta(t, 3500, fees["bri_va"], 0)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	made := a.create("LP-A-1", "qris")

	status, said := a.status(made["txn_id"])
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"amount", "completed_at", "is_sandbox", "order_id", "status", "txn_id"}, names(said))
	assert.Equal(t, "pending", said["status"])

	status, _ = a.status(made["txn_id"])
	assert.Equal(t, 429, status, "at most once in 4 seconds")

	require.NoError(t, a.control.Act(t.Context(), fmt.Sprint(made["txn_id"]), control.Pay))
	require.NoError(t, a.control.Advance(t.Context(), 4*time.Second))

	_, said = a.status(made["txn_id"])
	assert.Equal(t, "completed", said["status"])
	assert.InDelta(t, 49_000, said["amount"], 0, "without the fee")
	assert.NotEmpty(t, said["completed_at"])
}

func TestCancelAndTheEndOfADay(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	first, second := a.create("LP-A-1", "qris"), a.create("LP-B-1", "qris")

	status, _ := a.call(http.MethodPost, fmt.Sprintf("/api/v2/cancel-transaction/toko/%v", first["txn_id"]), "{}")
	assert.Equal(t, 200, status)

	_, said := a.status(first["txn_id"])
	assert.Equal(t, "canceled", said["status"])

	require.NoError(t, a.control.Advance(t.Context(), 24*time.Hour))

	_, said = a.status(second["txn_id"])
	assert.Equal(t, "canceled", said["status"], "what is not paid within a day cancels itself")
}

// The text of a QR code is EMVCo's: data objects of id, length and value, the
// last of them a CRC over all the rest.
func TestTheCodeIsQRIS(t *testing.T) {
	t.Parallel()

	text, _ := newAPI(t, nil).create("LP-A-1", "qris")["qr_string"].(string)
	fields := map[string]string{}

	for rest := text; rest != ""; {
		length, err := strconv.Atoi(rest[2:4])
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(rest), 4+length)

		fields[rest[:2]], rest = rest[4:4+length], rest[4+length:]
	}

	for id, want := range map[string]string{"00": "01", "01": "12", "53": "360", "54": "49653", "58": "ID", "59": "TOKO KOPI"} {
		assert.Equal(t, want, fields[id], id)
	}

	assert.Contains(t, fields["26"], "ID.CO.QRIS.WWW")
	assert.Equal(t, fields["63"], crc(text[:len(text)-4]))
	assert.Equal(t, "29B1", crc("123456789"), "the check value of CRC-16/IBM-3740")
}

// crc computes it bit by bit, as EMVCo describes it.
func crc(text string) string {
	sum := 0xFFFF

	for _, char := range []byte(text) {
		for bit := 7; bit >= 0; bit-- {
			in := int(char>>bit) & 1
			out := sum >> 15 & 1
			sum = sum << 1 & 0xFFFF

			if in != out {
				sum ^= 0x1021
			}
		}
	}

	return fmt.Sprintf("%04X", sum)
}

// notification is one that a store was sent.
type notification struct {
	secret string
	body   map[string]any
}

// shop takes notifications, and answers with the statuses given, then 200.
func (a api) shop(statuses ...int) chan notification {
	a.Helper()

	sent := make(chan notification, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		assert.NoError(a, json.NewDecoder(r.Body).Decode(&body))

		sent <- notification{r.Header.Get("X-Secret"), body}

		if count := len(sent); count <= len(statuses) {
			w.WriteHeader(statuses[count-1])
		}
	}))
	a.Cleanup(server.Close)
	a.project(server.URL)

	return sent
}

func (a api) act(made map[string]any, action control.Action) {
	a.Helper()

	transaction, _ := made["txn_id"].(string)
	require.NoError(a, a.control.Act(a.Context(), transaction, action))
	require.NoError(a, a.control.Idle(a.Context()))
}

func TestNotifications(t *testing.T) {
	t.Parallel()

	quick := []time.Duration{time.Millisecond, time.Millisecond, time.Millisecond}
	a := newAPI(t, quick)
	sent := a.shop(503, 500)
	made := a.create("LP-A-1", "qris")

	a.act(made, control.Pay)
	require.Len(t, sent, 3, "until it is accepted")

	first := <-sent
	assert.Equal(t, secret, first.secret)
	assert.Equal(t, []string{"amount", "completed_at", "is_sandbox", "order_id", "status", "txn_id"}, names(first.body))
	assert.Equal(t, made["txn_id"], first.body["txn_id"])
	assert.InDelta(t, 49_000, first.body["amount"], 0, "without the fee")
	assert.Equal(t, "completed", first.body["status"])

	refusing := newAPI(t, quick)
	never := refusing.shop(500, 500, 500, 500, 500, 500)

	refusing.act(refusing.create("LP-A-1", "qris"), control.Pay)
	assert.Len(t, never, 4, "and not for ever")
}

// What v1 had for tests.
func TestPaymentSimulation(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	sent := a.shop()
	a.create("LP-A-1", "qris")

	for body, want := range map[string]int{
		`{"project":"toko","order_id":"LP-A-1","amount":49000,"api_key":"wrong"}`:        401,
		`{"project":"toko","order_id":"LP-A-1","amount":1,"api_key":"project-key"}`:      404,
		`{"project":"toko","order_id":"LP-NO-1","amount":49000,"api_key":"project-key"}`: 404,
	} {
		status, _ := a.callWith(http.MethodPost, "/api/paymentsimulation", body, nil)
		assert.Equal(t, want, status, body)
	}

	status, _ := a.callWith(http.MethodPost, "/api/paymentsimulation",
		`{"project":"toko","order_id":"LP-A-1","amount":49000,"api_key":"project-key"}`, nil)
	assert.Equal(t, 200, status)
	require.NoError(t, a.control.Idle(t.Context()))
	assert.Len(t, sent, 1)
}

// What a payer, or the world, may do.
func TestActions(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	sent := a.shop()
	said := func(made map[string]any) map[string]any {
		require.NoError(t, a.control.Advance(t.Context(), 4*time.Second))
		_, answer := a.status(made["txn_id"])

		return answer
	}

	wrong := a.create("LP-WRONG-1", "qris")
	a.act(wrong, control.Wrong)
	assert.InDelta(t, 48_000, (<-sent).body["amount"], 0)
	assert.InDelta(t, 48_000, said(wrong)["amount"], 0)

	fail := a.create("LP-FAIL-1", "qris")
	a.act(fail, control.Fail)
	assert.Equal(t, "canceled", (<-sent).body["status"])

	late := a.create("LP-LATE-1", "qris")
	a.act(late, control.Late)
	assert.Equal(t, "pending", said(late)["status"])

	status, _ := a.call(http.MethodPost, fmt.Sprintf("/api/v2/cancel-transaction/toko/%v", late["txn_id"]), "{}")
	assert.Equal(t, 200, status)
	assert.Equal(t, "completed", (<-sent).body["status"])
	assert.Equal(t, "completed", said(late)["status"], "the payment was on its way")

	twice := a.create("LP-TWICE-1", "qris")
	a.act(twice, control.Twice)

	first, second := <-sent, <-sent
	assert.NotEqual(t, first.body["txn_id"], second.body["txn_id"])
	assert.Equal(t, first.body["order_id"], second.body["order_id"])

	lie := a.create("LP-LIE-1", "qris")
	a.act(lie, control.Announce)
	assert.Equal(t, "completed", (<-sent).body["status"])
	assert.Equal(t, "pending", said(lie)["status"])

	transaction, _ := wrong["txn_id"].(string)
	require.Error(t, a.control.Act(t.Context(), transaction, control.Pay), "it is past that")
}

// The pay page works without scripts and without anybody else's server.
func TestThePayPage(t *testing.T) {
	t.Parallel()

	a := newAPI(t, nil)
	made := a.create("LP-A-1", "qris")
	read := func(path string) (string, string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.address+path, http.NoBody)
		require.NoError(t, err)

		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)

		defer response.Body.Close()

		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)

		return string(text), response.Header.Get("Content-Type")
	}
	path := fmt.Sprintf("/pay/%v", made["txn_id"])

	page, kind := read(path)
	assert.Contains(t, kind, "text/html")

	for _, shown := range []string{"Rp49.653", "LP-A-1", path + "/pay", path + "/fail", path + "/late", path + "/twice", path + "/wrong"} {
		assert.Contains(t, page, shown)
	}

	for _, foreign := range []string{"http://", "https://", "<script", "//cdn"} {
		assert.NotContains(t, page, foreign)
	}

	picture, kind := read(path + "/qr.png")
	assert.Equal(t, "image/png", kind)
	assert.True(t, strings.HasPrefix(picture, "\x89PNG"))

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.address+path+"/pay", http.NoBody)
	require.NoError(t, err)

	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, path, response.Request.URL.Path, "back to the page")

	page, _ = read(path)
	assert.Contains(t, page, "completed")

	list, _ := read("/")
	assert.Contains(t, list, path)
}

// A simulator keeps what it knows for the next run.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()

	for run := range 2 {
		simulated, err := pakasir.New(pakasir.Options{State: folder})
		require.NoError(t, err)

		server := httptest.NewServer(simulated)
		a := api{t, server.URL, control.New(server.URL)}

		if run == 0 {
			a.project("")
			a.create("LP-A-1", "qris")
			require.NoError(t, a.control.SetFaults(t.Context(), control.Faults{Outage: true}))
		}

		found, err := a.control.Of(t.Context(), "LP-A-1")
		require.NoError(t, err)
		require.Len(t, found, 1)

		if run == 1 {
			assert.Equal(t, found[0].ID, a.create("LP-A-1", "qris")["txn_id"], "and its faults are over")
		}

		server.Close()
		require.NoError(t, simulated.Close())
	}
}
