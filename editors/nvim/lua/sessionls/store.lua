-- An open session as a fold over its events and deltas: the same rules as the server's. Nothing here knows Neovim's windows.
-- tests/event-logs.json holds logs with what they fold to; tests/test_nvim_store.py checks them.
local M = {}

---@class sessionls.Open an open session; `messages` is its newest stretch: those that have their place, then those that wait
---@field session sessionls.Session
---@field messages sessionls.Message[]
---@field more boolean there are older messages
---@field participants sessionls.Participant[] who has it open

---@class sessionls.Change
---@field session boolean
---@field moved boolean messages stand in another order than before, or in other than the last places
---@field messages table<string, true>
---@field append? { id: string, part: integer, text: string } words that were added at the end of a part (counted from 1)

---@return sessionls.Change
local function nothing()
  return { session = false, moved = false, messages = {} }
end

local function find(messages, id)
  for at = #messages, 1, -1 do
    if messages[at].id == id then
      return at
    end
  end
end

--- The session as `session/open` gave it. `before` is what was known: its older messages are kept where they still join on.
---@param result sessionls.Opened
---@param before? sessionls.Open
---@return sessionls.Open
function M.opened(result, before)
  local first = result.messages[1]
  local joint = before and first and find(before.messages, first.id) or 1
  local messages = {}
  if before and joint > 1 then
    vim.list_extend(messages, before.messages, 1, joint - 1)
  end
  local more = result.more
  if #messages > 0 then
    more = before.more
  end
  vim.list_extend(messages, result.messages)
  return { session = result.session, messages = messages, more = more, participants = result.participants }
end

--- Puts a page of history before the others, and gives the messages that are new.
function M.with_older(state, page)
  local known = {}
  for _, message in ipairs(state.messages) do
    known[message.id] = true
  end
  local older = vim.tbl_filter(function(message)
    return not known[message.id]
  end, page.messages)
  state.messages = vim.list_extend(vim.list_extend({}, older), state.messages)
  state.more = page.more
  return older
end

--- The session as `session/changed` tells of it, unless more is known already.
function M.with_session(state, session)
  if session.seq >= state.session.seq then
    state.session = session
    return true
  end
  return false
end

local lengths = setmetatable({}, { __mode = 'k' }) -- code points of a growing text, so that a delta costs what it brings

local function points(text)
  return vim.str_utfindex(text, 'utf-32')
end

--- Adds words to the reply being written. Gives 'hole' where words before them are missing.
---@return sessionls.Change|'hole'
function M.grow(state, delta)
  local at = find(state.messages, delta.messageId)
  local message = at and state.messages[at]
  if not message then
    return 'hole'
  end
  if message.status ~= 'replying' then
    return nothing()
  end
  local index = delta.part + 1
  local part = message.parts[index]
  local known = 0
  if part then
    known = part.text and (part.kind == 'text' or part.kind == 'reasoning') and (lengths[part] or points(part.text)) or -1
  end
  if index > #message.parts + 1 or known < 0 or delta.offset > known then
    return 'hole'
  end
  local text = delta.text
  if delta.offset < known then
    text = vim.fn.strcharpart(text, known - delta.offset)
  end
  if text == '' and part then
    return nothing()
  end
  local change = nothing()
  if part then
    part.text = part.text .. text
    change.append = { id = message.id, part = index, text = text }
  else
    part = { kind = delta.kind, text = text }
    message.parts[index] = part
    change.messages[message.id] = true
  end
  lengths[part] = known + points(text)
  return change
end

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

--- Parts with other ones from number `index` (from 0) on; `replace` says how many of them are replaced.
local function spliced(parts, index, replace, new)
  local result = vim.list_slice(parts, 1, index)
  vim.list_extend(result, new)
  return vim.list_extend(result, parts, index + replace + 1)
end

local function with_work(parts, path, index, work)
  if #path == 0 then
    return spliced(parts, index, #work, work)
  end
  local at = path[1] + 1
  local asking = parts[at]
  if not asking or asking.kind ~= 'tool' then
    return parts
  end
  local result = vim.list_slice(parts)
  local inner = with_work(asking.parts or {}, vim.list_slice(path, 2), index, work)
  result[at] = vim.tbl_extend('force', asking, { parts = inner })
  return result
end

---@class sessionls.Folding one event being folded
local Folding = {}
Folding.__index = Folding

function Folding:update(id, change)
  local at = find(self.state.messages, id)
  if at then
    self.state.messages[at] = change(self.state.messages[at])
    self.change.messages[id] = true
  end -- else it is older than what is loaded here
end

function Folding:append(id, part)
  self:update(id, function(message)
    message.parts = vim.list_extend(vim.list_slice(message.parts), { part })
    return message
  end)
end

--- Where the waiting messages begin.
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

--- The reply with what it has used until now.
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

--- Gives a waiting message its place, and its reply the place after it.
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

local handle = {}

function handle.renamed(self, event)
  self.state.session.title = event.title
end

function handle.paused(self, event)
  self.state.session.state = 'paused'
  self.state.session.pauseReason = event.reason
end

function handle.resumed(self)
  self.state.session.state = 'active'
  self.state.session.pauseReason = nil
end

function handle.budgetChanged(self, event)
  self.state.session.budget = event.budget
end

--- Who has access but that person; a session of before there were roles belongs to everybody.
local function people_without(session, id)
  local function is_other(one)
    return one.id ~= id
  end
  return vim.tbl_filter(is_other, session.people or { { id = 'team', role = 'owner' } })
end

function handle.shared(self, event)
  local session = self.state.session
  local people = vim.deepcopy(session.people or { { id = 'team', role = 'owner' } })
  for index, one in ipairs(people) do
    if one.id == event.person.id then
      people[index] = event.person
      session.people = people
      return
    end
  end
  session.people = vim.list_extend(people, { event.person })
end

function handle.unshared(self, event)
  self.state.session.people = people_without(self.state.session, event.personId)
end

function handle.spent(self, event)
  self:spend(event.usage)
end

function handle.archived(self)
  self.state.session.state = 'archived'
  self.state.session.stopped = nil -- nothing can be resumed there
end

function handle.unarchived(self, event)
  self.state.session.state = event.state
  self.state.session.stopped = event.stopped
end

function handle.agentSwitched(self, event)
  self.state.session.agent = event.agent
  self.state.session.model = event.model
end

function handle.participantJoined(self, event)
  self:know(event.participant)
  self:without_participant(event.participant.id)
  table.insert(self.state.participants, event.participant)
  self.needs = vim.tbl_filter(function(one)
    return one.kind ~= 'mention' or one.participant.id ~= event.participant.id
  end, self.needs)
end

function handle.participantLeft(self, event)
  self:without_participant(event.participantId)
end

function handle.handedOver(self, event)
  self:know(event.to)
  self.needs = vim.tbl_filter(function(one)
    return one.kind ~= 'handOver'
  end, self.needs)
  table.insert(self.needs, {
    kind = 'handOver',
    participant = event.to,
    by = event.by,
    note = event.note,
    waiting = event.waiting,
    at = event.at,
  })
end

function handle.compacted(self, event)
  if event.usage then
    self:spend(event.usage)
  end
end

--- A message mentions participants: that waits for each of them.
function Folding:mentioned(message, at)
  local text = {}
  for _, part in ipairs(message.parts) do
    if part.kind == 'text' then
      table.insert(text, part.text)
    end
  end
  local note = vim.fn.strcharpart(vim.trim(table.concat(text, '\n\n')), 0, 200)
  for _, id in ipairs(message.mentions or {}) do
    for _, one in ipairs(self.state.session.participants) do
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

function handle.messageSent(self, event)
  local session, message = self.state.session, event.message
  session.messageCount = session.messageCount + 1
  if message.author.name then
    self:mentioned(message, event.at)
    self:know(message.author)
  end
  if message.status == 'queued' then
    session.queued = session.queued + 1
    self:insert(#self.state.messages + 1, message)
  else
    self:insert(self:waiting(), message)
  end
end

--- The message takes the reply's place, and the reply the next one: it stands behind all it was told.
function handle.messageSteered(self, event)
  self.state.session.queued = self.state.session.queued - 1
  local message = self:take(event.messageId)
  local at = find(self.state.messages, event.replyId)
  local reply = self:take(event.replyId)
  if not message or not reply then
    self.missing = true
    return
  end
  self.change.moved = true
  message.status = 'complete'
  message.steered = { messageId = event.replyId, part = event.part }
  self:insert(at, message)
  self:insert(self:waiting(), reply) -- others may have got their places since the reply began
end

function handle.messageWithdrawn(self, event)
  local session = self.state.session
  session.queued, session.messageCount = session.queued - 1, session.messageCount - 1
  self.change.moved = true
  self.missing = not self:take(event.messageId) or self.missing
end

function handle.queueOrdered(self, event)
  local messages, waiting = self.state.messages, {}
  for _, id in ipairs(event.messageIds) do
    local at = find(messages, id)
    if not at then
      self.missing = true
      return
    end
    table.insert(waiting, messages[at])
  end
  self.change.moved = true
  local first = self:waiting()
  for at, message in ipairs(waiting) do
    messages[first + at - 1] = message
  end
  if event.now then
    self:update(event.now, function(message)
      message.delivery = nil
      return message
    end)
  end
end

function handle.replyStarted(self, event)
  local author = { agent = event.agent, model = event.model, definition = event.definition }
  if not find(self.state.messages, event.messageId) then
    self:begin(event.messageId, event.replyTo, author)
  end
  self:update(event.messageId, function(message)
    message.error, message.stopReason, message.finishedAt = nil, nil, nil
    message.author, message.status = author, 'replying'
    return message
  end)
  self:update(event.replyTo, function(message)
    message.status = 'replying'
    return message
  end)
  self.state.session.replying = true
  self.state.session.stopped = nil
end

function handle.stepFinished(self, event)
  self:update(event.messageId, function(message)
    message.parts = vim.list_extend(vim.list_slice(message.parts, 1, event.index), event.parts)
    return self:went_on(message, event)
  end)
end

local function replace_part(self, event)
  self:update(event.messageId, function(message)
    message.parts = spliced(message.parts, event.index, 1, { event.part })
    return message
  end)
end
handle.toolCalled = replace_part
handle.toolFinished = replace_part

function handle.agentWorked(self, event)
  self:update(event.messageId, function(message)
    message.parts = with_work(message.parts, event.path, event.index, event.parts)
    return self:went_on(message, event)
  end)
end

function handle.replyNoticed(self, event)
  self:update(event.messageId, function(message)
    message.notices = #event.notices > 0 and event.notices or nil
    return message
  end)
end

function handle.permissionAsked(self, event)
  local question = { agent = event.by and event.by.agent or '' }
  for _, field in ipairs({ 'requestId', 'messageId', 'tool', 'summary', 'risk', 'at', 'detail', 'scope' }) do
    question[field] = event[field]
  end
  if question.scope == '' then
    question.scope = nil
  end
  table.insert(self.asking, question)
  self.change.messages[event.messageId] = true
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

function handle.permissionAnswered(self, event)
  self:withdraw(function(question)
    return question.requestId == event.requestId
  end)
end

function handle.findingReported(self, event)
  self:append(event.finding.messageId, { kind = 'finding', finding = event.finding })
end

function handle.findingChanged(self, event)
  for _, message in ipairs(self.state.messages) do
    for _, part in ipairs(message.parts) do
      if part.kind == 'finding' and part.finding.id == event.findingId then
        part.finding.state, part.finding.reason = event.state, event.reason
        self.change.messages[message.id] = true
      end
    end
  end
end

function handle.edited(self, event)
  self:append(event.messageId, {
    kind = 'edit',
    uri = event.uri,
    summary = event.summary,
    applied = event.applied,
    patch = event.patch,
  })
end

function handle.replyFinished(self, event)
  local message = event.message
  -- A reply that ends or stops withdraws its own questions, and no other reply's.
  self:withdraw(function(question)
    return question.messageId == message.id
  end)
  local stopped = vim.list_contains({ 'paused', 'interrupted', 'failed' }, message.status) and message.status or nil
  -- One that ends with the event that makes it never started: the one that is being written, or that stopped, stays as it is.
  local started = message.seq < event.seq
  if stopped or started then
    self.state.session.stopped = stopped
  end
  if started then
    self.state.session.replying = false
  elseif message.replyTo then
    self:begin(message.id, message.replyTo, message.author)
  end
  self:update(message.id, function(before)
    if started and message.usage then
      self:spend(message.usage, before.usage) -- (what a fork's copy has used was spent in its parent)
    end
    return vim.tbl_extend('force', message, { seq = before.seq, createdAt = before.createdAt })
  end)
  if message.replyTo then
    local ended = vim.list_contains({ 'complete', 'cancelled', 'failed' }, message.status)
    self:update(message.replyTo, function(asked)
      asked.status = ended and 'complete' or message.status
      return asked
    end)
  end
end

--- Folds one event. Gives 'gap' where events before it, or messages that it moves, are missing: open the session again then.
---@param state sessionls.Open
---@param event sessionls.Event
---@return sessionls.Change|'gap'
function M.fold(state, event)
  if event.seq <= state.session.seq then
    return nothing()
  end
  if event.seq > state.session.seq + 1 then
    return 'gap'
  end
  state.session = vim.tbl_extend('force', state.session, { seq = event.seq })
  local folding = setmetatable({ state = state, event = event, change = nothing() }, Folding)
  folding.asking = vim.list_slice(state.session.asking or {})
  folding.change.session = true
  local quiet = vim.list_contains({ 'participantJoined', 'participantLeft', 'forked', 'shared', 'unshared' }, event.kind)
  -- Nothing waits for a participant any more who does something here.
  folding.needs = vim.tbl_filter(function(one)
    return quiet or not event.by or one.participant.id ~= event.by.id
  end, state.session.needs or {})
  local handler = handle[event.kind]
  if handler then
    handler(folding, event)
  end
  state.session.asking = #folding.asking > 0 and folding.asking or nil
  state.session.needs = #folding.needs > 0 and folding.needs or nil
  state.session.present = #state.participants > 0 and vim.list_slice(state.participants) or nil
  -- To look at a session is no change of it, and a fork never disturbs its parent.
  if not quiet then
    state.session.updatedAt = event.at
  end
  return folding.missing and 'gap' or folding.change
end

return M
