-- Completion in the draft, as a language server in this process: any completion plugin that uses language servers works here.
local M = {}

local function items(view, line, column)
  local before = line:sub(1, column)
  local word = before:match('[@#][^%s]*$')
  local found = {}
  if not view or not word then
    return found
  end
  local function add(label, detail, kind)
    if vim.startswith(label, word) then
      table.insert(found, {
        label = label,
        kind = kind,
        detail = detail,
        filterText = label,
        start = column - #word,
      })
    end
  end
  if word:sub(1, 1) == '@' then
    if before:match('^%s*@[^%s]*$') then
      for _, agent in ipairs(view.server.agents) do
        if agent.available then
          add('@' .. agent.name, agent.description, vim.lsp.protocol.CompletionItemKind.User or 7)
        end
      end
    end
    return found
  end
  for label, detail in pairs(require('sessionls.context').words) do
    add(label, detail, vim.lsp.protocol.CompletionItemKind.Reference)
  end
  for label in pairs(view.selections) do
    add(label, 'the selection', vim.lsp.protocol.CompletionItemKind.Reference)
  end
  if vim.startswith(word, '#file:') then
    local typed = word:sub(7)
    for _, path in ipairs(vim.fn.glob(vim.fs.joinpath(view.server.root, typed) .. '*', false, true)) do
      local shown = path:sub(#view.server.root + 2) .. (vim.fn.isdirectory(path) == 1 and '/' or '')
      add('#file:' .. shown, nil, vim.lsp.protocol.CompletionItemKind.File)
    end
  end
  table.sort(found, function(a, b)
    return a.label < b.label
  end)
  return found
end

local function answer(params)
  local buf = vim.uri_to_bufnr(params.textDocument.uri)
  local row = params.position.line
  local line = vim.api.nvim_buf_get_lines(buf, row, row + 1, false)[1] or ''
  local column = vim.str_byteindex(line, 'utf-8', params.position.character, false)
  local found = items(require('sessionls.view').of(buf), line, column)
  for _, item in ipairs(found) do
    item.textEdit = {
      range = {
        start = { line = row, character = item.start },
        ['end'] = { line = row, character = column },
      },
      newText = item.label,
    }
    item.start = nil
  end
  return { isIncomplete = true, items = found }
end

local function start(dispatchers)
  local closing, last = false, 0
  return {
    request = function(method, params, callback)
      last = last + 1
      if method == 'initialize' then
        callback(nil, {
          capabilities = { positionEncoding = 'utf-8', completionProvider = { triggerCharacters = { '@', '#', ':', '/' } } },
        })
      elseif method == 'textDocument/completion' then
        -- Later: Neovim must not show anything during the request.
        vim.schedule(function()
          callback(nil, answer(params))
        end)
      else
        callback(nil, nil)
      end
      return true, last
    end,
    notify = function(method)
      if method == 'exit' then
        dispatchers.on_exit(0, 15)
      end
      return true
    end,
    is_closing = function()
      return closing
    end,
    terminate = function()
      closing = true
    end,
  }
end

--- Starts the completion for a draft.
function M.attach(buf)
  vim.lsp.start({
    name = 'sessionls-draft',
    cmd = start,
    root_dir = vim.fn.stdpath('state') --[[@as string]],
  }, {
    bufnr = buf,
    reuse_client = function(client, config)
      return client.name == config.name
    end,
  })
end

return M
