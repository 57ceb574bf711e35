-- Neovim with its own language client and no plugin writes in a session file, for test_session_file_neovim.py:
-- `nvim -l session_file.lua JSON`, with JSON { server, folder }. Says what came of it as one line of JSON.
local given = vim.json.decode(_G.arg[1])
local PATIENCE = 120000

vim.cmd.edit(given.folder .. '/a.py')
vim.api.nvim_buf_set_lines(0, 0, 1, false, { 'x = "𝒳"', 'y = 2' }) -- not saved
vim.lsp.config('sessionls', {
  cmd = given.server,
  filetypes = { 'python', 'markdown' },
  root_dir = function(_, on_dir)
    on_dir(given.folder) -- one server for code and for session files
  end,
  init_options = { participant = { name = 'Ada' }, workspaceTrusted = true, model = 'openai/test' },
})
vim.lsp.enable('sessionls')
vim.cmd('doautocmd FileType python')

local function wait(what, condition)
  assert(vim.wait(PATIENCE, condition, 20), what .. '\n' .. table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'))
end

local function client()
  return vim.lsp.get_clients({ name = 'sessionls', bufnr = 0 })[1]
end

wait('no server', function()
  return client() and client().initialized
end)

-- Chooses the code action that begins with these words, as a person does in the menu.
local function choose(title)
  local found
  vim.ui.select = function(items, options, done)
    for _, item in ipairs(items) do
      if vim.startswith(item.action.title, title) then
        found = item
      end
    end
    done(found)
  end
  vim.lsp.buf.code_action()
  wait('not offered: ' .. title, function()
    return found ~= nil
  end)
end

local function text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
end

local function shows(...)
  for _, words in ipairs({ ... }) do
    wait('missing: ' .. words, function()
      return text():find(words, 1, true) ~= nil
    end)
  end
end

vim.cmd('normal! ggVG')
choose('Ask…')
wait('no session file', function()
  return vim.api.nvim_buf_get_name(0):match('%.session%.md$') and client()
end)
local cursor = vim.api.nvim_win_get_cursor(0)
local ahead = vim.api.nvim_get_current_line()
vim.api.nvim_buf_set_lines(0, cursor[1] - 1, cursor[1], false, { ahead .. 'What is 𝒳?' })
choose('Send to code')
shows('First line.')
vim.api.nvim_buf_set_lines(0, -1, -1, false, { 'My next 𝒳 question' })
vim.uv.fs_close(assert(vim.uv.fs_open(given.folder .. '/go', 'w', 420))) -- the model may go on
shows('Second line.', 'tokens in')
local servers = #vim.lsp.get_clients({ name = 'sessionls' })
io.stdout:write(vim.json.encode({ ahead = ahead, text = text(), servers = servers, modified = vim.bo.modified }), '\n')
client():stop(true)
os.exit(0)
