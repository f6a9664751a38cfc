"""The studio's editor: a page on this machine to mark frames, see what follows from them, and export."""
