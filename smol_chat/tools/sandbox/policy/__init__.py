"""The language policy of `execute_python`: which Python a program may be written in. It runs inside the worker.

It is a layer in front of the process, not a wall of its own: an object that reaches a real module reaches everything,
so programs get facades, and every attribute they read goes through one guard.
"""
