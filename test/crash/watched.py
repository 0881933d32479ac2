"""Runs a program of Python, and stops before everything that may change something until it is told to go on.

Python itself tells of such things (PEP 578), so that what the program does one day besides is met by itself. Each is
told on standard output as a line; a line on standard input lets it happen.
"""

import runpy
import sys

WATCHED = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.", "http.client.send")


def hook(event, args):
    writes = event == "open" and isinstance(args[1], str) and any(letter in args[1] for letter in "wax+")
    if not writes and not event.startswith(WATCHED):
        return
    what = event if event == "http.client.send" else "%s %s" % (event, args[0])
    sys.__stdout__.write(what + "\n")
    sys.__stdout__.flush()
    sys.__stdin__.readline()


sys.addaudithook(hook)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
