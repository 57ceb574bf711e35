-- The windows of a session: the transcript, and the draft below it. Windows with code are not changed.
local config = require('sessionls.config')

local M = {}

local function view_of(buf)
  return require('sessionls.view').of(buf)
end

--- The window of this tab that shows a buffer of this kind.
---@param matches fun(buf: integer): boolean?
---@return integer?
local function window_where(matches)
  for _, win in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
    if matches(vim.api.nvim_win_get_buf(win)) then
      return win
    end
  end
end

--- The window of this tab that shows a buffer.
---@param buf integer
function M.of(buf)
  return window_where(function(one)
    return one == buf
  end)
end

--- The window of this tab that shows any session's buffer of this kind.
---@param field 'buf'|'draft'
local function window_of_kind(field)
  return window_where(function(buf)
    local view = view_of(buf)
    return view ~= nil and view[field] == buf
  end)
end

local COMMON = { number = false, relativenumber = false, signcolumn = 'no', wrap = true, linebreak = true }
local TRANSCRIPT = {
  smoothscroll = true,
  foldmethod = 'expr',
  foldexpr = "v:lua.require'sessionls.windows'.foldexpr()",
  foldtext = '',
  foldlevel = 0,
  foldenable = true,
  fillchars = 'fold: ',
  winbar = "%{%v:lua.require'sessionls.bars'.transcript()%}",
  statusline = "%{v:lua.require'sessionls.bars'.title()}",
}
local DRAFT = {
  winfixheight = true,
  winbar = "%{%v:lua.require'sessionls.bars'.draft()%}",
  statusline = 'draft%=g? shows the keys',
}

--- Sets the options of a window that shows one of the session's two buffers.
---@param view sessionls.View
---@param win integer
function M.set_options(view, win)
  local buf = vim.api.nvim_win_get_buf(win)
  local own = buf == view.buf and TRANSCRIPT or buf == view.draft and DRAFT
  for name, value in pairs(own and vim.tbl_extend('error', COMMON, own) or {}) do
    vim.wo[win][0][name] = value
  end
end

local NARROW = 80 -- columns of a screen that is too narrow for code and a session side by side

local function open_transcript(view, layout)
  if layout == 'split' and vim.o.columns < NARROW then
    layout = 'below'
  end
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

--- Shows the session's two windows in this tab. Windows with code are not changed.
---@param view sessionls.View
---@param opts? { focus?: boolean, layout?: string }
function M.show(view, opts)
  opts = opts or {}
  local before = vim.api.nvim_get_current_win()
  local win = opts.layout ~= 'tab' and M.of(view.buf)
  if not win then
    win = opts.layout ~= 'tab' and window_of_kind('buf')
    if win then
      vim.api.nvim_win_set_buf(win, view.buf)
    else
      win = open_transcript(view, opts.layout or config.get().layout)
    end
    M.set_options(view, win)
    vim.api.nvim_win_set_cursor(win, { vim.api.nvim_buf_line_count(view.buf), 0 })
  end
  local below = M.of(view.draft)
  if not below then
    below = window_of_kind('draft')
    if below then
      vim.api.nvim_win_set_buf(below, view.draft)
    else
      below = vim.api.nvim_open_win(view.draft, false, { split = 'below', win = win, height = config.get().draft_height })
    end
    M.set_options(view, below)
  end
  if opts.focus == false then
    if vim.api.nvim_win_is_valid(before) then
      vim.api.nvim_set_current_win(before)
    end
  else
    vim.api.nvim_set_current_win(below)
  end
end

--- Closes the session's windows in this tab. The session stays open.
function M.hide(view)
  for _, buf in ipairs({ view.draft, view.buf }) do
    local win = M.of(buf)
    if win and #vim.api.nvim_tabpage_list_wins(0) > 1 then
      vim.api.nvim_win_close(win, false)
    end
  end
end

function M.visible(view)
  return M.of(view.buf) ~= nil
end

function M.foldexpr()
  local view = view_of(vim.api.nvim_get_current_buf())
  local meta = view and view.meta[vim.v.lnum]
  if not meta or not meta.fold then
    return '0'
  end
  return meta.fold == 1 and '>1' or '1'
end

return M
