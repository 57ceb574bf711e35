-- Generated from the server's version and docs/protocol.md by `make docs`. Do not edit.
return { plugin = '0.1.0', protocol = 1 }
