-- Edits that a person confirms: a diff of the file and the proposal, which can be edited.
local documents = require('sessionls.documents')
local events = require('sessionls.events')
local patches = require('sessionls.patch')

local M = {}

local WAITS = 590000 -- milliseconds: the server waits ten minutes

---@class sessionls.Proposal
---@field id? integer counted from 1, as soon as it waits
---@field server sessionls.Server
---@field label string
---@field uri string
---@field at? integer when it arrived
---@field lines fun(): string[] the text that is proposed
---@field settle fun(lines?: string[], reason?: string) with the accepted text, or with nil
---@field sessions table<string, true> the possible sessions of the edit
---@field request? string the question for permission that it belongs to
---@field tab? { page: integer, win: integer, buf: integer, back: integer }

---@type sessionls.Proposal[]
local open = {}
local accepted = {} ---@type table<string, { proposed: string[], accepted: string[] }> by URI: texts that were accepted before the edit arrived
local last = 0

--- Whether an edit of the server needs confirmation.
function M.wants(params)
  for _, annotation in pairs(params.edit.changeAnnotations or {}) do
    if annotation.needsConfirmation == true then
      return true
    end
  end
  return false
end

--- The waiting proposals, oldest first.
---@return sessionls.Proposal[]
function M.queue()
  return vim.tbl_filter(function(one)
    return one.request == nil
  end, open)
end

--- The proposal that a buffer shows.
---@return sessionls.Proposal?
function M.of(buf)
  for _, one in ipairs(open) do
    if one.tab and one.tab.buf == buf then
      return one
    end
  end
end

local function replying(server)
  local found = {}
  for id, session in pairs(server.sessions) do
    found[id] = session.replying or nil
  end
  return found
end

local function close_tab(proposal)
  local tab = proposal.tab
  proposal.tab = nil
  if tab and vim.api.nvim_buf_is_valid(tab.buf) then
    vim.bo[tab.buf].modified = false
  end
  if tab and vim.api.nvim_tabpage_is_valid(tab.page) then
    if #vim.api.nvim_list_tabpages() > 1 then
      local here = vim.api.nvim_get_current_tabpage()
      vim.cmd.tabclose(vim.api.nvim_tabpage_get_number(tab.page))
      if here == tab.page and vim.api.nvim_tabpage_is_valid(tab.back) then
        vim.api.nvim_set_current_tabpage(tab.back)
      end
    elseif vim.api.nvim_win_is_valid(tab.win) then
      vim.cmd('diffoff!')
      pcall(vim.api.nvim_win_close, tab.win, true)
    end
  end
end

--- Removes a proposal from the queue, and settles it with the accepted text.
local function settle(proposal, lines, reason)
  for at, one in ipairs(open) do
    if one == proposal then
      table.remove(open, at)
      close_tab(proposal)
      proposal.settle(lines, reason)
      events.emit('sessions', { server = proposal.server })
      return
    end
  end
end

--- Replaces the lines of a buffer that differ, in one undo step.
local function replace(buf, lines)
  local before = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  local function text(all)
    return #all == 0 and '' or table.concat(all, '\n') .. '\n'
  end
  local hunks = vim.diff(text(before), text(lines), { result_type = 'indices' }) --[[@as integer[][] ]]
  for at = #hunks, 1, -1 do
    local first, count, into, size = unpack(hunks[at] --[[@as [integer, integer, integer, integer] ]])
    local row = count == 0 and first or first - 1
    vim.api.nvim_buf_set_lines(buf, row, row + count, false, vim.list_slice(lines, into, into + size - 1))
  end
end

--- A document's lines after an edit.
local function edited(change, lines, encoding)
  local buf = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.lsp.util.apply_text_edits(change.edits, buf, encoding)
  local result = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  vim.api.nvim_buf_delete(buf, { force = true })
  return result
end

local function current_lines(uri)
  local buf = documents.buffer(uri)
  local path = documents.path(uri)
  if not buf and path and vim.uv.fs_stat(path) then
    buf = vim.uri_to_bufnr(uri)
    vim.fn.bufload(buf)
  end
  return buf and vim.api.nvim_buf_get_lines(buf, 0, -1, false) or {}
end

local function proposed_lines(params, uri, encoding)
  local change, kind = documents.parts(params.edit)
  if not change or kind == 'delete' then
    return {}
  elseif kind == 'create' then
    return documents.split(change.edits[1].newText)
  end
  return edited(change, current_lines(uri), encoding)
end

--- Applies an edit that a person may have changed. If they did, and the file had no unsaved changes, saves it: the server
--- saves only the files that have the text it sent.
---@return table result of workspace/applyEdit
local function make(params, uri, lines, encoding)
  local _, kind = documents.parts(params.edit)
  if kind == 'delete' then
    return documents.apply(params, encoding)
  end
  local proposed, before = proposed_lines(params, uri, encoding), current_lines(uri)
  local buf = documents.buffer(uri)
  local clean = not buf or not vim.bo[buf].modified
  if kind then
    local result = documents.apply(params, encoding)
    if not result.applied then
      return result
    end
    replace(assert(documents.buffer(uri)), lines)
  else
    local shown = assert(documents.buffer(uri))
    documents.break_undo(shown)
    replace(shown, lines)
    require('sessionls.marks').edited(shown, before)
  end
  if clean and not vim.deep_equal(lines, proposed) then
    documents.save({ uri })
  end
  return { applied = true }
end

---@param proposal sessionls.Proposal
local function add(proposal)
  last = last + 1
  proposal.id, proposal.at = last, vim.uv.now()
  table.insert(open, proposal)
  events.emit('sessions', { server = proposal.server })
  return proposal
end

--- Adds an edit of the server to the queue of questions.
---@param server sessionls.Server
---@param params table of workspace/applyEdit
---@param encoding string
---@param done fun(result: table)
function M.add(server, params, encoding, done)
  local uris = documents.uris(params.edit)
  if #uris ~= 1 or not documents.path(uris[1]) then
    return vim.schedule(function()
      done({ applied = false, failureReason = 'An edit of several documents cannot be confirmed here.' })
    end)
  end
  local label = params.label or 'An edit'
  local proposal = add({
    server = server,
    label = label,
    uri = uris[1],
    sessions = replying(server),
    lines = function()
      return proposed_lines(params, uris[1], encoding)
    end,
    settle = function(lines, reason)
      done(lines and make(params, uris[1], lines, encoding) or { applied = false, failureReason = reason })
    end,
  })
  vim.defer_fn(function()
    settle(proposal, nil, 'Nobody answered in time.')
  end, WAITS)
  require('sessionls.notice').show('⚑ :Sessionls answer shows the edit that waits: ' .. label, vim.log.levels.WARN)
end

--- The proposal of a question for permission: the file with its patch. Accepting it answers the question with `once`.
---@param server sessionls.Server
---@param session_id string
---@param question sessionls.OpenQuestion
---@return sessionls.Proposal?
function M.of_question(server, session_id, question)
  local patch = question.risk == 'write' and question.detail and patches.parse(question.detail)
  if not patch or not patch.new then
    return nil
  end
  local uri = vim.uri_from_fname(vim.fs.joinpath(server.root, patch.new))
  if (patch.old ~= nil) ~= (vim.uv.fs_stat(vim.uri_to_fname(uri)) ~= nil or documents.buffer(uri) ~= nil) then
    return nil
  end
  local lines = patches.apply(patch, patch.old and current_lines(uri) or {})
  if not lines then
    return nil
  end
  for _, one in ipairs(open) do
    if one.request == question.requestId then
      return one
    end
  end
  local permission = require('sessionls.permission')
  return add({
    server = server,
    label = question.summary,
    uri = uri,
    sessions = { [session_id] = true },
    request = question.requestId,
    lines = function()
      return lines
    end,
    settle = function(chosen, reason)
      if chosen then
        local known = { proposed = lines, accepted = chosen }
        accepted[uri] = known
        vim.defer_fn(function()
          accepted[uri] = accepted[uri] ~= known and accepted[uri] or nil -- the edit never arrived
        end, 60000)
        permission.answer(server, session_id, question.requestId, 'once')
      elseif reason ~= 'withdrawn' then
        permission.answer(server, session_id, question.requestId, 'deny')
      end
    end,
  })
end

--- The result of an edit that was accepted with its question for permission; nil for any other edit.
function M.accepted(params, encoding)
  local uris = documents.uris(params.edit)
  local known = #uris == 1 and accepted[uris[1]]
  if not known then
    return nil
  end
  accepted[uris[1]] = nil
  if vim.deep_equal(proposed_lines(params, uris[1], encoding), known.proposed) then
    return make(params, uris[1], known.accepted, encoding)
  end
end

local function escaped(text)
  return (text:gsub('%s+', ' '):gsub('%%', '%%%%'))
end

--- Shows a proposal in a new tab.
---@param proposal sessionls.Proposal
function M.show(proposal)
  if proposal.tab and vim.api.nvim_tabpage_is_valid(proposal.tab.page) then
    vim.api.nvim_set_current_tabpage(proposal.tab.page)
    return
  end
  local back = vim.api.nvim_get_current_tabpage()
  local lines, path = proposal.lines(), vim.uri_to_fname(proposal.uri)
  vim.cmd('tab split')
  if documents.buffer(proposal.uri) or vim.uv.fs_stat(path) then
    vim.cmd.edit(vim.fn.fnameescape(path))
  else -- a new file has nothing to compare with
    vim.cmd.enew()
    vim.bo.buftype, vim.bo.bufhidden, vim.bo.swapfile = 'nofile', 'wipe', false
  end
  vim.cmd.diffthis()
  vim.wo[0][0].winbar = escaped(vim.fn.fnamemodify(path, ':~:.'))
  local filetype = vim.filetype.match({ filename = path, contents = lines }) or ''
  local buf = vim.api.nvim_create_buf(false, false)
  vim.api.nvim_buf_set_name(buf, ('sessionls-proposal:/%d/%s'):format(proposal.id, vim.fs.basename(path)))
  vim.bo[buf].buftype, vim.bo[buf].bufhidden, vim.bo[buf].swapfile = 'acwrite', 'wipe', false
  vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
  vim.bo[buf].modified, vim.bo[buf].filetype = false, filetype
  local win = vim.api.nvim_open_win(buf, true, { split = 'right', win = 0 })
  vim.cmd.diffthis()
  vim.wo[win][0].winbar = escaped(proposal.label) .. ' · :w accepts it, :q rejects it'
  proposal.tab = { page = vim.api.nvim_get_current_tabpage(), win = win, buf = buf, back = back }
  vim.api.nvim_create_autocmd('BufWriteCmd', {
    buffer = buf,
    callback = function()
      local chosen = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
      vim.bo[buf].modified = false
      vim.schedule(function()
        settle(proposal, chosen)
      end)
    end,
  })
  vim.api.nvim_create_autocmd('BufWipeout', {
    buffer = buf,
    callback = function()
      if vim.v.exiting == vim.NIL and proposal.tab then
        vim.schedule(function()
          settle(proposal, nil, 'It was declined.')
        end)
      end
    end,
  })
end

--- Accepts a proposal with its current text, or rejects it.
---@param proposal sessionls.Proposal
---@param yes boolean
function M.decide(proposal, yes)
  local lines = proposal.tab and vim.api.nvim_buf_get_lines(proposal.tab.buf, 0, -1, false) or proposal.lines()
  settle(proposal, yes and lines or nil, 'It was declined.')
end

--- Withdraws proposals if their reply has ended or their question was answered elsewhere.
local function withdraw(server)
  for _, proposal in ipairs(vim.list_slice(open)) do
    local wanted = next(proposal.sessions) == nil -- its reply is not known here
    for id in pairs(proposal.sessions) do
      local session = server.sessions[id]
      if proposal.request then
        for _, question in ipairs(session and session.asking or {}) do
          wanted = wanted or question.requestId == proposal.request
        end
      else
        wanted = wanted or (session and session.replying) == true
      end
    end
    if proposal.server == server and not wanted then
      settle(proposal, nil, 'withdrawn')
    end
  end
end

events.on('sessions', function(data)
  withdraw(data.server)
end)

events.on('disconnected', function(data)
  for _, proposal in ipairs(vim.list_slice(open)) do
    if proposal.server == data.server then
      settle(proposal, nil, 'withdrawn')
    end
  end
end)

return M
