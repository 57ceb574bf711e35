-- Questions for permission: a queue that can be answered at any time, and a window that shows one question.
local client = require('sessionls.client')
local events = require('sessionls.events')
local notice = require('sessionls.notice')
local proposals = require('sessionls.proposals')

local M = {}

local READING = 300 -- milliseconds during which a newly focused window ignores keys
local notified = {}
local shown ---@type { buf: integer, win: integer, server: sessionls.Server, session: string, question: sessionls.OpenQuestion, since: number }?

--- The open questions, oldest first.
---@return { server: sessionls.Server, session: sessionls.Session, question: sessionls.OpenQuestion }[]
function M.queue()
  local found = {}
  for _, server in ipairs(client.servers()) do
    for _, session in pairs(server.sessions) do
      for _, question in ipairs(session.asking or {}) do
        table.insert(found, { server = server, session = session, question = question })
      end
    end
  end
  table.sort(found, function(a, b)
    return a.question.at < b.question.at
  end)
  return found
end

--- Answers a question. The first answer counts.
---@param server sessionls.Server
---@param session_id string
---@param request_id string
---@param decision 'once'|'session'|'deny'
---@param reason? string sent to the agent after a denial
function M.answer(server, session_id, request_id, decision, reason)
  client.run(function()
    local _, problem = server:call('session/answer', { sessionId = session_id, requestId = request_id, decision = decision })
    if problem then
      return client.tell(problem)
    end
    if reason then
      server:call('session/message', { sessionId = session_id, text = reason, delivery = 'steer' })
    end
  end)
end

local function close()
  local was = shown
  shown = nil
  if was and vim.api.nvim_win_is_valid(was.win) then
    vim.api.nvim_win_close(was.win, true)
  end
end

local function key(decision)
  return function()
    if not shown or vim.uv.now() - shown.since < READING then
      return -- typed before the question could be read
    end
    local one = shown
    close()
    if decision ~= 'why' then
      return M.answer(one.server, one.session, one.question.requestId, decision)
    end
    vim.ui.input({ prompt = 'Why not? ' }, function(reason)
      if reason then
        M.answer(one.server, one.session, one.question.requestId, 'deny', reason ~= '' and reason or nil)
      end
    end)
  end
end

--- Shows the file and the proposed change side by side.
local function propose()
  local one = shown
  local proposal = one and proposals.of_question(one.server, one.session, one.question)
  if proposal then
    close()
    proposals.show(proposal)
  else
    vim.notify('This question has no change to show beside a file.', vim.log.levels.INFO, { title = 'sessionls' })
  end
end

--- Shows a question in a floating window. Closing the window leaves the question open.
---@param server sessionls.Server
---@param session_id string
---@param question sessionls.OpenQuestion
function M.show(server, session_id, question)
  close()
  local lines = { ('⚑ %s asks: %s'):format(question.agent, (question.summary:gsub('%s+', ' '))) }
  local keys = 'y allows it once · d denies it · D denies it with a reason · q leaves it open'
  if question.risk == 'write' then
    keys = keys .. ' · p shows it beside the file'
  end
  if question.scope then
    keys = keys:gsub(' · d', ' · s for this session · d', 1)
    table.insert(lines, 'For this session allows: ' .. question.scope:gsub('%s+', ' ') .. ', in replies to your messages.')
  end
  if question.detail then
    table.insert(lines, '')
    vim.list_extend(lines, vim.split(question.detail, '\n', { plain = true }))
  end
  local buf = vim.api.nvim_create_buf(false, true)
  vim.bo[buf].bufhidden = 'wipe'
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].filetype = question.risk == 'write' and 'diff' or 'sessionls_question'
  vim.bo[buf].modifiable = false
  local win = vim.api.nvim_open_win(buf, true, { split = 'below', win = -1, height = 5 })
  vim.wo[win][0].winfixheight, vim.wo[win][0].number = true, false
  vim.wo[win][0].wrap, vim.wo[win][0].linebreak = true, true
  vim.wo[win][0].statusline = 'question'
  vim.wo[win][0].winbar = keys .. '%<' -- always to be seen, whatever the question's length
  local height = vim.api.nvim_win_text_height(win, {}).all + 1
  vim.api.nvim_win_set_height(win, math.min(height, math.max(6, math.floor(vim.o.lines / 3))))
  shown = { buf = buf, win = win, server = server, session = session_id, question = question, since = vim.uv.now() }
  vim.api.nvim_create_autocmd('WinEnter', {
    buffer = buf,
    callback = function()
      if shown then
        shown.since = vim.uv.now()
      end
    end,
  })
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = buf,
    callback = function()
      if shown and shown.buf == buf then
        shown = nil
      end
    end,
  })
  local map = { y = key('once'), d = key('deny'), D = key('why'), q = close, p = propose }
  if question.scope then
    map.s = key('session')
  else
    map.s = function() end
  end
  for lhs, rhs in pairs(map) do
    vim.keymap.set('n', lhs, rhs, { buffer = buf, nowait = true })
  end
  -- Keys typed too early must not run other maps.
  for _, lhs in ipairs({ 'a', 'i', 'o', 'A', 'I', 'O', 'c', 'x', 'P', '<CR>' }) do
    vim.keymap.set('n', lhs, function() end, { buffer = buf, nowait = true })
  end
end

--- Shows the oldest open question or waiting edit, or the next one if one is shown already.
function M.next()
  local queue = vim.list_extend(M.queue(), proposals.queue())
  if #queue == 0 then
    vim.notify('No open questions.', vim.log.levels.INFO, { title = 'sessionls' })
    return
  end
  local at, proposal = 1, proposals.of(vim.api.nvim_get_current_buf())
  for index, one in ipairs(queue) do
    if one == proposal or (shown and one.question and one.question.requestId == shown.question.requestId) then
      at = index % #queue + 1
    end
  end
  if queue[at].question then
    M.show(queue[at].server, queue[at].session.id, queue[at].question)
  else
    close()
    proposals.show(queue[at] --[[@as sessionls.Proposal]])
  end
end

--- Answers the question or proposal that is shown or under the cursor. Shows the next one if there is none.
---@param decision 'once'|'session'|'deny'
function M.decide(decision)
  local proposal = proposals.of(vim.api.nvim_get_current_buf())
  if proposal then
    return proposals.decide(proposal, decision ~= 'deny')
  elseif shown and vim.api.nvim_get_current_win() == shown.win then
    return key(decision)()
  end
  local view = require('sessionls.view').of()
  local question = view and vim.api.nvim_get_current_buf() == view.buf and view:under_cursor().question
  if question then
    return M.answer(view.server, view.id, question.requestId, decision)
  end
  M.next()
end

events.on('question', function(data)
  local id = data.question.requestId
  if not notified[id] then
    notified[id] = true
    local words = ('⚑ :Sessionls answer · %s asks: %s'):format(data.question.agent, data.question.summary)
    notice.show(words, vim.log.levels.WARN, data.session.title)
  end
end)

-- Close a question that was answered elsewhere.
events.on('sessions', function()
  if not shown then
    return
  end
  for _, one in ipairs(M.queue()) do
    if one.question.requestId == shown.question.requestId then
      return
    end
  end
  close()
end)

return M
