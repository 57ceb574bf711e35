-- The lines above the transcript and the draft: what the session does, and to whom the draft goes.
local M = {}

--- The parts in one line. The end is cut if the window is too narrow.
local function joined(parts, separator)
  local texts = vim.tbl_map(function(part)
    return (part:gsub('%s+', ' '):gsub('%%', '%%%%'))
  end, parts)
  return table.concat(texts, separator) .. '%<'
end

--- The names of participants, separated by commas.
---@param participants sessionls.Participant[]
function M.names(participants)
  return table.concat(
    vim.tbl_map(function(one)
      return one.name
    end, participants),
    ', '
  )
end

--- What a session is doing: `paused`, `writing …`, or why its newest reply stopped. Empty if it waits for your next message.
---@param session sessionls.Session
---@return string?
function M.activity(session)
  if session.state == 'paused' and session.pauseReason == 'budget' then
    return 'paused: its budget is used up'
  elseif session.state ~= 'active' then
    return session.state
  end
  return session.replying and 'writing …' or session.stopped
end

--- Updates the line above the transcript.
---@param view sessionls.View
function M.update(view)
  local session = view.state and view.state.session or view.server.sessions[view.id]
  local parts = {}
  if session then
    local asking = #(session.asking or {})
    if asking > 0 then
      table.insert(parts, ('⚑ %d'):format(asking))
    end
    table.insert(parts, M.activity(session))
    if session.queued > 0 then
      table.insert(parts, session.queued .. ' waiting')
    end
    table.insert(parts, session.agent)
    for _, need in ipairs(session.needs or {}) do
      if need.kind == 'handOver' then
        local words = ('%s handed this to %s'):format(need.by.name, need.participant.name)
        table.insert(parts, need.note and ('%s: %s'):format(words, (need.note:gsub('%s+', ' '))) or words)
      end
    end
    if view.state and #view.state.participants > 1 then
      table.insert(parts, 'with ' .. M.names(view.state.participants))
    end
  end
  if not view.server.client then
    table.insert(parts, 1, 'the server is starting …')
  end
  if view.trouble then
    table.insert(parts, 1, view.trouble)
  end
  view.bar = joined(parts, ' · ')
  vim.cmd('redrawstatus!')
end

--- Updates the line above the draft. `agent` answers only this message, `chips` describe its context.
---@param view sessionls.View
---@param agent? string
---@param chips string[]
function M.update_draft(view, agent, chips)
  local session = view.state and view.state.session or view.server.sessions[view.id]
  local default = session and session.agent or view.server.default_agent or 'the default agent'
  local parts = { agent and ('to %s · once (default: %s)'):format(agent, default) or ('to ' .. default) }
  if view.editing then
    table.insert(parts, 1, 'edits a waiting message')
  end
  for _, chip in ipairs(chips) do
    table.insert(parts, '+' .. chip)
  end
  if session and session.usage.cost then
    table.insert(parts, ('$%.2f'):format(session.usage.cost))
  end
  view.draft_bar = joined(parts, '  ')
  vim.cmd('redrawstatus!')
end

--- 'winbar' of the transcript.
function M.transcript()
  local view = require('sessionls.view').of()
  return view and view.bar or ''
end

--- 'statusline' of the transcript.
function M.title()
  local view = require('sessionls.view').of()
  local session = view and (view.state and view.state.session or view.server.sessions[view.id])
  return session and session.title:gsub('%s+', ' ') or ''
end

--- 'winbar' of the draft.
function M.draft()
  local view = require('sessionls.view').of()
  return view and view.draft_bar or ''
end

return M
