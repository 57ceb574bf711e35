-- What agents changed: documents that the server wants saved, and the hunks of each reply.
local M = {}

local loaded_for_edit = {} -- buffers that nobody had open before an edit loaded them

vim.api.nvim_create_autocmd('BufWinEnter', {
  group = vim.api.nvim_create_augroup('sessionls_changes', {}),
  callback = function(event)
    loaded_for_edit[event.buf] = nil
  end,
})

--- Remembers which documents an edit is about to load.
---@param edit table a WorkspaceEdit
function M.before(edit)
  local uris = vim.tbl_keys(edit.changes or {})
  for _, change in ipairs(edit.documentChanges or {}) do
    table.insert(uris, change.textDocument and change.textDocument.uri or change.kind == 'create' and change.uri or nil)
  end
  local fresh = {}
  for _, uri in ipairs(uris) do
    local known = vim.fn.bufnr('^' .. vim.fn.fnameescape(vim.uri_to_fname(uri)) .. '$')
    if known == -1 or not vim.api.nvim_buf_is_loaded(known) then
      table.insert(fresh, uri)
    end
  end
  return fresh
end

function M.after(fresh)
  for _, uri in ipairs(fresh) do
    local buf = vim.uri_to_bufnr(uri)
    if vim.api.nvim_buf_is_loaded(buf) then
      loaded_for_edit[buf] = true
    end
  end
end

--- Saves documents. Gives those that have no unsaved changes any more; a document that is not open has none.
---@param uris string[]
function M.save(uris)
  local saved = {}
  for _, uri in ipairs(uris) do
    local buf = vim.uri_to_bufnr(uri)
    if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].modified then
      local ok, problem = pcall(vim.api.nvim_buf_call, buf, function()
        vim.cmd('silent write')
      end)
      if not ok then
        vim.notify(('%s was not saved: %s'):format(vim.uri_to_fname(uri), problem), vim.log.levels.WARN, { title = 'sessionls' })
      end
    end
    if not vim.api.nvim_buf_is_loaded(buf) or not vim.bo[buf].modified then
      table.insert(saved, uri)
      -- Nobody looks at it, and nobody had it open before: it goes again.
      if loaded_for_edit[buf] and #vim.fn.win_findbuf(buf) == 0 and vim.api.nvim_buf_is_loaded(buf) then
        loaded_for_edit[buf] = nil
        vim.schedule(function()
          if vim.api.nvim_buf_is_valid(buf) and not vim.bo[buf].modified and #vim.fn.win_findbuf(buf) == 0 then
            vim.api.nvim_buf_delete(buf, {})
          end
        end)
      end
    end
  end
  return { saved = saved }
end

--- The hunks of a session's edits as a quickfix list, one for each place.
---@param view sessionls.View
function M.list(view)
  local items = {}
  for _, message in ipairs(view.state and view.state.messages or {}) do
    for _, part in ipairs(message.parts) do
      if part.kind == 'edit' and part.applied then
        local hunks = 0
        for line, rest in (part.patch or ''):gmatch('@@ %-%d+,?%d* %+(%d+),?%d* @@([^\n]*)') do
          hunks = hunks + 1
          table.insert(items, {
            filename = vim.uri_to_fname(part.uri),
            lnum = math.max(1, tonumber(line) or 1),
            text = ('%s: %s%s'):format(message.author.agent, part.summary, rest),
          })
        end
        if hunks == 0 then
          table.insert(items, { filename = vim.uri_to_fname(part.uri), lnum = 1, text = part.summary })
        end
      end
    end
  end
  if #items == 0 then
    vim.notify('No agent changed anything in this session.', vim.log.levels.INFO, { title = 'sessionls' })
    return
  end
  vim.fn.setqflist({}, ' ', { title = 'Changes: ' .. view.state.session.title, items = items })
  vim.cmd('botright copen')
end

return M
