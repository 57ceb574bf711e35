-- The language servers, one for each root folder: requests, notifications and requests from the server, and restarts after a crash.
local config = require('sessionls.config')
local events = require('sessionls.events')

local M = {}

---@class sessionls.Server the server of one root folder
---@field root string
---@field client? vim.lsp.Client set while the server runs and after it answered `initialize`
---@field sessions table<string, sessionls.Session> the known ones, by id
---@field agents sessionls.Agent[]
---@field default_agent? string
---@field waiting fun(err?: string)[] called once the server has started
---@field pending table<table, fun(err: any)> requests without a response
---@field restarts integer since the server last worked
---@field attached? table<integer, true> its buffers before it ended
local Server = {}
Server.__index = Server

---@type table<string, sessionls.Server>
local servers = {}
---@type table<string, fun()> what to do when a question is no longer open
local questions = {}
local asked_by = {} ---@type table<string, sessionls.Server> the server that asked each question, by the question's id
local seen = {} ---@type table<string, boolean> ids of questions that were listed in a session

local RESTARTS = 5

--- Runs `fn` as a coroutine that may wait for the server. Reports an error that it raises.
function M.run(fn)
  local thread = coroutine.create(fn)
  local ok, problem = coroutine.resume(thread)
  if not ok then
    M.tell(problem)
  end
end

--- Resumes a coroutine, and reports an error that it raises.
local function resume(thread, ...)
  local ok, problem = coroutine.resume(thread, ...)
  if not ok then
    M.tell(problem)
  end
end

---@param problem any a text, or an error of the protocol
---@param level? integer
function M.tell(problem, level)
  local words = problem
  if type(problem) == 'table' then
    words = problem.message or vim.inspect(problem)
    local hint = type(problem.data) == 'table' and problem.data.hint
    if hint then
      words = words .. ' ' .. hint
    end
  end
  vim.notify(tostring(words), level or vim.log.levels.ERROR, { title = 'sessionls' })
end

---@param buf integer
---@param on_dir fun(root: string)
function M.root_dir(buf, on_dir)
  on_dir(M.root_of(buf))
end

--- The root folder for a buffer: its repository; without one, the current folder if the file is in it, else the file's folder.
---@param buf? integer
---@return string
function M.root_of(buf)
  local cwd = vim.fs.normalize(vim.fn.getcwd())
  buf = buf or vim.api.nvim_get_current_buf()
  local name = vim.bo[buf].buftype == '' and vim.api.nvim_buf_get_name(buf) or ''
  if name == '' then
    return vim.fs.root(cwd, { '.git', '.agents' }) or cwd
  end
  local found = vim.fs.root(buf, { '.git', '.agents' })
  if found then
    return found
  end
  local path = vim.fs.normalize(name)
  return vim.startswith(path, cwd .. '/') and cwd or vim.fs.dirname(path)
end

---@param root string
---@return sessionls.Server
function M.server(root)
  root = vim.fs.normalize(root)
  servers[root] = servers[root]
    or setmetatable({ root = root, sessions = {}, agents = {}, waiting = {}, pending = {}, restarts = 0 }, Server)
  return servers[root]
end

---@return sessionls.Server[]
function M.servers()
  return vim.tbl_values(servers)
end

--- The server for a buffer: the server of its root folder, or the session's server for a session's buffers.
---@param buf? integer
---@return sessionls.Server
function M.of(buf)
  buf = (buf == nil or buf == 0) and vim.api.nvim_get_current_buf() or buf
  local root = vim.b[buf].sessionls_root ---@type string?
  return M.server(root or M.root_of(buf))
end

local function server_of(client_id)
  local client = vim.lsp.get_client_by_id(client_id)
  return client and client.root_dir and M.server(client.root_dir) or nil
end

function M.before_init(params, cfg)
  local settings = config.get()
  local root = cfg.root_dir
  local trusted = settings.trust
  if type(trusted) == 'function' then
    trusted = trusted(root)
  end
  params.initializationOptions = vim.tbl_extend('force', {
    workspaceTrusted = trusted == true,
    readOnly = settings.read_only,
    agent = settings.agent,
    model = settings.model,
  }, params.initializationOptions or {})
end

function M.on_init(client)
  require('sessionls.status')
  require('sessionls.permission')
  local server = M.server(client.root_dir or vim.fn.getcwd())
  server.client = client
  local waiting = server.waiting
  server.waiting = {}
  for _, ready in ipairs(waiting) do
    ready()
  end
  server:refresh()
  for buf in pairs(server.attached or {}) do
    if vim.api.nvim_buf_is_loaded(buf) then
      vim.lsp.buf_attach_client(buf, client.id)
    end
  end
  server.attached = nil
  events.emit('connected', { server = server })
end

function M.on_exit(code, signal, client_id)
  vim.schedule(function()
    for _, server in pairs(servers) do
      if server.client and server.client.id == client_id then
        server:ended(code, signal)
      end
      if not server.client and #server.waiting > 0 then
        local waiting = server.waiting
        server.waiting = {}
        for _, ready in ipairs(waiting) do
          ready(('The server did not start (exit code %d). Run :checkhealth sessionls for details.'):format(code))
        end
      end
    end
  end)
end

function Server:ended(code, signal)
  self.attached = {}
  for buf in pairs(self.client.attached_buffers or {}) do
    self.attached[buf] = true
  end
  self.client = nil
  for id, settle in pairs(questions) do
    questions[id] = nil
    settle()
  end
  if vim.v.exiting ~= vim.NIL then
    return
  end
  events.emit('disconnected', { server = self })
  local pending = self.pending
  self.pending = {}
  for _, answer in pairs(pending) do
    answer('The server has ended.')
  end
  if code == 0 and signal == 0 then
    return -- it was stopped on purpose
  end
  self.restarts = self.restarts + 1
  if self.restarts > RESTARTS then
    M.tell(('The server ended %d times and is not restarted. Run :checkhealth sessionls for details.'):format(RESTARTS))
    return
  end
  local wait = math.floor(200 * 2 ^ (self.restarts - 1))
  vim.defer_fn(function()
    self:ready(function(problem)
      if problem then
        M.tell(problem)
      end
    end)
  end, wait)
end

--- Calls `done` when the server runs. Starts the server if necessary.
---@param done fun(problem?: string)
function Server:ready(done)
  if self.client and not self.client:is_stopped() then
    return done()
  end
  table.insert(self.waiting, done)
  if #self.waiting > 1 then
    return
  end
  local configured = vim.lsp.config ---@type any (it is called, and has fields by name)
  local cfg = vim.deepcopy(configured.sessionls) ---@type vim.lsp.ClientConfig?
  if not cfg then
    self.waiting = {}
    return done('The plugin is incomplete: lsp/sessionls.lua is not on the runtimepath.')
  end
  cfg.name, cfg.root_dir = 'sessionls', self.root
  local program = type(cfg.cmd) == 'table' and cfg.cmd[1] or nil
  if program and vim.fn.executable(program) == 0 then
    self.waiting = {}
    return done(('%s is not executable. Install the server (pip install sessionls), or set vim.g.sessionls.cmd.'):format(program))
  end
  if not vim.lsp.start(cfg, { attach = false }) then
    self.waiting = {}
    done('The server did not start. Run :checkhealth sessionls for details.')
  end
end

--- Sends a request and waits for the response. Call this only inside `run`. Returns nil and the error if the request fails.
---@return any result
---@return any problem
function Server:call(method, params)
  local thread = assert(coroutine.running(), 'a request outside of run()')
  local answered, result, problem = false, nil, nil
  local waiting = false
  local answer_key = {}
  local function answer(err, value)
    if answered then
      return
    end
    self.pending[answer_key] = nil
    answered, result, problem = true, value, err
    if waiting then
      resume(thread)
    end
  end
  self:ready(function(trouble)
    if trouble then
      return answer(trouble)
    end
    self.pending[answer_key] = answer
    local sent = self.client:request(method, next(params or {}) and params or vim.empty_dict(), function(err, value)
      answer(err, value)
    end, 0)
    if not sent then
      answer('The server has ended.')
    end
  end)
  if not answered then
    waiting = true
    coroutine.yield()
  end
  return result, problem
end

--- Like `call`, but raises the error, which ends the coroutine with a message.
function Server:ask(method, params)
  local result, problem = self:call(method, params)
  if problem ~= nil then
    error(type(problem) == 'table' and setmetatable(vim.deepcopy(problem), nil) or problem, 0)
  end
  return result
end

--- Fetches the lists of sessions and agents.
function Server:refresh()
  M.run(function()
    local list = self:call('session/list', { limit = 200 })
    for _, session in ipairs(list and list.sessions or {}) do
      local known = self.sessions[session.id]
      if not known or known.seq <= session.seq then
        self.sessions[session.id] = session
      end
    end
    self:changed()
    self:refresh_agents()
  end)
end

function Server:refresh_agents()
  local found = self:call('agent/list', {})
  if found then
    self.agents, self.default_agent = found.agents, found.default
  end
end

--- Updates everything that depends on sessions: what is shown of them, and the questions that are no longer open.
function Server:changed()
  local open = {}
  for _, session in pairs(self.sessions) do
    for _, question in ipairs(session.asking or {}) do
      open[question.requestId] = true
      seen[question.requestId] = true
    end
  end
  for id, settle in pairs(questions) do
    if seen[id] and not open[id] and asked_by[id] == self then
      questions[id], seen[id] = nil, nil
      settle()
    end
  end
  events.emit('sessions', { server = self })
end

--- Stores a session as the server sent it.
---@param session sessionls.Session
function Server:put(session)
  local known = self.sessions[session.id]
  if not known or session.seq >= known.seq then
    self.sessions[session.id] = session
    self:changed()
    events.session(self, session, known)
  end
end

-- Notifications and requests from the server.
M.handlers = {
  ['session/event'] = function(_, event, ctx)
    events.emit('event', { server = server_of(ctx.client_id), event = event })
  end,
  ['session/delta'] = function(_, delta, ctx)
    events.emit('delta', { server = server_of(ctx.client_id), delta = delta })
  end,
  ['session/changed'] = function(_, params, ctx)
    local server = server_of(ctx.client_id)
    if not server then
      return
    end
    server.restarts = 0
    if params.deleted then
      server.sessions[params.deleted] = nil
      server:changed()
      events.emit('deleted', { server = server, id = params.deleted })
    end
    if params.session then
      server:put(params.session)
    end
  end,
  ['agent/changed'] = function(_, _, ctx)
    local server = server_of(ctx.client_id)
    if server then
      M.run(function()
        server:refresh_agents()
      end)
    end
  end,
  -- The question is part of the session. The first session/answer decides it, and ends this request.
  ['session/requestPermission'] = function(_, params, ctx)
    local thread = coroutine.running()
    asked_by[params.requestId] = server_of(ctx.client_id)
    questions[params.requestId] = function()
      asked_by[params.requestId] = nil
      resume(thread)
    end
    events.emit('asked', { server = server_of(ctx.client_id), question = params })
    coroutine.yield()
    return nil, vim.lsp.rpc_response_error(vim.lsp.protocol.ErrorCodes.RequestCancelled, 'The question is closed.')
  end,
  -- Apply the edit now, or after it was accepted if the server or a person requires a confirmation.
  ['workspace/applyEdit'] = function(_, params, ctx)
    local client = vim.lsp.get_client_by_id(ctx.client_id)
    local encoding = (client and client.offset_encoding or 'utf-16') --[[@as 'utf-8'|'utf-16'|'utf-32']]
    local proposals = require('sessionls.proposals')
    local result = proposals.accepted(params, encoding)
    if not result and proposals.wants(params) then
      local thread = coroutine.running()
      proposals.add(server_of(ctx.client_id), params, encoding, function(result)
        resume(thread, result)
      end)
      return coroutine.yield()
    end
    return result or require('sessionls.documents').apply(params, encoding)
  end,
  ['document/save'] = function(_, params)
    return require('sessionls.documents').save(params.uris)
  end,
  ['window/showDocument'] = function(err, params, ctx)
    local id = params.uri:match('^sessionls:/+(.-)%.md$')
    if not id then
      return vim.lsp.handlers['window/showDocument'](err, params, ctx)
    end
    local server = server_of(ctx.client_id)
    vim.schedule(function()
      require('sessionls.view').open(server, id, { focus = false })
    end)
    return { success = true }
  end,
}

return M
