"""A session as a Markdown file in any editor: what stands below its last message is the next one."""
