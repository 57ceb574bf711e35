-- vim.ui.select, which is always available. It has no preview and no other actions.
local M = {}

---@param source sessionls.PickSource
function M.open(source)
  vim.ui.select(source.items, {
    prompt = source.title,
    kind = source.kind,
    format_item = function(item)
      return item.text
    end,
  }, function(item)
    if item then
      source.choose(item.value)
    end
  end)
end

return M
