-- The settings: vim.g.sessionls, a table or a function that returns one.
local M = {}

---@class sessionls.Config
---@field enable boolean start the language server with the first file (default true)
---@field cmd string[] how the server is started (default { 'sessionls', 'serve' })
---@field trust boolean|fun(root: string): boolean whether agents and MCP servers that a folder defines may be used (default false)
---@field read_only boolean agents may only read (default false)
---@field agent? string the default agent of new sessions
---@field model? string the model of agents that do not specify one
---@field layout 'split'|'tab'|'current'|'below' where a session opens (default 'split', at the right; below the code where the screen has less than 80 columns)
---@field width number columns of the split, or the part of the screen if below 1 (default 0.4)
---@field draft_height integer lines of the draft (default 8)
---@field picker 'auto'|'snacks'|'telescope'|'fzf'|'mini'|'select' the picker for lists (default 'auto': the first one that is installed)
---@field maps table<string, string|false> keys of the session's buffers, by their names; false removes one
local defaults = {
  enable = true,
  cmd = { 'sessionls', 'serve' },
  trust = false,
  read_only = false,
  layout = 'split',
  width = 0.4,
  draft_height = 8,
  picker = 'auto',
  maps = {},
}

local types = {
  enable = 'boolean',
  cmd = 'table',
  trust = { 'boolean', 'function' },
  read_only = 'boolean',
  agent = 'string',
  model = 'string',
  layout = 'string',
  width = 'number',
  draft_height = 'number',
  picker = 'string',
  maps = 'table',
}

local choices = {
  layout = { 'split', 'tab', 'current', 'below' },
  picker = { 'auto', 'snacks', 'telescope', 'fzf', 'mini', 'select' },
}

--- The errors in settings, one line each.
---@param given any
---@return string[]
function M.problems(given)
  if type(given) ~= 'table' then
    return { 'vim.g.sessionls must be a table, or a function that returns one; it is a ' .. type(given) .. '.' }
  end
  local found = {}
  for name, value in pairs(given) do
    local wanted = types[name]
    if wanted == nil then
      table.insert(found, ('vim.g.sessionls.%s is not a setting. :help sessionls-config lists the settings.'):format(name))
    elseif not vim.list_contains(type(wanted) == 'table' and wanted or { wanted }, type(value)) then
      local kinds = type(wanted) == 'table' and table.concat(wanted, ' or ') or wanted
      table.insert(found, ('vim.g.sessionls.%s must be a %s; it is a %s.'):format(name, kinds, type(value)))
    end
  end
  for name, allowed in pairs(choices) do
    if type(given[name]) == 'string' and not vim.list_contains(allowed, given[name]) then
      local words = "'" .. table.concat(allowed, "', '") .. "'"
      table.insert(found, ("vim.g.sessionls.%s must be one of %s; it is '%s'."):format(name, words, given[name]))
    end
  end
  table.sort(found)
  return found
end

local told = {}

--- The current settings. Invalid ones are reported once and ignored.
---@return sessionls.Config
function M.get()
  local given = vim.g.sessionls
  if type(given) == 'function' then
    given = given()
  end
  given = given == nil and {} or given
  local problems = M.problems(given)
  for _, problem in ipairs(problems) do
    if not told[problem] then
      told[problem] = true
      vim.notify(problem, vim.log.levels.ERROR, { title = 'sessionls' })
    end
  end
  if #problems > 0 then
    local good = {}
    for name, value in pairs(type(given) == 'table' and given or {}) do
      if #M.problems({ [name] = value }) == 0 then
        good[name] = value
      end
    end
    given = good
  end
  return vim.tbl_extend('force', defaults, given) --[[@as sessionls.Config]]
end

return M
