-- A session in its buffers: the transcript and the draft, and the windows that show them.
local bars = require('sessionls.bars')
local client = require('sessionls.client')
local events = require('sessionls.events')
local store = require('sessionls.store')
local transcript = require('sessionls.transcript')
local windows = require('sessionls.windows')

local M = {}

local FLUSH = 33 -- milliseconds between two drawings of new text
local PAGE = 50 -- messages
local PAINTED = 20 -- milliseconds after which the text is on the screen: what takes time and only colours it comes then

---@class sessionls.View
---@field id string the session
---@field server sessionls.Server
---@field state? sessionls.Open
---@field buf integer the transcript
---@field draft integer
---@field blocks { id: string, lines: string[], tail?: table }[] the head, then a block for each message
---@field meta sessionls.Meta[] one for each line
---@field once? string the agent of only the next message
---@field dirty table<string, true> messages to redraw, by id
---@field grown { id: string, part: integer, text: string }[] text that is to be added
---@field selections table<string, sessionls.Selection> the contexts that words of the draft refer to
---@field kept table<string, sessionls.Context> the contexts of words of a waiting message that is being edited
---@field editing? string the waiting message that is being edited
---@field bar? string the line above the transcript
---@field draft_bar? string the line above the draft
---@field trouble? string why the session cannot be used
---@field joining? boolean
---@field loading? boolean older messages are being fetched
---@field flushing? boolean it will be drawn soon
---@field painted? boolean it was drawn once
local View = {}
View.__index = View

---@type table<string, sessionls.View>
local views = {}
local by_buf = {} ---@type table<integer, sessionls.View>
local last ---@type sessionls.View?

vim.treesitter.language.register('markdown', { 'sessionls', 'sessionls_draft' })

--- The view of the current buffer, else of the current tab, else the last used view.
---@return sessionls.View?
function M.current()
  local here = by_buf[vim.api.nvim_get_current_buf()]
  if here then
    return here
  end
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local view = by_buf[vim.api.nvim_win_get_buf(win)]
    if view then
      return view
    end
  end
  return last
end

function M.of(buf)
  return by_buf[buf == nil and vim.api.nvim_get_current_buf() or buf]
end

function M.all()
  return views
end

local function scratch(name)
  local buf = vim.api.nvim_create_buf(true, false)
  vim.api.nvim_buf_set_name(buf, name)
  return buf
end

local function prepare(buf, filetype, root)
  vim.bo[buf].buftype = 'nowrite' -- so that :mksession saves its name, unlike with 'nofile'
  vim.bo[buf].bufhidden = 'hide'
  vim.bo[buf].swapfile = false
  vim.bo[buf].buflisted = false
  vim.b[buf].sessionls_root = root
  vim.bo[buf].filetype = filetype
end

---@return sessionls.View
local function make(server, id, buf, draft)
  local view = setmetatable({ id = id, server = server, blocks = {}, meta = {}, dirty = {}, grown = {} }, View)
  view.buf = buf or scratch('sessionls:/' .. id .. '.md')
  view.draft = draft or scratch('sessionls-draft:/' .. id .. '.md')
  views[id] = view
  by_buf[view.buf], by_buf[view.draft] = view, view
  prepare(view.buf, 'sessionls', server.root)
  vim.bo[view.buf].modifiable = false
  vim.bo[view.buf].undolevels = -1
  prepare(view.draft, 'sessionls_draft', server.root)
  require('sessionls.compose').attach(view)
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = view.buf,
    callback = function()
      view:closed()
    end,
  })
  for _, one in ipairs({ view.buf, view.draft }) do
    vim.api.nvim_create_autocmd('BufWinEnter', {
      buffer = one,
      callback = function()
        windows.set_options(view, vim.api.nvim_get_current_win())
      end,
    })
  end
  vim.api.nvim_create_autocmd('CursorMoved', {
    buffer = view.buf,
    callback = function()
      if vim.fn.line('.') <= 3 then
        view:older()
      end
    end,
  })
  return view
end

function View:closed()
  views[self.id] = nil
  by_buf[self.buf], by_buf[self.draft] = nil, nil
  last = last ~= self and last or nil
  if vim.v.exiting == vim.NIL and self.server.client then
    client.run(function()
      self.server:call('session/close', { sessionId = self.id })
    end)
  end
end

--- Shows the session's two windows in this tab.
---@param opts? { focus?: boolean, layout?: string }
function View:show(opts)
  last = self
  windows.show(self, opts)
end

-- From the server -----------------------------------------------------------------------------------------------------

--- Joins the session, also again after missed events. Call this only inside `client.run`.
function View:join()
  if self.joining then
    return
  end
  self.joining = true
  local result, problem = self.server:call('session/open', { sessionId = self.id, limit = PAGE })
  self.joining = false
  if not vim.api.nvim_buf_is_valid(self.buf) then
    return
  end
  if problem then
    self.trouble = type(problem) == 'table' and problem.message or problem
    bars.update(self)
    client.tell(problem)
    return
  end
  self.trouble = nil
  self.state = store.opened(result, self.state)
  for _, message in ipairs(self.state.messages) do
    self.dirty[message.id] = true
  end
  self.server:put(result.session)
  transcript.flush(self)
  bars.update(self)
  require('sessionls.compose').update(self)
  if not self.painted then
    self.painted = true
    vim.defer_fn(function()
      transcript.highlight(self.buf)
      transcript.highlight(self.draft)
    end, PAINTED)
  end
end

function View:event(event)
  if not self.state or self.joining then
    return
  end
  self:changed(store.fold(self.state, event))
end

function View:delta(delta)
  if not self.state or self.joining then
    return
  end
  self:changed(store.grow(self.state, delta))
end

function View:changed(change)
  if type(change) == 'string' then
    client.run(function()
      self:join()
    end)
    return
  end
  for id in pairs(change.messages) do
    self.dirty[id] = true
  end
  if change.append then
    table.insert(self.grown, change.append)
  end
  if change.session then
    bars.update(self)
    require('sessionls.compose').update(self)
  end
  if not self.flushing then
    self.flushing = true
    vim.defer_fn(function()
      self.flushing = false
      if vim.api.nvim_buf_is_valid(self.buf) then
        transcript.flush(self)
      end
    end, FLUSH)
  end
end

--- Loads older messages at the top.
function View:older()
  if not self.state or not self.state.more or self.loading then
    return
  end
  self.loading = true
  client.run(function()
    local first = self.state.messages[1]
    local page = self.server:call('session/history', { sessionId = self.id, before = first and first.id, limit = PAGE })
    self.loading = false
    if page then
      for _, message in ipairs(store.with_older(self.state, page)) do
        self.dirty[message.id] = true
      end
      transcript.flush(self)
    end
  end)
end

-- For other modules ----------------------------------------------------------------------------------------------------

--- Opens a session, and joins it if necessary.
---@param server sessionls.Server
---@param id string
---@param opts? { focus?: boolean, layout?: string, message?: string }
---@return sessionls.View
function M.open(server, id, opts)
  local view = views[id]
  local fresh = view == nil
  view = view or make(server, id)
  view:show(opts)
  if fresh or not view.state then
    client.run(function()
      view:join()
      if opts and opts.message then
        view:go_to(opts.message)
      end
    end)
  elseif opts and opts.message then
    view:go_to(opts.message)
  end
  return view
end

--- Moves the cursor of the transcript's window to a message.
function View:go_to(message_id)
  local win = windows.of(self.buf)
  for row, meta in ipairs(self.meta) do
    if win and meta.id == message_id and meta.header then
      vim.api.nvim_win_set_cursor(win, { row, 0 })
      return
    end
  end
end

--- Loads a session's buffer that was opened by its name, for example by a file of `:mksession`, or reloaded with `:edit`.
function M.read(buf, name)
  local draft, id = name:match('^sessionls(%-?d?r?a?f?t?):/+(.-)%.md$')
  if not id then
    return
  end
  local view = views[id]
  if view and buf == view.draft then
    require('sessionls.compose').load(view)
  elseif view then
    view.blocks, view.meta = {}, {}
    transcript.flush(view)
  else
    local server = client.of(buf)
    local made = draft == '' and make(server, id, buf) or make(server, id, nil, buf)
    view = made
    client.run(function()
      made:join()
    end)
  end
  windows.set_options(view, vim.api.nvim_get_current_win())
end

--- The metadata of the transcript's line under the cursor.
---@return sessionls.Meta
function View:under_cursor()
  return self.meta[vim.fn.line('.')] or {}
end

events.on('event', function(data)
  local view = views[data.event.sessionId]
  if view then
    view:event(data.event)
  end
end)

events.on('delta', function(data)
  local view = views[data.delta.sessionId]
  if view then
    view:delta(data.delta)
  end
end)

events.on('connected', function(data)
  for _, view in pairs(views) do
    if view.server == data.server and view.state then
      client.run(function()
        view:join()
      end)
    end
  end
end)

events.on('disconnected', function(data)
  for _, view in pairs(views) do
    if view.server == data.server then
      view.joining = false
      bars.update(view)
    end
  end
end)

events.on('deleted', function(data)
  local view = views[data.id]
  if view then
    view.trouble = 'This session was deleted.'
    bars.update(view)
  end
end)

return M
