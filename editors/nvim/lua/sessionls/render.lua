-- A message as lines of text. Pure functions without windows or servers.
local M = {}

---@class sessionls.Meta what a line belongs to
---@field id? string the message
---@field part? sessionls.Part
---@field fold? 1|2 a fold's first line, or a line inside it
---@field header? boolean
---@field question? sessionls.OpenQuestion
---@field context? sessionls.Context
---@field older? boolean
---@field parent? sessionls.ParentRef

---@class sessionls.Lines
---@field lines string[]
---@field meta sessionls.Meta[]
---@field tail? { part: integer, row: integer, size: integer } the text that may grow: its last line (from 0) and bytes
local Lines = {}
Lines.__index = Lines

function Lines:add(text, meta)
  for _, line in ipairs(vim.split(text, '\n', { plain = true })) do
    line = line:gsub('\r$', '')
    table.insert(self.lines, line)
    table.insert(self.meta, meta)
  end
end

function Lines:gap(meta)
  if self.lines[#self.lines] ~= '' then
    self:add('', meta)
  end
end

--- A fold: its first line, and the lines that it hides.
function Lines:fold(title, body, meta, open)
  title = title:gsub('%s+', ' ')
  if body == '' or open then
    self:add(title, meta)
  else
    self:add(title, vim.tbl_extend('force', meta, { fold = 1 }))
  end
  if body ~= '' then
    local inner = open and meta or vim.tbl_extend('force', meta, { fold = 2 })
    self:add('│ ' .. body:gsub('\n', '\n│ '), inner)
  end
end

local function file_name(uri)
  local ok, path = pcall(vim.uri_to_fname, uri)
  return ok and vim.fn.fnamemodify(path, ':.') or uri
end
M.file_name = file_name

local function span(range)
  if not range then
    return ''
  end
  local first, last = range.start.line + 1, range['end'].line + 1
  if range['end'].character == 0 and last > first then
    last = last - 1
  end
  return first == last and (':%d'):format(first) or (':%d-%d'):format(first, last)
end

--- The short name of a context, such as `app.py:5-9*`. `*` means that the buffer was not saved.
---@param context sessionls.Context
---@return string
function M.chip(context)
  local dirty = context.dirty and '*' or ''
  if context.kind == 'diff' then
    return 'diff ' .. (context.base or (context.staged and 'staged' or 'HEAD'))
  elseif context.kind == 'text' then
    return context.title --[[@as string]]
  elseif context.kind == 'image' then
    local size = context.width and (' %d×%d'):format(context.width, context.height or 0) or ''
    return 'image ' .. (context.title or (context.uri and file_name(context.uri)) or '') .. size
  elseif context.kind == 'session' then
    return 'session ' .. (context.title or context.sessionId)
  elseif context.kind == 'diagnostics' then
    return ('%d diagnostics of %s'):format(#(context.diagnostics or {}), file_name(context.uri))
  elseif context.kind == 'symbol' then
    return ('%s in %s%s'):format(context.name, file_name(context.uri), dirty)
  elseif not context.uri then
    return context.kind
  end
  return file_name(context.uri) .. span(context.range) .. dirty
end

--- How many lines a patch adds and removes.
function M.counted(patch)
  local added, removed = 0, 0
  for line in vim.gsplit(patch or '', '\n', { plain = true }) do
    if line:match('^%+') and not line:match('^%+%+%+ ') then
      added = added + 1
    elseif line:match('^%-') and not line:match('^%-%-%- ') then
      removed = removed + 1
    end
  end
  return ('+%d −%d'):format(added, removed)
end

local severities = { 'error', 'warning', 'information', 'hint' }
local stop_words = {
  length = 'The answer was cut off: the model reached its limit of output tokens.',
  content_filter = "The provider's content filter withheld the rest of the answer.",
  refusal = 'The model declined to answer.',
  error = 'The provider ended the answer with an error.',
  unknown = 'The provider did not say why the answer ended. It may be incomplete.',
  empty = 'The model gave no answer.',
}
local states = {
  queued = '· waits',
  replying = '· writing …',
  paused = '· paused',
  interrupted = '· interrupted',
  cancelled = '· cancelled',
  failed = '· failed',
}

local function summary(arguments)
  for _, name in ipairs({ 'path', 'file', 'command', 'pattern', 'query', 'uri', 'agent' }) do
    if type(arguments[name]) == 'string' then
      return ' ' .. arguments[name]
    end
  end
  return ''
end

local function tool(part)
  local body = {}
  if next(part.arguments) then
    table.insert(body, vim.json.encode(part.arguments))
  end
  if part.unreadable then
    table.insert(body, part.unreadable)
  end
  for _, inner in ipairs(part.parts or {}) do
    if inner.kind == 'tool' then
      table.insert(body, '▸ ' .. inner.name .. summary(inner.arguments) .. ' · ' .. inner.status)
    elseif inner.text then
      table.insert(body, inner.text)
    end
  end
  if part.result then
    table.insert(body, part.result)
  end
  local status = part.status == 'done' and '' or ' · ' .. part.status
  local what = part.title and ' ' .. part.title or summary(part.arguments)
  return '▸ ' .. part.name .. what .. status, table.concat(body, '\n')
end

local function parts_of(message, lines)
  for index, part in ipairs(message.parts) do
    local meta = { id = message.id, part = part }
    if part.kind == 'text' then
      lines:gap({ id = message.id })
      lines:add(part.text, meta)
      lines.tail = { part = index, row = #lines.lines - 1, size = #part.text }
    else
      lines.tail = nil
      if part.kind == 'reasoning' then
        lines:fold('▸ reasoning', part.text, meta)
      elseif part.kind == 'tool' then
        local title, body = tool(part)
        lines:fold(title, body, meta, part.status == 'failed')
      elseif part.kind == 'edit' then
        local what = part.applied and '▸ ' or '▸ not applied: '
        lines:fold(what .. part.summary .. ' ' .. M.counted(part.patch), part.patch or '', meta)
      elseif part.kind == 'plan' then
        local marks = { pending = '☐', inProgress = '▸', completed = '☑' }
        for _, entry in ipairs(part.entries) do
          lines:add(marks[entry.status] .. ' ' .. entry.content, meta)
        end
      elseif part.kind == 'finding' then
        local finding = part.finding
        local state = finding.state == 'open' and '' or (' · ' .. finding.state)
        local place = file_name(finding.uri) .. span(finding.range)
        local title = ('● %s %s %s%s'):format(severities[finding.severity], place, finding.title, state)
        lines:fold(title, finding.body, meta, finding.state == 'open')
      end
    end
  end
end

--- The lines of a message, with an empty one at the end. `questions` are the open questions of its reply.
---@param message sessionls.Message
---@param questions sessionls.OpenQuestion[]
---@return sessionls.Lines
function M.message(message, questions)
  local lines = setmetatable({ lines = {}, meta = {} }, Lines)
  local plain = { id = message.id }
  local who
  if message.role == 'agent' then
    who = message.author.agent .. ' · ' .. message.author.model
  else
    who = message.author.name .. (message.agent and ' to ' .. message.agent or '')
  end
  local status = message.role == 'agent' or message.status == 'queued' or message.status == 'paused'
  lines:add(
    ('## %s %s'):format(who, status and states[message.status] or ''):gsub('%s+$', ''),
    { id = message.id, header = true }
  )
  for _, context in ipairs(message.context or {}) do
    lines:fold('▸ +' .. M.chip(context), context.text or '', { id = message.id, context = context })
    if context.notice then
      lines:add('! ' .. context.notice, plain)
    end
  end
  for _, notice in ipairs(message.notices or {}) do
    lines:add('! ' .. notice, plain)
  end
  parts_of(message, lines)
  if message.status ~= 'replying' or message.role ~= 'agent' then
    lines.tail = nil
  end
  for _, question in ipairs(questions) do
    local meta = { id = message.id, question = question }
    lines:gap(plain)
    lines:add(('⚑ %s asks: %s'):format(question.agent, question.summary), meta)
    if question.detail then
      lines:add('│ ' .. question.detail:gsub('\n', '\n│ '), meta)
    end
    lines:add('  <CR> shows the question. There, y allows it once, s for this session, and d denies it.', meta)
    lines.tail = nil
  end
  if message.error then
    lines:add('✗ ' .. message.error.message .. (message.error.hint and ' ' .. message.error.hint or ''), plain)
  end
  if message.stopReason and stop_words[message.stopReason] then
    lines:add('! ' .. stop_words[message.stopReason], plain)
  end
  if message.role == 'agent' and (message.status == 'paused' or message.status == 'interrupted') then
    lines:add('! The reply stopped here. gp resumes it.', plain)
  end
  lines:add('', plain)
  return lines
end

--- The head of a session, with `hint` for an empty one.
---@param state sessionls.Open
---@param hint? string
---@return sessionls.Lines
function M.head(state, hint)
  local lines = setmetatable({ lines = {}, meta = {} }, Lines)
  lines:add('# ' .. state.session.title:gsub('%s+', ' '), {})
  if state.session.parent then
    lines:add('▸ forked from another session', { parent = state.session.parent })
  end
  if state.more then
    lines:add('↑ earlier messages', { older = true })
  end
  lines:add('', {})
  if hint and #state.messages == 0 and not state.more then
    lines:add(hint, {})
    lines:add('', {})
  end
  return lines
end

return M
