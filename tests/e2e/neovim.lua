-- Neovim with its own language client and no plugin, for test_neovim.py: `nvim -l neovim.lua JSON`.
-- JSON: { server, folder, edit: files to edit, keys: typed before anything is asked, later: typed at the second question, undo }.
-- Says what came of it as one line of JSON.
local given = vim.json.decode(_G.arg[1])
local PATIENCE = 120000

local function file(name)
  return given.folder .. '/' .. name
end

for _, name in ipairs(given.edit) do
  vim.cmd.edit(file(name))
end

local questions, select = {}, vim.ui.select
vim.ui.select = function(items, options, done)
  local titles = vim.tbl_map(function(item)
    return item.title
  end, items)
  table.insert(questions, { prompt = options.prompt, titles = titles })
  if #questions == 2 then
    vim.api.nvim_input(given.later)
  end
  select(items, options, done)
end

local id = assert(vim.lsp.start({
  name = 'sessionls',
  cmd = given.server,
  root_dir = given.folder,
  init_options = { participant = { name = 'Ada' }, workspaceTrusted = true, model = 'openai/test' },
}))
local client = assert(vim.lsp.get_client_by_id(id))
assert(
  vim.wait(PATIENCE, function()
    return client.initialized
  end, 10),
  'not initialized'
)

local function request(method, params)
  local answer
  client:request(method, params, function(err, result)
    answer = { err = err, result = result }
  end, 0)
  assert(
    vim.wait(PATIENCE, function()
      return answer ~= nil
    end, 10),
    method .. ' was not answered'
  )
  assert(answer.err == nil, vim.inspect(answer.err))
  return answer.result
end

local session = request('session/create', vim.empty_dict())
if given.keys then
  vim.api.nvim_input(given.keys)
end
local exchange = request('session/message', { sessionId = session.id, text = 'Go on' })

local function buffers()
  local found = {}
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    local name = vim.api.nvim_buf_get_name(buffer)
    if vim.api.nvim_buf_is_loaded(buffer) and name ~= '' then
      found[vim.fs.basename(name)] = {
        lines = vim.api.nvim_buf_get_lines(buffer, 0, -1, false),
        modified = vim.bo[buffer].modified,
      }
    end
  end
  return found
end

local told = { parts = exchange.reply.parts, buffers = buffers(), questions = questions }
if given.undo then
  vim.cmd('silent undo')
  told.undone = buffers()
end
io.stdout:write(vim.json.encode(told), '\n')
client:stop(true)
os.exit(0)
