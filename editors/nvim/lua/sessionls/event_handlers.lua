-- What each kind of event does to an open session: the same rules as the server's.
local Folding = require('sessionls.folding')

local find = Folding.find

--- The parts with `new` at `index` (from 0), in place of the `replace` parts there.
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

--- Others have access now. Whoever may not even comment any more is not shown as here.
local function set_people(self, people)
  self.state.session.people = people
  local here = {}
  for _, one in ipairs(people) do
    here[one.id] = one.role ~= 'reader'
  end
  if not here.team then
    self.state.participants = vim.tbl_filter(function(one)
      return here[one.id]
    end, self.state.participants)
  end
end

--- The people with access except that person. A session from before there were roles belongs to everybody.
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
      return set_people(self, people)
    end
  end
  set_people(self, vim.list_extend(people, { event.person }))
end

function handle.unshared(self, event)
  set_people(self, people_without(self.state.session, event.personId))
end

function handle.spent(self, event)
  self:spend(event.usage)
end

function handle.archived(self)
  self.state.session.state = 'archived'
  self.state.session.stopped = nil -- replies of an archived session cannot be resumed
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
  local function is_known(one)
    return one.id == event.to.id
  end
  if #vim.tbl_filter(is_known, self.state.session.participants) > 0 then
    self:know(event.to)
  end
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

--- Inserts the message before the reply: a reply comes after all messages that it answers.
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
  self:insert(self:waiting(), reply) -- other messages may have been answered since the reply began
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
  -- A reply that ends or stops withdraws its own questions, not those of other replies.
  self:withdraw(function(question)
    return question.messageId == message.id
  end)
  local stopped = vim.list_contains({ 'paused', 'interrupted', 'failed' }, message.status) and message.status or nil
  -- A reply that ends with its first event never started. It does not affect the reply that is being written or that stopped.
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
      self:spend(message.usage, before.usage) -- (the usage of a fork's copy was counted in its parent)
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

return handle
