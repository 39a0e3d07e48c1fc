package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapak-id/lapak/localstack/telegram/description"
)

// The sizes that Telegram allows, in bytes.
const (
	maxUpload       = 50 << 20
	maxPhoto        = 10 << 20
	maxURLPhoto     = 5 << 20
	maxURLFile      = 20 << 20
	maxBotDownload  = 20 << 20
	maxUserUpload   = 2 << 30
	maxRequestExtra = 1 << 20
)

// params are the parameters of one call, as its form or JSON had them.
type params struct {
	values  object
	uploads map[string]received
	// problems are unknown fields, which Telegram ignores.
	problems []string
}

// readParams reads query, form, multipart or JSON and brings every value to
// the type that the description gives it.
func (s *Server) readParams(w http.ResponseWriter, r *http.Request, method string) (params, error) {
	p := params{values: object{}, uploads: map[string]received{}}

	for name, values := range r.URL.Query() {
		p.values[name] = values[0]
	}

	contentType, attributes, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		contentType = ""
	}

	r.Body = http.MaxBytesReader(w, r.Body, maxUpload+maxRequestExtra)

	switch contentType {
	case "application/json":
		err = p.readJSON(r.Body)
	case "multipart/form-data":
		err = s.readMultipart(&p, multipart.NewReader(r.Body, attributes["boundary"]))
	case "application/x-www-form-urlencoded":
		if err = r.ParseForm(); err == nil {
			for name, values := range r.PostForm {
				p.values[name] = values[0]
			}
		}
	default:
		err = nil
	}

	var large *http.MaxBytesError

	switch {
	case errors.As(err, &large), errors.Is(err, errTooLarge):
		return p, &apiError{Status: http.StatusRequestEntityTooLarge, Text: "Request Entity Too Large"}
	case err != nil:
		return p, badRequest("the request could not be read: %v", err)
	}

	dropNulls(p.values)
	s.coerce(method, &p)

	return p, nil
}

func (p *params) readJSON(body io.Reader) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read the body: %w", err)
	}

	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}

	decoded, err := decode(data)
	if err != nil {
		return fmt.Errorf("can't parse JSON object: %w", err)
	}

	if decoded == nil { // null, as telego sends for a method without parameters; Telegram takes it
		return nil
	}

	values, ok := decoded.(object)
	if !ok {
		return errors.New("expected an object")
	}

	maps.Copy(p.values, values)

	return nil
}

func (s *Server) readMultipart(p *params, form *multipart.Reader) error {
	total := int64(0)

	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return fmt.Errorf("read a part of the form: %w", err)
		}

		name := part.FormName()

		if part.FileName() == "" {
			value, err := io.ReadAll(io.LimitReader(part, maxRequestExtra))
			if err != nil {
				return fmt.Errorf("read the field %s: %w", name, err)
			}

			p.values[name] = string(value)

			continue
		}

		file, err := s.store.receive(part, maxUpload-total)
		if err != nil {
			return fmt.Errorf("read the file %s: %w", name, err)
		}

		file.name, file.mime = part.FileName(), part.Header.Get("Content-Type")
		total += file.size
		p.uploads[name] = file
		p.values[name] = attachPrefix + name
	}
}

// attachPrefix begins the value that names another part of the form.
const attachPrefix = "attach://"

// decode reads JSON with numbers kept as they are written.
func decode(data []byte) (any, error) {
	var value any

	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()

	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}

	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode: more than one value")
	}

	return value, nil
}

func dropNulls(value any) {
	switch value := value.(type) {
	case object:
		for name, field := range value {
			if field == nil {
				delete(value, name)
			} else {
				dropNulls(field)
			}
		}
	case []any:
		for _, item := range value {
			dropNulls(item)
		}
	}
}

// coerce turns the strings of a form into what the description wants, and
// notes the parameters that it does not know.
func (s *Server) coerce(method string, p *params) {
	fields := s.table.Methods[method].Fields

	for name, value := range p.values {
		field, known := fields[name]

		switch {
		case known:
			p.values[name] = coerceValue(field.Types(), value)
		case p.uploads[name].hash == "":
			p.problems = append(p.problems, name+" is not a parameter of "+method)
		}
	}

	slices.Sort(p.problems)
}

func coerceValue(types []string, value any) any {
	text, isText := value.(string)
	number, isNumber := value.(json.Number)

	for _, typeName := range types {
		switch {
		case typeName == "String" || typeName == "InputFile":
			if isNumber && len(types) == 1 {
				return number.String()
			}

			if isText {
				return text
			}
		case !isText:
		case typeName == "Integer" || typeName == "Float":
			trimmed := strings.TrimSpace(text)
			if _, err := strconv.ParseFloat(trimmed, 64); err == nil {
				return json.Number(trimmed)
			}
		case typeName == "Boolean":
			switch strings.ToLower(text) {
			case "true", "yes", "1":
				return true
			case "false", "no", "0", "":
				return false
			}
		default:
			if decoded, err := decode([]byte(text)); err == nil {
				dropNulls(decoded)

				return decoded
			}
		}
	}

	return value
}

// missingTexts are Telegram's words for a parameter that is not there; for
// others it says that the parameter is required.
var missingTexts = map[string]string{
	"chat_id": "chat_id is empty", "text": "message text is empty", "message_id": "message identifier is not specified",
	"user_id": "invalid user_id specified", "photo": "there is no photo in the request",
	"audio": "there is no audio in the request", "document": "there is no document in the request",
	"video": "there is no video in the request", "animation": "there is no animation in the request",
	"voice": "there is no voice in the request", "video_note": "there is no video note in the request",
	"sticker": "there is no sticker in the request", "file_id": "file_id not specified",
	"action": "wrong parameter action in request", "message_ids": "message identifiers are not specified",
}

// checkParams holds the parameters against the description.
func (s *Server) checkParams(method string, p *params) error {
	fields := s.table.Methods[method].Fields

	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := fields[name]

		value, given := p.values[name]
		if text, ok := value.(string); !given || ok && text == "" {
			// An empty address is how a webhook is removed.
			if field.Required() && (!given || name != "url") {
				return missing(name)
			}

			continue
		}

		if err := p.checkParam(name, field, value, s.table); err != nil {
			return err
		}
	}

	if s.opts.Strict && len(p.problems) > 0 {
		return badRequest("%s", strings.Join(p.problems, "; "))
	}

	return nil
}

func missing(name string) error {
	if text, ok := missingTexts[name]; ok {
		return badRequest("%s", text)
	}

	return badRequest("parameter %q is required", name)
}

func (p *params) checkParam(name string, field description.Field, value any, table *description.Table) error {
	for _, problem := range table.CheckField(name, field, value) {
		if problem.Unknown {
			p.problems = append(p.problems, problem.Text)

			continue
		}

		if name == "reply_markup" {
			return badRequest("can't parse reply keyboard markup JSON object: %s", problem.Text)
		}

		return badRequest("can't parse %s: %s", name, problem.Text)
	}

	return nil
}

// logged is how the call log shows the parameters: files by name and size.
func (p *params) logged() json.RawMessage {
	shown := maps.Clone(p.values)
	for name, file := range p.uploads {
		shown[name] = object{"file_name": file.name, "file_size": file.size}
	}

	raw, err := json.Marshal(shown)
	if err != nil {
		return json.RawMessage(fmt.Sprintf("%q", err.Error()))
	}

	return raw
}

func (p *params) str(name string) string {
	text, _ := p.values[name].(string)

	return text
}

func (p *params) flag(name string) bool {
	flag, _ := p.values[name].(bool)

	return flag
}

func (p *params) has(name string) bool {
	_, ok := p.values[name]

	return ok
}

// integer returns a number, or the default if it is not there.
func (p *params) integer(name string, otherwise int64) int64 {
	number, ok := p.values[name].(json.Number)
	if !ok {
		return otherwise
	}

	value, err := number.Int64()
	if err != nil {
		return otherwise
	}

	return value
}

func (p *params) integers(name string) []int64 {
	list, _ := p.values[name].([]any)
	numbers := make([]int64, 0, len(list))

	for _, item := range list {
		one := params{values: object{"n": item}}
		numbers = append(numbers, one.integer("n", 0))
	}

	return numbers
}

func (p *params) strs(name string) []string {
	list, _ := p.values[name].([]any)
	texts := make([]string, 0, len(list))

	for _, item := range list {
		text, _ := item.(string)
		texts = append(texts, text)
	}

	return texts
}

// sub returns the object in a parameter as parameters, with the same uploads.
func (p *params) sub(name string) params {
	values, _ := p.values[name].(object)

	return params{values: values, uploads: p.uploads}
}

func (p *params) subs(name string) []params {
	list, _ := p.values[name].([]any)
	items := make([]params, 0, len(list))

	for _, item := range list {
		values, _ := item.(object)
		items = append(items, params{values: values, uploads: p.uploads})
	}

	return items
}

// raw returns the JSON of a parameter, nil if it is not there.
func (p *params) raw(name string) json.RawMessage {
	value, ok := p.values[name]
	if !ok {
		return nil
	}

	raw, err := json.Marshal(value)
	if err != nil {
		panic("telegram: decoded JSON cannot be written again: " + err.Error())
	}

	return raw
}

// into decodes the JSON of a parameter.
func (p *params) into(name string, target any) error {
	raw := p.raw(name)
	if raw == nil {
		return nil
	}

	if err := json.Unmarshal(raw, target); err != nil {
		return badRequest("can't parse %s: %v", name, err)
	}

	return nil
}

// fetchURLs gets the files that a call names by address, as Telegram does,
// but only from this machine: the simulator does not go out to the internet.
func (s *Server) fetchURLs(ctx context.Context, method string, p *params) error {
	if !strings.HasPrefix(method, "send") && method != "editMessageMedia" {
		return nil
	}

	holders := append(p.subs("media"), p.sub("media"), *p)

	for _, holder := range holders {
		for _, field := range []string{
			"media", "photo", "audio", "document", "video", "animation", "voice", "video_note", "sticker", "thumbnail",
		} {
			address := holder.str(field)
			if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
				continue
			}

			limit := int64(maxURLFile)
			if field == "photo" || holder.str("type") == "photo" {
				limit = maxURLPhoto
			}

			file, err := s.fetchURL(ctx, address, limit)
			if err != nil {
				s.log.WarnContext(ctx, "a file could not be fetched", "address", address, "error", err)

				return badRequest("failed to get HTTP URL content")
			}

			part := fmt.Sprintf("fetched-%d", len(p.uploads))
			p.uploads[part] = file
			holder.values[field] = attachPrefix + part
		}
	}

	return nil
}

func (s *Server) fetchURL(ctx context.Context, address string, limit int64) (received, error) {
	const patience = 20 * time.Second

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return received{}, fmt.Errorf("make the request: %w", err)
	}

	if ip := net.ParseIP(request.URL.Hostname()); !ip.IsLoopback() && request.URL.Hostname() != "localhost" {
		return received{}, fmt.Errorf("%s is not on this machine", request.URL.Hostname())
	}

	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return received{}, fmt.Errorf("get it: %w", err)
	}
	defer answer.Body.Close()

	if answer.StatusCode != http.StatusOK {
		return received{}, fmt.Errorf("get it: status %s", answer.Status)
	}

	file, err := s.store.receive(answer.Body, limit)
	if err != nil {
		return received{}, err
	}

	file.name = request.URL.Path[strings.LastIndex(request.URL.Path, "/")+1:]
	file.mime = answer.Header.Get("Content-Type")

	return file, nil
}
