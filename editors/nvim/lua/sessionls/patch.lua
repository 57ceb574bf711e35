-- A unified diff, applied to lines. Pure functions without buffers or files.
local M = {}

---@class sessionls.Patch
---@field old? string the path before; nil if the file is created
---@field new? string the path after; nil if it is deleted
---@field hunks { first: integer, old: string[], new: string[] }[] `first` counts from 1

local function path_of(line)
  local path = line:sub(5):gsub('\t.*$', '')
  return path ~= '/dev/null' and path:gsub('^[ab]/', '', 1) or nil
end

--- Parses the diff of one file. Returns nil if it is incomplete.
---@param text string
---@return sessionls.Patch?
function M.parse(text)
  local found = { hunks = {} }
  local hunk, olds, news
  for line in vim.gsplit(text, '\n', { plain = true }) do
    local first, old_count, new_count = line:match('^@@ %-(%d+),?(%d*) %+%d+,?(%d*) @@')
    if hunk and (#hunk.old < olds or #hunk.new < news) then
      local kind, rest = line:sub(1, 1), line:sub(2)
      if kind == ' ' or kind == '-' then
        table.insert(hunk.old, rest)
      end
      if kind == ' ' or kind == '+' then
        table.insert(hunk.new, rest)
      end
      if not kind:match('[ +\\-]') then
        return nil
      end
    elseif first then
      olds, news = tonumber(old_count) or 1, tonumber(new_count) or 1
      hunk = { first = tonumber(first), old = {}, new = {} }
      table.insert(found.hunks, hunk)
    elseif not hunk and vim.startswith(line, '--- ') then
      found.old = path_of(line)
    elseif not hunk and vim.startswith(line, '+++ ') then
      found.new = path_of(line)
    elseif line ~= '' and not vim.startswith(line, '\\') then
      return nil -- truncated, or a diff of several files
    end
  end
  local whole = hunk and #hunk.old == olds and #hunk.new == news and (found.old or found.new)
  return whole and found or nil
end

--- Applies the patch to the lines. Returns nil if it does not match them.
---@param patch sessionls.Patch
---@param lines string[]
---@return string[]?
function M.apply(patch, lines)
  local result, at = {}, 1
  for _, hunk in ipairs(patch.hunks) do
    local first = #hunk.old == 0 and hunk.first + 1 or hunk.first
    vim.list_extend(result, lines, at, first - 1)
    for index, old in ipairs(hunk.old) do
      if lines[first + index - 1] ~= old then
        return nil
      end
    end
    vim.list_extend(result, hunk.new)
    at = first + #hunk.old
  end
  return vim.list_extend(result, lines, at)
end

return M
