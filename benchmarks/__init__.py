"""Speed and memory, measured beside the alternatives in one run: `make bench`, `make bench-scale`."""
