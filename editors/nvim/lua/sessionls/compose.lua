-- The draft: its text, the agent it is for, and sending it.
local bars = require('sessionls.bars')
local client = require('sessionls.client')
local context = require('sessionls.context')
local render = require('sessionls.render')

local M = {}

local EXPECTED = { [-32800] = true, [-32050] = true } -- somebody cancelled the reply, or withdrew the message

local function file_of(view)
  return vim.fs.joinpath(vim.fn.stdpath('state') --[[@as string]], 'sessionls', 'drafts', view.id .. '.md')
end

local function text_of(view)
  return table.concat(vim.api.nvim_buf_get_lines(view.draft, 0, -1, false), '\n')
end

--- Saves the draft on disk for the next start of Neovim.
local function keep(view)
  if not vim.api.nvim_buf_is_valid(view.draft) then
    return
  end
  local path, text = file_of(view), text_of(view)
  if vim.trim(text) == '' then
    vim.fn.delete(path)
    return
  end
  vim.fn.mkdir(vim.fs.dirname(path), 'p')
  vim.fn.writefile(vim.split(text, '\n', { plain = true }), path)
end

--- Restores the saved text of the draft.
---@param view sessionls.View
function M.load(view)
  local path = file_of(view)
  if vim.fn.filereadable(path) == 1 then
    vim.api.nvim_buf_set_lines(view.draft, 0, -1, false, vim.fn.readfile(path))
  end
end

--- Restores a view's draft, and saves it on each change.
---@param view sessionls.View
function M.attach(view)
  view.selections, view.kept = {}, {}
  M.load(view)
  local due
  vim.api.nvim_create_autocmd({ 'TextChanged', 'TextChangedI', 'TextChangedP' }, {
    buffer = view.draft,
    callback = function()
      if view.editing and vim.trim(text_of(view)) == '' then
        view.editing, view.kept = nil, {} -- an emptied draft leaves the waiting message unchanged
      end
      M.update(view)
      if not due then
        due = vim.defer_fn(function()
          due = nil
          keep(view)
        end, 500)
      end
    end,
  })
  vim.api.nvim_create_autocmd('VimLeavePre', {
    callback = function()
      keep(view)
    end,
  })
  require('sessionls.complete').attach(view.draft)
  M.update(view)
end

--- The agent that the draft is for: named by its first word, or chosen for it. Nil means the session's default agent.
---@return string? agent
---@return string text without that word
local function addressed(view, text)
  local name, rest = text:match('^%s*@([%w_%-%.]+)%s*(.*)$')
  if name then
    return name, rest
  end
  return view.once, text
end

--- Updates the line above the draft.
function M.update(view)
  local text = text_of(view)
  bars.update_draft(view, (addressed(view, text)), context.chips(view, text))
end

--- Sends a message with its context.
---@param view sessionls.View
---@param message { text: string, agent?: string, context?: sessionls.Context[], steer?: boolean, replaces?: string }
---@param done? fun(problem?: any)
function M.deliver(view, message, done)
  client.run(function()
    local params = {
      sessionId = view.id,
      text = message.text,
      agent = message.agent,
      context = message.context and #message.context > 0 and message.context or nil,
      delivery = message.steer and 'steer' or nil,
      replaces = message.replaces,
    }
    local _, problem = view.server:call('session/message', params)
    if problem and not (type(problem) == 'table' and EXPECTED[problem.code]) then
      client.tell(problem)
    end
    if done then
      done(problem)
    end
  end)
end

--- Whether an agent of this name exists. Reports if not.
local function known(view, name)
  local names = {}
  for _, agent in ipairs(view.server.agents) do
    if agent.name == name then
      return true
    end
    table.insert(names, '@' .. agent.name)
  end
  if #names == 0 then
    return true -- the agents are not known yet: the server checks the name
  end
  client.tell(('Unknown agent: %s. Known agents: %s.'):format(name, table.concat(names, ', ')))
  return false
end

--- Sends the draft. Keeps it unchanged if it has an error.
---@param view sessionls.View
---@param opts? { steer?: boolean }
function M.send(view, opts)
  view.server:ready(function(trouble)
    if trouble then
      return client.tell(trouble)
    end
    local agent, rest = addressed(view, text_of(view))
    local text, contexts, problem = context.split(view, rest)
    if problem then
      return client.tell(problem)
    elseif text == '' then
      return client.tell('Write a message first.', vim.log.levels.WARN)
    elseif agent and not known(view, agent) then
      return
    end
    local before, replaces = vim.api.nvim_buf_get_lines(view.draft, 0, -1, false), view.editing
    local meant = { selections = view.selections, kept = view.kept, once = view.once, editing = view.editing }
    vim.api.nvim_buf_set_lines(view.draft, 0, -1, false, {})
    view.selections, view.kept, view.once, view.editing = {}, {}, nil, nil
    M.update(view)
    keep(view)
    local arrived = false
    local stop = require('sessionls.events').on('event', function(data)
      local event = data.event
      if event.sessionId == view.id and event.kind == 'messageSent' and event.message.parts[1].text == text then
        arrived = true
      end
    end)
    local message = { text = text, agent = agent, context = contexts, steer = opts and opts.steer, replaces = replaces }
    M.deliver(view, message, function(refused)
      stop()
      -- Put a message that could not be sent back into the draft, unless the draft has new text.
      if refused and not arrived and vim.trim(text_of(view)) == '' then
        vim.api.nvim_buf_set_lines(view.draft, 0, -1, false, before)
        for name, value in pairs(meant) do
          view[name] = value
        end
        if replaces and refused.data and (refused.data.kind == 'messageNotFound' or refused.data.kind == 'notPermitted') then
          view.editing = nil -- its reply has begun: the draft is a new message now
        end
        M.update(view)
      end
    end)
  end)
end

--- Copies a waiting message into the draft to edit it. The sent draft replaces the message at its position in the queue.
---@param view sessionls.View
---@param message sessionls.Message
function M.edit(view, message)
  if vim.trim(text_of(view)) ~= '' then
    return client.tell('The draft is not empty. Send it, or empty it first.', vim.log.levels.WARN)
  end
  local words = message.agent and { '@' .. message.agent } or {}
  view.kept, view.editing = {}, message.id
  for _, one in ipairs(message.context or {}) do
    local word, number = '#' .. one.kind, 1
    while view.kept[word] do
      number = number + 1
      word = '#' .. one.kind .. number
    end
    -- Its context is read again when it is sent.
    local again = vim.deepcopy(one)
    if one.kind == 'image' then -- the session has it already
      again = { kind = 'image', sha256 = one.sha256, title = one.title }
    elseif one.kind ~= 'text' then
      again.text, again.sha256, again.notice = nil, nil, nil
    end
    view.kept[word] = again
    table.insert(words, word)
  end
  table.insert(words, message.parts[1].text)
  vim.api.nvim_buf_set_lines(view.draft, 0, -1, false, vim.split(table.concat(words, ' '), '\n', { plain = true }))
  view:show()
  M.update(view)
end

--- Adds a selection to the draft, as a word in its first line.
function M.add(view, selection)
  local word, number = '#selection', 1
  while view.selections[word] do
    number = number + 1
    word = '#selection' .. number
  end
  view.selections[word] = selection
  local first = vim.api.nvim_buf_get_lines(view.draft, 0, 1, false)[1] or ''
  local line = first == '' and word .. ' ' or first:gsub('%s*$', '') .. ' ' .. word .. ' '
  vim.api.nvim_buf_set_lines(view.draft, 0, 1, false, { line })
  local win = vim.fn.bufwinid(view.draft)
  if win ~= -1 then
    vim.api.nvim_win_set_cursor(win, { 1, #line })
  end
  M.update(view)
end

--- Chooses the agent of the next message.
function M.choose_once(view)
  require('sessionls.pick').agent(view.server, 'The agent of the next message', function(name)
    view.once = name
    M.update(view)
  end)
end

--- Shows the context of the word under the cursor of the draft in a preview window.
function M.preview(view)
  local word = vim.fn.expand('<cWORD>') --[[@as string]]
  local found, problem = context.resolve(view, word)
  if problem or not found then
    return client.tell(problem or 'The word under the cursor does not refer to a context.', vim.log.levels.WARN)
  end
  local lines = {}
  for _, one in ipairs(found) do
    table.insert(lines, render.chip(one))
    if one.kind == 'selection' and require('sessionls.documents').path(one.uri) then
      local first, last = one.range.start.line, one.range['end'].line
      vim.list_extend(lines, vim.api.nvim_buf_get_lines(vim.uri_to_bufnr(one.uri), first, last + 1, false))
    elseif one.text then
      vim.list_extend(lines, vim.split(one.text, '\n', { plain = true }))
    end
  end
  vim.lsp.util.open_floating_preview(lines, '', { border = 'single' })
end

local pending ---@type 'ask'|'add'

--- The operator of the maps: `.` repeats it.
---@param what 'ask'|'add'
function M.operator(what)
  pending = what
  vim.o.operatorfunc = "v:lua.require'sessionls.compose'.operated"
  return 'g@'
end

function M.operated(kind)
  local first = vim.api.nvim_buf_get_mark(0, '[') --[[@as [integer, integer] ]]
  local last = vim.api.nvim_buf_get_mark(0, ']') --[[@as [integer, integer] ]]
  local buf = vim.api.nvim_get_current_buf()
  local selection
  if kind == 'char' then
    local line = vim.api.nvim_buf_get_lines(buf, last[1] - 1, last[1], false)[1] or ''
    local after = last[2] + #(vim.fn.strpart(line, last[2]):match('^[%z\1-\127\194-\244][\128-\191]*') or '')
    selection = context.select(buf, first[1], last[1], first[2], after)
  else
    selection = context.select(buf, first[1], last[1])
  end
  require('sessionls').ask({ selection = selection, focus = pending == 'ask' })
end

return M
