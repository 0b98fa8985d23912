"""Pages that answer a reader's hand without server, network or kernel: data from the library, drawn by the browser."""

from ccta_lib.book.interactive.pages import write_interactive

__all__ = ["write_interactive"]
