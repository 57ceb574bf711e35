-- The draft of a message. (Neovim runs this file for the filetype sessionls too, as it does all of ftplugin/sessionls_*.)
if vim.bo.filetype == 'sessionls_draft' then
  require('sessionls.maps').draft(vim.api.nvim_get_current_buf())
end
