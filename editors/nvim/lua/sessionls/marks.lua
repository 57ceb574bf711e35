-- Signs at the lines that agents changed, until they are reviewed. Extmarks keep them at their lines while the code moves.
local M = {}

local namespace = vim.api.nvim_create_namespace('sessionls_changes')
local texts = {} ---@type table<integer, table<integer, string|false>> by buffer and extmark: the line as the agent left it

vim.api.nvim_set_hl(0, 'SessionlsAdded', { link = 'Added', default = true })
vim.api.nvim_set_hl(0, 'SessionlsChanged', { link = 'Changed', default = true })
vim.api.nvim_set_hl(0, 'SessionlsRemoved', { link = 'Removed', default = true })

--- Takes the signs of lines away that are not as the agent left them: they were undone, or somebody worked on them.
local function prune(buf)
  for id, text in pairs(vim.api.nvim_buf_is_loaded(buf) and texts[buf] or {}) do
    local row = vim.api.nvim_buf_get_extmark_by_id(buf, namespace, id, {})[1]
    local line = row and vim.api.nvim_buf_get_lines(buf, row, row + 1, false)[1]
    if not line or (text and line ~= text) then
      vim.api.nvim_buf_del_extmark(buf, namespace, id)
      texts[buf][id] = nil
    end
  end
end

local function watch(buf)
  if texts[buf] then
    return
  end
  texts[buf] = {}
  local due = false
  vim.api.nvim_buf_attach(buf, false, {
    on_lines = function()
      if not texts[buf] then
        return true
      elseif not due then
        due = true
        vim.schedule(function()
          due = false
          prune(buf)
        end)
      end
    end,
    on_detach = function()
      texts[buf] = nil
    end,
  })
end

local function place(buf, row, text, sign, group)
  local id = vim.api.nvim_buf_set_extmark(buf, namespace, row, 0, { sign_text = sign, sign_hl_group = group })
  texts[buf][id] = text
end

local function mark(buf, first, count, added)
  local lines = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  if count == 0 then -- lines are gone: the line above them says so
    return place(buf, math.max(0, math.min(first, #lines) - 1), false, '▁', 'SessionlsRemoved')
  end
  for row = first, math.min(first + count - 1, #lines) do
    place(buf, row - 1, lines[row], '▎', added and 'SessionlsAdded' or 'SessionlsChanged')
  end
end

local function joined(lines)
  return #lines == 0 and '' or table.concat(lines, '\n') .. '\n'
end

M.reverting = 0 -- requests that take changes back: what they do to files is nothing new to look at

--- An edit was made: `before` are the lines until then.
---@param buf integer
---@param before string[]
function M.edited(buf, before)
  watch(buf)
  local after = vim.api.nvim_buf_get_lines(buf, 0, -1, false)
  for _, hunk in
    ipairs(vim.diff(joined(before), joined(after), { result_type = 'indices' }) --[[@as integer[][] ]])
  do
    local _, removed, first, count = unpack(hunk --[[@as [integer, integer, integer, integer] ]])
    if M.reverting > 0 then
      vim.api.nvim_buf_clear_namespace(buf, namespace, first > 0 and first - 1 or 0, count > 0 and first - 1 + count or first)
    else
      mark(buf, first, count, removed == 0)
    end
  end
  prune(buf)
end

--- The lines of a buffer that have a sign, from 1.
---@param buf integer
---@return integer[]
function M.lines(buf)
  prune(buf)
  return vim.tbl_map(function(one)
    return one[2] + 1
  end, vim.api.nvim_buf_get_extmarks(buf, namespace, 0, -1, {}))
end

--- Takes all signs away: they were looked at.
function M.clear()
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
    texts[buf] = texts[buf] and {}
  end
end

return M
