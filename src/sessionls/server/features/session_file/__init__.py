"""A session as a Markdown file in any editor: the text below its last message is the next message."""
