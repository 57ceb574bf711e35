-- What other plugins and your own configuration may use.
local M = {}

--- Runs `done` with the session to ask in: the current one, else a new one.
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
---@field text? string sent at once; without it the draft opens
---@field agent? string who answers this one message
---@field selection? sessionls.Selection
---@field context? sessionls.Context[] with `text` alone
---@field new? boolean to ask in a new session
---@field focus? boolean whether the draft gets the cursor; without `text` it does unless this is false

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

--- The sessions that are known, newest first; those with an open question stand before the others.
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
--- 'Edited', 'FindingReported', 'SessionChanged', 'ParticipantJoined'. The same come as User autocommands with `Sessionls` before
--- the name. Gives a function that ends it.
---@param kind string
---@param fn fun(data: table)
---@return fun() stop
function M.on(kind, fn)
  return require('sessionls.events').on(kind, fn)
end

--- Words for the status line: `⚑ 2` for open questions, `✎ 1` for replies being written; nothing where there are none.
---@return string
function M.status()
  local status = package.loaded['sessionls.status']
  return status and status.text or ''
end

return M
