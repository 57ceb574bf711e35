-- The configuration for vim.lsp.enable('sessionls'). Change it with vim.lsp.config('sessionls', { … }), or with vim.g.sessionls.
local client = require('sessionls.client')
local config = require('sessionls.config')

return {
  cmd = config.get().cmd,
  root_dir = client.root_dir,
  flags = { debounce_text_changes = 0 }, -- so that an agent sees the newest text
  capabilities = {
    -- Edits that need confirmation are shown beside the file first.
    workspace = { workspaceEdit = { documentChanges = true, changeAnnotationSupport = { groupsOnLabel = false } } },
    experimental = { sessionls = { events = true, permissions = true, saves = true } },
  },
  handlers = client.handlers,
  before_init = client.before_init,
  on_init = client.on_init,
  on_exit = client.on_exit,
}
