-- Documents that the server changes: applies its edits, and saves documents.
local M = {}

local loaded_for_edit = {} -- buffers that were not open before an edit loaded them

vim.api.nvim_create_autocmd('BufWinEnter', {
  group = vim.api.nvim_create_augroup('sessionls_documents', {}),
  callback = function(event)
    loaded_for_edit[event.buf] = nil
  end,
})

--- The path of a file's URI; nothing for other URIs: to Neovim names such as `term://…` are programs that it starts.
---@param uri string
---@return string?
function M.path(uri)
  local is_file = type(uri) == 'string' and uri:match('^[Ff][Ii][Ll][Ee]:') ~= nil
  local ok, path = pcall(vim.uri_to_fname, uri)
  return is_file and ok and (path:match('^[/\\]') or path:match('^%a:')) and path or nil
end

--- The URIs of an edit's documents.
---@param edit table a WorkspaceEdit
---@return string[]
function M.uris(edit)
  local uris = vim.tbl_keys(edit.changes or {})
  for _, change in ipairs(edit.documentChanges or {}) do
    local uri = change.textDocument and change.textDocument.uri or change.uri
    if not vim.list_contains(uris, uri) then
      table.insert(uris, uri)
    end
  end
  return uris
end

--- The loaded buffer of a document, if it is open.
---@param uri string
---@return integer?
function M.buffer(uri)
  local path = M.path(uri)
  local buf = path and vim.fn.bufnr('^' .. vim.fn.fnameescape(path) .. '$') or -1
  return buf ~= -1 and vim.api.nvim_buf_is_loaded(buf) and buf or nil
end

local function lines_of(uri)
  local buf = M.buffer(uri)
  return buf and vim.api.nvim_buf_get_lines(buf, 0, -1, false)
end

--- An edit's change to the text of a document, and whether the edit creates or deletes a document.
---@return table? change a TextDocumentEdit
---@return string? kind
function M.parts(edit)
  local change, kind
  for uri, edits in pairs(edit.changes or {}) do
    change = { textDocument = { uri = uri }, edits = edits }
  end
  for _, one in ipairs(edit.documentChanges or {}) do
    if one.kind then
      kind = one.kind
    else
      change = one
    end
  end
  return change, kind
end

--- The lines of a text, without an empty one for the line end of the last.
---@param text string
---@return string[]
function M.split(text)
  local lines = vim.split(text:gsub('\r\n?', '\n'), '\n', { plain = true })
  if lines[#lines] == '' then
    lines[#lines] = nil
  end
  return lines
end

--- Starts a new undo step: Neovim would join the edits of a hidden buffer into one step.
---@param buf integer
function M.break_undo(buf)
  vim.api.nvim_buf_call(buf, function()
    vim.cmd('let &l:undolevels = &l:undolevels')
  end)
end

--- Applies an edit, and marks the lines that it changes. Buffers that were not open before are unloaded after they are saved.
---@param params table of workspace/applyEdit
---@param encoding 'utf-8'|'utf-16'|'utf-32'
---@return table result
function M.apply(params, encoding)
  local before, fresh = {}, {}
  for _, uri in ipairs(M.uris(params.edit)) do
    local path = M.path(uri)
    if not path then
      return { applied = false, failureReason = 'Only files can be changed.' }
    end
    before[uri] = lines_of(uri)
    fresh[uri] = before[uri] == nil
    if fresh[uri] and vim.uv.fs_stat(path) then
      vim.fn.bufload(vim.uri_to_bufnr(uri))
      before[uri] = lines_of(uri)
    end
  end
  for uri in pairs(before) do
    M.break_undo(assert(M.buffer(uri)))
  end
  local ok, problem = pcall(vim.lsp.util.apply_workspace_edit, params.edit, encoding)
  for uri, was_fresh in pairs(fresh) do
    local buf = M.buffer(uri)
    if buf then
      loaded_for_edit[buf] = was_fresh or loaded_for_edit[buf]
      require('sessionls.marks').edited(buf, before[uri] or {})
    end
  end
  return { applied = ok, failureReason = not ok and tostring(problem) or nil }
end

--- Saves documents. Returns the ones without unsaved changes, which includes documents that are not open.
---@param uris string[]
function M.save(uris)
  local saved = {}
  for _, uri in ipairs(vim.tbl_filter(M.path, uris)) do
    local buf = vim.uri_to_bufnr(uri)
    if vim.api.nvim_buf_is_loaded(buf) and vim.bo[buf].modified then
      local ok, problem = pcall(vim.api.nvim_buf_call, buf, function()
        vim.cmd('silent write')
      end)
      if not ok then
        require('sessionls.notice').show(('%s was not saved: %s'):format(vim.uri_to_fname(uri), problem), vim.log.levels.WARN)
      end
    end
    if not vim.api.nvim_buf_is_loaded(buf) or not vim.bo[buf].modified then
      table.insert(saved, uri)
      -- It is hidden and was not open before.
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

return M
