-- Notices about background work. They are one line, because Neovim waits for a key
-- if a message does not fit.
local M = {}

--- Shows a text in one line, cut to the available width.
---@param words string
---@param level? integer
---@param title? string for notification plugins
function M.show(words, level, title)
  local line = vim.trim((words:gsub('%s+', ' ')))
  local room = math.max(20, vim.v.echospace)
  if vim.fn.strdisplaywidth(line) > room then
    local count = vim.fn.strchars(line)
    repeat
      count = count - math.max(1, math.floor((vim.fn.strdisplaywidth(line) - room) / 2))
      line = vim.fn.strcharpart(line, 0, count)
    until count <= 0 or vim.fn.strdisplaywidth(line) < room
    line = line .. '…'
  end
  vim.notify(line, level or vim.log.levels.INFO, { title = title or 'sessionls' })
end

return M
