package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/control"
)

// apiError is an error answer of the Bot API, in Telegram's words.
type apiError struct {
	Status     int
	Text       string
	Parameters object
}

func (e *apiError) Error() string { return e.Text }

func badRequest(format string, args ...any) error {
	return &apiError{Status: http.StatusBadRequest, Text: "Bad Request: " + fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) error {
	return &apiError{Status: http.StatusForbidden, Text: "Forbidden: " + fmt.Sprintf(format, args...)}
}

func conflict(text string) error {
	return &apiError{Status: http.StatusConflict, Text: "Conflict: " + text}
}

// call is one call of the Bot API. Its method runs with the lock held.
type call struct {
	*Server
	params

	ctx    context.Context //nolint:containedctx // It belongs to one request and does not outlive it.
	bot    *bot
	method string
}

// serveMethod answers /bot<token>/<method>.
func (s *Server) serveMethod(w http.ResponseWriter, r *http.Request, token, called string) {
	began := time.Now()

	b, err := s.botByToken(token)
	if err != nil {
		writeRefusal(w, err)

		return
	}

	method, simulated := s.table.Exists(called)
	entry := control.Call{Time: s.opts.Now().UnixMilli(), Bot: b.ID, Method: method}

	if method == "" {
		entry.Method = called
	}

	s.mu.Lock()
	fault := s.takeFault(b.ID, entry.Method)
	s.mu.Unlock()

	p, readErr := s.readParams(w, r, method)
	entry.Params, entry.Problems = p.logged(), p.problems

	result, err := s.spoil(r.Context(), fault)

	switch {
	case err != nil:
	case readErr != nil:
		err = readErr
	case method == "":
		err = &apiError{Status: http.StatusNotFound, Text: "Not Found"}
	case !simulated:
		err = &apiError{Status: http.StatusNotFound, Text: "Not Found: the simulator does not have the method " + method}
	default:
		result, err = s.run(r.Context(), b, method, p)
	}

	status, body := response(result, err)
	s.answer(w, began, entry, fault, status, body)
}

// answer logs a call and writes its answer, unless a fault spoils it.
func (s *Server) answer(
	w http.ResponseWriter, began time.Time, entry control.Call, fault *control.Fault, status int, body []byte,
) {
	dropped := fault != nil && (fault.Kind == faultDropBefore || fault.Kind == faultDropAfter)

	entry.Status, entry.TookMS = status, time.Since(began).Milliseconds()
	if dropped {
		entry.Status = 0
	} else {
		entry.Response = body
	}

	if fault != nil {
		entry.Fault = fault.ID
	}

	s.mu.Lock()
	s.logCall(entry)
	s.mu.Unlock()

	if dropped {
		panic(http.ErrAbortHandler) // Ends the connection without an answer.
	}

	if fault != nil && fault.Kind == faultGarbage {
		status, body = http.StatusOK, []byte("<html><body>garbage</body></html>")
	}

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))

	cut := fault != nil && fault.Kind == faultCut
	if cut {
		body = body[:len(body)/2]
	}

	w.WriteHeader(status)

	if _, err := w.Write(body); err != nil || cut {
		panic(http.ErrAbortHandler)
	}
}

// The kinds of faults.
const (
	faultError      = "error"
	faultDropBefore = "drop_before"
	faultDropAfter  = "drop_after"
	faultGarbage    = "garbage"
	faultCut        = "cut"
	faultDelay      = "delay"
)

// spoil does what a fault does before the call has an effect.
func (s *Server) spoil(ctx context.Context, fault *control.Fault) (any, error) {
	if fault == nil {
		return nil, nil //nolint:nilnil // No fault, no answer yet.
	}

	if fault.DelayMS > 0 {
		delay := time.NewTimer(time.Duration(fault.DelayMS) * time.Millisecond)
		defer delay.Stop()

		select {
		case <-delay.C:
		case <-ctx.Done():
		case <-s.done.Done():
		}
	}

	switch {
	case fault.Kind == faultDropBefore:
		return nil, &apiError{Status: http.StatusInternalServerError, Text: "dropped"}
	case fault.Kind != faultError:
		return nil, nil //nolint:nilnil // The call takes effect.
	case fault.Status == http.StatusTooManyRequests:
		return nil, tooManyRequests(max(1, fault.RetryAfter))
	default:
		status := fault.Status
		if status == 0 {
			status = http.StatusInternalServerError
		}

		text := fault.Description
		if text == "" {
			text = http.StatusText(status)
		}

		return nil, &apiError{Status: status, Text: text}
	}
}

func (s *Server) logCall(entry control.Call) {
	if entry.Method == "getUpdates" && entry.Status == http.StatusOK && string(entry.Response) == `{"ok":true,"result":[]}` {
		return // Long polls that brought nothing would hide everything else.
	}

	entry.Seq = s.world.Seq + 1
	s.event("call", "", entry)
	s.calls = trimmed(append(s.calls, entry))
}

func (s *Server) botByToken(token string) (*bot, error) {
	id, secret, colon := strings.Cut(token, ":")
	botID, number := parseID(id)

	if !colon || !number || secret == "" {
		return nil, &apiError{Status: http.StatusNotFound, Text: "Not Found"}
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	b := s.world.Bots[botID]
	if b == nil || b.Token != token {
		return nil, &apiError{Status: http.StatusUnauthorized, Text: "Unauthorized"}
	}

	return b, nil
}

// run runs a method with parameters that were read.
func (s *Server) run(ctx context.Context, b *bot, method string, p params) (any, error) {
	if err := s.checkParams(method, &p); err != nil {
		return nil, err
	}

	if err := s.fetchURLs(ctx, method, &p); err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	// The bot may have been removed meanwhile.
	if s.world.Bots[b.ID] != b {
		return nil, &apiError{Status: http.StatusUnauthorized, Text: "Unauthorized"}
	}

	current := &call{Server: s, params: p, ctx: ctx, bot: b, method: method}

	return current.dispatch() //nolint:contextcheck // Pushes to a webhook go on after the call that set it.
}

// dispatch runs the method. It is a switch rather than a table so that every
// method of the description is seen to be there; a test calls each.
//
//nolint:cyclop,funlen,gocyclo // One line a method.
func (c *call) dispatch() (any, error) {
	switch c.method {
	case "getMe":
		return c.getMe()
	case "logOut", "close":
		return true, nil
	case "getUpdates":
		return c.getUpdates()
	case "setWebhook":
		return c.setWebhook()
	case "deleteWebhook":
		return c.deleteWebhook()
	case "getWebhookInfo":
		return c.getWebhookInfo()
	case "sendMessage":
		return c.sendMessage()
	case "sendPhoto", "sendAudio", "sendDocument", "sendVideo", "sendAnimation", "sendVoice", "sendVideoNote", "sendSticker":
		return c.sendMedia()
	case "sendMediaGroup":
		return c.sendMediaGroup()
	case "sendLocation":
		return c.sendLocation()
	case "sendContact":
		return c.sendContact()
	case "sendChatAction":
		return c.sendChatAction()
	case "sendInvoice":
		return c.sendInvoice()
	case "forwardMessage", "copyMessage":
		return c.repeatMessage()
	case "forwardMessages", "copyMessages":
		return c.repeatMessages()
	case "editMessageText", "editMessageCaption", "editMessageMedia", "editMessageReplyMarkup":
		return c.editMessage()
	case "deleteMessage", "deleteMessages":
		return c.deleteMessages()
	case "setMessageReaction":
		return c.setMessageReaction()
	case "pinChatMessage", "unpinChatMessage", "unpinAllChatMessages":
		return c.pin()
	case "answerCallbackQuery":
		return c.answerCallbackQuery()
	case "answerPreCheckoutQuery", "answerShippingQuery":
		return c.answerCheckout()
	case "answerInlineQuery", "answerWebAppQuery":
		// Nobody here can ask inline, so no such query is ever open.
		return nil, errOldQuery()
	case "createInvoiceLink":
		return c.createInvoiceLink()
	case "refundStarPayment":
		return c.refundStarPayment()
	case "getMyStarBalance":
		return object{"amount": c.bot.Stars}, nil
	case "getStarTransactions":
		return c.getStarTransactions()
	case "getFile":
		return c.getFile()
	case "getUserProfilePhotos":
		return object{"total_count": 0, "photos": []any{}}, nil
	case "getChat":
		return c.getChat()
	case "getChatMember":
		return c.getChatMember()
	case "getChatAdministrators":
		return c.getChatAdministrators()
	case "getChatMemberCount":
		return c.getChatMemberCount()
	case "banChatMember", "unbanChatMember":
		return c.banChatMember()
	case "leaveChat":
		return c.leaveChat()
	case "exportChatInviteLink", "createChatInviteLink":
		return c.inviteLink()
	case "setMyCommands", "deleteMyCommands", "getMyCommands":
		return c.myCommands()
	case "setMyName", "setMyDescription", "setMyShortDescription":
		return c.setMyText()
	case "getMyName", "getMyDescription", "getMyShortDescription":
		return c.getMyText()
	case "setChatMenuButton", "getChatMenuButton":
		return c.chatMenuButton()
	default:
		return nil, &apiError{Status: http.StatusNotFound, Text: "Not Found: the simulator does not run " + c.method}
	}
}

// responseBody is an answer of the Bot API, in the order of Telegram's.
type responseBody struct {
	OK          bool   `json:"ok"`
	Result      any    `json:"result,omitempty"`
	ErrorCode   int    `json:"error_code,omitempty"`
	Description string `json:"description,omitempty"`
	Parameters  object `json:"parameters,omitempty"`
}

// response writes what the Bot API answers, as status and body.
func response(result any, err error) (int, []byte) {
	if err == nil {
		return http.StatusOK, rawJSON(responseBody{OK: true, Result: result})
	}

	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{Status: http.StatusInternalServerError, Text: "Internal Server Error: " + err.Error()}
	}

	return known.Status, rawJSON(responseBody{ErrorCode: known.Status, Description: known.Text, Parameters: known.Parameters})
}

func writeRefusal(w http.ResponseWriter, err error) {
	status, body := response(nil, err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	if _, err := w.Write(body); err != nil {
		panic(http.ErrAbortHandler) // The caller is gone.
	}
}
