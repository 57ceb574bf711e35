-- Commands and maps. Modules are loaded on first use.
if vim.g.loaded_sessionls then
  return
end
vim.g.loaded_sessionls = true

vim.api.nvim_create_user_command('Sessionls', function(command)
  require('sessionls.commands').run(command)
end, {
  nargs = '*',
  range = true,
  desc = 'Sessions with agents',
  complete = function(...)
    return require('sessionls.commands').complete(...)
  end,
})

local function plug(modes, name, rhs, opts)
  vim.keymap.set(modes, '<Plug>(sessionls-' .. name .. ')', rhs, opts or {})
end

plug('n', 'ask', function()
  return require('sessionls.compose').operator('ask')
end, { expr = true, desc = 'Ask about the text of a motion' })
plug('x', 'ask', ':Sessionls ask<CR>', { silent = true, desc = 'Ask about the selection' })
plug('n', 'add', function()
  return require('sessionls.compose').operator('add')
end, { expr = true, desc = 'Add the text of a motion to the draft' })
plug('x', 'add', ':Sessionls add<CR>', { silent = true, desc = 'Add the selection to the draft' })
for name, sub in pairs({
  toggle = 'toggle',
  list = 'list',
  cancel = 'cancel',
  review = 'review',
  changes = 'changes',
  ['next-question'] = 'answer',
  allow = 'answer once',
  deny = 'answer deny',
}) do
  plug('n', name, '<Cmd>Sessionls ' .. sub .. '<CR>', { desc = 'Sessions: ' .. sub })
end

local group = vim.api.nvim_create_augroup('sessionls', {})
vim.api.nvim_create_autocmd('BufReadCmd', {
  group = group,
  pattern = { 'sessionls:/*', 'sessionls-draft:/*' },
  desc = 'A session as a buffer',
  callback = function(event)
    require('sessionls.view').read(event.buf, event.match)
  end,
})

-- Start the language server with the first file, not with Neovim.
local settings = vim.g.sessionls
if not (type(settings) == 'table' and settings.enable == false) then
  vim.api.nvim_create_autocmd('FileType', {
    group = group,
    once = true,
    callback = vim.schedule_wrap(function()
      if require('sessionls.config').get().enable then
        vim.lsp.enable('sessionls')
      end
    end),
  })
end
