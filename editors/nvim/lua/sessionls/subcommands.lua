-- The subcommands of :Sessionls. The help is generated from this file.
local actions = require('sessionls.actions')
local client = require('sessionls.client')

---@class sessionls.Subcommand
---@field run fun(arguments: string, command?: table)
---@field usage? string its arguments
---@field help string
---@field complete? fun(): string[]

---@type table<string, sessionls.Subcommand>
local M = {}

local function say(words)
  vim.notify(words, vim.log.levels.INFO, { title = 'sessionls' })
end

--- Runs a command with the current session.
local function with_view(fn)
  return function(arguments, command)
    local view = require('sessionls.view').current()
    if not view then
      return client.tell('No session is open here. :Sessionls list shows all sessions.', vim.log.levels.WARN)
    end
    fn(view, arguments, command)
  end
end

--- The lines of the command's range, with the exact columns after a characterwise selection.
local function selection_of(command)
  if command.range == 0 then
    return nil
  end
  local context = require('sessionls.context')
  local buf = vim.api.nvim_get_current_buf()
  local first = vim.api.nvim_buf_get_mark(buf, '<') --[[@as [integer, integer] ]]
  local last = vim.api.nvim_buf_get_mark(buf, '>') --[[@as [integer, integer] ]]
  if vim.fn.visualmode() == 'v' and first[1] == command.line1 and last[1] == command.line2 then
    local line = vim.api.nvim_buf_get_lines(buf, last[1] - 1, last[1], false)[1] or ''
    local after = vim.fn.matchend(line, '.', math.min(last[2], #line))
    return context.select(buf, first[1], last[1], first[2], after < 0 and #line or after)
  end
  return context.select(buf, command.line1, command.line2)
end

local function split_agent(arguments)
  local agent, rest = arguments:match('^@(%S+)%s*(.*)$')
  return agent, vim.trim(rest or arguments)
end

--- Finds the session by its title or by the end of its id.
local function find_session(server, words, done)
  client.run(function()
    local list, problem = server:call('session/list', { limit = 200 })
    if problem then
      return client.tell(problem)
    end
    if words == '' then
      return require('sessionls.pick').session(server, list.sessions, 'Open a session', done)
    end
    local found = vim.tbl_filter(function(session)
      return session.title == words or vim.endswith(session.id, words)
    end, list.sessions)
    if #found == 0 then
      found = vim.tbl_filter(function(session)
        return session.title:lower():find(words:lower(), 1, true) ~= nil
      end, list.sessions)
    end
    if #found == 0 then
      client.tell(('No session matches %s. :Sessionls list shows all sessions.'):format(words))
    elseif #found == 1 then
      done(found[1])
    else
      require('sessionls.pick').session(server, found, 'Which session?', done)
    end
  end)
end

local function agents()
  return vim.tbl_map(function(agent)
    return agent.name
  end, client.of().agents)
end

local function titles()
  return vim.tbl_map(function(session)
    return session.title
  end, require('sessionls').sessions())
end

M.ask = {
  usage = '[@agent] [text]',
  help = 'Ask about the range, in the current session or a new one. A text is sent immediately.',
  complete = function()
    return vim.tbl_map(function(name)
      return '@' .. name
    end, agents())
  end,
  run = function(arguments, command)
    local agent, text = split_agent(arguments)
    require('sessionls').ask({
      agent = agent,
      text = text ~= '' and text or nil,
      selection = selection_of(command),
    })
  end,
}

M.add = {
  help = 'Add the range to the draft, without moving the cursor there.',
  run = function(_, command)
    require('sessionls').ask({ selection = selection_of(command), focus = false })
  end,
}

M.new = {
  usage = '[agent]',
  help = 'Create a session, and open it.',
  complete = agents,
  run = function(arguments)
    local server = client.of()
    client.run(function()
      local session, problem = server:call('session/create', { agent = arguments ~= '' and arguments or nil })
      if problem then
        return client.tell(problem)
      end
      server:put(session)
      require('sessionls.view').open(server, session.id)
    end)
  end,
}

M.open = {
  usage = '[title or id]',
  help = 'Open a session.',
  complete = titles,
  run = function(arguments)
    local server = client.of()
    find_session(server, arguments, function(session)
      require('sessionls.view').open(server, session.id)
    end)
  end,
}

M.list = {
  usage = '[active | paused | archived]',
  help = 'Choose one of the sessions of this folder in that state. Without a state: all that are not archived.',
  complete = function()
    return { 'active', 'paused', 'archived' }
  end,
  run = function(arguments)
    local server = client.of()
    client.run(function()
      local state = arguments ~= '' and arguments or nil
      local list, problem = server:call('session/list', { limit = 200, state = state })
      if problem then
        return client.tell(problem)
      end
      require('sessionls.pick').session(server, list.sessions, 'Open a session', function(session)
        require('sessionls.view').open(server, session.id)
      end)
    end)
  end,
}

M.toggle = {
  help = "Show the session's windows, or hide them.",
  run = function()
    local view = require('sessionls.view').current()
    if not view then
      M.list.run('')
    elseif require('sessionls.windows').visible(view) then
      require('sessionls.windows').hide(view)
    else
      view:show()
    end
  end,
}

M.search = {
  usage = 'words',
  help = 'Search all messages, and open a session at a match.',
  run = function(arguments)
    if arguments == '' then
      return client.tell('Usage: :Sessionls search WORDS', vim.log.levels.WARN)
    end
    local server = client.of()
    client.run(function()
      local result, problem = server:call('session/search', { query = arguments })
      if problem then
        return client.tell(problem)
      end
      if #result.hits == 0 then
        return say('No messages match.')
      end
      require('sessionls.pick').hit(server, result.hits)
    end)
  end,
}

M.fork = {
  help = 'Fork the session at the message under the cursor, or at its end.',
  run = with_view(actions.fork),
}

M.switch = {
  usage = '[agent]',
  help = 'Switch the default agent of the session.',
  complete = agents,
  run = with_view(function(view, arguments)
    actions.switch(view, arguments ~= '' and arguments or nil)
  end),
}

M.pause = { help = 'Pause the session.', run = with_view(actions.pause) }

M.resume = { help = 'Resume a paused session or a stopped reply.', run = with_view(actions.resume) }

M.cancel = { help = 'Cancel the reply being written.', run = with_view(actions.cancel) }

M.queue = {
  usage = '[withdraw | now | edit | earlier | later]',
  help = 'Withdraw a waiting message, send it now, edit it, or move it up or down. Without an argument: choose.',
  complete = function()
    return { 'withdraw', 'now', 'edit', 'earlier', 'later' }
  end,
  run = with_view(function(view, arguments)
    local queue = require('sessionls.queue')
    local does =
      { withdraw = queue.withdraw, now = queue.send_now, edit = queue.edit, earlier = queue.earlier, later = queue.later }
    if does[arguments] then
      return does[arguments](view)
    elseif arguments ~= '' then
      return client.tell('Usage: :Sessionls queue [withdraw | now | edit | earlier | later]', vim.log.levels.WARN)
    end
    vim.ui.select({ 'withdraw', 'now', 'edit', 'earlier', 'later' }, { prompt = 'The waiting message' }, function(choice)
      if choice then
        does[choice](view)
      end
    end)
  end),
}

M.answer = {
  usage = '[once|session|deny]',
  help = 'Show the oldest open question, or answer the question that is shown.',
  complete = function()
    return { 'once', 'session', 'deny' }
  end,
  run = function(arguments)
    local permission = require('sessionls.permission')
    if arguments == '' then
      return permission.next()
    end
    if not vim.list_contains({ 'once', 'session', 'deny' }, arguments) then
      return client.tell('The answer must be once, session or deny.', vim.log.levels.WARN)
    end
    permission.decide(arguments --[[@as 'once'|'session'|'deny']])
  end,
}

M.review = {
  usage = '[file | --diff REV | --staged]',
  help = 'Review a file or changes. Without arguments: the uncommitted changes.',
  complete = function()
    return { '--diff', '--staged' }
  end,
  run = function(arguments)
    local given = vim.empty_dict()
    local revision = arguments:match('^%-%-diff%s+(%S+)$')
    if arguments == '--staged' then
      given.staged = true
    elseif revision then
      given.diff = revision
    elseif vim.startswith(arguments, '--') then
      return client.tell('Usage: :Sessionls review [file | --diff REV | --staged]', vim.log.levels.WARN)
    elseif arguments ~= '' then
      local path = vim.fn.fnamemodify(vim.fn.expand(arguments) --[[@as string]], ':p')
      if vim.fn.filereadable(path) == 0 then
        return client.tell(('The file %s does not exist.'):format(arguments))
      end
      given.uri = vim.uri_from_fname(path)
    end
    local server = client.of()
    client.run(function()
      local _, problem = server:call('workspace/executeCommand', { command = 'sessionls.review', arguments = { given } })
      if problem then
        client.tell(problem)
      end
    end)
  end,
}

M.changes = {
  usage = '[all | revert [reply] | undo | reviewed]',
  help = 'List the changes by agents that you have not reviewed yet, in the quickfix window. In the list, or on a changed line of a file: revert the hunk, or all changes of its reply. Undo restores what was reverted last.',
  complete = function()
    return { 'all', 'revert', 'revert reply', 'undo', 'reviewed' }
  end,
  run = with_view(function(view, arguments)
    local changes = require('sessionls.changes')
    if arguments == '' or arguments == 'all' then
      changes.list(view, arguments == 'all')
    elseif arguments == 'revert' or arguments == 'revert reply' then
      changes.revert(view, arguments == 'revert reply')
    elseif arguments == 'undo' then
      changes.undo(view)
    elseif arguments == 'reviewed' then
      changes.reviewed(view)
    else
      client.tell('Usage: :Sessionls changes [all | revert [reply] | undo | reviewed]', vim.log.levels.WARN)
    end
  end),
}

M.findings = {
  usage = '[apply | fix [agent] | dismiss [reason] | open]',
  help = 'List the open findings, or apply the suggestion of the finding under the cursor, fix it, dismiss it or open its session.',
  complete = function()
    return { 'apply', 'fix', 'dismiss', 'open' }
  end,
  run = function(arguments)
    local findings, server = require('sessionls.findings'), client.of()
    local what, rest = arguments:match('^(%S*)%s*(.*)$')
    if what == '' then
      findings.list(server)
    elseif what == 'apply' then
      findings.apply(server)
    elseif what == 'fix' then
      findings.fix(server, rest)
    elseif what == 'dismiss' then
      findings.dismiss(server, rest)
    elseif what == 'open' then
      findings.open(server)
    else
      client.tell('Usage: :Sessionls findings [apply | fix [agent] | dismiss [reason] | open]', vim.log.levels.WARN)
    end
  end,
}

M.rename = {
  usage = 'title',
  help = 'Rename the session.',
  run = with_view(function(view, arguments)
    if arguments ~= '' then
      return actions.request(view, 'session/rename', { title = arguments })
    end
    vim.ui.input({ prompt = 'Title: ', default = view.state and view.state.session.title }, function(title)
      if title and title ~= '' then
        actions.request(view, 'session/rename', { title = title })
      end
    end)
  end),
}

--- The names of those who took part in a session, or were given a role in it.
local function names_of(view)
  local session = view and view.state and view.state.session or { participants = {} }
  local names = {}
  for _, one in ipairs(vim.list_extend(vim.list_slice(session.participants), session.people or {})) do
    if one.name and not vim.list_contains(names, one.name) then
      table.insert(names, one.name)
    end
  end
  return names
end

--- Splits a text that begins with a participant's name into the name and the rest.
local function split_name(view, words)
  for _, name in ipairs(names_of(view)) do
    if words == name or vim.startswith(words, name .. ' ') then
      return name, vim.trim(words:sub(#name + 1))
    end
  end
  local name, rest = words:match('^(%S+)%s*(.*)$')
  return name, rest or ''
end

local function participants()
  return names_of(require('sessionls.view').current())
end

M.handover = {
  usage = 'name [note]',
  help = 'Hand the session over to another participant, with a note.',
  complete = participants,
  run = with_view(function(view, arguments)
    local name, note = split_name(view, arguments)
    if not name then
      return client.tell('Usage: :Sessionls handover NAME [note]', vim.log.levels.WARN)
    end
    actions.request(view, 'session/handOver', { to = name, note = note ~= '' and note or nil })
  end),
}

M.comment = {
  usage = 'text',
  help = 'Leave a message for the other participants, which wakes no agent.',
  run = with_view(function(view, arguments)
    if arguments == '' then
      return client.tell('Usage: :Sessionls comment TEXT', vim.log.levels.WARN)
    end
    actions.request(view, 'session/comment', { text = arguments })
  end),
}

local ROLES = { 'reader', 'commenter', 'writer', 'owner' }

M.share = {
  usage = 'name (reader | commenter | writer | owner | nobody)',
  help = 'Give a person a role in the session, or remove it with "nobody". The database must have a login for each person.',
  complete = function()
    return vim.list_extend(participants(), vim.list_extend({ 'nobody' }, ROLES))
  end,
  run = with_view(function(view, arguments)
    local name, role = arguments:match('^(.-)%s+(%S+)$')
    if role == 'nobody' then
      return actions.request(view, 'session/unshare', { with = name })
    elseif not vim.list_contains(ROLES, role) then
      return client.tell('Usage: :Sessionls share NAME reader|commenter|writer|owner|nobody', vim.log.levels.WARN)
    end
    actions.request(view, 'session/share', { with = name, role = role }, function()
      actions.request(view, 'session/people', { secrets = true }, function(found)
        if (found.secrets or 0) > 0 then
          local number = found.secrets == 1 and '1 key or token' or ('%d keys and tokens'):format(found.secrets)
          client.tell(('Whoever may read the session sees %s in it.'):format(number), vim.log.levels.WARN)
        end
      end)
    end)
  end),
}

M.archive = { help = 'Archive the session.', run = with_view(function(view)
  actions.request(view, 'session/archive')
end) }

M.unarchive = {
  help = 'Restore the session from the archive.',
  run = with_view(function(view)
    actions.request(view, 'session/unarchive')
  end),
}

M.delete = {
  help = 'Delete the session permanently, after a confirmation.',
  run = with_view(function(view)
    local title = view.state and view.state.session.title or 'this session'
    vim.ui.select({ 'Keep it', 'Delete it permanently' }, { prompt = ('Delete "%s"?'):format(title) }, function(_, choice)
      if choice == 2 then
        actions.request(view, 'session/delete', nil, function()
          require('sessionls.windows').hide(view)
        end)
      end
    end)
  end),
}

M.export = {
  usage = '[file]',
  help = 'Export the session as Markdown, JSON or HTML, according to the file extension. Without a file it opens as a buffer.',
  run = with_view(function(view, arguments)
    local ending = arguments:match('%.(%w+)$')
    local format = ({ json = 'json', html = 'html' })[ending] or 'markdown'
    local uri = arguments ~= '' and vim.uri_from_fname(vim.fn.fnamemodify(vim.fn.expand(arguments) --[[@as string]], ':p')) or nil
    actions.request(view, 'session/export', { format = format, uri = uri }, function(result)
      if uri then
        return say('Exported to ' .. arguments .. '.')
      end
      vim.cmd('tabnew')
      vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(result.content, '\n', { plain = true }))
      vim.bo.filetype, vim.bo.modified = 'markdown', false
    end)
  end),
}

M.usage = {
  help = "Show the session's usage.",
  run = with_view(function(view)
    actions.request(view, 'session/get', nil, function(session)
      local used = session.usage
      local words = ('%d tokens in, %d out'):format(used.inputTokens, used.outputTokens)
      if used.cost then
        words = words .. (', $%.4f'):format(used.cost)
      end
      if session.budget then
        words = words .. (' of $%.2f'):format(session.budget)
      end
      say(words)
    end)
  end),
}

return M
