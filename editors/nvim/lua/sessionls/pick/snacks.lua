-- snacks.nvim
local M = {}

---@param source sessionls.PickSource
function M.open(source)
  local items, actions, keys = {}, {}, {}
  for index, item in ipairs(source.items) do
    items[index] = { text = item.text, value = item.value, idx = index }
  end
  for index, action in ipairs(source.actions) do
    local name = 'sessionls_' .. index
    keys[action.key] = { name, mode = { 'n', 'i' }, desc = action.name }
    actions[name] = function(picker, item)
      picker:close()
      if item then
        vim.schedule(function()
          action.run(item.value)
        end)
      end
    end
  end
  local snacks = require('snacks') ---@type any
  snacks.picker.pick({
    title = source.title,
    items = items,
    format = 'text',
    layout = not source.preview and { preset = 'select' } or nil,
    preview = source.preview and function(ctx)
      source.preview(ctx.item.value, function(lines)
        vim.schedule(function()
          if ctx.item == ctx.picker:current() then
            ctx.preview:set_lines(lines)
            ctx.preview:highlight({ ft = 'markdown' })
          end
        end)
      end)
      return true
    end or 'none',
    confirm = function(picker, item)
      picker:close()
      if item then
        vim.schedule(function()
          source.choose(item.value)
        end)
      end
    end,
    actions = actions,
    win = { input = { keys = keys } },
  })
end

return M
