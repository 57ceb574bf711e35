-- Changes by agents in a session: lists them in the quickfix list, reverts them, and remembers which were reviewed.
local client = require('sessionls.client')
local documents = require('sessionls.documents')
local marks = require('sessionls.marks')

local M = {}

local FILE = vim.fs.joinpath(vim.fn.stdpath('state') --[[@as string]], 'sessionls', 'reviewed.json')
local TITLES = { reverted = 'reverted', overwritten = 'changed later by somebody' }
local last_revert ---@type { server: sessionls.Server, session: string, id: string }?

local function say(words, level)
  vim.notify(words, level or vim.log.levels.INFO, { title = 'sessionls' })
end

local function reviewed()
  local ok, text = pcall(vim.fn.readblob, FILE)
  local read, value = pcall(vim.json.decode, ok and text --[[@as string]] or '')
  return read and type(value) == 'table' and value or {}
end

--- The replies of a session that changed files, oldest first: their ids sort by creation.
local function replies(list)
  local seen, ids = {}, {}
  for _, file in ipairs(list.files) do
    for _, id in ipairs(file.messageIds or {}) do
      if not seen[id] then
        seen[id] = true
        table.insert(ids, id)
      end
    end
  end
  table.sort(ids)
  return ids
end

local function first_line(patch)
  local line = ('\n' .. (patch or '')):match('\n(%+[^\n]*)') or ('\n' .. (patch or '')):match('\n(%-[^\n]*)')
  return line and ': ' .. line or ''
end

local function items_of(view, message_id, list)
  local items, agent = {}, 'agent'
  for _, message in ipairs(view.state and view.state.messages or {}) do
    agent = message.id == message_id and message.author.agent or agent
  end
  for _, file in ipairs(list.files) do
    local data = { sessionId = view.id, messageId = message_id, uri = file.uri }
    for _, hunk in ipairs(file.hunks) do
      local state = TITLES[hunk.state]
      table.insert(items, {
        filename = documents.path(file.uri) or '',
        lnum = (hunk.line or 0) + 1,
        text = ('%s +%d −%d%s%s'):format(
          agent,
          hunk.added,
          hunk.removed,
          state and ' · ' .. state or '',
          first_line(hunk.patch)
        ),
        user_data = vim.tbl_extend('force', data, { hunk = hunk.id, state = hunk.state, patch = hunk.patch }),
      })
    end
    if #file.hunks == 0 then
      local words = ('%s %s +%d −%d%s'):format(
        agent,
        file.kind,
        file.added,
        file.removed,
        file.notice and ': ' .. file.notice or ''
      )
      table.insert(items, { filename = documents.path(file.uri) or '', lnum = 1, text = words, user_data = data })
    end
  end
  return items
end

--- The hunks that were not reviewed yet, for each reply. Call this only inside `client.run`.
local function collect(view, all)
  local whole, problem = view.server:call('change/list', { sessionId = view.id })
  if problem then
    client.tell(problem)
    return nil
  end
  local since, items, hidden = reviewed()[view.id], {}, 0
  for _, id in ipairs(replies(whole)) do
    if all or not since or id > since then
      local list, trouble = view.server:call('change/list', { sessionId = view.id, messageId = id })
      if trouble then
        client.tell(trouble)
        return nil
      end
      vim.list_extend(items, items_of(view, id, list))
    else
      hidden = hidden + 1
    end
  end
  for _, command in ipairs(whole.commands or {}) do
    if all or not since or command.messageId > since then
      table.insert(items, { text = 'unknown changes by a command: ' .. command.summary, valid = 0 })
    end
  end
  return items, hidden
end

local function is_ours()
  local context = vim.fn.getqflist({ context = 0 }).context
  return type(context) == 'table' and context.sessionls_changes ~= nil
end

--- The change under the cursor: an entry of the quickfix list, or a hunk of the file at the cursor.
local function here()
  if vim.bo.buftype == 'quickfix' then
    local item = is_ours() and vim.fn.getqflist()[vim.fn.line('.')]
    return item and type(item.user_data) == 'table' and item.user_data.sessionId and item.user_data or nil
  end
  local row, name = vim.fn.line('.'), vim.api.nvim_buf_get_name(0)
  for _, item in ipairs(is_ours() and vim.fn.getqflist() or {}) do
    local data = item.user_data
    if type(data) == 'table' and data.hunk and documents.path(data.uri) == name then
      local size = 0
      for _ in (data.patch or ''):gmatch('\n%+') do
        size = size + 1
      end
      if row >= item.lnum and row <= item.lnum + math.max(size, 1) - 1 and data.state == 'applied' then
        return data
      end
    end
  end
end

local function set_list(view, items, replace)
  vim.fn.setqflist({}, replace and 'r' or ' ', {
    title = 'Changes: ' .. (view.state and view.state.session.title or view.id),
    items = items,
    context = { sessionls_changes = view.id },
  })
end

local function maps(buf)
  local function map(key, meaning, fn)
    vim.keymap.set('n', key, function()
      if is_ours() then
        fn()
      else
        vim.api.nvim_feedkeys(key, 'n', false)
      end
    end, { buffer = buf, nowait = true, desc = meaning })
  end
  local view = require('sessionls.view').current
  for _, one in ipairs(M.keys) do
    map(one[1], one[2], function()
      one[3](view())
    end)
  end
end

--- Lists the changes by agents that were not reviewed yet; with `all`, all changes.
---@param view sessionls.View
---@param all? boolean
function M.list(view, all)
  client.run(function()
    local items, hidden = collect(view, all)
    if not items then
      return
    elseif #items == 0 and hidden > 0 then
      return say('You have reviewed all changes by agents in this session. :Sessionls changes all lists them again.')
    elseif #items == 0 then
      return say('No agent changed anything in this session.')
    end
    set_list(view, items)
    vim.cmd('botright copen')
    maps(vim.api.nvim_get_current_buf())
  end)
end

--- Updates the list if it is shown.
local function refresh(view)
  if is_ours() then
    local items = collect(view, true)
    if items then
      local row = vim.fn.line('.')
      set_list(view, items, true)
      if vim.bo.buftype == 'quickfix' then
        vim.api.nvim_win_set_cursor(0, { math.min(row, math.max(1, vim.api.nvim_buf_line_count(0))), 0 })
      end
    end
  end
end

local function revert(view, params)
  client.run(function()
    marks.reverting = marks.reverting + 1
    local done, problem = view.server:call('change/revert', params)
    marks.reverting = marks.reverting - 1
    if problem then
      local files = type(problem) == 'table' and problem.data and problem.data.files or {}
      local reasons = vim.tbl_map(function(file)
        return ('\n%s: %s'):format(require('sessionls.render').file_name(file.uri), file.reason)
      end, files)
      return client.tell((type(problem) == 'table' and problem.message or tostring(problem)) .. table.concat(reasons))
    end
    last_revert = { server = view.server, session = view.id, id = done.revertId }
    local words = {
      ('Reverted in %s. :Sessionls changes undo restores the changes.'):format(
        #done.uris == 1 and '1 file' or #done.uris .. ' files'
      ),
    }
    say(table.concat(vim.list_extend(words, done.notices or {}), '\n'))
    refresh(view)
  end)
end

--- Reverts the hunk under the cursor; with `whole`, all changes of its reply.
---@param view sessionls.View
---@param whole? boolean
function M.revert(view, whole)
  local change = here()
  if not change then
    return say('No change is under the cursor. :Sessionls changes lists them.', vim.log.levels.WARN)
  end
  local params = { sessionId = change.sessionId, messageId = change.messageId }
  if not whole then
    params.uri, params.hunk = change.uri, change.hunk
  end
  revert(view, params)
end

--- Restores the changes that were reverted last.
---@param view sessionls.View
function M.undo(view)
  if not last_revert or last_revert.session ~= view.id then
    return say('Nothing was reverted in this session from here.', vim.log.levels.WARN)
  end
  revert(view, { sessionId = view.id, revertId = last_revert.id })
end

--- Shows the hunk under the cursor as a diff.
function M.show()
  local change = here()
  if not change or not change.patch then
    return say('No change is under the cursor.', vim.log.levels.WARN)
  end
  vim.lsp.util.open_floating_preview(vim.split(vim.trim(change.patch), '\n', { plain = true }), 'diff', { border = 'single' })
end

--- Marks all changes up to here as reviewed: removes the signs, and lists only later changes from now on. With the cursor on
--- an entry of the list: the changes up to its reply.
---@param view sessionls.View
function M.reviewed(view)
  client.run(function()
    local change = vim.bo.buftype == 'quickfix' and here()
    local list, problem = view.server:call('change/list', { sessionId = view.id })
    if problem then
      return client.tell(problem)
    end
    local ids = replies(list)
    for _, command in ipairs(list.commands or {}) do
      table.insert(ids, command.messageId)
    end
    table.sort(ids)
    local newest = change and change.messageId or ids[#ids]
    if not newest then
      return say('No agent changed anything in this session.')
    end
    local known = reviewed()
    known[view.id] = newest
    vim.fn.mkdir(vim.fs.dirname(FILE), 'p')
    vim.fn.writefile({ vim.json.encode(known) }, FILE)
    if newest == ids[#ids] then
      marks.clear()
    end
    if is_ours() then
      set_list(view, collect(view) or {}, true)
    end
    say('Marked as reviewed. :Sessionls changes lists only later changes.')
  end)
end

-- The keys of the quickfix window for a list of changes.
M.keys = {
  { 'x', 'Revert the hunk', M.revert },
  {
    'X',
    'Revert all changes of its reply',
    function(view)
      M.revert(view, true)
    end,
  },
  { 'U', 'Restore what was reverted last', M.undo },
  { 'K', 'Show the hunk', M.show },
  { 'R', 'Mark the changes up to this reply as reviewed', M.reviewed },
}

return M
