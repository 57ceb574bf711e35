-- Run by neovim_screen.py in a Neovim: opens a session, has replies written, and writes down how long the main loop stood still.
vim.g.sessionls = { cmd = vim.json.decode(vim.env.BENCH_SERVER) }
vim.opt.runtimepath:prepend(vim.env.BENCH_PLUGIN)

local measured = {}

local function now()
  return vim.uv.hrtime() / 1e6
end

--- The longest stop of the main loop while `fn` waits.
local function stop_during(fn)
  local timer, last, longest = assert(vim.uv.new_timer()), now(), 0
  timer:start(1, 1, function()
    local at = now()
    longest, last = math.max(longest, at - last), at
  end)
  fn()
  timer:close()
  return longest
end

local function wait(what, condition)
  assert(vim.wait(120000, condition, 20), what)
end

local function replied(view)
  view.server:ready(function()
    require('sessionls.compose').deliver(view, { text = vim.env.BENCH_ORDER })
  end)
  wait('no reply began', function()
    return view.state.session.replying
  end)
  wait('the reply did not end', function()
    return not view.state.session.replying
  end)
end

local function run()
  measured.idle = stop_during(function()
    vim.wait(1000)
  end)
  local server = require('sessionls.client').of()
  local ready = false
  server:ready(function()
    ready = true
  end)
  wait('the server did not start', function()
    return ready and #server.agents > 0
  end)
  local began = now()
  local view = require('sessionls.view').open(server, vim.env.BENCH_SESSION)
  wait('the session did not open', function()
    return view.state and #view.blocks > 1
  end)
  vim.cmd('redraw')
  measured.paint = now() - began
  replied(view) -- the first one reads what is needed once
  measured.stop = stop_during(function()
    replied(view)
  end)
  wait('older messages did not come', function()
    view:older()
    return not view.state.more
  end)
  measured.stop_loaded = stop_during(function()
    replied(view)
  end)
end

vim.api.nvim_create_autocmd('VimEnter', {
  callback = vim.schedule_wrap(function()
    local began = now()
    package.loaded['sessionls'], vim.g.loaded_sessionls = nil, nil
    dofile(vim.fs.joinpath(vim.env.BENCH_PLUGIN, 'plugin', 'sessionls.lua'))
    measured.plugin = now() - began
    local ok, problem = xpcall(run, debug.traceback)
    vim.fn.writefile({ vim.json.encode(ok and measured or { problem = tostring(problem) }) }, vim.env.BENCH_RESULT)
    vim.cmd('qa!')
  end),
})
