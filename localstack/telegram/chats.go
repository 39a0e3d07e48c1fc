package telegram

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (c *call) getMe() (any, error) {
	o := c.bot.object()
	o["can_join_groups"], o["can_read_all_group_messages"], o["supports_inline_queries"] = true, false, false
	o["can_connect_to_business"], o["has_main_web_app"], o["has_topics_enabled"] = false, false, false

	for name, field := range c.table.Types["User"].Fields {
		if _, known := o[name]; !known && strings.HasPrefix(name, "allows_") && len(field.Types()) == 1 {
			o[name] = false
		}
	}

	return o, nil
}

func (c *call) getChat() (any, error) {
	in, err := c.knownChat("chat_id")
	if err != nil {
		return nil, err
	}

	o := c.world.chatObject(in)
	o["accent_color_id"], o["max_reaction_count"] = 0, 11
	o["accepted_gift_types"] = object{
		"unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true, "premium_subscription": true,
		"gifts_from_channels": true,
	}

	for _, m := range slices.Backward(in.Messages) {
		if m.Pinned && !m.Deleted {
			o["pinned_message"] = c.messageObject(c.bot.ID, in, m)

			break
		}
	}

	return o, nil
}

// group finds the group or channel of a call.
func (c *call) group() (*chat, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	if in.private() {
		return nil, badRequest("method is available for supergroup and channel chats only")
	}

	return in, nil
}

func (c *call) getChatMember() (any, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	id := c.integer("user_id", 0)
	if c.world.Users[id] == nil && c.world.Bots[id] == nil {
		return nil, badRequest("PARTICIPANT_ID_INVALID")
	}

	if in.private() {
		if id != in.User && id != in.Bot {
			return nil, badRequest("user not found")
		}

		return c.memberObject(id, &member{Status: "member"}), nil
	}

	return c.memberObject(id, in.Members[id]), nil
}

// memberObject is the ChatMember of somebody; nil is somebody who never was.
func (s *Server) memberObject(id int64, m *member) object {
	if m == nil {
		m = &member{Status: "left"}
	}

	o := object{"status": m.Status, "user": s.world.userOrBot(id)}

	switch m.Status {
	case "creator":
		o["is_anonymous"] = false
	case "administrator":
		fields := s.table.Types["ChatMemberAdministrator"].Fields
		for name, field := range fields {
			if field.Required() && field.Types()[0] == "Boolean" {
				o[name] = true
			}
		}

		o["can_be_edited"], o["is_anonymous"] = false, false
	case "kicked":
		o["until_date"] = m.Until
	}

	return o
}

func (c *call) getChatAdministrators() (any, error) {
	in, err := c.group()
	if err != nil {
		return nil, err
	}

	admins := []any{}

	for _, id := range slices.Sorted(maps.Keys(in.Members)) {
		if m := in.Members[id]; m.Status == "creator" || m.Status == "administrator" {
			admins = append(admins, c.memberObject(id, m))
		}
	}

	return admins, nil
}

func (c *call) getChatMemberCount() (any, error) {
	in, err := c.targetChat()
	if err != nil {
		return nil, err
	}

	if in.private() {
		return 2, nil
	}

	count := 0

	for _, m := range in.Members {
		if m.in() {
			count++
		}
	}

	return count, nil
}

func (c *call) banChatMember() (any, error) {
	in, err := c.group()
	if err != nil {
		return nil, err
	}

	if in.Members[c.bot.ID].Status == "member" {
		return nil, badRequest("not enough rights to restrict/unrestrict chat member")
	}

	id := c.integer("user_id", 0)
	if c.world.Users[id] == nil {
		return nil, badRequest("PARTICIPANT_ID_INVALID")
	}

	if old := in.Members[id]; old != nil && old.Status == "creator" {
		return nil, badRequest("can't remove chat owner")
	}

	if c.method == "banChatMember" {
		c.setMember(in, id, &member{Status: "kicked", Until: c.integer("until_date", 0)}, c.bot.ID)

		return true, nil
	}

	if old := in.Members[id]; !c.flag("only_if_banned") || old != nil && old.Status == "kicked" {
		c.setMember(in, id, &member{Status: "left"}, c.bot.ID)
	}

	return true, nil
}

func (c *call) leaveChat() (any, error) {
	in, err := c.group()
	if err != nil {
		return nil, err
	}

	c.setMember(in, c.bot.ID, &member{Status: "left"}, c.bot.ID)

	return true, nil
}

// setMember changes how somebody belongs to a group and tells the bots.
func (s *Server) setMember(in *chat, id int64, now *member, by int64) {
	before := s.memberObject(id, in.Members[id])
	in.Members[id] = now
	changed := object{
		"chat": s.world.chatObject(in), "from": s.world.userOrBot(by), "date": s.now().Unix(),
		"old_chat_member": before, "new_chat_member": s.memberObject(id, now),
	}

	if b := s.world.Bots[id]; b != nil {
		s.push(b, in.Key, "my_chat_member", changed)
	}

	for _, b := range s.world.botsIn(in) {
		if b.ID != id && in.Members[b.ID].Status != "member" {
			s.push(b, in.Key, "chat_member", changed)
		}
	}

	s.event("chat", in.Key, s.chatView(in))
}

func (c *call) inviteLink() (any, error) {
	in, err := c.group()
	if err != nil {
		return nil, err
	}

	if in.Members[c.bot.ID].Status == "member" {
		return nil, badRequest("not enough rights to manage chat invite link")
	}

	link := fmt.Sprintf("https://t.me/+%x", c.world.next())
	if c.method == "exportChatInviteLink" {
		return link, nil
	}

	o := object{
		"invite_link": link, "creator": c.bot.object(), "creates_join_request": c.flag("creates_join_request"),
		"is_primary": false, "is_revoked": false,
	}
	set(o, "name", c.str("name"))
	set(o, "expire_date", c.integer("expire_date", 0))
	set(o, "member_limit", c.integer("member_limit", 0))

	return o, nil
}

// blockBot blocks or unblocks a bot for a person and tells the bot.
func (s *Server) blockBot(in *chat, blocked bool) {
	if in.Blocked == blocked {
		return
	}

	in.Blocked = blocked
	before, after := "member", "kicked"

	if !blocked {
		before, after = after, before
	}

	b := s.world.Bots[in.Bot]
	s.push(b, in.Key, "my_chat_member", object{
		"chat": s.world.chatObject(in), "from": s.world.userOrBot(in.User), "date": s.now().Unix(),
		"old_chat_member": s.memberObject(in.Bot, &member{Status: before}),
		"new_chat_member": s.memberObject(in.Bot, &member{Status: after}),
	})
	s.event("chat", in.Key, s.chatView(in))
}
