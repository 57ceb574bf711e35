-- :checkhealth sessionls
local M = {}

local version = require('sessionls.version')

local function server_program(config)
  local health, program = vim.health, config.cmd[1]
  if vim.fn.executable(program) == 0 then
    health.error(('The server is not installed: %s is not executable.'):format(program), {
      'Install it: pip install sessionls',
      "Or set its path: vim.g.sessionls = { cmd = { '/path/to/sessionls', 'serve' } }",
    })
    return
  end
  health.ok(('The server is %s.'):format(vim.fn.exepath(program)))
end

local function running(client)
  local health = vim.health
  local info = client.server_info or {}
  health.ok(
    ('The server runs for %s: %s %s.'):format(client.root_dir or 'no folder', info.name or 'sessionls', info.version or '')
  )
  local install = { 'Install the matching plugin: sessionls editor nvim --install' }
  if info.version ~= version.plugin then
    health.warn(('This plugin has version %s.'):format(version.plugin), install)
  end
  local spoken = vim.tbl_get(client.server_capabilities, 'experimental', 'sessionls', 'version')
  if spoken == version.protocol then
    health.ok(('Both use version %d of the protocol.'):format(version.protocol))
  else
    local words = 'The server uses version %s of the protocol, and this plugin uses version %d.'
    health.error(words:format(tostring(spoken), version.protocol), install)
  end
  local answer = client:request_sync('model/list', vim.empty_dict(), 5000)
  local default
  for _, model in ipairs(answer and answer.result and answer.result.models or {}) do
    default = model.default and model.name or default
  end
  if default then
    health.ok(('The default model is %s.'):format(default))
  else
    health.warn('No model is configured.', { 'Run `sessionls doctor` in a terminal to see what is missing.' })
  end
end

function M.check()
  local health = vim.health
  health.start('sessionls')
  if vim.fn.has('nvim-0.11') == 0 then
    health.error('Neovim is too old.', { 'Install Neovim 0.11 or newer.' })
    return
  end
  health.ok('Neovim is new enough.')
  local settings = require('sessionls.config')
  local given = vim.g.sessionls
  if type(given) == 'function' then
    given = given()
  end
  local problems = settings.problems(given == nil and {} or given)
  for _, problem in ipairs(problems) do
    health.error(problem)
  end
  if #problems == 0 then
    health.ok('vim.g.sessionls is valid.')
  end
  local copies = vim.api.nvim_get_runtime_file('plugin/sessionls.lua', true)
  if #copies > 1 then
    health.warn(('There are %d copies of the plugin: %s.'):format(#copies, table.concat(copies, ', ')), { 'Remove all but one.' })
  end
  local config = settings.get()
  server_program(config)
  if #vim.api.nvim_get_runtime_file('lsp/sessionls.lua', true) > 1 then
    health.warn('There is more than one lsp/sessionls.lua: the last one on the runtimepath is used.', {
      'Change settings with vim.g.sessionls or vim.lsp.config instead of another file.',
    })
  end
  local clients = vim.lsp.get_clients({ name = 'sessionls' })
  local roots = {}
  for _, client in ipairs(clients) do
    local root = client.root_dir or ''
    if roots[root] then
      health.warn(('The server runs twice for %s.'):format(root), {
        'Start it only once: remove vim.lsp.enable or vim.lsp.start of sessionls from your configuration.',
      })
    end
    roots[root] = true
  end
  if #clients == 0 then
    health.info('The server is not running yet. It starts with the first file, or with :Sessionls new.')
  end
  for _, client in ipairs(clients) do
    running(client)
  end
  health.info(('Picker for lists: %s.'):format(require('sessionls.pick').adapter()))
  if config.trust == true then
    health.info('Agents and MCP servers that a folder defines are used: vim.g.sessionls.trust is true.')
  elseif config.trust == false then
    health.info('Agents and MCP servers that a folder defines are not used. Set vim.g.sessionls.trust to allow them.')
  end
end

return M
