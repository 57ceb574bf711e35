-- Lists to choose sessions, search results and agents from. Adapters show the same items in different pickers.
local bars = require('sessionls.bars')
local client = require('sessionls.client')

local M = {}

---@class sessionls.PickItem
---@field text string one line
---@field value any

---@class sessionls.PickAction
---@field name string
---@field key string as in `vim.keymap.set`
---@field run fun(value: any)

---@class sessionls.PickSource what a picker shows
---@field title string
---@field kind string of `vim.ui.select`
---@field items sessionls.PickItem[]
---@field choose fun(value: any)
---@field actions sessionls.PickAction[] further actions besides choosing; they close the picker
---@field preview? fun(value: any, show: fun(lines: string[])) calls `show` with Markdown, now or later

-- The adapters: their modules, and how to check that the picker is installed. The first installed one is used.
M.adapters = {
  {
    name = 'snacks',
    present = function()
      return vim.tbl_get(_G, 'Snacks', 'config', 'picker', 'enabled') == true
    end,
  },
  {
    name = 'telescope',
    present = function()
      return vim.fn.exists(':Telescope') == 2
    end,
  },
  {
    name = 'fzf',
    present = function()
      return vim.fn.exists(':FzfLua') == 2
    end,
  },
  {
    name = 'mini',
    present = function()
      return _G.MiniPick ~= nil
    end,
  },
  {
    name = 'select',
    present = function()
      return true
    end,
  },
}

--- The name of the adapter: from the settings, or for the first installed picker.
---@return string
function M.adapter()
  local chosen = require('sessionls.config').get().picker
  if chosen ~= 'auto' then
    return chosen
  end
  for _, one in ipairs(M.adapters) do
    if one.present() then
      return one.name
    end
  end
  return 'select'
end

--- Shows a source.
---@param source sessionls.PickSource
function M.open(source)
  local name = M.adapter()
  local ok, problem = pcall(require('sessionls.pick.' .. name).open, source)
  if not ok then
    client.tell(('The picker %s failed: %s'):format(name, problem), vim.log.levels.WARN)
    require('sessionls.pick.select').open(source)
  end
end

--- One line for a session: what waits, its title, what it is doing, its agent, cost and participants.
---@param session sessionls.Session
---@return string
function M.line(session)
  local parts = {}
  if session.asking then
    table.insert(parts, ('⚑ %d'):format(#session.asking))
  end
  table.insert(parts, (session.title:gsub('%s+', ' ')))
  table.insert(parts, bars.activity(session))
  table.insert(parts, session.agent)
  if session.usage.cost then
    table.insert(parts, ('$%.2f'):format(session.usage.cost))
  end
  for _, need in ipairs(session.needs or {}) do
    if need.kind == 'handOver' then
      table.insert(parts, 'for ' .. need.participant.name)
    end
  end
  if #session.participants > 1 then
    table.insert(parts, bars.names(session.participants))
  end
  return table.concat(parts, ' · ')
end

--- The newest messages of a session as lines.
local function preview(server, session_id, before)
  return function(show)
    client.run(function()
      local page, problem = server:call('session/history', { sessionId = session_id, before = before, limit = 10 })
      if problem then
        return show({ type(problem) == 'table' and problem.message or tostring(problem) })
      end
      local lines = {}
      for _, message in ipairs(page.messages) do
        vim.list_extend(lines, require('sessionls.render').message(message, {}).lines)
      end
      show(#lines > 0 and lines or { 'No messages yet.' })
    end)
  end
end

---@param server sessionls.Server
---@param prompt string
---@param done fun(name: string)
function M.agent(server, prompt, done)
  local available = vim.tbl_filter(function(agent)
    return agent.available
  end, server.agents)
  M.open({
    title = prompt,
    kind = 'sessionls_agent',
    items = vim.tbl_map(function(agent)
      return { text = ('%s: %s'):format(agent.name, agent.description:gsub('%s+', ' ')), value = agent }
    end, available),
    actions = {},
    choose = function(agent)
      done(agent.name)
    end,
    preview = function(agent, show)
      local lines = { '# ' .. agent.name, '' }
      vim.list_extend(lines, vim.split(agent.description, '\n', { plain = true }))
      vim.list_extend(lines, { '', 'Model: ' .. (agent.model or 'the default model') })
      if agent.tools then
        table.insert(lines, 'Tools: ' .. table.concat(agent.tools, ', '))
      end
      show(lines)
    end,
  })
end

--- The actions on a session in addition to opening it.
local function session_actions(server)
  local function request(method, after)
    return function(session)
      client.run(function()
        local result, problem = server:call(method, { sessionId = session.id })
        if problem then
          return client.tell(problem)
        end
        if after then
          after(result)
        end
      end)
    end
  end
  return {
    {
      name = 'fork',
      key = '<C-f>',
      run = request('session/fork', function(session)
        server:put(session)
        require('sessionls.view').open(server, session.id)
      end),
    },
    { name = 'archive', key = '<C-a>', run = request('session/archive') },
    {
      name = 'open in a tab',
      key = '<C-t>',
      run = function(session)
        require('sessionls.view').open(server, session.id, { layout = 'tab' })
      end,
    },
  }
end

--- Lets the user choose a session.
---@param server sessionls.Server
---@param sessions sessionls.Session[]
---@param prompt string
---@param done fun(session: sessionls.Session)
function M.session(server, sessions, prompt, done)
  if #sessions == 0 then
    vim.notify('This folder has no sessions. :Sessionls new creates one.', vim.log.levels.INFO, { title = 'sessionls' })
    return
  end
  M.open({
    title = prompt,
    kind = 'sessionls_session',
    items = vim.tbl_map(function(session)
      return { text = M.line(session), value = session }
    end, sessions),
    actions = session_actions(server),
    choose = done,
    preview = function(session, show)
      preview(server, session.id)(show)
    end,
  })
end

--- Lets the user choose a search result.
---@param server sessionls.Server
---@param hits sessionls.Hit[]
function M.hit(server, hits)
  M.open({
    title = 'Found',
    kind = 'sessionls_hit',
    items = vim.tbl_map(function(hit)
      return { text = ('%s: %s'):format(hit.session.title:gsub('%s+', ' '), (hit.snippet:gsub('%s+', ' '))), value = hit }
    end, hits),
    actions = {},
    choose = function(hit)
      require('sessionls.view').open(server, hit.session.id, { message = hit.messageId })
    end,
    preview = function(hit, show)
      preview(server, hit.session.id)(show)
    end,
  })
end

return M
