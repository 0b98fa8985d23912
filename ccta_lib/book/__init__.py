"""Running chapters, rendering the book, and where every number came from."""
