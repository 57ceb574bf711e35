-- The message that you write.
require('sessionls.maps').draft(vim.api.nvim_get_current_buf())
