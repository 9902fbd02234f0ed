"""The documentation site: what MkDocs does not know of pages, theorems and docstrings."""
