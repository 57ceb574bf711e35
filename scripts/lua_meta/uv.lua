---@meta
-- The functions of libuv that the plugin uses: Neovim's own annotations do not describe them.

---@class uv
---@field now fun(): integer milliseconds
---@field fs_stat fun(path: string): table?
