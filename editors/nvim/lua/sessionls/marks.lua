-- Signs at the lines that agents changed, until they are reviewed. They are extmarks, which move with the lines.
local M = {}

local namespace = vim.api.nvim_create_namespace('sessionls_changes')
local texts = {} ---@type table<integer, table<integer, string|false>> by buffer and extmark: the line as the agent wrote it

vim.api.nvim_set_hl(0, 'SessionlsAdded', { link = 'Added', default = true })
vim.api.nvim_set_hl(0, 'SessionlsChanged', { link = 'Changed', default = true })
vim.api.nvim_set_hl(0, 'SessionlsRemoved', { link = 'Removed', default = true })

--- Removes the signs of lines that have changed since the agent wrote them.
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
  if count == 0 then -- deleted lines: the sign is at the line above them
    return place(buf, math.max(0, math.min(first, #lines) - 1), false, '▁', 'SessionlsRemoved')
  end
  for row = first, math.min(first + count - 1, #lines) do
    place(buf, row - 1, lines[row], '▎', added and 'SessionlsAdded' or 'SessionlsChanged')
  end
end

local function joined(lines)
  return #lines == 0 and '' or table.concat(lines, '\n') .. '\n'
end

M.reverting = 0 -- running requests to revert changes: their edits need no review

--- Marks the lines that an edit changed; `before` are the lines before it.
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

--- Removes all signs.
function M.clear()
  for _, buf in ipairs(vim.api.nvim_list_bufs()) do
    vim.api.nvim_buf_clear_namespace(buf, namespace, 0, -1)
    texts[buf] = texts[buf] and {}
  end
end

return M
