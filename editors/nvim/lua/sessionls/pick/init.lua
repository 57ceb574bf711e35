-- Choosing: with vim.ui.select, which pickers replace (snacks, telescope, fzf-lua, mini.pick).
local M = {}

---@param server sessionls.Server
---@param prompt string
---@param done fun(name: string)
function M.agent(server, prompt, done)
  local available = vim.tbl_filter(function(agent)
    return agent.available
  end, server.agents)
  vim.ui.select(available, {
    prompt = prompt,
    kind = 'sessionls_agent',
    format_item = function(agent)
      return ('%s: %s'):format(agent.name, agent.description:gsub('%s+', ' '))
    end,
  }, function(agent)
    if agent then
      done(agent.name)
    end
  end)
end

--- One line for a session: what waits, its state, title, agent, cost, and who took part.
function M.line(session)
  local parts = {}
  if session.asking then
    table.insert(parts, ('⚑ %d'):format(#session.asking))
  end
  table.insert(parts, (session.title:gsub('%s+', ' ')))
  local doing = session.state ~= 'active' and session.state or session.replying and 'writing' or session.stopped
  if doing then
    table.insert(parts, doing)
  end
  table.insert(parts, session.agent)
  if session.usage.cost then
    table.insert(parts, ('$%.2f'):format(session.usage.cost))
  end
  if #session.participants > 1 then
    table.insert(parts, table.concat(
      vim.tbl_map(function(one)
        return one.name
      end, session.participants),
      ', '
    ))
  end
  return table.concat(parts, ' · ')
end

--- Chooses one of some sessions.
---@param sessions sessionls.Session[]
---@param prompt string
---@param done fun(session: sessionls.Session)
function M.session(sessions, prompt, done)
  if #sessions == 0 then
    vim.notify('There are no sessions here. :Sessionls new creates one.', vim.log.levels.INFO, { title = 'sessionls' })
    return
  end
  vim.ui.select(sessions, { prompt = prompt, kind = 'sessionls_session', format_item = M.line }, function(session)
    if session then
      done(session)
    end
  end)
end

return M
