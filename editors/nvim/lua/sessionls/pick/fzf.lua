-- fzf-lua
local M = {}

--- A key in the notation of fzf: `<C-f>` is ctrl-f.
local function key_of(key)
  return (key:lower():gsub('^<c%-(.)>$', 'ctrl-%1'):gsub('^<a%-(.)>$', 'alt-%1'))
end

---@param source sessionls.PickSource
function M.open(source)
  local lines = {}
  for index, item in ipairs(source.items) do
    lines[index] = ('%d\t%s'):format(index, item.text)
  end
  local function value_of(line)
    local item = source.items[tonumber((line or ''):match('^(%d+)\t')) or 0]
    return item and item.value
  end
  local function with_value(run)
    return function(selected)
      local value = value_of(selected[1])
      if value ~= nil then
        run(value)
      end
    end
  end
  local actions = { ['default'] = with_value(source.choose), ['enter'] = with_value(source.choose) }
  for _, action in ipairs(source.actions) do
    actions[key_of(action.key)] = with_value(action.run)
  end
  local previewer ---@type any
  if source.preview then
    previewer = require('fzf-lua.previewer.builtin').base:extend()
    function previewer:new(o, opts, win)
      previewer.super.new(self, o, opts, win)
      setmetatable(self, previewer)
      return self
    end
    function previewer:populate_preview_buf(line)
      local buf = self:get_tmp_buffer()
      self:set_preview_buf(buf)
      source.preview(value_of(line), function(shown)
        if vim.api.nvim_buf_is_valid(buf) then
          vim.api.nvim_buf_set_lines(buf, 0, -1, false, shown)
          vim.bo[buf].filetype = 'markdown'
        end
      end)
    end
  end
  require('fzf-lua').fzf_exec(lines, {
    prompt = '> ',
    winopts = { title = ' ' .. source.title .. ' ' },
    fzf_opts = { ['--delimiter'] = '\t', ['--with-nth'] = '2..', ['--no-multi'] = true },
    previewer = previewer,
    actions = actions,
  })
end

return M
