-- The API for other plugins and for your configuration.
local M = {}

--- Runs `done` with the current session, or with a new one if there is none.
local function with_view(opts, done)
  local view = require('sessionls.view')
  local client = require('sessionls.client')
  if not opts.new then
    local current = view.current()
    if current then
      current:show({ focus = opts.focus })
      return done(current)
    end
  end
  local server = client.of()
  client.run(function()
    local session, problem = server:call('session/create', { agent = opts.default_agent, title = opts.title })
    if problem then
      return client.tell(problem)
    end
    server:put(session)
    done(view.open(server, session.id, { focus = opts.focus }))
  end)
end

---@class sessionls.AskOptions
---@field text? string sent immediately; without it the draft opens
---@field agent? string answers only this message
---@field selection? sessionls.Selection
---@field context? sessionls.Context[] only with `text`
---@field new? boolean to ask in a new session
---@field focus? boolean whether the cursor moves to the draft (default: true without `text`)

--- Asks in the current session, or in a new one.
---@param opts? sessionls.AskOptions
function M.ask(opts)
  opts = opts or {}
  local focus = opts.focus
  if focus == nil then
    focus = opts.text == nil
  end
  with_view({ new = opts.new, focus = focus }, function(view)
    local compose = require('sessionls.compose')
    if opts.text == nil then
      view.once = opts.agent or view.once
      if opts.selection then
        compose.add(view, opts.selection)
      end
      compose.update(view)
      return
    end
    view.server:ready(function(trouble)
      local client = require('sessionls.client')
      if trouble then
        return client.tell(trouble)
      end
      local contexts = vim.list_slice(opts.context or {})
      if opts.selection then
        local found, problem = require('sessionls.context').of_selection(view.server, opts.selection)
        if problem then
          return client.tell(problem)
        end
        table.insert(contexts, found)
      end
      compose.deliver(view, { text = opts.text, agent = opts.agent, context = contexts })
    end)
  end)
end

--- The known sessions, newest first, after the ones with an open question.
---@return sessionls.Session[]
function M.sessions()
  local found = {}
  for _, server in ipairs(require('sessionls.client').servers()) do
    vim.list_extend(found, vim.tbl_values(server.sessions))
  end
  table.sort(found, function(a, b)
    if (a.asking ~= nil) ~= (b.asking ~= nil) then
      return a.asking ~= nil
    end
    return a.updatedAt > b.updatedAt
  end)
  return found
end

--- Opens a session beside the code.
---@param id string
function M.open(id)
  local client = require('sessionls.client')
  for _, server in ipairs(client.servers()) do
    if server.sessions[id] then
      return require('sessionls.view').open(server, id)
    end
  end
  return require('sessionls.view').open(client.of(), id)
end

--- Answers an open question by its id (`requestId`).
---@param id string
---@param decision 'once'|'session'|'deny'
function M.answer(id, decision)
  local permission = require('sessionls.permission')
  for _, one in ipairs(permission.queue()) do
    if one.question.requestId == id then
      return permission.answer(one.server, one.session.id, id, decision)
    end
  end
  error(('No open question has the id %s.'):format(id), 2)
end

--- Calls `fn` with the data of each event of a kind: 'ReplyStarted', 'ReplyFinished', 'QuestionAsked', 'QuestionAnswered',
--- 'Edited', 'FindingReported', 'SessionChanged', 'ParticipantJoined'. They are also User autocommands with the prefix
--- `Sessionls`. Returns a function that unsubscribes.
---@param kind string
---@param fn fun(data: table)
---@return fun() stop
function M.on(kind, fn)
  return require('sessionls.events').on(kind, fn)
end

--- A text for the status line: `⚑ 2` for open questions, `✎ 1` for replies being written, or an empty string.
---@return string
function M.status()
  local status = package.loaded['sessionls.status']
  return status and status.text or ''
end

return M
