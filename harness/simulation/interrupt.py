"""Imported for its effect by the fork server of the workers: Ctrl-C ends it without a word.

It would otherwise be told of Ctrl-C, which reaches every process of a terminal, in the midst of its imports,
and say so at length. Nothing else may import this module.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
