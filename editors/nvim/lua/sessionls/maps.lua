-- The keys of a session's buffers. vim.g.sessionls.maps changes them by their names; false removes one.
local config = require('sessionls.config')

local M = {}

local function view()
  return require('sessionls.view').of()
end

local function act(name)
  return function()
    local here = view()
    if here then
      require('sessionls.actions')[name](here)
    end
  end
end

local function queue(name)
  return function()
    local here = view()
    if here then
      require('sessionls.queue')[name](here)
    end
  end
end

local function compose(name, ...)
  local arguments = { ... }
  return function()
    local here = view()
    if here then
      require('sessionls.compose')[name](here, unpack(arguments))
    end
  end
end

---@type table<string, { [1]: string|string[], [2]: string, [3]: string, [4]: fun() }> modes, key, meaning, what it does
M.transcript_maps = {
  next = { 'n', ']]', 'Go to the next message', act('next') },
  previous = { 'n', '[[', 'Go to the previous message', act('previous') },
  follow = { 'n', '<CR>', 'Follow the path, question, finding or link under the cursor', act('follow') },
  fork = { 'n', 'gf', 'Fork the session at this message', act('fork') },
  withdraw = { 'n', 'gw', 'Withdraw the waiting message under the cursor', queue('withdraw') },
  send_now = { 'n', 'gs', 'Send the waiting message now', queue('send_now') },
  edit = { 'n', 'ge', 'Edit the waiting message in the draft', queue('edit') },
  earlier = { 'n', '[e', 'Move the waiting message up in the queue', queue('earlier') },
  later = { 'n', ']e', 'Move the waiting message down in the queue', queue('later') },
  yank = { 'n', 'gy', 'Yank the code under the cursor', act('yank') },
}

M.common_maps = {
  once = { 'n', 'ga', 'Choose the agent of the next message', compose('choose_once') },
  switch = { 'n', 'gA', "Switch the session's default agent", act('switch') },
  pause = { 'n', 'gp', 'Pause or resume the session', act('toggle_pause') },
  cancel = { 'n', '<C-c>', 'Cancel the reply being written', act('cancel') },
  help = { 'n', 'g?', 'Show the keys', act('help') },
}

M.draft_maps = {
  send = { 'n', '<CR>', 'Send', compose('send') },
  send_insert = { 'i', '<C-s>', 'Send', compose('send') },
  steer = { { 'n', 'i' }, '<C-CR>', 'Send to the reply being written', compose('send', { steer = true }) },
  preview = { 'n', 'K', 'Show the context of the word under the cursor', compose('preview') },
}

--- The key of a map by its name, according to the settings.
---@param name string
---@return string
function M.key(name)
  local map = M.transcript_maps[name] or M.common_maps[name] or M.draft_maps[name]
  return config.get().maps[name] or map[2]
end

local function set(buf, ...)
  local chosen = config.get().maps
  for _, maps in ipairs({ ... }) do
    for name, map in pairs(maps) do
      local key = chosen[name]
      if key ~= false then
        vim.keymap.set(map[1], key or map[2], map[4], { buffer = buf, desc = map[3], nowait = true })
      end
    end
  end
end

function M.transcript(buf)
  set(buf, M.common_maps, M.transcript_maps)
end

function M.draft(buf)
  set(buf, M.common_maps, M.draft_maps)
end

return M
