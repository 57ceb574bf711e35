-- The context of a message: words in the draft that begin with #, and the protocol objects that they refer to.
local M = {}

local namespace = vim.api.nvim_create_namespace('sessionls_selection')

---@class sessionls.Selection a piece of a buffer that stays true while the code around it moves
---@field buf integer
---@field mark integer
---@field lines boolean whole lines

local IMAGES = { 'png', 'jpg', 'jpeg', 'webp', 'gif' } -- extensions of files that are sent as images

-- The words that completion always offers.
M.words = {
  ['#buffer'] = 'the current file',
  ['#buffers'] = 'all open files',
  ['#diagnostics'] = 'the diagnostics of the current file',
  ['#diff'] = 'the uncommitted changes',
  ['#symbol'] = 'the function or class around the cursor',
  ['#quickfix'] = 'the quickfix list',
  ['#file:'] = 'a file or an image, by its path',
}

--- Remembers lines `first` to `last` (from 1) of a buffer, or with columns (bytes, from 0; `to` is exclusive) the text between them.
---@param buf integer
---@param first integer
---@param last integer
---@param from? integer
---@param to? integer
---@return sessionls.Selection
function M.select(buf, first, last, from, to)
  local whole = from == nil
  local text = vim.api.nvim_buf_get_lines(buf, last - 1, last, false)[1] or ''
  local mark = vim.api.nvim_buf_set_extmark(buf, namespace, first - 1, from or 0, {
    end_row = last - 1,
    end_col = whole and #text or math.min(to or 0, #text) --[[@as integer]],
    right_gravity = false,
    end_right_gravity = true,
  })
  return { buf = buf, mark = mark, lines = whole }
end

local function is_file(buf)
  return vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].buftype == '' and vim.api.nvim_buf_get_name(buf) ~= ''
end

--- The current file: in the most recently used window of this tab that shows a file.
function M.code_buffer()
  local here = vim.api.nvim_get_current_buf()
  if is_file(here) then
    return here
  end
  local best, used = nil, -1 ---@type integer?, number
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    local buf = vim.api.nvim_win_get_buf(win)
    local when = vim.fn.getbufinfo(buf)[1].lastused
    local alternate = win == vim.fn.win_getid(vim.fn.winnr('#'))
    if is_file(buf) and (when > used or alternate) then
      best, used = buf, alternate and math.huge or when
    end
  end
  return best
end

local function code_window(buf)
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if vim.api.nvim_win_get_buf(win) == buf then
      return win
    end
  end
end

local function position(buf, row, column, encoding)
  local line = vim.api.nvim_buf_get_lines(buf, row, row + 1, false)[1] or ''
  return { line = row, character = vim.str_utfindex(line, encoding, math.min(column, #line)) }
end

--- Attaches the server to the buffer, so that it reads the unsaved text.
local function about(server, buf)
  if not vim.lsp.buf_is_attached(buf, server.client.id) then
    vim.lsp.buf_attach_client(buf, server.client.id)
  end
  return { uri = vim.uri_from_bufnr(buf), dirty = vim.bo[buf].modified or nil }
end

---@param server sessionls.Server
---@param selection sessionls.Selection
---@return sessionls.Context? context
---@return string? problem
function M.of_selection(server, selection)
  local buf = selection.buf
  if not vim.api.nvim_buf_is_loaded(buf) then
    return nil, 'The buffer of the selection was closed.'
  end
  local mark = vim.api.nvim_buf_get_extmark_by_id(buf, namespace, selection.mark, { details = true })
  if #mark == 0 then
    return nil, 'The selected text no longer exists.'
  end
  local row, column, details = unpack(mark --[[@as [integer, integer, { end_row: integer, end_col: integer }] ]])
  local encoding = server.client.offset_encoding
  local range = {
    start = position(buf, row, selection.lines and 0 or column, encoding),
    ['end'] = position(buf, details.end_row, details.end_col, encoding),
  }
  if selection.lines then
    range['end'] = position(buf, details.end_row, math.huge, encoding)
  end
  if not is_file(buf) then
    local lines = vim.api.nvim_buf_get_text(buf, row, selection.lines and 0 or column, details.end_row, details.end_col, {})
    return { kind = 'text', title = 'selection', text = table.concat(lines, '\n') }
  end
  return vim.tbl_extend('force', about(server, buf), { kind = 'selection', range = range }) --[[@as sessionls.Context]]
end

local function diagnostics_of(server, buf)
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(buf)) do
    if one.source ~= 'sessionls' then
      local encoding = server.client.offset_encoding
      table.insert(found, {
        range = {
          start = position(buf, one.lnum, one.col, encoding),
          ['end'] = position(buf, one.end_lnum or one.lnum, one.end_col or one.col, encoding),
        },
        severity = one.severity,
        message = one.message,
        source = one.source,
        code = one.code,
      })
    end
  end
  return found
end

--- The function, method or class around the cursor, according to the tree-sitter parser of its language.
local function symbol_of(server, buf)
  local win = code_window(buf)
  local at = win and vim.api.nvim_win_get_cursor(win)
  local ok, node = pcall(vim.treesitter.get_node, {
    bufnr = buf,
    pos = at and { at[1] - 1, at[2] } --[[@as [integer, integer] ]] or nil,
  })
  while ok and node do
    local name = node:field('name')[1]
    if name and (node:type():match('function') or node:type():match('class') or node:type():match('method')) then
      local first, from, last, to = node:range()
      local encoding = server.client.offset_encoding
      return vim.tbl_extend('force', about(server, buf), {
        kind = 'symbol',
        name = vim.treesitter.get_node_text(name, buf),
        range = { start = position(buf, first, from, encoding), ['end'] = position(buf, last, to, encoding) },
      })
    end
    node = node:parent()
  end
  return nil, 'No function or class is around the cursor, or no parser for this language is installed.'
end

local function quickfix()
  local lines = {}
  for _, item in ipairs(vim.fn.getqflist()) do
    local name = item.bufnr > 0 and vim.fn.fnamemodify(vim.api.nvim_buf_get_name(item.bufnr), ':.') or ''
    table.insert(lines, ('%s:%d: %s'):format(name, item.lnum, item.text))
  end
  if #lines == 0 then
    return nil, 'The quickfix list is empty.'
  end
  return { kind = 'text', title = 'quickfix', text = table.concat(lines, '\n') }
end

---@return sessionls.Context
local function file_context(server, buf)
  return vim.tbl_extend('force', about(server, buf), { kind = 'file' }) --[[@as sessionls.Context]]
end

--- The contexts that a word refers to. Nil and an error if they are not available; nil alone for an ordinary word.
---@param view sessionls.View
---@param word string
---@return sessionls.Context[]?
---@return string? problem
function M.resolve(view, word)
  local server = view.server
  local function one(context, problem)
    return context and { context }, problem
  end
  local selection = view.selections and view.selections[word]
  local kept = (view.kept or {})[word] ---@type sessionls.Context?
  if kept then
    return { kept }
  elseif selection then
    return one(M.of_selection(server, selection))
  elseif word == '#diff' then
    return { { kind = 'diff' } }
  elseif word == '#quickfix' then
    return one(quickfix())
  elseif vim.startswith(word, '#file:') and #word > 6 then
    local path = vim.fs.joinpath(server.root, word:sub(7))
    if vim.fn.filereadable(path) == 0 then
      path = vim.fn.fnamemodify(word:sub(7), ':p')
    end
    if vim.fn.filereadable(path) == 0 then
      return nil, ('The file %s does not exist.'):format(word:sub(7))
    end
    local image = vim.list_contains(IMAGES, vim.fn.fnamemodify(path, ':e'):lower())
    local uri = vim.uri_from_fname(path)
    return { image and { kind = 'image', uri = uri } or { kind = 'file', uri = uri } }
  elseif word == '#buffers' then
    local found = {}
    for _, buf in ipairs(vim.api.nvim_list_bufs()) do
      if is_file(buf) and vim.bo[buf].buflisted then
        table.insert(found, file_context(server, buf))
      end
    end
    return found
  elseif word == '#buffer' or word == '#diagnostics' or word == '#symbol' then
    local buf = M.code_buffer()
    if not buf then
      return nil, word .. ': no window shows a file.'
    elseif word == '#buffer' then
      return { file_context(server, buf) }
    elseif word == '#symbol' then
      return one(symbol_of(server, buf))
    end
    local found = diagnostics_of(server, buf)
    if #found == 0 then
      return nil, 'This file has no diagnostics.'
    end
    return {
      vim.tbl_extend('force', about(server, buf), { kind = 'diagnostics', diagnostics = found }) --[[@as sessionls.Context]],
    }
  end
end

--- The words of a text that refer to a context, in their order.
function M.words_in(view, text)
  local found = {}
  for word in text:gmatch('%f[^%s%z]#[%w]+:?[^%s]*') do
    if
      M.words[word] and word ~= '#file:'
      or vim.startswith(word, '#file:')
      or (view.selections or {})[word]
      or (view.kept or {})[word]
    then
      if not vim.list_contains(found, word) then
        table.insert(found, word)
      end
    end
  end
  return found
end

--- Short names of the contexts in a text: `app.py:5-9*`, `2 diagnostics of app.py`.
---@return string[]
function M.chips(view, text)
  if not view.server.client then
    return {}
  end
  return vim.tbl_map(function(word)
    local live = view.kept[word]
      or view.selections[word]
      or vim.list_contains({ '#diagnostics', '#symbol', '#buffer', '#diff' }, word)
    local found = live and M.resolve(view, word)
    return found and found[1] and require('sessionls.render').chip(found[1]) or word:sub(2)
  end, M.words_in(view, text))
end

--- The text without these words, and their contexts.
---@return string text
---@return sessionls.Context[] contexts
---@return string? problem
function M.split(view, text)
  local contexts = {}
  local words = M.words_in(view, text)
  for _, word in ipairs(words) do
    local found, problem = M.resolve(view, word)
    if problem then
      return text, {}, problem
    end
    vim.list_extend(contexts, found or {})
  end
  for _, word in ipairs(words) do
    text = (' ' .. text):gsub('%s' .. vim.pesc(word) .. '%f[%s%z]', ' '):sub(2)
  end
  return vim.trim(text), contexts
end

return M
