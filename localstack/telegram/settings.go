package telegram

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lapak-id/lapak/localstack/telegram/control"
	"github.com/lapak-id/lapak/localstack/telegram/entity"
)

// commandForm is what a command may be called.
var commandForm = regexp.MustCompile(`^[a-z0-9_]{1,32}$`)

// scopeKey names the list of commands that a call means.
func (c *call) scopeKey() string {
	scope := c.sub("scope")

	kind := scope.str("type")
	if kind == "" {
		kind = "default"
	}

	return commandsKey(kind, scope.integer("chat_id", 0), scope.integer("user_id", 0), c.str("language_code"))
}

func commandsKey(kind string, chatID, userID int64, language string) string {
	return fmt.Sprintf("%s/%d/%d/%s", kind, chatID, userID, language)
}

func (c *call) myCommands() (any, error) {
	key := c.scopeKey()

	switch c.method {
	case "getMyCommands":
		list := []any{}
		for _, one := range c.bot.Commands[key] {
			list = append(list, object{"command": one.Command, "description": one.Description})
		}

		return list, nil
	case "deleteMyCommands":
		delete(c.bot.Commands, key)
		c.event("bot", "", c.botView(c.bot))

		return true, nil
	}

	list := []control.Command{}

	for _, one := range c.subs("commands") {
		command := control.Command{
			Command: strings.TrimPrefix(one.str("command"), "/"), Description: one.str("description"),
		}

		if !commandForm.MatchString(command.Command) {
			return nil, badRequest("BOT_COMMAND_INVALID")
		}

		if length := entity.Units(command.Description); length < 1 || length > 256 {
			return nil, badRequest("BOT_COMMAND_DESCRIPTION_INVALID")
		}

		list = append(list, command)
	}

	const mostCommands = 100
	if len(list) > mostCommands {
		return nil, badRequest("BOT_COMMANDS_TOO_MUCH")
	}

	if c.bot.Commands == nil {
		c.bot.Commands = map[string][]control.Command{}
	}

	c.bot.Commands[key] = list
	c.event("bot", "", c.botView(c.bot))

	return true, nil
}

// commandsFor returns the commands that a person sees: of the narrowest scope
// that has a list, in the person's language before the list without language.
func (b *bot) commandsFor(u *user) []control.Command {
	scopes := []string{
		commandsKey("chat", u.ID, 0, ""), commandsKey("all_private_chats", 0, 0, ""), commandsKey("default", 0, 0, ""),
	}

	for _, scope := range scopes {
		for _, language := range []string{u.LanguageCode, ""} {
			if list := b.Commands[scope+language]; len(list) > 0 {
				return slices.Clone(list)
			}
		}
	}

	return nil
}

// texts are the texts of a bot's profile: the parameter of each method and
// the longest that it may be.
var texts = map[string]struct {
	field string
	most  int
}{
	"MyName":             {"name", 64},
	"MyDescription":      {"description", 512},
	"MyShortDescription": {"short_description", 120},
}

func (c *call) setMyText() (any, error) {
	kind := texts[strings.TrimPrefix(c.method, "set")]
	text := c.str(kind.field)

	if entity.Units(text) > kind.most {
		return nil, badRequest("%s is too long", strings.ReplaceAll(kind.field, "_", " "))
	}

	if c.bot.Texts == nil {
		c.bot.Texts = map[string]string{}
	}

	c.bot.Texts[kind.field+"/"+c.str("language_code")] = text
	c.event("bot", "", c.botView(c.bot))

	return true, nil
}

func (c *call) getMyText() (any, error) {
	kind := texts[strings.TrimPrefix(c.method, "get")]

	text := c.bot.text(kind.field, c.str("language_code"))
	if text == "" && kind.field == "name" {
		text = c.bot.FirstName
	}

	return object{kind.field: text}, nil
}

// text returns a text of the profile in a language, or without one.
func (b *bot) text(field, language string) string {
	if text := b.Texts[field+"/"+language]; text != "" {
		return text
	}

	return b.Texts[field+"/"]
}

func (c *call) chatMenuButton() (any, error) {
	id := c.integer("chat_id", 0)

	if c.method == "setChatMenuButton" {
		if c.bot.Menus == nil {
			c.bot.Menus = map[int64]json.RawMessage{}
		}

		c.bot.Menus[id] = c.raw("menu_button")
		if c.bot.Menus[id] == nil {
			delete(c.bot.Menus, id)
		}

		c.event("bot", "", c.botView(c.bot))

		return true, nil
	}

	if menu := c.bot.Menus[id]; menu != nil {
		return menu, nil
	}

	if menu := c.bot.Menus[0]; menu != nil {
		return menu, nil
	}

	return object{"type": "commands"}, nil
}
