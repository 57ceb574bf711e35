-- Messages that wait for their reply to begin: withdraw one, send it now, move it up or down, or edit it.
local actions = require('sessionls.actions')
local client = require('sessionls.client')

local M = {}

--- The waiting messages of a session, in their order.
---@param view sessionls.View
---@return sessionls.Message[]
function M.waiting(view)
  return vim.tbl_filter(function(message)
    return message.role == 'participant' and message.status == 'queued'
  end, view.state and view.state.messages or {})
end

--- One line for a message.
local function line_of(message)
  return (message.author.name .. ': ' .. message.parts[1].text:gsub('%s+', ' '))
end

--- Runs `done` with the waiting message under the cursor of the transcript. Elsewhere with the only one, or lets you choose one.
local function with_message(view, done)
  local waiting = M.waiting(view)
  if #waiting == 0 then
    client.tell('No messages are waiting in this session.', vim.log.levels.INFO)
    return
  end
  if vim.api.nvim_get_current_buf() == view.buf then
    local id = view:under_cursor().id
    for at, message in ipairs(waiting) do
      if message.id == id then
        return done(message, at, waiting)
      end
    end
    return client.tell('The message under the cursor is not waiting.', vim.log.levels.INFO)
  end
  if #waiting == 1 then
    return done(waiting[1], 1, waiting)
  end
  vim.ui.select(waiting, { prompt = 'Which message?', format_item = line_of }, function(message, at)
    if message then
      done(message, at, waiting)
    end
  end)
end

function M.withdraw(view)
  with_message(view, function(message)
    actions.request(view, 'session/withdraw', { messageId = message.id })
  end)
end

--- Has it answered next. Cancels the reply being written, which keeps its text so far.
function M.send_now(view)
  with_message(view, function(message)
    actions.request(view, 'session/sendNow', { messageId = message.id })
  end)
end

local function move(view, by)
  with_message(view, function(_, at, waiting)
    if not waiting[at + by] then
      return
    end
    local ids = vim.tbl_map(function(one)
      return one.id
    end, waiting)
    ids[at], ids[at + by] = ids[at + by], ids[at]
    actions.request(view, 'session/reorder', { messageIds = ids })
  end)
end

function M.earlier(view)
  move(view, -1)
end

function M.later(view)
  move(view, 1)
end

--- Copies its text into the draft. The sent draft replaces it in the queue.
function M.edit(view)
  with_message(view, function(message)
    require('sessionls.compose').edit(view, message)
  end)
end

return M
