-- Events: by kind inside the plugin, as User autocommands outside.
local M = {}

local listeners = {}

--- Calls `fn` with the data of each event of this kind. Returns a function that unsubscribes.
---@param kind string
---@param fn fun(data: table)
---@return fun()
function M.on(kind, fn)
  listeners[kind] = listeners[kind] or {}
  table.insert(listeners[kind], fn)
  return function()
    listeners[kind] = vim.tbl_filter(function(one)
      return one ~= fn
    end, listeners[kind])
  end
end

function M.emit(kind, data)
  for _, fn in ipairs(vim.list_slice(listeners[kind] or {})) do
    local ok, problem = pcall(fn, data)
    if not ok then
      require('sessionls.notice').show(tostring(problem), vim.log.levels.ERROR)
    end
  end
end

--- Runs a User autocommand, and calls the listeners of the API.
local function public(name, data)
  vim.api.nvim_exec_autocmds('User', { pattern = 'Sessionls' .. name, modeline = false, data = data })
  M.emit(name, data)
end

-- The events of an open session.
local names = {
  replyStarted = 'ReplyStarted',
  replyFinished = 'ReplyFinished',
  edited = 'Edited',
  findingReported = 'FindingReported',
  participantJoined = 'ParticipantJoined',
}

M.on('event', function(data)
  local name = names[data.event.kind]
  if name then
    public(name, { sessionId = data.event.sessionId, event = data.event })
  end
end)

--- Emits the new questions of a session, open or not.
function M.session(server, session, known)
  local before, now = {}, {}
  for _, question in ipairs(known and known.asking or {}) do
    before[question.requestId] = question
  end
  for _, question in ipairs(session.asking or {}) do
    now[question.requestId] = true
    if not before[question.requestId] then
      public('QuestionAsked', { sessionId = session.id, question = question })
      M.emit('question', { server = server, session = session, question = question })
    end
  end
  for id, question in pairs(before) do
    if not now[id] then
      public('QuestionAnswered', { sessionId = session.id, question = question })
    end
  end
  public('SessionChanged', { session = session })
end

return M
