-- :Sessionls: running and completing its subcommands.
local client = require('sessionls.client')
local subcommands = require('sessionls.subcommands')

local M = {}

local function names()
  local found = vim.tbl_keys(subcommands)
  table.sort(found)
  return found
end

--- :Sessionls
function M.run(command)
  require('sessionls.status')
  require('sessionls.permission')
  local name, rest = command.args:match('^%s*(%S*)%s*(.-)%s*$')
  if name == '' then
    return subcommands.toggle.run('', command)
  end
  local sub = subcommands[name]
  if not sub then
    return client.tell(('Unknown subcommand: %s. Known subcommands: %s.'):format(name, table.concat(names(), ', ')))
  end
  sub.run(rest, command)
end

--- Completion of :Sessionls
function M.complete(lead, line)
  local before = line:gsub('^.-Sessionls!?%s*', '')
  local name, rest = before:match('^(%S+)%s+(.*)$')
  local offered = names()
  if name then
    local sub = subcommands[name]
    offered = sub and sub.complete and sub.complete() or {}
    if name == 'open' then -- titles have several words
      local skip = #rest - #lead
      return vim.tbl_map(
        function(title)
          return title:sub(skip + 1)
        end,
        vim.tbl_filter(function(title)
          return vim.startswith(title, rest)
        end, offered)
      )
    end
  end
  return vim.tbl_filter(function(one)
    return vim.startswith(one, lead)
  end, offered)
end

return M
