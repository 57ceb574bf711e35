-- The actions on a session, for keys and commands.
local client = require('sessionls.client')

local M = {}

--- Sends a request about a view's session, and reports errors.
local function request(view, method, params, done)
  client.run(function()
    local result, problem = view.server:call(method, vim.tbl_extend('force', { sessionId = view.id }, params or {}))
    if problem then
      return client.tell(problem)
    end
    if done then
      done(result)
    end
  end)
end
M.request = request

local function step(view, by)
  local row = vim.fn.line('.') + by
  while view.meta[row] do
    if view.meta[row].header then
      vim.api.nvim_win_set_cursor(0, { row, 0 })
      return
    end
    row = row + by
  end
  if by < 0 then
    view:older()
  end
end

function M.next(view)
  step(view, 1)
end

function M.previous(view)
  step(view, -1)
end

function M.cancel(view)
  request(view, 'session/cancel')
end

function M.pause(view)
  request(view, 'session/pause')
end

function M.resume(view)
  request(view, 'session/resume')
end

function M.toggle_pause(view)
  local session = view.state and view.state.session or view.server.sessions[view.id]
  if session and (session.state == 'paused' or session.stopped) then
    M.resume(view)
  else
    M.pause(view)
  end
end

function M.switch(view, name)
  local function to(agent)
    request(view, 'session/switchAgent', { agent = agent }, function()
      require('sessionls.compose').update(view)
    end)
  end
  if name then
    return to(name)
  end
  require('sessionls.pick').agent(view.server, 'The default agent of this session', to)
end

--- Forks the session at the message under the cursor of the transcript, or at its end.
function M.fork(view)
  local here = vim.api.nvim_get_current_buf() == view.buf and view:under_cursor().id or nil
  request(view, 'session/fork', { at = here }, function(session)
    view.server:put(session)
    require('sessionls.view').open(view.server, session.id)
  end)
end

--- Shows a location of a file in a window with code, never in the session's windows.
function M.show_location(uri, range, encoding)
  if not require('sessionls.documents').path(uri) then
    return client.tell(('%s is not a file.'):format(uri), vim.log.levels.WARN)
  end
  local target
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local buf = vim.api.nvim_win_get_buf(win)
    if vim.bo[buf].buftype == '' and vim.api.nvim_win_get_config(win).relative == '' then
      target = win
      break
    end
  end
  if target then
    vim.api.nvim_set_current_win(target)
  else
    vim.cmd('topleft vsplit')
  end
  vim.lsp.util.show_document(
    { uri = uri, range = range or { start = { line = 0, character = 0 }, ['end'] = { line = 0, character = 0 } } },
    encoding,
    { reuse_win = false, focus = true }
  )
end

function M.follow(view)
  local meta = view:under_cursor()
  local encoding = view.server.client and view.server.client.offset_encoding or 'utf-8'
  if meta.question then
    return require('sessionls.permission').show(view.server, view.id, meta.question)
  elseif meta.older then
    return view:older()
  elseif meta.parent then
    return require('sessionls.view').open(view.server, meta.parent.sessionId, { message = meta.parent.messageId })
  elseif meta.part and meta.part.kind == 'finding' then
    return M.show_location(meta.part.finding.uri, meta.part.finding.range, encoding)
  elseif meta.part and meta.part.kind == 'edit' then
    return M.show_location(meta.part.uri, nil, encoding)
  elseif meta.context and meta.context.uri then
    return M.show_location(meta.context.uri, meta.context.range, encoding)
  end
  -- A path with or without a line: app.py:12
  local word = vim.fn.expand('<cWORD>') --[[@as string]]
  word = word:gsub('^[`"\'(%[]+', ''):gsub('[`"\'%)%],;.]+$', '')
  local path, line = word:match('^(.-):(%d+)')
  path = path or word
  for _, full in ipairs({ vim.fs.joinpath(view.server.root, path), vim.fn.fnamemodify(path, ':p') }) do
    if path ~= '' and vim.fn.filereadable(full) == 1 then
      local at = { line = math.max(0, (tonumber(line) or 1) - 1), character = 0 }
      return M.show_location(vim.uri_from_fname(full), { start = at, ['end'] = at }, encoding)
    end
  end
  vim.notify('No path, question, finding or link is under the cursor.', vim.log.levels.INFO, { title = 'sessionls' })
end

--- Yanks the fenced code under the cursor, without its fences.
function M.yank(view)
  local row = vim.fn.line('.')
  local id = view:under_cursor().id
  local lines = vim.api.nvim_buf_get_lines(view.buf, 0, -1, false)
  local open, code = nil, nil
  for at, line in ipairs(lines) do
    if (view.meta[at] or {}).id == id and line:match('^%s*```') then
      if open then
        if open <= row and row <= at then
          code = vim.list_slice(lines, open + 1, at - 1)
        end
        open = nil
      else
        open = at
      end
    end
  end
  if not code then
    vim.notify('No fenced code is under the cursor.', vim.log.levels.INFO, { title = 'sessionls' })
    return
  end
  vim.fn.setreg('"', code, 'l')
  if vim.o.clipboard:match('unnamed') then
    vim.fn.setreg('+', code, 'l')
  end
  vim.notify(('%d lines yanked.'):format(#code), vim.log.levels.INFO, { title = 'sessionls' })
end

function M.help(view)
  local maps = require('sessionls.maps')
  local chosen = require('sessionls.config').get().maps
  local own = vim.api.nvim_get_current_buf() == view.draft and maps.draft_maps or maps.transcript_maps
  local lines = {}
  for name, map in pairs(vim.tbl_extend('error', {}, own, maps.common_maps)) do
    local key = chosen[name]
    if key ~= false then
      table.insert(lines, ('%-8s %s'):format(key or map[2], map[3]))
    end
  end
  table.sort(lines)
  local _, win = vim.lsp.util.open_floating_preview(lines, '', { border = 'single', title = 'Keys' })
  vim.wo[win].linebreak, vim.wo[win].breakindent, vim.wo[win].breakindentopt = true, true, 'shift:9'
end

return M
