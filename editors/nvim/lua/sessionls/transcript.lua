-- Draws a session's transcript: a block of lines for each message. Writes only the lines that changed.
local render = require('sessionls.render')

local M = {}

-- Lines and bytes up to which the transcript is parsed: beyond, a parser holds up the editor while a reply grows.
local PARSED, PARSED_BYTES = 3000, 300000

local function questions_of(state, id)
  return vim.tbl_filter(function(question)
    return question.messageId == id
  end, state.session.asking or {})
end

local function splice_meta(view, row, removed, meta)
  local all = view.meta
  local count, by = #all, #meta - removed
  if by ~= 0 then
    table.move(all, row + removed + 1, count, row + removed + 1 + by)
    for index = count + by + 1, count do
      all[index] = nil
    end
  end
  table.move(meta, 1, #meta, row + 1, all)
end

--- Replaces lines (rows from 0) and their metadata. The metadata comes first: Neovim computes folds while lines are replaced.
local function splice(view, row, removed, lines, meta)
  splice_meta(view, row, removed, meta)
  vim.bo[view.buf].modifiable = true
  vim.api.nvim_buf_set_lines(view.buf, row, row + removed, false, lines)
  vim.bo[view.buf].modifiable = false
end

--- Redraws the part of a block that is different.
local function draw(view, index, row, new)
  local old = view.blocks[index]
  local first, last_old, last_new = 1, #old.lines, #new.lines
  while first <= last_old and first <= last_new and old.lines[first] == new.lines[first] do
    first = first + 1
  end
  while last_old >= first and last_new >= first and old.lines[last_old] == new.lines[last_new] do
    last_old, last_new = last_old - 1, last_new - 1
  end
  local changed = last_old >= first or last_new >= first
  splice_meta(view, row, #old.lines, new.meta)
  if changed then
    vim.bo[view.buf].modifiable = true
    vim.api.nvim_buf_set_lines(view.buf, row + first - 1, row + last_old, false, vim.list_slice(new.lines, first, last_new))
    vim.bo[view.buf].modifiable = false
  end
  view.blocks[index] = { id = old.id, lines = new.lines, tail = new.tail }
end

--- Adds text at the end of the reply's last part, without changing older text.
---@param view sessionls.View
---@param index integer
---@param row integer
---@param grown string
local function grow(view, index, row, grown)
  local block = view.blocks[index]
  local at = block.tail.row
  local text = block.lines[at + 1] .. grown
  local pieces = vim.split(grown:gsub('\r\n', '\n'), '\n', { plain = true })
  local column = #block.lines[at + 1]
  local meta = view.meta[row + at + 1]
  local more = {}
  for _ = 2, #pieces do
    table.insert(more, meta)
  end
  splice_meta(view, row + at + 1, 0, more)
  vim.bo[view.buf].modifiable = true
  vim.api.nvim_buf_set_text(view.buf, row + at, column, row + at, column, pieces)
  vim.bo[view.buf].modifiable = false
  if #pieces == 1 then
    block.lines[at + 1] = text
  else
    block.lines[at + 1] = block.lines[at + 1] .. pieces[1]
    for number = 2, #pieces do
      table.insert(block.lines, at + number, pieces[number])
    end
  end
  block.tail.row = at + #pieces - 1
  block.tail.size = block.tail.size + #grown
end

local function head_of(state)
  if #state.messages > 0 then
    return render.head(state)
  end
  local maps = require('sessionls.maps')
  local words = 'Write a message below and send it with %s. Start it with @ to choose its agent. %s shows the keys.'
  return render.head(state, words:format(maps.key('send'), maps.key('help')))
end

--- Sorts the blocks by the order of the messages.
local function arrange(view)
  local state, blocks = view.state, view.blocks
  if #blocks == 0 then
    local head = head_of(state)
    view.meta = {}
    splice(view, 0, vim.api.nvim_buf_line_count(view.buf), head.lines, head.meta)
    blocks[1] = { id = '', lines = head.lines }
  end
  local messages = state.messages
  -- Older ones before the first block.
  if blocks[2] and messages[1] and blocks[2].id ~= messages[1].id then
    local joint
    for at, message in ipairs(messages) do
      if message.id == blocks[2].id then
        joint = at
        break
      end
    end
    if joint then
      local lines, meta, new = {}, {}, {}
      for at = 1, joint - 1 do
        local drawn = render.message(messages[at], questions_of(state, messages[at].id))
        vim.list_extend(lines, drawn.lines)
        vim.list_extend(meta, drawn.meta)
        table.insert(new, { id = messages[at].id, lines = drawn.lines, tail = drawn.tail })
        view.dirty[messages[at].id] = nil
      end
      splice(view, #blocks[1].lines, 0, lines, meta)
      for at, block in ipairs(new) do
        table.insert(blocks, at + 1, block)
      end
    end
  end
  -- From the first one that differs on.
  local same = 0
  while messages[same + 1] and blocks[same + 2] and messages[same + 1].id == blocks[same + 2].id do
    same = same + 1
  end
  if #messages == same and #blocks == same + 1 then
    return
  end
  local row = 0
  for index = 1, same + 1 do
    row = row + #blocks[index].lines
  end
  local lines, meta = {}, {}
  for index = #blocks, same + 2, -1 do
    blocks[index] = nil
  end
  for at = same + 1, #messages do
    local drawn = render.message(messages[at], questions_of(state, messages[at].id))
    vim.list_extend(lines, drawn.lines)
    vim.list_extend(meta, drawn.meta)
    table.insert(blocks, { id = messages[at].id, lines = drawn.lines, tail = drawn.tail })
    view.dirty[messages[at].id] = nil
  end
  splice(view, row, vim.api.nvim_buf_line_count(view.buf) - row, lines, meta)
end

local function draw_grown(view, index, row, grown)
  local block, message = view.blocks[index], assert(view.state.messages[index - 1])
  local words = {}
  for _, one in ipairs(grown) do
    if not block.tail or block.tail.part ~= one.part or one.part ~= #message.parts then
      draw(view, index, row, render.message(message, questions_of(view.state, message.id)))
      return
    end
    table.insert(words, one.text)
  end
  local text = table.concat(words)
  -- Text that was drawn with a new part already is not drawn again.
  if block.tail.size + #text ~= #message.parts[block.tail.part].text then
    draw(view, index, row, render.message(message, questions_of(view.state, message.id)))
    return
  end
  grow(view, index, row, text)
end

--- The cursors' positions: on the last line, where they follow new text, or at a line of a message.
local function cursors(view)
  local found, count = {}, vim.api.nvim_buf_line_count(view.buf)
  for _, win in ipairs(vim.fn.win_findbuf(view.buf)) do
    local row = vim.api.nvim_win_get_cursor(win)[1]
    local one = { win = win, follows = row >= count }
    local first = 0
    for _, block in ipairs(view.blocks) do
      if row <= first + #block.lines then
        one.id, one.offset = block.id, row - first
        break
      end
      first = first + #block.lines
    end
    table.insert(found, one)
  end
  return found
end

--- Restores the cursors' positions.
local function restore(view, found)
  local count = vim.api.nvim_buf_line_count(view.buf)
  local starts, first = {}, 0
  for _, block in ipairs(view.blocks) do
    starts[block.id] = { first = first, size = #block.lines }
    first = first + #block.lines
  end
  for _, one in ipairs(found) do
    local block = one.id and starts[one.id]
    if one.follows then
      vim.api.nvim_win_set_cursor(one.win, { count, 0 })
    elseif block then
      local row, now = block.first + math.min(one.offset, block.size), vim.api.nvim_win_get_cursor(one.win)
      if now[1] ~= row then
        vim.api.nvim_win_set_cursor(one.win, { math.max(1, math.min(row, count)), now[2] })
      end
    end
  end
end

local function too_large(buf)
  local count = vim.api.nvim_buf_line_count(buf)
  return count > PARSED or vim.api.nvim_buf_get_offset(buf, count) > PARSED_BYTES
end

--- Shows a buffer's Markdown in colours: by a parser, or where that would take too long by patterns.
---@param buf integer
function M.highlight(buf)
  if not vim.api.nvim_buf_is_loaded(buf) then
    return
  elseif not too_large(buf) and pcall(vim.treesitter.start, buf, 'markdown') then
    return
  end
  pcall(vim.treesitter.stop, buf)
  vim.bo[buf].syntax = 'markdown'
end

--- Draws what changed since the last time. A cursor on the last line stays there; any other stays on its message.
---@param view sessionls.View
function M.flush(view)
  if not view.state then
    return
  end
  local before = cursors(view)
  arrange(view)
  local grown = {}
  for _, one in ipairs(view.grown) do
    grown[one.id] = grown[one.id] or {}
    table.insert(grown[one.id], one)
  end
  view.grown = {}
  local row = 0
  for index, block in ipairs(view.blocks) do
    if index == 1 then
      draw(view, 1, 0, head_of(view.state))
    elseif view.dirty[block.id] then
      local message = assert(view.state.messages[index - 1])
      draw(view, index, row, render.message(message, questions_of(view.state, block.id)))
    elseif grown[block.id] then
      draw_grown(view, index, row, grown[block.id])
    end
    row = row + #view.blocks[index].lines
  end
  view.dirty = {}
  if too_large(view.buf) and vim.treesitter.highlighter.active[view.buf] then
    M.highlight(view.buf)
  end
  restore(view, before)
end

return M
