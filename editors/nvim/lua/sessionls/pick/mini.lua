-- mini.pick
local M = {}

---@param source sessionls.PickSource
function M.open(source)
  local pick = _G.MiniPick or require('mini.pick')
  local mappings = {}
  for index, action in ipairs(source.actions) do
    mappings['sessionls_' .. index] = {
      char = action.key,
      func = function()
        local item = pick.get_picker_matches().current
        vim.schedule(function()
          if item then
            action.run(item.value)
          end
        end)
        return true -- close
      end,
    }
  end
  pick.start({
    source = {
      name = source.title,
      items = vim.deepcopy(source.items),
      choose = function(item)
        vim.schedule(function()
          source.choose(item.value)
        end)
      end,
      preview = source.preview and function(buf, item)
        source.preview(item.value, function(lines)
          if vim.api.nvim_buf_is_valid(buf) then
            vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
            vim.bo[buf].filetype = 'markdown'
          end
        end)
      end,
    },
    mappings = mappings,
  })
end

return M
