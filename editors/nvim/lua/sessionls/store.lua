-- An open session as a fold over its events and deltas: the same rules as the server's. Independent of Neovim's windows.
-- tests/event-logs.json contains logs and the expected states; tests/test_nvim_store.py checks them.
local Folding = require('sessionls.folding')
local event_handlers = require('sessionls.event_handlers')

local M = {}

local find = Folding.find

---@class sessionls.Open an open session; `messages` is its newest stretch: those that have their place, then those that wait
---@field session sessionls.Session
---@field messages sessionls.Message[]
---@field more boolean there are older messages
---@field participants sessionls.Participant[] the ones who have it open

---@class sessionls.Change
---@field session boolean
---@field moved boolean messages were reordered, or added before the end
---@field messages table<string, true>
---@field append? { id: string, part: integer, text: string } text that was added at the end of a part (counted from 1)

---@return sessionls.Change
local function nothing()
  return { session = false, moved = false, messages = {} }
end

--- The state from a response to `session/open`. Keeps the older messages of `before` if they are contiguous with the new ones.
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

--- Adds a page of older messages, and returns the new ones.
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

--- Updates the session from `session/changed`, unless the state is newer.
function M.with_session(state, session)
  if session.seq >= state.session.seq then
    state.session = session
    return true
  end
  return false
end

---@type table<sessionls.Part, integer>
local lengths = setmetatable({}, { __mode = 'k' }) -- code points of a growing text, so that a delta's cost depends on its own length

local function points(text)
  return vim.str_utfindex(text, 'utf-32')
end

--- Adds text to the reply being written. Returns 'gap' if text before it is missing.
---@param state sessionls.Open
---@param delta sessionls.DeltaParams
---@return sessionls.Change|'gap'
function M.grow(state, delta)
  local at = find(state.messages, delta.messageId)
  local message = at and state.messages[at]
  if not message then
    return 'gap'
  end
  if message.status ~= 'replying' then
    return nothing()
  end
  local index = delta.part + 1
  local part = message.parts[index]
  local known = 0 ---@type integer
  if part then
    known = part.text and (part.kind == 'text' or part.kind == 'reasoning') and (lengths[part] or points(part.text)) or -1
  end
  if index > #message.parts + 1 or known < 0 or delta.offset > known then
    return 'gap'
  end
  local text = delta.text
  if delta.offset < known then
    text = vim.fn.strcharpart(text, known - delta.offset --[[@as integer]])
  end
  if text == '' and part then
    return nothing()
  end
  local change = nothing()
  if part then
    part.text = part.text .. text
    change.append = { id = message.id, part = index, text = text }
  else
    part = { kind = delta.kind, text = text } --[[@as sessionls.TextPart|sessionls.ReasoningPart]]
    message.parts[index] = part
    change.messages[message.id] = true
  end
  lengths[part] = known + points(text)
  return change
end

--- Folds one event. Returns 'gap' if earlier events or messages that it moves are missing: open the session again then.
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
  -- Nothing waits any longer for a participant who does something here.
  folding.needs = vim.tbl_filter(function(one)
    return quiet or not event.by or one.participant.id ~= event.by.id
  end, state.session.needs or {})
  local handler = event_handlers[event.kind]
  if handler then
    handler(folding, event)
  end
  state.session.asking = #folding.asking > 0 and folding.asking or nil
  state.session.needs = #folding.needs > 0 and folding.needs or nil
  state.session.present = #state.participants > 0 and vim.list_slice(state.participants) or nil
  -- Opening or forking a session does not change when it was last updated.
  if not quiet then
    state.session.updatedAt = event.at
  end
  return folding.missing and 'gap' or folding.change
end

return M
