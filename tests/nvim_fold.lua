-- nvim --clean --cmd "set rtp^=editors/nvim" -l tests/nvim_fold.lua tests/event-logs.json
-- Folds each log as the server does, from where it was opened, also where only the newest messages are known.
local store = require('sessionls.store')

local function load()
  local text = table.concat(vim.fn.readfile(_G.arg[1]), '\n')
  return vim.json.decode(text, { luanil = { object = true } })
end

local failed, told_short = 0, 0
local function same(got, expected, what)
  if not vim.deep_equal(got, expected) then
    failed = failed + 1
    io.stderr:write(('%s:\n  got      %s\n  expected %s\n'):format(what, vim.inspect(got), vim.inspect(expected)))
  end
end

local function ids(list, field)
  return vim.tbl_map(function(one)
    return one[field]
  end, list or {})
end

local function run(case, window)
  local from = case.opened
  local messages = vim.list_slice(from.messages, math.max(1, #from.messages - window + 1))
  local state = store.opened({
    session = from.session,
    messages = messages,
    more = #messages < #from.messages,
    participants = from.participants,
  })
  for index = from.after + 1, #case.events do
    local event = case.events[index]
    if store.fold(state, event) == 'gap' then
      return 'gap'
    end
    local session, step = state.session, case.steps[index - from.after]
    local stopped = session.stopped or vim.NIL
    local told = {
      session.replying,
      stopped,
      session.queued,
      ids(session.asking, 'requestId'),
      ids(session.participants, 'id'),
      ids(state.participants, 'id'),
      session.updatedAt,
    }
    if step[2] == nil then
      step[2] = vim.NIL
    end
    same(told, step, ('%s, event %d (%s)'):format(case.name, event.seq, event.kind))
  end
  return state
end

for _, case in ipairs(load()) do
  local state = run(case, math.huge)
  if state == 'gap' then
    same('gap', 'no gap', case.name)
  else
    same(state.session, case.expected.session, case.name .. ', the session')
    same(state.messages, case.expected.messages, case.name .. ', the messages')
    same(state.participants, case.expected.participants, case.name .. ', the participants')
  end
end

for window = 1, 3 do
  for _, case in ipairs(load()) do
    local state = run(case, window)
    if state ~= 'gap' then
      local expected = case.expected.messages
      same(state.session, case.expected.session, case.name .. ', the session with few messages')
      same(state.messages, vim.list_slice(expected, #expected - #state.messages + 1), case.name .. ', few messages')
      told_short = told_short + (#state.messages < #expected and 1 or 0)
    end
  end
end
same(told_short > 0, true, 'no log could be told with few messages')
io.stdout:write(failed == 0 and 'ok\n' or ('%d failed\n'):format(failed))
os.exit(failed == 0 and 0 or 1)
