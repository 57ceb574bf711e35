-- Findings of reviews: lists, fixes and dismisses them. (They are shown as ordinary diagnostics.)
local client = require('sessionls.client')
local documents = require('sessionls.documents')

local M = {}

--- Puts the open findings of a session, or of the whole workspace, into the quickfix list.
---@param server sessionls.Server
---@param session_id? string
function M.list(server, session_id)
  client.run(function()
    local items, cursor = {}, nil
    repeat
      local page, problem = server:call('finding/list', { sessionId = session_id, state = 'open', cursor = cursor })
      if problem then
        return client.tell(problem)
      end
      for _, finding in ipairs(page.findings) do
        table.insert(items, {
          filename = documents.path(finding.uri) or '',
          lnum = finding.range.start.line + 1,
          end_lnum = finding.range['end'].line + 1,
          text = finding.title .. (finding.rule and (' [%s]'):format(finding.rule) or ''),
          type = ({ 'E', 'W', 'I', 'N' })[finding.severity],
          user_data = { findingId = finding.id, sessionId = finding.sessionId, messageId = finding.messageId },
        })
      end
      cursor = page.nextCursor
    until not cursor
    if #items == 0 then
      vim.notify('No open findings.', vim.log.levels.INFO, { title = 'sessionls' })
      return
    end
    vim.fn.setqflist({}, ' ', { title = 'Findings', items = items })
    vim.cmd('botright copen')
  end)
end

--- The finding under the cursor in a transcript, in the quickfix list, or in a file.
---@return { findingId: string, sessionId: string, messageId?: string }?
function M.here()
  local view = require('sessionls.view').of()
  local part = view and vim.api.nvim_get_current_buf() == view.buf and view:under_cursor().part
  if part and part.kind == 'finding' then
    return { findingId = part.finding.id, sessionId = part.finding.sessionId, messageId = part.finding.messageId }
  end
  if vim.bo.buftype == 'quickfix' then
    local item = vim.fn.getqflist()[vim.fn.line('.')]
    return item and type(item.user_data) == 'table' and item.user_data.findingId and item.user_data or nil
  end
  for _, one in ipairs(vim.diagnostic.get(0, { lnum = vim.fn.line('.') - 1 })) do
    local data = vim.tbl_get(one, 'user_data', 'lsp', 'data')
    if one.source == 'sessionls' and type(data) == 'table' then
      return data
    end
  end
  vim.notify('No finding is under the cursor.', vim.log.levels.WARN, { title = 'sessionls' })
end

local function dismissed(server, finding, reason)
  client.run(function()
    local params = { findingId = finding.findingId, state = 'dismissed', reason = reason ~= '' and reason or nil }
    local _, problem = server:call('finding/update', params)
    if problem then
      client.tell(problem)
    end
  end)
end

--- Dismisses the finding under the cursor.
function M.dismiss(server, reason)
  local finding = M.here()
  if finding and reason and reason ~= '' then
    dismissed(server, finding, reason)
  elseif finding then
    vim.ui.input({ prompt = 'Reason for dismissing it: ' }, function(given)
      if given then
        dismissed(server, finding, given)
      end
    end)
  end
end

--- Asks an agent, in the finding's session, to fix it.
function M.fix(server, agent)
  local finding = M.here()
  if finding then
    client.run(function()
      local arguments = { { findingId = finding.findingId, agent = agent ~= '' and agent or nil } }
      local _, problem = server:call('workspace/executeCommand', { command = 'sessionls.fix', arguments = arguments })
      if problem then
        client.tell(problem)
      end
    end)
  end
end

--- Applies the suggestion of a finding to the code.
function M.apply(server)
  local finding, buf = M.here(), vim.api.nvim_get_current_buf()
  if not finding or not server.client then
    return
  end
  local shown = vim.tbl_filter(function(one)
    return vim.tbl_get(one, 'user_data', 'lsp', 'data', 'findingId') == finding.findingId
  end, vim.diagnostic.get(buf))[1]
  if not shown then
    return vim.notify('Put the cursor on the code of the finding first.', vim.log.levels.WARN, { title = 'sessionls' })
  end
  local diagnostic = shown.user_data.lsp
  client.run(function()
    local actions, problem = server:call('textDocument/codeAction', {
      textDocument = vim.lsp.util.make_text_document_params(buf),
      range = diagnostic.range,
      context = { diagnostics = { diagnostic }, only = { 'quickfix' }, triggerKind = 1 },
    })
    if problem then
      return client.tell(problem)
    end
    for _, action in ipairs(actions or {}) do
      if action.edit then
        vim.lsp.util.apply_workspace_edit(action.edit, server.client.offset_encoding)
        return
      end
    end
    vim.notify(
      'This finding has no suggestion. :Sessionls findings fix asks an agent to fix it.',
      vim.log.levels.WARN,
      { title = 'sessionls' }
    )
  end)
end

--- Opens the session at the message that reported the finding.
function M.open(server)
  local finding = M.here()
  if not finding then
    return
  end
  client.run(function()
    local message = finding.messageId
    if not message then
      local found = server:call('finding/list', { sessionId = finding.sessionId })
      for _, one in ipairs(found and found.findings or {}) do
        message = one.id == finding.findingId and one.messageId or message
      end
    end
    require('sessionls.view').open(server, finding.sessionId, { message = message })
  end)
end

return M
