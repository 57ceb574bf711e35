-- What the events of a session share when they are folded: finding, placing and changing messages.
local function add(total, usage, counted)
  local sum = {}
  for _, field in ipairs({ 'inputTokens', 'outputTokens', 'cachedTokens', 'cost' }) do
    local always = field == 'inputTokens' or field == 'outputTokens'
    if always or total[field] or usage[field] then
      sum[field] = (total[field] or 0) + (usage[field] or 0) - (counted and counted[field] or 0)
    end
  end
  return sum
end

---@class sessionls.Folding one event being folded
---@field state sessionls.Open
---@field event sessionls.Event
---@field change sessionls.Change
---@field asking sessionls.OpenQuestion[] the open questions
---@field needs sessionls.Need[] what waits for participants
---@field missing? boolean messages that the event moves are not loaded here
local Folding = {}
Folding.__index = Folding

--- The number of a message in a list, searched from its end: new ones are asked for most.
---@param messages sessionls.Message[]
---@param id string
---@return integer?
function Folding.find(messages, id)
  for at = #messages, 1, -1 do
    if messages[at].id == id then
      return at
    end
  end
end

local find = Folding.find

function Folding:update(id, change)
  local at = find(self.state.messages, id)
  if at then
    self.state.messages[at] = change(self.state.messages[at])
    self.change.messages[id] = true
  end -- older messages are not loaded here
end

function Folding:append(id, part)
  self:update(id, function(message)
    message.parts = vim.list_extend(vim.list_slice(message.parts), { part })
    return message
  end)
end

--- The index of the first waiting message.
function Folding:waiting()
  local messages = self.state.messages
  for at = #messages, 1, -1 do
    if messages[at].status ~= 'queued' then
      return at + 1
    end
  end
  return 1
end

function Folding:insert(at, message)
  if at <= #self.state.messages then
    self.change.moved = true
  end
  table.insert(self.state.messages, at, message)
  self.change.messages[message.id] = true
end

function Folding:take(id)
  local at = find(self.state.messages, id)
  return at and table.remove(self.state.messages, at) or nil
end

function Folding:spend(usage, counted)
  self.state.session.usage = add(self.state.session.usage, usage, counted)
end

--- The reply with its usage so far.
function Folding:went_on(message, event)
  if event.usage then
    self:spend(event.usage, message.usage)
    message.usage = event.usage
  end
  message.steps = event.steps or message.steps
  return message
end

function Folding:know(participant)
  local people, found = {}, false
  for _, one in ipairs(self.state.session.participants) do
    if one.id == participant.id and one.name == participant.name and one.email == participant.email then
      found = true
    end
    if one.id ~= participant.id then
      table.insert(people, one)
    end
  end
  if not found then
    self.state.session.participants = vim.list_extend(people, { participant })
  end
end

function Folding:without_participant(id)
  self.state.participants = vim.tbl_filter(function(one)
    return one.id ~= id
  end, self.state.participants)
end

--- Moves a waiting message to the end of the answered ones, and adds its reply after it.
function Folding:begin(id, reply_to, author)
  local state, event = self.state, self.event
  local place = self:waiting()
  local asked = find(state.messages, reply_to)
  local waiting = #state.messages - place + 1
  if not asked or waiting < state.session.queued then
    self.missing = true
  end
  if asked and asked >= place then
    state.session.queued = state.session.queued - 1 -- (a fork's own copy of a message does not wait)
    local message = table.remove(state.messages, asked)
    message.status = 'replying'
    table.insert(state.messages, place, message)
    self.change.moved = self.change.moved or asked ~= place
    self.change.messages[reply_to] = true
  end
  self:insert(self:waiting(), {
    id = id,
    sessionId = event.sessionId,
    seq = event.seq,
    role = 'agent',
    author = author,
    replyTo = reply_to,
    parts = {},
    status = 'replying',
    createdAt = event.at,
  })
  state.session.messageCount = state.session.messageCount + 1
end

--- Adds a mention that waits for each mentioned participant.
function Folding:mentioned(message, at)
  local text = {}
  for _, part in ipairs(message.parts) do
    if part.kind == 'text' then
      table.insert(text, part.text)
    end
  end
  local note = vim.fn.strcharpart(vim.trim(table.concat(text, '\n\n')), 0, 200)
  local people = vim.deepcopy(self.state.session.participants)
  for _, one in ipairs(self.state.session.people or {}) do
    local function is_same(other)
      return other.id == one.id
    end
    if #vim.tbl_filter(is_same, people) == 0 then
      table.insert(people, { id = one.id, name = one.name or one.id })
    end
  end
  for _, id in ipairs(message.mentions or {}) do
    for _, one in ipairs(people) do
      if one.id == id and id ~= message.author.id then
        self.needs = vim.tbl_filter(function(need)
          return need.kind ~= 'mention' or need.participant.id ~= id
        end, self.needs)
        table.insert(self.needs, {
          kind = 'mention',
          participant = one,
          by = message.author,
          messageId = message.id,
          note = note ~= '' and note or nil,
          at = at,
        })
      end
    end
  end
end

function Folding:withdraw(gone)
  self.asking = vim.tbl_filter(function(question)
    if gone(question) then
      self.change.messages[question.messageId] = true
      return false
    end
    return true
  end, self.asking)
end

return Folding
