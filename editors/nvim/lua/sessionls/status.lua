-- The text for the status line, updated when a session changes.
local client = require('sessionls.client')
local events = require('sessionls.events')

local M = { text = '' }

function M.update()
  local waiting, writing = #require('sessionls.proposals').queue(), 0
  for _, server in ipairs(client.servers()) do
    for _, session in pairs(server.sessions) do
      waiting = waiting + #(session.asking or {})
      writing = writing + (session.replying and 1 or 0)
    end
  end
  local parts = {}
  if waiting > 0 then
    table.insert(parts, ('⚑ %d'):format(waiting))
  end
  if writing > 0 then
    table.insert(parts, ('✎ %d'):format(writing))
  end
  M.text = table.concat(parts, ' ')
end

events.on('sessions', function()
  local before = M.text
  M.update()
  if M.text ~= before then
    vim.cmd('redrawstatus!')
  end
end)

return M
