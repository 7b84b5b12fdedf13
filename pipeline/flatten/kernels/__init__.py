"""The compiled code of the flatten room, as numba reads it.

Importing a module of this folder imports numba, which only compiling needs: ``native`` does so where it finds no
machine code kept from before, and nothing else ever should. What Python shares with this code stands in ``state``.
"""
