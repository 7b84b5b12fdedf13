"""The demo of the README: `make demo`. It is no part of the installed package."""
