-- telescope.nvim
local M = {}

---@param source sessionls.PickSource
function M.open(source)
  local actions, state = require('telescope.actions'), require('telescope.actions.state')
  local finders, previewers = require('telescope.finders'), require('telescope.previewers')
  local function with_entry(prompt_buf, run)
    return function()
      local entry = state.get_selected_entry()
      actions.close(prompt_buf)
      if entry then
        run(entry.value)
      end
    end
  end
  require('telescope.pickers')
    .new({}, {
      prompt_title = source.title,
      finder = finders.new_table({
        results = source.items,
        entry_maker = function(item)
          return { value = item.value, display = item.text, ordinal = item.text }
        end,
      }),
      sorter = require('telescope.config').values.generic_sorter({}),
      previewer = source.preview and previewers.new_buffer_previewer({
        title = 'Preview',
        define_preview = function(self, entry)
          local buf = self.state.bufnr
          source.preview(entry.value, function(lines)
            if vim.api.nvim_buf_is_valid(buf) and entry == state.get_selected_entry() then
              vim.api.nvim_buf_set_lines(buf, 0, -1, false, lines)
              vim.bo[buf].filetype = 'markdown'
            end
          end)
        end,
      }),
      attach_mappings = function(prompt_buf, map)
        actions.select_default:replace(with_entry(prompt_buf, source.choose))
        for _, action in ipairs(source.actions) do
          map({ 'i', 'n' }, action.key, with_entry(prompt_buf, action.run))
        end
        return true
      end,
    })
    :find()
end

return M
