-- A session in its buffers: the transcript and the draft, and the windows that show them.
local client = require('sessionls.client')
local config = require('sessionls.config')
local events = require('sessionls.events')
local render = require('sessionls.render')
local store = require('sessionls.store')

local M = {}

local FLUSH = 33 -- milliseconds in which words are gathered before they are drawn
local PAGE = 50 -- messages
local PARSED = 3000 -- lines up to which the transcript is parsed: beyond, a parser holds up the editor while a reply grows

---@class sessionls.View
---@field id string the session
---@field server sessionls.Server
---@field state? sessionls.Open
---@field buf integer the transcript
---@field draft integer
---@field blocks { id: string, lines: string[], tail?: table }[] the head, then a block for each message
---@field meta sessionls.Meta[] one for each line
---@field once? string the agent of the next message alone
local View = {}
View.__index = View

---@type table<string, sessionls.View>
local views = {}
local by_buf = {} ---@type table<integer, sessionls.View>
local last ---@type sessionls.View?

vim.treesitter.language.register('markdown', { 'sessionls', 'sessionls_draft' })

--- The view whose buffer this is; without one, of the current tab; without one, the last one that was used.
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

local function scratch(name, filetype)
  local buf = vim.api.nvim_create_buf(true, false)
  vim.api.nvim_buf_set_name(buf, name)
  return buf, filetype
end

local function prepare(buf, filetype, root)
  vim.bo[buf].buftype = 'nofile'
  vim.bo[buf].bufhidden = 'hide'
  vim.bo[buf].swapfile = false
  vim.bo[buf].buflisted = false
  vim.b[buf].sessionls_root = root
  vim.bo[buf].filetype = filetype
  pcall(vim.treesitter.start, buf, 'markdown')
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

-- Windows -------------------------------------------------------------------------------------------------------------

local function window_of(buf)
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.api.nvim_win_get_buf(win) == buf then
      return win
    end
  end
end

--- A window of this tab that shows another session's buffer of the same kind.
local function window_of_kind(field)
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local view = by_buf[vim.api.nvim_win_get_buf(win)]
    if view and view[field] == vim.api.nvim_win_get_buf(win) then
      return win
    end
  end
end

local function local_options(win, options)
  for name, value in pairs(options) do
    vim.wo[win][0][name] = value
  end
end

local function transcript_options(win)
  local_options(win, {
    number = false,
    relativenumber = false,
    signcolumn = 'no',
    wrap = true,
    linebreak = true,
    smoothscroll = true,
    foldmethod = 'expr',
    foldexpr = "v:lua.require'sessionls.view'.foldexpr()",
    foldtext = '',
    foldlevel = 0,
    foldenable = true,
    fillchars = 'fold: ',
    winbar = "%{%v:lua.require'sessionls.view'.winbar()%}",
  })
end

local function draft_options(win)
  local_options(win, {
    number = false,
    relativenumber = false,
    signcolumn = 'no',
    wrap = true,
    linebreak = true,
    winfixheight = true,
    winbar = "%{%v:lua.require'sessionls.compose'.winbar()%}",
  })
end

local function open_transcript(view, layout)
  if layout == 'tab' then
    vim.cmd('tab split')
    vim.api.nvim_win_set_buf(0, view.buf)
    return vim.api.nvim_get_current_win()
  elseif layout == 'current' then
    vim.api.nvim_win_set_buf(0, view.buf)
    return vim.api.nvim_get_current_win()
  elseif layout == 'below' then
    return vim.api.nvim_open_win(view.buf, false, { split = 'below', win = -1, height = math.floor(vim.o.lines * 0.5) })
  end
  local width = config.get().width
  width = width < 1 and math.floor(vim.o.columns * width) or width
  local win = vim.api.nvim_open_win(view.buf, false, { split = 'right', win = -1, width = math.max(20, math.floor(width)) })
  vim.wo[win].winfixwidth = true
  return win
end

--- Shows the session's two windows in this tab. Windows with code stay as they are.
---@param opts? { focus?: boolean, layout?: string }
function View:show(opts)
  opts = opts or {}
  last = self
  local before = vim.api.nvim_get_current_win()
  local win = window_of(self.buf)
  if not win then
    win = window_of_kind('buf')
    if win then
      vim.api.nvim_win_set_buf(win, self.buf)
    else
      win = open_transcript(self, opts.layout or config.get().layout)
    end
    transcript_options(win)
    vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(self.buf), 0 })
  end
  local below = window_of(self.draft)
  if not below then
    below = window_of_kind('draft')
    if below then
      vim.api.nvim_win_set_buf(below, self.draft)
    else
      below = vim.api.nvim_open_win(self.draft, false, { split = 'below', win = win, height = config.get().draft_height })
    end
    draft_options(below)
  end
  if opts.focus == false then
    if vim.api.nvim_win_is_valid(before) then
      vim.api.nvim_set_current_win(before)
    end
  else
    vim.api.nvim_set_current_win(below)
  end
end

--- Closes the session's windows in this tab, and leaves the session open.
function View:hide()
  for _, buf in ipairs({ self.draft, self.buf }) do
    local win = window_of(buf)
    if win and #vim.api.nvim_tabpage_list_wins(0) > 1 then
      vim.api.nvim_win_close(win, false)
    end
  end
end

function View:visible()
  return window_of(self.buf) ~= nil
end

-- From the server -----------------------------------------------------------------------------------------------------

--- Joins the session, or joins it again after events were missed. Only inside of `client.run`.
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
    self:redraw_bars()
    client.tell(problem)
    return
  end
  self.trouble = nil
  self.state = store.opened(result, self.state)
  for _, message in ipairs(self.state.messages) do
    self.dirty[message.id] = true
  end
  self.server:put(result.session)
  self:flush()
  self:redraw_bars()
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
    self.head_dirty = true
    self:redraw_bars()
  end
  if not self.flushing then
    self.flushing = true
    vim.defer_fn(function()
      self.flushing = false
      if vim.api.nvim_buf_is_valid(self.buf) then
        self:flush()
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
      self:flush()
    end
  end)
end

-- Drawing -------------------------------------------------------------------------------------------------------------

local function questions_of(state, id)
  return vim.tbl_filter(function(question)
    return question.messageId == id
  end, state.session.asking or {})
end

--- Replaces lines (rows from 0) and what is known of each.
function View:splice(row, removed, lines, meta)
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_lines(self.buf, row, row + removed, false, lines)
  vim.bo[self.buf].modifiable = false
  self:splice_meta(row, removed, meta)
end

function View:splice_meta(row, removed, meta)
  local all = self.meta
  local count, by = #all, #meta - removed
  if by ~= 0 then
    table.move(all, row + removed + 1, count, row + removed + 1 + by)
    for index = count + by + 1, count do
      all[index] = nil
    end
  end
  table.move(meta, 1, #meta, row + 1, all)
end

--- Draws a block anew, as far as it is different.
function View:draw(index, row, new)
  local old = self.blocks[index]
  local first, last_old, last_new = 1, #old.lines, #new.lines
  while first <= last_old and first <= last_new and old.lines[first] == new.lines[first] do
    first = first + 1
  end
  while last_old >= first and last_new >= first and old.lines[last_old] == new.lines[last_new] do
    last_old, last_new = last_old - 1, last_new - 1
  end
  local changed = last_old >= first or last_new >= first
  -- First what is known of the lines: folds are computed while they are replaced.
  self:splice_meta(row, #old.lines, new.meta)
  if changed then
    vim.bo[self.buf].modifiable = true
    vim.api.nvim_buf_set_lines(self.buf, row + first - 1, row + last_old, false, vim.list_slice(new.lines, first, last_new))
    vim.bo[self.buf].modifiable = false
  end
  self.blocks[index] = { id = old.id, lines = new.lines, tail = new.tail }
end

--- Words at the end of the reply's last part: no older text is touched.
function View:grow(index, row, grown)
  local block = self.blocks[index]
  local at = block.tail.row
  local text = block.lines[at + 1] .. grown
  local pieces = vim.split(grown:gsub('\r\n', '\n'), '\n', { plain = true })
  local column = #block.lines[at + 1]
  local meta = self.meta[row + at + 1]
  local more = {}
  for _ = 2, #pieces do
    table.insert(more, meta)
  end
  self:splice_meta(row + at + 1, 0, more)
  vim.bo[self.buf].modifiable = true
  vim.api.nvim_buf_set_text(self.buf, row + at, column, row + at, column, pieces)
  vim.bo[self.buf].modifiable = false
  if #pieces == 1 then
    block.lines[at + 1] = text
  else
    block.lines[at + 1] = block.lines[at + 1] .. pieces[1]
    for number = 2, #pieces do
      table.insert(block.lines, at + number, pieces[number])
    end
  end
  block.tail.row = at + #pieces - 1
  block.tail.size = block.tail.size + #grown
end

--- Brings the blocks into the order of the messages.
function View:arrange()
  local state, blocks = self.state, self.blocks
  if #blocks == 0 then
    local head = render.head(state)
    self:splice(0, vim.api.nvim_buf_line_count(self.buf), head.lines, {})
    self.meta = head.meta
    blocks[1] = { id = '', lines = head.lines }
  end
  local messages = state.messages
  -- Older ones before the first block.
  if blocks[2] and messages[1] and blocks[2].id ~= messages[1].id then
    local joint
    for at, message in ipairs(messages) do
      if message.id == blocks[2].id then
        joint = at
        break
      end
    end
    if joint then
      local lines, meta, new = {}, {}, {}
      for at = 1, joint - 1 do
        local drawn = render.message(messages[at], questions_of(state, messages[at].id))
        vim.list_extend(lines, drawn.lines)
        vim.list_extend(meta, drawn.meta)
        table.insert(new, { id = messages[at].id, lines = drawn.lines, tail = drawn.tail })
        self.dirty[messages[at].id] = nil
      end
      self:splice(#blocks[1].lines, 0, lines, meta)
      for at, block in ipairs(new) do
        table.insert(blocks, at + 1, block)
      end
    end
  end
  -- From the first one that differs on.
  local same = 0
  while messages[same + 1] and blocks[same + 2] and messages[same + 1].id == blocks[same + 2].id do
    same = same + 1
  end
  if #messages == same and #blocks == same + 1 then
    return
  end
  local row = 0
  for index = 1, same + 1 do
    row = row + #blocks[index].lines
  end
  local lines, meta = {}, {}
  for index = #blocks, same + 2, -1 do
    blocks[index] = nil
  end
  for at = same + 1, #messages do
    local drawn = render.message(messages[at], questions_of(state, messages[at].id))
    vim.list_extend(lines, drawn.lines)
    vim.list_extend(meta, drawn.meta)
    table.insert(blocks, { id = messages[at].id, lines = drawn.lines, tail = drawn.tail })
    self.dirty[messages[at].id] = nil
  end
  self:splice(row, vim.api.nvim_buf_line_count(self.buf) - row, lines, meta)
end

--- Draws what changed since the last time. Windows whose cursor is on the last line stay there.
function View:flush()
  if not self.state then
    return
  end
  local following = {}
  local count = vim.api.nvim_buf_line_count(self.buf)
  for _, win in ipairs(vim.fn.win_findbuf(self.buf)) do
    if vim.api.nvim_win_get_cursor(win)[1] >= count then
      table.insert(following, win)
    end
  end
  self:arrange()
  local grown = {}
  for _, one in ipairs(self.grown) do
    grown[one.id] = grown[one.id] or {}
    table.insert(grown[one.id], one)
  end
  self.grown = {}
  local row = 0
  for index, block in ipairs(self.blocks) do
    if index == 1 then
      self:draw(1, 0, render.head(self.state))
    elseif self.dirty[block.id] then
      self:draw(index, row, render.message(self.state.messages[index - 1], questions_of(self.state, block.id)))
    elseif grown[block.id] then
      self:draw_grown(index, row, grown[block.id])
    end
    row = row + #self.blocks[index].lines
  end
  self.dirty, self.head_dirty = {}, false
  count = vim.api.nvim_buf_line_count(self.buf)
  if count > PARSED and vim.treesitter.highlighter.active[self.buf] then
    vim.treesitter.stop(self.buf)
    vim.bo[self.buf].syntax = 'markdown'
  end
  for _, win in ipairs(following) do
    vim.api.nvim_win_set_cursor(win, { count, 0 })
  end
end

function View:draw_grown(index, row, grown)
  local block, message = self.blocks[index], self.state.messages[index - 1]
  local words = {}
  for _, one in ipairs(grown) do
    if not block.tail or block.tail.part ~= one.part or one.part ~= #message.parts then
      self:draw(index, row, render.message(message, questions_of(self.state, message.id)))
      return
    end
    table.insert(words, one.text)
  end
  local text = table.concat(words)
  -- Words that were drawn already, when the part was new, are not drawn again.
  if block.tail.size + #text ~= #message.parts[block.tail.part].text then
    self:draw(index, row, render.message(message, questions_of(self.state, message.id)))
    return
  end
  self:grow(index, row, text)
end

function M.foldexpr()
  local view = by_buf[vim.api.nvim_get_current_buf()]
  local meta = view and view.meta[vim.v.lnum]
  if not meta or not meta.fold then
    return '0'
  end
  return meta.fold == 1 and '>1' or '1'
end

-- Bars ----------------------------------------------------------------------------------------------------------------

local function escaped(text)
  return (text:gsub('%s+', ' '):gsub('%%', '%%%%'))
end

function View:redraw_bars()
  local session = self.state and self.state.session or self.server.sessions[self.id]
  local parts = {}
  if session then
    if session.asking then
      table.insert(parts, ('⚑ %d'):format(#session.asking))
    end
    local doing = session.state ~= 'active' and session.state or session.replying and 'writing …' or session.stopped
    if doing then
      table.insert(parts, doing)
    end
    if session.queued > 0 then
      table.insert(parts, session.queued .. ' waiting')
    end
    table.insert(parts, session.agent)
    if session.usage.cost then
      table.insert(parts, ('$%.2f'):format(session.usage.cost))
    end
    if self.state and #self.state.participants > 1 then
      table.insert(parts, 'with ' .. table.concat(
        vim.tbl_map(function(one)
          return one.name
        end, self.state.participants),
        ', '
      ))
    end
  end
  if not self.server.client then
    table.insert(parts, 1, 'the server is starting …')
  end
  if self.trouble then
    table.insert(parts, 1, self.trouble)
  end
  self.bar = escaped(table.concat(parts, ' · '))
  vim.cmd('redrawstatus!')
end

function M.winbar()
  local view = by_buf[vim.api.nvim_get_current_buf()]
  return view and view.bar or ''
end

-- From the outside ----------------------------------------------------------------------------------------------------

--- Opens a session, and joins it where that has not happened yet.
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

--- Puts the cursor of the transcript's window on a message.
function View:go_to(message_id)
  local win = window_of(self.buf)
  for row, meta in ipairs(self.meta) do
    if win and meta.id == message_id and meta.header then
      vim.api.nvim_win_set_cursor(win, { row, 0 })
      return
    end
  end
end

--- A session's buffer that was opened by its name, as from a file of `:mksession`.
function M.read(buf, name)
  local id = name:match('^sessionls%-?d?r?a?f?t?:/+(.-)%.md$')
  if not id or views[id] then
    return
  end
  local server = client.of(buf)
  local draft = vim.startswith(name, 'sessionls-draft:')
  local view
  if draft then
    view = make(server, id, nil, buf)
    draft_options(vim.api.nvim_get_current_win())
  else
    view = make(server, id, buf)
    transcript_options(vim.api.nvim_get_current_win())
  end
  client.run(function()
    view:join()
  end)
end

--- What a line of the transcript belongs to.
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
      view:redraw_bars()
    end
  end
end)

events.on('deleted', function(data)
  local view = views[data.id]
  if view then
    view.trouble = 'This session was deleted.'
    view:redraw_bars()
  end
end)

return M
