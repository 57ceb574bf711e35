-- The transcript of a session.
require('sessionls.maps').transcript(vim.api.nvim_get_current_buf())
