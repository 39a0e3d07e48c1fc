package chat

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mymmrac/telego"

	"github.com/lapak-id/lapak/shared/errs"
	"github.com/lapak-id/lapak/shared/message"
	"github.com/lapak-id/lapak/shared/user"
)

// form is something that staff fill in step by step: one question after the
// other, each answer checked, then all of it once more before it is saved. What
// was answered lies in the session, so that it survives every restart.
type form struct {
	name  string
	may   user.Permission
	title string // key: what is being filled in
	// direct forms are done with their last answer, without a summary.
	direct bool
	// button is what the button below the summary says, a key; empty: that it is saved.
	button string
	// fields are the questions, in their order; those behind one may depend on its answer.
	fields func(f filling) []field
	// save does it and tells what was done. An error with a sentence leaves the
	// person at the summary, to change what it tells of.
	save func(c *Chat, ctx context.Context, r *request, f filling) (message.Text, error)
}

// field is one question of a form.
type field struct {
	name     string
	label    string          // key
	ask      string          // key
	may      user.Permission // beside the form's; empty: no other
	optional bool            // may be empty
	once     bool            // not to be changed at the summary: the questions behind depend on it
	media    bool            // videos and music are answers too, and no recordings to transcribe
	// offered gives the answers that are buttons; nil: none.
	offered func(ctx context.Context, c *Chat, r *request) ([]option, error)
	// read makes a value of what the person wrote or sent, or says what is wrong
	// with it; nil: only the buttons answer.
	read reader
	// shown writes a value for people; nil: as it is.
	shown func(r *request, value string) string
}

// option is an answer that is a button: at most 40 bytes of value.
type option struct{ value, label string }

// input is what a person wrote or sent as an answer.
type input struct {
	text  string
	photo string // file_id
	file  *telego.Document
	from  int64 // whose message was forwarded; 0: nobody's, or they hide it
	now   time.Time
	whole *telego.Message
}

// reader reads an answer. wrong is a text of its own, not a key; empty: it is fine.
type reader func(r *request, given input) (value, wrong string)

// filling is a form that is being filled in.
type filling struct {
	Form    string            `json:"form"`
	From    string            `json:"from,omitempty"` // the duty that it is left to; empty: the home of staff
	At      int               `json:"at"`             // the question; behind the last one: the summary
	Back    bool              `json:"back,omitempty"` // to the summary with the next answer
	Message int               `json:"message,omitempty"`
	About   map[string]string `json:"about,omitempty"` // what is changed: ids, versions
	Values  map[string]string `json:"values"`
	Labels  map[string]string `json:"labels,omitempty"` // of values that were buttons
}

// awaitForm is the kind of the questions of forms.
const awaitForm = "form"

// tapForm begins what the buttons of forms say: "form:ACTION:QUESTION" and,
// behind a colon, what was chosen. A button of another question than the
// present one only shows that one again.
const tapForm = "form:"

// The actions of forms.
const (
	formPick   = "pick"
	formSkip   = "skip"
	formBack   = "back"
	formLast   = "last" // to the summary
	formChange = "change"
	formSave   = "save"
	formCancel = "cancel"
)

// begin starts a form; whatever was asked before is forgotten.
func (c *Chat) begin(ctx context.Context, r *request, f filling) error {
	of, ok := formOf(f.Form)
	if !ok || !r.role.May(of.may) {
		return c.unknown(ctx, r)
	}

	if f.Values == nil {
		f.Values = map[string]string{}
	}

	return c.question(ctx, r, of, f, "")
}

func formOf(name string) (form, bool) {
	for _, one := range forms() {
		if one.name == name {
			return one, true
		}
	}

	return form{}, false
}

// filled gives the form that the person is at, with its present question; false
// where there is none, or they may not any more.
func (c *Chat) filled(r *request) (form, filling, bool) {
	asked := r.session.Await
	if asked == nil || asked.Kind != awaitForm || !c.Clock.Now().Before(asked.Until) {
		return form{}, filling{}, false
	}

	var f filling
	if err := json.Unmarshal([]byte(asked.Fields[awaitForm]), &f); err != nil {
		slog.Error("a form in a session cannot be read", "error", err)

		return form{}, filling{}, false
	}

	of, ok := formOf(f.Form)
	if !ok || !r.role.May(of.may) || f.At < 0 {
		return form{}, filling{}, false
	}

	f.At = min(f.At, len(of.questions(r, f)))

	return of, f, true
}

// questions are those that the person may answer.
func (of form) questions(r *request, f filling) []field {
	return slices.DeleteFunc(of.fields(f), func(one field) bool { return one.may != "" && !r.role.May(one.may) })
}

// answerForm takes what a person wrote or sent as the answer to the present question.
func (c *Chat) answerForm(ctx context.Context, r *request) error {
	of, f, ok := c.filled(r)
	if !ok {
		r.settled()

		return c.guide(ctx, r, r.words.html("unknown.text", nil))
	}

	asked := of.questions(r, f)
	if f.At == len(asked) {
		f = c.answered(ctx, r, f, r.words.html("form.summed", nil))

		return c.question(ctx, r, of, f, r.words.html("form.tap", nil))
	}

	one := asked[f.At]
	if one.read == nil {
		return c.question(ctx, r, of, f, r.words.html("form.tap", nil))
	}

	given := input{
		text: strings.TrimSpace(r.message.Text), photo: pictureOf(r.message), file: r.message.Document,
		from: forwardedFrom(r.message), now: c.Clock.Now(), whole: r.message,
	}

	value, wrong := one.read(r, given)
	if wrong != "" {
		return c.question(ctx, r, of, f, wrong)
	}

	f = f.with(one, value, "")
	f = c.answered(ctx, r, f, r.words.line(r, one, f))

	return c.question(ctx, r, of, f.next(len(asked)), "")
}

// answered takes the buttons off the question that was answered and puts the
// answer in its place, so that nothing above the present question can be tapped.
func (c *Chat) answered(ctx context.Context, r *request, f filling, html string) filling {
	if f.Message == 0 {
		return f
	}

	to := r.here()
	to.Message = f.Message

	if err := c.Messenger.Edit(ctx, to, message.Text{HTML: html}); err != nil {
		slog.InfoContext(ctx, "an answered question keeps its buttons", "error", err)
	}

	f.Message = 0

	return f
}

// with gives the filling with an answer.
func (f filling) with(one field, value, label string) filling {
	f.Values[one.name] = value
	delete(f.Labels, one.name)

	if label != "" {
		if f.Labels == nil {
			f.Labels = map[string]string{}
		}

		f.Labels[one.name] = label
	}

	return f
}

// next gives the filling at the question behind, or at the summary where it
// came from there; count is how many questions there were.
func (f filling) next(count int) filling {
	f.At++
	if f.Back {
		f.At, f.Back = count, false
	}

	return f
}

// summarised reports whether all that must be answered is.
func (f filling) summarised(asked []field) bool {
	return !slices.ContainsFunc(asked, func(one field) bool { return !one.optional && f.Values[one.name] == "" })
}

// question shows the present question, or the summary behind the last one. hint
// stands above it: what was wrong with the last answer.
func (c *Chat) question(ctx context.Context, r *request, of form, f filling, hint string) error {
	asked := of.questions(r, f)

	if f.At >= len(asked) { // what came to be asked by the last answers comes before the summary
		f.At = len(asked)

		for at, one := range asked {
			if !one.optional && f.Values[one.name] == "" {
				f.At, f.Back = at, true

				break
			}
		}
	}

	if f.At == len(asked) && of.direct {
		return c.saveForm(ctx, r, of, f)
	}

	var (
		text message.Text
		err  error
	)

	if f.At == len(asked) {
		text = r.summary(of, f, asked)
	} else {
		text, err = c.asking(ctx, r, of, f, asked)
	}

	if err != nil {
		return err
	}

	if hint != "" {
		text.HTML = "⚠️ " + hint + "\n\n" + text.HTML
	}

	if r.tap == nil && f.Message != 0 { // the answer stands below the question: it is asked again below the answer
		f = c.answered(ctx, r, f, r.words.html("form.below", nil))
	}

	number, err := c.place(ctx, r, text)
	if err != nil {
		return err
	}

	f.Message = number

	body, err := json.Marshal(f)
	if err != nil {
		return errs.Wrap(err, errs.Internal, "keep the form %s", f.Form)
	}

	c.expect(r, awaitForm, map[string]string{awaitForm: string(body)})

	return nil
}

// asking is the screen of a question.
func (c *Chat) asking(ctx context.Context, r *request, of form, f filling, asked []field) (message.Text, error) {
	one := asked[f.At]
	html := r.words.html("form.head", errs.Args{"Title": r.words.plain(of.title, nil), "Step": f.At + 1, "Steps": len(asked)}) +
		"\n\n" + r.words.html(one.ask, nil)

	if len(asked) == 1 {
		html = r.words.html("form.head_one", errs.Args{"Title": r.words.plain(of.title, nil)}) + "\n\n" + r.words.html(one.ask, nil)
	}

	if f.Values[one.name] != "" {
		html += "\n\n" + r.words.html("form.now", errs.Args{"Value": markup(r.words.value(r, one, f))})
	}

	var rows [][]message.Button

	if one.offered != nil {
		offered, err := one.offered(ctx, c, r)
		if err != nil {
			return message.Text{}, err
		}

		for at, option := range offered {
			if at%columns == 0 {
				rows = append(rows, nil)
			}

			row := &rows[len(rows)-1]
			*row = append(*row, f.button(formPick, option.label, option.value))
		}
	}

	var on []message.Button

	if one.optional {
		label := "form.button_skip"
		if f.Values[one.name] != "" {
			label = "form.button_empty"
		}

		on = append(on, f.button(formSkip, r.words.plain(label, nil)))
	}

	if len(asked) > 1 && f.summarised(asked) {
		on = append(on, f.button(formLast, r.words.plain("form.button_last", nil)))
	}

	if on != nil {
		rows = append(rows, on)
	}

	return message.Text{HTML: html, Buttons: append(rows, []message.Button{
		f.button(formBack, r.words.plain("button.back", nil)), f.button(formCancel, r.words.plain("form.button_cancel", nil)),
	})}, nil
}

// summary is the screen before it is saved.
func (r *request) summary(of form, f filling, asked []field) message.Text {
	lines := []string{r.words.html("form.head_one", errs.Args{"Title": r.words.plain(of.title, nil)}), ""}

	var (
		rows [][]message.Button
		row  []message.Button
	)

	for at, one := range asked {
		lines = append(lines, r.words.line(r, one, f))

		if one.once || len(asked) == 1 {
			continue
		}

		label := r.words.plain("form.button_change", errs.Args{"Field": r.words.plain(one.label, nil)})
		row = append(row, f.button(formChange, label, strconv.Itoa(at)))

		if len(row) == columns {
			rows, row = append(rows, row), nil
		}
	}

	if row != nil {
		rows = append(rows, row)
	}

	return message.Text{
		HTML: strings.Join(lines, "\n") + "\n\n" + r.words.html("form.right", nil),
		Buttons: append(rows, []message.Button{
			f.button(formSave, r.words.plain(cmp.Or(of.button, "form.button_save"), nil)),
			f.button(formCancel, r.words.plain("form.button_cancel", nil)),
		}),
	}
}

// line writes a question with its answer.
func (w Words) line(r *request, one field, f filling) string {
	return w.html("form.line", errs.Args{"Field": w.plain(one.label, nil), "Value": markup(w.value(r, one, f))})
}

// value writes an answer, short enough for a summary of many.
func (w Words) value(r *request, one field, f filling) string {
	const most = 120

	text := f.Values[one.name]

	switch {
	case text == "":
		text = w.plain("form.empty", nil)
	case f.Labels[one.name] != "":
		text = f.Labels[one.name]
	case one.shown != nil:
		text = one.shown(r, text)
	}

	short, cut := fit(text, most)
	if cut {
		short += "…"
	}

	return escape(short)
}

// button is a button of the present question.
func (f filling) button(action, label string, value ...string) message.Button {
	return message.Button{
		Text: label, Data: tapForm + strings.Join(append([]string{action, strconv.Itoa(f.At)}, value...), ":"),
	}
}

// tappedForm does what a button of a form says.
func (c *Chat) tappedForm(ctx context.Context, r *request) error {
	of, f, ok := c.filled(r)
	if !ok {
		r.toast = r.words.plain("form.gone", nil)

		return c.outOfForm(ctx, r)
	}

	action, rest, _ := strings.Cut(r.value(tapForm), ":")
	at, value, _ := strings.Cut(rest, ":")
	asked := of.questions(r, f)

	if action == formCancel {
		r.toast = r.words.plain("form.cancelled", nil)

		return c.leaveForm(ctx, r, f)
	}

	if at != strconv.Itoa(f.At) { // a button of another question
		r.toast = r.words.plain("form.moved", nil)

		return c.question(ctx, r, of, f, "")
	}

	if action == formBack {
		return c.stepBack(ctx, r, of, f)
	}

	switch {
	case action == formLast && f.summarised(asked):
		f.At, f.Back = len(asked), false
	case action == formSave && f.At == len(asked) && f.summarised(asked):
		return c.saveForm(ctx, r, of, f)
	case action == formChange && f.At == len(asked):
		to, err := strconv.Atoi(value)
		if err == nil && to >= 0 && to < len(asked) && !asked[to].once {
			f.At, f.Back = to, true
		}
	case f.At < len(asked):
		return c.picked(ctx, r, of, f, action, value)
	}

	return c.question(ctx, r, of, f, "")
}

// stepBack goes to the question before, to the summary where the present one
// was reached from there, and out of the form from the first one.
func (c *Chat) stepBack(ctx context.Context, r *request, of form, f filling) error {
	switch {
	case f.Back:
		f = f.next(len(of.questions(r, f)))
	case f.At > 0:
		f.At--
	default:
		return c.leaveForm(ctx, r, f)
	}

	return c.question(ctx, r, of, f, "")
}

// leaveForm goes back to where a form was begun; nothing is saved.
func (c *Chat) leaveForm(ctx context.Context, r *request, f filling) error {
	r.settled()

	name, value, _ := strings.Cut(f.From, ":")
	if of, ok := dutyOf(r, name); ok {
		return of.do(c, ctx, r, value)
	}

	return c.outOfForm(ctx, r)
}

// outOfForm is where forms are left to that were not begun from a duty.
func (c *Chat) outOfForm(ctx context.Context, r *request) error {
	if r.store.Office {
		return c.inOffice(ctx, r, route{handle: (*Chat).officeHome})
	}

	return c.staffHome(ctx, r, "")
}

// picked takes a button as the answer to the present question.
func (c *Chat) picked(ctx context.Context, r *request, of form, f filling, action, value string) error {
	asked := of.questions(r, f)
	one := asked[f.At]

	switch {
	case action == formSkip && one.optional:
		return c.question(ctx, r, of, f.with(one, "", "").next(len(asked)), "")
	case action != formPick || one.offered == nil:
		return c.question(ctx, r, of, f, "")
	}

	offered, err := one.offered(ctx, c, r)
	if err != nil {
		return err
	}

	for _, option := range offered {
		if option.value == value {
			return c.question(ctx, r, of, f.with(one, option.value, option.label).next(len(asked)), "")
		}
	}

	r.toast = r.words.plain("form.moved", nil) // it is not offered any more

	return c.question(ctx, r, of, f, "")
}

// saveForm does what was filled in. What cannot be is said above the summary.
func (c *Chat) saveForm(ctx context.Context, r *request, of form, f filling) error {
	done, err := of.save(c, ctx, r, f)

	if key, args, ok := errs.Sentence(err); ok && !errs.Retryable(err) {
		slog.InfoContext(ctx, "form refused", "form", of.name, "because", err)

		if asked := of.questions(r, f); of.direct { // there is no summary: the last question is asked again
			f.At = len(asked) - 1
			f = f.with(asked[f.At], "", "")
		}

		return c.question(ctx, r, of, f, r.words.html(key, args))
	}

	if err != nil {
		return errs.Context(err, "save the form %s", of.name)
	}

	r.settled()

	return c.show(ctx, r, done)
}

// forms are all that staff fill in.
func forms() []form {
	return append([]form{
		personForm(), adjustForm(), productForm(), editForm(), categoryForm(), couponForm(), settingForm(), findForm(),
		broadcastForm(), storeForm(),
	}, caseForms()...)
}
